/**
 * One statement, its arguments, its rows: the flow behind every fetch and every single execute. A statement out of the
 * cache may be stale: what the cache alone made fail is described anew and run once more, where the server has refused it
 * before it began.
 */
import { NotSupportedError } from '../errors/tree.ts'
import { EncodingGuard } from '../values/client-encoding.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { BindForm, Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { UNDO_GUARD } from '../wire/guard.ts'
import { ask, type Flow } from './ask.ts'
import { isUntold, noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout } from './flow-context.ts'
import { type ResolveOptions, knownStatement, resolveStatement } from './resolve-statement.ts'
import { runCommand } from './run-script.ts'
import { dueGuard, isLost, isRefusalByType, isStale, needsGuard } from './stale-statement.ts'

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
  /** What rows the sink is for: their formats are asked for accordingly. */
  readonly rows?: RowShapeOptions | undefined
  /** Where the rows of this statement go; asked anew for every attempt. */
  sinkFor(statement: Statement): RowSink
}

export interface StatementResult {
  readonly statement: Statement
  /** The command tag; null when the row limit ended it early. */
  readonly tag: string | null
}

/** @throws the server's errors; DataError and ProgrammingError for arguments that do not fit, before anything runs. */
export function* runStatement(context: FlowContext, request: StatementRequest): Flow<StatementResult> {
  const { state, statements, scopeBegin } = context
  const { sql, values, prepared } = request
  const wasIdle = state.transactionStatus === 'I'
  if (wasIdle) statements.beginTransaction()
  let isGuarded = false
  let isRemembered = false
  try {
    let statement = prepared ?? knownStatement(context, sql, request)
    if (statement === null) {
      const resolved = yield* resolveStatement(context, sql, values, request)
      statement = resolved.statement
      isRemembered = resolved.isRemembered
    } else isRemembered = prepared === undefined
    try {
      encode(context, statement, request)
    } catch (error) {
      if (!isRemembered || !isRefusalByType(error) || !mayAsk(context)) throw error
      statement = yield* describedAnew(context, request, statement, error)
      isRemembered = false
      encode(context, statement, request)
    }
    requireOwnFlight(context, statement)
    isGuarded = needsGuard(context, statement, isRemembered)
    const begin = isGuarded ? dueGuard(context) : dueBegin(context)
    return yield* execute(context, request, statement, begin)
  } catch (error) {
    if (!isUndoable(context, request, error, { isUnbegun: wasIdle || isGuarded, isRemembered })) {
      throw noteFailure(context, error, sql)
    }
    if (isLost(error)) statements.clear()
  }
  // The server refused the statement before it began, and the transaction, if one was begun for it, held nothing else.
  try {
    if (isGuarded) yield* runCommand(context, UNDO_GUARD, false)
    else yield* undoBegin(context, scopeBegin)
    const { statement } = yield* resolveStatement(context, sql, values, anew(request))
    encode(context, statement, request)
    return yield* execute(context, request, statement, dueBegin(context))
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

/** Takes back the BEGIN that left with a statement the server refused. @param scopeBegin what was due before. */
export function* undoBegin(context: FlowContext, scopeBegin: string | null): Flow<void> {
  if (context.state.transactionStatus !== 'I') yield* runCommand(context, 'ROLLBACK', false)
  context.scopeBegin = scopeBegin
}

function encode({ out }: FlowContext, statement: Statement, request: StatementRequest): void {
  out.clear()
  encodeArguments(out, formOf(statement, request), request.values)
}

function formOf(statement: Statement, { rows }: StatementRequest): BindForm {
  return rows === undefined ? statement : statement.formFor(rows)
}

function* execute(
  context: FlowContext,
  request: StatementRequest,
  statement: Statement,
  begin: string | null,
): Flow<StatementResult> {
  const { out, statements } = context
  const sink = request.sinkFor(statement)
  const guard = statement.setsOtherEncoding ? encodingGuard(sink, formOf(statement, request)) : null
  try {
    const { tag } = yield* ask('execute', {
      name: statement.name,
      parse: statement.name === '' ? statement : null,
      bind: out.view(),
      rowLimit: request.rowLimit ?? 0,
      rows: guard ?? sink,
      timeoutMs: dueTimeout(context),
      begin,
      closing: statements.takeClosing(),
    })
    statement.provenIn = statements.transaction
    // A statement that the row limit ended has no tag.
    statements.heed(tag ?? '', statement)
    guard?.end()
    return { statement, tag }
  } catch (error) {
    if (isUntold(error)) statements.doubt()
    throw error
  }
}

function encodingGuard(sink: RowSink, { columnCodecs }: BindForm): EncodingGuard {
  return new EncodingGuard(sink, (column) => {
    const codec = columnCodecs[column]
    return codec !== undefined && (codec.format === 0 || codec.isText === true)
  })
}

/** @throws NotSupportedError for a statement whose effect has to be looked at before anything else is sent. */
function requireOwnFlight({ isPipelining }: FlowContext, statement: Statement): void {
  if (isPipelining && statement.setsOtherEncoding) {
    throw new NotSupportedError('a statement that sets client_encoding cannot be one of several in flight')
  }
}

function isUndoable(
  context: FlowContext,
  request: StatementRequest,
  error: unknown,
  { isUnbegun, isRemembered }: { isUnbegun: boolean; isRemembered: boolean },
): boolean {
  const isOurs = request.prepared === undefined && !context.isPipelining && !context.state.isClosed
  return isOurs && isUnbegun && isStale(error, isRemembered)
}

function mayAsk({ state, isPipelining }: FlowContext): boolean {
  return !isPipelining && !state.isClosed
}

/** @throws the refusal, where the statement is what it was. */
function* describedAnew(
  context: FlowContext,
  request: StatementRequest,
  statement: Statement,
  refusal: unknown,
): Flow<Statement> {
  const again = (yield* resolveStatement(context, request.sql, request.values, anew(request))).statement
  if (isSame(again, statement)) throw refusal
  return again
}

/** Whether two descriptions of a text take the same parameters by the same codecs. */
export function isSame(one: Statement, other: Statement): boolean {
  const { parameterTypes, parameterCodecs } = one
  if (parameterTypes.length !== other.parameterTypes.length) return false
  return parameterTypes.every(
    (oid, index) => oid === other.parameterTypes[index] && parameterCodecs[index] === other.parameterCodecs[index],
  )
}

function anew({ hints, firstPlaces, isOneOff }: StatementRequest): ResolveOptions {
  return { hints, firstPlaces, isOneOff, isAnew: true }
}
