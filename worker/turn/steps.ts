/**
 * Code that shares memory with the other thread is written as *steps*: a generator that yields before each change
 * that the other thread can see. Between two steps the other thread may run, and the call may be *interrupted*:
 * Ctrl-C in a REPL or the time limit of `vm` throws its stack away, without running `finally`. A program runs the
 * steps one after the other. The explorer of test/worker/ runs the same code and tries every order.
 */

/** How a sleep ended. `interrupted` means that Ctrl-C ended it. */
export type Woken = 'ok' | 'not-equal' | 'timed-out' | 'interrupted'

/** A sleep until the word is no longer `seen` and a thread has notified it, or until time is up. */
export interface Sleep {
  readonly words: Int32Array
  readonly index: number
  readonly seen: number
  readonly timeoutMs: number
  /** Whether Ctrl-C ends the sleep. */
  readonly isInterruptible: boolean
}

/** A generator that yields the name of the next step, or a sleep. */
export type Steps<T> = Generator<string | Sleep, T, Woken>

/** Runs steps one after the other. `sleep` blocks the thread. */
export function runSteps<T>(steps: Steps<T>, sleep: (sleep: Sleep) => Woken): T {
  let result = steps.next('ok')
  while (result.done !== true) {
    const { value } = result
    result = steps.next(typeof value === 'string' ? 'ok' : sleep(value))
  }
  return result.value
}
