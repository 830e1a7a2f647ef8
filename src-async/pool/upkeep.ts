/**
 * The pool's background work: closes idle connections that are due, and opens connections up to `minSize`. Its timers do
 * not keep the process alive; the sockets of an open pool do.
 */
import type { Keeper } from './keeper.ts'

const LONGEST_SWEEP_MS = 1000
const SHORTEST_SWEEP_MS = 20
const FIRST_BACKOFF_MS = 200
const LONGEST_BACKOFF_MS = 30_000

export class Upkeep {
  readonly #keeper: Keeper
  readonly #sweepMs: number
  readonly #report: (error: unknown) => void
  #sweepTimer: NodeJS.Timeout | undefined
  #refillTimer: NodeJS.Timeout | undefined
  #isRefilling = false
  #isRunning = false
  #failures = 0

  /**
   * @param shortestLifeMs the shorter of the idle limit and the lifetime; the pool looks for such connections four
   *   times within it
   */
  constructor(keeper: Keeper, shortestLifeMs: number, report: (error: unknown) => void) {
    this.#keeper = keeper
    this.#sweepMs = Math.max(SHORTEST_SWEEP_MS, Math.min(LONGEST_SWEEP_MS, shortestLifeMs / 4))
    this.#report = report
  }

  start(): void {
    this.#isRunning = true
    this.#sweepTimer = setInterval(() => {
      this.#keeper.sweep()
      this.refill()
    }, this.#sweepMs).unref()
  }

  /** Starts opening missing connections, unless that is already running or waits for its next attempt. */
  refill(): void {
    if (this.#isRefilling || !this.#isRunning || this.#refillTimer !== undefined || this.#keeper.missing <= 0) return
    this.#isRefilling = true
    void this.#refillAll()
  }

  stop(): void {
    this.#isRunning = false
    clearInterval(this.#sweepTimer)
    clearTimeout(this.#refillTimer)
  }

  // Opens one connection after the other: after an outage, the pools of a hundred clients should not all connect at once.
  async #refillAll(): Promise<void> {
    try {
      while (this.#keeper.missing > 0 && this.#isRunning) {
        await this.#keeper.refill()
        this.#failures = 0
      }
    } catch (error) {
      this.#report(error)
      this.#retryLater()
    } finally {
      this.#isRefilling = false
    }
  }

  #retryLater(): void {
    if (!this.#isRunning) return
    const delayMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures)
    this.#failures += 1
    const withJitterMs = delayMs * (0.75 + Math.random() / 4)
    this.#refillTimer = setTimeout(() => {
      this.#refillTimer = undefined
      this.refill()
    }, withJitterMs).unref()
  }
}
