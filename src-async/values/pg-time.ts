/**
 * Times of day, the values of `time` and `timetz` columns. They can be 24:00:00, as in PostgreSQL.
 */
import { DataError } from '../errors/tree.ts'
import { microsecondsOfFraction, requireTemporal, type TemporalNamespace, timeText, twoDigits } from './calendar.ts'
import { printAsText } from './print-as-text.ts'

/** Microseconds in a day. */
export const DAY_MICROSECONDS = 86_400_000_000
/** PostgreSQL's UTC offsets are at most 15:59:59. */
const MOST_OFFSET_SECONDS = 57_599

const TIME =
  /^\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?\s*(?:(z)|([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?)?\s*$/i

export interface TimeParts {
  readonly microseconds: number
  /** Seconds east of UTC; null when the text has no zone. */
  readonly offsetSeconds: number | null
}

/** Reads `hh:mm[:ss[.ffffff]]` with or without a UTC offset, up to 24:00:00; null for other text. */
export function parseTime(text: string): TimeParts | null {
  const match = TIME.exec(text)
  if (match === null) return null
  const [, hour, minute, second = '0', fraction, zulu, sign, zoneHour = '0', zoneMinute = '0', zoneSecond = '0'] = match
  if (Number(minute) > 59 || Number(second) > 60 || Number(zoneMinute) > 59 || Number(zoneSecond) > 59) return null
  const whole = (Number(hour) * 60 + Number(minute)) * 60 + Number(second)
  const microseconds = whole * 1_000_000 + microsecondsOfFraction(fraction)
  if (microseconds > DAY_MICROSECONDS) return null
  if (zulu !== undefined) return { microseconds, offsetSeconds: 0 }
  if (sign === undefined) return { microseconds, offsetSeconds: null }
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60 + Number(zoneSecond)
  if (offset > MOST_OFFSET_SECONDS) return null
  return { microseconds, offsetSeconds: sign === '-' ? -offset : offset }
}

/** `+02`, `+05:30`, `-00:44:30`: a UTC offset as the server prints it. */
export function offsetText(offsetSeconds: number): string {
  const size = Math.abs(offsetSeconds)
  const hours = `${offsetSeconds < 0 ? '-' : '+'}${twoDigits(Math.floor(size / 3600))}`
  const minutes = Math.floor(size / 60) % 60
  const seconds = size % 60
  if (seconds !== 0) return `${hours}:${twoDigits(minutes)}:${twoDigits(seconds)}`
  return minutes === 0 ? hours : `${hours}:${twoDigits(minutes)}`
}

function isField(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most
}

/** A time of day without a zone. */
export class PgTime {
  static {
    printAsText(this)
  }

  // Bundlers rename a class that refers to itself, and users see the name.
  static readonly name: string = 'PgTime'

  /** 0 to 24; 24 only as 24:00:00. */
  readonly hour: number
  /** From 0 to 59. */
  readonly minute: number
  /** From 0 to 59. */
  readonly second: number
  /** 0 to 999,999. */
  readonly microsecond: number

  /**
   * @throws DataError when the time does not exist.
   * @example con.fetchval('select %s::time', [new PgTime(4, 5, 6)]) // 04:05:06
   */
  constructor(hour: number, minute: number, second = 0, microsecond = 0) {
    const fits = isField(hour, 24) && isField(minute, 59) && isField(second, 59) && isField(microsecond, 999_999)
    if (!fits || (hour === 24 && minute + second + microsecond > 0)) {
      throw new DataError(`there is no time ${hour}:${minute}:${second} and ${microsecond} microseconds`)
    }
    this.hour = hour
    this.minute = minute
    this.second = second
    this.microsecond = microsecond
  }

  /**
   * The time that is `microseconds` microseconds after midnight.
   * @example PgTime.fromMicroseconds(3_600_000_000).toString() // '01:00:00'
   */
  static fromMicroseconds(microseconds: number): PgTime {
    const [hour, minute, second, rest] = splitDay(microseconds)
    return new PgTime(hour, minute, second, rest)
  }

  /**
   * Microseconds since midnight, so that `<` and `-` work on times.
   * @example new PgTime(9, 30) < new PgTime(10, 0) // true
   */
  valueOf(): number {
    return ((this.hour * 60 + this.minute) * 60 + this.second) * 1_000_000 + this.microsecond
  }

  /**
   * `04:05:06.789`: the form that the server prints and reads.
   * @example String(new PgTime(4, 5, 6, 789_000)) // '04:05:06.789'
   */
  toString(): string {
    return timeText(this.hour, this.minute, this.second, this.microsecond)
  }

  /** @example JSON.stringify([new PgTime(4, 5)]) // '["04:05:00"]' */
  toJSON(): string {
    return this.toString()
  }

  /**
   * The time as a `Temporal.PlainTime`.
   * @param temporal a polyfill's namespace. Default: the global `Temporal`.
   * @throws NotSupportedError when there is no Temporal, DataError for 24:00:00.
   * @example
   *   import { Temporal } from 'temporal-polyfill'
   *   new PgTime(4, 5, 6).toTemporal(Temporal) // a Temporal.PlainTime
   */
  toTemporal(temporal: TemporalNamespace = requireTemporal()): unknown {
    if (this.hour === 24) throw new DataError('24:00:00 has no Temporal.PlainTime')
    const { hour, minute, second } = this
    const millisecond = Math.floor(this.microsecond / 1000)
    return temporal.PlainTime.from({ hour, minute, second, millisecond, microsecond: this.microsecond % 1000 })
  }
}

function splitDay(microseconds: number): [number, number, number, number] {
  const seconds = Math.floor(microseconds / 1_000_000)
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60, microseconds % 1_000_000]
}

/** A time of day with its UTC offset. */
export class PgTimeTz extends PgTime {
  // Bundlers rename a class that refers to itself, and users see the name.
  static override readonly name: string = 'PgTimeTz'

  /** Seconds east of UTC. */
  readonly offsetSeconds: number

  /**
   * @throws DataError when the time or the offset does not exist.
   * @example con.fetchval('select %s::timetz', [new PgTimeTz(4, 5, 6, 0, 7200)]) // 04:05:06+02
   */
  constructor(hour: number, minute: number, second = 0, microsecond = 0, offsetSeconds = 0) {
    super(hour, minute, second, microsecond)
    if (!isField(Math.abs(offsetSeconds), MOST_OFFSET_SECONDS)) {
      throw new DataError(`there is no UTC offset of ${offsetSeconds} seconds; they end at ±${MOST_OFFSET_SECONDS}`)
    }
    // -0 would make two equal times differ.
    this.offsetSeconds = offsetSeconds + 0
  }

  /**
   * The time that is `microseconds` microseconds after midnight, at an offset from UTC.
   * @example PgTimeTz.fromMicroseconds(3_600_000_000, 7200).toString() // '01:00:00+02'
   */
  static override fromMicroseconds(microseconds: number, offsetSeconds = 0): PgTimeTz {
    const [hour, minute, second, rest] = splitDay(microseconds)
    return new PgTimeTz(hour, minute, second, rest, offsetSeconds)
  }

  /**
   * Microseconds since midnight UTC. The server orders by this, too.
   * @example new PgTimeTz(2, 0, 0, 0, 7200).valueOf() // 0
   */
  override valueOf(): number {
    return super.valueOf() - this.offsetSeconds * 1_000_000
  }

  /**
   * `04:05:06.789+02`: the form that the server prints and reads.
   * @example String(new PgTimeTz(4, 5, 6, 0, 7200)) // '04:05:06+02'
   */
  override toString(): string {
    return super.toString() + offsetText(this.offsetSeconds)
  }
}
