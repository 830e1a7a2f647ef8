/**
 * One server connection: performs the operations of the contract. Owns the transport, the conversation, timers, cancel and
 * the lifecycle, and nothing else; what a request means on the wire is in `protocol/`, one file per verb. Operations
 * may be asked for while others run: they queue in order.
 */
import { ConnectionDoesNotExistError } from '../errors/sqlstates.ts'
import { InterfaceError, NotSupportedError, type DbError } from '../errors/tree.ts'
import { requestCancel, type CancelRoute } from './cancel.ts'
import { CopyInState } from './copy-in-state.ts'
import { Lifecycle, type SessionPhase } from './lifecycle.ts'
import type {
  AwaitNotificationReply,
  AwaitNotificationRequest,
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
  Nothing,
  Operations,
  SessionEvents,
  SimpleQueryReply,
  SimpleQueryRequest,
  TransactionStatus,
} from './operations.ts'
import { Conversation } from './protocol/conversation.ts'
import { describe } from './protocol/describe.ts'
import { holdsLine, type Exchange } from './protocol/exchange.ts'
import { executeMany } from './protocol/execute-many.ts'
import { execute } from './protocol/execute.ts'
import { writeTerminate } from './protocol/frontend.ts'
import { simpleQuery } from './protocol/simple-query.ts'
import { startup, type BackendKey, type StartupRequest } from './protocol/startup.ts'
import type { Transport, TransportEvents } from './transport/transport.ts'

const NOTHING: Nothing = Object.freeze({})
/** Short enough to be one pause for a person, long enough that no healthy server is still on its way. */
const CANCEL_REPEAT_DELAYS_MS = [200, 1000, 5000]
const NO_KEY: BackendKey = { backendPid: 0, secret: new Uint8Array(0) }

export class Session implements Operations, TransportEvents {
  readonly #transport: Transport
  readonly #conversation: Conversation
  readonly #lifecycle = new Lifecycle()
  readonly #parameters = new Map<string, string>()
  readonly #copy: CopyInState
  /** null where the transport has no cancel. */
  readonly #cancelRoute: CancelRoute | null
  #key = NO_KEY
  #cancelTimer: NodeJS.Timeout | undefined
  #closing: Promise<Nothing> | null = null
  #whenClosed: (() => void) | null = null

  /** For `openSession`, which calls `startUp` next. The transport is connected and has carried no message yet. */
  constructor(transport: Transport, cancelRoute: CancelRoute | null, events: SessionEvents) {
    this.#transport = transport
    this.#cancelRoute = cancelRoute
    this.#conversation = new Conversation(
      {
        notice: (fields) => events.notice(fields),
        notification: (notification) => events.notification(notification),
        parameter: (name, value) => {
          this.#parameters.set(name, value)
          events.parameter(name, value)
        },
      },
      transport.sendsWholeFlights,
    )
    this.#copy = new CopyInState(this.#conversation, transport)
    transport.listen(this)
  }

  get phase(): SessionPhase {
    return this.#lifecycle.phase
  }

  get transactionStatus(): TransactionStatus {
    return this.#conversation.transactionStatus
  }

  get isClosed(): boolean {
    return this.#lifecycle.isEnded
  }

  get backendPid(): number {
    return this.#key.backendPid
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#parameters
  }

  get canCancel(): boolean {
    return this.#cancelRoute !== null && this.#key.secret.length > 0
  }

  /** Authenticates and waits for the first ReadyForQuery. When it fails the session is broken. */
  async startUp(request: StartupRequest): Promise<void> {
    this.#key = await new Promise<BackendKey>((resolve, reject) => {
      this.#conversation.start(startup(this.#conversation.link, request), false, resolve, reject)
      this.#flush()
    })
    this.#lifecycle.move('ready')
  }

  describe(request: DescribeRequest): Promise<DescribeReply> {
    return this.#run(describe(this.#conversation.link, request), false)
  }

  execute(request: ExecuteRequest): Promise<ExecuteReply> {
    // Its bytes are only lent until this returns; an exchange that waits for the line reads them later. Not `slice`,
    // which of a Buffer makes a window.
    const own = this.#conversation.isHeld ? { ...request, bind: new Uint8Array(request.bind) } : request
    return this.#run(execute(this.#conversation.link, own), false)
  }

  executeMany(request: ExecuteManyRequest): Promise<ExecuteManyReply> {
    const own = this.#conversation.isHeld ? { ...request, binds: new Uint8Array(request.binds) } : request
    return this.#run(executeMany(this.#conversation.link, own), false)
  }

  simpleQuery(request: SimpleQueryRequest): Promise<SimpleQueryReply> {
    return this.#run(simpleQuery(this.#conversation.link, request), holdsLine(request))
  }

  copyInStart(request: CopyInStartRequest): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    return this.#copy.start(request, (exchange) => this.#run(exchange, true))
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

  async cancel(): Promise<Nothing> {
    if (!this.#lifecycle.isOpen) throw this.#closedError()
    if (this.#cancelRoute === null) {
      throw new NotSupportedError('an embedded PostgreSQL (PGlite) cannot cancel: it runs in the thread that would ask')
    }
    if (!this.canCancel)
      throw new NotSupportedError('the server sent no cancel key; a pooler in between may not have any')
    // Nothing runs, and the request could only hit what comes next.
    if (this.#conversation.current === null) return NOTHING
    await this.#cancelCurrent(this.#cancelRoute, 0)
    return NOTHING
  }

  fetchPortal(_request: FetchPortalRequest): Promise<ExecuteReply> {
    return Promise.reject(new NotSupportedError('portals are not there yet'))
  }

  closePortal(_request: ClosePortalRequest): Promise<Nothing> {
    return Promise.reject(new NotSupportedError('portals are not there yet'))
  }

  closeStatements(_request: CloseStatementsRequest): Promise<Nothing> {
    return Promise.reject(new NotSupportedError('closing statements is not there yet'))
  }

  copyOutStart(_request: CopyOutStartRequest): Promise<CopyOutStartReply> {
    return Promise.reject(new NotSupportedError('COPY TO STDOUT is not there yet'))
  }

  copyOutRead(_request: CopyOutReadRequest): Promise<CopyOutReadReply> {
    return Promise.reject(new NotSupportedError('COPY TO STDOUT is not there yet'))
  }

  copyOutEnd(): Promise<Nothing> {
    return Promise.reject(new NotSupportedError('COPY TO STDOUT is not there yet'))
  }

  awaitNotification(_request: AwaitNotificationRequest): Promise<AwaitNotificationReply> {
    return Promise.reject(new NotSupportedError('waiting for notifications is not there yet'))
  }

  close(request: CloseRequest): Promise<Nothing> {
    this.#closing ??= this.#close(request.timeoutMs)
    return this.#closing
  }

  /** Stops reading, for a sink that is full; a transport may still deliver what it has in hand. */
  pauseReading(): void {
    this.#transport.pause()
  }

  resumeReading(): void {
    this.#transport.resume()
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const error = this.#conversation.receive(bytes, start, end)
    if (error !== null) return this.#breakOff(error)
    this.#flush()
    this.#settle()
  }

  drain(): void {
    this.#copy.drain()
  }

  closed(cause: Error | null): void {
    this.#breakOff(lostError(cause))
    if (this.#lifecycle.phase !== 'closed') this.#lifecycle.move('closed')
    this.#whenClosed?.()
  }

  #run<Reply>(exchange: Exchange<Reply>, holds: boolean): Promise<Reply> {
    if (!this.#lifecycle.isOpen) return Promise.reject(this.#closedError())
    return new Promise<Reply>((resolve, reject) => {
      this.#conversation.start(exchange, holds, resolve, reject)
      if (this.#lifecycle.phase === 'ready' && !this.#conversation.isIdle) this.#lifecycle.move('busy')
      this.#flush()
    })
  }

  /**
   * Sends a cancel request and lets nothing new start until the server has taken it: it must not hit a later statement.
   * The server drops a request that overtakes the statement it is meant for, so while that one is still waiting for its
   * answer the request is sent again, a few times.
   */
  async #cancelCurrent(route: CancelRoute, attempt: number): Promise<void> {
    const exchange = this.#conversation.current
    this.#conversation.hold()
    try {
      await requestCancel(route, this.#key)
    } finally {
      this.#conversation.release()
      this.#flush()
      this.#settle()
      const delayMs = CANCEL_REPEAT_DELAYS_MS[attempt]
      clearTimeout(this.#cancelTimer)
      if (delayMs !== undefined && this.#isRunning(exchange)) {
        this.#cancelTimer = setTimeout(() => {
          if (this.#isRunning(exchange)) this.#cancelCurrent(route, attempt + 1).catch(() => {})
        }, delayMs)
      }
    }
  }

  #isRunning(exchange: object | null): boolean {
    return exchange !== null && exchange === this.#conversation.current && this.#lifecycle.isOpen
  }

  #settle(): void {
    if (this.#lifecycle.phase === 'busy' && this.#conversation.isIdle) this.#lifecycle.move('ready')
  }

  /** False when the transport asks to wait. */
  #flush(): boolean {
    if (!this.#conversation.hasOutgoing) return true
    return this.#transport.write(this.#conversation.takeOutgoing())
  }

  #breakOff(error: DbError): void {
    this.#conversation.breakOff(error)
    this.#copy.drain()
    clearTimeout(this.#cancelTimer)
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
    const timer = setTimeout(() => this.#transport.destroy(), timeoutMs)
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

/** For what was pending when the transport went away and the server had said nothing about it. */
function lostError(cause: Error | null): DbError {
  const how = cause === null ? 'the server closed the connection' : `the connection was lost: ${cause.message}`
  const message = `connection was closed in the middle of operation: ${how}`
  return new ConnectionDoesNotExistError(message, cause === null ? {} : { cause })
}
