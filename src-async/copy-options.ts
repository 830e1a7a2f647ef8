/** Options of the COPY methods of a connection. */
import { type CallOptions, type ExecuteStatementOptions, SIGNAL } from './call-options.ts'
import type { CopyOutput, CopySource } from './copy.ts'
import { COPY_FROM_NAMES, COPY_FROM_QUERY_NAMES, COPY_SQL_NAMES, COPY_TO_NAMES } from './flows/call-options.ts'
import type { CopyFormatOptions, CopyTableOptions, CopyToTableOptions, SourceOrOutput } from './flows/copy-bytes.ts'
import type { ProgressOption } from './flows/progress.ts'
import { knownOptions } from './options/known-options.ts'

/** Options of `copyToTable`. */
export interface CopyTo extends CopyToTableOptions, CallOptions, ProgressOption {
  /** Where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may be a stream. */
  readonly source: CopySource
}

/** Options of `copyFromTable`. */
export interface CopyFrom extends CopyTableOptions, CallOptions, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** Options of `copyFromQuery`. */
export interface CopyFromQuery extends CopyFormatOptions, ExecuteStatementOptions, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each chunk. */
  readonly output: CopyOutput
}

/** Options of `copy`: a `source` for `COPY … FROM STDIN`, or an `output` for `COPY … TO STDOUT`. */
export type CopyOptions = CallOptions & ProgressOption & SourceOrOutput<CopySource, CopyOutput>

export const COPY_TO = knownOptions<CopyTo>({ ...COPY_TO_NAMES, signal: SIGNAL })
export const COPY_FROM = knownOptions<CopyFrom>({ ...COPY_FROM_NAMES, signal: SIGNAL })
export const COPY_FROM_QUERY = knownOptions<CopyFromQuery>({ ...COPY_FROM_QUERY_NAMES, signal: SIGNAL })
export const COPY_OPTIONS = knownOptions<CopyOptions>({ ...COPY_SQL_NAMES, signal: SIGNAL })
