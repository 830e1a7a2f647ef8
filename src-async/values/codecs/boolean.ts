/**
 * `bool`. Takes booleans, and the words that the server reads as a boolean, but no numbers.
 * Source of truth: src/backend/utils/adt/bool.c, boolsend and boolout.
 */
import { expected, unreadable } from '../../errors/describe-value.ts'
import { BLANKS } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

/** The abbreviations that the server reads, in any case: bool.c, parse_bool_with_len. */
const TRUE = new RegExp(`^${BLANKS}(?:t|tr|tru|true|y|ye|yes|on|1)${BLANKS}$`, 'i')
const FALSE = new RegExp(`^${BLANKS}(?:f|fa|fal|fals|false|n|no|of|off|0)${BLANKS}$`, 'i')

function booleanOf(value: unknown): boolean {
  if (typeof value === 'string') {
    if (TRUE.test(value)) return true
    if (FALSE.test(value)) return false
  }
  throw expected('a boolean', 'bool', value)
}

export const bool: Codec<boolean> = {
  name: 'bool',
  format: 1,
  encode(out, value) {
    out.uint8((typeof value === 'boolean' ? value : booleanOf(value)) ? 1 : 0)
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
