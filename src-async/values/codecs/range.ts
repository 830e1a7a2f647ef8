/**
 * Ranges and multiranges over any subtype. On the wire: a byte of flags, then each existing bound with its length.
 * Source of truth: src/backend/utils/adt/rangetypes.c, range_send, range_out; multirangetypes.c.
 */
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { literalText } from '../literal-text.ts'
import { Range } from '../range.ts'
import { leaveToServer, ownText } from '../text-for-server.ts'
import { converted } from '../to-postgres.ts'
import { decodeSized, readsBinary } from './array.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

const EMPTY = 0x01
const LOWER_INCLUSIVE = 0x02
const UPPER_INCLUSIVE = 0x04
const LOWER_INFINITE = 0x08
const UPPER_INFINITE = 0x10

/** The codec of a range type, made from its bounds' codec. It uses the text format when that codec does. */
export function rangeCodec(name: string, subtype: Codec, subtypeOid: number): Codec<Range> {
  const decodeText = (text: string): Range => {
    const parsed = parseRange(text, 0, name, subtype)
    if (parsed.end !== text.length) throw unreadable(name, text)
    return parsed.range
  }
  const encodeText = (value: unknown): string =>
    ownText(value, name) ?? rangeText(toRange(value, name), subtype, subtypeOid)
  if (subtype.format === 0) {
    return {
      name,
      format: 0,
      encode(out, value) {
        out.utf8(encodeText(value))
      },
      decode(input, length) {
        return decodeText(input.utf8(length))
      },
      decodeText,
      encodeText,
      decodeBinary(input) {
        return decodeRange(input, readsBinary(subtype))
      },
    }
  }
  return {
    name,
    format: 1,
    encode(out, value) {
      encodeRange(out, toRange(value, name), subtype, subtypeOid)
    },
    decode(input) {
      return decodeRange(input, subtype)
    },
    decodeText,
    encodeText,
  }
}

/** The codec of a multirange type: a list of ranges. */
export function multirangeCodec(name: string, range: Codec<Range>): Codec<Range[]> {
  const decodeText = (text: string): Range[] => splitMultirange(text, name).map((item) => range.decodeText(item))
  const encodeText = (value: unknown): string => ownText(value, name) ?? multirangeText(listOf(value, name), range)
  return {
    name,
    format: range.format,
    takesArrays: true,
    encodeText,
    encode(out, value) {
      if (range.format === 0) return void out.utf8(encodeText(value))
      const list = listOf(value, name)
      out.int32(list.length)
      for (const item of list) {
        const lengthAt = out.reserveInt32()
        range.encode(out, item)
        out.patchLength(lengthAt)
      }
    },
    decode(input, length) {
      return range.format === 0 ? decodeText(input.utf8(length)) : decodeRanges(input, name, range)
    },
    decodeText,
    decodeBinary: (input) => decodeRanges(input, name, readsBinary(range) as Codec<Range>),
  }
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') leaveToServer(value, name)
  throw expected('an array of ranges', name, value)
}

function decodeRanges(input: ByteReader, name: string, range: Codec<Range>): Range[] {
  const count = input.int32()
  // Each range has at least a length and its flags.
  if (count < 0 || count * 5 > input.remaining) {
    throw new DataError(`cannot read ${name}: ${count} ranges claimed in ${input.remaining} bytes`)
  }
  const ranges: Range[] = []
  for (let i = 0; i < count; i += 1) ranges.push(decodeSized(input, range) as Range)
  return ranges
}

function multirangeText(ranges: readonly unknown[], range: Codec<Range>): string {
  return `{${ranges.map((item) => literalText(range, item)).join(',')}}`
}

function toRange(value: unknown, name: string): Range {
  if (value instanceof Range) return value
  if (typeof value === 'string') leaveToServer(value, name)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw expected('a Range', name, value)
  const init = value as { [key: string]: unknown }
  const isRange = Object.keys(init).every((key) => ['lower', 'upper', 'lowerInc', 'upperInc', 'empty'].includes(key))
  if (!isRange || Object.keys(init).length === 0) throw expected('a Range', name, value)
  return new Range(init)
}

function rangeText(range: Range, subtype: Codec, subtypeOid: number): string {
  if (range.empty) return 'empty'
  const bound = (value: unknown): string =>
    value === null ? '' : `"${literalText(subtype, converted(value, subtypeOid)).replaceAll(/["\\]/g, '\\$&')}"`
  return `${range.lowerInc ? '[' : '('}${bound(range.lower)},${bound(range.upper)}${range.upperInc ? ']' : ')'}`
}

function encodeRange(out: ByteWriter, range: Range, subtype: Codec, subtypeOid: number): void {
  if (range.empty) return void out.uint8(EMPTY)
  const lowerFlag = range.lower === null ? LOWER_INFINITE : range.lowerInc ? LOWER_INCLUSIVE : 0
  const upperFlag = range.upper === null ? UPPER_INFINITE : range.upperInc ? UPPER_INCLUSIVE : 0
  out.uint8(lowerFlag | upperFlag)
  for (const bound of [range.lower, range.upper]) {
    if (bound === null) continue
    const lengthAt = out.reserveInt32()
    subtype.encode(out, converted(bound, subtypeOid))
    out.patchLength(lengthAt)
  }
}

function decodeRange(input: ByteReader, subtype: Codec): Range {
  const flags = input.uint8()
  if ((flags & EMPTY) !== 0) return new Range({ empty: true })
  const lower = (flags & LOWER_INFINITE) === 0 ? decodeSized(input, subtype) : null
  const upper = (flags & UPPER_INFINITE) === 0 ? decodeSized(input, subtype) : null
  return new Range({
    lower,
    upper,
    lowerInc: (flags & LOWER_INCLUSIVE) !== 0,
    upperInc: (flags & UPPER_INCLUSIVE) !== 0,
  })
}

/** Reads the range literal at `start`; more ranges may follow it. */
function parseRange(text: string, start: number, name: string, subtype: Codec): { range: Range; end: number } {
  if (text === 'empty') return { range: new Range({ empty: true }), end: text.length }
  const open = text[start]
  if (open !== '[' && open !== '(') throw unreadable(name, text)
  const lower = readBound(text, start + 1)
  if (text[lower.end] !== ',') throw unreadable(name, text)
  const upper = readBound(text, lower.end + 1)
  const close = text[upper.end]
  if (close !== ']' && close !== ')') throw unreadable(name, text)
  const range = new Range({
    lower: lower.text === null ? null : subtype.decodeText(lower.text),
    upper: upper.text === null ? null : subtype.decodeText(upper.text),
    lowerInc: open === '[',
    upperInc: close === ']',
  })
  return { range, end: upper.end + 1 }
}

/** Reads a bound; null for an absent one. A quote within quotes is doubled or escaped. */
function readBound(text: string, start: number): { text: string | null; end: number } {
  let out: string | null = null
  let isQuoted = false
  let i = start
  for (; i < text.length; i += 1) {
    const character = text[i]!
    if (character === '\\') {
      i += 1
      out = (out ?? '') + (text[i] ?? '')
    } else if (character === '"') {
      out ??= ''
      if (isQuoted && text[i + 1] === '"') {
        out += '"'
        i += 1
      } else {
        isQuoted = !isQuoted
      }
    } else if (!isQuoted && (character === ',' || character === ')' || character === ']')) {
      break
    } else {
      out = (out ?? '') + character
    }
  }
  return { text: out, end: i }
}

function splitMultirange(text: string, name: string): string[] {
  if (!text.startsWith('{') || !text.endsWith('}')) throw unreadable(name, text)
  const items: string[] = []
  let position = 1
  while (position < text.length - 1) {
    const lower = readBound(text, position + 1)
    const upper = readBound(text, lower.end + 1)
    items.push(text.slice(position, upper.end + 1))
    position = upper.end + 1
    if (text[position] !== ',' && position !== text.length - 1) throw unreadable(name, text)
    position += 1
  }
  return items
}
