/**
 * Runs a text that no statement is kept of in one flight: Parse, Bind, Describe, Execute, Sync, with the arguments as text and
 * the rows in binary. The first run has no server-side name; the second one has, and its statement is kept. A text whose
 * arguments need their types first, or that the server refused before it began, is described before it runs, as
 * `run-statement.ts` does. See docs/decisions/new-texts.md.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { DbError, NotSupportedError } from '../errors/tree.ts'
import { writeArgumentsAsText } from '../values/arguments-as-text.ts'
import type { ResultTypes } from '../values/call-types.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import { Statement, storesValues } from '../values/statement.ts'
import { type TextTraits, mayGiveRows, traitsOf } from '../values/text-traits.ts'
import { CANCEL_GRACE_MS } from '../wire/grace.ts'
import { type GuardKind, UNDO_GUARD } from '../wire/guard.ts'
import type { ExecuteRequest } from '../wire/operations.ts'
import type { Description, RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { markExecution } from './executions.ts'
import { isUntold } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { isRefusalOfPlaces, isRefusalOfTypes } from './resolve-statement.ts'
import { requireUtf8Rows } from './restore-encoding.ts'
import { runCommand } from './run-script.ts'
import { dueGuard, hasSavepoints, isRefusalByType } from './stale-statement.ts'
import { keyOf } from './statement-cache.ts'
import type { StatementRequest, StatementResult } from './statement-request.ts'
import { hasUnreadable, textColumnsOf, withTextOf } from './text-columns.ts'
import { undoBegin } from './undo-begin.ts'

const NO_TYPES: readonly number[] = []
/**
 * What the server says at Bind of arguments that it cannot read, beside the class of data exceptions: another count of
 * them, a parameter that is not there, a name in use.
 */
const ARGUMENT_REFUSALS: ReadonlySet<string> = new Set(['08P01', '42P02', '42P05', '26000'])
const UNDEFINED_FUNCTION = '42883'
/**
 * Functions of PostgreSQL's own whose effect a rollback does not take back. A text that was refused for the form of its rows
 * runs again, so these are described first.
 */
const LASTING_EFFECTS =
  /\b(?:nextval|setval|pg_(?:try_)?advisory\w*|pg_notify|pg_(?:terminate|cancel)_backend|dblink\w*|set_config)\b/i
/** The server's functions that give a value in binary: `array_send` for the elements of an array. */
const WRITERS_OF_BINARY = /^getTypeBinaryOutputInfo$|_send$/

/** Whether a text may be run without having been described. Its arguments are looked at when it is run. */
export function mayRunAtOnce(context: FlowContext, request: StatementRequest): boolean {
  const { sql, values, prepared, hints, takesAnyRows } = request
  const { state, statements, registry, isPipelining } = context
  if (wantsTextRows(request.rows?.types) === null) return false
  if (takesAnyRows !== true || prepared !== undefined || hints?.some((oid) => oid !== 0)) return false
  // In a pipeline nothing can be run once more: those behind it are on their way.
  if (isPipelining && (values.length > 0 || !storesValues(sql) || mayGiveRows(sql))) return false
  if (state.transactionStatus === 'E' || !hasSavepoints(context) || LASTING_EFFECTS.test(sql)) return false
  if (registry.hasEncoders && values.length > 0) return false
  if (statements.texts.runKind(sql) === 'described' || statements.texts.told(sql) !== null) return false
  return !(isKept(context, request) && statements.has(keyOf(sql, NO_TYPES))) && values.length < 1000
}

/** Whether the rows are wanted as text, all of them; null where that depends on the columns. */
function wantsTextRows(types: ResultTypes | undefined): boolean | null {
  if (typeof types === 'function') return types.isTotal === true ? true : null
  return types === 'text'
}

/** @returns null when nothing has run, or a text that only reads: it has to be described first. @throws what the statement raises */
export function* runAtOnce(context: FlowContext, request: StatementRequest): Flow<StatementResult | null> {
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
  const rows = new UndescribedRows(context, request, { name, traits })
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
    if (isUntold(error)) statements.doubt()
    if (state.isClosed || context.isPipelining || (isInTransaction && !isGuarded) || !needsDescription(error, sql))
      throw error
    if (isGuarded) yield* runCommand(context, UNDO_GUARD, false)
    else yield* undoBegin(context, scopeBegin)
    statements.texts.rememberRun(sql, 'described')
    return null
  }
  statements.heed(tag ?? '', { columns: rows.columns, traits })
  const statement = yield* afterwards(context, rows)
  if (statement === null) {
    statements.texts.rememberRun(sql, 'described')
    if (traits.onlyReads) return null
    throw new NotSupportedError('the statement has run, but the server does not take back the rows that it gave', {
      hint: 'cast the columns to text; the next run of the same text asks for its rows in another form',
    })
  }
  requireUtf8Rows(context, statement, tag)
  statement.provenIn = statements.proof
  remember(context, request, statement)
  return { statement, tag }
}

/**
 * Makes rows of what has come, which may take trips of the driver's own. The statement has run: an error that says it had been
 * cancelled, or had not been sent, would have its caller run it twice. So these trips have the grace of a time limit to end in.
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
 * The savepoint around a new text. Nobody knows whether the server takes its arguments, and whether its rows have the form
 * that is asked for, which shows at the first row. null where a text that may give rows does more than read: it is described
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

/** What is known of the text now decides how it goes the next time. */
function remember(context: FlowContext, { sql, values }: StatementRequest, statement: Statement): void {
  const { statements, out } = context
  const { name } = statement
  if (name === '') {
    if (statements.texts.runKind(sql) === undefined) statements.texts.rememberRun(sql, 'again')
    return
  }
  try {
    out.clear()
    encodeArguments(out, statement, values)
    statements.put(keyOf(sql, NO_TYPES), statement)
  } catch (error) {
    if (!isRefusalByType(error)) throw error
    // The server's input function took what the codec would not: it shall not be refused the next time.
    statements.discard(name)
    statements.texts.rememberRun(sql, 'text')
  }
}

/** Whether the statement may yet run when it has been described: it was refused for its arguments, or for the form of its rows. */
function needsDescription(error: unknown, sql: string): boolean {
  if (!(error instanceof DbError) || error.sqlstate === null) return false
  const { sqlstate } = error
  // A type without a binary form, of which the server says so at the first row that has one. Nothing of the statement is left.
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
}

/**
 * Takes the rows of a statement of which nothing is known until the server describes it, in the same flight. Where it knows
 * all types by then, the rows go on to the caller's sink as they come; otherwise they wait for the end.
 */
class UndescribedRows implements RowSink {
  readonly #context: FlowContext
  readonly #request: StatementRequest
  readonly #init: NewStatement
  #description: Description = { parameterTypes: null, columns: null }
  #statement: Statement | null = null
  #sink: RowSink | null = null
  #failure: unknown = null
  /** Runs that wait. */
  readonly #waiting: Uint8Array[] = []

  constructor(context: FlowContext, request: StatementRequest, init: NewStatement) {
    this.#context = context
    this.#request = request
    this.#init = init
  }

  /** Whether the rows come as text, which is what the caller reads. */
  get #hasTextRows(): boolean {
    return wantsTextRows(this.#request.rows?.types) === true
  }

  /** null when the statement gave no rows, nor could have. */
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

  /** The flight has ended: passes on what has waited. @returns null where the rows cannot be read in this form. */
  *finish(): Flow<Statement | null> {
    if (this.#failure !== null) throw this.#failure
    if (this.#sink === null) {
      const context = this.#context
      yield* learnTypes(context, this.#typeOids())
      const statement = this.#makeStatement()
      if (!this.#hasTextRows && hasUnreadable(statement) && this.#waiting.length > 0) return null
      const columns = this.#hasTextRows ? [] : textColumnsOf(statement, this.#request.rows)
      const runs = yield* withTextOf(context, statement, columns, this.#waiting)
      if (runs === null) return null
      this.#sink = this.#request.sinkFor(statement)
      for (const run of runs) this.#sink.take(run, 0, run.length)
    }
    return this.#statement
  }

  /** Sends the rows on as they come, unless a column is one that the caller reads as text. */
  #open(): void {
    const statement = this.#makeStatement()
    if (!this.#hasTextRows && textColumnsOf(statement, this.#request.rows).length > 0) return
    this.#sink = this.#request.sinkFor(statement)
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
