/**
 * A time limit that several attempts share. Each attempt may use its share of the time that is left, so a host that does not
 * answer cannot use up the time of the hosts after it.
 */
import { OperationalError } from '../errors/tree.ts'

/** The longest time that `setTimeout` takes. With a longer one it fires at once. */
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
   * @param budgetMs the whole time, 0 for no limit.
   * @param signal ends all work at once when it aborts; the error is the signal's reason.
   */
  static after(budgetMs: number, signal: AbortSignal | null = null): Deadline {
    return new Deadline(budgetMs > 0 ? performance.now() + budgetMs : Infinity, budgetMs, signal)
  }

  /** The time for the next attempt, when `count` attempts are left. */
  share(count: number): Deadline {
    const nowMs = performance.now()
    return new Deadline(nowMs + (this.#atMs - nowMs) / count, this.#budgetMs, this.#signal)
  }

  /** Runs `work`, and fails when time is up. `work` gets a signal, so that it can clean up. */
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
