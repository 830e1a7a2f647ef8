/**
 * A growing, big-endian buffer. One writer serves many messages: `take` hands out an own copy and rewinds, `view` a
 * window that the next write invalidates. Lengths that are known only afterwards are reserved and patched.
 */

/** A buffer beyond this is given back after use, so that one large value does not pin memory for good. */
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

  // The room comes first, in a statement of its own: making it may replace the view.
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

  /** UTF-8, without a terminator. The caller has refused lone surrogates and NUL where they matter. */
  utf8(value: string): this {
    // Three bytes per UTF-16 unit is the worst case; for long text the exact count is cheaper than that much memory.
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

  /** Writes at `offset` how many bytes follow that int32: the length word of a parameter or an array element. */
  patchLength(offset: number): this {
    return this.patchInt32(offset, this.length - offset - 4)
  }

  /**
   * Makes room for `more` bytes, for loops that write into `buffer` and `dataView` themselves and then set `length`.
   * Both are replaced when room is made, so they are taken afterwards.
   */
  ensure(more: number): void {
    const needed = this.length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#replace(grown)
  }

  get buffer(): Buffer {
    return this.#bytes
  }

  get dataView(): DataView {
    return this.#view
  }

  /** Forgets what was written after `length`; what an encoder that failed half-way had written. */
  truncate(length: number): void {
    this.length = length
  }

  /** What was written, valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** An own copy of what was written; the writer is empty afterwards. */
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
   * Ctrl-C in a REPL can tear a call off between any two calls of functions. Buffer and view are of one memory at each of
   * them, or the next statement would write its values here and send others.
   */
  #replace(bytes: Buffer): void {
    const view = viewOf(bytes)
    this.#bytes = bytes
    this.#view = view
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
