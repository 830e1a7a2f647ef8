/**
 * Code that shares memory with the other thread is written as steps: a generator that yields before each thing the other
 * thread can see. Between two steps the other thread may run, and the caller's stack may be torn off. A program runs the
 * steps one after the other; the explorer of test/worker/ runs the same code and tries every order.
 */

/** How a sleep ended. `interrupted`: by Ctrl-C. */
export type Woken = 'ok' | 'not-equal' | 'timed-out' | 'interrupted'

/** A sleep on a word: until it is no longer `seen` and somebody has notified, or time is up. */
export interface Sleep {
  readonly words: Int32Array
  readonly index: number
  readonly seen: number
  readonly timeoutMs: number
  /** Whether Ctrl-C ends it. */
  readonly isInterruptible: boolean
}

/** Yields the name of the step that comes next, or a sleep. */
export type Steps<T> = Generator<string | Sleep, T, Woken>

/** Runs steps one after the other; `sleep` blocks the thread. */
export function runSteps<T>(steps: Steps<T>, sleep: (sleep: Sleep) => Woken): T {
  let result = steps.next('ok')
  while (result.done !== true) {
    const { value } = result
    result = steps.next(typeof value === 'string' ? 'ok' : sleep(value))
  }
  return result.value
}
