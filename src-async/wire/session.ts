/**
 * One server connection: performs the operations of the contract. Owns the transport, the conversation, timers, cancel and
 * the lifecycle, and nothing else; what a request means on the wire is in `protocol/`, one file per verb. Operations
 * may be asked for while others run: they queue in order.
 */
import { ConnectionDoesNotExistError, QueryCanceledError } from '../errors/sqlstates.ts'
import { InterfaceError, InternalError, NotSupportedError, type DbError } from '../errors/tree.ts'
import { authServices } from './auth-services.ts'
import type { CancelRoute } from './cancel.ts'
import { Canceller, type CancelSite, type TimeLimit } from './canceller.ts'
import { CopyInState } from './copy-in-state.ts'
import { CopyOutState } from './copy-out-state.ts'
import { MAX_TIMER_MS } from './deadline.ts'
import { CANCEL_GRACE_MS } from './grace.ts'
import { Lifecycle, type SessionPhase } from './lifecycle.ts'
import { News } from './news.ts'
import type {
  AwaitNotificationReply,
  AwaitNotificationRequest,
  CancelRequest,
  ClosePortalRequest,
  CloseRequest,
  CloseStatementsRequest,
  CopyInDataRequest,
  CopyInEndReply,
  CopyInEndRequest,
  CopyInStartRequest,
  CopyOutReadReply,
  CopyOutReadRequest,
  CopyOutStartReply,
  CopyOutStartRequest,
  DescribeReply,
  DescribeRequest,
  ExecuteManyReply,
  ExecuteManyRequest,
  ExecuteReply,
  ExecuteRequest,
  FetchPortalRequest,
  Limits,
  Nothing,
  Operations,
  SessionEvents,
  SimpleQueryReply,
  SimpleQueryRequest,
  TransactionStatus,
} from './operations.ts'
import type { Channel } from './protocol/authentication.ts'
import { Conversation } from './protocol/conversation.ts'
import { describe } from './protocol/describe.ts'
import { holdsLine, type Exchange } from './protocol/exchange.ts'
import { executeMany } from './protocol/execute-many.ts'
import { execute } from './protocol/execute.ts'
import { writeTerminate } from './protocol/frontend.ts'
import { closePortal, closeStatements, fetchPortal } from './protocol/portal.ts'
import { recover } from './protocol/recover.ts'
import { simpleQuery } from './protocol/simple-query.ts'
import { startup, type BackendKey, type StartupRequest } from './protocol/startup.ts'
import { ReadAhead } from './read-ahead.ts'
import type { ResultSink, RowSink } from './row-sink.ts'
import type { Transport, TransportEvents } from './transport/transport.ts'

const NOTHING: Nothing = Object.freeze({})
const ignore = (): void => {}
const IGNORED: ResultSink = { take: ignore, complete: ignore }

export class Session implements Operations, TransportEvents {
  readonly #transport: Transport
  readonly #onClosed: (() => void) | null
  readonly #onArriving: (() => void) | null
  readonly #conversation: Conversation
  readonly #lifecycle = new Lifecycle()
  readonly #parameters = new Map<string, string>()
  readonly #copy: CopyInState
  readonly #copyOut: CopyOutState
  readonly #canceller: Canceller
  readonly #news = new News()
  readonly #readAhead = new ReadAhead((request) => this.#fetchPortal(request))
  #firstQuery: string | null = null
  #isPaused = false
  /** What is asked for next has been written to the server by another thread. */
  #isWritten = false
  #closing: Promise<Nothing> | null = null
  #whenClosed: (() => void) | null = null

  /** For `openSession`, which calls `startUp` next. The transport is connected and has carried no message yet. */
  constructor(transport: Transport, cancelRoute: CancelRoute | null, events: SessionEvents) {
    this.#transport = transport
    this.#onClosed = events.closed?.bind(events) ?? null
    this.#onArriving = events.arriving?.bind(events) ?? null
    this.#conversation = new Conversation(
      {
        notice: (fields) => {
          this.#news.tell(true)
          events.notice(fields)
        },
        notification: (notification) => {
          this.#news.tell(true)
          events.notification(notification)
        },
        parameter: (name, value) => {
          this.#parameters.set(name, value)
          events.parameter(name, value)
        },
      },
      transport.sendsWholeFlights,
    )
    this.#copy = new CopyInState(this.#conversation, transport)
    this.#copyOut = new CopyOutState(transport)
    this.#canceller = new Canceller(this.#conversation, cancelRoute, this.#cancelSite())
    this.#conversation.link.wake = () => {
      const error = this.#conversation.resume()
      if (error === null) this.#flush()
      else this.#breakOff(error)
    }
    transport.listen(this)
  }

  get phase(): SessionPhase {
    return this.#lifecycle.phase
  }

  /** With the server's last words, where it had any. */
  get closedReason(): string | undefined {
    return this.isClosed ? this.#closedError().message : undefined
  }

  get transactionStatus(): TransactionStatus {
    return this.#conversation.transactionStatus
  }

  get isClosed(): boolean {
    return this.#lifecycle.isEnded
  }

  get backendPid(): number {
    return this.#canceller.key.backendPid
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#parameters
  }

  get canCancel(): boolean {
    return this.#canceller.canCancel
  }

  /** Whether a COPY holds the line: what is asked now waits for its end. */
  get isCopying(): boolean {
    return this.#copy.isActive || this.#copyOut.isRunning
  }

  /** Authenticates and waits for the first ReadyForQuery. When it fails the session is broken. */
  async startUp(request: StartupRequest, channel: Channel): Promise<void> {
    this.#canceller.key = await new Promise<BackendKey>((resolve, reject) => {
      this.#conversation.start(startup(this.#conversation.link, request, channel, authServices), false, resolve, reject)
      this.#flush()
    })
    this.#lifecycle.move('ready')
  }

  /** Sends a query of ours in the flight of the first operation, ahead of it. Its outcome is of no concern. */
  queryFirst(sql: string): void {
    this.#firstQuery = sql
  }

  describe(request: DescribeRequest): Promise<DescribeReply> {
    return this.#perform(describe(this.#conversation.link, request), request)
  }

  execute(request: ExecuteRequest): Promise<ExecuteReply> {
    // Its bytes are only lent until this returns; an exchange that waits for the line reads them later. Not `slice`,
    // which of a Buffer makes a window.
    const own = this.#conversation.isHeld ? { ...request, bind: new Uint8Array(request.bind) } : request
    return this.#perform(execute(this.#conversation.link, own), request)
  }

  executeMany(request: ExecuteManyRequest): Promise<ExecuteManyReply> {
    const own = this.#conversation.isHeld ? { ...request, binds: new Uint8Array(request.binds) } : request
    return this.#perform(executeMany(this.#conversation.link, own), request)
  }

  simpleQuery(request: SimpleQueryRequest): Promise<SimpleQueryReply> {
    return this.#perform(simpleQuery(this.#conversation.link, request), request, holdsLine(request))
  }

  copyInStart(request: CopyInStartRequest): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    return this.#copy.start(request, (exchange) => this.#perform(exchange, request, true, null, this.#expireCopyIn))
  }

  async copyInData(request: CopyInDataRequest): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.#closedError()
    this.#copy.write(request.bytes)
    if (this.#conversation.hasOutgoing && !this.#flush()) await this.#copy.drained()
    return NOTHING
  }

  copyInEnd(request: CopyInEndRequest): Promise<CopyInEndReply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    const reply = this.#copy.end(request.failure, (exchange) => this.#run(exchange, true))
    this.#flush()
    return reply
  }

  fetchPortal(request: FetchPortalRequest): Promise<ExecuteReply> {
    // An embedded server does not work while we do, and a limit is one of a trip that somebody waits for.
    const mayGoOn = request.isIterated === true && request.timeoutMs === 0 && !this.#transport.sendsWholeFlights
    return this.#readAhead.fetch(request, mayGoOn)
  }

  #fetchPortal(request: FetchPortalRequest): Promise<ExecuteReply> {
    const { open } = request
    const own =
      open !== null && this.#conversation.isHeld
        ? { ...request, open: { ...open, bind: new Uint8Array(open.bind) } }
        : request
    return this.#perform(fetchPortal(this.#conversation.link, own), request, false, request.rows)
  }

  closePortal(request: ClosePortalRequest): Promise<Nothing> {
    this.#readAhead.drop(request.portal)
    return this.#perform(closePortal(this.#conversation.link, request), request)
  }

  closeStatements(request: CloseStatementsRequest): Promise<Nothing> {
    return this.#perform(closeStatements(this.#conversation.link, request), request)
  }

  copyOutStart(request: CopyOutStartRequest): Promise<CopyOutStartReply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    return this.#copyOut.start(this.#conversation.link, request, (exchange) =>
      this.#perform(exchange, request, true, null, this.#expireCopyOut),
    )
  }

  /** What came before the session was lost is still given. */
  copyOutRead(request: CopyOutReadRequest): Promise<CopyOutReadReply> {
    return this.#copyOut.read(request)
  }

  async copyOutEnd(): Promise<Nothing> {
    await this.#copyOut.end(() => this.#canceller.abandon())
    return NOTHING
  }

  awaitNotification(request: AwaitNotificationRequest): Promise<AwaitNotificationReply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    return this.#news.wait(request.timeoutMs)
  }

  async cancel({ isGivenUp = false }: CancelRequest = NOTHING): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.#closedError()
    // Waiting for news is nothing the server knows of.
    this.#news.tell(false)
    if (isGivenUp) this.#conversation.withdrawAll(unsentError)
    if (!this.#canceller.hasRoute) {
      throw new NotSupportedError('an embedded PostgreSQL (PGlite) cannot cancel: it runs in the thread that would ask')
    }
    if (isGivenUp) {
      await this.#canceller.abandon()
      return NOTHING
    }
    if (!this.canCancel)
      throw new NotSupportedError('the server sent no cancel key; a pooler in between may not have any')
    await this.#canceller.cancel()
    return NOTHING
  }

  close(request: CloseRequest): Promise<Nothing> {
    this.#closing ??= this.#close(request.timeoutMs)
    return this.#closing
  }

  /**
   * The descriptor of the socket, for another thread that writes requests to it while `isLineFree`; -1 where there is none.
   * @param takeBack as in `Transport`
   */
  lendLine(takeBack: () => void): number {
    return this.#transport.lendDescriptor?.(takeBack) ?? -1
  }

  /** Whether nothing is being asked, said or waited for: a request written by another thread now would be the next. */
  get isLineFree(): boolean {
    const conversation = this.#conversation
    const isQuiet =
      conversation.isIdle && !conversation.isHeld && !this.#canceller.isChasing && this.#firstQuery === null
    return this.#lifecycle.phase === 'ready' && isQuiet && this.#transport.isDrained === true
  }

  /** Whether rows are on their way that will be asked for next. */
  get isReadingAhead(): boolean {
    return this.#readAhead.isActive
  }

  /** Whether nothing more is read from the server before the event loop has waited: another thread may read meanwhile. */
  get hasReadAll(): boolean {
    return this.#transport.hasReadAll === true
  }

  /** The operation asked for next has been written, or is being written, by who was lent the line: only its answer is due. */
  expectWritten(): void {
    this.#isWritten = true
  }

  /** Finds out where the conversation stands after a writer of the line was torn off, and drops what was answered. */
  recover(): Promise<Nothing> {
    return this.#run(recover(this.#conversation.link), true)
  }

  /** Sends what a writer of the line could not. */
  writeRest(bytes: Uint8Array): void {
    if (this.#lifecycle.isOpen) this.#transport.write(bytes)
  }

  /** Stops reading, for a sink that is full; a transport may still deliver what it has in hand. */
  pauseReading(): void {
    if (this.#canceller.isChasing && this.#canceller.dropUnread()) return
    this.#isPaused = true
    this.#transport.pause()
  }

  resumeReading(): void {
    this.#isPaused = false
    this.#transport.resume()
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#onArriving?.()
    const error = this.#conversation.receive(bytes, start, end)
    if (error !== null) return this.#breakOff(error)
    if (this.#copyOut.isActive) this.#copyOut.settle()
    if (this.#canceller.isChasing) this.#canceller.heard(end - start)
    this.#flush()
    this.#settle()
  }

  drain(): void {
    this.#copy.drain()
  }

  closed(cause: Error | null): void {
    // The end is an answer too: who wrote a request itself is to hear of it.
    this.#onArriving?.()
    this.#breakOff(lostError(cause))
    if (this.#lifecycle.phase !== 'closed') {
      this.#lifecycle.move('closed')
      this.#onClosed?.()
    }
    this.#whenClosed?.()
  }

  /** Runs the exchange of a flight, under its time limit if it has one. */
  #perform<Reply>(
    exchange: Exchange<Reply>,
    flight: Limits,
    holds = false,
    firstRows: RowSink | null = null,
    onExpiry: TimeLimit['onExpiry'] = null,
  ): Promise<Reply> {
    if (!(flight.timeoutMs > 0)) return this.#run(exchange, holds, firstRows)
    const canceller = this.#canceller
    const limit = canceller.limit(flight.timeoutMs, flight.graceMs ?? CANCEL_GRACE_MS, onExpiry)
    // Nothing is written behind it, so that its cancel can hit nothing else.
    const running = this.#run(exchange, true, firstRows, (started) => {
      limit.started = started
    })
    return running.then(
      (reply) => {
        canceller.end(limit)
        return reply
      },
      (error: unknown) => {
        canceller.end(limit)
        throw canceller.explain(limit, error)
      },
    )
  }

  #run<Reply>(
    exchange: Exchange<Reply>,
    holds: boolean,
    firstRows: RowSink | null = null,
    onStart: ((started: object) => void) | null = null,
  ): Promise<Reply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    this.#readAhead.interrupt()
    if (this.#firstQuery !== null) this.#sendFirst(this.#firstQuery)
    return new Promise<Reply>((resolve, reject) => {
      const isWritten = this.#isWritten
      this.#isWritten = false
      if (isWritten && this.#conversation.isHeld) {
        this.#breakOff(new InternalError('bug: a request was written to the server while the line was held'))
      }
      const started = this.#conversation.start(exchange, holds, resolve, reject, firstRows)
      if (isWritten) this.#conversation.takeOutgoing()
      onStart?.(started)
      if (this.#lifecycle.phase === 'ready' && !this.#conversation.isIdle) this.#lifecycle.move('busy')
      this.#flush()
    })
  }

  #sendFirst(sql: string): void {
    this.#firstQuery = null
    const request = { begin: null, closing: [], timeoutMs: 0, sql, results: IGNORED }
    this.#conversation.aside(simpleQuery(this.#conversation.link, request))
  }

  readonly #expireCopyIn = (): void => {
    this.#copy.expire()
    this.#flush()
  }

  /** What the reader has not read of a COPY is dropped, so the COPY must not end as if all had been read. */
  readonly #expireCopyOut = (late: DbError): void => {
    const { current } = this.#conversation
    if (current !== null) this.#conversation.drop(current, late)
    this.#copyOut.discard()
  }

  #cancelSite(): CancelSite {
    return {
      isOpen: () => this.#lifecycle.isOpen,
      isPaused: () => this.#isPaused,
      resume: () => this.resumeReading(),
      proceed: () => {
        this.#flush()
        this.#settle()
      },
      giveUp: (error) => this.#breakOff(error),
    }
  }

  #settle(): void {
    if (this.#lifecycle.phase === 'busy' && this.#conversation.isIdle) this.#lifecycle.move('ready')
    if (this.#readAhead.isActive && this.transactionStatus === 'I') this.#readAhead.forget()
  }

  /** False when the transport asks to wait. */
  #flush(): boolean {
    if (!this.#conversation.hasOutgoing) return true
    return this.#transport.write(this.#conversation.takeOutgoing())
  }

  #breakOff(error: DbError): void {
    this.#conversation.breakOff(error)
    this.#copy.drain()
    this.#canceller.stop()
    this.#news.fail(this.#closing === null ? error : this.#closedError())
    if (this.#lifecycle.isEnded) return
    this.#lifecycle.move('broken')
    this.#transport.destroy()
  }

  async #close(timeoutMs: number): Promise<Nothing> {
    if (this.#lifecycle.phase === 'closed') return NOTHING
    const closed = new Promise<void>((resolve) => {
      this.#whenClosed = resolve
    })
    if (this.#lifecycle.phase !== 'broken') {
      this.#lifecycle.move('closing')
      // A reader that paused would never see the end.
      this.#transport.resume()
      writeTerminate(this.#conversation.link.out)
      this.#flush()
      this.#transport.end()
    }
    const timer = setTimeout(() => this.#transport.destroy(), Math.min(timeoutMs, MAX_TIMER_MS))
    await closed
    clearTimeout(timer)
    return NOTHING
  }

  #closedError(): InterfaceError {
    const { broken } = this.#conversation
    if (this.#lifecycle.phase === 'connecting') return new InterfaceError('bug: the session is not ready yet')
    if (this.#closing !== null || broken === null) return new InterfaceError('connection is closed')
    return new InterfaceError(`connection is closed: ${broken.primaryMessage}`, { cause: broken })
  }
}

function unsentError(): DbError {
  return new QueryCanceledError('given up before it was sent to the server')
}

/** For what was pending when the transport went away and the server had said nothing about it. */
function lostError(cause: Error | null): DbError {
  const how = cause === null ? 'the server closed the connection' : `the connection was lost: ${cause.message}`
  const message = `connection was closed in the middle of operation: ${how}`
  return new ConnectionDoesNotExistError(message, cause === null ? {} : { cause })
}
