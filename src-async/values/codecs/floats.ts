/**
 * `float4` and `float8`. NaN, infinities and -0 are kept. A float4 is read as the shortest decimal that gives the same
 * float32 (1.1, not 1.100000023841858). The server prints it so, and it is what the user stored.
 * Source of truth: src/backend/utils/adt/float.c, src/common/f2s.c.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected, unreadable } from '../../errors/describe-value.ts'
import { BLANKS, leaveToServer } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

/** Every integer below this is exact as a float32. */
const EXACT_INTEGERS = 16777216
const FLOAT4_LIMIT = 3.4028235677973366e38
const FLOAT4_SMALLEST_NORMAL = 1.1754943508222875e-38
const DECIMAL = new RegExp(`^${BLANKS}[+]?(-?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?)${BLANKS}$`, 'i')
const INFINITE = new RegExp(`^${BLANKS}([+-]?)inf(?:inity)?${BLANKS}$`, 'i')
const NOT_A_NUMBER = new RegExp(`^${BLANKS}nan${BLANKS}$`, 'i')
/** Further forms that C's `strtod` reads on most platforms: `0x1p3`, `-nan`. */
const C_FLOAT = new RegExp(`^${BLANKS}[+-]?(?:0x[\\da-f.]+(?:p[+-]?\\d+)?|nan(?:\\(\\w*\\))?)${BLANKS}$`, 'i')

function requireNumber(value: unknown, typeName: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string') return writtenNumber(value, typeName)
  throw expected('a number', typeName, value)
}

/** Reads a number from a string, as the server's input function does. */
function writtenNumber(text: string, typeName: string): number {
  const decimal = DECIMAL.exec(text)?.[1]
  if (decimal !== undefined) {
    const number = typeName === 'float4' ? parseFloat32(decimal) : Number(decimal)
    const isLost = number === 0 && /[1-9]/.test(decimal.replace(/e.*/i, ''))
    if (Number.isFinite(number) && !isLost) return number
    // This double lies exactly between the greatest float32 and infinity. The server decides by all its digits.
    if (typeName === 'float4' && Math.abs(Number(decimal)) === FLOAT4_LIMIT) leaveToServer(text, typeName)
    throw new DataError(`${describeValue(text)} is out of range for ${typeName}`)
  }
  const infinite = INFINITE.exec(text)
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity
  if (NOT_A_NUMBER.test(text)) return NaN
  if (C_FLOAT.test(text)) leaveToServer(text, typeName)
  throw expected('a number', typeName, text)
}

function parseFloat64(text: string, typeName: string): number {
  const value = Number(text)
  // Number() returns NaN for 'NaN' and for any other word, and 0 for blanks.
  if ((value !== value && text !== 'NaN') || text.trim() === '') throw unreadable(typeName, text)
  return value
}

/**
 * The shortest decimal that rounds to the same float32, as a number. When that decimal, read as a double, would round to
 * another float32, one more digit is used, so that a value which is read and written back stays the same.
 */
export function shortestFloat32(value: number): number {
  const size = Math.abs(value)
  // Below 2^24 integers are exact, and no shorter decimal is near enough to one.
  if ((size < EXACT_INTEGERS && Math.trunc(value) === value) || value !== value) return value
  // A decimal of at most six digits is found by rounding. The quotient of two exact integers is the double nearest to that
  // decimal, so the check below is exact.
  if (size >= 1e-1 && size < 1e5) {
    const scale = size < 1 ? 1e6 : size < 10 ? 1e5 : size < 100 ? 1e4 : size < 1000 ? 1e3 : size < 10000 ? 1e2 : 1e1
    const rounded = Math.round(value * scale) / scale
    if (Math.fround(rounded) === value) return rounded
  }
  if (size === Infinity) return value
  return searchShortest(value, size)
}

function searchShortest(value: number, size: number): number {
  // A subnormal number may need fewer than six digits; for others the search begins at six.
  for (let digits = size < FLOAT4_SMALLEST_NORMAL ? 1 : 6; digits <= 9; digits += 1) {
    const nearest = nearestDecimal(size, digits, 0)
    if (isMeantBy(nearest, size)) return value < 0 ? -nearest : nearest
    if (!Number.isInteger(Math.log2(size))) continue
    // Just below a power of two, floats are twice as dense. The next decimal above may fit where the nearest does not.
    const above = nearestDecimal(size, digits, 1)
    if (isMeantBy(above, size)) return value < 0 ? -above : above
  }
  return value
}

/** Whether a decimal is nearer to this float32 than to any other. Like the server, it rejects one exactly in the middle. */
function isMeantBy(decimal: number, size: number): boolean {
  const mirrored = decimal * 2 - size
  return Math.fround(decimal) === size && (decimal === size || Math.fround(mirrored) !== mirrored)
}

/** The decimal with `digits` digits nearest to a number (even in a tie), moved up by `steps` units of its last digit. */
function nearestDecimal(size: number, digits: number, steps: number): number {
  const [mantissa = '', exponent = '0'] = size.toExponential(digits - 1).split('e')
  let rounded = Number(mantissa.replace('.', ''))
  // JavaScript rounds halves up, the server rounds them to even.
  if (rounded % 2 === 1 && isHalf(size, digits)) rounded -= 1
  return Number(`${rounded + steps}e${Number(exponent) - digits + 1}`)
}

function isHalf(size: number, digits: number): boolean {
  const longer = size.toExponential(digits)
  return /5e/.test(longer) && Number(longer) === size
}

/**
 * The float32 nearest to a decimal. A decimal near the middle of two float32s must not be converted by way of a double
 * alone: it would be rounded twice and could become the wrong one.
 */
function parseFloat32(text: string): number {
  const double = parseFloat64(text, 'float4')
  const single = Math.fround(double)
  if (single === double || !Number.isFinite(single)) return single
  const other = Math.fround(double + (double - single))
  const isMiddle = other !== single && double - single === other - double
  if (!isMiddle) return single
  const order = compareDecimals(text, double)
  if (order === 0) return single
  return order > 0 ? Math.max(single, other) : Math.min(single, other)
}

/** Compares a decimal with the double made from it, exactly, by their digits. */
function compareDecimals(text: string, double: number): number {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? []
  const [mantissa = '', doubleExponent = '0'] = Math.abs(double).toExponential(100).split('e')
  const scale = Math.min(Number(exponent) - fraction.length, Number(doubleExponent) - 100)
  const digits = (word: string, zeros: number): bigint => BigInt(word) * 10n ** BigInt(zeros)
  const written = digits(whole + fraction, Number(exponent) - fraction.length - scale)
  const made = digits(mantissa.replace('.', ''), Number(doubleExponent) - 100 - scale)
  const order = written > made ? 1 : written < made ? -1 : 0
  return sign === '-' ? -order : order
}

export const float4: Codec<number> = {
  name: 'float4',
  format: 1,
  encode(out, value) {
    const number = requireNumber(value, 'float4')
    const rounded = Math.fround(number)
    const lost = (rounded === Infinity || rounded === -Infinity) && rounded !== number
    if (lost || (rounded === 0 && number !== 0)) {
      throw new DataError(`${describeValue(value)} is out of range for float4`)
    }
    out.float32(number)
  },
  decode(input) {
    return shortestFloat32(input.float32())
  },
  decodeText(text) {
    return shortestFloat32(parseFloat32(text))
  },
}

export const float8: Codec<number> = {
  name: 'float8',
  format: 1,
  encode(out, value) {
    const number = requireNumber(value, 'float8')
    if (typeof value === 'bigint' && (number === Infinity || number === -Infinity)) {
      throw new DataError(`${describeValue(value)} is out of range for float8`)
    }
    out.float64(number)
  },
  decode(input) {
    return input.float64()
  },
  decodeText(text) {
    return parseFloat64(text, 'float8')
  },
}
