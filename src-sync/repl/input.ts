/** Scripts and data as they are read: by blocking, in pieces, and where text is wanted by whole lines of UTF-8. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 64 * 1024
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
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #rest = ''
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

  /** Some lines, null at the end. @throws TypeError where the text is not UTF-8. */
  read(): string | null {
    if (this.#unread !== '') {
      const text = this.#unread
      this.#unread = ''
      return text
    }
    for (;;) {
      if (this.#isOver) {
        const last = this.#rest
        this.#rest = ''
        return last === '' ? null : last
      }
      const { value } = this.#chunks.next()
      if (value === undefined) {
        this.#isOver = true
        this.#rest += this.#decoder.decode()
        continue
      }
      this.#bytes += value.length
      const text = this.#decoder.decode(value, { stream: true })
      const lineEnd = text.lastIndexOf('\n') + 1
      if (lineEnd > 0) {
        const lines = this.#rest + text.slice(0, lineEnd)
        this.#rest = text.slice(lineEnd)
        return lines
      }
      this.#rest += text
    }
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
