/**
 * Waits of a call for something other than the server: the source of a COPY or of a batch, or an output. The call's
 * time limit and its signal end such a wait. The promise goes on after that, and its later result or error is ignored.
 */
import { QueryTimeoutError } from './errors/client-errors.ts'

const MAX_TIMER_MS = 2 ** 31 - 1

export class BoundedWait {
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout | undefined
  #reject: ((reason: unknown) => void) | null = null
  /**
   * The reason why waiting has ended; null before. It is wrapped in an object, because a signal's reason may be null or
   * undefined.
   */
  #end: { readonly reason: unknown } | null = null

  /** @param deadlineMs on `performance.now`'s clock; Infinity for no limit. */
  constructor(deadlineMs: number, signal: AbortSignal | undefined) {
    this.#signal = signal
    if (signal?.aborted) this.#end = { reason: signal.reason }
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (deadlineMs === Infinity) return
    const leftMs = Math.max(deadlineMs - performance.now(), 1)
    this.#timer = setTimeout(this.#expire, Math.min(leftMs, MAX_TIMER_MS))
  }

  /** Whether the time limit has passed or the signal was aborted. */
  get isOver(): boolean {
    return this.#end !== null
  }

  /**
   * Waits for a promise.
   * @throws QueryTimeoutError when the limit passes first; the signal's reason when it aborts first.
   */
  wait<T>(waited: Promise<T>): Promise<T> {
    if (this.#timer === undefined && this.#signal === undefined) return waited
    return new Promise<T>((resolve, reject) => {
      waited.then(resolve, reject)
      if (this.#end === null) this.#reject = reject
      else reject(this.#end.reason)
    })
  }

  /** Stops the timer and removes the signal's listener. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  readonly #expire = (): void => {
    const message = 'the time limit has passed while the call waited for the source or the output'
    this.#over(new QueryTimeoutError(message, { sqlstate: '57014' }))
  }

  readonly #abort = (): void => this.#over(this.#signal?.reason)

  #over(reason: unknown): void {
    this.#end ??= { reason }
    this.#reject?.(reason)
  }
}
