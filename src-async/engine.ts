/**
 * The engine of a connection. The connection, its prepared statements, cursors and transactions share it. It holds the
 * session and the context of the flows, and runs flows on the event loop: one at a time, with the time limit and the
 * signal of the call. It reports queries to the loggers. It is not part of the public API.
 */
import { QueryTimeoutError } from './errors/client-errors.ts'
import { QueryCanceledError } from './errors/sqlstates.ts'
import { errorFromFailure, failureFromError } from './errors/failure.ts'
import { DbError, InterfaceError, OperationalError, amend } from './errors/tree.ts'
import type { Asked, Flow } from './flows/ask.ts'
import type { FlowContext } from './flows/flow-context.ts'
import { rowsOf } from './flows/query-log.ts'
import { hasOtherEncoding, restoreEncoding } from './flows/restore-encoding.ts'
import { runCommand } from './flows/run-script.ts'
import { type CallOptions, NO_OPTIONS, requireSignal } from './call-options.ts'
import { readTimeLimit } from './options/time-limit.ts'
import { tracing } from './tracing.ts'
import { Listeners } from './listeners.ts'
import { quoteIdentifier } from './values/sql.ts'
import type { OperationName, Operations, ReplyOf } from './wire/operations.ts'

export class Engine {
  readonly session: Operations
  readonly listeners: Listeners<unknown>
  readonly context: FlowContext
  /** The time limit of calls that set none; 0 for no limit. */
  readonly commandTimeoutMs: number
  #isBusy = false
  /** `cancel` aborts it to end a wait of the running operation. `waitSignal` creates it. */
  #cancelling: AbortController | null = null
  /** Set by `close` and `terminate`. Then every call is refused, whatever the state of the session. */
  isShut = false
  /** Sets whether the connection keeps the process alive. null for a lease of a pool: there the pool decides. */
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

  /** Runs a flow as the only operation on the connection. @throws the flow's errors, with the caller's stack. */
  run<T>(flow: Flow<T>, options: CallOptions = NO_OPTIONS): Promise<T> {
    return this.exclusively(() => runFlow(flow, this.session), options)
  }

  /**
   * Like `run`, for a call that goes on with a statement that has run, such as a fetch from a cursor. When it is refused, its
   * error must not say that nothing has run, because a program may catch the errors of both in one place.
   */
  async goOn<T>(flow: Flow<T>, options: CallOptions = NO_OPTIONS): Promise<T> {
    const refusal = this.#refusal()
    if (refusal !== null) throw refusal
    return this.run(flow, options)
  }

  /**
   * Runs a query of the program as the only operation on the connection, and reports it to loggers and tracing
   * channels.
   */
  query<T>(
    work: Flow<T> | (() => Promise<T>),
    sql: string,
    args: unknown,
    options: CallOptions = NO_OPTIONS,
  ): Promise<T> {
    const operation = typeof work === 'function' ? work : () => runFlow(work, this.session)
    if (!this.isWatched) return this.exclusively(operation, options)
    return this.logged(() => this.exclusively(operation, options), sql, args)
  }

  /** Whether a query logger or a tracing channel is active. */
  get isWatched(): boolean {
    return this.listeners.loggers.size > 0 || tracing.hasSubscribers
  }

  /**
   * Runs several flows as one operation.
   * @throws InterfaceError when the connection is closed or busy; the signal's reason when it aborts before the end.
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
      // The time limit passed while the call waited for a source, an output or a pipeline. The server did not stop
      // either, so the session was closed. The error reports both.
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
   * Cancels the running operation. This works while the server executes it, between two round trips, and while the
   * operation waits for a source. In a pipeline it cancels the statement that runs. Resolves when the server has
   * received the request.
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

  /**
   * A signal for waits for something other than the server, such as a source. The call's own signal and `cancel` abort
   * it.
   */
  waitSignal(signal: AbortSignal | undefined): AbortSignal {
    this.#cancelling ??= new AbortController()
    const cancelled = this.#cancelling.signal
    return signal === undefined ? cancelled : AbortSignal.any([signal, cancelled])
  }

  /** The time limit of a call in milliseconds; 0 for no limit. @throws ProgrammingError for an invalid duration. */
  limitOf({ timeout }: CallOptions): number {
    return readTimeLimit(timeout, 'timeout') ?? this.commandTimeoutMs
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /**
   * For a call that has sent nothing yet.
   * @throws InterfaceError when the connection is busy; an error with `notStarted` when it is closed or lost.
   */
  requireReady(): void {
    const refusal = this.#refusal()
    if (refusal !== null) throw asNotStarted(refusal)
    if (!this.#isBusy) return
    throw new InterfaceError('another operation is in progress on this connection: await it first, or use a second one')
  }

  /** The error for a call on a closed connection; null when it is open. */
  #refusal(): DbError | null {
    if (this.isShut) return new InterfaceError('connection is closed')
    return this.session.isClosed ? this.session.closedError() : null
  }

  /**
   * Sends LISTEN again after a transaction in which it was sent. A rollback has undone it; after a commit it changes
   * nothing.
   */
  async #listenAgain(): Promise<void> {
    const { unsettled } = this.listeners
    if (this.isClosed || this.session.transactionStatus !== 'I' || this.context.scopes.length > 0) return
    const sql = [...unsettled].map((channel) => `LISTEN ${quoteIdentifier(channel)}`).join('; ')
    try {
      await runFlow(runCommand(this.context, sql, false), this.session)
      unsettled.clear()
    } catch {
      // The operation before it must keep its own result or error. The next operation tries the LISTEN again.
    }
  }

  /** Runs a query of the program, and reports it to query loggers and tracing channels. */
  async logged<T>(run: () => Promise<T>, query: string, args: unknown): Promise<T> {
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
      // The deadline becomes now, so that a ROLLBACK that follows gets the same grace period as the statement.
      context.deadlineMs = Math.min(context.deadlineMs, performance.now())
      // The caller gets the statement's own outcome. An error of the cancel request adds nothing to it.
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

/** Lets the operations of a flow wait for those of other flows. A pipeline uses it. */
export interface Gate {
  /**
   * @returns null when the operation may run at once; otherwise a promise of the operation, fulfilled when it may run.
   */
  admit(asked: Asked): Promise<Asked> | null
  /** Called when the operation has been passed to the session. */
  performed(asked: Asked): void
}

type Performer = (request: unknown) => Promise<ReplyOf<OperationName>>

/** Runs a flow, without the checks of an engine. Awaits each operation. @throws the flow's errors, with the caller's stack. */
export async function runFlow<T>(flow: Flow<T>, session: Operations, gate: Gate | null = null): Promise<T> {
  // A flow of a pipeline is a whole call. If the connection was lost before its first operation, nothing was sent.
  let isRefused = false
  let hasSent = false
  try {
    let step = flow.next()
    while (step.done !== true) {
      const asked: Asked = step.value
      let reply: ReplyOf<OperationName>
      try {
        if (gate === null) reply = await perform(session, asked)
        else {
          const admission = gate.admit(asked)
          const admitted = admission === null ? asked : await admission
          if (session.isClosed) isRefused = true
          else hasSent = true
          const answer = perform(session, admitted)
          gate.performed(asked)
          reply = await answer
        }
      } catch (error) {
        step = flow.throw(error)
        continue
      }
      step = flow.next(reply)
    }
    return step.value
  } catch (error) {
    throw isRefused && !hasSent ? asNotStarted(error) : onCallersStack(error)
  }
}

/** A copy of an error that says that its call has sent nothing. Other calls may fail with the same error object. */
function asNotStarted(error: unknown): unknown {
  const again = onCallersStack(error)
  if (again instanceof DbError) amend(again, { notStarted: true })
  return again
}

/** The cast is safe, because the flow's `ask` has checked that the request's type fits the operation. */
function perform(session: Operations, { operation, request }: Asked): Promise<ReplyOf<OperationName>> {
  return (session[operation] as Performer)(request)
}

/**
 * Makes an error again, inside the async call that failed. The stack of an error that was made in a socket's callback does
 * not show the caller.
 */
function onCallersStack(error: unknown): unknown {
  if (!(error instanceof DbError)) return error
  const { cause } = error
  const again = errorFromFailure(failureFromError(error))
  Error.captureStackTrace(again, onCallersStack)
  if (cause !== undefined) {
    Object.defineProperty(again, 'cause', { value: cause, enumerable: false, configurable: true, writable: true })
  }
  return again
}
