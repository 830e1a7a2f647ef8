/**
 * `numeric`, read as a string with its scale: JavaScript has no decimal type, and a number would lose digits silently. On
 * the wire: digits in base 10,000, a weight (the exponent of the first digit), a sign word, and the number of decimals.
 * Source of truth: src/backend/utils/adt/numeric.c, numeric_send and numeric_recv.
 */
import { isDate } from '../any-realm.ts'
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected, unreadable } from '../../errors/describe-value.ts'
import { BLANKS, leaveToServer } from '../text-for-server.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

const NEGATIVE = 0x4000
const NOT_A_NUMBER = 0xc000
const POSITIVE_INFINITY = 0xd000
const NEGATIVE_INFINITY = 0xf000
const MOST_INTEGER_DIGITS = 131072
const MOST_DECIMALS = 16383
const DECIMAL = withBlanks('([+-]?)(?:(\\d+)(?:\\.(\\d*))?|\\.(\\d+))(?:e([+-]?\\d{1,9}))?')
/** Further forms that servers from version 16 on read: `0x1F`, `1_000`, `1e1_0`. */
const OTHER_DIGITS = withBlanks('[+-]?(?:0[xob]\\w*|[\\d.](?:[\\d.]|e[+-]?)*_[\\d._e+-]*)')
const SPECIAL = withBlanks('([+-]?)(nan|inf(?:inity)?)')

/** Allows the blanks around a number that the server skips, and no others. */
function withBlanks(pattern: string): RegExp {
  return new RegExp(`^${BLANKS}${pattern}${BLANKS}$`, 'i')
}

export const numeric: Codec<string> = {
  name: 'numeric',
  format: 1,
  isText: true,
  encode(out, value) {
    encodeNumeric(out, numericText(value), value)
  },
  decode(input, length) {
    return decodeNumeric(input, length)
  },
  decodeText(text) {
    if (!DECIMAL.test(text) && !SPECIAL.test(text)) throw unreadable('numeric', text)
    return text
  },
}

function numericText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
      return String(value)
    case 'object': {
      // Objects of decimal libraries print their value with toString(); plain objects, arrays and dates do not.
      const print = value === null ? undefined : (value as { toString?: unknown }).toString
      if (typeof print !== 'function' || print === Object.prototype.toString) break
      if (Array.isArray(value) || isDate(value) || ArrayBuffer.isView(value)) break
      const text: unknown = Reflect.apply(print, value, [])
      if (typeof text === 'string') return text
    }
  }
  throw expected('a number, a bigint or a decimal string', 'numeric', value)
}

function encodeNumeric(out: ByteWriter, text: string, value: unknown): void {
  const match = DECIMAL.exec(text)
  if (match === null) return encodeSpecial(out, text, value)
  const [, sign, integer = '', fraction = match[4] ?? '', , exponentText = '0'] = match
  const exponent = Number(exponentText)
  const decimals = Math.max(0, fraction.length - exponent)
  const digits = (integer + fraction).replace(/^0+/, '')
  // The place of the decimal point, counted from the first significant digit.
  const point = digits.length - (fraction.length - exponent)
  if ((digits !== '' && point > MOST_INTEGER_DIGITS) || decimals > MOST_DECIMALS) {
    throw new DataError(`${describeValue(value)} has more digits than numeric can hold`)
  }
  if (digits === '') {
    out.int16(0).int16(0).int16(0).int16(decimals)
    return
  }
  // The point must fall between two groups of four digits.
  const weight = Math.ceil(point / 4) - 1
  const lead = (weight + 1) * 4 - point
  const padded = '0'.repeat(lead) + digits
  const countAt = out.length
  out
    .int16(0)
    .int16(weight)
    .int16(sign === '-' ? NEGATIVE : 0)
    .int16(decimals)
  let count = 0
  let pendingZeros = 0
  for (let i = 0; i < padded.length; i += 4) {
    const group = Number(padded.slice(i, i + 4).padEnd(4, '0'))
    if (group === 0) {
      pendingZeros += 1
      continue
    }
    for (; pendingZeros > 0; pendingZeros -= 1, count += 1) out.int16(0)
    out.int16(group)
    count += 1
  }
  out.patchInt16(countAt, count)
}

function encodeSpecial(out: ByteWriter, text: string, value: unknown): void {
  const match = SPECIAL.exec(text)
  if (typeof value === 'string' && OTHER_DIGITS.test(value)) leaveToServer(value, 'numeric')
  const isNan = match?.[2]?.toLowerCase() === 'nan'
  if (match === null || (isNan && match[1] !== '')) {
    throw expected('a number, a bigint or a decimal string', 'numeric', value)
  }
  const sign = isNan ? NOT_A_NUMBER : match[1] === '-' ? NEGATIVE_INFINITY : POSITIVE_INFINITY
  out.int16(0).int16(0).int16(sign).int16(0)
}

function decodeNumeric(input: ByteReader, length: number): string {
  const count = input.uint16()
  const weight = input.int16()
  const sign = input.uint16()
  const decimals = input.uint16()
  if (length !== 8 + count * 2 || decimals > MOST_DECIMALS) {
    throw new DataError(`cannot read a numeric of ${count} groups and ${decimals} decimals in ${length} bytes`)
  }
  if (sign !== 0 && sign !== NEGATIVE) {
    if (sign === NOT_A_NUMBER) return 'NaN'
    if (sign === POSITIVE_INFINITY) return 'Infinity'
    if (sign === NEGATIVE_INFINITY) return '-Infinity'
    throw new DataError(`cannot read a numeric with the sign word ${sign}`)
  }
  let text = sign === NEGATIVE ? '-' : ''
  let left = count
  if (weight < 0) {
    text += '0'
  } else {
    for (let i = 0; i <= weight; i += 1) {
      const group = left > 0 ? nextGroup(input) : 0
      if (left > 0) left -= 1
      text += i === 0 ? String(group) : fourDigits(group)
    }
  }
  let fraction = ''
  // Leading groups of zeros after the point are not sent.
  for (let i = -1; i > weight && fraction.length < decimals; i -= 1) fraction += '0000'
  for (; left > 0; left -= 1) fraction += fourDigits(nextGroup(input))
  if (decimals === 0) return text
  return `${text}.${fraction.length > decimals ? fraction.slice(0, decimals) : fraction.padEnd(decimals, '0')}`
}

function nextGroup(input: ByteReader): number {
  const group = input.uint16()
  if (group > 9999) throw new DataError(`cannot read a numeric with the group ${group}; groups end at 9999`)
  return group
}

function fourDigits(group: number): string {
  return group > 999 ? String(group) : group > 99 ? `0${group}` : group > 9 ? `00${group}` : `000${group}`
}
