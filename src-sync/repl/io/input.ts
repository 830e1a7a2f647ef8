/**
 * Reads scripts and data by blocking calls: bytes in pieces, text by whole lines. A source that contains both a script and the
 * data of its COPYs returns each line only once, so that neither takes lines of the other.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

import { type DecodeLines, decoderOf, isUtf8 } from './script-encoding.ts'

const CHUNK_BYTES = 64 * 1024
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = '\ufeff'
/** Words in a line that may change the encoding of the lines after it. */
const MENTIONS = ['client_encoding', 'CLIENT_ENCODING', 'set names', 'SET NAMES', '\\encoding', '\\connect']
const pause = new Int32Array(new SharedArrayBuffer(4))

/** The bytes of a file or pipe, in pieces as they arrive. */
export function* bytesOf(file: number): Generator<Buffer, void, undefined> {
  for (;;) {
    // Each piece has its own memory, because the reader may keep it.
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    const length = readSome(file, buffer)
    if (length === 0) return
    yield buffer.subarray(0, length)
  }
}

function readSome(file: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(file, buffer)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

/** A source of COPY data and of answers to questions. */
export interface DataSource {
  /**
   * A piece of a COPY's data; null at the end of the source.
   * @param isAtLineStart whether the piece before it ended with a line break
   */
  readData(isAtLineStart: boolean): DataPiece | null
  /** A line without its line break; null at the end of the source. */
  readLine(): string | null
  /** Puts text back, to be read again. */
  unread(text: string): void
}

/** Reads whole lines of a script, and the data between them. The last line may have no line break. */
export class LineSource implements DataSource {
  readonly #file: number
  readonly #chunks: Iterator<Buffer>
  #decode: DecodeLines = decoderOf('UTF8')!
  #isUtf8 = true
  #isFirst = true
  /** Bytes that are not decoded yet: an incomplete line, and everything after a line that may change the encoding. */
  #rest: Buffer = Buffer.alloc(0)
  #unread = ''
  #isOver = false
  /** The number of refused COPYs whose data has not been skipped yet. */
  #refused = 0
  /** The size in bytes; null when the source is not a file. */
  readonly #size: number | null
  #bytes = 0

  private constructor(file: number) {
    this.#file = file
    this.#chunks = bytesOf(file)
    const { size } = fstatSync(file)
    this.#size = size > 0 ? size : null
  }

  /** @param path `-` for the standard input. @throws the file system's error. */
  static open(path: string): LineSource {
    return path === '-' ? LineSource.standard() : new LineSource(openSync(path, 'r'))
  }

  /** The standard input. There is only one source for it, because scripts, data and answers to `\prompt` share its lines. */
  static standard(): LineSource {
    return (standardInput ??= new LineSource(0))
  }

  /** The part of the file that was read and used, from 0 to about 1; null when the source is not a file. */
  share(waiting: number): number | null {
    if (this.#size === null) return null
    return (this.#bytes - this.#rest.length - this.#unread.length - waiting) / this.#size
  }

  /** Some lines; null at the end. @throws TypeError when the text is not in its encoding. */
  read(): string | null {
    this.#skipRefused()
    if (this.#unread !== '') return this.#takeUnread()
    for (;;) {
      const end = this.#isOver ? this.#rest.length : this.#rest.lastIndexOf(NEWLINE) + 1
      if (end > 0) return this.#lines(end)
      if (!this.#readLineEnd()) return null
    }
  }

  /** A line without its line break; null at the end of the source. */
  readLine(): string | null {
    const text = this.read()
    if (text === null) return null
    const lineEnd = text.indexOf('\n')
    if (lineEnd < 0) return text
    this.unread(text.slice(lineEnd + 1))
    return text.slice(0, lineEnd).replace(/\r$/, '')
  }

  /**
   * A piece of a COPY's data; null at the end of the source. UTF-8 is returned as the bytes that were read, because the server
   * itself reports invalid ones. Text in another encoding is decoded.
   * @param isAtLineStart whether the piece before it ended with a line break
   */
  readData(isAtLineStart: boolean): DataPiece | null {
    this.#skipRefused()
    if (this.#unread === '' && this.#isUtf8) return this.#readRawData(isAtLineStart)
    const text = this.read()
    if (text === null) return null
    const { piece, rest } = pieceOf(text, isAtLineStart)
    this.unread(rest)
    return piece
  }

  /** Sets the encoding of the text that follows. @returns false for an unknown encoding. */
  setEncoding(encoding: string): boolean {
    const decode = decoderOf(encoding)
    if (decode === null) return false
    this.#decode = decode
    this.#isUtf8 = isUtf8(encoding)
    return true
  }

  /** Puts lines back, to be read again. */
  unread(text: string): void {
    if (text !== '') this.#unread = text + this.#unread
  }

  /**
   * Skips the data of a refused COPY, but only when something is read next. Skipping it at once could wait for ever, because
   * the data of the last command may never come.
   */
  skipData(): void {
    this.#refused += 1
  }

  #skipRefused(): void {
    while (this.#refused > 0) {
      this.#refused -= 1
      new DataBlock(this).skip()
    }
  }

  close(): void {
    if (this.#file > 0) closeSync(this.#file)
  }

  /** A piece of data that may be binary: everything that has arrived, except the start of a line that may become `\.`. */
  #readRawData(isAtLineStart: boolean): DataPiece | null {
    if (this.#rest.length === 0 && !this.#readMore()) return null
    this.#isFirst = false
    for (;;) {
      const bytes = this.#rest
      const end = endOfData(bytes, isAtLineStart, this.#isOver)
      if (end !== null) {
        this.#rest = bytes.subarray(end.next)
        return { bytes: bytes.subarray(0, end.start), taken: bytes.subarray(0, end.next), isLast: true }
      }
      const lineStart = bytes.lastIndexOf(NEWLINE) + 1
      const mayEnd =
        (lineStart > 0 || isAtLineStart) && MAY_END.test(bytes.toString('latin1', lineStart, lineStart + 4))
      const used = mayEnd ? lineStart : bytes.length
      if (used > 0 || this.#isOver) {
        this.#rest = bytes.subarray(used)
        return { bytes: bytes.subarray(0, used), taken: bytes.subarray(0, used), isLast: this.#isOver }
      }
      this.#readMore()
    }
  }

  /** @returns false at the end, when no bytes are left. */
  #readMore(): boolean {
    if (this.#isOver) return false
    const { value } = this.#chunks.next()
    if (value === undefined) {
      this.#isOver = true
      return this.#rest.length > 0
    }
    this.#bytes += value.length
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    return true
  }

  /** Reads up to a line break. The pieces of a long line are joined only once. @returns false at the end. */
  #readLineEnd(): boolean {
    if (this.#isOver) return false
    const pieces = [this.#rest]
    for (;;) {
      const { value } = this.#chunks.next()
      if (value === undefined) this.#isOver = true
      else {
        this.#bytes += value.length
        pieces.push(value)
      }
      if (value === undefined || value.includes(NEWLINE)) break
    }
    this.#rest = Buffer.concat(pieces)
    return this.#rest.length > 0
  }

  #takeUnread(): string {
    const text = this.#unread
    this.#unread = ''
    return text
  }

  /** The lines up to `end`, or up to the first one that may change the encoding of the next lines. */
  #lines(end: number): string {
    const bytes = this.#rest.subarray(0, end)
    const mentions = MENTIONS.map((words) => bytes.indexOf(words)).filter((at) => at >= 0)
    const lineEnd = mentions.length === 0 ? 0 : bytes.indexOf(NEWLINE, Math.min(...mentions)) + 1
    const used = lineEnd > 0 ? bytes.subarray(0, lineEnd) : bytes
    this.#rest = this.#rest.subarray(used.length)
    const text = this.#decode(used)
    const hasMark = this.#isFirst && text.startsWith(BYTE_ORDER_MARK)
    this.#isFirst = false
    return hasMark ? text.slice(1) : text
  }
}

let standardInput: LineSource | null = null

/** A piece of a COPY's data. */
export interface DataPiece {
  readonly bytes: Uint8Array
  /** The bytes taken from the source: those of the data, and the line that ends it if that was reached. */
  readonly taken: Uint8Array
  /** Whether the data ends with this piece. */
  readonly isLast: boolean
}

/** A start of a line that may become `\.` and a line break. */
const MAY_END = /^\\(?:\.\r?)?$/

/** The data at the beginning of a text, up to a line `\.`, and the text after it. */
export function pieceOf(text: string, isAtLineStart: boolean): { piece: DataPiece; rest: string } {
  const bytes = Buffer.from(text)
  const end = endOfData(bytes, isAtLineStart, true)
  return {
    piece: { bytes: bytes.subarray(0, end?.start), taken: bytes.subarray(0, end?.next), isLast: end !== null },
    rest: end === null ? '' : bytes.toString('utf8', end.next),
  }
}

/** The offset of a line `\.`, and that of the line after it. */
function endOfData(bytes: Buffer, isAtLineStart: boolean, isWhole: boolean): { start: number; next: number } | null {
  for (let at = bytes.indexOf('\\.'); at >= 0; at = bytes.indexOf('\\.', at + 1)) {
    if (at === 0 ? !isAtLineStart : bytes[at - 1] !== NEWLINE) continue
    let next = at + 2
    if (bytes[next] === CARRIAGE_RETURN) next += 1
    if (bytes[next] === NEWLINE) return { start: at, next: next + 1 }
    if (next >= bytes.length && isWhole) return { start: at, next }
  }
  return null
}

/** The data of one COPY, up to `\.`. When its reader has failed, another one can read the rest. */
export class DataBlock implements Iterable<Uint8Array> {
  readonly #source: DataSource
  readonly #onLines: (count: number) => void
  #isAtLineStart = true
  #isOver = false

  /** @param onLines called with the number of lines that were taken */
  constructor(source: DataSource, onLines: (count: number) => void = () => {}) {
    this.#source = source
    this.#onLines = onLines
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let bytes = this.#next(); bytes !== null; bytes = this.#next()) if (bytes.length > 0) yield bytes
  }

  /** Skips the data that has not been read. */
  skip(): void {
    while (this.#next() !== null);
  }

  #next(): Uint8Array | null {
    if (this.#isOver) return null
    const piece = this.#source.readData(this.#isAtLineStart)
    this.#isOver = piece === null || piece.isLast
    if (piece === null) return null
    const { bytes, taken } = piece
    if (taken.length > 0) this.#isAtLineStart = taken.at(-1) === NEWLINE
    let lines = 0
    for (let at = taken.indexOf(NEWLINE); at >= 0; at = taken.indexOf(NEWLINE, at + 1)) lines += 1
    this.#onLines(lines)
    return bytes
  }
}
