/**
 * `COPY … FROM STDIN` of records: rows as JavaScript values, encoded by the columns' types into COPY's binary format, or
 * into its text format where a column has no binary form or the first records have strings that only the server reads.
 * The two ends of it, `startCopy` and `endCopy`, are flows; between them a face encodes and sends chunks at its own
 * pace, because one face's records come from an iterable and the other's perhaps from an async one. The COPY is opened
 * with the first chunk, so a record before it that does not fit costs no transaction.
 */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { keepClass } from '../bytes/keep-class.ts'
import { schemaHint, withHint } from '../errors/hints.ts'
import { DataError, DbError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import type { Codec } from '../values/codec.ts'
import { describeValue } from '../values/describe-value.ts'
import { type ListCode, type SlowWay, listCode } from '../values/list-code.ts'
import { literalText } from '../values/literal-text.ts'
import { type Values, listed } from '../values/record.ts'
import { quoteIdentifier } from '../values/sql.ts'
import { TEXT_FOR_SERVER } from '../values/text-for-server.ts'
import { converted } from '../values/to-postgres.ts'
import type { Column } from '../wire/row-sink.ts'
import type { Flow } from './ask.ts'
import { abandonCopyIn, finishCopyIn, sendCopyIn, startCopyIn } from './copy-bytes.ts'
import { noteFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import type { ProgressTeller } from './progress.ts'
import { resolveStatement } from './resolve-statement.ts'

export interface CopyTarget {
  readonly table: string
  readonly schema?: string | undefined
  /** All columns of the table, in its order, when missing. */
  readonly columns?: readonly string[] | undefined
  /** A condition on the incoming rows, verbatim. */
  readonly where?: string | undefined
}

/** Where the records of a call go. @throws ProgrammingError for columns that are no list. */
export function copyTarget(table: string, { columns, schema, where }: Omit<CopyTarget, 'table'>): CopyTarget {
  if (columns === undefined || Array.isArray(columns)) return { table, columns, schema, where }
  throw new ProgrammingError(
    `copyRecordsToTable: columns: expected an array of names, got ${columns === null ? 'null' : typeof columns}`,
  )
}

/** The COPY as query loggers are told of it: its format is chosen by the first records. */
export function copyRecordsSql(target: CopyTarget): string {
  return copySql(target, '')
}

function copySql({ table, schema, columns, where }: CopyTarget, format: string): string {
  const name = schema === undefined ? quoteIdentifier(table) : quoteIdentifier(schema, table)
  const list = columns === undefined ? '' : ` (${columns.map((column) => quoteIdentifier(column)).join(', ')})`
  return `COPY ${name}${list} FROM STDIN${format}${where === undefined ? '' : ` WHERE ${where}`}`
}

/** Bytes to gather before a chunk is sent. */
const CHUNK_BYTES = 256 * 1024
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = -1
const NOTHING = new Uint8Array(0)

/** Learns the columns' types. @throws what the server says of the table or its columns. */
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
    const sql = (format: string): string => copySql(target, ` (FORMAT ${format})`)
    return new RecordEncoder(context.out, columns, codecsOf(context, columns), { format: 'either', sql })
  } catch (error) {
    const [schema, table, ...more] = target.table.split('.')
    const isDotted = schema !== undefined && table !== undefined && more.length === 0 && target.schema === undefined
    const isMissing = error instanceof DbError && error.sqlstate === '42P01'
    throw noteFailure(context, isDotted && isMissing ? withHint(error, schemaHint(schema, table)) : error)
  }
}

function codecsOf({ registry }: FlowContext, columns: readonly Column[]): Codec[] {
  return columns.map((column) => registry.codecFor(column.typeOid))
}

/**
 * The whole of it for records that are at hand. A source that throws, or a record that does not fit, undoes the COPY and
 * is thrown on.
 * @param steps.onOpen called before the COPY is opened: from then on somebody has to end it
 */
export function* copyRecords(
  context: FlowContext,
  target: CopyTarget,
  records: Iterable<unknown>,
  { onOpen = () => {}, progress = null }: { onOpen?: () => void; progress?: ProgressTeller | null } = {},
): Flow<string> {
  const encoder = yield* startCopy(context, target)
  const source = records[Symbol.iterator]()
  let isDrained = false
  try {
    for (;;) {
      try {
        progress?.add(encoder.sentCount, encoder.takeSentBytes())
        isDrained = fill(encoder, source)
      } catch (error) {
        if (encoder.isOpen) yield* abandonCopyIn(context, error)
        throw error
      }
      if (!encoder.isOpen) onOpen()
      if (isDrained) return yield* endCopy(context, encoder, progress)
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
  if (!encoder.isOpen) yield* startCopyIn(context, encoder.open())
  yield* sendCopyIn(context, encoder.chunk())
  encoder.clear()
}

/** Sends what is left and finishes. @returns the command tag, `COPY 42`. */
export function* endCopy(
  context: FlowContext,
  encoder: RecordEncoder,
  progress: ProgressTeller | null = null,
): Flow<string> {
  encoder.finish()
  yield* sendCopyChunk(context, encoder)
  try {
    progress?.add(encoder.count, encoder.takeSentBytes())
    progress?.end(encoder.count)
  } catch (error) {
    yield* abandonCopyIn(context, error)
    throw error
  }
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

/** Records to encode before code is generated, and before the format is settled: a short COPY would not earn it back. */
const FIRST_RECORDS = 32

/** The format is settled sooner where the first records are long. */
const MOST_FIRST_BYTES = 64 * 1024

/** Types of which every string in use is read here, so that no later record needs the server to read one. */
const CERTAIN_TYPES: ReadonlySet<string> = new Set([
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'float4',
  'float8',
  'numeric',
  'uuid',
  'json',
  'jsonb',
  'jsonpath',
])

/** How records are written, and what opens the COPY. */
export interface RecordFormat {
  readonly format: 'binary' | 'text' | 'either'
  /** The COPY in a format; for encoders that open it. */
  sql?(format: string): string
}

const BINARY: RecordFormat = { format: 'binary' }

/** Turns records into COPY's rows, in a buffer that is sent when it is full. */
export class RecordEncoder implements SlowWay {
  readonly #out: ByteWriter
  readonly #columns: readonly Column[]
  readonly #codecs: readonly Codec[]
  readonly #format: RecordFormat
  #code: ListCode | null = null
  #isText: boolean
  /** The first records in text format, while it may turn out that they have to go so. */
  #lines: string[] | null = null
  /** Whether a first record has a string where a column is not text: then they come from a file or a command line. */
  #hasStrings = false
  /** Columns whose strings may be the server's to read, and which had a value that was none, or a string. */
  readonly #typed = new Set<number>()
  readonly #uncertain: readonly number[]
  /** Whether the COPY was opened. */
  isOpen = false
  /** Records encoded so far. */
  count = 0
  /** Those of them that were sent. */
  sentCount = 0
  #sentBytes = 0

  constructor(out: ByteWriter, columns: readonly Column[], codecs: readonly Codec[], format: RecordFormat = BINARY) {
    this.#out = out
    this.#columns = columns
    this.#codecs = codecs
    this.#format = format
    this.#isText =
      format.format === 'text' || (format.format === 'either' && codecs.some((codec) => codec.format === 0))
    this.#uncertain = codecs.flatMap((codec, i) => (isPlain(codec) || CERTAIN_TYPES.has(codec.name) ? [] : [i]))
    if (format.format === 'either' && !this.#isText && !codecs.every(isPlain)) this.#lines = []
    out.clear()
    if (!this.#isText) out.bytes(HEADER)
  }

  /** @throws ProgrammingError, DataError naming the record and the column; what was encoded before stays. */
  add(given: unknown): void {
    const record = listed(given as Values)
    this.#requireFitting(record)
    if (this.#isText) {
      this.#out.utf8(this.#lineOf(record))
      this.count += 1
      return
    }
    const out = this.#out
    const start = out.length
    try {
      if (this.#code !== null) this.#code(out, record, this)
      else this.#encode(record)
      if (this.#lines !== null) this.#note(this.#lines, record)
    } catch (error) {
      out.truncate(start)
      if (error !== TEXT_FOR_SERVER || this.#lines === null) throw error
      this.#turnToText([...this.#lines, this.#lineOf(record)])
    }
    this.count += 1
    if (this.count === FIRST_RECORDS) {
      this.#settle()
      if (!this.#isText) this.#code = this.#generate()
    }
  }

  /** Whether there is enough for a chunk. */
  get isFull(): boolean {
    return this.#out.length >= CHUNK_BYTES
  }

  /** Settles the format. @returns the statement that opens the COPY. */
  open(): string {
    this.#settle()
    this.isOpen = true
    return this.#format.sql?.(this.#isText ? 'text' : 'binary') ?? ''
  }

  /** What is to be sent, valid until the next record. */
  chunk(): Uint8Array {
    return this.#out.view()
  }

  clear(): void {
    this.#sentBytes += this.#out.length
    this.sentCount = this.count
    this.#out.clear()
  }

  /** Bytes sent since this was asked last. */
  takeSentBytes(): number {
    const bytes = this.#sentBytes
    this.#sentBytes = 0
    return bytes
  }

  finish(): void {
    if (!this.#isText) this.#out.int16(TRAILER)
  }

  /** For generated code. */
  writeValue(index: number, given: unknown): void {
    const out = this.#out
    const value = converted(given, this.#columns[index]?.typeOid ?? 0)
    if (value === undefined) throw this.#undefinedValue(index)
    if (value === null) {
      out.int32(-1)
      return
    }
    const length = out.reserveInt32()
    try {
      this.#codecs[index]?.encode(out, value)
    } catch (error) {
      if (error === TEXT_FOR_SERVER && this.#lines !== null) throw error
      throw this.#located(error === TEXT_FOR_SERVER ? tooLateForText(value) : error, index)
    }
    out.patchLength(length)
  }

  /** Keeps a record in text format beside the binary one, and what it says of where the records come from. */
  #note(lines: string[], record: readonly unknown[]): void {
    for (const [i, value] of record.entries()) {
      if (value === null) continue
      if (typeof value === 'string') this.#hasStrings ||= !isPlain(this.#codecs[i]!)
      else this.#typed.add(i)
    }
    const isLong = this.#out.length > MOST_FIRST_BYTES
    try {
      if (!isLong || this.#isDoubtful) lines.push(this.#lineOf(record))
    } catch {
      // A codec of the user's that knows bytes only: there is no other format.
      this.#lines = null
    }
    if (isLong) this.#settle()
  }

  /**
   * Whether a later record may well need the server: strings came for columns that are not text, and a column of a type
   * that the server reads had strings too, or nothing but NULL.
   */
  get #isDoubtful(): boolean {
    return this.#hasStrings && this.#uncertain.some((index) => !this.#typed.has(index))
  }

  /** Ends the time in which the format can change. A COPY that ends within it stays as it is. */
  #settle(): void {
    if (this.#lines !== null && this.#isDoubtful) this.#turnToText(this.#lines)
    this.#lines = null
  }

  #turnToText(lines: readonly string[]): void {
    this.#lines = null
    this.#isText = true
    this.#out.clear()
    for (const line of lines) this.#out.utf8(line)
  }

  /** A record as a line of COPY's text format. */
  #lineOf(record: readonly unknown[]): string {
    let line = ''
    for (let index = 0; index < record.length; index += 1) {
      const value = converted(record[index], this.#columns[index]?.typeOid ?? 0)
      if (value === undefined) throw this.#undefinedValue(index)
      line += (index === 0 ? '' : '\t') + (value === null ? '\\N' : this.#fieldOf(index, value))
    }
    return `${line}\n`
  }

  #fieldOf(index: number, value: unknown): string {
    try {
      return literalText(this.#codecs[index]!, value).replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!)
    } catch (error) {
      throw this.#located(error, index)
    }
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

  #undefinedValue(index: number): ProgrammingError {
    return new ProgrammingError(`record #${this.count}, column ${this.#name(index)} is undefined; use null`)
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

const ESCAPES: Readonly<{ [character: string]: string }> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Whether a column takes any string as it is: text of every kind, enums. */
function isPlain(codec: Codec): boolean {
  return codec.isText === true && !CERTAIN_TYPES.has(codec.name)
}

function tooLateForText(value: unknown): DataError {
  return new DataError(
    `${describeValue(value)} is for the server to read, and this COPY goes in binary format, as its first records needed: ` +
      'pass a Date or another value of the type, or strings from the first record on',
  )
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

keepClass(new RecordEncoder(new ByteWriter(HEADER.length), [], []))
