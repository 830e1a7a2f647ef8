/**
 * Runs a statement and returns its rows. Rows are decoded while more arrive. A value that cannot be decoded fails the
 * call but not the connection: the remaining rows are read and dropped.
 */
import type { Row } from '../values/record.ts'
import { type RowShapeOptions, fitsAnyColumns } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { RowCollector } from './row-collector.ts'
import { runStatement } from './run-statement.ts'

export interface FetchRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowLimit: number
  /** Whether the statement is not kept prepared. */
  readonly isOneOff?: boolean | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** A statement that the caller has prepared. */
  readonly prepared?: Statement | undefined
  /** The options for the rows; by default those of the connection. */
  readonly rows?: RowShapeOptions | undefined
}

/** A sink that drops all rows. */
export const DROP_ROWS: RowSink = { take() {} }

export interface FetchResult {
  readonly rows: Row[]
  /** The command tag; null when the row limit ended the statement early. */
  readonly tag: string | null
}

/** @throws the server's error; DataError when a value cannot be decoded. */
export function* fetchRows(context: FlowContext, request: FetchRequest): Flow<FetchResult> {
  // The request is not spread, because V8 makes a new hidden class for each spread object, and this runs for every
  // statement.
  const { sql, values, firstPlaces, rowLimit, isOneOff, prepared, rows: options = context.rows } = request
  let collector: RowCollector | null = null
  const { tag } = yield* runStatement(context, {
    sql,
    values,
    firstPlaces,
    rowLimit,
    isOneOff,
    prepared,
    takesAnyRows: fitsAnyColumns(options),
    rows: options,
    // A retry gets a new collector, so rows of the first try cannot mix with it.
    sinkFor(statement: Statement) {
      collector = new RowCollector(context, statement, options)
      return collector.sink
    },
  })
  try {
    const rows = yield* (collector as unknown as RowCollector).rows()
    return { rows, tag }
  } catch (error) {
    throw noteFailure(context, error)
  }
}
