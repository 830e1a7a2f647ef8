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
  readonly records: Iterable<Values>
  readonly columns?: readonly string[] | undefined
  readonly schema?: string | undefined
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string | undefined
  /** Milliseconds. */
  readonly timeout?: number
}

/** What `copyToTable` takes beside the table's name. */
export interface CopyTo extends CopyToTableOptions, ProgressOption {
  readonly source: CopySource
  readonly timeout?: number
}

/** What `copyFromTable` and `copyFromQuery` take; a query has no `columns` and no `schema` of its own. */
export interface CopyFrom extends CopyTableOptions, ProgressOption {
  readonly output: CopyOutput
  /** What values of a query mean, as for `execute`. */
  readonly values?: ValueMeaning | undefined
  readonly timeout?: number
}

/** @throws ProgrammingError for what is no object of options. */
export function requireCopyOptions(options: unknown, key: 'source' | 'output', method: string): void {
  if (typeof options === 'object' && options !== null) return
  throw new ProgrammingError(`${method}: expected options with { ${key} }, got ${describeValue(options)}`)
}
