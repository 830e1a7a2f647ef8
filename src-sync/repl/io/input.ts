/**
 * Reads scripts and data by blocking: bytes in pieces, text by whole lines. A source that serves both as a script and as the
 * data of a COPY gives each line once, so neither can take what belongs to the other.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

import { type DecodeLines, decoderOf, isUtf8 } from './script-encoding.ts'

const CHUNK_BYTES = 64 * 1024
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = '\ufeff'
/** What a line has that sets the encoding of those after it. */
const MENTIONS = ['client_encoding', 'CLIENT_ENCODING', 'set names', 'SET NAMES', '\\encoding', '\\connect']
const pause = new Int32Array(new SharedArrayBuffer(4))

/** The bytes of a file or pipe, as they come. */
export function* bytesOf(file: number): Generator<Buffer, void, undefined> {
  for (;;) {
    // Fresh memory for each piece: whoever reads may keep it.
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

/** Where the data of COPYs and the answers to questions come from. */
export interface DataSource {
  /**
   * A piece of a COPY's data, null at the end of the source.
   * @param isAtLineStart whether the piece before it ended with a line's end
   */
  readData(isAtLineStart: boolean): DataPiece | null
  /** A line without its end, null at the end of the source. */
  readLine(): string | null
  /** Puts text back that was not wanted. */
  unread(text: string): void
}

/** Whole lines of a script, and the data between them; the last line may lack its end. */
export class LineSource implements DataSource {
  readonly #file: number
  readonly #chunks: Iterator<Buffer>
  #decode: DecodeLines = decoderOf('UTF8')!
  #isUtf8 = true
  #isFirst = true
  /** Bytes that were read and not decoded: a line that is not whole, and what follows a line that may set the encoding. */
  #rest: Buffer = Buffer.alloc(0)
  #unread = ''
  #isOver = false
  /** How many COPYs have been refused whose data is still to come. */
  #refused = 0
  /** Bytes in all; null for what is no file. */
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

  /** The standard input. There is one source of it, because scripts, data and answers to `\prompt` share its lines. */
  static standard(): LineSource {
    return (standardInput ??= new LineSource(0))
  }

  /** How much of it has been read and is not waiting: from 0 to 1, about; null for what is no file. */
  share(waiting: number): number | null {
    if (this.#size === null) return null
    return (this.#bytes - this.#rest.length - this.#unread.length - waiting) / this.#size
  }

  /** Some lines, null at the end. @throws TypeError where the text is not in its encoding. */
  read(): string | null {
    this.#skipRefused()
    if (this.#unread !== '') return this.#takeUnread()
    for (;;) {
      const end = this.#isOver ? this.#rest.length : this.#rest.lastIndexOf(NEWLINE) + 1
      if (end > 0) return this.#lines(end)
      if (!this.#readLineEnd()) return null
    }
  }

  /** A line without its end, null at the end of the source. */
  readLine(): string | null {
    const text = this.read()
    if (text === null) return null
    const lineEnd = text.indexOf('\n')
    if (lineEnd < 0) return text
    this.unread(text.slice(lineEnd + 1))
    return text.slice(0, lineEnd).replace(/\r$/, '')
  }

  /**
   * A piece of a COPY's data, null at the end of the source. UTF-8 comes as the bytes that were read, because the server says
   * itself where they are wrong; text of another encoding is decoded.
   * @param isAtLineStart whether the piece before it ended with a line's end
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

  /** The encoding of what follows. @returns false when it is not known here. */
  setEncoding(encoding: string): boolean {
    const decode = decoderOf(encoding)
    if (decode === null) return false
    this.#decode = decode
    this.#isUtf8 = isUtf8(encoding)
    return true
  }

  /** Puts lines back that were not wanted. */
  unread(text: string): void {
    if (text !== '') this.#unread = text + this.#unread
  }

  /**
   * Passes over the data of a COPY that was refused, when something is read next. Nobody waits for it before: the data of a
   * last command may never come.
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

  /** Data may be binary and need no lines: a piece is what has come, but for the beginning of a line that may be `\.`. */
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

  /** @returns false at the end, when nothing more is left. */
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

  /** Reads until a line ends. A long one is put together once. @returns false at the end, when nothing more is left. */
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

  /** Lines up to `end`, or up to one that may set the encoding of those after it. */
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
  /** The same with the line that ends the data, where that has come: what was taken from the source. */
  readonly taken: Uint8Array
  /** Whether the data ends with it. */
  readonly isLast: boolean
}

/** What of a line has come may become `\.` and a line's end. */
const MAY_END = /^\\(?:\.\r?)?$/

/** The data that a text begins with, up to a line `\.`, and what is behind it. */
export function pieceOf(text: string, isAtLineStart: boolean): { piece: DataPiece; rest: string } {
  const bytes = Buffer.from(text)
  const end = endOfData(bytes, isAtLineStart, true)
  return {
    piece: { bytes: bytes.subarray(0, end?.start), taken: bytes.subarray(0, end?.next), isLast: end !== null },
    rest: end === null ? '' : bytes.toString('utf8', end.next),
  }
}

/** Where a line `\.` begins, and where the next one does. */
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

/** The data of one COPY, up to `\.`. It can be read on after whoever read it has failed. */
export class DataBlock implements Iterable<Uint8Array> {
  readonly #source: DataSource
  readonly #onLines: (count: number) => void
  #isAtLineStart = true
  #isOver = false

  /** @param onLines is told how many lines have been taken */
  constructor(source: DataSource, onLines: (count: number) => void = () => {}) {
    this.#source = source
    this.#onLines = onLines
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let bytes = this.#next(); bytes !== null; bytes = this.#next()) if (bytes.length > 0) yield bytes
  }

  /** Passes over what has not been read of it. */
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
