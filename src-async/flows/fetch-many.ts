/** The rows of one statement run for many elements, in their order: `executemany` of what has RETURNING. */
import type { Row } from '../values/record.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
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
