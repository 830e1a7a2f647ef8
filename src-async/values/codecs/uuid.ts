/**
 * `uuid`: read as a lower-case string with hyphens. Takes every form that the server reads: capitals, braces, and hyphens
 * after any group of four digits or none. Source of truth: src/backend/utils/adt/uuid.c.
 */
import { expected } from '../../errors/describe-value.ts'
import type { Codec } from '../codec.ts'

const ACCEPTED = /^(\{?)(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}(\}?)$/i
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => (byte >> 4).toString(16).charCodeAt(0))
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => (byte & 15).toString(16).charCodeAt(0))
const HYPHEN = 0x2d

export const uuid: Codec<string> = {
  name: 'uuid',
  format: 1,
  isText: true,
  encode(out, value) {
    const match = typeof value === 'string' ? ACCEPTED.exec(value) : null
    if (match === null || (match[1] === '') !== (match[2] === '')) throw expected('a UUID', 'uuid', value)
    const hex = (value as string).replace(/[-{}]/g, '')
    for (let i = 0; i < 32; i += 8) out.uint32(Number.parseInt(hex.slice(i, i + 8), 16))
  },
  decode(input) {
    const start = input.position
    input.skip(16)
    return uuidText(input.bytes, start)
  },
  decodeText(text) {
    return text
  },
}

/** Makes one flat string in one call. Strings joined with `+` would stay a tree of parts (a rope) in memory. */
function uuidText(bytes: Uint8Array, start: number): string {
  let i = start
  const a = bytes[i++]!,
    b = bytes[i++]!,
    c = bytes[i++]!,
    d = bytes[i++]!,
    e = bytes[i++]!,
    f = bytes[i++]!
  const g = bytes[i++]!,
    h = bytes[i++]!,
    j = bytes[i++]!,
    k = bytes[i++]!,
    l = bytes[i++]!,
    m = bytes[i++]!
  const n = bytes[i++]!,
    o = bytes[i++]!,
    p = bytes[i++]!,
    q = bytes[i]!
  return String.fromCharCode(
    HIGH[a]!,
    LOW[a]!,
    HIGH[b]!,
    LOW[b]!,
    HIGH[c]!,
    LOW[c]!,
    HIGH[d]!,
    LOW[d]!,
    HYPHEN,
    HIGH[e]!,
    LOW[e]!,
    HIGH[f]!,
    LOW[f]!,
    HYPHEN,
    HIGH[g]!,
    LOW[g]!,
    HIGH[h]!,
    LOW[h]!,
    HYPHEN,
    HIGH[j]!,
    LOW[j]!,
    HIGH[k]!,
    LOW[k]!,
    HYPHEN,
    HIGH[l]!,
    LOW[l]!,
    HIGH[m]!,
    LOW[m]!,
    HIGH[n]!,
    LOW[n]!,
    HIGH[o]!,
    LOW[o]!,
    HIGH[p]!,
    LOW[p]!,
    HIGH[q]!,
    LOW[q]!,
  )
}
