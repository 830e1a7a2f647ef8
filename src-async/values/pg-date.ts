/**
 * A calendar date, the value of a `date` column. It is not a `Date`, because that is an instant, which is a different day in
 * half of the world's time zones.
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

  // Bundlers rename a class that refers to itself, and users see the name.
  static readonly name: string = 'PgDate'

  /** The astronomical year: 0 is 1 BC, -43 is 44 BC. */
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** From 1. */
  readonly day: number

  /**
   * @throws DataError when the date does not exist.
   * @example con.fetchval('select %s::date + 1', [new PgDate(2024, 1, 2)]) // 2024-01-03
   */
  constructor(year: number, month: number, day: number) {
    if (!isDate(year, month, day)) throw new DataError(`there is no date with year ${year}, month ${month}, day ${day}`)
    this.year = year
    this.month = month
    this.day = day
  }

  /**
   * The date that is `days` days after 1970-01-01.
   * @example PgDate.fromDays(1).toString() // '1970-01-02'
   */
  static fromDays(days: number): PgDate {
    const { year, month, day } = dateFromDays(days)
    return new PgDate(year, month, day)
  }

  /**
   * Reads `2002-12-25` and `0044-03-15 BC`.
   * @throws DataError for other text.
   * @example PgDate.parse('2024-01-02').month // 1
   */
  static parse(text: string): PgDate {
    const match = /^\s*(\d{4,7})-(\d{1,2})-(\d{1,2})( BC)?\s*$/.exec(text)
    if (match === null) throw new DataError(`expected a date as YYYY-MM-DD, got ${JSON.stringify(text.slice(0, 40))}`)
    const year = Number(match[1])
    if (year === 0) throw new DataError('there is no year 0000; the year before 1 AD is 1 BC')
    return new PgDate(match[4] === undefined ? year : 1 - year, Number(match[2]), Number(match[3]))
  }

  /**
   * `2002-12-25`, or `0044-03-15 BC`: the form that the server prints and reads.
   * @example String(new PgDate(2024, 1, 2)) // '2024-01-02'
   */
  toString(): string {
    return dateText(this) + eraText(this)
  }

  /** @example JSON.stringify({ day: new PgDate(2024, 1, 2) }) // '{"day":"2024-01-02"}' */
  toJSON(): string {
    return this.toString()
  }

  /**
   * Days since 1970-01-01, so that `<` and `-` work on dates.
   * @example new PgDate(2024, 3, 1) - new PgDate(2024, 2, 1) // 29
   */
  valueOf(): number {
    return daysFromDate(this.year, this.month, this.day)
  }

  /**
   * Midnight UTC of the day.
   * @example new PgDate(2024, 1, 2).toDate().toISOString() // '2024-01-02T00:00:00.000Z'
   */
  toDate(): Date {
    return new Date(this.valueOf() * 86_400_000)
  }

  /**
   * The date as a `Temporal.PlainDate`.
   * @param temporal a polyfill's namespace. Default: the global `Temporal`.
   * @throws NotSupportedError when there is no Temporal.
   * @example
   *   import { Temporal } from 'temporal-polyfill'
   *   new PgDate(2024, 1, 2).toTemporal(Temporal) // a Temporal.PlainDate
   */
  toTemporal(temporal: TemporalNamespace = requireTemporal()): unknown {
    return temporal.PlainDate.from({ year: this.year, month: this.month, day: this.day })
  }
}
