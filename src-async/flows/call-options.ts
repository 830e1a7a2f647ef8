/** The options of calls that both faces take, and their names. Each face adds its own. */
import type { OptionNames } from '../options/known-options.ts'
import type { ValueMeaning } from '../values/text-values.ts'
import { COPY_FORMAT_NAMES } from './copy-bytes.ts'

/** The time limit that every call takes. */
export interface TimeoutOption {
  /**
   * Milliseconds for the whole call, preparation included; then the statement is cancelled on the server and the call
   * fails with QueryTimeoutError. When the server has not stopped 5 seconds later, the connection is closed and the call
   * fails with OperationalError. The connection's `commandTimeout` unless given; null or 0 for no limit.
   */
  readonly timeout?: number | null | undefined
}

/** What a call takes that has values. */
export interface ValueOption {
  /**
   * `'text'`: a string is what the server reads, for every type, json included, and a number or a boolean is its text.
   * `'typed'`: a string for json is a JSON string, and what does not fit its type is refused before it is sent. What a query
   * builder has compiled is `'text'` unless this says otherwise, the rest what the connection's option `values` says.
   */
  readonly values?: ValueMeaning | undefined
}

/** What a call takes that runs a text. */
export interface PrepareOption {
  /** False for a text that will not come again: it is not kept as a prepared statement. */
  readonly prepare?: boolean | undefined
}

/** What `close` of a connection takes. */
export interface CloseOptions {
  /** Milliseconds to wait for the server's goodbye before the connection is cut: 5000 unless given; null or 0 for no limit. */
  readonly timeout?: number | null | undefined
}

/** The names of the options of COPY, for the lists of the methods that take them. */
const COPY_NAMES = { timeout: true, onProgress: true } as const
const TABLE_NAMES = { ...COPY_FORMAT_NAMES, ...COPY_NAMES, columns: true, schema: true } as const

export const COPY_TO_NAMES = { ...TABLE_NAMES, where: true, source: true } as const
export const COPY_FROM_NAMES = { ...TABLE_NAMES, output: true } as const
export const COPY_FROM_QUERY_NAMES = { ...COPY_FORMAT_NAMES, ...COPY_NAMES, values: true, output: true } as const
export const COPY_SQL_NAMES = { ...COPY_NAMES, source: true, output: true } as const
export const COPY_RECORDS_NAMES = { ...COPY_NAMES, records: true, columns: true, schema: true, where: true } as const

export const CLOSE_NAMES: OptionNames<Required<CloseOptions>> = { timeout: true }
