/**
 * One statement, its arguments, its rows: the flow behind every fetch and every single execute. Recovers from a plan
 * that went stale or a statement the server lost, where nothing has happened yet that a second try would repeat.
 */
import { DbError, NotSupportedError } from '../errors/tree.ts'
import { EncodingGuard } from '../values/client-encoding.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout } from './flow-context.ts'
import { knownStatement, resolveStatement } from './resolve-statement.ts'
import { runCommand } from './run-script.ts'

export interface StatementRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  /** A statement the caller prepared: run as it is, and never again by itself. */
  readonly prepared?: Statement | undefined
  /** Type OIDs the caller asks for, by parameter. */
  readonly hints?: readonly number[] | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Not to be kept as a prepared statement. */
  readonly isOneOff?: boolean | undefined
  /** Most rows wanted, 0 for all. */
  readonly rowLimit?: number
  /** Where the rows of this statement go; asked anew for every attempt. */
  sinkFor(statement: Statement): RowSink
}

export interface StatementResult {
  readonly statement: Statement
  /** The command tag; null when the row limit ended it early. */
  readonly tag: string | null
}

const FEATURE_NOT_SUPPORTED = '0A000'
const INVALID_SQL_STATEMENT_NAME = '26000'

/** @throws the server's errors; DataError and ProgrammingError for arguments that do not fit, before anything runs. */
export function* runStatement(context: FlowContext, request: StatementRequest): Flow<StatementResult> {
  const wasIdle = context.state.transactionStatus === 'I'
  const { scopeBegin } = context
  try {
    return yield* attempt(context, request)
  } catch (error) {
    const isOurs = request.prepared === undefined && !context.isPipelining
    const mayTryAgain = wasIdle && isOurs && !context.state.isClosed
    if (!mayTryAgain || !isLostPlan(error)) throw noteFailure(context, error, request.sql)
  }
  // The plan was refused before it ran, and the transaction, if one was begun, held nothing else: once more from scratch.
  context.statements.clear()
  if (context.state.transactionStatus !== 'I') yield* runCommand(context, 'ROLLBACK', false)
  context.scopeBegin = scopeBegin
  try {
    return yield* attempt(context, request)
  } catch (error) {
    throw noteFailure(context, error, request.sql)
  }
}

function* attempt(context: FlowContext, request: StatementRequest): Flow<StatementResult> {
  const { sql, values, prepared } = request
  const known = prepared ?? knownStatement(context, sql, request)
  const statement = known ?? (yield* resolveStatement(context, sql, values, request)).statement
  const { out, statements } = context
  out.clear()
  encodeArguments(out, statement, values)
  const guard = statement.setsOtherEncoding ? guardOf(context, request, statement) : null
  const reply = yield* ask('execute', {
    name: statement.name,
    parse: statement.name === '' ? statement : null,
    bind: out.view(),
    rowLimit: request.rowLimit ?? 0,
    rows: guard ?? request.sinkFor(statement),
    timeoutMs: dueTimeout(context),
    begin: dueBegin(context),
    closing: statements.takeClosing(),
  })
  guard?.end()
  if (reply.tag !== null) statements.heed(reply.tag)
  return { statement, tag: reply.tag }
}

function guardOf({ isPipelining }: FlowContext, request: StatementRequest, statement: Statement): EncodingGuard {
  if (isPipelining) {
    throw new NotSupportedError('a statement that sets client_encoding cannot be one of several in flight')
  }
  const codecs = statement.columnCodecs
  return new EncodingGuard(request.sinkFor(statement), (column) => {
    const codec = codecs[column]
    return codec !== undefined && (codec.format === 0 || codec.isText === true)
  })
}

/** A cached plan whose result changed its shape, or a statement the server has lost. */
function isLostPlan(error: unknown): boolean {
  if (!(error instanceof DbError)) return false
  if (error.sqlstate === INVALID_SQL_STATEMENT_NAME) return true
  return error.sqlstate === FEATURE_NOT_SUPPORTED && error.serverSourceFunction === 'RevalidateCachedQuery'
}
