/**
 * Keeps a result as the bytes it arrived in, outside the JavaScript heap, and decodes each row when it is fetched: `fetchone`
 * on a million rows decodes one. Chunks grow with the result. A message never spans two chunks.
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { InternalError } from '../errors/tree.ts'
import { type RowReader, enterMessage, messageEnd } from './row-decoder.ts'
import type { Row } from './record.ts'
import type { RowSink } from '../wire/row-sink.ts'

const FIRST_CHUNK_BYTES = 16 * 1024
/** Smaller chunks come from Node's shared pool, which is much cheaper than an array of their own. */
const SMALL_CHUNK_BYTES = 2048
const SMALL_RESULT_BYTES = 4096
const MOST_CHUNK_BYTES = 1024 * 1024

interface Chunk {
  readonly bytes: Buffer
  /** Bytes in use. */
  length: number
  /** The number of its first row within the result. */
  readonly firstRow: number
  /** The offset of each of its rows; made when a program scrolls into this chunk. */
  offsets: Uint32Array | null
}

export class RowBuffer implements RowSink {
  readonly #chunks: Chunk[] = []
  #reader: ByteReader | null = null
  #rowCount = 0
  #position = 0
  /** The place of the row at `#position`. */
  #chunkIndex = 0
  #offset = 0
  #failure: unknown = null

  /** The number of rows taken so far. */
  get rowCount(): number {
    return this.#rowCount
  }

  /** The number of the row that `next` will return, from 0. */
  get position(): number {
    return this.#position
  }

  /** The error that made the buffer drop rows, otherwise null. A sink must not throw. */
  get failure(): unknown {
    return this.#failure
  }

  /** Whether it holds at most a few kilobytes. */
  get isSmall(): boolean {
    return this.#chunks.length < 2 && (this.#chunks[0]?.length ?? 0) <= SMALL_RESULT_BYTES
  }

  /** Forgets the rows. Keeps the memory of the last chunk for the next rows. */
  clear(): void {
    const last = this.#chunks.at(-1)
    this.#chunks.length = 0
    if (last !== undefined) this.#chunks.push({ bytes: last.bytes, length: 0, firstRow: 0, offsets: null })
    this.#rowCount = 0
    this.#position = 0
    this.#chunkIndex = 0
    this.#offset = 0
    this.#failure = null
  }

  /** Copies a run of rows. */
  take(bytes: Uint8Array, start: number, end: number): void {
    if (this.#failure !== null) return
    try {
      this.#copy(bytes, start, end)
    } catch (error) {
      this.#failure = error
    }
  }

  /** The rows as they came, in runs of whole messages. The bytes belong to the buffer. */
  runs(): Uint8Array[] {
    return this.#chunks.map(({ bytes, length }) => bytes.subarray(0, length))
  }

  /** The next row, or null at the end. When it cannot be decoded, the position stays, so that `scrollTo` can skip it. */
  next(decoder: RowReader): Row | null {
    if (this.#position >= this.#rowCount) return null
    const chunk = this.#currentChunk()
    const reader = (this.#reader ??= new ByteReader(chunk.bytes))
    reader.reset(chunk.bytes, this.#offset, chunk.length)
    const next = enterMessage(reader)
    const row = decoder.decode(reader)
    this.#offset = next
    this.#position += 1
    return row
  }

  /** The next `count` rows, fewer at the end. When one cannot be decoded, the position stays before the first of them. */
  nextMany(decoder: RowReader, count: number): Row[] {
    const rows: Row[] = []
    const wanted = Math.min(count, this.#rowCount - this.#position)
    const chunkIndex = this.#chunkIndex
    const offset = this.#offset
    const position = this.#position
    try {
      while (rows.length < wanted) {
        const chunk = this.#currentChunk()
        const left = this.#rowsBefore(this.#chunkIndex + 1) - this.#position
        const taken = Math.min(left, wanted - rows.length)
        const end = taken === left ? chunk.length : skip(chunk, this.#offset, taken)
        decoder.decodeRun(chunk.bytes, this.#offset, end, rows)
        this.#position += taken
        this.#offset = end
      }
    } catch (error) {
      this.#chunkIndex = chunkIndex
      this.#offset = offset
      this.#position = position
      throw error
    }
    return rows
  }

  /** All rows from the current position. */
  rest(decoder: RowReader): Row[] {
    return this.nextMany(decoder, this.#rowCount)
  }

  /** Makes `next` return the row with that number; `rowCount` means the end. @throws RangeError outside; nothing moves then. */
  scrollTo(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index > this.#rowCount) {
      throw new RangeError(`row ${index} is outside the result, which has ${this.#rowCount} rows`)
    }
    let low = 0
    let high = this.#chunks.length
    // Find the last chunk whose first row is not after the wanted one.
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#rowsBefore(middle) <= index) low = middle
      else high = middle
    }
    const chunk = this.#chunks[low]
    if (chunk !== undefined) {
      chunk.offsets ??= offsetsOf(chunk, this.#rowsBefore(low + 1) - chunk.firstRow)
      this.#offset = chunk.offsets[index - chunk.firstRow] ?? chunk.length
      // The chunk may have more rows than when its offsets were made.
      if (index === this.#rowCount) this.#offset = chunk.length
    }
    this.#chunkIndex = low
    this.#position = index
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    let position = start
    while (position < end) {
      const chunk = this.#chunkFor(messageEnd(bytes, position, end) - position, end - position)
      const room = chunk.bytes.length - chunk.length
      // Copy as many whole messages at once as fit.
      let stop = position
      let rows = 0
      while (stop < end) {
        const next = messageEnd(bytes, stop, end)
        if (next - position > room) break
        stop = next
        rows += 1
      }
      chunk.bytes.set(bytes.subarray(position, stop), chunk.length)
      chunk.length += stop - position
      chunk.offsets = null
      this.#rowCount += rows
      position = stop
    }
  }

  #rowsBefore(chunkIndex: number): number {
    return this.#chunks[chunkIndex]?.firstRow ?? this.#rowCount
  }

  #currentChunk(): Chunk {
    let chunk = this.#chunks[this.#chunkIndex]
    if (chunk !== undefined && this.#offset >= chunk.length) {
      this.#chunkIndex += 1
      this.#offset = 0
      chunk = this.#chunks[this.#chunkIndex]
    }
    if (chunk === undefined) throw new InternalError('bug: a row buffer counts more rows than it holds')
    return chunk
  }

  #chunkFor(messageBytes: number, runBytes: number): Chunk {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.bytes.length - last.length >= messageBytes) return last
    // A result of one row, the most common one, gets a chunk of its exact size.
    const grown = last === undefined ? 0 : Math.max(FIRST_CHUNK_BYTES, last.bytes.length * 2)
    const size = Math.max(messageBytes, Math.min(Math.max(grown, runBytes), MOST_CHUNK_BYTES))
    const bytes = size < SMALL_CHUNK_BYTES ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    const chunk: Chunk = { bytes, length: 0, firstRow: this.#rowCount, offsets: null }
    this.#chunks.push(chunk)
    return chunk
  }
}

/** The offset of the message after the next `rows` messages. */
function skip(chunk: Chunk, offset: number, rows: number): number {
  let next = offset
  for (let i = 0; i < rows; i += 1) next = messageEnd(chunk.bytes, next, chunk.length)
  return next
}

function offsetsOf(chunk: Chunk, rows: number): Uint32Array {
  const offsets = new Uint32Array(rows)
  let offset = 0
  for (let i = 0; i < rows; i += 1) {
    offsets[i] = offset
    offset = messageEnd(chunk.bytes, offset, chunk.length)
  }
  return offsets
}
