/**
 * Generates the function that decodes the rows of one decoder: every field inline, hot types without a call, and one
 * allocation for the row. It behaves exactly like the loop in `row-decoder.ts`, which a test checks. Values and names enter
 * the source only as numbered bindings or JSON strings.
 */
import { timestampFromHalves, timestamp, timestamptz } from './codecs/date-time.ts'
import { bool } from './codecs/boolean.ts'
import { float4, float8, shortestFloat32 } from './codecs/floats.ts'
import { int2, int4, int8, oid } from './codecs/integers.ts'
import { name } from './codecs/system.ts'
import { bpchar, characterOf, serverText, singleByteChar, text, varchar } from './codecs/text.ts'
import { type TextReader, textReader } from './short-text.ts'
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { Codec } from './codec.ts'
import type { Row } from './record.ts'
import type { RowShape } from './row-shapes.ts'

export interface RowCode {
  /** Decodes the body of one message, from its field count on. */
  decodeRow(bytes: Buffer, view: DataView, reader: ByteReader, start: number, end: number): Row
  /** Decodes whole messages. */
  decodeRun(bytes: Buffer, view: DataView, reader: ByteReader, start: number, end: number, into: Row[]): void
}

/** The generated code calls these when a message is not as it should be. */
export interface RowFailures {
  /** Decodes the message again by the loop, which finds and reports the fault. */
  retry(bytes: Buffer, start: number, end: number): Row
  /** Reports what is wrong with a run that should consist of whole messages. */
  frame(bytes: Buffer, start: number, end: number): never
  /** Throws the error of a codec, with the name of its column. */
  explain(error: unknown, column: number): never
}

/** Types of fixed width, with the expression that reads one at `p`. */
const FIXED: ReadonlyMap<Codec, { readonly size: number; readonly source: string }> = new Map<
  Codec,
  { readonly size: number; readonly source: string }
>([
  [bool, { size: 1, source: 'b[p] !== 0' }],
  [singleByteChar, { size: 1, source: 'characterOf(b[p])' }],
  [int2, { size: 2, source: 'view.getInt16(p)' }],
  [int4, { size: 4, source: 'view.getInt32(p)' }],
  [oid, { size: 4, source: 'view.getUint32(p)' }],
  [int8, { size: 8, source: 'view.getBigInt64(p)' }],
  [float4, { size: 4, source: 'shortestFloat32(view.getFloat32(p))' }],
  [float8, { size: 8, source: 'view.getFloat64(p)' }],
  [timestamp, { size: 8, source: 'timestampFromHalves(view.getInt32(p), view.getUint32(p + 4))' }],
  [timestamptz, { size: 8, source: 'timestampFromHalves(view.getInt32(p), view.getUint32(p + 4))' }],
])
const TEXTS: ReadonlySet<Codec> = new Set<Codec>([text, varchar, bpchar, name, serverText])

/** The source that reads field `i` into `v<i>` and moves `p` past it. The length word and NULL are handled alike for all. */
function fieldSource(codec: Codec, i: number): string {
  const head = `column = ${i}
    if (p + 4 > end) return fail.retry(b, start, end)
    let v${i} = null`
  const fixed = FIXED.get(codec)
  if (fixed !== undefined) {
    const { size, source } = fixed
    return `${head}
    length = view.getInt32(p); p += 4
    if (length === ${size} && p + ${size} <= end) { v${i} = ${source}; p += ${size} }
    else if (length !== -1) return fail.retry(b, start, end)`
  }
  const read = TEXTS.has(codec)
    ? `v${i} = readText(b, p, length)`
    : codec.format === 0
      ? `v${i} = codecs[${i}].decodeText(readText(b, p, length))`
      : `reader.position = p; reader.end = p + length; v${i} = codecs[${i}].decode(reader, length)
      if (reader.position !== p + length) return fail.retry(b, start, end)`
  return `${head}
    length = view.getInt32(p); p += 4
    if (length !== -1) {
      if (length < 0 || length > end - p) return fail.retry(b, start, end)
      ${read}
      p += length
    }`
}

/** @returns the functions for the decoder's columns. The caller has checked that code may be generated. */
export function generateRowCode(codecs: readonly Codec[], shape: RowShape, fail: RowFailures): RowCode {
  const values = codecs.map((_, i) => `v${i}`)
  const made = shape.expression === null ? `shape([${values.join(', ')}])` : shape.expression(values)
  const binding: unknown = shape.expression === null ? (list: unknown[]) => shape.make(list) : shape.binding
  const source = `'use strict'
function decodeRow(b, view, reader, start, end) {
  let p = start, length = 0, column = 0
  try {
    if (end - p < 2 || view.getUint16(p) !== ${codecs.length}) return fail.retry(b, start, end)
    p += 2
    ${codecs.map((codec, i) => fieldSource(codec, i)).join('\n    ')}
    if (p !== end) return fail.retry(b, start, end)
    return ${made}
  } catch (error) { fail.explain(error, column) }
}
function decodeRun(b, view, reader, start, end, into) {
  let p = start
  while (p < end) {
    if (end - p < 7 || b[p] !== 0x44) fail.frame(b, p, end)
    const next = p + 1 + view.getInt32(p + 1)
    if (next > end || next < p + 7) fail.frame(b, p, end)
    into.push(decodeRow(b, view, reader, p + 5, next))
    p = next
  }
}
return { decodeRow, decodeRun }`
  const readText: TextReader | null = codecs.some((codec) => codec.format === 0 || TEXTS.has(codec))
    ? textReader()
    : null
  const bindings = { fail, codecs, shape: binding, readText, characterOf, shortestFloat32, timestampFromHalves }
  const names = Object.keys(bindings)
  // Programs often write a row factory inline, a new function for each call. So the code takes the factory as a parameter, and
  // all factories share it.
  // Other shapes get code of their own, so that V8 sees each class made in one place.
  const make = shape.expression === null ? shared(names, source) : new Function(...names, source)
  return make(...Object.values(bindings)) as RowCode
}

const MOST_SHARED = 500
const sharedCode = new Map<string, Function>()

function shared(names: readonly string[], source: string): Function {
  let known = sharedCode.get(source)
  if (known === undefined) {
    known = new Function(...names, source)
    sharedCode.set(source, known)
    const oldest = sharedCode.keys().next()
    if (sharedCode.size > MOST_SHARED && !oldest.done) sharedCode.delete(oldest.value)
  }
  return known
}
