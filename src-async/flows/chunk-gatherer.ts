/**
 * Gathers the small chunks of a COPY FROM STDIN into larger pieces, because each piece that is sent costs a call of the
 * session. Large chunks are not copied: the caller sends them as they are.
 */

/** The size of the pieces that are sent. */
const PIECE_BYTES = 64 * 1024
/** A chunk of this size is sent alone, because then copying it costs more than one more call. */
const LARGE_CHUNK_BYTES = 32 * 1024
/** UTF-8 takes at most this many bytes for one unit of a JavaScript string. */
const MOST_BYTES_PER_UNIT = 3

export class ChunkGatherer {
  #piece: Buffer | null = null
  #filledBytes = 0

  get isEmpty(): boolean {
    return this.#filledBytes === 0
  }

  /**
   * Copies a chunk into the piece, so the program may overwrite the chunk afterwards.
   * @param chunk bytes, or text, which becomes UTF-8
   * @returns false when the chunk has no room, or is large. Then the caller sends `take()` and tries again, and sends a
   *   chunk that an empty piece refuses too by itself.
   */
  add(chunk: Uint8Array | string): boolean {
    if (chunk.length >= LARGE_CHUNK_BYTES) return false
    const piece = (this.#piece ??= Buffer.allocUnsafeSlow(PIECE_BYTES))
    const room = PIECE_BYTES - this.#filledBytes
    if (typeof chunk !== 'string') {
      if (chunk.length > room) return false
      piece.set(chunk, this.#filledBytes)
      this.#filledBytes += chunk.length
      return true
    }
    if (chunk.length * MOST_BYTES_PER_UNIT > room && Buffer.byteLength(chunk) > room) return false
    this.#filledBytes += piece.write(chunk, this.#filledBytes)
    return true
  }

  /** Empties the piece. @returns its bytes, valid until the next `add` */
  take(): Uint8Array {
    const bytes = this.#piece?.subarray(0, this.#filledBytes) ?? Buffer.alloc(0)
    this.#filledBytes = 0
    return bytes
  }
}
