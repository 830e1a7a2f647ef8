/**
 * Turns DataRow messages into rows. This is the hottest code of the driver: after some rows a decoder generates a
 * function for exactly its columns (`row-code.ts`). Before that, and where code may not be generated, a loop over the
 * codecs gives the same rows. The bytes are not trusted: every length is checked, and nothing outside the message is
 * read.
 */
import { ByteReader, TruncatedBytesError } from '../bytes/byte-reader.ts'
import { DataError, InternalError, ProtocolError } from '../errors/tree.ts'
import { canGenerateCode } from './code-generation.ts'
import { generateRowCode, type RowCode, type RowFailures } from './row-code.ts'
import type { Codec } from './codec.ts'
import type { Row } from './record.ts'
import type { RowShape } from './row-shapes.ts'
import type { Column, RowSink } from '../wire/row-sink.ts'

const DATA_ROW = 0x44
/** Letter and length. */
const HEADER_BYTES = 5
/** The least size of a message: letter, length and field count. */
const LEAST_MESSAGE_BYTES = 7
/** Code is generated only after this many rows: for a statement that returns one row it would never pay off. */
const ROWS_BEFORE_GENERATION = 64
/** V8 does not optimise functions beyond a certain size, so wider rows are always decoded by the loop. */
const MOST_GENERATED_COLUMNS = 128
/** A row longer than this on the wire is not kept as a sample, because it would occupy too much memory. */
const MOST_SAMPLE_BYTES = 4096
const NO_ROWS: Row[] = []

/** Turns messages into rows: a RowDecoder, or its variant for rows in text format. */
export interface RowReader {
  /** Decodes one message. The reader stands just after the length word, and its end is the end of the message. */
  decode(reader: ByteReader): Row
  /** Decodes a run of whole messages. */
  decodeRun(bytes: Uint8Array, start: number, end: number, into: Row[]): void
}

export class RowDecoder implements RowReader {
  readonly columns: readonly Column[]
  readonly codecs: readonly Codec[]
  readonly shape: RowShape
  #decoded = 0
  #code: RowCode | null = null
  #spareReader: ByteReader | null = null
  /** A recent row. It lives as long as the decoder and keeps V8's hidden class for such rows alive (see `Kept`). */
  protected sample: Row | null = null
  #viewed: Uint8Array | null = null
  #view: DataView | null = null

  constructor(columns: readonly Column[], codecs: readonly Codec[], shape: RowShape) {
    this.columns = columns
    this.codecs = codecs
    this.shape = shape
  }

  /** @throws ProtocolError when the message is malformed, DataError when a value has no JavaScript form. */
  decode(reader: ByteReader): Row {
    const code = this.#code ?? this.#earnCode()
    if (code === null) return decodeByLoop(this, reader)
    const { bytes, position, end } = reader
    const row = code.decodeRow(bytes, this.#viewOf(bytes), reader, position, end)
    if (end - position <= MOST_SAMPLE_BYTES) this.sample = row
    reader.position = end
    reader.end = end
    return row
  }

  /** @throws the errors of `decode`; `into` has the rows before the failing one. */
  decodeRun(bytes: Uint8Array, start: number, end: number, into: Row[]): void {
    // A codec of the user's may call this method again, so the shared reader is taken out while it is in use.
    const reader = this.#spareReader ?? new ByteReader(bytes)
    this.#spareReader = null
    let position = start
    while (position < end) {
      reader.reset(bytes, position, end)
      const code = this.#code ?? this.#earnCode()
      if (code !== null) {
        const view = this.#viewOf(reader.bytes)
        const first = into.length
        code.decodeRun(reader.bytes, view, reader, position, end, into)
        if (view.getInt32(position + 1) <= MOST_SAMPLE_BYTES) this.sample = into[first] ?? null
        break
      }
      position = enterMessage(reader)
      into.push(decodeByLoop(this, reader))
    }
    this.#spareReader = reader
  }

  /** A decoder for the same columns in text format: for the rows of a text with several statements. */
  asText(): RowReader {
    return new TextRowDecoder(this)
  }

  #earnCode(): RowCode | null {
    this.#decoded += 1
    if (this.#decoded < ROWS_BEFORE_GENERATION || !canGenerateCode) return null
    if (this.codecs.length > MOST_GENERATED_COLUMNS) return null
    this.#code = generateRowCode(this.codecs, this.shape, failuresOf(this))
    return this.#code
  }

  #viewOf(bytes: Buffer): DataView {
    if (this.#view === null || this.#viewed !== bytes) {
      this.#viewed = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.#view
  }
}

class TextRowDecoder implements RowReader {
  readonly #decoder: RowDecoder

  constructor(decoder: RowDecoder) {
    this.#decoder = decoder
  }

  decode(reader: ByteReader): Row {
    return decodeByLoop(this.#decoder, reader, decodeTextField)
  }

  decodeRun(bytes: Uint8Array, start: number, end: number, into: Row[]): void {
    const reader = new ByteReader(bytes)
    let position = start
    while (position < end) {
      reader.reset(bytes, position, end)
      position = enterMessage(reader)
      into.push(this.decode(reader))
    }
  }
}

/**
 * Decodes rows as they arrive, while the rest is still on its way. A sink must not throw, so it keeps the first failure and
 * drops the rows after it.
 */
export class DecodingSink implements RowSink {
  rows: Row[] = []
  /** The error of the first row that could not be decoded; otherwise null. */
  failure: unknown = null
  readonly #decoder: RowReader

  constructor(decoder: RowReader) {
    this.#decoder = decoder
  }

  /** Returns the rows and forgets them. */
  release(): Row[] {
    const { rows } = this
    this.rows = NO_ROWS
    return rows
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    if (this.failure !== null) return
    try {
      this.#decoder.decodeRun(bytes, start, end, this.rows)
    } catch (error) {
      this.failure = error ?? new InternalError('a codec threw null instead of an error')
    }
  }
}

/**
 * The end of the DataRow message at `position`. It is the only check of a message's frame in this room.
 * @throws ProtocolError for another message and for a false length, which would shift every row after it.
 */
export function messageEnd(bytes: Uint8Array, position: number, end: number): number {
  if (end - position < LEAST_MESSAGE_BYTES)
    throw new ProtocolError(`a run of rows ends within a message at byte ${position}`)
  const letter = bytes[position]!
  if (letter !== DATA_ROW)
    throw new ProtocolError(`a run of rows holds a message of type ${letter} at byte ${position}`)
  const length =
    (bytes[position + 1]! << 24) | (bytes[position + 2]! << 16) | (bytes[position + 3]! << 8) | bytes[position + 4]!
  const next = position + 1 + length
  if (length < LEAST_MESSAGE_BYTES - 1 || next > end) {
    throw new ProtocolError(`a row at byte ${position} claims ${length} bytes, its run ends at byte ${end}`)
  }
  return next
}

/**
 * Moves the reader from a message's letter into its body and sets its end.
 * @returns where the next message begins.
 */
export function enterMessage(reader: ByteReader): number {
  const next = messageEnd(reader.bytes, reader.position, reader.end)
  reader.position += HEADER_BYTES
  reader.end = next
  return next
}

type FieldDecoder = (codec: Codec, reader: ByteReader, length: number) => unknown

function decodeField(codec: Codec, reader: ByteReader, length: number): unknown {
  return codec.decode(reader, length)
}

function decodeTextField(codec: Codec, reader: ByteReader, length: number): unknown {
  return codec.decodeText(reader.utf8(length))
}

/** The general form: any number of columns, any codec, no generated code. */
function decodeByLoop(decoder: RowDecoder, reader: ByteReader, field: FieldDecoder = decodeField): Row {
  const { codecs } = decoder
  const end = reader.end
  const values: unknown[] = []
  let i = 0
  try {
    const count = reader.uint16()
    if (count !== codecs.length) throw wrongFieldCount(codecs.length, count)
    for (; i < count; i += 1) {
      const length = reader.int32()
      if (length === -1) {
        values.push(null)
        continue
      }
      const fieldEnd = reader.position + length
      if (length < 0 || fieldEnd > end) throw lyingLength(decoder, i, length)
      reader.end = fieldEnd
      values.push(field(codecs[i]!, reader, length))
      if (reader.position !== fieldEnd) throw leftOver(decoder, i, fieldEnd - reader.position)
      reader.end = end
    }
  } catch (error) {
    throw explained(error, decoder, i)
  }
  if (reader.position !== end) throw trailingBytes(end - reader.position)
  return decoder.shape.make(values)
}

function columnText(decoder: RowDecoder, index: number): string {
  const name = decoder.columns[index]?.name ?? '?'
  return `column ${index + 1} ("${name}", ${decoder.codecs[index]?.name ?? '?'})`
}

function wrongFieldCount(described: number, found: number): ProtocolError {
  return new ProtocolError(`a row has ${found} fields, the statement was described with ${described}`)
}

function lyingLength(decoder: RowDecoder, index: number, length: number): ProtocolError {
  return new ProtocolError(`${columnText(decoder, index)} claims ${length} bytes, which do not fit its type or its row`)
}

function leftOver(decoder: RowDecoder, index: number, bytes: number): ProtocolError {
  return new ProtocolError(`${columnText(decoder, index)} has ${bytes} bytes more than its value`)
}

function trailingBytes(bytes: number): ProtocolError {
  return new ProtocolError(`a row has ${bytes} bytes after its last field`)
}

/** Adds the column's name to the error of a codec. Exceptions of a user's own codec pass unchanged. */
function explained(error: unknown, decoder: RowDecoder, index: number): unknown {
  if (error instanceof TruncatedBytesError) {
    return new ProtocolError(`${columnText(decoder, index)} ends before its value: ${error.message}`, { cause: error })
  }
  if (isTooLong(error)) {
    return new DataError(
      `${columnText(decoder, index)}: the value is longer than a string can be in JavaScript, 536,870,888 characters`,
      { cause: error, hint: 'read it in parts with substr(), or as bytes with convert_to()' },
    )
  }
  if (!(error instanceof DataError)) return error
  return new DataError(`${columnText(decoder, index)}: ${error.message}`, { cause: error })
}

/** Whether Node reported that a string would be too long for V8. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG'
}

/** For the generated code: the loop finds and reports the fault of a message, so that both ways give the same error. */
function failuresOf(decoder: RowDecoder): RowFailures {
  return {
    retry(bytes, start, end) {
      return decodeByLoop(decoder, new ByteReader(bytes, start, end))
    },
    frame(bytes, start, end) {
      enterMessage(new ByteReader(bytes, start, end))
      throw new InternalError('bug: generated code refused a message that is whole')
    },
    explain(error, column) {
      throw explained(error, decoder, column)
    },
  }
}
