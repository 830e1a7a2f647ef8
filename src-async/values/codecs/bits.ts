/**
 * `bit` and `varbit`. On the wire: the number of bits, then bytes. Source of truth: src/backend/utils/adt/varbit.c.
 */
import { DataError } from '../../errors/tree.ts'
import { BitString } from '../bit-string.ts'
import { expected } from '../../errors/describe-value.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

function bitsCodec(name: string): Codec<BitString> {
  return {
    name,
    format: 1,
    encode(out, value) {
      // The server also reads b101 and x1F.
      if (typeof value === 'string' && !/^[01 ]*$/.test(value)) leaveToServer(value, name)
      const bits = typeof value === 'string' ? BitString.parse(value) : value
      if (!(bits instanceof BitString)) throw expected('a BitString or a string of zeros and ones', name, value)
      out.int32(bits.length).bytes(bits.bytes)
    },
    decode(input, length) {
      const bits = input.int32()
      if (bits < 0 || Math.ceil(bits / 8) !== length - 4) {
        throw new DataError(`cannot read ${name}: ${bits} bits claimed in ${length - 4} bytes`)
      }
      return new BitString(new Uint8Array(input.copy(length - 4)), bits)
    },
    decodeText(text) {
      return BitString.parse(text)
    },
  }
}

export const bit: Codec<BitString> = bitsCodec('bit')
export const varbit: Codec<BitString> = bitsCodec('varbit')
