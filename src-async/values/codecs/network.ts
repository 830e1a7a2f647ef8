/**
 * `inet`, `cidr`, `macaddr`, `macaddr8`, as strings, because Node has no types for them. The strings are those that
 * the server prints: an inet has no prefix if it covers the whole address, and a cidr always has one. Source of
 * truth: src/backend/utils/adt/network.c, mac.c, mac8.c.
 */
import { DataError } from '../../errors/tree.ts'
import { expected } from '../../errors/describe-value.ts'
import { addressText, parseAddress } from '../ip-address.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

/** Address families in PostgreSQL's own numbers, which are not the platform's. */
const IPV4_FAMILY = 2
const IPV6_FAMILY = 3

function addressCodec(name: string, isCidr: boolean): Codec<string> {
  return {
    name,
    format: 1,
    encode(out, value) {
      if (typeof value !== 'string') throw expected('an IP address', name, value)
      const [host = '', prefixText, ...rest] = value.split('/')
      const bytes = parseAddress(host)
      // The server reads further forms, such as 10.1 for a cidr.
      if (bytes === null || rest.length > 0) return leaveToServer(value, name)
      const most = bytes.length * 8
      const prefix = prefixText === undefined ? most : Number(prefixText)
      if (prefixText !== undefined && (!/^\d{1,3}$/.test(prefixText) || prefix > most)) {
        throw expected('an IP address with a prefix length', name, value)
      }
      if (isCidr && hasBitsAfter(bytes, prefix)) {
        throw expected(`a network address with no bits set after its prefix of ${prefix}`, name, value)
      }
      const family = bytes.length === 4 ? IPV4_FAMILY : IPV6_FAMILY
      out
        .uint8(family)
        .uint8(prefix)
        .uint8(isCidr ? 1 : 0)
        .uint8(bytes.length)
        .bytes(bytes)
    },
    decode(input) {
      const family = input.uint8()
      const prefix = input.uint8()
      input.skip(1)
      const size = input.uint8()
      if (size !== (family === IPV4_FAMILY ? 4 : 16) || prefix > size * 8) {
        throw new DataError(
          `cannot read ${name}: an address of family ${family} with ${size} bytes and prefix ${prefix}`,
        )
      }
      const text = addressText(input.copy(size))
      return prefix === size * 8 && !isCidr ? text : `${text}/${prefix}`
    },
    decodeText(text) {
      return text
    },
  }
}

function hasBitsAfter(bytes: Uint8Array, prefix: number): boolean {
  return bytes.some((byte, i) => {
    const kept = Math.min(8, Math.max(0, prefix - i * 8))
    return (byte & (0xff >> kept)) !== 0
  })
}

function macCodec(name: string, size: number): Codec<string> {
  return {
    name,
    format: 1,
    encode(out, value) {
      if (typeof value !== 'string') throw expected(`${size} bytes in hexadecimal`, name, value)
      // This is the form that the server prints; the server itself reads other forms.
      if (!/^[0-9a-f]{2}(?::[0-9a-f]{2})+$/i.test(value) || value.length !== size * 3 - 1) leaveToServer(value, name)
      out.bytes(Buffer.from(value.replaceAll(':', ''), 'hex'))
    },
    decode(input) {
      const hex = input.copy(size).toString('hex')
      return hex.replace(/..(?=.)/g, '$&:')
    },
    decodeText(text) {
      return text
    },
  }
}

export const inet: Codec<string> = addressCodec('inet', false)
export const cidr: Codec<string> = addressCodec('cidr', true)
export const macaddr: Codec<string> = macCodec('macaddr', 6)
export const macaddr8: Codec<string> = macCodec('macaddr8', 8)
