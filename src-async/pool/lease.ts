/**
 * A connection that the pool has lent out. The holder gets a `Connection` of its own over a `LeasedSession`. The
 * `LeasedSession` passes operations on until the lease ends, and then refuses them all. The holder's statements, cursors and
 * transactions go through it too, so they are refused as well. It also counts the running operations and the statements begun,
 * for the pool.
 */
import { type DbError, InterfaceError } from '../errors/tree.ts'
import { type Connection, type ConnectionClass, engineOf } from '../connection.ts'
import { Engine } from '../engine.ts'
import type { FlowContext } from '../flows/flow-context.ts'
import type { Listeners } from '../listeners.ts'
import type { OperationName, Operations, ReplyOf, RequestOf, TransactionStatus } from '../wire/operations.ts'

type Performer<N extends OperationName> = (request: RequestOf<N>) => Promise<ReplyOf<N>>

/** A session for as long as the lease lasts. */
export class LeasedSession implements Operations {
  readonly #session: Operations
  #endedBecause: string | undefined
  #running = 0
  #statements = 0
  #isInCopy = false
  #hadTrouble = false
  #whenQuiet: (() => void)[] = []

  constructor(session: Operations) {
    this.#session = session
  }

  /** Starts the lease again, for the pool's own next call. No user has a reference to it. */
  renew(): void {
    this.#endedBecause = undefined
    this.#statements = 0
  }

  /** Ends the lease: running operations finish, new ones are refused. */
  end(because: string): void {
    this.#endedBecause ??= because
  }

  /** How many statements were begun. */
  get statements(): number {
    return this.#statements
  }

  /** Whether a COPY was begun and has not ended: the session cannot do anything else until then. */
  get isInCopy(): boolean {
    return this.#isInCopy
  }

  /** Whether an operation waits for its answer. */
  get isRunning(): boolean {
    return this.#running > 0
  }

  /** Whether something failed or was cancelled: a cancel request may still be on its way. */
  get hadTrouble(): boolean {
    return this.#hadTrouble
  }

  /** Resolves when nothing runs. */
  async quiet(): Promise<void> {
    while (this.#running > 0) await new Promise<void>((resolve) => this.#whenQuiet.push(resolve))
  }

  get isClosed(): boolean {
    return this.#endedBecause !== undefined || this.#session.isClosed
  }

  closedError(): DbError {
    return this.#endedBecause === undefined ? this.#session.closedError() : new InterfaceError(this.#endedBecause)
  }

  /** After the lease this reports no transaction, because an open one may be that of the next holder. */
  get transactionStatus(): TransactionStatus {
    return this.#endedBecause === undefined ? this.#session.transactionStatus : 'I'
  }

  get backendPid(): number {
    return this.#session.backendPid
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#session.parameters
  }

  get canCancel(): boolean {
    return this.#endedBecause === undefined && this.#session.canCancel
  }

  describe(request: RequestOf<'describe'>): Promise<ReplyOf<'describe'>> {
    return this.#pass('describe', request)
  }

  execute(request: RequestOf<'execute'>): Promise<ReplyOf<'execute'>> {
    return this.#pass('execute', request, 1)
  }

  executeMany(request: RequestOf<'executeMany'>): Promise<ReplyOf<'executeMany'>> {
    return this.#pass('executeMany', request, 1)
  }

  simpleQuery(request: RequestOf<'simpleQuery'>): Promise<ReplyOf<'simpleQuery'>> {
    return this.#pass('simpleQuery', request, 1)
  }

  fetchPortal(request: RequestOf<'fetchPortal'>): Promise<ReplyOf<'fetchPortal'>> {
    return this.#pass('fetchPortal', request, request.open === null ? 0 : 1)
  }

  closePortal(request: RequestOf<'closePortal'>): Promise<ReplyOf<'closePortal'>> {
    return this.#pass('closePortal', request)
  }

  closeStatements(request: RequestOf<'closeStatements'>): Promise<ReplyOf<'closeStatements'>> {
    return this.#pass('closeStatements', request)
  }

  async copyInStart(request: RequestOf<'copyInStart'>): Promise<ReplyOf<'copyInStart'>> {
    const reply = await this.#pass('copyInStart', request, 1)
    this.#isInCopy = true
    return reply
  }

  copyInData(request: RequestOf<'copyInData'>): Promise<ReplyOf<'copyInData'>> {
    return this.#pass('copyInData', request)
  }

  copyInEnd(request: RequestOf<'copyInEnd'>): Promise<ReplyOf<'copyInEnd'>> {
    return this.#endCopy('copyInEnd', request)
  }

  async copyOutStart(request: RequestOf<'copyOutStart'>): Promise<ReplyOf<'copyOutStart'>> {
    const reply = await this.#pass('copyOutStart', request, 1)
    this.#isInCopy = true
    return reply
  }

  async copyOutRead(request: RequestOf<'copyOutRead'>): Promise<ReplyOf<'copyOutRead'>> {
    const reply = await this.#pass('copyOutRead', request)
    if (reply.tag !== null) this.#isInCopy = false
    return reply
  }

  copyOutEnd(request: RequestOf<'copyOutEnd'>): Promise<ReplyOf<'copyOutEnd'>> {
    return this.#endCopy('copyOutEnd', request)
  }

  awaitNotification(request: RequestOf<'awaitNotification'>): Promise<ReplyOf<'awaitNotification'>> {
    return this.#pass('awaitNotification', request)
  }

  cancel(request: RequestOf<'cancel'>): Promise<ReplyOf<'cancel'>> {
    this.#hadTrouble = true
    return this.#pass('cancel', request)
  }

  /** Closes the connection itself; the pool opens another. After the lease this does nothing. */
  async close(request: RequestOf<'close'>): Promise<ReplyOf<'close'>> {
    return this.#endedBecause === undefined ? this.#session.close(request) : {}
  }

  async #endCopy<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ReplyOf<N>> {
    // A call that was refused because the lease is over did not end the COPY.
    const isTaken = this.#endedBecause === undefined
    try {
      return await this.#pass(operation, request)
    } finally {
      if (isTaken) this.#isInCopy = false
    }
  }

  #pass<N extends OperationName>(operation: N, request: RequestOf<N>, statements = 0): Promise<ReplyOf<N>> {
    if (this.#endedBecause !== undefined) return Promise.reject(new InterfaceError(this.#endedBecause))
    this.#running += 1
    this.#statements += statements
    const session = this.#session
    // There is no `await` before this call: the request's bytes are valid only until this function returns.
    const reply = (session[operation] as Performer<N>).call(session, request)
    reply.then(this.#settled, this.#failed)
    return reply
  }

  readonly #failed = (): void => {
    this.#hadTrouble = true
    this.#settled()
  }

  readonly #settled = (): void => {
    this.#running -= 1
    if (this.#running > 0 || this.#whenQuiet.length === 0) return
    const waiting = this.#whenQuiet
    this.#whenQuiet = []
    for (const resolve of waiting) resolve()
  }
}

/** The arguments of a new lease. */
export interface LeaseTerms {
  /** The pool's own connection, which the holder does not see. */
  readonly connection: Connection
  giveBack(connection: Connection): Promise<void>
  /** The stack of the `acquire` call, if the pool tracks leases; otherwise null. */
  readonly place: string | null
}

/** One lease of one connection. */
export class Lease {
  readonly connection: Connection
  readonly session: LeasedSession
  readonly place: string | null
  sinceMs = performance.now()
  readonly #listeners: Listeners<unknown>
  readonly #override: Listeners<unknown>
  #isOver = false

  constructor({ connection, giveBack, place }: LeaseTerms) {
    const { session, context, commandTimeoutMs, listeners } = engineOf(connection)
    this.session = new LeasedSession(session)
    // Prepared statements and codecs belong to the connection, but transactions belong to the lease. A function given to
    // `transaction()` may end after the lease. It must then find its own scope, not that of the next holder.
    const own: FlowContext = {
      ...context,
      state: this.session,
      scopeBegin: null,
      sentBegin: null,
      scopes: [],
      isPipelining: false,
      deadlineMs: Infinity,
      signal: null,
      firstFailure: null,
    }
    this.#listeners = listeners
    this.#override = listeners.lend(null)
    const leased = new (connection.constructor as ConnectionClass)(
      new Engine(this.session, own, commandTimeoutMs, this.#override),
    )
    // `await using` releases the connection at the end of the scope.
    Object.defineProperty(leased, Symbol.asyncDispose, { value: () => giveBack(leased) })
    this.connection = leased
    this.#override.connection = leased
    this.place = place
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Ends the lease: the holder's connection and everything made with it refuse calls, and its listeners hear nothing. */
  end(because = 'the connection has been released back to the pool'): void {
    if (this.#isOver) return
    this.#isOver = true
    this.session.end(because)
    this.#override.clear()
    if (this.#listeners.override === this.#override) this.#listeners.override = null
  }

  /**
   * Whether the pool can use this lease again for its own next short call. It can when nothing runs, nothing failed, and no
   * channel has a listener. (A listener gets the connection as an argument, so it can add listeners to channels.)
   */
  get isRenewable(): boolean {
    const { isRunning, isInCopy, hadTrouble } = this.session
    return !isRunning && !isInCopy && !hadTrouble && this.#override.channels.length === 0
  }

  /** Ends the lease in a way that allows `renew`. */
  rest(): void {
    this.#isOver = true
    this.session.end('the call of the pool has ended')
    if (this.#listeners.override === this.#override) this.#listeners.override = null
  }

  renew(): void {
    this.#isOver = false
    this.sinceMs = performance.now()
    this.session.renew()
    this.#listeners.override = this.#override
  }

  /** Moves the listeners for notices and queries to the connection itself, so that all later leases have them. */
  bequeathListeners(): void {
    for (const listener of this.#override.notices) this.#listeners.notices.add(listener)
    this.#override.loggers.addTo(this.#listeners.loggers)
  }
}
