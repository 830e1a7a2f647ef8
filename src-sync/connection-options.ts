/** What the methods of a connection take beside their first argument. */
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
import type { CopyFormatOptions, CopyTableOptions, CopyToTableOptions } from '../src-async/flows/copy-bytes.ts'
import type { ExplainOption } from '../src-async/flows/explain.ts'
import type { ProgressOption } from '../src-async/flows/progress.ts'
import { knownOptions } from '../src-async/options/known-options.ts'
import { ROW_OPTION_NAMES, type RowOptions } from '../src-async/values/row-options.ts'
import type { Values } from '../src-async/values/record.ts'
import { type CallOptions, RESULT_NAMES, type ResultOptions } from './call-options.ts'
import type { CopyOutput, CopySource } from './copy.ts'
import type { NamedCursorOptions } from './named-body.ts'
import type { ParamStyle } from './paramstyle/style.ts'

/** What an ordinary cursor can be told. */
export interface CursorOptions extends RowOptions {
  /** Markers this cursor reads beside `$1`. */
  readonly paramstyle?: ParamStyle | undefined
}

/** What `prepare` takes. How rows are made, and what values mean, is for all calls of the statement that do not say it. */
export interface PrepareOptions extends ResultOptions {
  /** Its name on the server; one of the driver's unless given. */
  readonly name?: string | undefined
}

/** What `describe` takes. With `prepare: false` the connection asks the server anew and keeps nothing. */
export interface DescribeOptions extends CallOptions, PrepareOption {}

/** What `explain` takes. */
export interface ExplainOptions extends CallOptions, ValueOption, ExplainOption {}

/** What `executemany` of a prepared statement takes. */
export interface BatchOptions extends CallOptions, ValueOption, ProgressOption {}

/** What `copyRecordsToTable` takes beside the table's name. */
export interface CopyRecordsOptions extends CallOptions, ProgressOption {
  /** The records: arrays with a value for each column. */
  readonly records: Iterable<Values>
  /** The columns of the records, in their order; all of the table's without it. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; the search path finds it without one. */
  readonly schema?: string | undefined
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string | undefined
}

/** What `copyToTable` takes beside the table's name. */
export interface CopyTo extends CopyToTableOptions, CallOptions, ProgressOption {
  /** Where the bytes come from: a path, a `file:` URL, a file descriptor, bytes, or an iterable of chunks. */
  readonly source: CopySource
}

/** What `copyFromTable` takes beside the table's name. */
export interface CopyFrom extends CopyTableOptions, CallOptions, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** What `copyFromQuery` takes beside the query and its values. */
export interface CopyFromQuery extends CopyFormatOptions, CallOptions, ValueOption, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** What `copy` takes beside its statement: a source for `FROM STDIN`, an output for `TO STDOUT`. */
export type CopyOptions = CallOptions &
  ProgressOption &
  (
    | {
        /** Where the bytes come from, for `FROM STDIN`. */
        readonly source: CopySource
        /** Not together with a source. */
        readonly output?: undefined
      }
    | {
        /** Where the bytes go, for `TO STDOUT`. */
        readonly output: CopyOutput
        /** Not together with an output. */
        readonly source?: undefined
      }
  )

export const CURSOR_OPTIONS = knownOptions<CursorOptions>({ ...ROW_OPTION_NAMES, paramstyle: true })
export const NAMED_CURSOR_OPTIONS = knownOptions<CursorOptions & NamedCursorOptions>({
  ...ROW_OPTION_NAMES,
  paramstyle: true,
  scroll: true,
  hold: true,
  itersize: true,
})
export const PREPARE_OPTIONS = knownOptions<PrepareOptions>({ ...RESULT_NAMES, name: true })
export const DESCRIBE_OPTIONS = knownOptions<DescribeOptions>({ timeout: true, prepare: true })
export const CLOSE_OPTIONS = knownOptions<CloseOptions>(CLOSE_NAMES)
export const COPY_OPTIONS = knownOptions<CopyOptions>(COPY_SQL_NAMES)
export const EXPLAIN_OPTIONS = knownOptions<ExplainOptions>({ timeout: true, values: true, analyze: true })
export const BATCH_OPTIONS = knownOptions<BatchOptions>({ timeout: true, values: true, onProgress: true })
export const COPY_RECORDS = knownOptions<CopyRecordsOptions>(COPY_RECORDS_NAMES)
export const COPY_TO = knownOptions<CopyTo>(COPY_TO_NAMES)
export const COPY_FROM = knownOptions<CopyFrom>(COPY_FROM_NAMES)
export const COPY_FROM_QUERY = knownOptions<CopyFromQuery>(COPY_FROM_QUERY_NAMES)
