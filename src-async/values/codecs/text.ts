/**
 * The text family. UTF-8 both ways. What the server would refuse or change is refused before it is sent: NUL
 * characters, and lone surrogates, which have no UTF-8 form.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected, unreadable } from '../describe-value.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

/** Writes a string as UTF-8. @throws DataError for NUL characters and lone surrogates, and for what is no string. */
export function encodeText(out: ByteWriter, value: unknown, typeName: string): void {
  if (typeof value !== 'string') throw expected('a string', typeName, value)
  requireText(value, typeName)
  out.utf8(value)
}

/** @throws DataError for text that no PostgreSQL string can hold. */
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

function textual(name: string, format: 0 | 1): Codec<string> {
  return {
    name,
    format,
    isText: true,
    encode(out, value) {
      encodeText(out, value, name)
    },
    decode(input, length) {
      return input.utf8(length)
    },
    decodeText: keep,
  }
}

export const text: Codec<string> = textual('text', 1)
export const varchar: Codec<string> = textual('varchar', 1)
export const bpchar: Codec<string> = textual('bpchar', 1)
export const name: Codec<string> = textual('name', 1)
export const xml: Codec<string> = textual('xml', 1)
export const unknown: Codec<string> = textual('unknown', 1)
export const cstring: Codec<string> = textual('cstring', 1)
export const refcursor: Codec<string> = textual('refcursor', 1)

/** An enum: its labels are its text in both formats. */
export function enumCodec(typeName: string): Codec<string> {
  return textual(typeName, 1)
}

/** A type whose values travel as the server prints them: those without a codec, and those whose text is the value. */
export function textFormatCodec(typeName: string): Codec<string> {
  return textual(typeName, 0)
}

/** The text of a `"char"`. */
export function characterOf(byte: number): string {
  if (byte === 0) return ''
  return byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`
}

/**
 * `"char"`: one byte. An ASCII byte is its character, 0 the empty string; the rest are `\nnn`, octal, as servers from
 * version 16 on print them.
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
