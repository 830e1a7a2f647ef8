/** The call options that both faces have, and their names. Each face adds its own. */
import { LISTENER, type OptionNames, TEXT, TEXTS, TIME_LIMIT } from '../options/known-options.ts'
import type { ValueMeaning } from '../values/text-values.ts'
import { COPY_FORMAT_NAMES } from './copy-bytes.ts'

/** The time limit of a call. */
export interface TimeoutOption {
  /**
   * Milliseconds for the whole call, preparation included; null or 0 for no limit. The default is the connection's
   * `commandTimeout`. When the limit passes, the statement is cancelled on the server and the call fails with
   * QueryTimeoutError. If the server has not stopped the statement 5 seconds later, the connection is closed and the
   * call fails with OperationalError.
   */
  readonly timeout?: number | null | undefined
}

/** What the values of a call mean. */
export interface ValueOption {
  /**
   * What the values mean, `'text'` or `'typed'`. With `'text'` the server reads each string as text of the parameter's
   * type, json included; numbers and booleans are sent as text. With `'typed'` each value is encoded for the
   * parameter's type, so a string for json is a JSON string, and a value that does not fit is refused before it is
   * sent. The default is `'text'` for a statement that a query builder has compiled, and otherwise the connection's
   * option `values`.
   */
  readonly values?: ValueMeaning | undefined
}

/** Whether a call keeps its statement prepared. */
export interface PrepareOption {
  /** Whether the statement stays prepared, true by default. Use false for a text that will not run again. */
  readonly prepare?: boolean | undefined
}

/** Options of a connection's `close`. */
export interface CloseOptions {
  /**
   * Milliseconds to wait until the server closes the connection; then the client cuts it. 5000 by default; null or 0
   * for no limit.
   */
  readonly timeout?: number | null | undefined
}

/** The names of the options of COPY. Each COPY method builds its own list from these. */
const COPY_NAMES = { timeout: TIME_LIMIT, onProgress: LISTENER } as const
const TABLE_NAMES = { ...COPY_FORMAT_NAMES, ...COPY_NAMES, columns: TEXTS, schema: TEXT } as const

export const COPY_TO_NAMES = { ...TABLE_NAMES, where: TEXT, source: true } as const
export const COPY_FROM_NAMES = { ...TABLE_NAMES, output: true } as const
export const COPY_FROM_QUERY_NAMES = { ...COPY_FORMAT_NAMES, ...COPY_NAMES, values: true, output: true } as const
export const COPY_SQL_NAMES = { ...COPY_NAMES, source: true, output: true } as const
export const COPY_RECORDS_NAMES = { ...COPY_NAMES, records: true, columns: TEXTS, schema: TEXT, where: TEXT } as const

export const CLOSE_NAMES: OptionNames<Required<CloseOptions>> = { timeout: TIME_LIMIT }
