/**
 * The integer types. Takes safe integers, bigints and strings of digits within the type's range; refuses fractions and
 * booleans. int8 is read as a bigint, so that a column has one JavaScript type for all its values.
 * Source of truth: src/backend/utils/adt/int.c, int8.c, oid.c, xid.c.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected, unreadable } from '../../errors/describe-value.ts'
import { BLANKS, leaveToServer } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

const UINT32_MAX = 4294967295
const INT8_MIN = -(2n ** 63n)
const INT8_MAX = 2n ** 63n - 1n
const TWO_32 = 4294967296
const DECIMAL_DIGITS = new RegExp(`^${BLANKS}([+-]?\\d+)${BLANKS}$`)
/** Further forms that servers from version 16 on read: `0x1F`, `0o17`, `0b11`, `1_000`. */
const OTHER_DIGITS = new RegExp(`^${BLANKS}[+-]?\\d+(?:_|[xob])\\w*${BLANKS}$`, 'i')
/** Digits that mean the same in every version. Some versions read a leading zero as octal. */
const PLAIN_DIGITS = new RegExp(`^${BLANKS}(0|[1-9]\\d*)${BLANKS}$`)
/** Further forms that C's `strtoul` reads. */
const C_DIGITS = new RegExp(`^${BLANKS}[+-]?\\w+${BLANKS}$`)

/** A value as an integer within the bounds. @throws DataError for other values. */
function requireInteger(value: unknown, least: number, most: number, typeName: string): number {
  if (typeof value === 'number') {
    if (value >= least && value <= most && Number.isInteger(value)) return value
  } else if (typeof value === 'bigint') {
    if (value >= least && value <= most) return Number(value)
  } else if (typeof value === 'string') {
    const written = Number(digitsOf(value, typeName))
    if (written >= least && written <= most) return written
  }
  throw refusal(value, typeName, String(least), String(most))
}

/** The digits of a string that is an integer. @throws DataError when it is no integer. */
function digitsOf(text: string, typeName: string): string {
  const digits = DECIMAL_DIGITS.exec(text)?.[1]
  if (digits !== undefined) return digits.startsWith('+') ? digits.slice(1) : digits
  if (OTHER_DIGITS.test(text)) leaveToServer(text, typeName)
  throw expected('an integer', typeName, text)
}

function refusal(value: unknown, typeName: string, least: string, most: string): DataError {
  const isInteger = typeof value === 'bigint' || typeof value === 'string' || Number.isInteger(value)
  if (isInteger) {
    return new DataError(`${describeValue(value)} is out of range for ${typeName} (${least} to ${most})`)
  }
  return expected('an integer', typeName, value)
}

function parseInteger(text: string, typeName: string): number {
  const value = Number(text)
  if (text === '' || !Number.isInteger(value)) throw unreadable(typeName, text)
  return value
}

/** A value as a 64-bit integer. @throws DataError for a number that is not a safe integer. */
function requireBigInt(value: unknown, least: bigint, most: bigint, typeName: string): bigint {
  if (typeof value === 'bigint') {
    if (value >= least && value <= most) return value
  } else if (typeof value === 'string') {
    const written = BigInt(digitsOf(value, typeName))
    if (written >= least && written <= most) return written
  } else if (typeof value === 'number' && Number.isInteger(value)) {
    if (!Number.isSafeInteger(value)) {
      throw new DataError(
        `${describeValue(value)} is beyond 2^53, where a number is no longer exact; use a bigint for ${typeName}`,
      )
    }
    const exact = BigInt(value)
    if (exact >= least && exact <= most) return exact
  }
  throw refusal(value, typeName, String(least), String(most))
}

function parseBigInt(text: string, typeName: string): bigint {
  if (!/^-?\d+$/.test(text)) throw unreadable(typeName, text)
  return BigInt(text)
}

export const int2: Codec<number> = {
  name: 'int2',
  format: 1,
  encode(out, value) {
    out.int16(requireInteger(value, -32768, 32767, 'int2'))
  },
  decode(input) {
    return input.int16()
  },
  decodeText(text) {
    return parseInteger(text, 'int2')
  },
}

export const int4: Codec<number> = {
  name: 'int4',
  format: 1,
  encode(out, value) {
    out.int32(requireInteger(value, -2147483648, 2147483647, 'int4'))
  },
  decode(input) {
    return input.int32()
  },
  decodeText(text) {
    return parseInteger(text, 'int4')
  },
}

export const int8: Codec<bigint> = {
  name: 'int8',
  format: 1,
  encode(out, value) {
    if (typeof value === 'number' && Number.isSafeInteger(value)) {
      out.int32(Math.floor(value / TWO_32)).uint32(value >>> 0)
    } else {
      out.int64(requireBigInt(value, INT8_MIN, INT8_MAX, 'int8'))
    }
  },
  decode(input) {
    return input.int64()
  },
  decodeText(text) {
    return parseBigInt(text, 'int8')
  },
}

/** The unsigned 32-bit types: oid, xid, cid. */
function unsigned32(name: string): Codec<number> {
  return {
    name,
    format: 1,
    encode(out, value) {
      out.uint32(typeof value === 'string' ? unsignedOf(value, name) : requireInteger(value, 0, UINT32_MAX, name))
    },
    decode(input) {
      return input.uint32()
    },
    decodeText(text) {
      return parseInteger(text, name)
    },
  }
}

/** Reads an unsigned integer. Signs, octal and hexadecimal digits depend on the version, so the server reads those. */
function unsignedOf(text: string, typeName: string): number {
  const digits = PLAIN_DIGITS.exec(text)?.[1]
  if (digits !== undefined) return requireInteger(Number(digits), 0, UINT32_MAX, typeName)
  if (C_DIGITS.test(text) && /\d/.test(text)) leaveToServer(text, typeName)
  throw expected('an integer', typeName, text)
}

export const oid: Codec<number> = unsigned32('oid')
export const xid: Codec<number> = unsigned32('xid')
export const cid: Codec<number> = unsigned32('cid')

/** `types: { int8: 'number' }`: always a number. @throws DataError when a number would not be exact. */
export const int8AsNumber: Codec<number> = {
  name: 'int8',
  format: 1,
  encode: int8.encode,
  decode(input) {
    return exactNumber(input.int64())
  },
  decodeText(text) {
    return exactNumber(parseBigInt(text, 'int8'))
  },
}

/** `types: { int8: 'auto' }`: a number when it is exact, otherwise a bigint. */
export const int8Auto: Codec<number | bigint> = {
  name: 'int8',
  format: 1,
  encode: int8.encode,
  decode(input) {
    return numberWhenExact(input.int64())
  },
  decodeText(text) {
    return numberWhenExact(parseBigInt(text, 'int8'))
  },
}

function numberWhenExact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function exactNumber(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new DataError(`the int8 ${value} is beyond 2^53 and not exact as a number; read int8 as a bigint`)
}
