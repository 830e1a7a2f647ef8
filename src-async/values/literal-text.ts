/**
 * The text of a value inside a literal of its container: for composites and ranges that must travel as text because one
 * of their members has no binary form.
 */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { expected } from './describe-value.ts'
import { asBytes } from './codecs/bytea.ts'
import { PgDate } from './pg-date.ts'
import { PgInterval } from './pg-interval.ts'
import { PgTime } from './pg-time.ts'
import { BitString } from './bit-string.ts'
import type { Codec } from './codec.ts'

/** What the server's input function reads as the value. @throws DataError for values without an unmistakable text. */
export function literalText(codec: Codec, value: unknown): string {
  // The codec's own checks come first, whatever its format: a text must not let through what bytes would not.
  const scratch = new ByteWriter(64)
  codec.encode(scratch, value)
  if (codec.format === 0) return scratch.view().toString('utf8')
  switch (typeof value) {
    case 'string':
      return codec.takesArrays === true ? JSON.stringify(value) : value
    case 'number':
    case 'bigint':
    case 'boolean':
      return Object.is(value, -0) ? '-0' : String(value)
    default:
      return objectText(codec, value)
  }
}

function objectText(codec: Codec, value: unknown): string {
  const isPlain = value instanceof PgDate || value instanceof PgTime || value instanceof PgInterval
  if (isPlain || value instanceof BitString) return String(value)
  if (value instanceof Date && value.getUTCFullYear() > 0 && value.getUTCFullYear() < 10_000) return value.toISOString()
  const bytes = asBytes(value)
  if (bytes !== null) return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`
  throw expected('a value with a text form', codec.name, value)
}
