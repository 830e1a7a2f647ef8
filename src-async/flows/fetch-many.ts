/** `fetchmany`: runs one statement for many elements and returns all rows, in the order of the elements. */
import type { Row, Values } from '../values/record.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { type BatchRequest, type BatchResult, executeMany } from './execute-many.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { RowCollector } from './row-collector.ts'

/** Collects the rows of a batch. Pass its `sinkFor` to the batch. */
export class BatchRows {
  readonly #context: FlowContext
  readonly #options: RowShapeOptions
  /** One collector for each description of the statement, because the batch may have to describe its statement again. */
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

  /** All rows, after the batch has ended; empty for a statement that returns no rows, and for no elements. */
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

/** A statement, the elements it is run for, and the options for its rows. */
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
  const { tag }: BatchResult = yield* executeMany(context, {
    ...batch,
    method: 'fetchmany',
    rows,
    sinkFor: collected.sinkFor,
  })
  return { rows: yield* collected.all(), tag }
}
