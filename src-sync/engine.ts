/**
 * What a connection and its cursors share below their public faces: the session, the flows' context, and the one place
 * where a flow is run and its errors are made fit for the caller. Not exported by the door.
 */
import { InterfaceError, DbError, amend } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import type { FlowContext } from '../src-async/flows/flow-context.ts'
import type { BlockingSession } from '../worker/blocking-session.ts'
import { mapPosition } from './paramstyle/map-position.ts'
import { type ParamStyle, type RewrittenStatement, rewrite } from './paramstyle/rewrite.ts'
import { type PublicMethod, onCallersStack, runFlow } from './run-flow.ts'

export class Engine {
  readonly session: BlockingSession
  readonly context: FlowContext
  paramstyle: ParamStyle
  /** Set by `close`: after it every use is refused, whatever the session says. */
  isClosed = false
  #isRunning = false

  constructor(session: BlockingSession, context: FlowContext, paramstyle: ParamStyle) {
    this.session = session
    this.context = context
    this.paramstyle = paramstyle
  }

  /** @throws InterfaceError when the connection has been closed or lost. */
  requireOpen(): void {
    if (this.isClosed || this.session.isClosed) throw new InterfaceError('connection is closed')
  }

  /** The user's text in PostgreSQL's own markers. */
  rewrite(sql: string, hasParameters: boolean): RewrittenStatement {
    const standardConformingStrings = this.session.parameters.get('standard_conforming_strings') !== 'off'
    return rewrite(sql, this.paramstyle, { standardConformingStrings, hasParameters })
  }

  /**
   * Runs a flow.
   * @param source the statement it is about: positions in its errors are mapped back to the text the user wrote.
   * @throws the flow's errors, seen from the caller of the public method that `call` is wrapped in.
   */
  run<T>(flow: Flow<T>, source: { readonly sql: string; readonly rewritten: RewrittenStatement } | null = null): T {
    this.requireOpen()
    // An iterable of the caller's, stepped by the flow, may not use the connection the flow runs on.
    if (this.#isRunning) {
      throw new InterfaceError('the connection is in use by the call this code was called from')
    }
    this.#isRunning = true
    try {
      return runFlow(flow, this.session)
    } catch (error) {
      if (source !== null && error instanceof DbError) tellSource(error, source)
      throw error
    } finally {
      this.#isRunning = false
    }
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
function tellSource(error: DbError, source: { readonly sql: string; readonly rewritten: RewrittenStatement }): void {
  const { sql, rewritten } = source
  if (error.query !== rewritten.text || sql === rewritten.text) return
  const { position } = error
  amend(error, { query: sql, ...(position === undefined ? {} : { position: mapPosition(rewritten, position) }) })
}
