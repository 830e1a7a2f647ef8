/** Options of `connect` about values and rows. Both APIs share them, because values are made on the user's thread. */
import { CodecRegistry } from './registry.ts'
import { RECORD_ROWS, ROW_OPTION_NAMES, type RowOptions, rowOptions } from './row-options.ts'
import type { RowShapeOptions } from './row-shapes.ts'
import type { CallTypes } from './call-types.ts'
import { type ValueMeaning, requireMeaning } from './text-values.ts'
import { applyTypeOptions } from './type-options.ts'

/** How the values and the rows of a connection look. */
export interface ValueOptions extends RowOptions {
  /**
   * Other JavaScript forms for built-in types: `{ int8: 'number', date: 'string', numeric: (text) => new Decimal(text) }`.
   * `'temporal'` gives Temporal's objects for all types that have one. `'text'` gives every value of the rows as the server
   * prints it. A function takes a type's OID and returns a parser of that text.
   */
  readonly types?: CallTypes | undefined
  /**
   * The meaning of values. `'typed'` (default): a string for jsonb is a JSON string, and so on. `'text'`: a string is what the
   * server's input function reads, for every type, and a number or a boolean is its text. The values of a query builder's
   * compiled statement always mean text, unless a call says otherwise.
   */
  readonly values?: ValueMeaning | undefined
}

/** The keys of these options, for callers that check all keys. */
export const VALUE_OPTION_KEYS: readonly string[] = ['values', ...Object.keys(ROW_OPTION_NAMES)]

/** The values and rows of a new connection. */
export interface ConnectionValues {
  readonly registry: CodecRegistry
  readonly rows: RowShapeOptions
  /** The meaning of values when neither the statement nor the call says it. */
  readonly meaning: ValueMeaning
}

/** @throws ProgrammingError for wrong options; called before anything is opened. */
export function connectionValues(options: ValueOptions): ConnectionValues {
  const registry = new CodecRegistry()
  const { types, ...others } = options
  const meaning = requireMeaning(options.values, 'connect') ?? 'typed'
  if (types === 'text' || typeof types === 'function') {
    return { registry, rows: rowOptions(options, RECORD_ROWS, 'connect'), meaning }
  }
  if (types !== undefined && types !== null) applyTypeOptions(registry, types)
  return { registry, rows: rowOptions(others, RECORD_ROWS, 'connect'), meaning }
}
