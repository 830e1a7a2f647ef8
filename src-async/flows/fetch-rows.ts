/**
 * A statement's rows, all of them, decoded while the rest is still arriving. A value that cannot be decoded fails the
 * fetch, not the connection: the remaining rows are dropped as they come.
 */
import { DecodingSink } from '../values/decoding-sink.ts'
import type { Row } from '../values/record.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { runStatement } from './run-statement.ts'

export interface FetchRequest {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowLimit: number
}

/** Takes rows and drops them. */
export const DROP_ROWS: RowSink = { take() {} }

/** @throws what the statement raises; DataError when a value cannot be represented. */
export function* fetchRows(context: FlowContext, request: FetchRequest): Flow<Row[]> {
  const { sql, values, rowLimit } = request
  let sink: DecodingSink | null = null
  yield* runStatement(context, {
    sql,
    values,
    rowLimit,
    sinkFor(statement: Statement) {
      sink = statement.rowDecoder === null ? null : new DecodingSink(statement.rowDecoder)
      return sink ?? DROP_ROWS
    },
  })
  return rowsOf(context, sink)
}

function rowsOf(context: FlowContext, sink: DecodingSink | null): Row[] {
  if (sink === null) return []
  if (sink.failure !== null) throw noteFailure(context, sink.failure)
  return sink.rows
}
