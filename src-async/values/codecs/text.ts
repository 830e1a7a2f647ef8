/**
 * The text types, in UTF-8 both ways. Refuses text that the server would refuse or change: NUL characters, and lone
 * surrogates, which have no UTF-8 form.
 */
import { DataError } from '../../errors/tree.ts'
import { isDate } from '../any-realm.ts'
import { describeValue, expected, unreadable } from '../../errors/describe-value.ts'
import { printedInstant } from '../instant-text.ts'
import { PgDate } from '../pg-date.ts'
import { PgInterval } from '../pg-interval.ts'
import { PgTime } from '../pg-time.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

/**
 * The text of a value for a text column. Strings stay as they are; numbers, booleans, dates and times become the text that
 * the server would print, a Date in UTC. Bytes, arrays and objects are refused, because any text for them would be a guess.
 */
function textOf(value: unknown, typeName: string): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return numberText(value)
    case 'bigint':
    case 'boolean':
      return String(value)
  }
  if (isDate(value)) {
    if (!Number.isNaN(value.getTime())) return printedInstant(value)
  } else if (isTextual(value)) {
    return String(value)
  }
  throw expected('a string', typeName, value)
}

/** Whether an object has a text form of its own: dates, times and intervals. */
export function isTextual(value: unknown): boolean {
  return isDate(value) || value instanceof PgDate || value instanceof PgTime || value instanceof PgInterval
}

/** A number as the server prints it: with an exponent of at least two digits beyond 15 digits and below 0.0001. */
export function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0'
  const size = Math.abs(value)
  if (Number.isSafeInteger(value) || !Number.isFinite(value) || (size >= 1e-4 && size < 1e15)) return String(value)
  return value.toExponential().replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`)
}

/** Writes a string as UTF-8. @throws DataError for NUL characters, lone surrogates and values that are not strings. */
export function encodeText(out: ByteWriter, value: unknown, typeName: string): void {
  if (typeof value !== 'string') throw expected('a string', typeName, value)
  requireText(value, typeName)
  out.utf8(value)
}

/** @throws DataError for text that PostgreSQL cannot store. */
export function requireText(value: string, typeName: string): void {
  if (value.includes('\0')) {
    throw new DataError(`${describeValue(value)} has a NUL character, which ${typeName} cannot hold; use bytea`)
  }
  if (!value.isWellFormed()) {
    throw new DataError(`${describeValue(value)} has half a surrogate pair, which has no UTF-8 form`)
  }
}

function keep(text: string): string {
  return text
}

/** @param isPlain whether values other than strings may be written as their text */
function textual(name: string, format: 0 | 1, isPlain = false): Codec<string> {
  return {
    name,
    format,
    isText: true,
    encode(out, value) {
      encodeText(out, isPlain && typeof value !== 'string' ? textOf(value, name) : value, name)
    },
    decode(input, length) {
      return input.utf8(length)
    },
    decodeText: keep,
  }
}

export const text: Codec<string> = textual('text', 1, true)
export const varchar: Codec<string> = textual('varchar', 1, true)
export const bpchar: Codec<string> = textual('bpchar', 1, true)
/** `name` as it comes, whatever its length: the server refuses a long one in binary. For COPY; see `name` in `system.ts`. */
export const binaryName: Codec<string> = textual('name', 1)
export const xml: Codec<string> = textual('xml', 1)
export const unknown: Codec<string> = textual('unknown', 1)
export const cstring: Codec<string> = textual('cstring', 1)
export const refcursor: Codec<string> = textual('refcursor', 1)

/** The codec of a type that behaves like text, such as citext. */
export function plainTextCodec(typeName: string): Codec<string> {
  return textual(typeName, 1, true)
}

/** The codec of an enum, whose labels are its text in both formats. */
export function enumCodec(typeName: string): Codec<string> {
  return textual(typeName, 1)
}

/** The codec of a type whose values stay the server's text: a type without a codec, or one that is text by nature. */
export function textFormatCodec(typeName: string): Codec<string> {
  return textual(typeName, 0)
}

/** Reads a value of any type as the server prints it. For calls that bring parsers of their own. */
export const serverText: Codec<string> = textual('text', 0)

/** The character of a `"char"`. */
export function characterOf(byte: number): string {
  if (byte === 0) return ''
  return byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`
}

/**
 * `"char"`: one byte. An ASCII byte is its character, and 0 is the empty string. Other bytes are `\nnn` in octal, as servers
 * from version 16 on print them.
 */
export const singleByteChar: Codec<string> = {
  name: '"char"',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') {
      const code = value.charCodeAt(0)
      if (value === '') return void out.uint8(0)
      if (value.length === 1 && code > 0 && code < 128) return void out.uint8(code)
      if (/^\\[0-3][0-7]{2}$/.test(value)) return void out.uint8(Number.parseInt(value.slice(1), 8))
    }
    throw expected('one ASCII character or an octal escape', '"char"', value)
  },
  decode(input) {
    return characterOf(input.uint8())
  },
  decodeText(value) {
    if (value.length > 4) throw unreadable('"char"', value)
    return value
  },
}
