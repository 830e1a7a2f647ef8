/**
 * The calls that wait for a notification or notice. `SessionEvents` gets the message itself.
 */
import type { DbError } from '../errors/tree.ts'
import type { AwaitNotificationReply } from './operations.ts'

/** The longest time that `setTimeout` takes. With a longer one it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

interface Waiter {
  readonly resolve: (reply: AwaitNotificationReply) => void
  readonly reject: (error: DbError) => void
}

export class MessageWaiters {
  readonly #waiters = new Set<Waiter>()

  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  /** Resolves when the next message comes, or time is up. With 0 the event loop reads the sockets once. */
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
      // Between two immediates the event loop reads every socket once.
      if (timeoutMs <= 0) setImmediate(() => setImmediate(stop))
      else timer = setTimeout(stop, Math.min(timeoutMs, MAX_TIMER_MS))
    })
  }

  /** Ends all waits. `arrived` says whether a message has come. */
  wake(arrived: boolean): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#take()) waiter.resolve({ arrived })
  }

  /** Fails all waits, because no message will come any more. */
  fail(error: DbError): void {
    for (const waiter of this.#take()) waiter.reject(error)
  }

  #take(): Waiter[] {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    return waiters
  }
}
