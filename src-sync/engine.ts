/**
 * The engine of a blocking connection. The connection and its cursors share it. It holds the session and the context of
 * the flows. It is the one place that runs a flow (a procedure of src-async/flows/) and prepares its errors for the
 * caller. The package does not export it.
 */
import { InterfaceError, DbError, ProgrammingError, amend, type Warning } from '../src-async/errors/tree.ts'
import type { Asked, Flow } from '../src-async/flows/ask.ts'
import type { FlowContext } from '../src-async/flows/flow-context.ts'
import { hasOtherEncoding, restoreEncoding } from '../src-async/flows/restore-encoding.ts'
import type { BlockingOperations, OperationName, ReplyOf } from '../src-async/wire/operations.ts'
import type { BlockingSession } from '../worker/caller/blocking-session.ts'
import { atTurnEnd, removeTurnEnd } from '../worker/caller/turn-end.ts'
import { mapPosition } from './paramstyle/map-position.ts'
import { type ParamStyle, type RewrittenStatement, rewrite } from './paramstyle/rewrite.ts'
import { type LoggableQuery, QueryLog } from './query-log.ts'

/** A notice or warning of the server, with its class. */
export type ServerMessage = readonly [new (...args: never[]) => Warning, Warning]

/** A text as the user wrote it, and as it is sent to the server. */
export interface StatementSource {
  readonly sql: string
  readonly rewritten: RewrittenStatement
}

export interface RunOptions {
  /** The statement of the flow. Positions in errors are mapped back to the text that the user wrote. */
  readonly source?: StatementSource | null | undefined
  /** The query of the program, for loggers and tracing channels. */
  readonly query?: LoggableQuery | undefined
  /** The time limit of the whole flow; 0 for no limit. The default is the connection's `commandTimeout`. */
  readonly timeoutMs?: number | undefined
  /** Ends the COPY that an interrupted flow leaves open on the server. */
  readonly ifInterrupted?: (() => void) | undefined
  /** A list for the notices of this call, besides the connection's own list. */
  readonly messages?: ServerMessage[] | undefined
}

export interface EngineInit {
  readonly session: BlockingSession
  readonly context: FlowContext
  readonly paramstyle: ParamStyle
  readonly commandTimeoutMs: number
}

const NO_OPTIONS: RunOptions = {}

export class Engine {
  readonly session: BlockingSession
  readonly context: FlowContext
  paramstyle: ParamStyle
  /** The time limit of calls that set none; 0 for no limit. */
  commandTimeoutMs: number
  /** Set by `close`. Then every call is refused, whatever the state of the session. */
  isClosed = false
  /** True between `tpc_prepare` and its second phase. */
  isPrepared = false
  /** The list of messages of the cursor whose call runs. */
  messages: ServerMessage[] | null = null
  /** The OIDs of type names that were passed to `setinputsizes` for the current statement. */
  readonly typeOids = new Map<string, number>()
  readonly queryLog = new QueryLog()
  #isRunning = false
  #isWatched = false
  /** Ends the COPY that is open between calls of the user; null when none is open. */
  #copy: (() => void) | null = null
  /** Ends the COPY of the running call if the call is interrupted. */
  #ifInterrupted: (() => void) | null = null
  #interruptedCopy: (() => void) | null = null

  constructor(init: EngineInit) {
    this.session = init.session
    this.context = init.context
    this.paramstyle = init.paramstyle
    this.commandTimeoutMs = init.commandTimeoutMs
  }

  /**
   * For a call that has sent nothing yet.
   * @throws an error with `notStarted` when the connection has been closed or lost.
   */
  requireOpen(): void {
    const refusal = this.#refusal()
    if (refusal === null) return
    amend(refusal, { notStarted: true })
    throw refusal
  }

  /**
   * For a call that goes on with a statement that has run, such as a fetch. Its error must not say that nothing has run,
   * because a program may catch the errors of both in one place.
   * @throws InterfaceError when the connection has been closed; its loss when it was lost.
   */
  requireOpenToGoOn(): void {
    const refusal = this.#refusal()
    if (refusal !== null) throw refusal
  }

  /** The error for a call on a closed connection; null when it is open. A new one for each call, so it may be changed. */
  #refusal(): DbError | null {
    if (this.isClosed) return new InterfaceError('connection is closed')
    return this.session.isClosed ? this.session.closedError() : null
  }

  /** @throws ProgrammingError after `tpc_prepare`, when only its second phase may follow. */
  requireUnprepared(): void {
    if (!this.isPrepared) return
    throw new ProgrammingError('the transaction has been prepared: tpc_commit or tpc_rollback comes next')
  }

  /** Rewrites the user's text with PostgreSQL's markers, `$1` and so on. */
  rewrite(sql: string, hasParameters: boolean, style: ParamStyle = this.paramstyle): RewrittenStatement {
    const standardConformingStrings = this.session.parameters.get('standard_conforming_strings') !== 'off'
    return rewrite(sql, style, { standardConformingStrings, hasParameters })
  }

  /** Runs the first flow of a call. If the connection is closed, the error says that nothing has run. */
  begin<T>(flow: Flow<T>, options: RunOptions = NO_OPTIONS): T {
    this.requireOpen()
    return this.run(flow, options)
  }

  /** Runs a flow. @throws its errors. The public method passes them through `call`, which sets their stack. */
  run<T>(flow: Flow<T>, options: RunOptions = NO_OPTIONS): T {
    // A flow without a query of the program may follow one in the same call, such as a lookup of the types in its rows.
    if (options.query === undefined) this.requireOpenToGoOn()
    else this.requireOpen()
    this.requireUnprepared()
    if (this.#copy !== null) throw new InterfaceError('a COPY is open on this connection: end it first')
    if (this.#interruptedCopy !== null) {
      const end = this.#interruptedCopy
      this.#interruptedCopy = null
      end()
    }
    const { query } = options
    if (query === undefined || !this.queryLog.isWatched) return this.step(flow, options)
    return this.queryLog.report(query, this.session.backendPid, () => this.step(flow, options))
  }

  /** Runs several flows as one query of the user, and reports it to loggers and tracing channels. */
  logged<T>(query: LoggableQuery, run: () => T): T {
    return this.queryLog.isWatched ? this.queryLog.report(query, this.session.backendPid, run) : run()
  }

  /** Runs a flow without the checks of `run`. Used for the steps of an open COPY. */
  step<T>(flow: Flow<T>, options: RunOptions = NO_OPTIONS): T {
    // The flow may read an iterable of the caller. The iterable's code must not use the connection on which the flow
    // runs.
    if (this.#isRunning) {
      throw new InterfaceError('the connection is in use: this code was called from a call that still runs on it', {
        hint: 'after an interrupted call, for example by the time limit of vm, return to the event loop before the next call',
      })
    }
    const { source = null, timeoutMs = this.commandTimeoutMs, messages = null } = options
    this.#watchTurn()
    this.#isRunning = true
    this.#ifInterrupted = options.ifInterrupted ?? null
    this.messages = messages
    this.context.deadlineMs = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity
    try {
      return this.#runInUtf8(flow)
    } catch (error) {
      if (source !== null && error instanceof DbError) mapToSource(error, source)
      throw error
    } finally {
      this.#isRunning = false
      this.#ifInterrupted = null
      this.messages = null
      this.context.deadlineMs = Infinity
    }
  }

  #runInUtf8<T>(flow: Flow<T>): T {
    const { context, session } = this
    try {
      return runFlow(flow, session)
    } finally {
      if (this.#copy === null && hasOtherEncoding(context)) runFlow(restoreEncoding(context), session)
    }
  }

  /**
   * Until `releaseCopy`, only `step` may use the connection. @param end ends the COPY when its call was interrupted.
   */
  holdForCopy(end: () => void): void {
    this.#copy = end
  }

  releaseCopy(): void {
    this.#copy = null
  }

  /** Marks the connection as closed. */
  close(): void {
    this.isClosed = true
    removeTurnEnd(this.#turnEnded)
  }

  /**
   * A call can be interrupted: Ctrl-C in a REPL throws its stack away without running a `finally`. A call never lasts
   * longer than one turn of the event loop, so any state that is still set at the end of the turn was left by an
   * interrupted call. It is reset then.
   */
  #watchTurn(): void {
    if (this.#isWatched) return
    atTurnEnd(this.#turnEnded)
    this.#isWatched = true
  }

  readonly #turnEnded = (): void => {
    this.#isWatched = false
    // The outcome of the interrupted call is unknown.
    if (this.#isRunning) this.context.statements.noteUnknownOutcome()
    this.#isRunning = false
    this.messages = null
    this.#interruptedCopy ??= this.#copy ?? this.#ifInterrupted
    this.#copy = null
    this.#ifInterrupted = null
    const { context } = this
    context.deadlineMs = Infinity
    context.scopes.length = 0
    context.scopeBegin = null
    context.sentBegin = null
  }
}

type Performer = (request: unknown) => ReplyOf<OperationName>

/** Runs a flow. Each operation blocks. @throws the flow's errors. */
function runFlow<T>(flow: Flow<T>, session: BlockingOperations): T {
  let step = flow.next()
  while (step.done !== true) {
    const asked: Asked = step.value
    let reply: ReplyOf<OperationName>
    try {
      // The cast is safe, because the flow's `ask` has checked that the request's type fits the operation.
      reply = (session[asked.operation] as Performer).call(session, asked.request)
    } catch (error) {
      step = flow.throw(error)
      continue
    }
    step = flow.next(reply)
  }
  return step.value
}

/** Changes an error to refer to the text that the user wrote instead of the text that was sent. */
function mapToSource(error: DbError, source: StatementSource): void {
  const { sql, rewritten } = source
  if (error.query !== rewritten.text || sql === rewritten.text) return
  const { position, statementPosition } = error
  amend(error, {
    query: sql,
    ...(position === undefined ? {} : { position: mapPosition(rewritten, position) }),
    ...(statementPosition === undefined ? {} : { statementPosition: mapPosition(rewritten, statementPosition) }),
  })
}
