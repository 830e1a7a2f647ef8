/** Scripts and data as they are read: by blocking, in pieces, and where text is wanted by whole lines. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

import { type DecodeLines, decoderOf } from './script-encoding.ts'

const CHUNK_BYTES = 64 * 1024
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = '\ufeff'
/** What a line has that sets the encoding of those after it. */
const MENTIONS = ['client_encoding', 'CLIENT_ENCODING', 'set names', 'SET NAMES']
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

/** The text of a script by whole lines; the last line may lack its end. */
export class LineSource {
  readonly #file: number
  readonly #chunks: Iterator<Buffer>
  #decode: DecodeLines = decoderOf('UTF8')!
  #isFirst = true
  /** Bytes that were read and not decoded: a line that is not whole, and what follows a line that may set the encoding. */
  #rest: Buffer = Buffer.alloc(0)
  #unread = ''
  #isOver = false
  /** Bytes in all; null for what is no file. */
  readonly #size: number | null
  #bytes = 0

  /** @param path `-` for the standard input. @throws the file system's error. */
  constructor(path: string) {
    this.#file = path === '-' ? 0 : openSync(path, 'r')
    this.#chunks = bytesOf(this.#file)
    const { size } = fstatSync(this.#file)
    this.#size = size > 0 ? size : null
  }

  /** How much of it has been read and is not waiting: from 0 to 1, about; null for what is no file. */
  share(waiting: number): number | null {
    if (this.#size === null) return null
    return (this.#bytes - this.#rest.length - this.#unread.length - waiting) / this.#size
  }

  /** Some lines, null at the end. @throws TypeError where the text is not in its encoding. */
  read(): string | null {
    if (this.#unread !== '') {
      const text = this.#unread
      this.#unread = ''
      return text
    }
    for (;;) {
      const end = this.#isOver ? this.#rest.length : this.#rest.lastIndexOf(NEWLINE) + 1
      if (end > 0) return this.#lines(end)
      if (this.#isOver) return null
      const { value } = this.#chunks.next()
      if (value === undefined) {
        this.#isOver = true
        continue
      }
      this.#bytes += value.length
      this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    }
  }

  /** The encoding of what follows. @returns false when it is not known here. */
  setEncoding(encoding: string): boolean {
    const decode = decoderOf(encoding)
    if (decode === null) return false
    this.#decode = decode
    return true
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

  /** Puts lines back that were not wanted. */
  unread(text: string): void {
    if (text === '') return
    const before = this.#unread === '' ? text : text + this.#unread
    this.#unread = before
  }

  close(): void {
    if (this.#file > 0) closeSync(this.#file)
  }
}
