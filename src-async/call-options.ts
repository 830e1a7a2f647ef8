/** What every call of the async API takes beside its own arguments, and the checks of common arguments. */
import { ProgrammingError } from './errors/tree.ts'
import type { PrepareOption, TimeoutOption, ValueOption } from './flows/call-options.ts'
import type { ProgressOption } from './flows/progress.ts'
import { type OptionNames, knownOptions } from './options/known-options.ts'
import { type CompiledStatement, compiledParts } from './values/compiled-statement.ts'
import { describeValue } from './values/describe-value.ts'
import { Record, type Values } from './values/record.ts'
import { ROW_OPTION_NAMES, type RowOptions } from './values/row-options.ts'
import { Sql } from './values/sql-template.ts'
import { type ValueMeaning, requireMeaning, textValues } from './values/text-values.ts'

/** What every call that asks the server takes. */
export interface CallOptions extends TimeoutOption {
  /**
   * Cancels the statement on the server; the call fails with the signal's reason, unless it was done already. When the
   * server has not stopped 5 seconds later, the connection is closed.
   */
  readonly signal?: AbortSignal | undefined
}

/** What a call takes that has values. */
export interface ExecuteStatementOptions extends CallOptions, ValueOption {}

/** What `execute` takes. */
export interface ExecuteOptions extends ExecuteStatementOptions, PrepareOption {}

/** What a call takes that gives rows. */
export interface ResultOptions extends ExecuteStatementOptions, RowOptions {}

/** What a call takes that gives the rows of a text. */
export interface FetchOptions extends ResultOptions, PrepareOption {}

/** What `describe` takes. With `prepare: false` the connection asks the server anew and keeps nothing. */
export interface DescribeOptions extends CallOptions, PrepareOption {}

/** What `executemany` takes beside its statement and its elements. */
export interface BatchOptions extends ExecuteStatementOptions, ProgressOption {}

/** What methods take as a statement: a text, composed SQL, or what a query builder has compiled. */
export type StatementText = string | Sql | CompiledStatement

export const NO_OPTIONS: CallOptions = {}

/** The names of the options, for the lists of methods that take more. */
export const CALL_NAMES: OptionNames<Required<CallOptions>> = { timeout: true, signal: true }
export const VALUE_NAMES: OptionNames<Required<ExecuteStatementOptions>> = { ...CALL_NAMES, values: true }

export const CALL_OPTIONS = knownOptions<CallOptions>(CALL_NAMES)
export const DESCRIBE_OPTIONS = knownOptions<DescribeOptions>({ ...CALL_NAMES, prepare: true })
export const EXECUTE_STATEMENT = knownOptions<ExecuteStatementOptions>(VALUE_NAMES)
export const EXECUTE_OPTIONS = knownOptions<ExecuteOptions>({ ...VALUE_NAMES, prepare: true })
export const RESULT_OPTIONS = knownOptions<ResultOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES })
export const FETCH_OPTIONS = knownOptions<FetchOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES, prepare: true })
export const BATCH_OPTIONS = knownOptions<BatchOptions>({ ...VALUE_NAMES, onProgress: true })

/** @throws ProgrammingError for anything but SQL text. */
export function requireText(sql: unknown, method: string): void {
  if (typeof sql !== 'string') throw new ProgrammingError(`${method}: expected SQL as a string, got ${typeof sql}`)
}

/** A text and its values, from the two arguments every method takes them in. */
export interface Given {
  readonly sql: string
  /** With their meaning: see `TextValues`. */
  readonly values: readonly unknown[]
  /** The values as they were passed. */
  readonly args: readonly unknown[]
}

/** Who asks for a statement, and what values mean there. */
export interface Asking {
  readonly method: string
  /** The connection's. */
  readonly meaning: ValueMeaning
  readonly options?: ExecuteStatementOptions | undefined
}

/**
 * A text with its values, or composed SQL or a compiled statement, which bring them along.
 * @param values null where none were passed.
 * @throws ProgrammingError for anything else.
 */
export function requireStatement(sql: unknown, values: Values | null, asking: Asking): Given {
  const { method, options } = asking
  const { text, own, meaning } = textOf(sql, asking)
  const passed = values === null ? NO_VALUES : requireValues(values, method)
  if (own !== null && passed.length > 0) {
    throw new ProgrammingError(`${method}: the statement brings its values along: leave the second argument empty`)
  }
  const args = own ?? passed
  const asked = options?.values === undefined ? meaning : requireMeaning(options.values, method)
  return { sql: text, values: asked === 'text' ? textValues(args) : args, args }
}

/** Whether a statement came without values: then its text may hold several. An empty list says that it is one, as in the blocking API. */
export function mayHoldSeveral(sql: StatementText, values: Values | undefined, { args }: Given): boolean {
  return args.length === 0 && (values === undefined || typeof sql !== 'string')
}

/** A statement's text, whose values come by themselves, and what these mean. @throws ProgrammingError for anything else. */
export function requireStatementText(sql: unknown, asking: Asking): { text: string; meaning: ValueMeaning } {
  const { text, meaning } = textOf(sql, asking)
  return { text, meaning: requireMeaning(asking.options?.values, asking.method) ?? meaning }
}

/** @returns the values that the statement has itself as `own`; null where it has none. */
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

/** @throws ProgrammingError for anything but an array or a row. */
export function requireValues(values: unknown, method: string): readonly unknown[] {
  if (Array.isArray(values)) return values
  if (values instanceof Record) return Record.toArray(values)
  throw new ProgrammingError(`${method}: expected the arguments as an array, got ${typeof values}: wrap them in []`)
}

/** @throws ProgrammingError for anything that cannot be iterated, in either way. */
export function requireElements<T extends object>(elements: T, method: string): T {
  const candidate: unknown = elements
  if (candidate !== null && typeof candidate === 'object') {
    if (Symbol.iterator in candidate || Symbol.asyncIterator in candidate) return elements
  }
  throw new ProgrammingError(`${method}: expected an iterable of arrays, got ${typeof elements}`)
}

/** @throws ProgrammingError for what is no AbortSignal, of this realm or another. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined) return
  const { throwIfAborted, addEventListener } = Object(signal) as Partial<AbortSignal>
  if (typeof throwIfAborted === 'function' && typeof addEventListener === 'function') return
  throw new ProgrammingError(`signal: expected an AbortSignal, got ${describeValue(signal)}`)
}
