/**
 * The request and the result of flows that run one statement. The face makes the request once. Every flow passes the
 * same object on, and no flow copies it.
 */
import type { ResolvedStatement } from './resolve-statement.ts'
import type { Statement } from '../values/statement.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { RowSink } from '../wire/row-sink.ts'

/** One statement to run. */
export interface StatementRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  /** A statement that the caller has prepared. It is never described again or retried. */
  readonly prepared?: Statement | undefined
  /** The statement, if a pipeline has described it before its turn. */
  readonly described?: ResolvedStatement | null | undefined
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
  /** Whether the statement must be described before it runs, even if its text could run at once. */
  readonly isDescribedFirst?: boolean | undefined
}

/** A statement to run, and how its rows are made. */
export interface RowsRequest extends StatementRequest {
  readonly rows: RowShapeOptions
}

/**
 * Gives the sink for the rows of a statement. Called again for each attempt. It may be called when the statement already
 * runs, unless the request is described first or its row options do not fit any columns.
 */
export type SinkFor = (statement: Statement) => RowSink

export interface StatementResult {
  readonly statement: Statement
  /** The command tag; null when the row limit ended the statement early. */
  readonly tag: string | null
}
