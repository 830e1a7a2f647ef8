/**
 * `COPY … FROM STDIN` of records: rows as JavaScript values, encoded by the columns' types into COPY's binary format.
 * The two ends of it, `startCopy` and `endCopy`, are flows; between them a face encodes and sends chunks at its own
 * pace, because one face's records come from an iterable and the other's perhaps from an async one.
 */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { keepClass } from '../bytes/keep-class.ts'
import { DataError, DbError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import type { Codec } from '../values/codec.ts'
import { type ListCode, type SlowWay, listCode } from '../values/list-code.ts'
import { quoteIdentifier } from '../values/sql.ts'
import { converted } from '../values/to-postgres.ts'
import type { Column } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { abandonCopyIn, finishCopyIn, sendCopyIn, startCopyIn } from './copy-bytes.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { resolveStatement } from './resolve-statement.ts'

export interface CopyTarget {
  readonly table: string
  readonly schema?: string | undefined
  /** All columns of the table, in its order, when missing. */
  readonly columns?: readonly string[] | undefined
  /** A condition on the incoming rows, verbatim. */
  readonly where?: string | undefined
}

/** Bytes to gather before a chunk is sent. */
const CHUNK_BYTES = 256 * 1024
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = -1
const NOTHING = new Uint8Array(0)

/** Learns the columns' types and opens the COPY. @throws what the server says of the table or its columns. */
export function* startCopy(context: FlowContext, target: CopyTarget): Flow<RecordEncoder> {
  const table =
    target.schema === undefined ? quoteIdentifier(target.table) : quoteIdentifier(target.schema, target.table)
  const names = target.columns?.map((name) => quoteIdentifier(name)).join(', ')
  try {
    const { statement } = yield* resolveStatement(context, `select ${names ?? '*'} from ${table} limit 0`, [], {
      // The table may be another one than at the last load: binary COPY into the wrong type stores nonsense in silence.
      isOneOff: true,
    })
    const columns = statement.columns ?? []
    const encoder = new RecordEncoder(
      context.out,
      columns,
      columns.map((column) => binaryCodec(context, column)),
    )
    const list = names === undefined ? '' : ` (${names})`
    const where = target.where === undefined ? '' : ` WHERE ${target.where}`
    yield* startCopyIn(context, `COPY ${table}${list} FROM STDIN (FORMAT binary)${where}`)
    return encoder
  } catch (error) {
    throw noteFailure(context, error)
  }
}

/**
 * The whole of it for records that are at hand. A source that throws, or a record that does not fit, undoes the COPY and
 * is thrown on.
 */
export function* copyRecords(context: FlowContext, target: CopyTarget, records: Iterable<unknown>): Flow<string> {
  const encoder = yield* startCopy(context, target)
  const source = records[Symbol.iterator]()
  let isDrained = false
  try {
    for (;;) {
      try {
        isDrained = fill(encoder, source)
      } catch (error) {
        yield* abandonCopyIn(context, error)
        throw error
      }
      if (isDrained) return yield* endCopy(context, encoder)
      yield* sendCopyChunk(context, encoder)
    }
  } finally {
    if (!isDrained) source.return?.()
  }
}

/** Encodes until a chunk is full. @returns whether the source is drained. */
function fill(encoder: RecordEncoder, source: Iterator<unknown>): boolean {
  while (!encoder.isFull) {
    const step = source.next()
    if (step.done === true) return true
    encoder.add(step.value)
  }
  return false
}

export function* sendCopyChunk(context: FlowContext, encoder: RecordEncoder): Flow<void> {
  yield* sendCopyIn(context, encoder.chunk())
  encoder.clear()
}

/** Sends what is left and finishes. @returns the command tag, `COPY 42`. */
export function* endCopy(context: FlowContext, encoder: RecordEncoder): Flow<string> {
  encoder.finish()
  yield* sendCopyChunk(context, encoder)
  return yield* finishCopyIn(context)
}

/** The codec of a column. @throws NotSupportedError where the type has no binary form here. */
export function binaryCodec(context: FlowContext, column: Column): Codec {
  const codec = context.registry.codecFor(column.typeOid)
  if (codec.format === 1) return codec
  throw new NotSupportedError(
    `COPY of records: column ${JSON.stringify(column.name)} is of type ${codec.name}, which has no binary encoder`,
  )
}

/** Records to encode before code is generated: a short COPY would not earn it back. */
const RECORDS_BEFORE_GENERATION = 32

/** Turns records into COPY's binary rows, in a buffer that is sent when it is full. */
export class RecordEncoder implements SlowWay {
  readonly #out: ByteWriter
  readonly #columns: readonly Column[]
  readonly #codecs: readonly Codec[]
  #code: ListCode | null = null
  /** Records encoded so far. */
  count = 0

  constructor(out: ByteWriter, columns: readonly Column[], codecs: readonly Codec[]) {
    this.#out = out
    this.#columns = columns
    this.#codecs = codecs
    out.clear()
    out.bytes(HEADER)
  }

  /** @throws ProgrammingError, DataError naming the record and the column; what was encoded before stays. */
  add(record: unknown): void {
    this.#requireFitting(record)
    const out = this.#out
    const start = out.length
    try {
      if (this.#code !== null) this.#code(out, record, this)
      else this.#encode(record)
    } catch (error) {
      out.truncate(start)
      throw error
    }
    this.count += 1
    if (this.count === RECORDS_BEFORE_GENERATION) this.#code = this.#generate()
  }

  /** Whether there is enough for a chunk. */
  get isFull(): boolean {
    return this.#out.length >= CHUNK_BYTES
  }

  /** What is to be sent, valid until the next record. */
  chunk(): Uint8Array {
    return this.#out.view()
  }

  clear(): void {
    this.#out.clear()
  }

  finish(): void {
    this.#out.int16(TRAILER)
  }

  /** For generated code. */
  writeValue(index: number, given: unknown): void {
    const out = this.#out
    const value = converted(given, this.#columns[index]?.typeOid ?? 0)
    if (value === undefined) {
      throw new ProgrammingError(`record #${this.count}, column ${this.#name(index)} is undefined; use null`)
    }
    if (value === null) {
      out.int32(-1)
      return
    }
    const length = out.reserveInt32()
    try {
      this.#codecs[index]?.encode(out, value)
    } catch (error) {
      throw this.#located(error, index)
    }
    out.patchLength(length)
  }

  #requireFitting(record: unknown): asserts record is readonly unknown[] {
    const width = this.#codecs.length
    if (!Array.isArray(record)) {
      throw new ProgrammingError(`record #${this.count}: expected an array of ${width} values, got ${kindOf(record)}`)
    }
    if (record.length !== width) {
      throw new ProgrammingError(`record #${this.count}: ${width} values expected, ${record.length} given`)
    }
  }

  #encode(record: readonly unknown[]): void {
    this.#out.int16(record.length)
    for (let index = 0; index < record.length; index++) this.writeValue(index, record[index])
  }

  #generate(): ListCode | null {
    const head = Buffer.alloc(2)
    head.writeInt16BE(this.#codecs.length)
    return listCode(this.#codecs, { head, tail: NOTHING })
  }

  #located(error: unknown, index: number): Error {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `record #${this.count}, column ${this.#name(index)}: ${reason}`
    return error instanceof DbError ? new DataError(message) : new DataError(message, { cause: error })
  }

  #name(index: number): string {
    return JSON.stringify(this.#columns[index]?.name ?? '')
  }
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

keepClass(new RecordEncoder(new ByteWriter(HEADER.length), [], []))
