/**
 * Reads the rows of a statement in pieces through a named portal, in bounded memory. A portal exists only in a
 * transaction. The first piece is requested together with the opening of the portal.
 */
import { DbError, InterfaceError } from '../errors/tree.ts'
import { requireUtf8 } from '../values/client-encoding.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, closingLimits, dueBegin, dueTimeout } from './flow-context.ts'
import { requireUtf8Rows } from './restore-encoding.ts'
import { resolveStatement } from './resolve-statement.ts'
import { withFieldsOfNow } from './row-collector.ts'

/** The state of a portal. The flows here update it. */
export interface Portal {
  readonly name: string
  readonly sql: string
  readonly statement: Statement
  /** The encoded arguments: a copy, because the scratch buffer is overwritten before the portal is opened. */
  readonly bind: Uint8Array
  isOpen: boolean
  /** The command tag, after the last row has arrived; null before. */
  tag: string | null
  /** An error that came after the rows of the last fetch. The next fetch throws it. null when there is none. */
  failure: unknown
}

export interface PortalOptions {
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** The options for its rows. They decide in which formats Bind requests the columns. */
  readonly rows?: RowShapeOptions | undefined
}

const NOTHING_CLOSED: readonly string[] = []
const QUERY_CANCELED = '57014'

let portals = 0

/**
 * Describes the statement and encodes its arguments. Opens nothing yet. The statement is described each time and never
 * taken from the cache, because all rows of the portal are decoded by this description. One round trip is little for a
 * large result.
 */
export function* preparePortal(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  prepared: Statement | null = null,
  { firstPlaces, rows = {} }: PortalOptions = {},
): Flow<Portal> {
  try {
    const statement = prepared ?? (yield* describedNow(context, sql, values, firstPlaces))
    requireUtf8(statement.traits.encodingUse, values)
    const { out } = context
    out.clear()
    encodeArguments(out, statement.formFor(rows), values)
    portals += 1
    return {
      name: `syncpg_portal_${portals}`,
      sql,
      statement,
      bind: out.take(),
      isOpen: false,
      tag: null,
      failure: null,
    }
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

function* describedNow(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  firstPlaces: readonly number[] | undefined,
): Flow<Statement> {
  const { statement } = yield* resolveStatement(context, sql, values, { firstPlaces, isOneOff: true })
  return yield* withFieldsOfNow(context, statement)
}

/**
 * Fetches the next rows, at most `rowLimit` (0 for all that are left).
 * @param isIterated whether a loop fetches all rows with the same limit. Then rows that arrived before an error are
 *   returned, and the next fetch throws the error
 * @throws InterfaceError outside a transaction, where a portal cannot exist.
 */
export function* fetchPortal(
  context: FlowContext,
  portal: Portal,
  rowLimit: number,
  rows: RowSink,
  isIterated = false,
): Flow<void> {
  if (portal.tag !== null) return
  if (portal.failure !== null) throw portal.failure
  const { name, statement, bind, sql } = portal
  if (!portal.isOpen) requireTransaction(context)
  const parse = statement.name === '' ? statement : null
  const sink = isIterated ? new CountingSink(rows) : rows
  const open = portal.isOpen ? null : { name: statement.name, parse, bind }
  try {
    const timeoutMs = dueTimeout(context)
    const begin = dueBegin(context)
    // The session may have prefetched this page. No names are passed, because a prefetched page sends no request that
    // could close them.
    const closing = portal.isOpen && isIterated ? NOTHING_CLOSED : context.statements.takeClosing()
    const request = { portal: name, open, rowLimit, rows: sink, isIterated, begin, closing, timeoutMs }
    const reply = yield* ask('fetchPortal', request)
    portal.isOpen = true
    portal.tag = reply.tag
    context.statements.noteCommand('', statement)
    requireUtf8Rows(context, statement, null)
  } catch (error) {
    const noted = noteFailure(context, error, sql)
    if (!(sink instanceof CountingSink) || !sink.hasRows || !isOfRow(context, error)) throw noted
    portal.isOpen = true
    portal.failure = noted
  }
  // A finished portal keeps its table in use, so that DROP TABLE fails. It is closed at once, as asyncpg does.
  if (portal.tag !== null) yield* closePortal(context, portal)
}

/**
 * Whether the error is about one row: an ERROR of the server, and not a cancel or the end of the session, which are
 * thrown at once.
 */
function isOfRow({ state }: FlowContext, error: unknown): boolean {
  if (state.isClosed || !(error instanceof DbError) || error.interrupted === true) return false
  return error.severity === 'ERROR' && error.sqlstate !== QUERY_CANCELED
}

class CountingSink implements RowSink {
  readonly #sink: RowSink
  hasRows = false

  constructor(sink: RowSink) {
    this.#sink = sink
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    this.hasRows = true
    this.#sink.take(bytes, start, end)
  }
}

/** Closes the portal on the server. Does nothing when it is closed, or when its transaction has ended. */
export function* closePortal(context: FlowContext, portal: Portal): Flow<void> {
  if (!portal.isOpen) return
  portal.isOpen = false
  portal.tag ??= ''
  if (context.state.isClosed || context.state.transactionStatus !== 'T') return
  yield* ask('closePortal', { portal: portal.name, ...closingLimits(context) })
}

/** @throws InterfaceError outside a transaction, where a cursor cannot exist. */
export function requireTransaction(context: FlowContext): void {
  const { state, scopeBegin, begin } = context
  if (state.transactionStatus !== 'I' || scopeBegin !== null || begin !== null) return
  throw new InterfaceError('a cursor needs a transaction to live in: open one, or DECLARE the cursor WITH HOLD in SQL')
}
