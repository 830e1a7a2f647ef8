/**
 * `interval`. On the wire: microseconds, days, months. When all three are extreme, it is one of version 17's infinities.
 * Source of truth: src/backend/utils/adt/timestamp.c, interval_send and interval_out.
 */
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { PgInterval } from '../pg-interval.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

const INT32_MAX = 2147483647
const INT32_MIN = -2147483648
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

const UNITS = {
  years: 12,
  months: 1,
  weeks: 7,
  days: 1,
  hours: 3_600_000_000,
  minutes: 60_000_000,
  seconds: 1_000_000,
  milliseconds: 1000,
  microseconds: 1,
  nanoseconds: 0.001,
} as const

/** Reads `{ years, months, … }` or a Temporal.Duration, which have whole numbers of units; null for other values. */
function fromUnits(value: object): PgInterval | null {
  let months = 0
  let days = 0
  let microseconds = 0n
  let units = 0
  for (const [unit, scale] of Object.entries(UNITS)) {
    const count: unknown = (value as Readonly<Record<string, unknown>>)[unit]
    if (count === undefined) continue
    const isWhole =
      (typeof count === 'number' && Number.isSafeInteger(count)) || (typeof count === 'bigint' && scale >= 1)
    if (!isWhole) return null
    units += 1
    if (unit === 'years' || unit === 'months') months += Number(count) * scale
    else if (unit === 'weeks' || unit === 'days') days += Number(count) * scale
    else if (unit === 'nanoseconds') microseconds += BigInt(Math.round(Number(count) / 1000))
    else microseconds += BigInt(count) * BigInt(scale)
  }
  if (units === 0 || (Object.getPrototypeOf(value) === Object.prototype && units < Object.keys(value).length))
    return null
  return new PgInterval(months, days, microseconds)
}

function toInterval(value: unknown): PgInterval {
  if (value instanceof PgInterval) return value
  if (typeof value === 'string') return PgInterval.parse(value)
  const interval = typeof value === 'object' && value !== null ? fromUnits(value) : null
  if (interval === null) throw expected('an interval', 'interval', value)
  return interval
}

function write(out: ByteWriter, months: number, days: number, microseconds: bigint): void {
  out.int64(microseconds).int32(days).int32(months)
}

/** Parses an interval that means the same in every IntervalStyle. In `sql_standard`, a leading sign applies to all parts. */
function writtenInterval(text: string): PgInterval {
  try {
    if (!/^[\s@]*-/.test(text)) return PgInterval.parse(text)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
  }
  return leaveToServer(text, 'interval')
}

export const interval: Codec<PgInterval | number> = {
  name: 'interval',
  format: 1,
  encode(out, value) {
    if (value === Infinity || value === 'infinity') return write(out, INT32_MAX, INT32_MAX, INT64_MAX)
    if (value === -Infinity || value === '-infinity') return write(out, INT32_MIN, INT32_MIN, INT64_MIN)
    const { months, days, microseconds } = typeof value === 'string' ? writtenInterval(value) : toInterval(value)
    write(out, months, days, microseconds)
  },
  decode(input) {
    const microseconds = input.int64()
    const days = input.int32()
    const months = input.int32()
    if (months === INT32_MAX && days === INT32_MAX && microseconds === INT64_MAX) return Infinity
    if (months === INT32_MIN && days === INT32_MIN && microseconds === INT64_MIN) return -Infinity
    return new PgInterval(months, days, microseconds)
  },
  decodeText(text) {
    if (text === 'infinity') return Infinity
    if (text === '-infinity') return -Infinity
    try {
      return PgInterval.parse(text)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      throw unreadable('interval', text, 'this client cannot read IntervalStyle sql_standard: set it to postgres')
    }
  },
}
