/**
 * Those who wait for the server to say something unasked. Only tells that it has: what it said goes to `SessionEvents`.
 */
import type { DbError } from '../errors/tree.ts'
import type { AwaitNotificationReply } from './operations.ts'

/** `setTimeout` takes no more, and takes more for nothing at all. */
const MAX_TIMER_MS = 2 ** 31 - 1

interface Waiter {
  readonly resolve: (reply: AwaitNotificationReply) => void
  readonly reject: (error: DbError) => void
}

export class News {
  readonly #waiters = new Set<Waiter>()

  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  /** Resolves at the next arrival, or when time is up; 0 lets the event loop look at the sockets once. */
  wait(timeoutMs: number): Promise<AwaitNotificationReply> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const waiter: Waiter = {
        resolve: (reply) => {
          clearTimeout(timer)
          resolve(reply)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      const stop = (): void => {
        if (this.#waiters.delete(waiter)) waiter.resolve({ arrived: false })
      }
      // Between two immediates the event loop has asked every socket once.
      if (timeoutMs <= 0) setImmediate(() => setImmediate(stop))
      else timer = setTimeout(stop, Math.min(timeoutMs, MAX_TIMER_MS))
    })
  }

  /** Something came, or, with false, waiting is over without. */
  tell(arrived: boolean): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#take()) waiter.resolve({ arrived })
  }

  /** Nothing will come any more. */
  fail(error: DbError): void {
    for (const waiter of this.#take()) waiter.reject(error)
  }

  #take(): Waiter[] {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    return waiters
  }
}
