/**
 * The protocol as a queue of exchanges: bytes in, bytes out, replies to the callbacks given at `start`. Knows no socket, no
 * clock and no promise. Pipelining is the queue: requests are written when they are started, answers go to the oldest.
 * ErrorResponse is handled here and nowhere else: noted, frames dropped to ReadyForQuery, then thrown into the exchange.
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

/** More than any server says from its last token to its first ReadyForQuery. */
const MOST_EARLY = 1000

const ignore = (): void => {}

interface Pending {
  readonly exchange: Exchange<unknown>
  /** True when it writes again later: whatever is started meanwhile waits, so that requests do not mix. */
  readonly holdsLine: boolean
  /** Where rows go that come before any other message of its; null where none may. */
  readonly firstRows: RowSink | null
  /** True of a request of the driver's own that nobody waits for. */
  readonly isAside: boolean
  readonly resolve: (reply: never) => void
  readonly reject: (error: unknown) => void
}

export class Conversation implements FrameHandler {
  readonly #link = new Link()
  readonly #framer = new Framer(this)
  readonly #events: SessionEvents
  /** Written to the server and not finished; the first one gets the messages. */
  readonly #started: Pending[] = []
  /** Waiting for the line. */
  readonly #waiting: Pending[] = []
  /** Messages that came while the current exchange was elsewhere, as copies. */
  readonly #early: { readonly tag: number; readonly body: Uint8Array }[] = []
  /** What the current exchange will fail with at ReadyForQuery; until then its messages are dropped. */
  #failure: unknown = null
  /** The error given to `drop`, while it is what the current exchange will fail with. */
  #dropped: DbError | null = null
  /** Why nothing goes any more. */
  #broken: DbError | null = null
  #isBreakReported = false
  #wasReady = false
  #holds = 0
  /** The server's word at the last ReadyForQuery. */
  transactionStatus: TransactionStatus = 'I'

  constructor(events: SessionEvents, sendsWholeFlights = false) {
    this.#events = events
    this.#link.needsCopyGuard = sendsWholeFlights
  }

  /** What exchanges write to. Others write here only while a COPY they started holds the line. */
  get link(): Link {
    return this.#link
  }

  get broken(): DbError | null {
    return this.#broken
  }

  /** Whether somebody's exchange has failed by `broken`. */
  get isBreakReported(): boolean {
    return this.#isBreakReported
  }

  /**
   * Stands for the exchange that the server works on, to be compared with later; null when there is none. What was asked
   * `aside` is passed over: a cancel, or a time limit, means the exchange behind it.
   */
  get current(): object | null {
    return this.#started.find((pending) => !pending.isAside) ?? null
  }

  /** The last exchange whose request has been written, as `current` gives it; null when there is none. */
  get last(): object | null {
    return this.#started.findLast((pending) => !pending.isAside) ?? null
  }

  /** Whether an exchange that was written has not ended yet. */
  isPending(started: object): boolean {
    return this.#started.some((pending) => pending === started)
  }

  get isIdle(): boolean {
    return this.#started.length === 0 && this.#waiting.length === 0
  }

  /** Whether an exchange started now would wait before it writes its request. */
  get isHeld(): boolean {
    return this.#waiting.length > 0 || this.#isLineTaken
  }

  /** Whether the last byte received was the last one of a message. */
  get isBetweenMessages(): boolean {
    return this.#framer.carriedBytes === 0 && this.#early.length === 0
  }

  get hasOutgoing(): boolean {
    return this.#link.out.length > 0
  }

  /**
   * Queues an exchange and, unless the line is held, writes its request. Exactly one of the callbacks is called, once.
   * @param exchange made on this conversation's link
   * @param firstRows takes rows that come before any other message of the exchange
   * @returns what `current` is while the exchange gets the messages, and what `withdraw` takes
   */
  start<Reply>(
    exchange: Exchange<Reply>,
    holdsLine: boolean,
    resolve: (reply: Reply) => void,
    reject: (error: unknown) => void,
    firstRows: RowSink | null = null,
  ): object {
    const done = resolve as (reply: never) => void
    return this.#enqueue({ exchange, holdsLine, firstRows, isAside: false, resolve: done, reject })
  }

  /**
   * Queues a request of the driver's own, which the server answers at once.
   * @param ended called at its end with null or its error, before anything asked behind it is answered
   */
  aside(exchange: Exchange<unknown>, ended: (error: unknown) => void = ignore): void {
    const resolve = (): void => ended(null)
    this.#enqueue({ exchange, holdsLine: false, firstRows: null, isAside: true, resolve, reject: ended })
  }

  #enqueue(pending: Pending): Pending {
    if (this.#broken !== null) {
      this.#isBreakReported ||= !pending.isAside
      pending.reject(this.#broken)
    } else if (this.isHeld) this.#waiting.push(pending)
    else this.#writeRequest(pending)
    return pending
  }

  /** Fails an exchange whose request has not been written; false when it has, or when the exchange is over. */
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
   * Drops what still comes of an exchange; it then fails with the server's error if there is one, else with this one.
   * @returns false when the exchange is not the one that gets the messages
   */
  drop(started: object, error: DbError): boolean {
    if (this.#started[0] !== started) return false
    if (this.#failure === null) {
      this.#dropped = error
      this.#note(error)
    }
    return true
  }

  /** Lets no further request be written until `release`; what is asked meanwhile waits. */
  hold(): void {
    this.#holds++
  }

  /** There may be new bytes to send afterwards. */
  release(): void {
    this.#holds--
    this.#writeWaiting()
  }

  /** What is to be sent: whole messages, valid until the next call of `start` or `receive`. */
  takeOutgoing(): Buffer {
    const bytes = this.#link.out.view()
    this.#link.out.clear()
    return bytes
  }

  /**
   * Takes what the server sent. Replies may be delivered and new bytes to send be there when it returns.
   * @returns null, or why the conversation has ended: the server's FATAL, or a breach of the protocol.
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

  /** Resumes the current exchange without a message: what else it waited for is there. Returns as `receive` does. */
  resume(): DbError | null {
    if (this.#broken !== null) return this.#broken
    try {
      this.#step(WOKEN)
      while (this.#early.length > 0 && !this.#link.isElsewhere && this.broken === null) {
        const { tag, body } = this.#early.shift()!
        this.message(tag, body, 0, body.length)
      }
    } catch (error) {
      this.breakOff(asProtocolError(error))
    }
    return this.#broken
  }

  /** Ends the conversation: every exchange fails, the current one with `error` itself. A second call does nothing. */
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
    this.#isBreakReported = pending.some((each) => !each.isAside && (each !== current || noted === null))
    // What the server said about the statement before the end is truer than the end.
    current?.reject(noted ?? error)
    // Nobody waits for a request of the driver's own, so the one behind it is told the reason.
    const next = current?.isAside === true ? others.shift() : undefined
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
      // Sinks must not throw; one that does costs its statement, not the session.
      this.#note(error)
    }
  }

  message(tag: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#broken !== null) return
    const { body } = this.#link
    // A refusal ends the session, whatever else is waited for.
    if (this.#link.isElsewhere && tag !== ERROR_RESPONSE) {
      if (this.#early.length === MOST_EARLY) throw new ProtocolError('the server sends and sends while it is to wait')
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

  /** Runs the exchange up to its first wait: that is what writes its request. */
  #writeRequest(pending: Pending): void {
    const { out } = this.#link
    const mark = out.length
    try {
      pending.exchange.next()
    } catch (error) {
      // A request that cannot be said leaves no trace on the wire.
      out.truncate(mark)
      pending.reject(error)
      return
    }
    this.#started.push(pending)
    if (this.#started.length === 1) this.#link.rows = pending.firstRows
    this.#link.isFollowed = this.#started.length > 1
  }

  get #isLineTaken(): boolean {
    return this.#holds > 0 || (this.#started.at(-1)?.holdsLine ?? false)
  }

  #writeWaiting(): void {
    while (this.#waiting.length > 0 && !this.#isLineTaken) this.#writeRequest(this.#waiting.shift()!)
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

  /** The server is ready again after an error. */
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

  /** The current exchange will fail with this at ReadyForQuery. Before the first one there is nothing to wait for. */
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

  /** A listener that throws must not cost the messages behind: its error surfaces outside. */
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
  // A text of more than 512 MB is no string of JavaScript's.
  const reason = error instanceof Error ? error.message : String(error)
  return new ProtocolError(`the server sent a message that cannot be read: ${reason}`, { cause: error })
}
