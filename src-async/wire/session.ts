/**
 * One server connection: performs the operations of the contract. Owns the transport, the conversation, timers, cancel and
 * the lifecycle, and nothing else; what a request means on the wire is in `protocol/`, one file per verb. Operations
 * may be asked for while others run: they queue in order.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { ConnectionDoesNotExistError, ConnectionFailureError, QueryCanceledError } from '../errors/sqlstates.ts'
import { InterfaceError, InternalError, NotSupportedError, OperationalError, type DbError } from '../errors/tree.ts'
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
import type { PreparedCommands } from './protocol/prepared-commands.ts'
import { closePortal, closeStatements, fetchPortal, fetchAhead } from './protocol/portal.ts'
import { recover } from './protocol/recover.ts'
import { simpleQuery } from './protocol/simple-query.ts'
import { startup, type BackendKey, type StartupRequest } from './protocol/startup.ts'
import { AHEAD_RELEASE, AHEAD_SAVEPOINT, ReadAhead } from './read-ahead.ts'
import type { ResultSink, RowSink } from './row-sink.ts'
import { ReadingGate, STOPPED_FOR } from './transport/reading-gate.ts'
import type { SocketTarget } from './transport/socket.ts'
import type { Transport, TransportEvents } from './transport/transport.ts'

const NOTHING: Nothing = Object.freeze({})
const HOST_PARAMETER = 'syncpg host'
const PORT_PARAMETER = 'syncpg port'
const TLS_PARAMETER = 'syncpg tls'
const ignore = (): void => {}
const IGNORED: ResultSink = { take: ignore, complete: ignore }

export class Session implements Operations, TransportEvents {
  readonly #transport: Transport
  readonly #gate: ReadingGate
  readonly #onClosed: (() => void) | null
  readonly #onArriving: (() => void) | null
  readonly #conversation: Conversation
  readonly #lifecycle = new Lifecycle()
  readonly #parameters = new Map<string, string>()
  readonly #copy: CopyInState
  readonly #copyOut: CopyOutState
  readonly #canceller: Canceller
  readonly #news = new News()
  readonly #readAhead = new ReadAhead({
    fetch: (request) => this.#fetchPortal(request),
    fetchAhead: (request, releases) => {
      const exchange = fetchAhead(this.#conversation.link, request, AHEAD_SAVEPOINT, releases ? AHEAD_RELEASE : null)
      return this.#start(exchange, false, request.rows)
    },
    sendFirst: (sql) => this.#sendFirst(sql),
  })
  /** Settled when what was read ahead is: what is asked meanwhile is sent after it, in order. */
  #turn: Promise<void> | null = null
  /** How many wait for their turn. */
  #waiting = 0
  #firstQuery: string | null = null
  /** Something to be sent waits for the next request, or for the event loop to turn. */
  #isFlushDue = false
  /** What is asked for next has been written to the server by another thread. */
  #isWritten = false
  #closing: Promise<Nothing> | null = null
  #isLossReported = false
  /** The loss ended a COPY between two of its calls: the exchange has failed, and no call has. */
  #isLossOwed = false
  #whenClosed: (() => void) | null = null

  /** For `openSession`, which calls `startUp` next. The transport is connected and has carried no message yet. */
  constructor(transport: Transport, cancelRoute: CancelRoute | null, events: SessionEvents) {
    this.#transport = transport
    this.#gate = new ReadingGate(transport)
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
    this.#copyOut = new CopyOutState(this.#gate)
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

  /** Why the session was lost; null while it is open, and where it was closed. */
  get loss(): DbError | null {
    return this.#closing === null ? this.#conversation.broken : null
  }

  /** Whether a call has failed by the loss, or `closedError` has given it. */
  get isLossReported(): boolean {
    return this.#isLossReported || (this.#conversation.isBreakReported && !this.#isLossOwed)
  }

  /** What a call on the ended session fails with. The first one is told the loss itself, later ones that it is closed. */
  closedError(): DbError {
    const { loss } = this
    if (this.#lifecycle.phase === 'connecting') return new InterfaceError('bug: the session is not ready yet')
    if (loss === null) return new InterfaceError('connection is closed')
    if (!this.isLossReported) {
      this.#isLossReported = true
      return loss
    }
    return new InterfaceError(`connection is closed: ${loss.primaryMessage}`, { cause: loss })
  }

  get transactionStatus(): TransactionStatus {
    const { transactionStatus } = this.#conversation
    return transactionStatus === 'E' && this.#readAhead.mayHideFailure ? 'T' : transactionStatus
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

  /** How many cancel requests were sent for this session. */
  get cancelRequests(): number {
    return this.#canceller.requests
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

  /**
   * Says which of several hosts it was. Told among the server's parameters, which reach every thread; no parameter of a
   * server has a name with a blank.
   */
  noteTarget(target: SocketTarget): void {
    const { place, port } =
      target.kind === 'unix' ? socketPlace(target.path) : { place: target.host, port: String(target.port) }
    this.#parameters.set(HOST_PARAMETER, place)
    this.#parameters.set(PORT_PARAMETER, port)
  }

  /** How the connection is encrypted, as `protocol cipher`, kept beside the server's own parameters. */
  noteTls(words: string): void {
    this.#parameters.set(TLS_PARAMETER, words)
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
    const own = this.#keepsWaiting ? { ...request, bind: new Uint8Array(request.bind) } : request
    return this.#perform(execute(this.#conversation.link, own), request)
  }

  executeMany(request: ExecuteManyRequest): Promise<ExecuteManyReply> {
    const own = this.#keepsWaiting ? { ...request, binds: new Uint8Array(request.binds) } : request
    return this.#perform(executeMany(this.#conversation.link, own), request)
  }

  simpleQuery(request: SimpleQueryRequest): Promise<SimpleQueryReply> {
    return this.#perform(simpleQuery(this.#conversation.link, request), request, holdsLine(request))
  }

  copyInStart(request: CopyInStartRequest): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
    return this.#copy.start(request, (exchange) => this.#perform(exchange, request, true, null, this.#expireCopyIn))
  }

  async copyInData(request: CopyInDataRequest): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.closedError()
    this.#copy.write(request.bytes)
    if (this.#conversation.hasOutgoing && !this.#flush()) await this.#copy.drained()
    return NOTHING
  }

  copyInEnd(request: CopyInEndRequest): Promise<CopyInEndReply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
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
      open !== null && this.#keepsWaiting ? { ...request, open: { ...open, bind: new Uint8Array(open.bind) } } : request
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
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
    return this.#copyOut.start(this.#conversation.link, request, (exchange) =>
      this.#perform(exchange, request, true, null, this.#expireCopyOut),
    )
  }

  /** What came before the session was lost is still given. */
  copyOutRead(request: CopyOutReadRequest): Promise<CopyOutReadReply> {
    const reply = this.#copyOut.read(request)
    if (this.#isLossOwed) {
      reply.catch(() => {
        this.#isLossReported = true
      })
    }
    return reply
  }

  async copyOutEnd(): Promise<Nothing> {
    await this.#copyOut.end(() => this.#canceller.abandon())
    return NOTHING
  }

  awaitNotification(request: AwaitNotificationRequest): Promise<AwaitNotificationReply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
    return this.#news.wait(request.timeoutMs)
  }

  async cancel({ isGivenUp = false }: CancelRequest = NOTHING): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.closedError()
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
   * The descriptor of the socket, for another thread that reads and writes while the socket is lent to it; -1 where there
   * is none: under TLS, and for the embedded server.
   */
  get descriptor(): number {
    return this.#transport.descriptor ?? -1
  }

  /**
   * Whether the socket may be lent to another thread: nothing is asked, nothing is on its way in either direction as far as
   * this side knows, and what was read ended with a whole message.
   */
  get isQuiet(): boolean {
    const conversation = this.#conversation
    const isSilent = conversation.isIdle && !conversation.isHeld && conversation.isBetweenMessages
    const isAlone = !this.#canceller.isChasing && this.#firstQuery === null && !this.#readAhead.isActive
    return this.#lifecycle.phase === 'ready' && isSilent && isAlone && this.#transport.isDrained === true
  }

  /** Stops reading, because the socket is about to be lent: no byte is taken until `takeBack`. */
  lend(): void {
    this.#gate.stop(STOPPED_FOR.lent)
  }

  /**
   * The socket is this session's again: it reads on.
   * @param status what the server said at the last ReadyForQuery, which the other thread may have read
   */
  takeBack(status: TransactionStatus): void {
    this.#conversation.transactionStatus = status
    this.#gate.go(STOPPED_FOR.lent)
  }

  /** The operation asked for next has been written to the server by the thread that had the socket: only its answer is due. */
  expectWritten(): void {
    this.#isWritten = true
  }

  /** Finds out where the conversation stands after a thread was interrupted while it wrote, and drops what was answered. */
  recover(): Promise<Nothing> {
    return this.#run(recover(this.#conversation.link), true)
  }

  /** Sends the end of a request that the other thread began to write. */
  writeRest(bytes: Uint8Array): void {
    if (this.#lifecycle.isOpen) this.#transport.write(bytes)
  }

  /** Whether the process stays alive for this session; at first it does. An embedded server keeps none. */
  keepAlive(isWanted: boolean): void {
    this.#transport.keepAlive?.(isWanted)
  }

  /** Stops reading, for a sink that is full; a transport may still deliver what it has in hand. */
  pauseReading(): void {
    if (this.#canceller.isChasing && this.#canceller.dropUnread()) return
    this.#gate.stop(STOPPED_FOR.sink)
  }

  resumeReading(): void {
    this.#gate.go(STOPPED_FOR.sink)
  }

  /** Gives the session up: closes its transport now. Whatever is pending fails with `error`. */
  abandon(error: DbError): void {
    this.#breakOff(error)
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
    this.#breakOff(lostError(cause, this.#conversation.isIdle))
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
    if (!this.#mustWait()) return this.#performLimited(exchange, flight, firstRows, onExpiry)
    return this.#inTurn(flight, (timeoutMs) =>
      this.#performLimited(exchange, { ...flight, timeoutMs }, firstRows, onExpiry),
    )
  }

  #performLimited<Reply>(
    exchange: Exchange<Reply>,
    flight: Limits,
    firstRows: RowSink | null,
    onExpiry: TimeLimit['onExpiry'],
  ): Promise<Reply> {
    const canceller = this.#canceller
    const limit = canceller.limit(flight.timeoutMs, flight.graceMs ?? CANCEL_GRACE_MS, onExpiry)
    // Nothing is written behind it, so that its cancel can hit nothing else.
    const running = this.#start(exchange, true, firstRows, (started) => {
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

  /** Whether what is asked now is written later: its bytes are only lent until then. */
  get #keepsWaiting(): boolean {
    return this.#conversation.isHeld || this.#turn !== null || this.#readAhead.mustSettle
  }

  /** Starts an exchange when what was read ahead is settled. */
  #run<Reply>(
    exchange: Exchange<Reply>,
    holds: boolean,
    firstRows: RowSink | null = null,
    onStart: ((started: object) => void) | null = null,
  ): Promise<Reply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
    if (!this.#mustWait()) return this.#start(exchange, holds, firstRows, onStart)
    return this.#inTurn({ timeoutMs: 0 }, () => this.#start(exchange, holds, firstRows, onStart))
  }

  /** Whether something that was read ahead has to be settled before anything else is sent. */
  #mustWait(): boolean {
    this.#readAhead.interrupt()
    this.#turn ??= this.#readAhead.settle()
    return this.#turn !== null
  }

  /**
   * Starts an operation when what was read ahead is settled, after those that wait already. When its time is up before, the
   * server is told to stop what nobody wants, and when it does not, the session is given up.
   * @param start gets what is left of the time
   */
  #inTurn<Reply>(
    { timeoutMs, graceMs = CANCEL_GRACE_MS }: Limits,
    start: (leftMs: number) => Promise<Reply>,
  ): Promise<Reply> {
    const begunMs = performance.now()
    const limit = (ms: number, act: () => void): NodeJS.Timeout | undefined =>
      timeoutMs > 0 ? setTimeout(act, Math.min(ms, MAX_TIMER_MS)) : undefined
    const cancelling = limit(timeoutMs, () => void this.#canceller.cancel().catch(ignore))
    const givingUp = limit(timeoutMs + graceMs, () => this.#breakOff(stuckError(timeoutMs)))
    this.#waiting += 1
    return this.#turn!.then(() => {
      clearTimeout(cancelling)
      this.#waiting -= 1
      if (this.#waiting === 0) this.#turn = null
      const leftMs = timeoutMs - (performance.now() - begunMs)
      if (timeoutMs > 0 && leftMs <= 0) return this.#tooLate(givingUp)
      clearTimeout(givingUp)
      return start(Math.ceil(leftMs))
    })
  }

  /** Fails an operation that is not sent any more, when what was sent before it is answered: the status is right then. */
  async #tooLate(givingUp: NodeJS.Timeout | undefined): Promise<never> {
    const nothing = { begin: null, closing: [], timeoutMs: 0, sql: '', results: IGNORED }
    try {
      await this.#start(simpleQuery(this.#conversation.link, nothing), true)
    } finally {
      clearTimeout(givingUp)
    }
    throw new QueryTimeoutError('the time limit had passed before the statement was sent', { sqlstate: '57014' })
  }

  #start<Reply>(
    exchange: Exchange<Reply>,
    holds: boolean,
    firstRows: RowSink | null = null,
    onStart: ((started: object) => void) | null = null,
  ): Promise<Reply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.closedError())
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

  /**
   * Whether `sendAside` may be called: nothing is asked, and nothing is on its way that could hit the next request. An
   * embedded server does not work while we do, so there is nothing to be won there.
   */
  get canSendAside(): boolean {
    const isAlone = this.#conversation.isIdle && !this.#conversation.isHeld && !this.#canceller.isChasing
    const isSettled = this.#firstQuery === null && !this.#readAhead.isActive && this.#turn === null
    return this.#lifecycle.phase === 'ready' && isAlone && isSettled && !this.#transport.sendsWholeFlights
  }

  /**
   * Runs commands of the driver's own and takes the next request at once, which is written behind them. They leave with
   * that request, or by themselves before the event loop turns. If one fails, the session is closed before anything that
   * was asked behind is answered.
   * @param commands prepared ones, or a text for a Query message
   * @param ended called with null when the server has done it, or with what it failed with
   */
  sendAside(commands: PreparedCommands | string, ended: (error: unknown) => void): void {
    const { link } = this.#conversation
    const request = { begin: null, closing: [], timeoutMs: 0, sql: '', results: IGNORED }
    const exchange =
      typeof commands === 'string' ? simpleQuery(link, { ...request, sql: commands }) : commands.run(link)
    this.#conversation.aside(exchange, (error) => {
      if (error !== null && this.#lifecycle.isOpen) this.#breakOff(resetError(error))
      ended(error)
    })
    if (this.#lifecycle.phase === 'ready' && !this.#conversation.isIdle) this.#lifecycle.move('busy')
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(this.#flushDue)
  }

  readonly #flushDue = (): void => {
    this.#isFlushDue = false
    if (this.#lifecycle.isOpen) this.#flush()
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
      isPaused: () => !this.#gate.isOpen,
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
    if (this.#readAhead.isActive && this.#conversation.transactionStatus === 'I') this.#readAhead.forget()
  }

  /** False when the transport asks to wait. */
  #flush(): boolean {
    if (!this.#conversation.hasOutgoing) return true
    return this.#transport.write(this.#conversation.takeOutgoing())
  }

  #breakOff(error: DbError): void {
    this.#isLossOwed ||= this.#lifecycle.isOpen && (this.#copy.isBetweenCalls || this.#copyOut.isBetweenCalls)
    this.#conversation.breakOff(error)
    this.#copy.drain()
    this.#canceller.stop()
    if (this.#news.isAwaited) {
      this.#isLossReported = true
      this.#news.fail(this.#closing === null ? error : this.closedError())
    }
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
      // A transport that does not read would never see the end.
      this.#gate.goForGood()
      writeTerminate(this.#conversation.link.out)
      this.#flush()
      this.#transport.end()
    }
    const timer = setTimeout(() => this.#transport.destroy(), Math.min(timeoutMs, MAX_TIMER_MS))
    await closed
    clearTimeout(timer)
    return NOTHING
  }
}

/** The folder and the port of a socket of PostgreSQL's. */
function socketPlace(path: string): { place: string; port: string } {
  const [, place = path, port = ''] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(path) ?? []
  return { place, port }
}

/** For what was asked behind a query that failed and without which the session is not what it should be. */
function resetError(cause: unknown): DbError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new OperationalError(`the session could not be cleaned up after its last use and was closed: ${why}`, {
    cause,
    hint: 'a statement that was sent behind may have been executed; its result was not read',
  })
}

function unsentError(): DbError {
  return new QueryCanceledError('given up before it was sent to the server')
}

function stuckError(timeoutMs: number): DbError {
  return new OperationalError(
    `the time limit of ${timeoutMs} ms passed while the server made rows ahead, and it did not stop: the connection is closed`,
  )
}

/** For a transport that went away while the server had said nothing about it. */
function lostError(cause: Error | null, isIdle: boolean): DbError {
  const how = cause === null ? 'the server closed the connection' : `the connection was lost: ${cause.message}`
  const details = cause === null ? {} : { cause }
  if (isIdle) return new ConnectionFailureError(`${how} while it was idle`, details)
  return new ConnectionDoesNotExistError(`connection was closed in the middle of operation: ${how}`, details)
}
