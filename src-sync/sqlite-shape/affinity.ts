/**
 * SQLite converts a bound value to the type of its column: '42' is found in an integer column, and 1 is true. Here a value is
 * sent unchanged first. When the driver refuses it for its parameter's type, before anything is sent, it is tried once more
 * with SQLite's conversion. Only conversions without loss are made.
 */
import { DataError } from '../index.ts'

const TO_POSTGRES = Symbol.for('syncpg.toPostgres')

const BOOL = 16
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26])
const NUMBERS: ReadonlySet<number> = new Set([700, 701, 1700])
const TEXTS: ReadonlySet<number> = new Set([18, 19, 25, 1042, 1043])
const INSTANT = 1184
const WHOLE = /^\s*[+-]?\d{1,100}\s*$/
const DECIMAL = /^\s*[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})(e[+-]?\d{1,4})?\s*$/i
const WITHOUT_ZONE = /^\s*\d{4}-\d\d-\d\d[ t]\d\d:\d\d(:\d\d(\.\d+)?)?\s*$/i

/** The index of the argument that does not fit its type, taken from the driver's error; null for any other error. */
export function unfitArgument(error: unknown): number | null {
  if (!(error instanceof DataError) || error.sqlstate !== null) return null
  const number = /^query argument \$(\d+): /.exec(error.primaryMessage)?.[1]
  return number === undefined ? null : Number(number) - 1
}

/**
 * Whether the value is a time as SQLite's `datetime()` writes it: in UTC and without a zone. The server would read it as a
 * time in the session's zone.
 */
export function isTimeInUtc(value: unknown): boolean {
  return typeof value === 'string' && WITHOUT_ZONE.test(value)
}

/** Wraps a value, and converts it to its parameter's type where SQLite would. */
export class AffineValue {
  readonly #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  [TO_POSTGRES](typeOid: number): unknown {
    return converted(this.#value, typeOid)
  }
}

function converted(value: unknown, typeOid: number): unknown {
  switch (typeof value) {
    case 'string':
      if (INTEGERS.has(typeOid) && WHOLE.test(value)) return BigInt(value.trim().replace(/^\+/, ''))
      if (NUMBERS.has(typeOid) && DECIMAL.test(value)) return typeOid === 1700 ? value.trim() : Number(value)
      if (typeOid === BOOL) return BOOLEANS.get(value) ?? value
      // SQLite's datetime() writes UTC.
      return typeOid === INSTANT && WITHOUT_ZONE.test(value) ? `${value.trim()}Z` : value
    case 'number':
    case 'bigint':
      if (typeOid === BOOL && (Number(value) === 0 || Number(value) === 1)) return Number(value) === 1
      return TEXTS.has(typeOid) ? String(value) : value
    case 'boolean':
      return INTEGERS.has(typeOid) || NUMBERS.has(typeOid) ? Number(value) : value
    default:
      return value
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['0', false],
  ['1', true],
])
