/** What the COPY methods of a connection take beside their first argument. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { describeValue } from '../src-async/values/describe-value.ts'
import type { CopyTableOptions, CopyToTableOptions } from '../src-async/flows/copy-bytes.ts'
import type { ProgressOption } from '../src-async/flows/progress.ts'
import type { Values } from '../src-async/values/record.ts'
import type { ValueMeaning } from '../src-async/values/text-values.ts'
import type { CopyOutput, CopySource } from './copy.ts'

/** What `copyRecordsToTable` takes beside the table's name. */
export interface CopyRecordsOptions extends ProgressOption {
  /** The records: arrays with a value for each column. */
  readonly records: Iterable<Values>
  /** The columns of the records, in their order; all of the table's without it. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; the search path finds it without one. */
  readonly schema?: string | undefined
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string | undefined
  /** Milliseconds. */
  readonly timeout?: number
}

/** What `copyToTable` takes beside the table's name. */
export interface CopyTo extends CopyToTableOptions, ProgressOption {
  /** Where the bytes come from: a path, a `file:` URL, a file descriptor, bytes, or an iterable of chunks. */
  readonly source: CopySource
  /** Milliseconds for the whole COPY, 0 for no limit. The connection's `commandTimeout` unless given. */
  readonly timeout?: number
}

/** What `copyFromTable` and `copyFromQuery` take; a query has no `columns` and no `schema` of its own. */
export interface CopyFrom extends CopyTableOptions, ProgressOption {
  /** Where the bytes go: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
  readonly output: CopyOutput
  /** What values of a query mean, as for `execute`. */
  readonly values?: ValueMeaning | undefined
  /** Milliseconds for the whole COPY, 0 for no limit. The connection's `commandTimeout` unless given. */
  readonly timeout?: number
}

/** @throws ProgrammingError for what is no object of options. */
export function requireCopyOptions(options: unknown, key: 'source' | 'output', method: string): void {
  if (typeof options === 'object' && options !== null) return
  throw new ProgrammingError(`${method}: expected options with { ${key} }, got ${describeValue(options)}`)
}
