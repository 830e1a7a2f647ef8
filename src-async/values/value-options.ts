/** What `connect` takes about values and rows: the same for both faces, because values are made on the user's thread. */
import { CodecRegistry } from './registry.ts'
import { RECORD_ROWS, ROW_OPTION_KEYS, type RowOptions, rowOptions } from './row-options.ts'
import type { RowShapeOptions } from './row-shapes.ts'
import { type TypeOptions, applyTypeOptions } from './type-options.ts'

export interface ValueOptions extends RowOptions {
  /**
   * Other JavaScript forms for built-in types: `{ int8: 'number', date: 'string', numeric: (text) => new Decimal(text) }`.
   * `'temporal'` alone gives Temporal's objects for all types that have one.
   */
  readonly types?: TypeOptions | 'temporal' | undefined
}

/** The keys of these options, for those who check all keys. */
export const VALUE_OPTION_KEYS = ['types', ...ROW_OPTION_KEYS] as const

/** What a connection begins with. */
export interface ConnectionValues {
  readonly registry: CodecRegistry
  readonly rows: RowShapeOptions
}

/** @throws ProgrammingError for options that are none; called before anything is opened. */
export function connectionValues(options: ValueOptions): ConnectionValues {
  const registry = new CodecRegistry()
  if (options.types !== undefined && options.types !== null) applyTypeOptions(registry, options.types)
  return { registry, rows: rowOptions(options, RECORD_ROWS, 'connect') }
}
