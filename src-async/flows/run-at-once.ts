/**
 * Runs a text that is not in the cache in one round trip: Parse, Bind, Describe, Execute, Sync, with the arguments as
 * text and the rows in binary. In the first run the statement is unnamed. In the second run it has a name and is
 * cached. Some texts are described before they run, in `run-statement.ts`: when the arguments cannot be sent without
 * their types, or when the server refused the text before it began. See docs/decisions/new-texts.md.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { DbError, NotSupportedError } from '../errors/tree.ts'
import { writeArgumentsAsText } from '../values/arguments-as-text.ts'
import type { ResultTypes } from '../values/call-types.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import { fitsAnyColumns } from '../values/row-shapes.ts'
import { Statement, storesValues } from '../values/statement.ts'
import { type TextTraits, mayGiveRows, traitsOf } from '../values/text-traits.ts'
import { CANCEL_GRACE_MS } from '../wire/grace.ts'
import { type GuardKind, UNDO_GUARD } from '../wire/guard.ts'
import type { ExecuteRequest } from '../wire/operations.ts'
import type { Description, RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { markExecution } from './executions.ts'
import { isOutcomeUnknown } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { isRefusalOfPlaces, isRefusalOfTypes } from './resolve-statement.ts'
import { requireUtf8Rows } from './restore-encoding.ts'
import { runCommand } from './run-script.ts'
import { dueGuard, hasSavepoints, isRefusalByType } from './stale-statement.ts'
import { keyOf } from './statement-cache.ts'
import type { SinkFor, StatementRequest, StatementResult } from './statement-request.ts'
import { hasUnreadable, textColumnsOf, withTextOf } from './text-columns.ts'
import { undoBegin } from './undo-begin.ts'

const NO_TYPES: readonly number[] = []
/**
 * Errors of the server at Bind about arguments, besides the class of data exceptions: a wrong number of arguments, a
 * missing parameter, a name in use, an unknown statement name.
 */
const ARGUMENT_REFUSALS: ReadonlySet<string> = new Set(['08P01', '42P02', '42P05', '26000'])
const UNDEFINED_FUNCTION = '42883'
/**
 * Functions of PostgreSQL whose effect a rollback does not undo. A text whose rows have no binary form is rolled back
 * and runs again, so a text with these functions is described first.
 */
const LASTING_EFFECTS =
  /\b(?:nextval|setval|pg_(?:try_)?advisory\w*|pg_notify|pg_(?:terminate|cancel)_backend|dblink\w*|set_config)\b/i
/** Functions of the server that produce the binary form of a value, such as `array_send`. */
const WRITERS_OF_BINARY = /^getTypeBinaryOutputInfo$|_send$/

/** Whether a text may run without being described first. `runAtOnce` checks its arguments. */
export function mayRunAtOnce(context: FlowContext, request: StatementRequest): boolean {
  const { sql, values, prepared, hints, rows = {} } = request
  const { state, statements, registry, isPipelining } = context
  if (wantsTextRows(rows.types) === null || request.isDescribedFirst === true || !fitsAnyColumns(rows)) return false
  if (prepared !== undefined || hints?.some((oid) => oid !== 0)) return false
  // In a pipeline nothing can be retried, because the statements after it have been sent.
  if (isPipelining && (values.length > 0 || !storesValues(sql) || mayGiveRows(sql))) return false
  if (state.transactionStatus === 'E' || !hasSavepoints(context) || LASTING_EFFECTS.test(sql)) return false
  if (registry.hasEncoders && values.length > 0) return false
  if (statements.texts.runKind(sql) === 'described' || statements.texts.declared(sql) !== null) return false
  return !(isKept(context, request) && statements.has(keyOf(sql, NO_TYPES))) && values.length < 1000
}

/** Whether all columns are wanted as text; null when that depends on the columns. */
function wantsTextRows(types: ResultTypes | undefined): boolean | null {
  if (typeof types === 'function') return types.isTotal === true ? true : null
  return types === 'text'
}

/**
 * @returns null when the text must be described first. Then nothing has run, or only a text that reads.
 * @throws the server's error
 */
export function* runAtOnce(
  context: FlowContext,
  request: StatementRequest,
  sinkFor: SinkFor,
): Flow<StatementResult | null> {
  const { state, statements, scopeBegin, out } = context
  const { sql, values } = request
  const isStandard = state.parameters.get('standard_conforming_strings') !== 'off'
  const traits = traitsOf(sql, isStandard)
  const isInTransaction = state.transactionStatus === 'T'
  if (traits.encodingUse !== 'none') return null
  const wantsText = wantsTextRows(request.rows?.types) === true
  const guard = isInTransaction ? guardFor(traits, values, wantsText) : 'none'
  if (guard === null) return null
  const isGuarded = guard !== 'none'
  out.clear()
  if (!writeArgumentsAsText(out, sql, values, { storesValues: storesValues(sql), isStandard, wantsText })) return null
  const isNamed = traits.isKeepable && isKept(context, request) && statements.texts.runKind(sql) === 'again'
  const name = isNamed ? statements.nextName() : ''
  const rows = new UndescribedRows(context, request, { name, traits, sinkFor })
  let tag: string | null
  try {
    const execution: ExecuteRequest = {
      name,
      parse: { sql, parameterTypes: NO_TYPES },
      describes: isNamed ? 'statement' : 'portal',
      bind: out.view(),
      rowLimit: request.rowLimit ?? 0,
      rows,
      timeoutMs: dueTimeout(context),
      begin: guard === 'none' ? dueBegin(context) : dueGuard(context, guard),
      closing: statements.takeClosing(),
    }
    if (context.isPipelining) markExecution(execution)
    tag = (yield* ask('execute', execution)).tag
  } catch (error) {
    if (isOutcomeUnknown(error)) statements.noteUnknownOutcome()
    if (state.isClosed || context.isPipelining || (isInTransaction && !isGuarded) || !needsDescription(error, sql))
      throw error
    if (isGuarded) yield* runCommand(context, UNDO_GUARD, false)
    else yield* undoBegin(context, scopeBegin)
    statements.texts.rememberRun(sql, 'described')
    return null
  }
  statements.noteCommand(tag ?? '', { columns: rows.columns, traits })
  const statement = yield* afterwards(context, rows)
  if (statement === null) {
    statements.texts.rememberRun(sql, 'described')
    if (traits.onlyReads) return null
    throw new NotSupportedError('the statement has run, but the server cannot convert its rows to text', {
      hint: 'cast the columns to text; the next run of the same text asks for its rows in another form',
    })
  }
  requireUtf8Rows(context, statement, tag)
  statement.provenIn = statements.proof
  remember(context, request, { statement, wasPrinted: rows.wasPrinted })
  return { statement, tag }
}

/**
 * Decodes the rows, which may need more round trips. The statement has already run. If an error said that it was
 * cancelled or not sent, the caller would run it a second time. So these round trips ignore the signal, and may use
 * the grace period after the time limit.
 */
function* afterwards(context: FlowContext, rows: UndescribedRows): Flow<Statement | null> {
  const { deadlineMs, signal } = context
  context.deadlineMs = Math.max(deadlineMs, performance.now() + CANCEL_GRACE_MS)
  context.signal = null
  try {
    return yield* rows.finish()
  } catch (error) {
    if (!(error instanceof QueryTimeoutError)) throw error
    const { sqlstate } = error
    throw new QueryTimeoutError('the statement has run, and its rows could not be read within the time limit', {
      cause: error,
      ...(sqlstate === null ? {} : { sqlstate }),
    })
  } finally {
    context.deadlineMs = deadlineMs
    context.signal = signal
  }
}

/**
 * The kind of savepoint around a new text in a transaction. The server may refuse the arguments, or fail at the first
 * row when a type has no binary form. null for a text that may return rows and does more than read: it is described
 * first.
 */
function guardFor(traits: TextTraits, values: readonly unknown[], wantsText: boolean): GuardKind | 'none' | null {
  const { isGuardable, onlyReads, mayGiveRows } = traits
  if (!mayGiveRows && values.length === 0) return 'none'
  if (onlyReads) return 'run'
  return isGuardable && (!mayGiveRows || wantsText) ? 'bind' : null
}

function isKept({ statements }: FlowContext, { sql, isOneOff }: StatementRequest): boolean {
  return isOneOff !== true && statements.isCacheable(sql)
}

interface Finished {
  readonly statement: Statement
  readonly wasPrinted: boolean
}

/** Remembers how to run the text the next time. */
function remember(context: FlowContext, { sql, values }: StatementRequest, { statement, wasPrinted }: Finished): void {
  const { statements, out } = context
  const { name } = statement
  if (name === '') {
    // To print the rows takes the server ten times as long as to send them as text. Arguments keep the text as it is: one
    // that the server has accepted as text might be refused after a description.
    const kind = wasPrinted && values.length === 0 ? 'described' : 'again'
    if (statements.texts.runKind(sql) === undefined) statements.texts.rememberRun(sql, kind)
    return
  }
  try {
    out.clear()
    encodeArguments(out, statement, values)
    statements.put(keyOf(sql, NO_TYPES), statement)
  } catch (error) {
    if (!isRefusalByType(error)) throw error
    // The server accepted a value that the codec refuses. The next run must succeed too, so the arguments are sent as
    // text again.
    statements.discard(name)
    statements.texts.rememberRun(sql, 'text')
  }
}

/**
 * Whether the statement may succeed after being described: the server refused its arguments, or a type of its rows has
 * no binary form.
 */
function needsDescription(error: unknown, sql: string): boolean {
  if (!(error instanceof DbError) || error.sqlstate === null) return false
  const { sqlstate } = error
  // A type has no binary form. The server reports that at the first row with such a value, and the statement leaves no
  // effect.
  const isAboutForm = sqlstate === UNDEFINED_FUNCTION && WRITERS_OF_BINARY.test(error.serverSourceFunction ?? '')
  if (isAboutForm) return !/\bcall\b/i.test(sql)
  if (error.notStarted !== true) return false
  return (
    isRefusalOfTypes(error) || isRefusalOfPlaces(error) || sqlstate.startsWith('22') || ARGUMENT_REFUSALS.has(sqlstate)
  )
}

interface NewStatement {
  readonly name: string
  readonly traits: TextTraits
  readonly sinkFor: SinkFor
}

/**
 * Receives the rows of a statement that the server describes in the same round trip. If all types are known by then,
 * each row goes directly to the caller's sink. Otherwise the rows wait until the round trip ends.
 */
class UndescribedRows implements RowSink {
  readonly #context: FlowContext
  readonly #request: StatementRequest
  readonly #init: NewStatement
  #description: Description = { parameterTypes: null, columns: null }
  #statement: Statement | null = null
  #sink: RowSink | null = null
  #failure: unknown = null
  /** Whether values went back to the server, which has printed them as text. */
  wasPrinted = false
  /** Runs of rows that wait for the end of the round trip. */
  readonly #waiting: Uint8Array[] = []

  constructor(context: FlowContext, request: StatementRequest, init: NewStatement) {
    this.#context = context
    this.#request = request
    this.#init = init
  }

  /** Whether all columns arrive as text, as the caller asked. */
  get #hasTextRows(): boolean {
    return wantsTextRows(this.#request.rows?.types) === true
  }

  /** null for a statement that returns no rows. */
  get columns(): Description['columns'] {
    return this.#description.columns
  }

  describe(description: Description): void {
    this.#description = description
    const { registry } = this.#context
    if ([...this.#typeOids()].every((oid) => registry.has(oid))) {
      try {
        this.#open()
      } catch (error) {
        this.#failure = error
      }
    }
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    if (this.#failure !== null) return
    if (this.#sink !== null) this.#sink.take(bytes, start, end)
    else this.#waiting.push(new Uint8Array(bytes.subarray(start, end)))
  }

  /**
   * Called after the round trip. Passes waiting rows to the caller's sink.
   * @returns null when the rows cannot be read in this form.
   */
  *finish(): Flow<Statement | null> {
    if (this.#failure !== null) throw this.#failure
    if (this.#sink === null) {
      const context = this.#context
      yield* learnTypes(context, this.#typeOids())
      const statement = this.#makeStatement()
      if (!this.#hasTextRows && hasUnreadable(statement) && this.#waiting.length > 0) return null
      const columns = this.#hasTextRows ? [] : textColumnsOf(statement, this.#request.rows)
      this.wasPrinted = columns.length > 0 && this.#waiting.length > 0
      const runs = yield* withTextOf(context, statement, columns, this.#waiting)
      if (runs === null) return null
      this.#sink = this.#init.sinkFor(statement)
      for (const run of runs) this.#sink.take(run, 0, run.length)
    }
    return this.#statement
  }

  /**
   * Opens the caller's sink, so that rows go to it directly. With a column that the driver reads as text, they must
   * wait.
   */
  #open(): void {
    const statement = this.#makeStatement()
    if (!this.#hasTextRows && textColumnsOf(statement, this.#request.rows).length > 0) return
    this.#sink = this.#init.sinkFor(statement)
  }

  #makeStatement(): Statement {
    const { registry, rows } = this.#context
    const { parameterTypes, columns } = this.#description
    const { sql } = this.#request
    const { name, traits } = this.#init
    const statement = new Statement({
      name,
      sql,
      parameterTypes: parameterTypes ?? [],
      columns,
      registry,
      rows,
      traits,
      unused: undefined,
      cameAsText: undefined,
    })
    this.#statement = statement
    return statement
  }

  *#typeOids(): Generator<number> {
    const { parameterTypes, columns } = this.#description
    yield* parameterTypes ?? []
    for (const { typeOid } of columns ?? []) yield typeOid
  }
}
