/**
 * A time limit that several attempts share: each candidate may use its part of what is left, so that one that stays silent
 * does not use up the time of those behind it.
 */
import { OperationalError } from '../errors/tree.ts'

/** `setTimeout` takes a longer time for no time at all. */
export const MAX_TIMER_MS = 2 ** 31 - 1

export class Deadline {
  readonly #atMs: number
  readonly #budgetMs: number
  readonly #signal: AbortSignal | null

  private constructor(atMs: number, budgetMs: number, signal: AbortSignal | null) {
    this.#atMs = atMs
    this.#budgetMs = budgetMs
    this.#signal = signal
  }

  /**
   * @param budgetMs 0 for no limit.
   * @param signal ends all work at once when it aborts, with its reason.
   */
  static after(budgetMs: number, signal: AbortSignal | null = null): Deadline {
    return new Deadline(budgetMs > 0 ? performance.now() + budgetMs : Infinity, budgetMs, signal)
  }

  /** The part of the first of `count` candidates. */
  share(count: number): Deadline {
    const nowMs = performance.now()
    return new Deadline(nowMs + (this.#atMs - nowMs) / count, this.#budgetMs, this.#signal)
  }

  /** Runs `work` and gives up on it when time is over; the signal lets it clean up. */
  async race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.#signal
    signal?.throwIfAborted()
    const controller = new AbortController()
    if (this.#atMs === Infinity && signal === null) return work(controller.signal)
    let timer: NodeJS.Timeout | undefined
    let stop = (): void => {}
    const ended = new Promise<never>((_, reject) => {
      const end = (error: unknown): void => {
        reject(error as Error)
        controller.abort(error)
      }
      stop = () => end(signal?.reason)
      signal?.addEventListener('abort', stop, { once: true })
      if (this.#atMs === Infinity) return
      const leftMs = Math.max(0, this.#atMs - performance.now())
      timer = setTimeout(
        () => end(new OperationalError(`timeout expired (${this.#budgetMs} ms for all of connecting)`)),
        Math.min(leftMs, MAX_TIMER_MS),
      )
    })
    try {
      return await Promise.race([work(controller.signal), ended])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
}
