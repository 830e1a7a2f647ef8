/**
 * A string of bits: what `bit` and `varbit` columns hold. Its length need not be a multiple of eight.
 */
import { DataError } from '../errors/tree.ts'
import { clip } from './describe-value.ts'

/** A `bit` or `varbit`: bits, the first of which is the leftmost. */
export class BitString {
  // A class that mentions itself is renamed by bundlers, and the name is what users see.
  static readonly name: string = 'BitString'

  /** The bits, the first in the highest place of the first byte; unused bits at the end are 0. */
  readonly bytes: Uint8Array
  /** How many bits there are. */
  readonly length: number

  /** @throws DataError when there are not as many bytes as the bits need, or an unused bit is set. */
  constructor(bytes: Uint8Array, length = bytes.length * 8) {
    if (!Number.isInteger(length) || length < 0 || Math.ceil(length / 8) !== bytes.length) {
      throw new DataError(`${bytes.length} bytes do not hold exactly ${length} bits`)
    }
    const unused = bytes.length * 8 - length
    if (unused > 0 && (bytes[bytes.length - 1]! & ((1 << unused) - 1)) !== 0) {
      throw new DataError('the bits after the last one must be 0')
    }
    this.bytes = bytes
    this.length = length
  }

  /** Reads `0101`; blanks are ignored. @throws DataError for anything else. */
  static parse(text: string): BitString {
    const bits = text.replace(/ /g, '')
    if (!/^[01]*$/.test(bits)) throw new DataError(`expected zeros and ones, got ${clip(JSON.stringify(text))}`)
    const bytes = new Uint8Array(Math.ceil(bits.length / 8))
    for (let i = 0; i < bits.length; i += 1) {
      if (bits.charCodeAt(i) === 0x31) bytes[i >> 3]! |= 0x80 >> (i & 7)
    }
    return new BitString(bytes, bits.length)
  }

  /** The bit at a position, undefined outside. */
  at(position: number): 0 | 1 | undefined {
    const index = position < 0 ? this.length + position : position
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined
    return (this.bytes[index >> 3]! & (0x80 >> (index & 7))) === 0 ? 0 : 1
  }

  /** Zeros and ones, the first bit first. */
  toString(): string {
    let text = ''
    for (const byte of this.bytes) text += byte.toString(2).padStart(8, '0')
    return text.slice(0, this.length)
  }

  toJSON(): string {
    return this.toString()
  }

  /** The bits as an unsigned number, the first bit the highest. */
  toBigInt(): bigint {
    return this.length === 0 ? 0n : BigInt(`0b${this.toString()}`)
  }
}
