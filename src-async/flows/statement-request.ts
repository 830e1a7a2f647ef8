/** The request and the result of flows that run one statement. */
import type { Statement } from '../values/statement.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { RowSink } from '../wire/row-sink.ts'

export interface StatementRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  /** A statement that the caller has prepared. It is never described again or retried. */
  readonly prepared?: Statement | undefined
  /** Type OIDs that the caller asks for, one for each parameter. */
  readonly hints?: readonly number[] | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Whether the statement is not kept prepared. */
  readonly isOneOff?: boolean | undefined
  /** The row limit; 0 for all rows. */
  readonly rowLimit?: number
  /** The options for the rows of the sink. They decide in which formats the columns are requested. */
  readonly rows?: RowShapeOptions | undefined
  /** Whether `sinkFor` accepts every statement, so that it may be called when the statement already runs. */
  readonly takesAnyRows?: boolean | undefined
  /** Gives the sink for the rows of this statement. Called again for each attempt. */
  sinkFor(statement: Statement): RowSink
}

export interface StatementResult {
  readonly statement: Statement
  /** The command tag; null when the row limit ended the statement early. */
  readonly tag: string | null
}
