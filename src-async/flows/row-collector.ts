/**
 * Where a statement's rows go to become values: decoded as they arrive, or kept until they are all there, because a type
 * must be learned between two attempts. That is where a column is an anonymous record, which may hold anything, or a
 * composite, which another session may have altered since it was learned.
 */
import { DataError } from '../errors/tree.ts'
import { UnknownTypeError } from '../values/codecs/composite.ts'
import { DecodingSink } from '../values/decoding-sink.ts'
import type { Row } from '../values/record.ts'
import { RowBuffer } from '../values/row-buffer.ts'
import type { RowReader } from '../values/row-decoder.ts'
import { recordsLike } from '../values/row-options.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import type { FlowContext } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { withTextOf } from './text-columns.ts'

const NOTHING: RowSink = { take() {} }

export class RowCollector {
  readonly #context: FlowContext
  readonly #statement: Statement
  readonly #options: RowShapeOptions
  readonly #decoder: RowReader | null
  /** Where the rows go. A collector collects once. */
  readonly sink: RowSink

  /** @throws as `Statement.decoderFor`, before anything is sent. */
  constructor(context: FlowContext, statement: Statement, options: RowShapeOptions = context.rows) {
    this.#context = context
    this.#statement = statement
    this.#options = options
    this.#decoder = statement.decoderFor(options)
    if (this.#decoder === null) this.sink = NOTHING
    else if (options.types !== 'text' && (statement.hasRecords || statement.hasFields)) this.sink = new RowBuffer()
    else this.sink = new DecodingSink(this.#decoder)
  }

  /** The rows, when the last of them has arrived. @throws what a codec or a row factory threw. */
  *rows(): Flow<Row[]> {
    const { sink } = this
    if (sink instanceof DecodingSink) {
      if (sink.failure !== null) throw sink.failure
      this.#context.kept.keep(this)
      return sink.release()
    }
    if (this.#decoder === null || !(sink instanceof RowBuffer)) return []
    if (sink.failure !== null) throw sink.failure
    try {
      return yield* decodeLearning(this.#context, sink, this.#decoder)
    } catch (error) {
      const renewed = yield* learnAltered(this.#context, this.#statement, error)
      const rows = yield* inItsFormats(this.#context, { before: this.#statement, now: renewed }, sink)
      return yield* decodeLearning(this.#context, rows, renewed.decoderFor(this.#options) as RowReader)
    }
  }
}

/**
 * The rows in the formats that a renewed statement reads: a type that got a part which is read as text is read as text as a
 * whole, and its values came in binary.
 * @throws DataError where the server does not print them
 */
export function* inItsFormats(
  context: FlowContext,
  { before, now }: { readonly before: Statement; readonly now: Statement },
  rows: RowBuffer,
): Flow<RowBuffer> {
  const columns = now.columnCodecs.flatMap(({ format }, index) => {
    return format === 0 && before.columnCodecs[index]?.format === 1 ? [index] : []
  })
  if (columns.length === 0) return rows
  const runs = yield* withTextOf(context, now, columns, rows.runs())
  if (runs === null) throw new DataError('the statement has run, and a type of its rows was altered meanwhile')
  const printed = new RowBuffer()
  for (const run of runs) printed.take(run, 0, run.length)
  return printed
}

/**
 * Learns the types that occur in the anonymous records of these rows, and leaves the rows where they are.
 * @param options what the rows were asked for with
 */
export function* learnRecordTypes(
  context: FlowContext,
  statement: Statement,
  rows: RowBuffer,
  options: RowShapeOptions,
): Flow<void> {
  const decoder = statement.hasRecords ? statement.decoderFor(recordsLike(options)) : null
  if (decoder === null) return
  const { position } = rows
  yield* decodeLearning(context, rows, decoder)
  rows.scrollTo(position)
}

/**
 * Learns a statement's types anew after its rows have shown that one was altered.
 * @returns the statement with codecs for the types of now. @throws the error, where it is about anything else.
 */
export function* learnAltered(context: FlowContext, statement: Statement, error: unknown): Flow<Statement> {
  const { registry, state } = context
  if (!registry.isOutdated || !statement.hasFields || state.isClosed || state.transactionStatus === 'E') throw error
  yield* learnTypes(context, statement.types())
  return statement.renewed()
}

/**
 * For a statement that runs once and cannot be tried again, such as one whose rows are read in pieces: the statement with
 * the fields that its composites have now, in parameters and columns. One trip more where there are composites.
 */
export function* withFieldsOfNow(context: FlowContext, statement: Statement): Flow<Statement> {
  const { registry, state } = context
  if (state.transactionStatus === 'E') return statement
  if (![...statement.types()].some((oid) => registry.holdsFields(oid))) return statement
  registry.forget()
  yield* learnTypes(context, statement.types())
  return statement.renewed()
}

/** Every round learns a type, so there are no more rounds than types. */
function* decodeLearning(context: FlowContext, rows: RowBuffer, decoder: RowReader): Flow<Row[]> {
  for (;;) {
    try {
      return rows.rest(decoder)
    } catch (error) {
      const typeOid = unknownTypeIn(error)
      if (typeOid === null) throw error
      yield* learnTypes(context, [typeOid])
      if (!context.registry.has(typeOid)) throw error
    }
  }
}

/** The type an error says is unknown; the error may be wrapped in others that say where. */
function unknownTypeIn(error: unknown): number | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UnknownTypeError) return cause.typeOid
  }
  return null
}
