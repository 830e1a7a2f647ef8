/**
 * `bool`. Strict: only booleans go in. Source of truth: src/backend/utils/adt/bool.c, boolsend and boolout.
 */
import { expected, unreadable } from '../describe-value.ts'
import type { Codec } from '../codec.ts'

export const bool: Codec<boolean> = {
  name: 'bool',
  format: 1,
  encode(out, value) {
    if (typeof value !== 'boolean') throw expected('a boolean', 'bool', value)
    out.uint8(value ? 1 : 0)
  },
  decode(input) {
    return input.uint8() !== 0
  },
  decodeText(text) {
    if (text === 't') return true
    if (text === 'f') return false
    throw unreadable('bool', text)
  },
}
