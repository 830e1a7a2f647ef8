/**
 * Splits the bytes of a binary COPY into rows. A tuple of COPY's binary format has the layout of a DataRow message's
 * body, so it gets the head of such a message and the same decoder reads it. Source of truth: PostgreSQL manual, COPY,
 * "Binary Format".
 */
import { ProtocolError } from '../src-async/errors/tree.ts'
import type { Row } from '../src-async/values/record.ts'
import type { RowReader } from '../src-async/values/row-decoder.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
/** The bytes of the signature, the flags and the length of the header's extension. */
const HEAD_BYTES = SIGNATURE.length + 8
const DATA_ROW = 0x44
const TRAILER = -1

export class TupleCutter {
  readonly #decoder: RowReader
  #rest: Buffer = Buffer.alloc(0)
  #hasHead = false
  #hasEnded = false

  constructor(decoder: RowReader) {
    this.#decoder = decoder
  }

  /** The complete rows in the data so far. @throws ProtocolError for data that is not a binary COPY. */
  rows(chunk: Buffer): Row[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const rows: Row[] = []
    let position = 0
    if (!this.#hasHead) {
      const end = headEnd(bytes)
      if (end === null) {
        this.#rest = bytes
        return rows
      }
      this.#hasHead = true
      position = end
    }
    while (!this.#hasEnded) {
      const end = this.#tupleEnd(bytes, position)
      if (end === null) break
      if (!this.#hasEnded) this.#decode(bytes, position, end, rows)
      position = end
    }
    this.#rest = bytes.subarray(position)
    return rows
  }

  /** @throws ProtocolError when the data ended before its trailer. */
  end(): void {
    if (!this.#hasEnded) throw new ProtocolError('COPY: the data ended without its trailer')
  }

  /** The end of a tuple; null when the tuple is not complete. */
  #tupleEnd(bytes: Buffer, start: number): number | null {
    if (start + 2 > bytes.length) return null
    const count = bytes.readInt16BE(start)
    let position = start + 2
    if (count === TRAILER) this.#hasEnded = true
    for (let index = 0; index < count; index++) {
      if (position + 4 > bytes.length) return null
      const length = bytes.readInt32BE(position)
      if (length < -1) throw new ProtocolError(`COPY: a field claims ${length} bytes`)
      position += 4 + Math.max(length, 0)
    }
    return position > bytes.length ? null : position
  }

  #decode(bytes: Buffer, start: number, end: number, into: Row[]): void {
    const message = Buffer.allocUnsafe(end - start + 5)
    message[0] = DATA_ROW
    message.writeInt32BE(end - start + 4, 1)
    bytes.copy(message, 5, start, end)
    this.#decoder.decodeRun(message, 0, message.length, into)
  }
}

function headEnd(bytes: Buffer): number | null {
  if (bytes.length < HEAD_BYTES) return null
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new ProtocolError('COPY: not in binary format')
  const end = HEAD_BYTES + bytes.readInt32BE(SIGNATURE.length + 4)
  return bytes.length < end ? null : end
}
