/**
 * A sleep that Ctrl-C ends. A thread in `Atomics.wait` runs no signal handler: without this a script dies at once and its
 * statement runs on, or a handler runs only when the statement is over. Node's `vm` can break a script's run on SIGINT,
 * whatever the script sleeps in; arming it costs some 50 µs, so short sleeps go without.
 */
import { Script } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
import type { Woken } from '../turn/steps.ts'

/** Where the script finds what to run: in the globals of Node's first context, which are not ours in a test run by jest. */
const HOLDER = "(globalThis[Symbol.for('syncpg.wait')] ??= { __proto__: null })"

interface Holder {
  wait: () => void
}

let armed: { readonly script: Script; readonly holder: Holder } | null = null

/** Signals reach the main thread only. */
export const canBeInterrupted: boolean = isMainThread

/** `Atomics.wait`, ended by SIGINT as well. A SIGINT listener of the program's is not called for that keypress. */
export function waitInterruptibly(words: Int32Array, index: number, seen: number, timeoutMs: number): Woken {
  armed ??= {
    script: new Script(`${HOLDER}.wait()`, { filename: 'syncpg:wait' }),
    holder: new Script(HOLDER).runInThisContext() as Holder,
  }
  let woken: Woken = 'interrupted'
  armed.holder.wait = () => {
    woken = Atomics.wait(words, index, seen, timeoutMs)
  }
  try {
    armed.script.runInThisContext({ breakOnSigint: true })
  } catch (error) {
    if (!isInterruption(error)) throw error
    return 'interrupted'
  }
  return woken
}

function isInterruption(error: unknown): boolean {
  // It may be of another context, whose Error is not ours.
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED'
  )
}
