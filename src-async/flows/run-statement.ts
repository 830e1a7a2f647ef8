/**
 * Runs one statement with its arguments. Its rows are decoded while more arrive (`fetchRows`), dropped (`executeOne`),
 * or passed to a sink (`runStatement`). A cached statement may be stale. If that made the server refuse it before it
 * began, it is described again and retried once.
 */
import { EncodingGuard, requireNoEncoding, requireUtf8 } from '../values/client-encoding.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import type { Row } from '../values/record.ts'
import type { BindForm, Statement } from '../values/statement.ts'
import { isHarmlessSetting } from '../values/text-traits.ts'
import { UNDO_GUARD } from '../wire/guard.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { isOutcomeUnknown, noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout, otherEncoding } from './flow-context.ts'
import { markExecution } from './executions.ts'
import { learnTypes } from './learn-types.ts'
import { mayRunAtOnce, runAtOnce } from './run-at-once.ts'
import { type ResolveOptions, knownStatement, resolveStatement } from './resolve-statement.ts'
import { requireUtf8Rows } from './restore-encoding.ts'
import { runCommand } from './run-script.ts'
import { RowCollector } from './row-collector.ts'
import type { RowsRequest, SinkFor, StatementRequest, StatementResult } from './statement-request.ts'
import { undoBegin } from './undo-begin.ts'
import { dueGuard, isLost, isRefusalByType, isStale, needsGuard } from './stale-statement.ts'

export interface FetchResult {
  readonly rows: Row[]
  /** The command tag; null when the row limit ended the statement early. */
  readonly tag: string | null
}

/** A sink that drops all rows. */
export const DROP_ROWS: RowSink = { take() {} }

/**
 * Runs a statement and returns its rows. A value that cannot be decoded fails the call but not the connection: the
 * remaining rows are read and dropped.
 * @throws the errors of `runStatement`; DataError when a value cannot be decoded.
 */
export function* fetchRows(context: FlowContext, request: RowsRequest): Flow<FetchResult> {
  let collector: RowCollector | null = null
  const { tag } = yield* runStatement(context, request, (statement) => {
    // A retry gets a new collector, so rows of the first try cannot mix with it.
    collector = new RowCollector(context, statement, request.rows)
    return collector.sink
  })
  try {
    const rows = yield* (collector as unknown as RowCollector).rows()
    return { rows, tag }
  } catch (error) {
    throw noteFailure(context, error)
  }
}

/**
 * Runs a statement and drops its rows.
 * @returns the command tag; `''` when the text contains no statement.
 */
export function* executeOne(context: FlowContext, request: StatementRequest): Flow<string> {
  const { tag } = yield* runStatement(context, request, () => DROP_ROWS)
  return tag ?? ''
}

/** Whether the statement is described before it runs. It may be described although this is false. */
export function mustBeDescribed(context: FlowContext, request: StatementRequest): boolean {
  return knownStatement(context, request.sql, request) === null && !mayRunAtOnce(context, request)
}

/** @throws the server's errors; DataError and ProgrammingError for arguments that do not fit, before anything runs. */
export function* runStatement(
  context: FlowContext,
  request: StatementRequest,
  sinkFor: SinkFor,
): Flow<StatementResult> {
  const { state, statements, scopeBegin } = context
  const { sql, values, prepared, described } = request
  const wasIdle = state.transactionStatus === 'I'
  if (wasIdle) statements.beginTransaction()
  let isGuarded = false
  let isRemembered = false
  try {
    // The codecs for `types` are made at their first use, and its types may have been forgotten since it was prepared.
    if (prepared !== undefined && request.rows?.types !== undefined) yield* learnTypes(context, prepared.types())
    let statement = prepared ?? described?.statement ?? knownStatement(context, sql, request)
    if (statement === null && mayRunAtOnce(context, request)) {
      const result = yield* runAtOnce(context, request, sinkFor)
      if (result !== null) return result
    }
    if (statement === null) {
      const resolved = yield* resolveStatement(context, sql, values, request)
      statement = resolved.statement
      isRemembered = resolved.isRemembered
    } else isRemembered = described?.isRemembered ?? prepared === undefined
    try {
      encode(context, statement, request)
    } catch (error) {
      if (!isRemembered || !isRefusalByType(error) || context.state.isClosed) throw error
      statement = yield* describedAgain(context, request, statement, error)
      isRemembered = false
      encode(context, statement, request)
    }
    requireEncoding(context, statement, values)
    isGuarded = needsGuard(context, statement, isRemembered)
    const begin = isGuarded ? dueGuard(context) : dueBegin(context)
    return yield* execute(context, request, statement, sinkFor(statement), begin)
  } catch (error) {
    if (!isUndoable(context, request, error, { isUnbegun: wasIdle || isGuarded, isRemembered })) {
      // In a pipeline there is no retry, because the statements after it have been sent. The entry is dropped, so that
      // the next call does not fail for the same reason.
      if (context.isPipelining && isStale(error, isRemembered)) forgetStale(context, sql, error)
      throw noteFailure(context, error, sql)
    }
    forgetStale(context, sql, error)
  }
  // The server refused the statement before it began. If a transaction was begun for it, nothing else ran in it.
  try {
    if (isGuarded) yield* runCommand(context, UNDO_GUARD, false)
    else yield* undoBegin(context, scopeBegin)
    const { statement } = yield* resolveStatement(context, sql, values, retryOptions(request))
    encode(context, statement, request)
    return yield* execute(context, request, statement, sinkFor(statement), dueBegin(context))
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

const HARMLESS = { changesMeaning: false, callsUnknown: true }

/**
 * Whether the only settings that the statement changes are named by values, and have no influence on the meaning of
 * texts.
 */
function changesNothing({ traits }: Statement, values: readonly unknown[]): boolean {
  const { settingParameters } = traits
  return settingParameters.length > 0 && settingParameters.every((number) => isHarmlessSetting(values[number - 1]))
}

/**
 * Drops the stale entry. When the server no longer has the statement, it has most likely lost all others too, so all
 * entries are dropped.
 */
function forgetStale({ statements }: FlowContext, sql: string, error: unknown): void {
  if (isLost(error)) statements.clear()
  else statements.forgetText(sql)
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
  sink: RowSink,
  begin: string | null,
): Flow<StatementResult> {
  const { out, statements } = context
  const isSuspect = statement.traits.encodingUse !== 'none'
  const guard = isSuspect ? new EncodingGuard(sink, isTextIn(formOf(statement, request))) : null
  try {
    const execution = {
      name: statement.name,
      parse: statement.name === '' ? statement : null,
      bind: out.view(),
      rowLimit: request.rowLimit ?? 0,
      rows: guard ?? sink,
      timeoutMs: dueTimeout(context),
      begin,
      closing: statements.takeClosing(),
    }
    if (context.isPipelining) markExecution(execution)
    const { tag } = yield* ask('execute', execution)
    statement.provenIn = statements.proof
    // A statement that was ended by the row limit has no tag.
    statements.noteCommand(
      tag ?? '',
      changesNothing(statement, request.values) ? { columns: statement.columns, traits: HARMLESS } : statement,
    )
    if (guard === null) requireUtf8Rows(context, statement, tag)
    else if (otherEncoding(context) !== null) guard.end()
    return { statement, tag }
  } catch (error) {
    if (isOutcomeUnknown(error)) statements.noteUnknownOutcome()
    throw error
  }
}

function isTextIn({ columnCodecs }: BindForm): (column: number) => boolean {
  return (column) => {
    const codec = columnCodecs[column]
    return codec !== undefined && (codec.format === 0 || codec.isText === true)
  }
}

/** @throws NotSupportedError for a statement whose text would arrive in another encoding than UTF-8. */
function requireEncoding({ isPipelining }: FlowContext, { traits }: Statement, values: readonly unknown[]): void {
  const { encodingUse } = traits
  if (encodingUse === 'none') return
  if (isPipelining) requireNoEncoding(encodingUse, values, 'several in flight')
  requireUtf8(encodingUse, values)
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

/** Describes the statement again. @throws the refusal when the description has not changed. */
function* describedAgain(
  context: FlowContext,
  request: StatementRequest,
  statement: Statement,
  refusal: unknown,
): Flow<Statement> {
  const again = (yield* resolveStatement(context, request.sql, request.values, retryOptions(request))).statement
  if (isSame(again, statement)) throw refusal
  return again
}

/** Whether two descriptions of a text have the same parameter types and codecs. */
export function isSame(one: Statement, other: Statement): boolean {
  const { parameterTypes, parameterCodecs } = one
  if (parameterTypes.length !== other.parameterTypes.length) return false
  return parameterTypes.every(
    (oid, index) => oid === other.parameterTypes[index] && parameterCodecs[index] === other.parameterCodecs[index],
  )
}

function retryOptions({ hints, firstPlaces, isOneOff }: StatementRequest): ResolveOptions {
  return { hints, firstPlaces, isOneOff, ignoresCache: true }
}
