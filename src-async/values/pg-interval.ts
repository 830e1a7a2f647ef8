/**
 * An `interval` has three parts that cannot be converted into each other: months, days and microseconds. The server
 * stores the same parts. A conversion to a single number would lose information.
 */
import { DataError } from '../errors/tree.ts'
import { microsecondsOfFraction, requireTemporal, type TemporalNamespace, twoDigits } from './calendar.ts'
import { printAsText } from './print-as-text.ts'

const MICROSECONDS: Readonly<Record<string, bigint>> = {
  hour: 3_600_000_000n,
  min: 60_000_000n,
  sec: 1_000_000n,
  msec: 1000n,
  usec: 1n,
}
const MONTHS: Readonly<Record<string, number>> = { mon: 1, year: 12, decade: 120, century: 1200, millennium: 12000 }
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 }
const UNIT_NAMES: Readonly<Record<string, string>> = {
  years: 'year',
  y: 'year',
  yr: 'year',
  yrs: 'year',
  months: 'mon',
  month: 'mon',
  mons: 'mon',
  weeks: 'week',
  w: 'week',
  days: 'day',
  d: 'day',
  hours: 'hour',
  hr: 'hour',
  hrs: 'hour',
  h: 'hour',
  minutes: 'min',
  minute: 'min',
  mins: 'min',
  m: 'min',
  seconds: 'sec',
  second: 'sec',
  secs: 'sec',
  s: 'sec',
  milliseconds: 'msec',
  millisecond: 'msec',
  ms: 'msec',
  msecs: 'msec',
  microseconds: 'usec',
  microsecond: 'usec',
  us: 'usec',
  usecs: 'usec',
  decades: 'decade',
  centuries: 'century',
  cent: 'century',
  millenniums: 'millennium',
  mils: 'millennium',
}
const TOKEN = /\s*(?:([+-]?)(\d+):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(?=\s|$)|([+-]?)(\d*)(?:\.(\d*))?\s*([a-z]+))/giy
const ISO = /^\s*P(?=.)([^T]*)(?:T(.+))?$/i
const ISO_PART = /([+-]?)(\d*)(?:[.,](\d*))?([YMWDHS])/giy

/** An interval as PostgreSQL stores it: months, days and microseconds. No part is converted into another. */
export class PgInterval {
  static {
    printAsText(this)
  }

  // Bundlers rename a class that refers to itself, and users see the name.
  static readonly name: string = 'PgInterval'

  /** Months. A year counts as 12. */
  readonly months: number
  /** Days. */
  readonly days: number
  /** The rest, as a bigint. */
  readonly microseconds: bigint

  /**
   * @throws DataError when a part is not an integer, or does not fit the server's 32, 32 and 64 bits.
   * @example con.fetchval("select date '2024-01-31' + %s::interval", [new PgInterval(1, 0, 0)]) // a Date, the 29th of February
   */
  constructor(months: number, days: number, microseconds: bigint | number) {
    const fits = isInt32(months) && isInt32(days)
    if (!fits || (typeof microseconds === 'number' && !Number.isSafeInteger(microseconds))) {
      throw new DataError(`no interval has ${months} months, ${days} days and ${microseconds} microseconds`)
    }
    const exact = BigInt(microseconds)
    if (exact !== BigInt.asIntN(64, exact)) throw new DataError(`${exact} microseconds do not fit an interval`)
    this.months = months + 0
    this.days = days + 0
    this.microseconds = exact
  }

  /**
   * Reads the server's output (styles postgres, postgres_verbose, iso_8601) and ISO 8601.
   * @throws DataError
   * @example PgInterval.parse('1 day 02:00').days // 1
   */
  static parse(text: string): PgInterval {
    const iso = ISO.exec(text)
    const parts = iso === null ? parseWords(text) : parseIso(iso[1] ?? '', iso[2])
    if (parts === null) throw new DataError(`expected an interval, got ${JSON.stringify(text.slice(0, 40))}`)
    return new PgInterval(parts.months, parts.days, parts.microseconds)
  }

  /**
   * `1 year 2 mons 3 days 04:05:06.789`: the form that the server prints in its default style.
   * @example String(new PgInterval(14, 3, 4_000_000)) // '1 year 2 mons 3 days 00:00:04'
   */
  toString(): string {
    const words: string[] = []
    const years = Math.trunc(this.months / 12)
    const months = this.months % 12
    let isAfterNegative = false
    for (const [count, unit] of [
      [years, 'year'],
      [months, 'mon'],
      [this.days, 'day'],
    ] as const) {
      if (count === 0) continue
      words.push(`${isAfterNegative && count > 0 ? '+' : ''}${count} ${unit}${count === 1 ? '' : 's'}`)
      isAfterNegative = count < 0
    }
    if (this.microseconds !== 0n || words.length === 0) {
      const sign = this.microseconds < 0n ? '-' : isAfterNegative ? '+' : ''
      words.push(sign + clockText(this.microseconds))
    }
    return words.join(' ')
  }

  /**
   * `P1Y2M3DT4H5M6.789S`.
   * @example new PgInterval(14, 3, 4_000_000).toISOString() // 'P1Y2M3DT4S'
   */
  toISOString(): string {
    const years = Math.trunc(this.months / 12)
    const date = isoPart(years, 'Y') + isoPart(this.months % 12, 'M') + isoPart(this.days, 'D')
    const size = this.microseconds < 0n ? -this.microseconds : this.microseconds
    const sign = this.microseconds < 0n ? '-' : ''
    const hours = size / 3_600_000_000n
    const minutes = (size / 60_000_000n) % 60n
    const seconds = (size / 1_000_000n) % 60n
    const fraction = fractionText(size % 1_000_000n)
    const hasSeconds = seconds !== 0n || fraction !== ''
    const time =
      (hours === 0n ? '' : `${sign}${hours}H`) +
      (minutes === 0n ? '' : `${sign}${minutes}M`) +
      (hasSeconds ? `${sign}${seconds}${fraction}S` : '')
    if (date === '' && time === '') return 'PT0S'
    return `P${date}${time === '' ? '' : `T${time}`}`
  }

  /** @example JSON.stringify([new PgInterval(0, 1, 0)]) // '["1 day"]' */
  toJSON(): string {
    return this.toString()
  }

  /**
   * Microseconds, with months of 30 days and days of 24 hours; the server orders intervals by it. A bigint is exact.
   * @example new PgInterval(1, 0, 0) > new PgInterval(0, 29, 0) // true
   */
  valueOf(): bigint {
    return (BigInt(this.months) * 30n + BigInt(this.days)) * 86_400_000_000n + this.microseconds
  }

  /**
   * The interval as a `Temporal.Duration`.
   * @param temporal a polyfill's namespace. Default: the global `Temporal`.
   * @throws NotSupportedError when there is no Temporal; Temporal's RangeError for parts of mixed signs.
   * @example
   *   import { Temporal } from 'temporal-polyfill'
   *   new PgInterval(14, 3, 4_000_000).toTemporal(Temporal) // a Temporal.Duration
   */
  toTemporal(temporal: TemporalNamespace = requireTemporal()): unknown {
    const hours = this.microseconds / 3_600_000_000n
    const rest = Number(this.microseconds % 3_600_000_000n)
    return temporal.Duration.from({
      years: Math.trunc(this.months / 12),
      months: this.months % 12,
      days: this.days,
      hours: Number(hours),
      minutes: Math.trunc(rest / 60_000_000),
      seconds: Math.trunc(rest / 1_000_000) % 60,
      milliseconds: Math.trunc(rest / 1000) % 1000,
      microseconds: rest % 1000,
    })
  }
}

interface Parts {
  months: number
  days: number
  microseconds: bigint
}

function isInt32(value: number): boolean {
  return Number.isInteger(value) && value >= -2147483648 && value <= 2147483647
}

function fractionText(microseconds: bigint): string {
  return microseconds === 0n ? '' : `.${String(microseconds).padStart(6, '0').replace(/0+$/, '')}`
}

function clockText(microseconds: bigint): string {
  const size = microseconds < 0n ? -microseconds : microseconds
  const hours = String(size / 3_600_000_000n).padStart(2, '0')
  const minutes = twoDigits(Number((size / 60_000_000n) % 60n))
  const seconds = twoDigits(Number((size / 1_000_000n) % 60n))
  return `${hours}:${minutes}:${seconds}${fractionText(size % 1_000_000n)}`
}

function isoPart(count: number, unit: string): string {
  return count === 0 ? '' : `${count}${unit}`
}

/** Adds a count of a unit. @returns false for an unknown unit, or a fraction that the server would spread over other parts. */
function addPart(parts: Parts, sign: string, whole: string, fraction: string | undefined, unit: string): boolean {
  if (whole === '' && (fraction === undefined || fraction === '')) return false
  const hasFraction = fraction !== undefined && /[1-9]/.test(fraction)
  const scale = MICROSECONDS[unit]
  if (scale !== undefined) {
    let amount = BigInt(whole === '' ? '0' : whole) * scale
    if (hasFraction) amount += (BigInt(microsecondsOfFraction(fraction)) * scale) / 1_000_000n
    parts.microseconds += sign === '-' ? -amount : amount
    return true
  }
  if (hasFraction) return false
  const count = sign === '-' ? -Number(whole) : Number(whole)
  if (MONTHS[unit] !== undefined) parts.months += count * MONTHS[unit]
  else if (DAYS[unit] !== undefined) parts.days += count * DAYS[unit]
  else return false
  return true
}

function parseWords(text: string): Parts | null {
  const parts: Parts = { months: 0, days: 0, microseconds: 0n }
  let body = text.trim().replace(/^@\s*/, '')
  const isAgo = /\s+ago$/i.test(body)
  if (isAgo) body = body.replace(/\s+ago$/i, '')
  // `postgres_verbose` prints a zero interval as "@ 0".
  if (body === '0') return parts
  if (body === '') return null
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < body.length) {
    const match = TOKEN.exec(body)
    if (match === null) return null
    if (match[3] !== undefined) {
      const [, sign, hours = '0', minutes, seconds = '0', fraction] = match
      const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)
      const amount = whole * 1_000_000n + BigInt(microsecondsOfFraction(fraction))
      parts.microseconds += sign === '-' ? -amount : amount
    } else {
      const [, , , , , , sign = '', whole = '', fraction, word = ''] = match
      const unit = UNIT_NAMES[word.toLowerCase()] ?? word.toLowerCase()
      if (!addPart(parts, sign, whole, fraction, unit)) return null
    }
  }
  if (!isAgo) return parts
  return { months: -parts.months, days: -parts.days, microseconds: -parts.microseconds }
}

const ISO_DATE_UNITS: Readonly<Record<string, string>> = { Y: 'year', M: 'mon', W: 'week', D: 'day' }
const ISO_TIME_UNITS: Readonly<Record<string, string>> = { H: 'hour', M: 'min', S: 'sec' }

function parseIso(date: string, time: string | undefined): Parts | null {
  const parts: Parts = { months: 0, days: 0, microseconds: 0n }
  const isRead = addIsoParts(parts, date, ISO_DATE_UNITS) && addIsoParts(parts, time?.trimEnd() ?? '', ISO_TIME_UNITS)
  return isRead ? parts : null
}

function addIsoParts(parts: Parts, text: string, units: Readonly<Record<string, string>>): boolean {
  const body = text.trimEnd()
  ISO_PART.lastIndex = 0
  while (ISO_PART.lastIndex < body.length) {
    const match = ISO_PART.exec(body)
    if (match === null) return false
    const unit = units[(match[4] ?? '').toUpperCase()]
    if (unit === undefined || !addPart(parts, match[1] ?? '', match[2] ?? '', match[3], unit)) return false
  }
  return true
}
