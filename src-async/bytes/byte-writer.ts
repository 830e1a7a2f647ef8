/**
 * A big-endian buffer that grows. One writer serves many messages: `take` returns a copy and empties the writer, `view`
 * returns a view that is valid until the next write. A length that is not known yet is reserved, and patched afterwards.
 */

/** A larger buffer is released after use, so that one large value does not keep its memory for ever. */
const KEEP_BYTES = 1 << 20

export class ByteWriter {
  #bytes: Buffer
  #view: DataView
  #initialBytes: number
  /** Bytes written so far; the offset of the next one. */
  length = 0

  constructor(initialBytes = 1024) {
    this.#initialBytes = initialBytes
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
    this.#view = viewOf(this.#bytes)
  }

  // `#advance` may replace the view. So each method calls it in a separate statement before it uses the view.
  uint8(value: number): this {
    const start = this.#advance(1)
    this.#view.setUint8(start, value)
    return this
  }

  int16(value: number): this {
    const start = this.#advance(2)
    this.#view.setInt16(start, value)
    return this
  }

  int32(value: number): this {
    const start = this.#advance(4)
    this.#view.setInt32(start, value)
    return this
  }

  uint32(value: number): this {
    const start = this.#advance(4)
    this.#view.setUint32(start, value)
    return this
  }

  int64(value: bigint): this {
    const start = this.#advance(8)
    this.#view.setBigInt64(start, value)
    return this
  }

  float32(value: number): this {
    const start = this.#advance(4)
    this.#view.setFloat32(start, value)
    return this
  }

  float64(value: number): this {
    const start = this.#advance(8)
    this.#view.setFloat64(start, value)
    return this
  }

  bytes(value: Uint8Array): this {
    const start = this.#advance(value.length)
    this.#bytes.set(value, start)
    return this
  }

  /** Writes UTF-8 without a terminator. The caller must have refused lone surrogates and NUL where they matter. */
  utf8(value: string): this {
    // A UTF-16 unit needs at most three bytes. For long text, counting exactly costs less than that much memory.
    const most = value.length > 4096 ? Buffer.byteLength(value) : value.length * 3
    this.ensure(most)
    this.length += this.#bytes.utf8Write(value, this.length)
    return this
  }

  cstring(value: string): this {
    return this.utf8(value).uint8(0)
  }

  /** Leaves room for an int32 and returns its offset, for `patchInt32` or `patchLength`. */
  reserveInt32(): number {
    return this.#advance(4)
  }

  patchInt32(offset: number, value: number): this {
    this.#view.setInt32(offset, value)
    return this
  }

  patchInt16(offset: number, value: number): this {
    this.#view.setInt16(offset, value)
    return this
  }

  /** Writes at `offset` the number of bytes after that int32: the length word of a parameter or an array element. */
  patchLength(offset: number): this {
    return this.patchInt32(offset, this.length - offset - 4)
  }

  /**
   * Makes room for `more` bytes, for loops that write into `buffer` and `dataView` themselves and then set `length`. It may
   * replace both, so a loop must read them after this call.
   */
  ensure(more: number): void {
    const needed = this.length + more
    if (needed <= this.#bytes.length) return
    // After a long value only a few bytes follow. For them alone the buffer would be doubled, and the value copied.
    const spare = needed > KEEP_BYTES ? needed >> 3 : 0
    const grown = Buffer.allocUnsafeSlow(Math.max(needed + spare, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#replace(grown)
  }

  get buffer(): Buffer {
    return this.#bytes
  }

  get dataView(): DataView {
    return this.#view
  }

  /** Removes the bytes after `length`, for example those of an encoder that failed half-way. */
  truncate(length: number): void {
    this.length = length
  }

  /** The bytes written so far, valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** Returns a copy of the bytes written so far, and empties the writer. */
  take(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.length)
    this.#bytes.copy(out, 0, 0, this.length)
    this.clear()
    return out
  }

  clear(): void {
    this.length = 0
    if (this.#bytes.length > KEEP_BYTES) this.#replace(Buffer.allocUnsafeSlow(this.#initialBytes))
  }

  #advance(length: number): number {
    this.ensure(length)
    const start = this.length
    this.length = start + length
    return start
  }
  /**
   * Ctrl-C in a REPL can interrupt a call between any two function calls. So buffer and view are replaced with no function
   * call in between. If they used different memory, the next statement would write its values into one and send the other.
   */
  #replace(bytes: Buffer): void {
    const view = viewOf(bytes)
    this.#bytes = bytes
    this.#view = view
  }
}

/** Whether the writer of this view has given up its buffer at `clear`, so that nothing will ever write into the view. */
export function isReleased(view: Uint8Array): boolean {
  return view.buffer.byteLength > KEEP_BYTES
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
