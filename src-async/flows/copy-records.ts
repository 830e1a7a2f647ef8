/**
 * `COPY … FROM STDIN` of records, which are rows of JavaScript values. They are encoded in COPY's binary format, by
 * the types of the columns. COPY's text format is used when a column has no binary encoder, or when the first records
 * have strings that only the server can read. `startCopy` and `endCopy` are flows. Between them each API encodes
 * records and sends chunks in its own way, because the async one may have to wait for each record. The COPY starts
 * with the first chunk, so a bad record before that fails no transaction.
 */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { keepClass } from '../bytes/keep-class.ts'
import { schemaHint, withHint } from '../errors/hints.ts'
import { DataError, DbError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import type { Codec } from '../values/codec.ts'
import { describeValue } from '../errors/describe-value.ts'
import { name } from '../values/codecs/system.ts'
import { binaryName } from '../values/codecs/text.ts'
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
import type { ProgressReporter } from './progress.ts'
import { resolveStatement } from './resolve-statement.ts'

export interface CopyTarget {
  readonly table: string
  readonly schema?: string | undefined
  /** By default all columns of the table, in its order. */
  readonly columns?: readonly string[] | undefined
  /** A condition in SQL that records must meet. */
  readonly where?: string | undefined
}

/** The target of a call. @throws ProgrammingError when `columns` is not an array. */
export function copyTarget(table: string, { columns, schema, where }: Omit<CopyTarget, 'table'>): CopyTarget {
  if (columns === undefined || Array.isArray(columns)) return { table, columns, schema, where }
  throw new ProgrammingError(`copyRecordsToTable: columns: expected an array of names, got ${describeValue(columns)}`)
}

/** The text of the COPY for query loggers. It has no format, because the first records decide that. */
export function copyRecordsSql(target: CopyTarget): string {
  return copySql(target, '')
}

function copySql({ table, schema, columns, where }: CopyTarget, format: string): string {
  const name = schema === undefined ? quoteIdentifier(table) : quoteIdentifier(schema, table)
  const list = columns === undefined ? '' : ` (${columns.map((column) => quoteIdentifier(column)).join(', ')})`
  return `COPY ${name}${list} FROM STDIN${format}${where === undefined ? '' : ` WHERE ${where}`}`
}

/** A chunk is sent when it has this many bytes. */
const CHUNK_BYTES = 256 * 1024
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = -1
const NOTHING = new Uint8Array(0)

/** Asks the server for the types of the columns. @throws the server's error about the table or its columns. */
export function* startCopy(context: FlowContext, target: CopyTarget): Flow<RecordEncoder> {
  const table =
    target.schema === undefined ? quoteIdentifier(target.table) : quoteIdentifier(target.schema, target.table)
  const names = target.columns?.map((name) => quoteIdentifier(name)).join(', ')
  try {
    const { statement } = yield* resolveStatement(context, `select ${names ?? '*'} from ${table} limit 0`, [], {
      // The description is never cached, because the table may have changed since the last load. Binary COPY into a
      // wrong type would store wrong data without an error.
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
 * Loads the records of an iterable. An error of the source, or of a record that does not fit, aborts the COPY and is
 * thrown.
 * @param steps.onOpen called before the COPY starts. From then on an interrupted call leaves it open, and the caller
 *   must end it
 */
export function* copyRecords(
  context: FlowContext,
  target: CopyTarget,
  records: Iterable<unknown>,
  { onOpen = () => {}, progress = null }: { onOpen?: () => void; progress?: ProgressReporter | null } = {},
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

/** Encodes records until a chunk is full. @returns whether the source has ended. */
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

/** Sends the rest and ends the COPY. @returns the command tag, `COPY 42`. */
export function* endCopy(
  context: FlowContext,
  encoder: RecordEncoder,
  progress: ProgressReporter | null = null,
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

/** The codec of a column. @throws NotSupportedError for a type without a binary encoder. */
export function binaryCodec(context: FlowContext, column: Column): Codec {
  const codec = context.registry.codecFor(column.typeOid)
  if (codec.format === 1) return codec
  throw new NotSupportedError(
    `COPY of records: column ${JSON.stringify(column.name)} is of type ${codec.name}, which has no binary encoder`,
  )
}

/**
 * After this many records the format is final and an encoder is generated as code. In a shorter COPY generating code
 * would cost more than it saves.
 */
const FIRST_RECORDS = 32

/** The format is final earlier when the first records have this many bytes. */
const MOST_FIRST_BYTES = 64 * 1024

/**
 * Types whose strings are all parsed by the driver. No later record can have a string of these types that only the
 * server can read.
 */
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

/** The format in which records are written, and the statement that starts the COPY. */
export interface RecordFormat {
  readonly format: 'binary' | 'text' | 'either'
  /** The COPY statement for a format. Missing when the encoder does not start the COPY. */
  sql?(format: string): string
}

const BINARY: RecordFormat = { format: 'binary' }

/** Encodes records as rows of COPY into a buffer. The caller sends the buffer when it is full. */
export class RecordEncoder implements SlowWay {
  readonly #out: ByteWriter
  readonly #columns: readonly Column[]
  readonly #codecs: readonly Codec[]
  readonly #format: RecordFormat
  #code: ListCode | null = null
  #isText: boolean
  /**
   * The first records in text format; null when the format is final. They are sent instead of the binary ones when text
   * format turns out to be needed.
   */
  #lines: string[] | null = null
  /**
   * Whether one of the first records has a string for a column that is not text. Then the records probably come from a
   * file or a command line.
   */
  #hasStrings = false
  /** Columns that had a value which is neither a string nor null. */
  readonly #typed = new Set<number>()
  readonly #uncertain: readonly number[]
  /** Whether the COPY has started. */
  isOpen = false
  /** Records encoded so far. */
  count = 0
  /** How many of the encoded records were sent. */
  sentCount = 0
  #sentBytes = 0

  constructor(out: ByteWriter, columns: readonly Column[], codecs: readonly Codec[], format: RecordFormat = BINARY) {
    this.#out = out
    this.#columns = columns
    // A name that is too long is refused at every record, and never cut in the first records alone.
    this.#codecs = codecs.map((codec) => (codec === name ? binaryName : codec))
    this.#format = format
    this.#isText =
      format.format === 'text' || (format.format === 'either' && codecs.some((codec) => codec.format === 0))
    this.#uncertain = codecs.flatMap((codec, i) => (isPlain(codec) || CERTAIN_TYPES.has(codec.name) ? [] : [i]))
    if (format.format === 'either' && !this.#isText && !codecs.every(isPlain)) this.#lines = []
    out.clear()
    if (!this.#isText) out.bytes(HEADER)
  }

  /**
   * Encodes one record.
   * @throws ProgrammingError or DataError, which name the record and the column. Earlier records stay encoded.
   */
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

  /** Whether the buffer has enough bytes to send. */
  get isFull(): boolean {
    return this.#out.length >= CHUNK_BYTES
  }

  /** Makes the format final. @returns the statement that starts the COPY. */
  open(): string {
    this.#settle()
    this.isOpen = true
    return this.#format.sql?.(this.#isText ? 'text' : 'binary') ?? ''
  }

  /** The bytes to send. They are valid until the next record is added. */
  chunk(): Uint8Array {
    return this.#out.view()
  }

  clear(): void {
    this.#sentBytes += this.#out.length
    this.sentCount = this.count
    this.#out.clear()
  }

  /** Bytes that were sent since the last call. */
  takeSentBytes(): number {
    const bytes = this.#sentBytes
    this.#sentBytes = 0
    return bytes
  }

  finish(): void {
    if (!this.#isText) this.#out.int16(TRAILER)
  }

  /** Writes one value. Generated code calls it too. */
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

  /** Keeps a record in text format beside the binary one, and notes what kinds of values it has. */
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
      // A codec of the user encodes only to bytes, so text format is not possible.
      this.#lines = null
    }
    if (isLong) this.#settle()
  }

  /**
   * Whether a later record may have a string that only the server can read. That is likely when strings came for
   * columns that are not text, and a column of a type with such strings has had only strings or NULL.
   */
  get #isDoubtful(): boolean {
    return this.#hasStrings && this.#uncertain.some((index) => !this.#typed.has(index))
  }

  /** Makes the format final: text when a later record may need it. */
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
      throw new ProgrammingError(
        `record #${this.count}: expected an array of ${width} values, got ${describeValue(record)}`,
      )
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

/** Whether a column takes any string unchanged: text types and enums. */
function isPlain(codec: Codec): boolean {
  return codec.isText === true && !CERTAIN_TYPES.has(codec.name)
}

function tooLateForText(value: unknown): DataError {
  return new DataError(
    `${describeValue(value)} can only be read by the server, but this COPY is in binary format because of its first records: ` +
      'pass a Date or another value of the type, or strings from the first record on',
  )
}

keepClass(new RecordEncoder(new ByteWriter(HEADER.length), [], []))
