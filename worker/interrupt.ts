/**
 * A sleep that Ctrl-C ends. A thread in `Atomics.wait` runs no signal handler: without this a script dies at once and its
 * statement runs on, or a handler runs only when the statement is over. Node's `vm` can break a script's run on SIGINT,
 * whatever the script sleeps in; arming it costs some 50 µs, so short sleeps go without.
 */
import { Script } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

export type Woken = 'ok' | 'not-equal' | 'timed-out' | 'interrupted'

/** Where the script finds what to run: a script of `vm` sees only globals. */
const WAIT = Symbol.for('syncpg.wait')

let script: Script | null = null

/** Signals reach the main thread only. */
export const canBeInterrupted: boolean = isMainThread

/** `Atomics.wait`, ended by SIGINT as well. A SIGINT listener of the program's is not called for that keypress. */
export function waitInterruptibly(words: Int32Array, index: number, seen: number, timeoutMs: number): Woken {
  script ??= new Script(`globalThis[Symbol.for('syncpg.wait')]()`, { filename: 'syncpg:wait' })
  let woken: Woken = 'interrupted'
  const wait = (): void => {
    woken = Atomics.wait(words, index, seen, timeoutMs)
  }
  Object.defineProperty(globalThis, WAIT, { value: wait, configurable: true, enumerable: false, writable: true })
  try {
    script.runInThisContext({ breakOnSigint: true })
  } catch (error) {
    if (!isInterruption(error)) throw error
    return 'interrupted'
  }
  return woken
}

function isInterruption(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED'
}
