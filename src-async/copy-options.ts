/** What the COPY methods of a connection take beside their first argument. */
import { CALL_NAMES, type CallOptions, VALUE_NAMES, type ExecuteStatementOptions } from './call-options.ts'
import type { CopyOutput, CopySource } from './copy.ts'
import {
  COPY_FORMAT_NAMES,
  type CopyFormatOptions,
  type CopyTableOptions,
  type CopyToTableOptions,
} from './flows/copy-bytes.ts'
import type { ProgressOption } from './flows/progress.ts'
import { knownOptions } from './options/known-options.ts'

/** What `copyToTable` takes beside the table's name. */
export interface CopyTo extends CopyToTableOptions, CallOptions, ProgressOption {
  readonly source: CopySource
}

/** What `copyFromTable` takes beside the table's name. */
export interface CopyFrom extends CopyTableOptions, CallOptions, ProgressOption {
  readonly output: CopyOutput
}

/** What `copyFromQuery` takes beside the query and its values. */
export interface CopyFromQuery extends CopyFormatOptions, ExecuteStatementOptions, ProgressOption {
  readonly output: CopyOutput
}

/** What `copy` takes beside its statement: a source for `FROM STDIN`, an output for `TO STDOUT`. */
export type CopyOptions = CallOptions &
  ProgressOption &
  (
    | { readonly source: CopySource; readonly output?: undefined }
    | { readonly output: CopyOutput; readonly source?: undefined }
  )

const COPY_NAMES = { ...CALL_NAMES, onProgress: true } as const
const TABLE_NAMES = { ...COPY_FORMAT_NAMES, columns: true, schema: true } as const

export const COPY_TO = knownOptions<CopyTo>({ ...TABLE_NAMES, ...COPY_NAMES, where: true, source: true })
export const COPY_FROM = knownOptions<CopyFrom>({ ...TABLE_NAMES, ...COPY_NAMES, output: true })
export const COPY_FROM_QUERY = knownOptions<CopyFromQuery>({
  ...COPY_FORMAT_NAMES,
  ...VALUE_NAMES,
  onProgress: true,
  output: true,
})
export const COPY_OPTIONS = knownOptions<CopyOptions>({ ...COPY_NAMES, source: true, output: true })
