/**
 * Notifications of the blocking API. They are kept in order until the program reads them, with `notifies`, which waits,
 * or with `poll`, which does not. PostgreSQL delivers notifications only between transactions. A wait inside one would
 * never end, so it is refused.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { OperationalError, ProgrammingError } from '../src-async/errors/tree.ts'
import { ask, type Flow } from '../src-async/flows/ask.ts'
import { type LogReader, NotificationLog } from '../src-async/flows/notification-log.ts'
import type { AwaitNotificationReply, Notification } from '../src-async/wire/operations.ts'
import { knownOptions, requireKnown, TIME_LIMIT } from '../src-async/options/known-options.ts'
import { readTimeLimit, timerLimit } from '../src-async/options/time-limit.ts'
import type { Engine } from './engine.ts'
import { type PublicMethod, call } from './callers-stack.ts'

/** Options of `notifies`. */
export interface NotifiesOptions {
  /**
   * How many milliseconds the loop listens, counted from its first step. Without it, or with null, there is no time
   * limit. It is not the time limit of a call: with 0 the loop gives the notifications that have arrived and does not
   * wait.
   */
  readonly timeout?: number | null | undefined
  /** The loop ends after this many notifications. */
  readonly stopAfter?: number | undefined
}

const NOTIFIES_OPTIONS = knownOptions<NotifiesOptions>({ timeout: TIME_LIMIT, stopAfter: true })

/** The longest single wait. A longer one is split. */
const SLICE_MS = 60_000
/**
 * How many notifications a reader may be behind the fastest one. This limits the memory for a reader that the program
 * has forgotten.
 */
const MOST_BEHIND = 100_000

export class Inbox {
  readonly #engine: Engine
  // The number of unread notifications has no limit: none may be lost, and the program has chosen its channels.
  readonly #log = new NotificationLog<Notification>(MOST_BEHIND)

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Keeps a notification. The session calls this. */
  add(notification: Notification): void {
    this.#log.add(notification)
  }

  /** Gives the notifications that have arrived and that no reader has taken. Does not wait. */
  takeAll(): Notification[] {
    this.#await(0)
    return this.#log.takeRest()
  }

  /** @throws ProgrammingError in a transaction. */
  stream(options: NotifiesOptions, method: PublicMethod): Generator<Notification, void, undefined> {
    requireKnown(options, NOTIFIES_OPTIONS, 'notifies')
    const timeoutMs = options.timeout === 0 ? 0 : timerLimit(readTimeLimit(options.timeout, 'notifies: timeout') ?? 0)
    const { stopAfter = Infinity } = options
    if (stopAfter !== Infinity && (!Number.isSafeInteger(stopAfter) || stopAfter < 1)) {
      throw new ProgrammingError(`notifies: stopAfter: expected a positive integer, got ${describeValue(stopAfter)}`)
    }
    this.#engine.requireOpen()
    this.#requireIdle()
    const stream = this.#stream(timeoutMs, stopAfter, method)
    // Opens the reader. If the program left the loop before the generator has begun, its `finally` would not run.
    stream.next()
    return stream
  }

  *#stream(timeoutMs: number, stopAfter: number, method: PublicMethod): Generator<Notification, void, undefined> {
    const reader = this.#log.open()
    try {
      // `stream` drops this value; the next step is the program's first one.
      yield undefined as never
      const deadlineMs = performance.now() + timeoutMs
      for (let left = stopAfter; left > 0; left -= 1) {
        const next = reader.take() ?? call(method, () => this.#next(reader, deadlineMs))
        if (next === null) return
        yield next
      }
    } finally {
      reader.close()
    }
  }

  /** Waits for a notification; null when the time is up or the program has closed the connection. */
  #next(reader: LogReader<Notification>, deadlineMs: number): Notification | null {
    if (reader.isOverrun()) {
      throw new OperationalError(
        `notifies: this loop is more than ${MOST_BEHIND} notifications behind another loop of the same connection`,
      )
    }
    if (this.#engine.isClosed) return null
    this.#requireIdle()
    for (;;) {
      const leftMs = Math.ceil(deadlineMs - performance.now())
      this.#await(Math.max(0, Math.min(leftMs, SLICE_MS)))
      const next = reader.take()
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
      'notifies: a transaction is open, and PostgreSQL delivers no notifications inside a transaction: commit first, or use autocommit',
    )
  }
}

function* awaitNotification(timeoutMs: number): Flow<AwaitNotificationReply> {
  return yield* ask('awaitNotification', { timeoutMs })
}
