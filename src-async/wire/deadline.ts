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

  private constructor(atMs: number, budgetMs: number) {
    this.#atMs = atMs
    this.#budgetMs = budgetMs
  }

  /** @param budgetMs 0 for no limit. */
  static after(budgetMs: number): Deadline {
    return new Deadline(budgetMs > 0 ? performance.now() + budgetMs : Infinity, budgetMs)
  }

  /** The part of the first of `count` candidates. */
  share(count: number): Deadline {
    const nowMs = performance.now()
    return new Deadline(nowMs + (this.#atMs - nowMs) / count, this.#budgetMs)
  }

  /** Runs `work` and gives up on it when time is over; the signal lets it clean up. */
  async race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    if (this.#atMs === Infinity) return work(controller.signal)
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      const leftMs = Math.max(0, this.#atMs - performance.now())
      timer = setTimeout(
        () => {
          const error = new OperationalError(`timeout expired (${this.#budgetMs} ms for all of connecting)`)
          reject(error)
          controller.abort(error)
        },
        Math.min(leftMs, MAX_TIMER_MS),
      )
    })
    try {
      return await Promise.race([work(controller.signal), timeout])
    } finally {
      clearTimeout(timer)
    }
  }
}
