/**
 * What a connection and its cursors share below their public faces: the session, the flows' context, and the one place
 * where a flow is run and its errors are made fit for the caller. Not exported by the door.
 */
import { InterfaceError, DbError, ProgrammingError, amend, type Warning } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import type { FlowContext } from '../src-async/flows/flow-context.ts'
import { hasOtherEncoding, restoreEncoding } from '../src-async/flows/restore-encoding.ts'
import type { BlockingSession } from '../worker/caller/blocking-session.ts'
import { mapPosition } from './paramstyle/map-position.ts'
import { type ParamStyle, type RewrittenStatement, rewrite } from './paramstyle/rewrite.ts'
import { type LoggableQuery, QueryLog } from './query-log.ts'
import { type PublicMethod, onCallersStack, runFlow } from './run-flow.ts'

/** A message of the server's that is no error, with its class. */
export type ServerMessage = readonly [new (...args: never[]) => Warning, Warning]

/** A text as its author wrote it, and as the server sees it. */
export interface StatementSource {
  readonly sql: string
  readonly rewritten: RewrittenStatement
}

export interface RunOptions {
  /** The statement a flow is about: positions in its errors are mapped back to the text the user wrote. */
  readonly source?: StatementSource | null | undefined
  /** A query of the user's, which loggers and tracing channels are told of. */
  readonly query?: LoggableQuery | undefined
  /** Limit of the whole flow, 0 for none; the connection's `commandTimeout` unless given. */
  readonly timeoutMs?: number | undefined
  /** Ends what a flow leaves open on the server when its stack is torn off: a COPY. */
  readonly ifTorn?: (() => void) | undefined
  /** Where notices that come meanwhile are noted, beside the connection's own list. */
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
  /** Limit of each call that names none, 0 for none. */
  commandTimeoutMs: number
  /** Set by `close`: after it every use is refused, whatever the session says. */
  isClosed = false
  /** True between `tpc_prepare` and its second phase. */
  isPrepared = false
  /** The list of the cursor whose call runs. */
  messages: ServerMessage[] | null = null
  /** OIDs of types by the names `setinputsizes` was given, for the statement they were given for. */
  readonly typeOids = new Map<string, number>()
  readonly queryLog = new QueryLog()
  #isRunning = false
  #isWatched = false
  /** A COPY that is open between calls of the user's: what ends it. */
  #copy: (() => void) | null = null
  /** What would end the COPY of the call that runs. */
  #ifTorn: (() => void) | null = null
  #tornCopy: (() => void) | null = null

  constructor(init: EngineInit) {
    this.session = init.session
    this.context = init.context
    this.paramstyle = init.paramstyle
    this.commandTimeoutMs = init.commandTimeoutMs
  }

  /** @throws InterfaceError when the connection has been closed or lost. */
  requireOpen(): void {
    if (this.isClosed) throw new InterfaceError('connection is closed')
    if (this.session.isClosed) throw this.session.closedError()
  }

  /** @throws ProgrammingError after `tpc_prepare`, when only its second phase may follow. */
  requireUnprepared(): void {
    if (!this.isPrepared) return
    throw new ProgrammingError('the transaction has been prepared: tpc_commit or tpc_rollback comes next')
  }

  /** The user's text in PostgreSQL's own markers. */
  rewrite(sql: string, hasParameters: boolean, style: ParamStyle = this.paramstyle): RewrittenStatement {
    const standardConformingStrings = this.session.parameters.get('standard_conforming_strings') !== 'off'
    return rewrite(sql, style, { standardConformingStrings, hasParameters })
  }

  /** Runs a flow. @throws its errors, fit to be thrown by the public method that `call` is wrapped in. */
  run<T>(flow: Flow<T>, options: RunOptions = NO_OPTIONS): T {
    this.requireOpen()
    this.requireUnprepared()
    if (this.#copy !== null) throw new InterfaceError('a COPY is open on this connection: end it first')
    if (this.#tornCopy !== null) {
      const end = this.#tornCopy
      this.#tornCopy = null
      end()
    }
    const { query } = options
    if (query === undefined || !this.queryLog.isWatched) return this.step(flow, options)
    return this.queryLog.tell(query, this.session.backendPid, () => this.step(flow, options))
  }

  /** Runs what takes several flows for one query of the user's, and tells loggers and tracing channels of it. */
  told<T>(query: LoggableQuery, run: () => T): T {
    return this.queryLog.isWatched ? this.queryLog.tell(query, this.session.backendPid, run) : run()
  }

  /** Runs a flow of the COPY that is open. */
  step<T>(flow: Flow<T>, options: RunOptions = NO_OPTIONS): T {
    // An iterable of the caller's, stepped by the flow, may not use the connection the flow runs on.
    if (this.#isRunning) {
      throw new InterfaceError('the connection is in use by the call this code was called from', {
        hint: 'after a call that was torn off (the time limit of vm) return to the event loop first',
      })
    }
    const { source = null, timeoutMs = this.commandTimeoutMs, messages = null } = options
    this.#watchTurn()
    this.#isRunning = true
    this.#ifTorn = options.ifTorn ?? null
    this.messages = messages
    this.context.deadlineMs = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity
    try {
      return this.#runInUtf8(flow)
    } catch (error) {
      if (source !== null && error instanceof DbError) tellSource(error, source)
      throw error
    } finally {
      this.#isRunning = false
      this.#ifTorn = null
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

  /** Lets nobody but `step` use the connection until `releaseCopy`. @param end ends the COPY if nobody else does. */
  holdForCopy(end: () => void): void {
    this.#copy = end
  }

  releaseCopy(): void {
    this.#copy = null
  }

  /**
   * A call's stack can be torn off in the middle, by Ctrl-C in a REPL, without running a `finally`. Nothing here lasts
   * longer than a turn of the event loop, so what is still set when a microtask runs was left by a torn call.
   */
  #watchTurn(): void {
    if (this.#isWatched) return
    // In this order: a stack torn off between the two queues it once more.
    queueMicrotask(() => {
      this.#isWatched = false
      // Nobody has seen what the torn call did.
      if (this.#isRunning) this.context.statements.doubt()
      this.#isRunning = false
      this.messages = null
      this.#tornCopy ??= this.#copy ?? this.#ifTorn
      this.#copy = null
      this.#ifTorn = null
      const { context } = this
      context.deadlineMs = Infinity
      context.scopes.length = 0
      context.scopeBegin = null
      context.sentBegin = null
    })
    this.#isWatched = true
  }
}

/**
 * Runs the body of a public method; its errors get the stack of whoever called the method.
 * @param inner the public method the body calls, if it does.
 */
export function call<T>(method: PublicMethod, body: () => T, inner?: PublicMethod): T {
  try {
    return body()
  } catch (error) {
    throw onCallersStack(error, method, inner)
  }
}

/** Makes an error speak of the text the user wrote instead of the one the server saw. */
function tellSource(error: DbError, source: StatementSource): void {
  const { sql, rewritten } = source
  if (error.query !== rewritten.text || sql === rewritten.text) return
  const { position, statementPosition } = error
  amend(error, {
    query: sql,
    ...(position === undefined ? {} : { position: mapPosition(rewritten, position) }),
    ...(statementPosition === undefined ? {} : { statementPosition: mapPosition(rewritten, statementPosition) }),
  })
}
