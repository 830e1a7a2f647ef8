/**
 * The protocol as a queue of exchanges: it takes bytes in, gives bytes out, and calls the callbacks of `start` with the
 * replies. It knows no socket, no clock and no promise. The queue makes pipelining: a request is written when it is started,
 * and messages from the server go to the oldest exchange. An *exclusive* exchange lets no later request be written before it
 * ends. ErrorResponse is handled only here: the error is kept, messages up to ReadyForQuery are dropped, and then it
 * is thrown into the exchange.
 */
import { TruncatedBytesError } from '../../bytes/byte-reader.ts'
import { DbError, OperationalError, ProtocolError } from '../../errors/tree.ts'
import { hintForStart, withHint } from '../../errors/hints.ts'
import { errorFromServer } from '../../errors/server-error.ts'
import type { ServerMessageFields, SessionEvents, TransactionStatus } from '../operations.ts'
import type { RowSink } from '../row-sink.ts'
import { readNotification, readServerMessage, readTransactionStatus } from './backend.ts'
import { Link, WOKEN, type Exchange } from './exchange.ts'
import { Framer, type FrameHandler } from './framer.ts'
import {
  COPY_DATA,
  ERROR_RESPONSE,
  NOTICE_RESPONSE,
  NOTIFICATION_RESPONSE,
  PARAMETER_STATUS,
  READY_FOR_QUERY,
  tagName,
} from './tags.ts'

/** A server sends fewer messages than this between its last token and its first ReadyForQuery. */
const MOST_EARLY = 1000

const ignore = (): void => {}

interface Pending {
  readonly exchange: Exchange<unknown>
  /** Whether later requests wait until this exchange has ended. An exchange that writes again later needs it. */
  readonly isExclusive: boolean
  /** Takes rows that come before any other message of the exchange; null when no such rows may come. */
  readonly firstRows: RowSink | null
  /** Whether the driver itself has made the request, so that no call waits for it. */
  readonly isInternal: boolean
  readonly resolve: (reply: never) => void
  readonly reject: (error: unknown) => void
}

export class Conversation implements FrameHandler {
  readonly #link = new Link()
  readonly #framer = new Framer(this)
  readonly #events: SessionEvents
  /** Exchanges whose request is written. The first one gets the server's messages. */
  readonly #started: Pending[] = []
  /** Exchanges whose request is not written yet, because of an exclusive exchange or of `hold`. */
  readonly #waiting: Pending[] = []
  /** Copies of the messages that came while the current exchange waited for work in the thread pool. */
  readonly #early: { readonly tag: number; readonly body: Uint8Array }[] = []
  /** The error that is thrown into the current exchange at ReadyForQuery. Until then its messages are dropped. */
  #failure: unknown = null
  /** The error given to `drop`, if no error of the server has replaced it. */
  #dropped: DbError | null = null
  /** Why the conversation has ended; null while it goes on. */
  #broken: DbError | null = null
  #isBreakReported = false
  #wasReady = false
  #holds = 0
  /** The status in the server's last ReadyForQuery. */
  transactionStatus: TransactionStatus = 'I'

  constructor(events: SessionEvents, sendsWholeFlights = false) {
    this.#events = events
    this.#link.needsCopyGuard = sendsWholeFlights
  }

  /** Exchanges write to this link. Other code writes to it only during its COPY, which is exclusive. */
  get link(): Link {
    return this.#link
  }

  get broken(): DbError | null {
    return this.#broken
  }

  /** Whether an exchange that a call waits for has failed with `broken`. */
  get isBreakReported(): boolean {
    return this.#isBreakReported
  }

  /**
   * An object that identifies the exchange that the server works on; null when there is none. Requests of the driver
   * itself (`aside`) are skipped, because a cancel or a time limit is meant for the exchange after them.
   */
  get current(): object | null {
    return this.#started.find((pending) => !pending.isInternal) ?? null
  }

  /** Identifies the last exchange whose request has been written, like `current`; null when there is none. */
  get last(): object | null {
    return this.#started.findLast((pending) => !pending.isInternal) ?? null
  }

  /** Whether the request of an exchange has been written and the exchange has not ended. */
  isPending(started: object): boolean {
    return this.#started.some((pending) => pending === started)
  }

  get isIdle(): boolean {
    return this.#started.length === 0 && this.#waiting.length === 0
  }

  /** Whether the request of a new exchange would have to wait. */
  get isHeld(): boolean {
    return this.#waiting.length > 0 || this.#mustWait
  }

  /** Whether the last byte received ended a message. */
  get isBetweenMessages(): boolean {
    return this.#framer.carriedBytes === 0 && this.#early.length === 0
  }

  get hasOutgoing(): boolean {
    return this.#link.out.length > 0
  }

  /**
   * Queues an exchange. Writes its request at once, unless it has to wait. Exactly one of the callbacks is called, once.
   * @param exchange made on this conversation's link
   * @param firstRows takes rows that come before any other message of the exchange
   * @returns the object that identifies the exchange, for `current` and `withdraw`
   */
  start<Reply>(
    exchange: Exchange<Reply>,
    isExclusive: boolean,
    resolve: (reply: Reply) => void,
    reject: (error: unknown) => void,
    firstRows: RowSink | null = null,
  ): object {
    const done = resolve as (reply: never) => void
    return this.#enqueue({ exchange, isExclusive, firstRows, isInternal: false, resolve: done, reject })
  }

  /**
   * Queues a request of the driver itself, which the server answers quickly.
   * @param ended called at its end with null or its error, before any request behind it is answered
   */
  aside(exchange: Exchange<unknown>, ended: (error: unknown) => void = ignore): void {
    const resolve = (): void => ended(null)
    this.#enqueue({ exchange, isExclusive: false, firstRows: null, isInternal: true, resolve, reject: ended })
  }

  #enqueue(pending: Pending): Pending {
    if (this.#broken !== null) {
      this.#isBreakReported ||= !pending.isInternal
      pending.reject(this.#broken)
    } else if (this.isHeld) this.#waiting.push(pending)
    else this.#writeRequest(pending)
    return pending
  }

  /**
   * Fails an exchange if its request has not been written yet.
   * @returns false when it has been written, or the exchange is over
   */
  withdraw(started: object, error: DbError): boolean {
    const index = this.#waiting.findIndex((pending) => pending === started)
    if (index < 0) return false
    const [pending] = this.#waiting.splice(index, 1)
    pending!.reject(error)
    return true
  }

  /** Fails every exchange whose request has not been written. */
  withdrawAll(makeError: () => DbError): void {
    for (const pending of this.#waiting.splice(0)) pending.reject(makeError())
  }

  /**
   * Drops the messages that still come for an exchange. Then it fails with the server's error if there is one, otherwise with
   * `error`.
   * @returns false when the exchange is not the one that gets messages
   */
  drop(started: object, error: DbError): boolean {
    if (this.#started[0] !== started) return false
    if (this.#failure === null) {
      this.#dropped = error
      this.#note(error)
    }
    return true
  }

  /** Stops the writing of requests until `release`. New exchanges wait. */
  hold(): void {
    this.#holds++
  }

  /** Writes the requests that waited. Afterwards there may be bytes to send. */
  release(): void {
    this.#holds--
    this.#writeWaiting()
  }

  /** Takes the bytes to send: whole messages, valid until the next call of `start` or `receive`. */
  takeOutgoing(): Buffer {
    const bytes = this.#link.out.view()
    this.#link.out.clear()
    return bytes
  }

  /**
   * Takes bytes from the server. It may call callbacks with replies, and afterwards there may be bytes to send.
   * @returns null, or the error that ended the conversation: the server's FATAL, or a violation of the protocol.
   */
  receive(bytes: Uint8Array, start: number, end: number): DbError | null {
    if (this.#broken !== null) return this.#broken
    try {
      this.#framer.receive(bytes, start, end)
    } catch (error) {
      this.breakOff(asProtocolError(error))
    }
    return this.#broken
  }

  /** Resumes the current exchange when its work in the thread pool is done. @returns see `receive` */
  resume(): DbError | null {
    if (this.#broken !== null) return this.#broken
    try {
      this.#step(WOKEN)
      while (this.#early.length > 0 && !this.#link.isWaitingForWork && this.broken === null) {
        const { tag, body } = this.#early.shift()!
        this.message(tag, body, 0, body.length)
      }
    } catch (error) {
      this.breakOff(asProtocolError(error))
    }
    return this.#broken
  }

  /** Ends the conversation. All exchanges fail, the current one with `error` itself. A second call does nothing. */
  breakOff(error: DbError): void {
    if (this.#broken !== null) return
    this.#broken = error
    const noted = this.#dropped === null ? this.#failure : null
    this.#failure = null
    this.#dropped = null
    this.#link.rows = null
    this.#link.data = null
    this.#link.answers = null
    this.#link.out.clear()
    const pending = [...this.#started.splice(0), ...this.#waiting.splice(0)]
    const [current, ...others] = pending
    this.#isBreakReported = pending.some((each) => !each.isInternal && (each !== current || noted === null))
    // If the server has sent an error for the statement before the end, that error is more precise.
    current?.reject(noted ?? error)
    // No call waits for a request of the driver itself, so the next exchange gets `error` itself.
    const next = current?.isInternal === true ? others.shift() : undefined
    next?.reject(error)
    for (const follower of others) {
      follower.reject(
        new OperationalError(`the connection was lost before the server answered: ${error.primaryMessage}`, {
          cause: error,
        }),
      )
    }
  }

  rows(bytes: Uint8Array, start: number, end: number): void {
    if (this.#failure !== null || this.#broken !== null) return
    const sink = this.#link.rows
    if (sink === null) throw new ProtocolError('the server sent rows outside of a result')
    try {
      sink.take(bytes, start, end)
    } catch (error) {
      // Sinks must not throw. If one does, its statement fails, and the session goes on.
      this.#note(error)
    }
  }

  message(tag: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#broken !== null) return
    const { body } = this.#link
    // An error ends the session at once, even while the exchange waits for work.
    if (this.#link.isWaitingForWork && tag !== ERROR_RESPONSE) {
      if (this.#early.length === MOST_EARLY) {
        throw new ProtocolError('the server sent too many messages before authentication was complete')
      }
      this.#early.push({ tag, body: new Uint8Array(bytes.subarray(start, end)) })
      return
    }
    body.reset(bytes, start, end)
    switch (tag) {
      case READY_FOR_QUERY:
        this.transactionStatus = readTransactionStatus(body)
        this.#wasReady = true
        if (this.#failure === null) this.#step(tag)
        else this.#throwFailure()
        return
      case ERROR_RESPONSE:
        this.#noteServerError(readServerMessage(body))
        return
      case NOTICE_RESPONSE: {
        const fields = readServerMessage(body)
        return this.#tell(() => this.#events.notice(fields))
      }
      case NOTIFICATION_RESPONSE: {
        const notification = readNotification(body)
        return this.#tell(() => this.#events.notification(notification))
      }
      case PARAMETER_STATUS: {
        const name = body.cstring()
        const value = body.cstring()
        return this.#tell(() => this.#events.parameter(name, value))
      }
      case COPY_DATA:
        if (this.#link.data !== null) return this.#link.data.take(bytes, start, end)
    }
    if (this.#failure !== null) return
    const { answers } = this.#link
    if (answers === null || !answers.take(tag)) this.#step(tag)
  }

  /** Runs the exchange to its first `yield`, which writes its request. */
  #writeRequest(pending: Pending): void {
    const { out } = this.#link
    const mark = out.length
    try {
      pending.exchange.next()
    } catch (error) {
      // A request that could not be written completely is removed, so no part of it is sent.
      out.truncate(mark)
      pending.reject(error)
      return
    }
    this.#started.push(pending)
    if (this.#started.length === 1) this.#link.rows = pending.firstRows
    this.#link.isFollowed = this.#started.length > 1
  }

  get #mustWait(): boolean {
    return this.#holds > 0 || (this.#started.at(-1)?.isExclusive ?? false)
  }

  #writeWaiting(): void {
    while (this.#waiting.length > 0 && !this.#mustWait) this.#writeRequest(this.#waiting.shift()!)
  }

  /** Resumes the current exchange with a control message. */
  #step(tag: number): void {
    const current = this.#started[0]
    if (current === undefined) {
      throw new ProtocolError(`the server sent message ${tagName(tag)} while nothing was asked of it`)
    }
    this.#link.tag = tag
    try {
      const result = current.exchange.next()
      if (result.done === true) this.#finish(current, result.value, null)
    } catch (error) {
      this.#fail(current, error, tag)
    }
  }

  /** Throws the error into the current exchange, when the server is ready again. */
  #throwFailure(): void {
    const current = this.#started[0]!
    const failure = this.#failure
    this.#failure = null
    this.#dropped = null
    this.#link.rows = null
    this.#link.answers = null
    this.#link.tag = READY_FOR_QUERY
    try {
      const result = current.exchange.throw(failure)
      if (result.done === true) this.#finish(current, result.value, null)
    } catch (error) {
      this.#fail(current, error, READY_FOR_QUERY)
    }
  }

  #fail(current: Pending, error: unknown, tag: number): void {
    if (error instanceof ProtocolError || error instanceof TruncatedBytesError) throw error
    if (tag === READY_FOR_QUERY) this.#finish(current, undefined, error)
    else this.#note(error)
  }

  #finish(current: Pending, reply: unknown, error: unknown): void {
    this.#started.shift()
    this.#link.isFollowed = this.#started.length > 1
    this.#link.rows = this.#started[0]?.firstRows ?? null
    this.#link.data = null
    this.#link.answers = null
    if (error === null) current.resolve(reply as never)
    else current.reject(error)
    this.#writeWaiting()
  }

  /** Keeps an error for the current exchange until ReadyForQuery. Before the first ReadyForQuery it is thrown at once. */
  #note(error: unknown): void {
    if (!this.#wasReady) throw error
    if (this.#dropped !== null && error !== this.#dropped) {
      this.#dropped = null
      this.#failure = error
    }
    this.#failure ??= error
    this.#link.rows = null
    this.#link.data = null
    this.#link.answers = null
  }

  #noteServerError(fields: ServerMessageFields): void {
    const hint = this.#link.refusalHint ?? (this.#wasReady ? null : hintForStart(fields))
    const error = withHint(errorFromServer(fields), hint)
    const isFinal = !this.#wasReady || fields.severity === 'FATAL' || fields.severity === 'PANIC'
    if (isFinal) {
      this.breakOff(error)
    } else if (this.#started.length === 0) {
      throw new ProtocolError(`the server reported an error while nothing was asked of it: ${fields.message}`)
    } else {
      this.#note(error)
    }
  }

  /** Calls a listener. If it throws, the error becomes an uncaught exception, and the next messages are handled as usual. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function asProtocolError(error: unknown): DbError {
  if (error instanceof TruncatedBytesError) {
    return new ProtocolError('the server sent a message that ends before its content does', { cause: error })
  }
  if (error instanceof DbError) return error
  // For example, JavaScript strings hold at most 512 MB of text.
  const reason = error instanceof Error ? error.message : String(error)
  return new ProtocolError(`the server sent a message that cannot be read: ${reason}`, { cause: error })
}
