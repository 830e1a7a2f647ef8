/**
 * What a connection and everything made by it (prepared statements, cursors, transactions) share below their public
 * faces: the session, the flows' context, and the one place where a flow is run, alone, within its time, and told to
 * loggers. Not exported by the door.
 */
import { QueryTimeoutError } from './errors/client-errors.ts'
import { QueryCanceledError } from './errors/sqlstates.ts'
import { InterfaceError, OperationalError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import type { FlowContext } from './flows/flow-context.ts'
import { rowsOf } from './flows/query-log.ts'
import { hasOtherEncoding, restoreEncoding } from './flows/restore-encoding.ts'
import { runCommand } from './flows/run-script.ts'
import { type CallOptions, NO_OPTIONS, requireSignal } from './call-options.ts'
import { readTimeLimit } from './options/time-limit.ts'
import { runFlow } from './run-flow.ts'
import { tracing } from './tracing.ts'
import { Listeners } from './listeners.ts'
import { quoteIdentifier } from './values/sql.ts'
import type { Operations } from './wire/operations.ts'

export class Engine {
  readonly session: Operations
  readonly listeners: Listeners<unknown>
  readonly context: FlowContext
  /** Limit of each call that names none, 0 for none. */
  readonly commandTimeoutMs: number
  #isBusy = false
  /** Aborted when the operation that runs is cancelled; made where something waits for it. */
  #cancelling: AbortController | null = null
  /** Set by `close`: after it every use is refused, whatever the session says. */
  isShut = false
  /** Says whether the process stays alive for the connection. A lease of a pool has no say in it. */
  readonly keepAlive: ((isWanted: boolean) => void) | null

  constructor(
    session: Operations,
    context: FlowContext,
    commandTimeoutMs: number,
    listeners = new Listeners<unknown>(),
    keepAlive: ((isWanted: boolean) => void) | null = null,
  ) {
    this.session = session
    this.listeners = listeners
    this.context = context
    this.commandTimeoutMs = commandTimeoutMs
    this.keepAlive = keepAlive
  }

  get isClosed(): boolean {
    return this.isShut || this.session.isClosed
  }

  /** Runs a flow alone on the connection. @throws the flow's errors, on the caller's stack. */
  run<T>(flow: Flow<T>, options: CallOptions = NO_OPTIONS): Promise<T> {
    return this.exclusively(() => runFlow(flow, this.session), options)
  }

  /** The same for a query of the user's, which loggers and tracing channels are told of. */
  query<T>(
    work: Flow<T> | (() => Promise<T>),
    sql: string,
    args: unknown,
    options: CallOptions = NO_OPTIONS,
  ): Promise<T> {
    const operation = typeof work === 'function' ? work : () => runFlow(work, this.session)
    return this.told(() => this.exclusively(operation, options), sql, args)
  }

  /** Runs what runs a query of the user's, and tells loggers and tracing channels of it. */
  told<T>(run: () => Promise<T>, sql: string, args: unknown): Promise<T> {
    return this.listeners.loggers.size === 0 && !tracing.hasSubscribers ? run() : this.#told(run, sql, args)
  }

  /**
   * Runs several flows as one operation.
   * @throws InterfaceError when the connection is closed or busy; the signal's reason when it was aborted in time.
   */
  async exclusively<T>(operation: () => Promise<T>, options: CallOptions = NO_OPTIONS): Promise<T> {
    const { signal } = options
    const timeoutMs = this.limitOf(options)
    requireSignal(signal)
    this.requireReady()
    signal?.throwIfAborted()
    const { context } = this
    this.#isBusy = true
    context.deadlineMs = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity
    context.signal = signal ?? null
    try {
      return await (signal === undefined ? operation() : this.#abortable(operation, signal))
    } catch (error) {
      // The limit passed while a source, an output or a pipeline was waited for, and then the server did not stop.
      if (!(error instanceof QueryTimeoutError) || !this.session.isClosed) throw error
      const { primaryMessage } = this.session.closedError()
      throw new OperationalError(`${error.primaryMessage}; ${primaryMessage}`, { cause: error })
    } finally {
      context.signal = null
      context.cancelled = null
      this.#cancelling = null
      if (hasOtherEncoding(context)) await runFlow(restoreEncoding(context), this.session)
      if (this.listeners.unsettled.size > 0) await this.#listenAgain()
      context.deadlineMs = Infinity
      this.#isBusy = false
    }
  }

  /**
   * Cancels the operation that runs, wherever it stands: at the server, between two trips, or waiting for a source. Of a
   * pipeline the statement that runs. Resolves when the server has taken the request.
   */
  async cancel(): Promise<void> {
    if (this.isShut) throw new InterfaceError('connection is closed')
    const { context, session } = this
    if (this.#isBusy && !context.isPipelining && session.canCancel) {
      context.cancelled = new QueryCanceledError('the call was cancelled by cancel()')
      this.#cancelling?.abort(context.cancelled)
    }
    await session.cancel({})
  }

  /** What ends a wait of the operation for something that is not the server: the call's own signal, and `cancel`. */
  waitSignal(signal: AbortSignal | undefined): AbortSignal {
    this.#cancelling ??= new AbortController()
    const cancelled = this.#cancelling.signal
    return signal === undefined ? cancelled : AbortSignal.any([signal, cancelled])
  }

  /** The limit of a call in milliseconds, 0 for none. @throws ProgrammingError for what is no duration. */
  limitOf({ timeout }: CallOptions): number {
    return readTimeLimit(timeout, 'timeout') ?? this.commandTimeoutMs
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** @throws InterfaceError when the connection is closed, or an operation is in progress on it. */
  requireReady(): void {
    if (this.isShut) throw new InterfaceError('connection is closed')
    if (this.session.isClosed) throw this.session.closedError()
    if (!this.#isBusy) return
    throw new InterfaceError('another operation is in progress on this connection: await it first, or use a second one')
  }

  /** After the end of a transaction that a LISTEN was sent in: a rollback has undone it; after a commit this changes nothing. */
  async #listenAgain(): Promise<void> {
    const { unsettled } = this.listeners
    if (this.isClosed || this.session.transactionStatus !== 'I' || this.context.scopes.length > 0) return
    const sql = [...unsettled].map((channel) => `LISTEN ${quoteIdentifier(channel)}`).join('; ')
    try {
      await runFlow(runCommand(this.context, sql, false), this.session)
      unsettled.clear()
    } catch {
      // The operation before it has its own outcome to tell; this is tried again after the next one.
    }
  }

  async #told<T>(run: () => Promise<T>, query: string, args: unknown): Promise<T> {
    const startedMs = performance.now()
    let error: unknown = null
    let rowCount: number | null = null
    try {
      const result = await tracing.trace({ query, backendPid: this.session.backendPid }, run)
      rowCount = rowsOf(result)
      return result
    } catch (caught) {
      error = caught
      throw caught
    } finally {
      this.listeners.log({ query, args, elapsed: performance.now() - startedMs, rowCount, error })
    }
  }

  async #abortable<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { context } = this
    const cancel = (): void => {
      // A ROLLBACK that follows has the grace that the statement has.
      context.deadlineMs = Math.min(context.deadlineMs, performance.now())
      // The caller hears the statement's own end; why a cancel could not be sent adds nothing to it.
      this.session.cancel({ isGivenUp: true }).catch(() => {})
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await operation()
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}
