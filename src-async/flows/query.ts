/**
 * `query`: runs a text and returns rows, columns and command tag, of one statement or of each of several. A cached
 * statement needs one round trip, like a fetch.
 */
import { sealInstances } from '../options/sealed.ts'
import type { Row } from '../values/record.ts'
import { RowBuffer } from '../values/row-buffer.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import { holdsSeveral } from '../values/several-statements.ts'
import { textRowReader } from '../values/text-rows.ts'
import type { Column, ResultSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { RowCollector } from './row-collector.ts'
import { runScript } from './run-script.ts'
import { runStatement } from './run-statement.ts'
import type { RowsRequest } from './statement-request.ts'

/** A column of a result, as the server describes it. */
export type ResultColumn = Column

/**
 * The result of `query`. For a text with several statements the fields are those of the last one, and `results` has one
 * result for each.
 */
export class QueryResult<T = Row> {
  static {
    sealInstances(this)
  }

  /** The rows; empty for a statement that returns none. */
  readonly rows: T[]
  /** The columns of the rows; empty for a statement that returns no rows. */
  readonly columns: readonly ResultColumn[]
  /** The command tag, such as `INSERT 0 2`; `''` when the text contains no statement. */
  readonly tag: string
  /**
   * How many rows the statement returned or affected, counted by the server; null for a command that counts nothing,
   * such as BEGIN.
   */
  readonly rowCount: number | null
  readonly #results: readonly QueryResult<T>[]

  /** Made by `query`. */
  constructor(rows: T[], columns: readonly Column[] | null, tag: string, results?: readonly QueryResult<T>[]) {
    this.rows = rows
    this.columns = columns ?? NO_COLUMNS
    this.tag = tag
    this.rowCount = countOf(tag) ?? (columns === null ? null : rows.length)
    this.#results = results ?? [this]
  }

  /** One result for each statement of the text. For a text with one statement, only this one. */
  get results(): readonly QueryResult<T>[] {
    return this.#results
  }
}

const NO_COLUMNS: readonly Column[] = []
const COUNTED = /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|FETCH|MOVE|COPY)\b.* (\d+)$/

/** How many rows a command tag says were returned or affected; null for a command that counts nothing. */
export function countOf(tag: string): number | null {
  const count = COUNTED.exec(tag)?.[1]
  return count === undefined ? null : Number(count)
}

/** Runs one statement. @throws the errors of `fetchRows`. */
export function* queryOne(context: FlowContext, request: RowsRequest): Flow<QueryResult> {
  let collector: RowCollector | null = null
  const { statement, tag } = yield* runStatement(context, request, (found) => {
    // A retry gets a new collector, so rows of the first try cannot mix with it.
    collector = new RowCollector(context, found, request.rows)
    return collector.sink
  })
  try {
    const found = yield* (collector as unknown as RowCollector).rows()
    return new QueryResult(found, statement.columns, tag ?? '')
  } catch (error) {
    throw noteFailure(context, error)
  }
}

/** Runs a text without values, which may hold several statements. */
export function queryText(context: FlowContext, sql: string, rows: RowShapeOptions): Flow<QueryResult> {
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  return holdsSeveral(sql, isStandard) ? queryScript(context, sql, rows) : queryOne(context, { sql, values: [], rows })
}

/**
 * Runs a text of any number of statements, without values.
 * @throws the server's error; DataError when a value cannot be decoded.
 */
export function* queryScript(context: FlowContext, sql: string, options: RowShapeOptions): Flow<QueryResult> {
  const sink = new ScriptSink()
  yield* runScript(context, sql, sink)
  // New types are learned after the text has run. In a failed transaction the server cannot be asked.
  if (context.state.transactionStatus !== 'E') yield* learnTypes(context, sink.types())
  const results = sink.results.map(({ columns, rows, tag }) => {
    if (rows.failure !== null) throw rows.failure
    const reader = columns === null ? null : textRowReader(columns, context.registry, options)
    return new QueryResult(reader === null ? [] : rows.rest(reader), columns, tag)
  })
  const last = results.at(-1)
  if (results.length === 1 && last !== undefined) return last
  if (last === undefined) return new QueryResult([], null, '', results)
  return new QueryResult(last.rows, last.columns, last.tag, results)
}

/** One result of a text: the rows of a statement as bytes, whose values are text. */
export interface ScriptResult {
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
  readonly rows: RowBuffer
  readonly tag: string
}

/** Collects the results of a text with any number of statements. */
export class ScriptSink implements ResultSink {
  readonly results: ScriptResult[] = []
  #rows = new RowBuffer()

  take(bytes: Uint8Array, start: number, end: number): void {
    this.#rows.take(bytes, start, end)
  }

  complete(columns: readonly Column[] | null, tag: string): void {
    this.results.push({ columns, rows: this.#rows, tag })
    this.#rows = new RowBuffer()
  }

  /** The types of all columns. The registry must know them before the rows are read. */
  *types(): Generator<number> {
    for (const { columns } of this.results) {
      if (columns !== null) for (const column of columns) yield column.typeOid
    }
  }
}
