/**
 * A statement read in pieces through a named portal: bounded memory for results of any size. A portal lives in a
 * transaction; its first piece travels with its opening.
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

/** What is known of a portal; `flow`s move it along. */
export interface Portal {
  readonly name: string
  readonly sql: string
  readonly statement: Statement
  /** The arguments, encoded: the scratch they were encoded in is long overwritten when the portal is opened. */
  readonly bind: Uint8Array
  isOpen: boolean
  /** The command tag once the last row has come. */
  tag: string | null
  /** What failed after the rows that were given last; null while nothing has. */
  failure: unknown
}

export interface PortalOptions {
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** How its rows will be decoded: Bind asks for their formats. */
  readonly rows?: RowShapeOptions | undefined
}

const NOTHING_CLOSED: readonly string[] = []
const QUERY_CANCELED = '57014'

let portals = 0

/**
 * Describes the statement and encodes its arguments; opens nothing yet. It is described anew each time: a portal's rows
 * are read by this description to their end, and one trip is little beside them.
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
 * The next rows, at most `rowLimit` (0 for all that are left).
 * @param isIterated whether the next ones will be asked for in the same way. Then rows that came before one that failed are
 *   given, and the call after that fails
 * @throws InterfaceError outside a transaction, where a portal cannot live.
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
    // A trip that was made ahead brings nothing along.
    const closing = portal.isOpen && isIterated ? NOTHING_CLOSED : context.statements.takeClosing()
    const request = { portal: name, open, rowLimit, rows: sink, isIterated, begin, closing, timeoutMs }
    const reply = yield* ask('fetchPortal', request)
    portal.isOpen = true
    portal.tag = reply.tag
    context.statements.heed('', statement)
    requireUtf8Rows(context, statement, null)
  } catch (error) {
    const noted = noteFailure(context, error, sql)
    if (!(sink instanceof CountingSink) || !sink.hasRows || !isOfRow(context, error)) throw noted
    portal.isOpen = true
    portal.failure = noted
  }
  // A finished portal still holds its table; asyncpg closes it at once, so that the table can be dropped.
  if (portal.tag !== null) yield* closePortal(context, portal)
}

/** Whether the server could not make a row. An end of the call or of the session is heard at once. */
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

/** Gives the portal back to the server; nothing when it is closed, or gone with its transaction. */
export function* closePortal(context: FlowContext, portal: Portal): Flow<void> {
  if (!portal.isOpen) return
  portal.isOpen = false
  portal.tag ??= ''
  if (context.state.isClosed || context.state.transactionStatus !== 'T') return
  yield* ask('closePortal', { portal: portal.name, ...closingLimits(context) })
}

/** @throws InterfaceError where a cursor could not live. */
export function requireTransaction(context: FlowContext): void {
  const { state, scopeBegin, begin } = context
  if (state.transactionStatus !== 'I' || scopeBegin !== null || begin !== null) return
  throw new InterfaceError('a cursor needs a transaction to live in: open one, or DECLARE the cursor WITH HOLD in SQL')
}
