/**
 * A big-endian reader with bounds checks. It does not own its bytes. Hostile or truncated input raises `TruncatedBytesError`,
 * and no byte outside `[start, end)` is ever read. The hot loops of `values/` and `wire/` share one reader and move it with
 * `reset`, so that reading a row allocates only the row.
 */

/** The bytes end before the value does. The caller knows which value it was, and turns this into a PEP 249 error. */
export class TruncatedBytesError extends RangeError {
  override readonly name = 'TruncatedBytesError'
}

export class ByteReader {
  /** The bytes. They are a `Buffer` because its `utf8Slice` and similar methods make reading text fast. */
  bytes: Buffer
  #view: DataView
  /** Offset of the next byte to read. */
  position: number
  /** Offset just after the last byte that may be read. */
  end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = asBuffer(bytes)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = start
    this.end = end
  }

  /** Moves the reader to another range. Makes a new view only when the array changes. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = asBuffer(bytes)
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.position = start
    this.end = end
  }

  /** A view for loops that check the bounds themselves. Valid until the next `reset`. */
  get view(): DataView {
    return this.#view
  }

  get remaining(): number {
    return this.end - this.position
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  int8(): number {
    return this.#view.getInt8(this.#advance(1))
  }

  int16(): number {
    return this.#view.getInt16(this.#advance(2))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4))
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#advance(8))
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8))
  }

  float32(): number {
    return this.#view.getFloat32(this.#advance(4))
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8))
  }

  /** Reads the next `length` bytes and copies them. */
  copy(length: number): Buffer {
    const start = this.#advance(length)
    // A short copy lies in Node's pool of 8 kB, like every short Buffer. An array of its own would take ten times as long.
    const out = Buffer.allocUnsafe(length)
    this.bytes.copy(out, 0, start, start + length)
    return out
  }

  /** The next `length` bytes as UTF-8. */
  utf8(length: number): string {
    const start = this.#advance(length)
    return this.bytes.utf8Slice(start, start + length)
  }

  /** The text up to the next zero byte. The zero byte is skipped. */
  cstring(): string {
    const zero = this.bytes.indexOf(0, this.position)
    if (zero < 0 || zero >= this.end) throw new TruncatedBytesError('a string has no terminating zero byte')
    const text = this.bytes.utf8Slice(this.position, zero)
    this.position = zero + 1
    return text
  }

  skip(length: number): void {
    this.#advance(length)
  }

  #advance(length: number): number {
    const start = this.position
    const next = start + length
    // A negative length is refused too: hostile input may hold one.
    if (length < 0 || next > this.end) {
      throw new TruncatedBytesError(`${length} bytes wanted, ${this.end - start} left`)
    }
    this.position = next
    return start
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
