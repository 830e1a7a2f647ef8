/**
 * Waits on shared memory so that Ctrl-C can end the wait. A thread in `Atomics.wait` runs no JavaScript, so a SIGINT
 * listener cannot run, and without a listener SIGINT kills the process while its statement runs on. Node's `vm` can end
 * a running script on SIGINT (`breakOnSigint`), even if the script sleeps. Arming this costs some 50 µs, so short waits
 * are not armed.
 *
 * Arming replaces the process's SIGINT handler, and disarming sets the one that kills (`SigintWatchdogHelper` in
 * src/node_watchdog.cc). If the program has SIGINT listeners, `vm` removes them first and adds them again afterwards
 * (`sigintHandlersWrap` in lib/vm.js). A signal in between is dropped or kills the process. So no wait is armed while the
 * program has a SIGINT listener: Node keeps the signal and calls the listener after the blocking call has returned, when
 * the event loop turns. The prompt of `npx syncpg` marks its listener as one that a wait may remove (`REMOVABLE`).
 */
import { Script } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
import type { Woken } from '../turn/steps.ts'

/** Finds the holder among the globals of Node's main context, because a test under jest runs in another context. */
const HOLDER = "(globalThis[Symbol.for('syncpg.wait')] ??= { __proto__: null })"

/** Marks a SIGINT listener that may miss a signal. `src-sync/repl/prompt/prompt.ts` sets it. */
const REMOVABLE = Symbol.for('syncpg.removableListener')

interface Holder {
  wait: () => void
}

interface Setup {
  readonly script: Script
  readonly holder: Holder
  /** The `process` that `vm` removes listeners from. Under jest, `node:process` gives a copy of it. */
  readonly process: NodeJS.Process
}

let setup: Setup | null = null

/** Whether SIGINT can end a wait of this thread. Node delivers signals to the main thread only. */
export const canBeInterrupted: boolean = isMainThread

/**
 * Waits as `Atomics.wait` does; SIGINT ends the wait unless the program has a SIGINT listener of its own.
 * @param timeoutMs milliseconds
 * @returns `interrupted` when SIGINT ended the wait
 */
export function waitInterruptibly(words: Int32Array, index: number, seen: number, timeoutMs: number): Woken {
  setup ??= {
    script: new Script(`${HOLDER}.wait()`, { filename: 'syncpg:wait' }),
    holder: new Script(HOLDER).runInThisContext() as Holder,
    process: new Script('process').runInThisContext() as NodeJS.Process,
  }
  const { script, holder, process } = setup
  // A REPL that runs this call with `breakOnSigint` has removed the listeners already, so the wait is armed there.
  if (!process.listeners('SIGINT').every(isRemovable)) return Atomics.wait(words, index, seen, timeoutMs)
  let woken: Woken = 'interrupted'
  holder.wait = () => {
    woken = Atomics.wait(words, index, seen, timeoutMs)
  }
  try {
    script.runInThisContext({ breakOnSigint: true })
  } catch (error) {
    if (!isInterruption(error)) throw error
    return 'interrupted'
  } finally {
    restoreHiddenListeners(process)
  }
  return woken
}

/**
 * Makes Node install its own SIGINT handler again for listeners that `process.listeners` does not show. The tsx command
 * adds one and hides it. `vm` left that listener in place, but disarming replaced Node's handler. Node installs the handler
 * with the first listener only, so without this a listener that the program adds later would never be called.
 */
function restoreHiddenListeners(process: NodeJS.Process): void {
  const listeners = process.rawListeners('SIGINT') as NodeJS.SignalsListener[]
  // `vm` has restored the listeners already if it saw any.
  if (listeners.length === 0 || process.listenerCount('SIGINT') > 0) return
  process.removeAllListeners('SIGINT')
  for (const listener of listeners) process.on('SIGINT', listener)
}

function isRemovable(listener: object): boolean {
  return REMOVABLE in listener
}

function isInterruption(error: unknown): boolean {
  // Under jest the error is of another context, so `instanceof Error` is false.
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED'
  )
}
