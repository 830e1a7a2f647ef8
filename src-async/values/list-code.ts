/**
 * Generates the function that writes one list of values: the arguments of an element, or the fields of a record. The generated
 * code writes the common types inline, without a call or an allocation, and calls the caller's `SlowWay` for all others. A test
 * checks that both write the same bytes. The generated source depends only on the kinds of the codecs and on the frame, so
 * lists of the same kinds share one function.
 */
import { bool } from './codecs/boolean.ts'
import { float8 } from './codecs/floats.ts'
import { int2, int4, int8, oid } from './codecs/integers.ts'
import { name } from './codecs/system.ts'
import { binaryName, bpchar, text, varchar } from './codecs/text.ts'
import { canGenerateCode } from './code-generation.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Codec } from './codec.ts'

/** Writes value `index` with its length word at the end of the writer; throws for a wrong value. */
export interface SlowWay {
  writeValue(index: number, value: unknown): void
}

/** Writes a list with one value for each codec. When `slow` throws, the writer contains a part of the list. */
export type ListCode = (out: ByteWriter, values: readonly unknown[], slow: SlowWay) => void

/** The bytes before and after the values of each list. */
export interface ListFrame {
  readonly head: Uint8Array
  readonly tail: Uint8Array
}

/** The buffer's own encoder is faster for longer text. */
const MOST_SHORT_TEXT = 64
/** V8 does not optimise functions beyond a certain size, so longer lists are written the slow way. */
const MOST_GENERATED_VALUES = 128
const MOST_SHARED = 500

interface Kind {
  readonly name: string
  /** The greatest number of bytes, including the length word. */
  readonly most: number
  /** An expression: whether the value `v` can be written inline. It may set `n`. */
  readonly test: string
  /** A statement that writes the value at `p` and moves `p`. */
  readonly write: string
}

function fixed(name: string, size: number, test: string, write: string): Kind {
  return { name, most: 4 + size, test, write: `view.setInt32(p, ${size}); ${write}; p += ${4 + size}` }
}

function ascii(name: string, most: number): Kind {
  const test = `typeof v === 'string' && v.length <= ${most} && (n = writeAscii(b, p + 4, v)) >= 0`
  return { name, most: 4 + most, test, write: 'view.setInt32(p, n); p += 4 + n' }
}

const SHORT_TEXT = ascii('text', MOST_SHORT_TEXT)
const INT4 = fixed('int4', 4, `typeof v === 'number' && (v | 0) === v`, 'view.setInt32(p + 4, v)')
const KINDS: ReadonlyMap<Codec, Kind> = new Map<Codec, Kind>([
  [bool, fixed('bool', 1, 'v === true || v === false', 'b[p + 4] = v ? 1 : 0')],
  [int2, fixed('int2', 2, `typeof v === 'number' && (v << 16) >> 16 === v`, 'view.setInt16(p + 4, v)')],
  [int4, INT4],
  [oid, fixed('oid', 4, `typeof v === 'number' && v >>> 0 === v`, 'view.setUint32(p + 4, v)')],
  [
    int8,
    fixed(
      'int8',
      8,
      `typeof v === 'number' && isSafeInteger(v)`,
      'view.setInt32(p + 4, floor(v / 4294967296)); view.setUint32(p + 8, v >>> 0)',
    ),
  ],
  [float8, fixed('float8', 8, `typeof v === 'number'`, 'view.setFloat64(p + 4, v)')],
  [text, SHORT_TEXT],
  [varchar, SHORT_TEXT],
  [bpchar, SHORT_TEXT],
  [binaryName, SHORT_TEXT],
  // The codec of `name` leaves a longer one to the server.
  [name, ascii('name', 63)],
])

/** Writes ASCII text without NUL and returns its length; -1 when the text contains other characters. */
function writeAscii(bytes: Buffer, start: number, value: string): number {
  const { length } = value
  for (let i = 0; i < length; i += 1) {
    const code = value.charCodeAt(i)
    if (code > 127 || code === 0) return -1
    bytes[start + i] = code
  }
  return length
}

function valueSource(kind: Kind | undefined, i: number): string {
  const slow = `{ out.length = p; slow.writeValue(${i}, v)
    out.ensure(most); b = out.buffer; view = out.dataView; p = out.length }`
  const otherwise = `if (v === null) { view.setInt32(p, -1); p += 4 } else ${slow}`
  if (kind === undefined) return `v = v${i}; ${otherwise}`
  return `v = v${i}; if (${kind.test}) { ${kind.write} } else ${otherwise}`
}

function bytesSource(bytes: Uint8Array): string {
  return [...bytes].map((byte, i) => `b[p + ${i}] = ${byte}`).join('; ') + `; p += ${bytes.length}`
}

function sourceOf(kinds: readonly (Kind | undefined)[], { head, tail }: ListFrame): string {
  const most = kinds.reduce((sum, kind) => sum + (kind?.most ?? 4), head.length + tail.length)
  // All values are read before the first one is written, because reading one may run the user's code.
  const reads = kinds.map((_, i) => `v${i} = values[${i}]`)
  return `'use strict'
const { isSafeInteger } = Number, { floor } = Math, most = ${most}
return function writeList(out, values, slow) {
  ${reads.length === 0 ? '' : `const ${reads.join(', ')}`}
  out.ensure(most)
  let b = out.buffer, view = out.dataView, p = out.length, v, n = 0
  ${bytesSource(head)}
  ${kinds.map((kind, i) => valueSource(kind, i)).join('\n  ')}
  ${bytesSource(tail)}
  out.length = p
}`
}

const sharedCode = new Map<string, ListCode>()

/** @returns the function for a list of these codecs; null when the list is too long or code may not be generated. */
export function listCode(codecs: readonly Codec[], frame: ListFrame): ListCode | null {
  if (!canGenerateCode || codecs.length > MOST_GENERATED_VALUES) return null
  const kinds = codecs.map((codec) => KINDS.get(codec))
  const key = [Buffer.from(frame.head).toString('hex'), ...kinds.map((kind) => kind?.name ?? ''), frame.tail].join()
  let code = sharedCode.get(key)
  if (code === undefined) {
    code = new Function('writeAscii', sourceOf(kinds, frame))(writeAscii) as ListCode
    sharedCode.set(key, code)
    const oldest = sharedCode.keys().next()
    if (sharedCode.size > MOST_SHARED && !oldest.done) sharedCode.delete(oldest.value)
  }
  return code
}
