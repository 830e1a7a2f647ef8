/** What every call of the async API takes beside its own arguments, and the checks of common arguments. */
import { ProgrammingError } from './errors/tree.ts'
import { Record, type Values, listed } from './values/record.ts'
import type { RowOptions } from './values/row-options.ts'
import { Sql } from './values/sql-template.ts'

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

/** What a call that gives rows takes. */
export interface FetchOptions extends CallOptions, RowOptions {}

export const NO_OPTIONS: CallOptions = {}

/** @throws ProgrammingError for anything but SQL text. */
export function requireText(sql: unknown, method: string): void {
  if (typeof sql !== 'string') throw new ProgrammingError(`${method}: expected SQL as a string, got ${typeof sql}`)
}

/** A text and its values, from the two arguments every method takes them in. */
export interface Given {
  readonly sql: string
  readonly values: readonly unknown[]
}

/**
 * A text with its values, or composed SQL, which brings them along.
 * @param values null where none were passed.
 * @throws ProgrammingError for anything else.
 */
export function requireStatement(sql: unknown, values: Values | null, method: string): Given {
  if (!(sql instanceof Sql)) {
    requireText(sql, method)
    return { sql: sql as string, values: values === null ? NO_VALUES : requireValues(values, method) }
  }
  if (values === null || listed(values).length === 0) return { sql: sql.text, values: sql.values }
  throw new ProgrammingError(`${method}: the statement brings its values along: leave the second argument empty`)
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
