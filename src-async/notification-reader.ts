/**
 * One loop over a `NotificationStream`. It is not an async generator: the `return()` of a waiting generator would wait
 * for the next notification too, so the loop could not end.
 */
import { OperationalError } from './errors/tree.ts'
import type { LogReader } from './flows/notification-log.ts'
import type { Notification } from './wire/operations.ts'

export interface NotificationReaderInit {
  /** How many notifications the loop may be behind the fastest one. The error names it. */
  readonly maxQueued: number
  /** Whether the stream has been closed. @throws the error that ended the stream. */
  readonly hasEnded: () => boolean
  /** Called once, when the loop has ended. */
  readonly onLeft: () => void
}

type Result = IteratorResult<Notification, void>

interface PendingStep {
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

const DONE: Result = { done: true, value: undefined }

export class NotificationReader implements AsyncGenerator<Notification, void, undefined> {
  readonly #log: LogReader<Notification>
  readonly #init: NotificationReaderInit
  /** Calls of `next` that wait, oldest first. A loop has one at most. */
  readonly #pending: PendingStep[] = []
  #isDone = false

  constructor(log: LogReader<Notification>, init: NotificationReaderInit) {
    this.#log = log
    this.#init = init
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      this.wake()
    })
  }

  /** Ends the loop. Waiting steps resolve as done. */
  async return(): Promise<Result> {
    this.#leave()
    this.wake()
    return DONE
  }

  async throw(error: unknown): Promise<Result> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Answers waiting steps as far as it can. The stream calls this after each change. */
  wake(): void {
    while (this.#pending.length > 0) {
      let result: Result | null
      try {
        result = this.#step()
      } catch (error) {
        this.#leave()
        this.#pending.shift()?.reject(error)
        continue
      }
      if (result === null) return
      this.#pending.shift()?.resolve(result)
    }
  }

  /** @returns the result of the next step; null when it has to wait. */
  #step(): Result | null {
    if (this.#isDone) return DONE
    const value = this.#log.take()
    if (value !== undefined) return { done: false, value }
    if (this.#log.isOverrun()) {
      throw new OperationalError(
        `this loop is more than ${this.#init.maxQueued} notifications behind another one of its stream`,
      )
    }
    if (!this.#init.hasEnded()) return null
    this.#leave()
    return DONE
  }

  #leave(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#log.close()
    this.#init.onLeft()
  }
}
