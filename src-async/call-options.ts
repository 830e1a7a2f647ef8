/** The options that calls of the async API share, and the checks of arguments that they share. */
import { ProgrammingError } from './errors/tree.ts'
import type { PrepareOption, TimeoutOption, ValueOption } from './flows/call-options.ts'
import type { ProgressOption } from './flows/progress.ts'
import { type OptionNames, knownOptions, FLAG, LISTENER, TIME_LIMIT, type OptionKind } from './options/known-options.ts'
import { type CompiledStatement, compiledParts } from './values/compiled-statement.ts'
import { describeValue } from './errors/describe-value.ts'
import type { Values } from './values/record.ts'
import { requireValues } from './values/require-values.ts'
import { ROW_OPTION_NAMES, type RowOptions } from './values/row-options.ts'
import { Sql } from './values/sql-template.ts'
import { type ValueMeaning, requireMeaning, withMeaning } from './values/text-values.ts'

/** Options of every call that sends something to the server. */
export interface CallOptions extends TimeoutOption {
  /**
   * Cancels the statement on the server. The call then fails with the signal's reason, unless the statement had
   * finished. If the server has not stopped the statement 5 seconds later, the connection is closed. For a call of a
   * pool, the signal and `timeout` end the wait for a connection too.
   */
  readonly signal?: AbortSignal | undefined
}

/** Options of a call that passes values. */
export interface ExecuteStatementOptions extends CallOptions, ValueOption {}

/** Options of `execute`. */
export interface ExecuteOptions extends ExecuteStatementOptions, PrepareOption {}

/** Options of a call that returns rows. */
export interface ResultOptions extends ExecuteStatementOptions, RowOptions {}

/** Options of a call that returns rows and takes the statement as text. */
export interface FetchOptions extends ResultOptions, PrepareOption {}

/** Options of `describe`. With `prepare: false` the connection always asks the server and does not cache the answer. */
export interface DescribeOptions extends CallOptions, PrepareOption {}

/** Options of `executemany`. */
export interface BatchOptions extends ExecuteStatementOptions, ProgressOption {}

/** A statement: SQL text, SQL composed with `sql`, or a statement that a query builder has compiled. */
export type StatementText = string | Sql | CompiledStatement

export const NO_OPTIONS: CallOptions = {}

/** A signal of another realm is accepted. */
export const SIGNAL: OptionKind = { accepts: isSignal, wanted: 'an AbortSignal' }

/** The names of the options. Methods with more options build their own lists from these. */
export const CALL_NAMES: OptionNames<Required<CallOptions>> = { timeout: TIME_LIMIT, signal: SIGNAL }
export const VALUE_NAMES: OptionNames<Required<ExecuteStatementOptions>> = { ...CALL_NAMES, values: true }

export const CALL_OPTIONS = knownOptions<CallOptions>(CALL_NAMES)
export const DESCRIBE_OPTIONS = knownOptions<DescribeOptions>({ ...CALL_NAMES, prepare: FLAG })
export const EXECUTE_STATEMENT = knownOptions<ExecuteStatementOptions>(VALUE_NAMES)
export const EXECUTE_OPTIONS = knownOptions<ExecuteOptions>({ ...VALUE_NAMES, prepare: FLAG })
export const RESULT_OPTIONS = knownOptions<ResultOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES })
export const FETCH_OPTIONS = knownOptions<FetchOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES, prepare: FLAG })
export const BATCH_OPTIONS = knownOptions<BatchOptions>({ ...VALUE_NAMES, onProgress: LISTENER })

/** @throws ProgrammingError for anything but SQL text. */
export function requireText(sql: unknown, method: string): void {
  if (typeof sql !== 'string')
    throw new ProgrammingError(`${method}: expected SQL as a string, got ${describeValue(sql)}`)
}

/** The SQL text and the values of a call, read from its first two arguments. */
export interface Given {
  readonly sql: string
  /** A `TextValues` list where the values mean text. */
  readonly values: readonly unknown[]
  /** The values as they were passed. */
  readonly args: readonly unknown[]
}

/** The method that takes a statement, and what its values mean. */
export interface Asking {
  readonly method: string
  /** What values mean on this connection, unless the options say otherwise. */
  readonly meaning: ValueMeaning
  readonly options?: ExecuteStatementOptions | undefined
}

/**
 * Reads a statement and its values. Composed SQL and compiled statements contain their own values.
 * @param values null when the caller passed none.
 * @throws ProgrammingError for anything else.
 */
export function requireStatement(sql: unknown, values: Values | null, asking: Asking): Given {
  const { method, options } = asking
  const { text, own, meaning } = textOf(sql, asking)
  const passed = values === null ? NO_VALUES : requireValues(values, method)
  if (own !== null && passed.length > 0) {
    throw new ProgrammingError(`${method}: the statement already contains its values: leave the second argument empty`)
  }
  const args = own ?? passed
  const asked = options?.values === undefined ? meaning : requireMeaning(options.values, method)
  return { sql: text, values: withMeaning(args, asked), args }
}

/**
 * Whether the text may hold several statements: only when the call has no values. With an empty list of values the text
 * must be one statement, in the blocking API too.
 */
export function mayHoldSeveral(sql: StatementText, values: Values | undefined, { args }: Given): boolean {
  return args.length === 0 && (values === undefined || typeof sql !== 'string')
}

/**
 * Reads a statement whose values are passed later: its text, and what the values mean.
 * @throws ProgrammingError for anything else.
 */
export function requireStatementText(sql: unknown, asking: Asking): { text: string; meaning: ValueMeaning } {
  const { text, meaning } = textOf(sql, asking)
  return { text, meaning: requireMeaning(asking.options?.values, asking.method) ?? meaning }
}

/** @returns in `own` the values that the statement contains; null where it contains none. */
function textOf(
  sql: unknown,
  { method, meaning }: Asking,
): { text: string; own: readonly unknown[] | null; meaning: ValueMeaning } {
  if (typeof sql === 'string') return { text: sql, own: null, meaning }
  if (sql instanceof Sql) return { text: sql.text, own: sql.values, meaning }
  const compiled = compiledParts(sql, method)
  if (compiled === null) throw new ProgrammingError(`${method}: expected SQL as a string, got ${describeValue(sql)}`)
  return { text: compiled.sql, own: compiled.values, meaning: 'text' }
}

const NO_VALUES: readonly unknown[] = []

/** @throws ProgrammingError for anything that is neither an iterable nor an async iterable. */
export function requireElements<T extends object>(elements: T, method: string): T {
  const candidate: unknown = elements
  if (candidate !== null && typeof candidate === 'object') {
    if (Symbol.iterator in candidate || Symbol.asyncIterator in candidate) return elements
  }
  throw new ProgrammingError(`${method}: expected an iterable of arrays, got ${describeValue(elements)}`)
}

function isSignal(value: unknown): boolean {
  const { throwIfAborted, addEventListener } = Object(value) as Partial<AbortSignal>
  return typeof throwIfAborted === 'function' && typeof addEventListener === 'function'
}

/** @throws ProgrammingError for a value that is not an AbortSignal. A signal of another realm is accepted. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined || isSignal(signal)) return
  throw new ProgrammingError(`signal: expected an AbortSignal, got ${describeValue(signal)}`)
}
