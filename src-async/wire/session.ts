/**
 * One server connection. Performs the operations of `operations.ts`. Owns the transport, the conversation, timers, cancelling
 * and the lifecycle. The messages of each operation are in `protocol/`, one file per operation. An operation may be asked for
 * while others run: operations are sent in order.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { ConnectionDoesNotExistError, ConnectionFailureError, QueryCanceledError } from '../errors/sqlstates.ts'
import { InterfaceError, InternalError, NotSupportedError, OperationalError, type DbError } from '../errors/tree.ts'
import { isReleased } from '../bytes/byte-writer.ts'
import { authServices } from './auth-services.ts'
import type { CancelRoute } from './cancel.ts'
import { Canceller, type CancelSite, type TimeLimit } from './canceller.ts'
import { CopyInState } from './copy-in-state.ts'
import { CopyOutState } from './copy-out-state.ts'
import { MAX_TIMER_MS } from './deadline.ts'
import { CANCEL_GRACE_MS } from './grace.ts'
import { Lifecycle, type SessionPhase } from './lifecycle.ts'
import { MessageWaiters } from './message-waiters.ts'
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
import { closeApart, markApart, openApart } from './protocol/describe-apart.ts'
import { mustBeExclusive, type Exchange } from './protocol/exchange.ts'
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
  readonly #messageWaiters = new MessageWaiters()
  readonly #readAhead = new ReadAhead({
    fetch: (request) => this.#fetchPortal(request),
    fetchAhead: (request, releases) => {
      const exchange = fetchAhead(this.#conversation.link, request, AHEAD_SAVEPOINT, releases ? AHEAD_RELEASE : null)
      return this.#start(exchange, false, request.rows)
    },
    sendFirst: (sql) => this.#sendFirst(sql),
  })
  /** Resolves when the page has come that is being fetched ahead. Later operations are sent after that, in order. */
  #turn: Promise<void> | null = null
  /** How many operations wait for `#turn`. */
  #waiting = 0
  #firstQuery: string | null = null
  /** Bytes wait to be sent with the next request, or in the next turn of the event loop. */
  #isFlushDue = false
  /** Another thread has already written the next operation to the server. */
  #isWritten = false
  #closing: Promise<Nothing> | null = null
  #isLossReported = false
  /** The connection was lost between two calls of a COPY. Its exchange has failed, but no call has got the error yet. */
  #isLossUnreported = false
  #whenClosed: (() => void) | null = null

  /** Only `openSession` calls it, and then `startUp`. The transport must be connected, with no message sent yet. */
  constructor(transport: Transport, cancelRoute: CancelRoute | null, events: SessionEvents) {
    this.#transport = transport
    this.#gate = new ReadingGate(transport)
    this.#onClosed = events.closed?.bind(events) ?? null
    this.#onArriving = events.arriving?.bind(events) ?? null
    this.#conversation = new Conversation(
      {
        notice: (fields) => {
          this.#messageWaiters.wake(true)
          events.notice(fields)
        },
        notification: (notification) => {
          this.#messageWaiters.wake(true)
          events.notification(notification)
        },
        parameter: (name, value) => {
          // PostgreSQL 13 reports unchanged values again for each RESET of the pool. Listeners would empty caches
          // each time.
          if (this.#parameters.get(name) === value) return
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

  /** Why the session was lost; null while it is open, and after `close`. */
  get loss(): DbError | null {
    return this.#closing === null ? this.#conversation.broken : null
  }

  /** Whether a call has failed with the loss, or `closedError` has returned it. */
  get isLossReported(): boolean {
    return this.#isLossReported || (this.#conversation.isBreakReported && !this.#isLossUnreported)
  }

  /** The error for a call on an ended session. The first call gets the loss itself, later calls "connection is closed". */
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
    const isHidden = this.#readAhead.mayHideFailure || this.#conversation.link.isApart
    return transactionStatus === 'E' && isHidden ? 'T' : transactionStatus
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

  /** How many cancel requests were begun for this session. */
  get cancelRequests(): number {
    return this.#canceller.requests
  }

  /** Whether a COPY is running. Operations that are asked for now wait for its end. */
  get isCopying(): boolean {
    return this.#copy.isActive || this.#copyOut.isRunning
  }

  /** Authenticates and waits for the first ReadyForQuery. When it fails, the session is broken. */
  async startUp(request: StartupRequest, channel: Channel): Promise<void> {
    this.#canceller.key = await new Promise<BackendKey>((resolve, reject) => {
      this.#conversation.start(startup(this.#conversation.link, request, channel, authServices), false, resolve, reject)
      this.#flush()
    })
    this.#lifecycle.move('ready')
  }

  /**
   * Stores which host was reached as one more server parameter, because the parameters are passed to every thread.
   * Its name has a space, which no parameter of a server has.
   */
  noteTarget(target: SocketTarget): void {
    const { place, port } =
      target.kind === 'unix' ? socketPlace(target.path) : { place: target.host, port: String(target.port) }
    this.#parameters.set(HOST_PARAMETER, place)
    this.#parameters.set(PORT_PARAMETER, port)
  }

  /** Stores how the connection is encrypted, `protocol cipher`, as one more server parameter. */
  noteTls(words: string): void {
    this.#parameters.set(TLS_PARAMETER, words)
  }

  /**
   * Sends a query of the driver itself before the first operation, and does not wait for its result, which is
   * ignored.
   */
  queryFirst(sql: string): void {
    this.#firstQuery = sql
  }

  describe(request: DescribeRequest): Promise<DescribeReply> {
    if (request.isApart === true) return this.#describeApart(request)
    return this.#perform(describe(this.#conversation.link, request), request)
  }

  async #describeApart(request: DescribeRequest): Promise<DescribeReply> {
    const { link } = this.#conversation
    const opened = this.#run(openApart(link), false)
    const described = this.#run(describe(link, request), false)
    const marked = this.#run(markApart(link), false)
    const closed = this.#run(closeApart(link), false)
    const outcomes = await Promise.allSettled([opened, described, marked, closed])
    // If the transaction has failed in spite of the savepoints, for example by a cancel, that error counts.
    const [first, , , last] = outcomes
    if (!this.isClosed && first.status === 'fulfilled' && last.status === 'rejected') throw last.reason
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return described
  }

  execute(request: ExecuteRequest): Promise<ExecuteReply> {
    // The caller may overwrite the bytes after this call, and an exchange that has to wait reads them later. So they are
    // copied (`slice` of a Buffer would not copy).
    const own = this.#keepsWaiting ? { ...request, bind: new Uint8Array(request.bind) } : request
    return this.#perform(execute(this.#conversation.link, own), request)
  }

  executeMany(request: ExecuteManyRequest): Promise<ExecuteManyReply> {
    const own = this.#keepsWaiting ? { ...request, binds: new Uint8Array(request.binds) } : request
    return this.#perform(executeMany(this.#conversation.link, own), request)
  }

  simpleQuery(request: SimpleQueryRequest): Promise<SimpleQueryReply> {
    return this.#perform(simpleQuery(this.#conversation.link, request), request, mustBeExclusive(request))
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
    // Fetching ahead is of no use with an embedded server, which runs in this thread. And with a time limit a page must start
    // when it is asked for.
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

  /** Reads data that came before the session was lost, too. */
  copyOutRead(request: CopyOutReadRequest): Promise<CopyOutReadReply> {
    const reply = this.#copyOut.read(request)
    if (this.#isLossUnreported) {
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
    return this.#messageWaiters.wait(request.timeoutMs)
  }

  async cancel({ isGivenUp = false }: CancelRequest = NOTHING): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.closedError()
    // The server knows nothing of calls that wait for a notification, so they are ended here.
    this.#messageWaiters.wake(false)
    if (isGivenUp) this.#conversation.withdrawAll(unsentError)
    if (!this.#canceller.hasRoute) {
      throw new NotSupportedError('an embedded PostgreSQL (PGlite) cannot cancel: it runs in the thread of the caller')
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
   * The file descriptor of the socket, for another thread that reads and writes while the socket is lent to it; -1 under TLS
   * and for the embedded server.
   */
  get descriptor(): number {
    return this.#transport.descriptor ?? -1
  }

  /**
   * Whether the socket may be lent to another thread: no operation is pending, all bytes are sent, and the bytes read so far
   * ended with a whole message.
   */
  get isQuiet(): boolean {
    const conversation = this.#conversation
    const isSilent = conversation.isIdle && !conversation.isHeld && conversation.isBetweenMessages
    const isAlone = !this.#canceller.isWaitingForStop && this.#firstQuery === null && !this.#readAhead.isActive
    return this.#lifecycle.phase === 'ready' && isSilent && isAlone && this.#transport.isDrained === true
  }

  /** Stops reading, because the socket is about to be lent. Reads nothing until `takeBack`. */
  lend(): void {
    this.#gate.stop(STOPPED_FOR.lent)
  }

  /**
   * Takes the socket back and goes on reading.
   * @param status the status of the last ReadyForQuery, which the other thread may have read
   */
  takeBack(status: TransactionStatus): void {
    this.#conversation.transactionStatus = status
    this.#gate.go(STOPPED_FOR.lent)
  }

  /**
   * Notes that the other thread has already written the next operation to the server. So the session only reads its
   * answer.
   */
  expectWritten(): void {
    this.#isWritten = true
  }

  /** Makes the session ready again after a thread was interrupted while it wrote. Drops all answers that come. */
  recover(): Promise<Nothing> {
    return this.#run(recover(this.#conversation.link), true)
  }

  /** Sends the rest of a request that the other thread began to write. */
  writeRest(bytes: Uint8Array): void {
    if (this.#lifecycle.isOpen) this.#transport.write(bytes)
  }

  /** Sets whether the process stays alive for this session. At first it does. An embedded server keeps no process alive. */
  keepAlive(isWanted: boolean): void {
    this.#transport.keepAlive?.(isWanted)
  }

  /** Stops reading because a sink is full. The transport may still deliver bytes that it has already read. */
  pauseReading(): void {
    if (this.#canceller.isWaitingForStop && this.#canceller.dropUnread()) return
    this.#gate.stop(STOPPED_FOR.sink)
  }

  resumeReading(): void {
    this.#gate.go(STOPPED_FOR.sink)
  }

  /** Closes the transport at once. Pending operations fail with `error`. */
  abandon(error: DbError): void {
    this.#breakOff(error)
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#onArriving?.()
    const error = this.#conversation.receive(bytes, start, end)
    if (error !== null) return this.#breakOff(error)
    if (this.#copyOut.isActive) this.#copyOut.serveReader()
    if (this.#canceller.isWaitingForStop) this.#canceller.received(end - start)
    this.#flush()
    this.#updatePhase()
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

  /** Runs an exchange, under its time limit if it has one. */
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
    // The exchange is exclusive (no later request is written before it ends), so that a cancel cannot hit another
    // statement.
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

  /** Whether an operation that is asked for now has to wait. Its bytes must be copied then. */
  get #keepsWaiting(): boolean {
    return this.#conversation.isHeld || this.#turn !== null || this.#readAhead.mustWait
  }

  /** Starts an exchange, after the page that is fetched ahead if there is one. */
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

  /** Whether the next operation has to wait for a page that is fetched ahead. */
  #mustWait(): boolean {
    this.#readAhead.interrupt()
    this.#turn ??= this.#readAhead.endSavepoint()
    return this.#turn !== null
  }

  /**
   * Starts an operation after the page that is fetched ahead has come, and after the operations that already wait. If its time
   * limit passes before, the page is cancelled. If that does not help, the session is closed.
   * @param start gets the time that is left
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

  /** Fails an operation whose time was up before it was sent, after the answers before it: then the status is right. */
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
        this.#breakOff(new InternalError('bug: a request was written to the server while requests were held back'))
      }
      const started = this.#conversation.start(exchange, holds, resolve, reject, firstRows)
      if (isWritten) this.#conversation.takeOutgoing()
      onStart?.(started)
      if (this.#lifecycle.phase === 'ready' && !this.#conversation.isIdle) this.#lifecycle.move('busy')
      this.#flush()
    })
  }

  /**
   * Whether `sendAside` may be called: no operation is pending, and no cancel request is on its way. With an embedded server,
   * which runs in this thread, it would save no time.
   */
  get canSendAside(): boolean {
    const isAlone = this.#conversation.isIdle && !this.#conversation.isHeld && !this.#canceller.isWaitingForStop
    const isReadAheadOver = this.#firstQuery === null && !this.#readAhead.isActive && this.#turn === null
    return this.#lifecycle.phase === 'ready' && isAlone && isReadAheadOver && !this.#transport.sendsWholeFlights
  }

  /**
   * Runs commands of the driver's own without waiting for their end: the next operation is written behind them at once. The
   * commands are sent together with that operation, or in the next turn of the event loop. If one fails, the session is closed
   * before any operation behind it is answered.
   * @param commands prepared commands, or the text of a Query message
   * @param ended called at the end with null, or with the error
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

  /** Drops the data of a COPY that was not read yet, and makes the COPY fail, because its reader would miss that data. */
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
        this.#updatePhase()
      },
      giveUp: (error) => this.#breakOff(error),
    }
  }

  #updatePhase(): void {
    if (this.#lifecycle.phase === 'busy' && this.#conversation.isIdle) this.#lifecycle.move('ready')
    if (this.#readAhead.isActive && this.#conversation.transactionStatus === 'I') this.#readAhead.forget()
  }

  /** Sends the outgoing bytes. @returns false when the transport asks to wait before the next write */
  #flush(): boolean {
    if (!this.#conversation.hasOutgoing) return true
    const bytes = this.#conversation.takeOutgoing()
    return this.#transport.write(bytes, isReleased(bytes))
  }

  #breakOff(error: DbError): void {
    this.#isLossUnreported ||= this.#lifecycle.isOpen && (this.#copy.isBetweenCalls || this.#copyOut.isBetweenCalls)
    this.#conversation.breakOff(error)
    this.#copy.drain()
    this.#canceller.stop()
    if (this.#messageWaiters.isAwaited) {
      this.#isLossReported = true
      this.#messageWaiters.fail(this.#closing === null ? error : this.closedError())
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
      // A transport that does not read would never notice that the server closes.
      this.#gate.goForever()
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

/** The folder and the port in the path of a PostgreSQL socket. */
function socketPlace(path: string): { place: string; port: string } {
  const [, place = path, port = ''] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(path) ?? []
  return { place, port }
}

/** The error for operations that were sent behind a failed command of `sendAside`, for example a reset. */
function resetError(cause: unknown): DbError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new OperationalError(`the session could not be cleaned up after its last use and was closed: ${why}`, {
    cause,
    hint: 'a statement that was sent after it may have run; its result was not read',
  })
}

function unsentError(): DbError {
  return new QueryCanceledError('cancelled before it was sent to the server')
}

function stuckError(timeoutMs: number): DbError {
  return new OperationalError(
    `the time limit of ${timeoutMs} ms passed while rows were fetched ahead, and the server did not stop: the connection is closed`,
  )
}

/** The error for a connection that ended without an error message of the server. */
function lostError(cause: Error | null, isIdle: boolean): DbError {
  const how = cause === null ? 'the server closed the connection' : `the connection was lost: ${cause.message}`
  const details = cause === null ? {} : { cause }
  if (isIdle) return new ConnectionFailureError(`${how} while it was idle`, details)
  return new ConnectionDoesNotExistError(`connection was closed in the middle of operation: ${how}`, details)
}
