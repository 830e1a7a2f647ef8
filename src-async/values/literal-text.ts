/**
 * The text of a value inside the literal of its container, for arrays, composites and ranges that must travel as text because
 * one of their members has no binary form. The value is encoded first and the result is printed, so that the text format
 * accepts no values that the codec would refuse.
 */
import { isDate } from './any-realm.ts'
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { expected } from '../errors/describe-value.ts'
import { asBytes } from './codecs/bytea.ts'
import { BitString } from './bit-string.ts'
import { Box, Circle, Line, LineSegment, Path, Point, Polygon } from './geometry.ts'
import { PgDate } from './pg-date.ts'
import { PgInterval } from './pg-interval.ts'
import { PgTime } from './pg-time.ts'
import { instantText } from './instant-text.ts'
import { TEXT_FOR_SERVER } from './text-for-server.ts'
import type { Codec } from './codec.ts'

/** The text that the server's input function reads as the value. @throws DataError when the codec does. */
export function literalText(codec: Codec, value: unknown): string {
  if (codec.encodeText !== undefined) return codec.encodeText(value)
  const scratch = new ByteWriter(64)
  try {
    codec.encode(scratch, value)
  } catch (error) {
    // A string that only the server can read is passed on unchanged.
    if (error === TEXT_FOR_SERVER && typeof value === 'string') return value
    throw error
  }
  const bytes = scratch.view()
  if (codec.format === 0) return bytes.toString('utf8')
  return plainText(codec.decode(new ByteReader(bytes), bytes.length), codec.name)
}

const PRINTED = [PgDate, PgTime, BitString, Point, Line, LineSegment, Box, Path, Polygon, Circle]

/** The text of a string, a number, a bigint or a boolean; null for other values. */
export function scalarText(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return null
  }
}

/** The text of a value from a built-in codec, in a form that does not depend on DateStyle and IntervalStyle. */
export function plainText(value: unknown, typeName: string): string {
  const scalar = scalarText(value)
  if (scalar !== null) return scalar
  switch (typeof value) {
    case 'object':
      if (value === null) return ''
      if (isDate(value)) return instantText(value)
      if (value instanceof PgInterval) return value.toISOString()
      if (PRINTED.some((printed) => value instanceof printed)) return String(value)
  }
  const bytes = asBytes(value)
  if (bytes === null) throw expected('a value with a text form', typeName, value)
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`
}
