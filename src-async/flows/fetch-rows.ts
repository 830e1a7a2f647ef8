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
  /** Not to be kept as a prepared statement. */
  readonly isOneOff?: boolean | undefined
  /** A statement the caller prepared. */
  readonly prepared?: Statement | undefined
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
  const sinks: DecodingSink[] = []
  const { tag } = yield* runStatement(context, {
    ...request,
    sinkFor({ rowDecoder }: Statement) {
      if (rowDecoder === null) return DROP_ROWS
      const sink = new DecodingSink(rowDecoder)
      sinks.push(sink)
      return sink
    },
  })
  // A second try has a sink of its own.
  const sink = sinks.at(-1)
  if (sink === undefined) return { rows: [], tag }
  if (sink.failure !== null) throw noteFailure(context, sink.failure)
  return { rows: sink.rows, tag }
}
