/** Options of the methods of a connection. */
import {
  CLOSE_NAMES,
  COPY_FROM_NAMES,
  COPY_FROM_QUERY_NAMES,
  COPY_RECORDS_NAMES,
  COPY_SQL_NAMES,
  COPY_TO_NAMES,
  type CloseOptions,
  type PrepareOption,
  type ValueOption,
} from '../src-async/flows/call-options.ts'
import type {
  CopyFormatOptions,
  CopyTableOptions,
  CopyToTableOptions,
  SourceOrOutput,
} from '../src-async/flows/copy-bytes.ts'
import type { ExplainOption } from '../src-async/flows/explain.ts'
import type { ProgressOption } from '../src-async/flows/progress.ts'
import { knownOptions, FLAG, LISTENER, TEXT, TIME_LIMIT } from '../src-async/options/known-options.ts'
import { ROW_OPTION_NAMES, type RowOptions } from '../src-async/values/row-options.ts'
import type { Values } from '../src-async/values/record.ts'
import { type CallOptions, RESULT_NAMES, type ResultOptions } from './call-options.ts'
import type { CopyOutput, CopySource } from './copy.ts'
import type { NamedCursorOptions } from './named-body.ts'
import type { ParamStyle } from './paramstyle/style.ts'

/** Options of an ordinary cursor. */
export interface CursorOptions extends RowOptions {
  /** The parameter markers that this cursor reads besides `$1`; by default those of its connection. */
  readonly paramstyle?: ParamStyle | undefined
}

/** Options of `prepare`. Options for rows and values apply to each call of the statement that does not set its own. */
export interface PrepareOptions extends ResultOptions {
  /** The statement's name on the server. Without it the driver chooses one. */
  readonly name?: string | undefined
}

/** Options of `describe`. With `prepare: false` the connection always asks the server and does not cache the answer. */
export interface DescribeOptions extends CallOptions, PrepareOption {}

/** Options of `explain`. */
export interface ExplainOptions extends CallOptions, ValueOption, ExplainOption {}

/** Options of a prepared statement's `executemany`. */
export interface BatchOptions extends CallOptions, ValueOption, ProgressOption {}

/** Options of `copyRecordsToTable`. */
export interface CopyRecordsOptions extends CallOptions, ProgressOption {
  /** The records: an iterable of arrays, each with a value for each column. */
  readonly records: Iterable<Values>
  /** The columns of the records in order, by default all columns of the table. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; without it the search path decides. */
  readonly schema?: string | undefined
  /** A condition in SQL. Only records that meet it are loaded. It is sent as it is. */
  readonly where?: string | undefined
}

/** Options of `copyToTable`. */
export interface CopyTo extends CopyToTableOptions, CallOptions, ProgressOption {
  /** Where the bytes come from: a path, a `file:` URL, a file descriptor, bytes, or an iterable of chunks. */
  readonly source: CopySource
}

/** Options of `copyFromTable`. */
export interface CopyFrom extends CopyTableOptions, CallOptions, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** Options of `copyFromQuery`. */
export interface CopyFromQuery extends CopyFormatOptions, CallOptions, ValueOption, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** Options of `copy`: a `source` for `COPY … FROM STDIN`, or an `output` for `COPY … TO STDOUT`. */
export type CopyOptions = CallOptions & ProgressOption & SourceOrOutput<CopySource, CopyOutput>

export const CURSOR_OPTIONS = knownOptions<CursorOptions>({ ...ROW_OPTION_NAMES, paramstyle: true })
export const NAMED_CURSOR_OPTIONS = knownOptions<CursorOptions & NamedCursorOptions>({
  ...ROW_OPTION_NAMES,
  paramstyle: true,
  scroll: FLAG,
  hold: FLAG,
  itersize: true,
})
export const PREPARE_OPTIONS = knownOptions<PrepareOptions>({ ...RESULT_NAMES, name: TEXT })
export const DESCRIBE_OPTIONS = knownOptions<DescribeOptions>({ timeout: TIME_LIMIT, prepare: FLAG })
export const CLOSE_OPTIONS = knownOptions<CloseOptions>(CLOSE_NAMES)
export const COPY_OPTIONS = knownOptions<CopyOptions>(COPY_SQL_NAMES)
export const EXPLAIN_OPTIONS = knownOptions<ExplainOptions>({ timeout: TIME_LIMIT, values: true, analyze: FLAG })
export const BATCH_OPTIONS = knownOptions<BatchOptions>({ timeout: TIME_LIMIT, values: true, onProgress: LISTENER })
export const COPY_RECORDS = knownOptions<CopyRecordsOptions>(COPY_RECORDS_NAMES)
export const COPY_TO = knownOptions<CopyTo>(COPY_TO_NAMES)
export const COPY_FROM = knownOptions<CopyFrom>(COPY_FROM_NAMES)
export const COPY_FROM_QUERY = knownOptions<CopyFromQuery>(COPY_FROM_QUERY_NAMES)
