/**
 * The proleptic Gregorian calendar in whole days, without `Date` and its limits: PostgreSQL's dates run from 4713 BC to
 * 5874897 AD. Years are astronomical: year 0 is 1 BC. Day 0 is 1970-01-01.
 */
import { NotSupportedError } from '../errors/tree.ts'

/** Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch. */
export const POSTGRES_EPOCH_DAYS = 10957
/** Milliseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch. */
export const POSTGRES_EPOCH_MS = 946684800000

const DAYS_OF_400_YEARS = 146097

/** The day number of a valid date. */
export function daysFromDate(year: number, month: number, day: number): number {
  // Count years from March, so that the leap day is the last day of its year.
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_OF_400_YEARS + dayOfEra - 719468
}

export interface CalendarDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** The date of a day number. */
export function dateFromDays(days: number): CalendarDate {
  const shifted = days + 719468
  const era = Math.floor(shifted / DAYS_OF_400_YEARS)
  const dayOfEra = shifted - era * DAYS_OF_400_YEARS
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

export function daysInMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0)
}

/** Whether the three numbers are a valid date. */
export function isDate(year: number, month: number, day: number): boolean {
  if (!Number.isSafeInteger(year) || !Number.isInteger(month) || !Number.isInteger(day)) return false
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)
}

/** `2002-12-25`, `0044-03-15` of a date BC: the date without its era, because a time may come between the two. */
export function dateText(date: CalendarDate): string {
  const year = date.year > 0 ? date.year : 1 - date.year
  return `${String(year).padStart(4, '0')}-${twoDigits(date.month)}-${twoDigits(date.day)}`
}

export function eraText(date: CalendarDate): string {
  return date.year > 0 ? '' : ' BC'
}

export function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** `04:05:06.789` from microseconds of a day, as the server prints it. */
export function timeText(hour: number, minute: number, second: number, microsecond: number): string {
  const whole = `${twoDigits(hour)}:${twoDigits(minute)}:${twoDigits(second)}`
  return microsecond === 0 ? whole : `${whole}.${String(microsecond).padStart(6, '0').replace(/0+$/, '')}`
}

/** Microseconds from the digits after a decimal point; further digits than six are rounded. May return 1,000,000. */
export function microsecondsOfFraction(digits: string | undefined): number {
  if (digits === undefined || digits === '') return 0
  if (digits.length <= 6) return Number(digits.padEnd(6, '0'))
  return Math.round(Number(`${digits.slice(0, 6)}.${digits.slice(6)}`))
}

export interface TemporalNamespace {
  readonly PlainDate: { from(item: object): unknown }
  readonly PlainTime: { from(item: object): unknown }
  readonly PlainDateTime: { from(item: object): unknown }
  readonly Instant: { fromEpochNanoseconds(nanoseconds: bigint): unknown }
  readonly Duration: { from(item: object): unknown }
}

/** The global `Temporal`. @throws NotSupportedError when there is none. */
export function requireTemporal(): TemporalNamespace {
  const temporal = (globalThis as { Temporal?: TemporalNamespace }).Temporal
  if (temporal === undefined) {
    throw new NotSupportedError('toTemporal(): this runtime has no global Temporal; load a polyfill first')
  }
  return temporal
}
