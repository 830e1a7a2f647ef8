/**
 * Those who wait for a connection, first come first served. A waiter leaves the queue in the same instant in which its
 * promise is settled, whoever settles it, so a connection is never handed to one who has gone.
 */
import { startTimer, type Limit } from '../with-limit.ts'

/** One who waits. */
interface Waiter<T> {
  settle(): void
  resolve(value: T): void
  reject(error: unknown): void
}

export class WaitQueue<T> {
  // A Set keeps the order of arrival and lets one in the middle leave cheaply.
  readonly #waiters = new Set<Waiter<T>>()

  get size(): number {
    return this.#waiters.size
  }

  /** Queues up until served, refused, late or aborted. Synchronous up to its place in the queue. */
  wait({ limitMs, late, signal }: Limit): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = {
        settle: () => {
          this.#waiters.delete(waiter)
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
        },
        resolve,
        reject,
      }
      const fail = (error: unknown): void => {
        waiter.settle()
        reject(error as Error)
      }
      const abort = (): void => fail(signal?.reason)
      // The error counts who waits, and it is made while this one still does.
      const timer = startTimer(limitMs, () => fail(late()))
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Serves the one who waits longest. @returns false when nobody waits. */
  serve(value: T): boolean {
    const waiter = this.#first()
    if (waiter === null) return false
    waiter.settle()
    waiter.resolve(value)
    return true
  }

  /** Refuses the one who waits longest. @returns false when nobody waits. */
  refuse(error: unknown): boolean {
    const waiter = this.#first()
    if (waiter === null) return false
    waiter.settle()
    waiter.reject(error)
    return true
  }

  /** Refuses all, each with an error of its own. */
  refuseAll(makeError: () => unknown): void {
    while (this.size > 0) this.refuse(makeError())
  }

  #first(): Waiter<T> | null {
    for (const waiter of this.#waiters) return waiter
    return null
  }
}
