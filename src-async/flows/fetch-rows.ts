/**
 * A statement's rows, all of them, decoded while the rest is still arriving. A value that cannot be decoded fails the
 * fetch, not the connection: the remaining rows are dropped as they come.
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
  /** Not to be kept as a prepared statement. */
  readonly isOneOff?: boolean | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** A statement the caller prepared. */
  readonly prepared?: Statement | undefined
  /** How to make the rows; the connection's way unless given. */
  readonly rows?: RowShapeOptions | undefined
}

/** Takes rows and drops them. */
export const DROP_ROWS: RowSink = { take() {} }

export interface FetchResult {
  readonly rows: Row[]
  /** The command tag, null when the row limit ended the statement early. */
  readonly tag: string | null
}

/** @throws what the statement raises; DataError when a value cannot be represented. */
export function* fetchRows(context: FlowContext, request: FetchRequest): Flow<FetchResult> {
  // Not spread: V8 gives what is spread a new hidden class each time, and this is every statement.
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
    // A second try has a collector of its own.
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
