/** What `connect` takes about values and rows: the same for both faces, because values are made on the user's thread. */
import { CodecRegistry } from './registry.ts'
import { RECORD_ROWS, ROW_OPTION_KEYS, type RowOptions, rowOptions } from './row-options.ts'
import type { RowShapeOptions } from './row-shapes.ts'
import type { CallTypes } from './call-types.ts'
import { type ValueMeaning, requireMeaning } from './text-values.ts'
import { applyTypeOptions } from './type-options.ts'

/** How the values and the rows of a connection look. */
export interface ValueOptions extends RowOptions {
  /**
   * Other JavaScript forms for built-in types: `{ int8: 'number', date: 'string', numeric: (text) => new Decimal(text) }`.
   * `'temporal'` alone gives Temporal's objects for all types that have one. `'text'` gives every value of the rows as the
   * server prints it, and a function gives parsers of that text by a type's OID.
   */
  readonly types?: CallTypes | undefined
  /**
   * `'text'`: a string is what the server reads, for every type, and a number or a boolean is its text. `'typed'`, at first:
   * a string for jsonb is a JSON string, and so on. What a query builder has compiled always means text, unless a call
   * says otherwise.
   */
  readonly values?: ValueMeaning | undefined
}

/** The keys of these options, for those who check all keys. */
export const VALUE_OPTION_KEYS = ['values', ...ROW_OPTION_KEYS] as const

/** What a connection begins with. */
export interface ConnectionValues {
  readonly registry: CodecRegistry
  readonly rows: RowShapeOptions
  /** What values mean where neither the statement nor the call says it. */
  readonly meaning: ValueMeaning
}

/** @throws ProgrammingError for options that are none; called before anything is opened. */
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
