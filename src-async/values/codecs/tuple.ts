/**
 * The format `tuple` of custom codecs: a value as an array of its numbers on the wire. Days and microseconds count from
 * 2000-01-01. Their smallest and largest values are the infinities. A zone is in seconds west of UTC, as in PostgreSQL.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue } from '../../errors/describe-value.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'

export interface TupleFormat {
  /** The form of the tuple, for messages. */
  readonly shape: string
  read(input: ByteReader): unknown[]
  write(out: ByteWriter, tuple: readonly unknown[]): void
}

const microseconds: TupleFormat = {
  shape: '[microseconds]',
  read: (input) => [input.int64()],
  write: (out, tuple) => void out.int64(int64(tuple[0])),
}

/** The formats by the type's name in pg_type. */
export const TUPLE_FORMATS: ReadonlyMap<string, TupleFormat> = new Map<string, TupleFormat>([
  [
    'date',
    { shape: '[days]', read: (input) => [input.int32()], write: (out, tuple) => void out.int32(int32(tuple[0])) },
  ],
  ['time', microseconds],
  ['timestamp', microseconds],
  ['timestamptz', microseconds],
  [
    'timetz',
    {
      shape: '[microseconds, seconds west of UTC]',
      read: (input) => [input.int64(), input.int32()],
      write: (out, tuple) => void out.int64(int64(tuple[0])).int32(int32(tuple[1])),
    },
  ],
  [
    'interval',
    {
      shape: '[months, days, microseconds]',
      read(input) {
        const time = input.int64()
        const days = input.int32()
        return [input.int32(), days, time]
      },
      write: (out, tuple) => void out.int64(int64(tuple[2])).int32(int32(tuple[1])).int32(int32(tuple[0])),
    },
  ],
])

function int32(value: unknown): number {
  if (typeof value === 'number' && (value | 0) === value) return value
  throw new DataError(`expected a 32-bit integer in the tuple, got ${describeValue(value)}`)
}

function int64(value: unknown): bigint {
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw new DataError(`expected a 64-bit integer in the tuple, got ${describeValue(value)}`)
}
