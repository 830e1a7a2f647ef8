/**
 * The body of an ordinary cursor. The result is read to its end when the statement runs, and kept as bytes outside the
 * JavaScript heap. A fetch decodes only the rows that it returns.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import { executeMany } from '../src-async/flows/execute-many.ts'
import { learnTypes } from '../src-async/flows/learn-types.ts'
import { inItsFormats, learnAltered, learnRecordTypes } from '../src-async/flows/row-collector.ts'
import type { FlowContext } from '../src-async/flows/flow-context.ts'
import { ScriptSink } from '../src-async/flows/query.ts'
import { runScript } from '../src-async/flows/run-script.ts'
import { DROP_ROWS, runStatement } from '../src-async/flows/run-statement.ts'
import type { Row } from '../src-async/values/record.ts'
import { RowBuffer } from '../src-async/values/row-buffer.ts'
import { RECORD_ROWS, recordsLike } from '../src-async/values/row-options.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { Statement } from '../src-async/values/statement.ts'
import type { Column as WireColumn } from '../src-async/wire/row-sink.ts'
import type { BatchRequest, CursorBody, ExecuteRequest, RequestOptions, ScrollMode } from './cursor-body.ts'
import type { Engine, RunOptions, StatementSource } from './engine.ts'
import { resolveInputSizes } from './input-sizes.ts'
import type { RewrittenStatement } from './paramstyle/rewrite.ts'
import {
  type DecoderFor,
  ElementResults,
  type Result,
  decoderOf,
  lastTagOf,
  rowCountOf,
  textResults,
  typedResults,
} from './result.ts'
import { type BoundStatement, bindBatch, bindStatement, valuesOf } from './statement.ts'

type ResultWithRows = Result & { readonly decoderFor: DecoderFor }

export class BufferedBody implements CursorBody {
  readonly #engine: Engine
  #results: readonly Result[] = []
  #current: Result | null = null
  /** The statement of the current result when one of its columns contains composites; otherwise null. */
  #described: Statement | null = null
  /** The index of the result that `nextset` shows next. */
  #next = 1
  #rowcount = -1
  #hasExecuted = false
  /** True after a `returning` batch without elements: there is no result to show. */
  #hasNoResults = false
  /** The row options of the last request. */
  #shape: RowShapeOptions = RECORD_ROWS

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get hasExecuted(): boolean {
    return this.#hasExecuted
  }

  get columns(): readonly WireColumn[] | null {
    return this.#current?.columns ?? null
  }

  get tag(): string | null {
    return this.#current?.tag ?? null
  }

  get rowcount(): number {
    return this.#rowcount
  }

  get isSmall(): boolean {
    return this.#results.length === 0 && (this.#current?.rows.isSmall ?? true)
  }

  get position(): number | null {
    return this.#current?.decoderFor ? this.#current.rows.position : null
  }

  reset(): void {
    this.#hasNoResults = false
    this.#results = []
    this.#current = null
    this.#rowcount = -1
  }

  execute(request: ExecuteRequest): void {
    this.#shape = request.rows
    const { style, meaning } = request
    const asking = { method: 'execute', style, meaning }
    const statement = bindStatement(this.#engine, request.statement, request.parameters, asking)
    if (request.isText) this.#runText(statement, request)
    else if (statement.values === null && statement.rewritten.statementCount > 1) this.#runScript(statement, request)
    else this.#runOne(statement, request)
  }

  executemany(request: BatchRequest): void {
    this.#shape = request.rows
    const { style, meaning, isReturning } = request
    const bound = bindBatch(this.#engine, request.statement, request.elements, {
      method: 'executemany',
      style,
      meaning,
    })
    const { rewritten, elements } = bound
    const results = isReturning ? new ElementResults() : null
    const { context } = this.#engine
    const batch = {
      method: 'executemany' as const,
      sql: rewritten.text,
      firstPlaces: rewritten.firstPlaces,
      elements,
      rows: request.rows,
      marksElements: isReturning,
      progress: request.progress,
      sinkFor: (statement: Statement) => results?.of(statement) ?? DROP_ROWS,
    }
    const { affectedRows, tag } = this.#engine.run(
      withHints(this.#engine, request, rewritten, rewritten.order.length, (hints) =>
        executeMany(context, { ...batch, hints }),
      ),
      { ...runOptions(request, bound), query: { sql: bound.sql, values: request.elements } },
    )
    if (results?.failure) throw results.failure
    this.#hasExecuted = true
    this.#results = results?.results ?? []
    this.#next = 1
    const [first] = this.#results
    if (first === undefined) this.complete(tag)
    else this.#show(first)
    // Each result has its own count. Without results there is only the sum.
    if (first === undefined) this.#rowcount = affectedRows
    this.#hasNoResults = isReturning && first === undefined
  }

  complete(tag: string): void {
    this.#hasExecuted = true
    this.#show({ columns: null, rows: new RowBuffer(), decoderFor: null, tag })
  }

  requireRows(): void {
    this.#rows()
  }

  next(kind?: 'record'): Row | null {
    const options = this.#shapeOf(kind)
    return this.#read(({ rows, decoderFor }) => rows.next(decoderFor(options)))
  }

  nextMany(count: number): Row[] {
    return this.#read(({ rows, decoderFor }) => rows.nextMany(decoderFor(this.#shape), count))
  }

  rest(kind?: 'record'): Row[] {
    const options = this.#shapeOf(kind)
    return this.#read(({ rows, decoderFor }) => rows.rest(decoderFor(options)))
  }

  #shapeOf(kind: 'record' | undefined): RowShapeOptions {
    return kind === undefined ? this.#shape : recordsLike(this.#shape)
  }

  scroll(value: number, mode: ScrollMode): void {
    const { rows } = this.#rows()
    const target = mode === 'absolute' ? value : rows.position + value
    if (target < 0 || target >= rows.rowCount) {
      throw new RangeError(`scroll: row ${target} is outside the result, which has ${rows.rowCount} rows`)
    }
    rows.scrollTo(target)
  }

  nextset(): true | null {
    const next = this.#results[this.#next]
    if (next === undefined) return null
    this.#next += 1
    this.#show(next)
    return true
  }

  shown(): BufferedBody | null {
    const current = this.#current
    if (current === null || this.#hasNoResults) return null
    const body = new BufferedBody(this.#engine)
    body.#shape = this.#shape
    body.#hasExecuted = true
    body.#show(current)
    body.#rowcount = this.#rowcount
    return body
  }

  close(): void {
    this.reset()
  }

  #runOne(statement: BoundStatement, request: ExecuteRequest): void {
    const { context } = this.#engine
    const { isOneOff } = request
    const { text: sql, firstPlaces } = statement.rewritten
    const values = valuesOf(statement)
    let rows = new RowBuffer()
    const sinkFor = (found: Statement): RowBuffer => {
      // Invalid row options must fail before the statement runs.
      found.decoderFor(request.rows)
      return (rows = new RowBuffer())
    }
    const flow = withHints(this.#engine, request, statement.rewritten, values.length, (hints) =>
      runStatement(context, { sql, values, hints, firstPlaces, isOneOff, rows: request.rows }, sinkFor),
    )
    const { statement: described, tag } = this.#engine.run(flow, queryOptions(request, statement))
    if (rows.failure !== null) throw rows.failure
    this.#hasExecuted = true
    if (described.hasRecords) this.#engine.run(learnRecordTypes(context, described, rows, request.rows))
    this.#show({ columns: described.columns, rows, decoderFor: decoderOf(described), tag: tag ?? '' })
    this.#described = described.hasFields ? described : null
  }

  #runScript(statement: BoundStatement, request: ExecuteRequest): void {
    const { context } = this.#engine
    const sink = new ScriptSink()
    this.#engine.run(counted(context, statement.rewritten.text, sink), queryOptions(request, statement))
    // New types are learned after the text has run. In a failed transaction the server cannot be asked.
    if (context.state.transactionStatus !== 'E') this.#engine.run(learnTypes(context, sink.types()))
    const results = typedResults(sink, context.registry)
    this.#hasExecuted = true
    this.#results = results
    this.#next = 1
    const [first] = results
    if (first !== undefined) this.#show(first)
  }

  /** Runs a text whose values stay text. Results before an error are kept. */
  #runText(statement: BoundStatement, request: ExecuteRequest): void {
    if (statement.values !== null) throw new ProgrammingError('execute: { text: true } takes no parameters')
    const sink = new ScriptSink()
    try {
      this.#engine.run(counted(this.#engine.context, statement.rewritten.text, sink), queryOptions(request, statement))
    } finally {
      this.#hasExecuted = true
      this.#results = textResults(sink)
      this.#next = 1
      const [first] = this.#results
      if (first !== undefined) this.#show(first)
    }
  }

  /**
   * Decodes rows. When another session has altered a type, the type is learned again and the rows are decoded again.
   */
  #read<T>(read: (result: ResultWithRows) => T): T {
    const result = this.#rows()
    const { position } = result.rows
    try {
      return read(result)
    } catch (error) {
      const described = this.#described
      if (described === null) throw error
      const renewed = this.#engine.run(learnAltered(this.#engine.context, described, error))
      const rows = this.#engine.run(
        inItsFormats(this.#engine.context, { before: described, now: renewed }, result.rows),
      )
      const again = { ...result, rows, decoderFor: decoderOf(renewed) as DecoderFor }
      again.rows.scrollTo(position)
      this.#current = again
      this.#described = null
      return read(again)
    }
  }

  #show(result: Result): void {
    this.#current = result
    this.#described = null
    const count = rowCountOf(result.tag)
    // The tags of SHOW, EXPLAIN and CALL have no row count, so the rows are counted.
    this.#rowcount = count < 0 && result.decoderFor !== null ? result.rows.rowCount : count
  }

  #rows(): ResultWithRows {
    const current = this.#current
    if (current === null) throw new ProgrammingError('there is no result to fetch from: execute a query first')
    if (current.decoderFor === null) {
      const [command = ''] = current.tag.split(' ')
      throw new ProgrammingError(`the last statement${command === '' ? '' : ` (${command})`} returned no rows`)
    }
    return current as ResultWithRows
  }
}

/** Runs a flow with the types that `setinputsizes` has set. */
function withHints<T>(
  engine: Engine,
  { sizes }: RequestOptions,
  { order }: RewrittenStatement,
  valueCount: number,
  flow: (hints: readonly number[] | undefined) => Flow<T>,
): Flow<T> {
  return sizes === null ? flow(undefined) : hinted(resolveInputSizes(engine, sizes, order, valueCount), flow)
}

function* hinted<T>(resolving: Flow<number[]>, flow: (hints: readonly number[]) => Flow<T>): Flow<T> {
  return yield* flow(yield* resolving)
}

/** Runs a text. @returns the last command tag, for loggers. */
function* counted(context: FlowContext, sql: string, sink: ScriptSink): Flow<string> {
  yield* runScript(context, sql, sink)
  return lastTagOf(sink)
}

function queryOptions(request: RequestOptions, source: BoundStatement): RunOptions {
  const { timeoutMs, messages } = request
  return { source, timeoutMs, messages, query: source }
}

function runOptions({ timeoutMs, messages }: RequestOptions, source: StatementSource): RunOptions {
  return { source, timeoutMs, messages }
}
