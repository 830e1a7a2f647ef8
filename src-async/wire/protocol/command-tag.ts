/** Reads command tags as strings. Keeps the last one, because programs often run one kind of statement many times. */
import type { ByteReader } from '../../bytes/byte-reader.ts'

const CACHED_TAG_BYTES = 32

export class CommandTags {
  readonly #bytes = new Uint8Array(CACHED_TAG_BYTES)
  #length = -1
  #text = ''

  /** Reads the tag of a CommandComplete. Makes a new string only when it differs from the last tag. */
  read(body: ByteReader): string {
    const { bytes, position } = body
    const length = body.end - position - 1
    if (length === this.#length && this.#isLast(bytes, position)) return this.#text
    const text = body.cstring()
    if (length <= CACHED_TAG_BYTES) {
      this.#bytes.set(bytes.subarray(position, position + length))
      this.#length = length
      this.#text = text
    }
    return text
  }

  #isLast(bytes: Uint8Array, position: number): boolean {
    for (let i = 0; i < this.#length; i++) {
      if (bytes[position + i] !== this.#bytes[i]) return false
    }
    return true
  }
}
