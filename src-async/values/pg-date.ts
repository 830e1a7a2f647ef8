/**
 * A calendar date: what a `date` column holds. A date is not an instant, so it is not a `Date`, which would be another
 * day in half the world's time zones.
 */
import { DataError } from '../errors/tree.ts'
import {
  daysFromDate,
  dateFromDays,
  dateText,
  eraText,
  isDate,
  requireTemporal,
  type TemporalNamespace,
} from './calendar.ts'
import { printAsText } from './print-as-text.ts'

/** A `date`: a day of the calendar, without a time and without a time zone. */
export class PgDate {
  static {
    printAsText(this)
  }

  // A class that mentions itself is renamed by bundlers, and the name is what users see.
  static readonly name: string = 'PgDate'

  /** Astronomical: 0 is 1 BC, -43 is 44 BC. */
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** From 1. */
  readonly day: number

  /** @throws DataError when there is no such day. */
  constructor(year: number, month: number, day: number) {
    if (!isDate(year, month, day)) throw new DataError(`there is no date with year ${year}, month ${month}, day ${day}`)
    this.year = year
    this.month = month
    this.day = day
  }

  /** The date a number of days after 1970-01-01. */
  static fromDays(days: number): PgDate {
    const { year, month, day } = dateFromDays(days)
    return new PgDate(year, month, day)
  }

  /** Reads `2002-12-25` and `0044-03-15 BC`. @throws DataError for anything else. */
  static parse(text: string): PgDate {
    const match = /^\s*(\d{4,7})-(\d{1,2})-(\d{1,2})( BC)?\s*$/.exec(text)
    if (match === null) throw new DataError(`expected a date as YYYY-MM-DD, got ${JSON.stringify(text.slice(0, 40))}`)
    const year = Number(match[1])
    if (year === 0) throw new DataError('there is no year 0000; the year before 1 AD is 1 BC')
    return new PgDate(match[4] === undefined ? year : 1 - year, Number(match[2]), Number(match[3]))
  }

  /** `2002-12-25`, or `0044-03-15 BC`: what the server prints and reads. */
  toString(): string {
    return dateText(this) + eraText(this)
  }

  toJSON(): string {
    return this.toString()
  }

  /** Days since 1970-01-01, so that `<` and `-` work. */
  valueOf(): number {
    return daysFromDate(this.year, this.month, this.day)
  }

  /** Midnight UTC of the day. */
  toDate(): Date {
    return new Date(this.valueOf() * 86_400_000)
  }

  /**
   * A `Temporal.PlainDate`.
   * @param temporal a polyfill's namespace; the global one unless given.
   * @throws NotSupportedError where there is no Temporal.
   */
  toTemporal(temporal: TemporalNamespace = requireTemporal()): unknown {
    return temporal.PlainDate.from({ year: this.year, month: this.month, day: this.day })
  }
}
