/**
 * `date`, `time`, `timetz`, `timestamp`, `timestamptz`. On the wire: days or microseconds since 2000-01-01; the least and
 * greatest integers stand for the infinities. A `timestamp` is in the UTC fields of the `Date`, never in the local zone.
 * Text is read in DateStyle ISO only; other styles are an error, because guessing could give another date.
 * Source of truth: src/backend/utils/adt/date.c, timestamp.c.
 */
import { isDate as isDateObject } from '../any-realm.ts'
import { DataError } from '../../errors/tree.ts'
import { POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MS, isDate, daysFromDate } from '../calendar.ts'
import { describeValue, expected, unreadable } from '../../errors/describe-value.ts'
import { PgDate } from '../pg-date.ts'
import { DAY_MICROSECONDS, PgTime, PgTimeTz, parseTime } from '../pg-time.ts'
import { PgTimestamp } from '../pg-timestamp.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

const INT32_MAX = 2147483647
const INT32_MIN = -2147483648
const TWO_32 = 4294967296
const MOST_DATE_MS = 8.64e15
const DAY_MS = 86_400_000
/** Within this distance from 2000-01-01 (285 years), a number of microseconds is exact. */
const EXACT_MS = 9.007e12
const EXACT_DAYS = 104_000
/** Limits of the server in microseconds since 2000-01-01: the first that it takes, and the first beyond the last. */
const LEAST_TIMESTAMP = -211_813_488_000_000_000n
const END_TIMESTAMP = 9_223_371_331_200_000_000n
const TIMESTAMP =
  /^\s*(\d{4,7}|[+-]\d{6})-(\d{1,2})-(\d{1,2})(?:(?:[t\s]\s*)(\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?(?:\s*z|\s*[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?)?))?( BC)?\s*$/i

/** A date that means the same in every DateStyle. */
const ISO_DATE = /^\s*\d{4,7}-\d{1,2}-\d{1,2}(?: BC)?\s*$/

/** Calendar fields of Temporal's plain objects, or of an object literal with the same names. */
interface Fields {
  readonly year?: unknown
  readonly month?: unknown
  readonly day?: unknown
  readonly hour?: unknown
  readonly minute?: unknown
  readonly second?: unknown
  readonly millisecond?: unknown
  readonly microsecond?: unknown
  readonly nanosecond?: unknown
  readonly calendarId?: unknown
  readonly epochNanoseconds?: unknown
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function infinityOf(value: unknown): number {
  if (value === Infinity || value === 'infinity') return 1
  return value === -Infinity || value === '-infinity' ? -1 : 0
}

function daysOfFields(fields: Fields): number | null {
  const { year, month, day, calendarId } = fields
  if (typeof year !== 'number' || typeof month !== 'number' || typeof day !== 'number') return null
  if (calendarId !== undefined && calendarId !== 'iso8601') return null
  return isDate(year, month, day) ? daysFromDate(year, month, day) : null
}

/** Microseconds of the day. `microsecond` may have three digits, as in Temporal, or go up to 999,999. */
function microsecondsOfFields(fields: Fields): number | null {
  const parts = [fields.hour ?? 0, fields.minute ?? 0, fields.second ?? 0]
  const rest = [fields.millisecond ?? 0, fields.microsecond ?? 0, fields.nanosecond ?? 0]
  for (const part of [...parts, ...rest])
    if (typeof part !== 'number' || !Number.isInteger(part) || part < 0) return null
  const [hour, minute, second] = parts as [number, number, number]
  const [milli, micro, nano] = rest as [number, number, number]
  const fraction = milli * 1000 + micro + Math.round(nano / 1000)
  if (minute > 59 || second > 59 || milli > 999 || micro > 999_999 || nano > 999) return null
  const total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
  return total <= DAY_MICROSECONDS ? total : null
}

function encodeDays(out: ByteWriter, days: number, value: unknown): void {
  const fromEpoch = days - POSTGRES_EPOCH_DAYS
  if (fromEpoch <= INT32_MIN || fromEpoch >= INT32_MAX)
    throw new DataError(`${describeValue(value)} is out of range for date`)
  out.int32(fromEpoch)
}

export const date: Codec<PgDate | number> = {
  name: 'date',
  format: 1,
  encode(out, value) {
    const infinity = infinityOf(value)
    if (infinity !== 0) return void out.int32(infinity > 0 ? INT32_MAX : INT32_MIN)
    if (value instanceof PgDate) return encodeDays(out, value.valueOf(), value)
    if (typeof value === 'string') {
      if (!ISO_DATE.test(value)) leaveToServer(value, 'date')
      return encodeDays(out, PgDate.parse(value).valueOf(), value)
    }
    if (isDateObject(value)) {
      const days = value.getTime() / DAY_MS
      if (!Number.isInteger(days)) {
        throw expected('a date or a Date at exactly 00:00 UTC', 'date', value)
      }
      return encodeDays(out, days, value)
    }
    const fields = fieldsOf(value)
    const days = fields === null || fields.hour !== undefined ? null : daysOfFields(fields)
    if (days === null) throw expected('a date', 'date', value)
    encodeDays(out, days, value)
  },
  decode(input) {
    const days = input.int32()
    if (days === INT32_MAX) return Infinity
    if (days === INT32_MIN) return -Infinity
    return PgDate.fromDays(days + POSTGRES_EPOCH_DAYS)
  },
  decodeText(text) {
    const infinity = infinityOf(text)
    if (infinity !== 0) return infinity * Infinity
    try {
      return PgDate.parse(text)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      throw unreadable('date', text, 'DateStyle must be ISO')
    }
  },
}

/** A time of day in microseconds; a number is exact, because a day has fewer than 2^53 of them. */
function readDayMicroseconds(input: ByteReader): number {
  const microseconds = input.int32() * TWO_32 + input.uint32()
  if (microseconds < 0 || microseconds > DAY_MICROSECONDS) {
    throw new DataError(`cannot read a time of day of ${microseconds} microseconds`)
  }
  return microseconds
}

function writeExact64(out: ByteWriter, value: number): void {
  out.int32(Math.floor(value / TWO_32)).uint32(value >>> 0)
}

export const time: Codec<PgTime> = {
  name: 'time',
  format: 1,
  encode(out, value) {
    writeExact64(out, timeMicroseconds(value))
  },
  decode(input) {
    return PgTime.fromMicroseconds(readDayMicroseconds(input))
  },
  decodeText(text) {
    const parts = parseTime(text)
    if (parts === null || parts.offsetSeconds !== null) throw unreadable('time', text)
    return PgTime.fromMicroseconds(parts.microseconds)
  },
}

function timeMicroseconds(value: unknown): number {
  if (value instanceof PgTime && !(value instanceof PgTimeTz)) return value.valueOf()
  if (typeof value === 'string') {
    const parts = parseTime(value)
    if (parts !== null && parts.offsetSeconds === null) return parts.microseconds
    leaveToServer(value, 'time')
  } else {
    const fields = fieldsOf(value)
    const isTime = fields?.hour !== undefined && fields.year === undefined && !('offsetSeconds' in fields)
    const microseconds = isTime ? microsecondsOfFields(fields) : null
    if (microseconds !== null) return microseconds
  }
  throw expected('a time without a zone', 'time', value)
}

export const timetz: Codec<PgTimeTz> = {
  name: 'timetz',
  format: 1,
  encode(out, value) {
    const parsed = typeof value === 'string' ? parseTime(value) : null
    const time =
      value instanceof PgTimeTz ? value : parsed === null ? null : timeTzOf(parsed.microseconds, parsed.offsetSeconds)
    if (time === null && typeof value === 'string') leaveToServer(value, 'timetz')
    if (time === null) throw expected('a time with a UTC offset', 'timetz', value)
    writeExact64(out, time.valueOf() + time.offsetSeconds * 1_000_000)
    // The wire format counts zones westward.
    out.int32(-time.offsetSeconds)
  },
  decode(input) {
    const microseconds = readDayMicroseconds(input)
    return PgTimeTz.fromMicroseconds(microseconds, -input.int32())
  },
  decodeText(text) {
    const parts = parseTime(text)
    const time = parts === null ? null : timeTzOf(parts.microseconds, parts.offsetSeconds)
    if (time === null) throw unreadable('timetz', text)
    return time
  },
}

function timeTzOf(microseconds: number, offsetSeconds: number | null): PgTimeTz | null {
  return offsetSeconds === null ? null : PgTimeTz.fromMicroseconds(microseconds, offsetSeconds)
}

/** A timestamp from the two halves of its int64. The generated row decoders use it too. */
export function timestampFromHalves(high: number, low: number): Date | number {
  // Beyond 2^53 microseconds a number is not exact.
  if (high >= 2097152 || high < -2097152) return distantTimestamp(high, low)
  const microseconds = high * TWO_32 + low
  const milliseconds = Math.floor(microseconds / 1000)
  const rest = microseconds - milliseconds * 1000
  return rest === 0
    ? new Date(milliseconds + POSTGRES_EPOCH_MS)
    : new PgTimestamp(milliseconds + POSTGRES_EPOCH_MS, rest)
}

function distantTimestamp(high: number, low: number): Date | number {
  if (high === INT32_MAX && low === 0xffffffff) return Infinity
  if (high === INT32_MIN && low === 0) return -Infinity
  const microseconds = (BigInt(high) << 32n) + BigInt(low)
  const rest = BigInt.asUintN(64, ((microseconds % 1000n) + 1000n) % 1000n)
  return timestampOf(Number((microseconds - rest) / 1000n) + POSTGRES_EPOCH_MS, Number(rest))
}

function timestampOf(milliseconds: number, rest: number): Date {
  if (milliseconds > MOST_DATE_MS || milliseconds < -MOST_DATE_MS) {
    throw new DataError(`the instant ${milliseconds} ms after 1970 is beyond the range of Date; read it as a string`)
  }
  return rest === 0 ? new Date(milliseconds) : new PgTimestamp(milliseconds, rest)
}

interface Instant {
  /** Days since 1970-01-01. */
  days: number
  /** Microseconds of that day in UTC; the zone may make it negative or more than a day. */
  microseconds: number
  /** Whether the text or object had an offset from UTC. */
  hasZone: boolean
}

function parseTimestamp(text: string): Instant | null {
  const match = TIMESTAMP.exec(text)
  if (match === null) return null
  const [, yearText = '', month, day, clock, era] = match
  const isExpanded = yearText.startsWith('+') || yearText.startsWith('-')
  const written = Number(yearText)
  if (!isExpanded && written === 0) return null
  const year = era === undefined ? written : 1 - written
  if ((era !== undefined && isExpanded) || !isDate(year, Number(month), Number(day))) return null
  const days = daysFromDate(year, Number(month), Number(day))
  const time = clock === undefined ? { microseconds: 0, offsetSeconds: null } : parseTime(clock)
  if (time === null) return null
  const microseconds = time.microseconds - (time.offsetSeconds ?? 0) * 1_000_000
  return { days, microseconds, hasZone: time.offsetSeconds !== null }
}

function encodeInstant(out: ByteWriter, milliseconds: number, microseconds: number, value: unknown): void {
  const fromEpoch = milliseconds - POSTGRES_EPOCH_MS
  if (fromEpoch < EXACT_MS && fromEpoch > -EXACT_MS) writeExact64(out, fromEpoch * 1000 + microseconds)
  else encodeDistant(out, BigInt(fromEpoch) * 1000n + BigInt(microseconds), value)
}

/** Writes an instant given as a day and microseconds. Milliseconds would not be exact for all years that the server takes. */
function encodeDayTime(out: ByteWriter, days: number, microseconds: number, value: unknown): void {
  const fromEpoch = days - POSTGRES_EPOCH_DAYS
  if (Math.abs(fromEpoch) < EXACT_DAYS) writeExact64(out, fromEpoch * DAY_MICROSECONDS + microseconds)
  else encodeDistant(out, BigInt(fromEpoch) * BigInt(DAY_MICROSECONDS) + BigInt(microseconds), value)
}

/** Writes an instant as a bigint. Refuses one beyond the server's range, where the server would read another instant. */
function encodeDistant(out: ByteWriter, fromEpoch: bigint, value: unknown): void {
  if (fromEpoch < LEAST_TIMESTAMP || fromEpoch >= END_TIMESTAMP) {
    throw new DataError(`${describeValue(value)} is out of range for timestamp (4714-11-24 BC to 294276-12-31)`)
  }
  out.int64(fromEpoch)
}

function encodeTimestamp(out: ByteWriter, value: unknown, typeName: string, wantsZone: boolean): void {
  if (isDateObject(value)) {
    const milliseconds = value.getTime()
    if (Number.isNaN(milliseconds)) throw expected('a valid date', typeName, value)
    return encodeInstant(out, milliseconds, value instanceof PgTimestamp ? value.microseconds : 0, value)
  }
  const infinity = infinityOf(value)
  if (infinity > 0) return void out.int32(INT32_MAX).uint32(0xffffffff)
  if (infinity < 0) return void out.int32(INT32_MIN).uint32(0)
  if (typeof value === 'string') {
    const instant = parseTimestamp(value)
    if (instant !== null && instant.hasZone === wantsZone) {
      return encodeDayTime(out, instant.days, instant.microseconds, value)
    }
    // The server reads the rest: 'tomorrow', other styles, and times without a zone, which are in the session's zone.
    if (instant !== null || !TIMESTAMP.test(value)) leaveToServer(value, typeName)
  } else if (wantsZone ? encodeEpochNanoseconds(out, value) : encodePlainDateTime(out, value)) {
    return
  }
  const what = wantsZone
    ? 'a Date or an ISO 8601 string with a UTC offset'
    : 'a Date or an ISO 8601 string without a zone'
  throw expected(what, typeName, value)
}

/** Writes a Temporal.Instant or Temporal.ZonedDateTime, recognised by their common field. */
function encodeEpochNanoseconds(out: ByteWriter, value: unknown): boolean {
  const nanoseconds = fieldsOf(value)?.epochNanoseconds
  if (typeof nanoseconds !== 'bigint') return false
  // Halves are rounded as the server does: up.
  let microseconds = nanoseconds / 1000n
  const rest = nanoseconds - microseconds * 1000n
  if (rest >= 500n) microseconds += 1n
  else if (rest < -500n) microseconds -= 1n
  encodeDistant(out, microseconds - BigInt(POSTGRES_EPOCH_MS) * 1000n, value)
  return true
}

function encodePlainDateTime(out: ByteWriter, value: unknown): boolean {
  const fields = fieldsOf(value)
  if (fields === null || fields.epochNanoseconds !== undefined) return false
  const days = daysOfFields(fields)
  const microseconds = microsecondsOfFields(fields)
  if (days === null || microseconds === null) return false
  encodeDayTime(out, days, microseconds, value)
  return true
}

function decodeTimestampText(text: string, typeName: string, wantsZone: boolean): Date | number {
  const infinity = infinityOf(text)
  if (infinity !== 0) return infinity * Infinity
  const instant = parseTimestamp(text)
  if (instant === null || instant.hasZone !== wantsZone) throw unreadable(typeName, text, 'DateStyle must be ISO')
  const milliseconds = Math.floor(instant.microseconds / 1000)
  return timestampOf(instant.days * DAY_MS + milliseconds, instant.microseconds - milliseconds * 1000)
}

export const timestamp: Codec<Date | number> = {
  name: 'timestamp',
  format: 1,
  encode(out, value) {
    encodeTimestamp(out, value, 'timestamp', false)
  },
  decode(input) {
    const high = input.int32()
    return timestampFromHalves(high, input.uint32())
  },
  decodeText(text) {
    return decodeTimestampText(text, 'timestamp', false)
  },
}

export const timestamptz: Codec<Date | number> = {
  name: 'timestamptz',
  format: 1,
  encode(out, value) {
    encodeTimestamp(out, value, 'timestamptz', true)
  },
  decode(input) {
    const high = input.int32()
    return timestampFromHalves(high, input.uint32())
  },
  decodeText(text) {
    return decodeTimestampText(text, 'timestamptz', true)
  },
}
