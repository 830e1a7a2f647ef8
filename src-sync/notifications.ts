/**
 * What other sessions have said by NOTIFY: kept in order until it is asked for, and waited for by blocking. PostgreSQL
 * delivers only between transactions, so a wait inside one would never end and is refused.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { ask, type Flow } from '../src-async/flows/ask.ts'
import type { AwaitNotificationReply, Notification } from '../src-async/wire/operations.ts'
import { type Engine, call, requireTimeout } from './engine.ts'
import type { PublicMethod } from './run-flow.ts'

export interface Notice {
  readonly channel: string
  readonly payload: string
  /** The backend that has spoken. */
  readonly pid: number
}

export interface NotifiesOptions {
  /** Milliseconds from the first step on, after which the loop ends; without it, it waits for ever. */
  readonly timeout?: number
  /** Ends after as many. */
  readonly stopAfter?: number
}

/** One wait; a longer one is made of several. */
const SLICE_MS = 60_000

export class Inbox {
  readonly #engine: Engine
  // No bound: what was said must not be lost, and it ends with the channels the program listens to.
  readonly #waiting: Notice[] = []

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Takes one. Called by the session. */
  add({ channel, payload, backendPid }: Notification): void {
    this.#waiting.push({ channel, payload, pid: backendPid })
  }

  /** What has arrived; waits for nothing. */
  takeAll(): Notice[] {
    this.#await(0)
    return this.#waiting.splice(0)
  }

  /** @throws ProgrammingError in a transaction. */
  stream(options: NotifiesOptions, method: PublicMethod): Generator<Notice, void, undefined> {
    const timeoutMs = requireTimeout(options.timeout, 'notifies') ?? Infinity
    const { stopAfter = Infinity } = options
    if (stopAfter !== Infinity && (!Number.isSafeInteger(stopAfter) || stopAfter < 1)) {
      throw new ProgrammingError(
        `notifies: stopAfter: expected a positive integer, got ${String(stopAfter).slice(0, 40)}`,
      )
    }
    this.#engine.requireOpen()
    this.#requireIdle()
    return this.#stream(options.timeout === Infinity ? Infinity : timeoutMs, stopAfter, method)
  }

  *#stream(timeoutMs: number, stopAfter: number, method: PublicMethod): Generator<Notice, void, undefined> {
    const deadlineMs = performance.now() + timeoutMs
    let left = stopAfter
    while (left > 0) {
      const next = this.#waiting.shift() ?? call(method, () => this.#next(deadlineMs))
      if (next === null) return
      left -= 1
      yield next
    }
  }

  #next(deadlineMs: number): Notice | null {
    this.#requireIdle()
    for (;;) {
      const leftMs = Math.ceil(deadlineMs - performance.now())
      this.#await(Math.max(0, Math.min(leftMs, SLICE_MS)))
      const next = this.#waiting.shift()
      if (next !== undefined) return next
      if (leftMs <= SLICE_MS) return null
    }
  }

  #await(timeoutMs: number): void {
    this.#engine.run(awaitNotification(timeoutMs), { timeoutMs: 0 })
  }

  #requireIdle(): void {
    if (this.#engine.session.transactionStatus === 'I') return
    throw new ProgrammingError(
      'notifies: a transaction is open, and nothing is delivered inside one: commit first, or use autocommit',
    )
  }
}

function* awaitNotification(timeoutMs: number): Flow<AwaitNotificationReply> {
  return yield* ask('awaitNotification', { timeoutMs })
}
