/** The rows of one statement run for many elements, in their order: `executemany` of what has RETURNING. */
import type { Row, Values } from '../values/record.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { type BatchRequest, type BatchResult, executeMany } from './execute-many.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { RowCollector } from './row-collector.ts'

/** Gathers the rows of a batch. Its `sinkFor` is the batch's. */
export class BatchRows {
  readonly #context: FlowContext
  readonly #options: RowShapeOptions
  /** One for each statement: a batch may go on with another description. */
  readonly #collectors: RowCollector[] = []

  constructor(context: FlowContext, options: RowShapeOptions) {
    this.#context = context
    this.#options = options
  }

  readonly sinkFor = (statement: Statement): RowSink => {
    const collector = new RowCollector(this.#context, statement, this.#options)
    this.#collectors.push(collector)
    return collector.sink
  };

  /** All of them, when the batch is done; none of a statement without rows, or of no elements. */
  *all(): Flow<Row[]> {
    const [first, ...others] = this.#collectors
    if (first === undefined) return []
    try {
      const rows = yield* first.rows()
      for (const other of others) for (const row of yield* other.rows()) rows.push(row)
      return rows
    } catch (error) {
      throw noteFailure(this.#context, error)
    }
  }
}

/** A statement, what it is run for, and how its rows are made. */
export interface FetchManyRequest extends Pick<BatchRequest, 'sql' | 'prepared' | 'firstPlaces'> {
  readonly elements: Iterable<Values>
  readonly rows: RowShapeOptions
}

/** The rows of all elements, in their order, and the tag of the last statement. */
export function* fetchMany(
  context: FlowContext,
  { rows, ...batch }: FetchManyRequest,
): Flow<{ readonly rows: Row[]; readonly tag: string }> {
  const collected = new BatchRows(context, rows)
  const { tag }: BatchResult = yield* executeMany(context, { ...batch, rows, sinkFor: collected.sinkFor })
  return { rows: yield* collected.all(), tag }
}
