/** Turns a program's values into text or bytes, as pg does. The server reads them as the type of the parameter. */
import { isDate } from 'node:util/types'
import { defaults } from './defaults.ts'

/** A value in the form in which it is sent. */
export type Prepared = string | Buffer | null

interface ToPostgres {
  toPostgres(prepare: (value: unknown) => Prepared): unknown
}

/** @throws Error for an object whose `toPostgres` returns the object again, and the errors of JSON.stringify. */
export function prepareValue(value: unknown): Prepared {
  return prepared(value, [])
}

function prepared(value: unknown, seen: unknown[]): Prepared {
  if (value === null || value === undefined) return null
  // Symbols and functions are sent as their text, as in pg; the server decides about it.
  if (typeof value !== 'object') return (value as { toString(): string }).toString()
  if (Buffer.isBuffer(value)) return value
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (isDate(value)) return defaults.parseInputDatesAsUTC ? dateInUtc(value) : dateInZone(value)
  if (Array.isArray(value)) return arrayText(value)
  return objectText(value, seen)
}

function objectText(value: object, seen: unknown[]): Prepared {
  const { toPostgres } = value as Partial<ToPostgres>
  if (typeof toPostgres !== 'function') return JSON.stringify(value)
  if (seen.includes(value)) throw new Error(`circular reference detected while preparing "${String(value)}" for query`)
  return prepared(toPostgres.call(value, prepareValue), [...seen, value])
}

/** An array literal. The comma is the separator of all types but box. */
function arrayText(values: readonly unknown[]): string {
  return `{${values.map((value) => elementText(value)).join(',')}}`
}

function elementText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (Array.isArray(value)) return arrayText(value)
  if (ArrayBuffer.isView(value)) {
    return `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  const text = prepareValue(value)
  if (text === null) return 'NULL'
  return `"${text.toString().replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`
}

const two = (number: number): string => String(number).padStart(2, '0')

/** In the zone of the machine, with its offset: `2020-01-02T03:04:05.678+01:00`. */
function dateInZone(date: Date): string {
  const offset = -date.getTimezoneOffset()
  const { year, era } = yearText(date.getFullYear())
  const day = `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  const zone = Math.abs(offset)
  const sign = offset < 0 ? '-' : '+'
  return `${day}T${time}.${milliseconds(date)}${sign}${two(Math.floor(zone / 60))}:${two(zone % 60)}${era}`
}

function dateInUtc(date: Date): string {
  const { year, era } = yearText(date.getUTCFullYear())
  const day = `${year}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return `${day}T${time}.${milliseconds(date)}+00:00${era}`
}

function milliseconds(date: Date): string {
  return String(date.getMilliseconds()).padStart(3, '0')
}

/** The year 0 of JavaScript is the year 1 BC of the server. */
function yearText(year: number): { year: string; era: string } {
  const isBefore = year < 1
  return { year: String(isBefore ? Math.abs(year) + 1 : year).padStart(4, '0'), era: isBefore ? ' BC' : '' }
}
