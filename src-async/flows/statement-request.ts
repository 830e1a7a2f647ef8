/** What is asked of the flows that run one statement, and what they give. */
import type { Statement } from '../values/statement.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { RowSink } from '../wire/row-sink.ts'

export interface StatementRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  /** A statement the caller prepared: run as it is, and never again by itself. */
  readonly prepared?: Statement | undefined
  /** Type OIDs the caller asks for, by parameter. */
  readonly hints?: readonly number[] | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Not to be kept as a prepared statement. */
  readonly isOneOff?: boolean | undefined
  /** Most rows wanted, 0 for all. */
  readonly rowLimit?: number
  /** What rows the sink is for: their formats are asked for accordingly. */
  readonly rows?: RowShapeOptions | undefined
  /** Whether `sinkFor` refuses no statement, so that it may be called when the statement runs already. */
  readonly takesAnyRows?: boolean | undefined
  /** Where the rows of this statement go; asked anew for every attempt. */
  sinkFor(statement: Statement): RowSink
}

export interface StatementResult {
  readonly statement: Statement
  /** The command tag; null when the row limit ended it early. */
  readonly tag: string | null
}
