/** What every call of the async API takes beside its own arguments, and the checks of common arguments. */
import { ProgrammingError } from './errors/tree.ts'
import { type CompiledStatement, compiledParts } from './values/compiled-statement.ts'
import { describeValue } from './values/describe-value.ts'
import { Record, type Values } from './values/record.ts'
import type { RowOptions } from './values/row-options.ts'
import { Sql } from './values/sql-template.ts'
import { type ValueMeaning, requireMeaning, textValues } from './values/text-values.ts'

/** What every call that asks the server takes. */
export interface CallOptions {
  /**
   * Milliseconds for the whole call, preparation included; then the statement is cancelled on the server and the call
   * fails with QueryTimeoutError. When the server has not stopped 5 seconds later, the connection is closed and the call
   * fails with OperationalError. The connection's `commandTimeout` unless given; 0 for no limit.
   */
  readonly timeout?: number
  /**
   * Cancels the statement on the server; the call fails with the signal's reason, unless it was done already. When the
   * server has not stopped 5 seconds later, the connection is closed.
   */
  readonly signal?: AbortSignal
}

/** What a call takes that has values. */
export interface ExecuteOptions extends CallOptions {
  /**
   * `'text'`: a string is what the server reads, for every type, json included, and a number or a boolean is its text.
   * `'typed'`: a string for json is a JSON string, and what does not fit its type is refused before it is sent. What a query
   * builder has compiled is `'text'` unless this says otherwise, the rest what the connection's option `values` says.
   */
  readonly values?: ValueMeaning | undefined
}

/** What a call that gives rows takes. */
export interface FetchOptions extends ExecuteOptions, RowOptions {}

/** What methods take as a statement: a text, composed SQL, or what a query builder has compiled. */
export type StatementText = string | Sql | CompiledStatement

export const NO_OPTIONS: CallOptions = {}

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
  readonly options?: ExecuteOptions | undefined
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

/** @returns the limit in milliseconds, 0 for none. @throws ProgrammingError for what is no duration. */
export function requireTimeout(timeout: unknown): number {
  if (typeof timeout === 'number' && timeout >= 0) return timeout === Infinity ? 0 : timeout
  throw new ProgrammingError(`timeout: expected milliseconds from 0, got ${String(timeout).slice(0, 40)}`)
}

/** @throws ProgrammingError for what is no object of options. */
export function requireOptions(options: unknown, key: string, method: string): void {
  if (typeof options === 'object' && options !== null) return
  throw new ProgrammingError(
    `${method}: expected options with { ${key} }, got ${options === null ? 'null' : typeof options}`,
  )
}

/** @throws ProgrammingError for what is no AbortSignal, of this realm or another. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined) return
  const { throwIfAborted, addEventListener } = Object(signal) as Partial<AbortSignal>
  if (typeof throwIfAborted === 'function' && typeof addEventListener === 'function') return
  throw new ProgrammingError(`signal: expected an AbortSignal, got ${describeValue(signal)}`)
}
