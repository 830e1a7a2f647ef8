/**
 * PEP 249's constructors, with its argument order: months count from 1, ticks are seconds since 1970. `Date` in this
 * file is PEP 249's; JavaScript's own is `globalThis.Date`.
 */
import { DataError } from '../src-async/errors/tree.ts'
import { isDate } from '../src-async/values/calendar.ts'
import { describeValue } from '../src-async/errors/describe-value.ts'
import { PgDate } from '../src-async/values/pg-date.ts'
import { PgTime } from '../src-async/values/pg-time.ts'
import { PgTimestamp } from '../src-async/values/pg-timestamp.ts'

/**
 * Makes a calendar date, for `date` columns.
 * @throws DataError when there is no such day.
 * @example db.Date(2002, 12, 25)
 */
export function Date(year: number, month: number, day: number): PgDate {
  return new PgDate(year, month, day)
}

/**
 * Makes a time of day, for `time` columns.
 * @throws DataError when there is no such time.
 * @example db.Time(10, 30)
 */
export function Time(hour: number, minute: number, second = 0, microsecond = 0): PgTime {
  return new PgTime(hour, minute, second, microsecond)
}

/**
 * Makes a date with a time of day, for `timestamp` columns: a `Date` with these fields in UTC, independent of the time
 * zone of this machine. A `timestamptz` column stores it as that instant.
 * @throws DataError when there is no such day or time.
 * @example db.Timestamp(2002, 12, 25, 10, 30)
 */
export function Timestamp(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
  microsecond = 0,
): globalThis.Date {
  if (!isDate(year, month, day)) throw new DataError(`there is no date with year ${year}, month ${month}, day ${day}`)
  const time = new PgTime(hour, minute, second, microsecond)
  const result = new globalThis.Date(0)
  // Date.UTC reads the years 0 to 99 as 1900 to 1999.
  result.setUTCFullYear(year, month - 1, day)
  result.setUTCHours(time.hour, time.minute, time.second, Math.floor(microsecond / 1000))
  return withMicroseconds(result.getTime(), microsecond % 1000)
}

/**
 * Makes the local calendar date at a number of seconds since 1970.
 * @throws DataError when it is no instant.
 * @example db.DateFromTicks(1040775300)
 */
export function DateFromTicks(ticks: number): PgDate {
  const local = instant(ticks, 'DateFromTicks')
  return new PgDate(local.getFullYear(), local.getMonth() + 1, local.getDate())
}

/**
 * Makes the local time of day, in whole seconds, at a number of seconds since 1970.
 * @throws DataError when it is no instant.
 * @example db.TimeFromTicks(1040775300)
 */
export function TimeFromTicks(ticks: number): PgTime {
  const local = instant(ticks, 'TimeFromTicks')
  return new PgTime(local.getHours(), local.getMinutes(), local.getSeconds())
}

/**
 * Makes the instant at a number of seconds since 1970, with microseconds.
 * @throws DataError when it is no instant.
 * @example db.TimestampFromTicks(1040775300.5)
 */
export function TimestampFromTicks(ticks: number): globalThis.Date {
  instant(ticks, 'TimestampFromTicks')
  const microseconds = Math.round(ticks * 1e6)
  const milliseconds = Math.floor(microseconds / 1000)
  return withMicroseconds(milliseconds, microseconds - milliseconds * 1000)
}

/**
 * Makes bytes, for `bytea` columns. Views and buffers are shared, not copied. A string is converted to UTF-8.
 * @throws DataError for other values, and for a string with half of a surrogate pair, which has no UTF-8 form.
 * @example con.execute('select %s::bytea', [db.Binary('some text')])
 */
export function Binary(value: string | ArrayBufferView | ArrayBufferLike): Buffer {
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      throw new DataError('Binary(): the string has half of a surrogate pair, which has no UTF-8')
    return Buffer.from(value, 'utf8')
  }
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value)
  throw new DataError(
    `Binary: expected a string, a typed array, a Buffer or an ArrayBuffer, got ${describeValue(value)}`,
  )
}

function withMicroseconds(milliseconds: number, microseconds: number): globalThis.Date {
  return microseconds === 0 ? new globalThis.Date(milliseconds) : new PgTimestamp(milliseconds, microseconds)
}

function instant(ticks: number, caller: string): globalThis.Date {
  const result = new globalThis.Date(typeof ticks === 'number' ? Math.floor(ticks * 1000) : Number.NaN)
  if (!Number.isNaN(result.getTime())) return result
  throw new DataError(`${caller}: expected seconds since 1970, got ${describeValue(ticks)}`)
}
