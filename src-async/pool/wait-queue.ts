/**
 * The callers that wait for a connection, first come, first served. A waiter leaves the queue in the same step that settles
 * its promise, so a connection is never handed to a caller that has given up.
 */
import { startTimer, type Limit } from '../with-limit.ts'

/** One waiting caller. */
interface Waiter<T> {
  settle(): void
  resolve(value: T): void
  reject(error: unknown): void
}

export class WaitQueue<T> {
  // A Set keeps the order of arrival, and removing a waiter from the middle is cheap.
  readonly #waiters = new Set<Waiter<T>>()

  get size(): number {
    return this.#waiters.size
  }

  /**
   * Waits in the queue until the caller gets a connection, is refused, reaches its time limit or is aborted. The place in the
   * queue is taken synchronously.
   */
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
      // The error contains the number of waiters, so it is made before this waiter leaves the queue.
      const timer = startTimer(limitMs, () => fail(late()))
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Serves the longest waiter. @returns false when there is none. */
  serve(value: T): boolean {
    const waiter = this.#first()
    if (waiter === null) return false
    waiter.settle()
    waiter.resolve(value)
    return true
  }

  /** Refuses the longest waiter. @returns false when there is none. */
  refuse(error: unknown): boolean {
    const waiter = this.#first()
    if (waiter === null) return false
    waiter.settle()
    waiter.reject(error)
    return true
  }

  /** Refuses all waiters; each gets an error object of its own. */
  refuseAll(makeError: () => unknown): void {
    while (this.size > 0) this.refuse(makeError())
  }

  #first(): Waiter<T> | null {
    for (const waiter of this.#waiters) return waiter
    return null
  }
}
