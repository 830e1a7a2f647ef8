/** The time limit and the signal of a pool's call that runs a statement. They cover the wait for a connection too. */
import { CALL_OPTIONS, type CallOptions } from '../call-options.ts'
import { PoolTimeoutError } from '../errors/client-errors.ts'
import { isPlainObject, requireKnown } from '../options/known-options.ts'
import { readTimeLimit, timerLimit } from '../options/time-limit.ts'

export class CallLimit {
  /** Milliseconds for the wait and the statement together; Infinity when the call has no limit of its own. */
  readonly limitMs: number
  readonly signal: AbortSignal | undefined
  readonly #deadlineMs: number
  readonly #method: string

  /**
   * Starts the limit.
   * @param options the options of the call. The connection's method checks the others, and refuses what is no plain
   *   object.
   * @throws ProgrammingError for a `timeout` or a `signal` of a wrong type.
   */
  constructor(options: CallOptions | undefined, method: string) {
    const { timeout, signal } = isPlainObject(options) ? (options as CallOptions) : {}
    requireKnown({ timeout, signal }, CALL_OPTIONS, method)
    this.limitMs = timerLimit(readTimeLimit(timeout, method) ?? 0)
    this.signal = signal
    this.#deadlineMs = performance.now() + this.limitMs
    this.#method = method
  }

  /**
   * The options for the statement, with what the wait has left of the limit.
   * @throws PoolTimeoutError when it has left nothing: a program that blocks its thread may keep the timer from firing.
   */
  rest<O extends CallOptions | undefined>(options: O): O {
    if (this.limitMs === Infinity) return options
    const timeout = Math.ceil(this.#deadlineMs - performance.now())
    if (timeout > 0) return { ...options, timeout }
    const passed = `the time limit of ${this.limitMs} ms passed while the call waited for a connection`
    throw new PoolTimeoutError(`pool.${this.#method}: ${passed}`, { notStarted: true })
  }
}
