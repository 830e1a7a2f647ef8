/**
 * `float4` and `float8`. NaN, infinities and -0 are kept. A float4 comes out as the shortest decimal that means the
 * same float32 (1.1, not 1.100000023841858): what the server prints, and what the user stored.
 * Source of truth: src/backend/utils/adt/float.c, src/common/f2s.c.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected, unreadable } from '../describe-value.ts'
import type { Codec } from '../codec.ts'

const FLOAT4_SMALLEST_NORMAL = 1.1754943508222875e-38

function requireNumber(value: unknown, typeName: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw expected('a number', typeName, value)
}

function parseFloat64(text: string, typeName: string): number {
  const value = Number(text)
  // Number() gives NaN for the word as well as for rubbish, and 0 for blanks.
  if ((value !== value && text !== 'NaN') || text.trim() === '') throw unreadable(typeName, text)
  return value
}

/** The shortest decimal that rounds to the same float32, as a number. Exact for every float32. */
export function shortestFloat32(value: number): number {
  // Below 2^24 integers are exact and no shorter decimal lies within half a step of them.
  if ((value | 0) === value || value !== value) return value
  const size = Math.abs(value)
  // Six digits name a float32 uniquely in one direction, so a value that had at most six comes back by rounding; the
  // quotient of two exact integers is the double nearest to that decimal.
  if (size >= 1e-1 && size < 1e5) {
    const scale = size < 1 ? 1e6 : size < 10 ? 1e5 : size < 100 ? 1e4 : size < 1000 ? 1e3 : size < 10000 ? 1e2 : 1e1
    const rounded = Math.round(value * scale) / scale
    if (Math.fround(rounded) === value) return rounded
  }
  if (size === Infinity) return value
  return searchShortest(value, size)
}

function searchShortest(value: number, size: number): number {
  const isPowerOfTwo = Number.isInteger(Math.log2(size))
  // Subnormal numbers have fewer than six digits; normal ones never need a search below six.
  for (let digits = size < FLOAT4_SMALLEST_NORMAL ? 1 : 6; digits <= 9; digits += 1) {
    const text = size.toPrecision(digits)
    const nearest = Number(text)
    if (Math.fround(nearest) === size) return value < 0 ? -nearest : nearest
    if (isPowerOfTwo) {
      // The step below a power of two is half as wide: the next decimal above may be in where the nearest is not.
      const exponent = Number(size.toExponential(digits - 1).split('e')[1])
      const above = Number(`${(BigInt(text.replace(/[.]|e.*$/g, '').replace(/^0+/, '')) + 1n).toString()}e${exponent - digits + 1}`)
      if (Math.fround(above) === size) return value < 0 ? -above : above
    }
  }
  return value
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
    return parseFloat64(text, 'float4')
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
