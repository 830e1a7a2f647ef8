/**
 * Collects the rows of a statement. Usually they are decoded as they arrive. But decoding may have to stop and learn
 * a type: an anonymous record may contain any type, and another session may have altered a composite type since it
 * was learned. With such a column the rows are kept as bytes until all have arrived.
 */
import { DataError } from '../errors/tree.ts'
import { UnknownTypeError } from '../values/codecs/composite.ts'
import type { Row } from '../values/record.ts'
import { RowBuffer } from '../values/row-buffer.ts'
import { DecodingSink, type RowReader } from '../values/row-decoder.ts'
import { recordsLike } from '../values/row-options.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import { Statement } from '../values/statement.ts'
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
  /** The sink for the rows. A collector is used once. */
  readonly sink: RowSink

  /** @throws the errors of `Statement.decoderFor`, before anything is sent. */
  constructor(context: FlowContext, statement: Statement, options: RowShapeOptions = context.rows) {
    this.#context = context
    this.#statement = statement
    this.#options = options
    this.#decoder = statement.decoderFor(options)
    if (this.#decoder === null) this.sink = NOTHING
    else if (options.types !== 'text' && (statement.hasRecords || statement.hasFields)) this.sink = new RowBuffer()
    else this.sink = new DecodingSink(this.#decoder)
  }

  /** The rows, after the last one has arrived. @throws the error of a codec or a row factory. */
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
 * Converts rows to the formats of a renewed statement. A type that has got a part without a binary decoder is now read
 * as text, but its values arrived in binary.
 * @throws DataError when the server cannot convert them to text
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
 * Learns the types in the anonymous records of these rows. The rows can be read again afterwards.
 * @param options the row options of the call
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
 * Learns the types of a statement again after its rows have shown that one was altered.
 * @returns the statement with codecs for the current types.
 * @throws the given error when it has another cause.
 */
export function* learnAltered(context: FlowContext, statement: Statement, error: unknown): Flow<Statement> {
  const { registry, state } = context
  if (!registry.isOutdated || !statement.hasFields || state.isClosed || state.transactionStatus === 'E') throw error
  yield* learnTypes(context, statement.types())
  return statement.renewed()
}

/**
 * For a statement that cannot be retried, such as one whose rows are read in pieces: gives the statement with the
 * current fields of its composite types, in parameters and columns. Costs a round trip when there are composites.
 */
export function* withFieldsOfNow(context: FlowContext, statement: Statement): Flow<Statement> {
  const { registry, state } = context
  if (state.transactionStatus === 'E') return statement
  if (![...statement.types()].some((oid) => registry.holdsFields(oid))) return statement
  registry.forget()
  yield* learnTypes(context, statement.types())
  return statement.renewed()
}

/**
 * The statement of a FETCH. A cursor is described once, because each FETCH has the same columns. Their types may have been
 * forgotten since.
 */
export function* fetchStatement(context: FlowContext, sql: string, described: Statement | null): Flow<Statement> {
  if (described !== null) yield* learnTypes(context, described.types())
  const columns = described?.columns ?? null
  return new Statement({ name: '', sql, parameterTypes: [], columns, registry: context.registry })
}

/** Decodes rows and learns unknown types. Each round learns one type, so the loop ends. */
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

/**
 * The OID of the unknown type that caused an error; null when it has another cause. The error may be wrapped in others
 * that name the place.
 */
function unknownTypeIn(error: unknown): number | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UnknownTypeError) return cause.typeOid
  }
  return null
}
