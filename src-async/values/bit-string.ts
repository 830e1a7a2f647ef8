/**
 * A string of bits, the value of a `bit` or `varbit` column. Its length need not be a multiple of eight.
 */
import { DataError } from '../errors/tree.ts'
import { clip } from '../errors/describe-value.ts'

/** A `bit` or `varbit`: bits, the first of which is the leftmost. */
export class BitString {
  // Bundlers rename a class that refers to itself, and users see the name.
  static readonly name: string = 'BitString'

  /** The bits. The first is the highest bit of the first byte; unused bits at the end are 0. */
  readonly bytes: Uint8Array
  /** The number of bits. */
  readonly length: number

  /**
   * @throws DataError when the number of bytes does not fit the length, or an unused bit is set.
   * @example new BitString(new Uint8Array([0b10100000]), 3).toString() // '101'
   */
  constructor(bytes: Uint8Array, length = bytes.length * 8) {
    if (!Number.isInteger(length) || length < 0 || Math.ceil(length / 8) !== bytes.length) {
      throw new DataError(`${bytes.length} bytes do not hold exactly ${length} bits`)
    }
    const unused = bytes.length * 8 - length
    if (unused > 0 && (bytes[bytes.length - 1]! & ((1 << unused) - 1)) !== 0) {
      throw new DataError('the unused bits of the last byte must be 0')
    }
    this.bytes = bytes
    this.length = length
  }

  /**
   * Reads `0101`, ignoring blanks.
   * @throws DataError for other text.
   * @example con.execute('select %s::varbit', [BitString.parse('1010')])
   */
  static parse(text: string): BitString {
    const bits = text.replace(/ /g, '')
    if (!/^[01]*$/.test(bits)) throw new DataError(`expected zeros and ones, got ${clip(JSON.stringify(text))}`)
    const bytes = new Uint8Array(Math.ceil(bits.length / 8))
    for (let i = 0; i < bits.length; i += 1) {
      if (bits.charCodeAt(i) === 0x31) bytes[i >> 3]! |= 0x80 >> (i & 7)
    }
    return new BitString(bytes, bits.length)
  }

  /**
   * The bit at a position; a negative one counts from the end. undefined outside the string.
   * @example BitString.parse('100').at(0) // 1
   */
  at(position: number): 0 | 1 | undefined {
    const index = position < 0 ? this.length + position : position
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined
    return (this.bytes[index >> 3]! & (0x80 >> (index & 7))) === 0 ? 0 : 1
  }

  /**
   * The bits as zeros and ones, the first bit first.
   * @example String(BitString.parse('1010')) // '1010'
   */
  toString(): string {
    let text = ''
    for (const byte of this.bytes) text += byte.toString(2).padStart(8, '0')
    return text.slice(0, this.length)
  }

  /** @example JSON.stringify({ flags: BitString.parse('1010') }) // '{"flags":"1010"}' */
  toJSON(): string {
    return this.toString()
  }

  /**
   * The bits as an unsigned number, whose highest bit is the first one.
   * @example BitString.parse('1010').toBigInt() // 10n
   */
  toBigInt(): bigint {
    return this.length === 0 ? 0n : BigInt(`0b${this.toString()}`)
  }
}
