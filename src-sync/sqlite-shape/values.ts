/**
 * The values a SQLite program knows: null, numbers, strings and bytes. PostgreSQL's are brought to these on the way out:
 * by the types the connection is opened with, as far as the type decides, and here, as far as the statement does.
 */
import { type ConnectOptions, ProgrammingError } from '../index.ts'

/** What comes out; bigint only where `setReadBigInts` asks for it, arrays only where a column is one. */
export type SqliteValue = null | number | bigint | string | Uint8Array | readonly SqliteValue[]

/** What goes in. SQLite takes the first five; the others are PostgreSQL's, for statements that grow beyond SQLite. */
export type SqliteParameter =
  | null
  | number
  | bigint
  | string
  | NodeJS.ArrayBufferView
  | boolean
  | Date
  | readonly unknown[]

/** By name, with the marker's prefix or without. */
export interface NamedParameters {
  readonly [name: string]: SqliteParameter
}

/** How a statement wants its rows. */
export interface Reading {
  readonly shape: 'object' | 'array' | 'first'
  /** Integers as bigint, all of them, instead of as numbers. */
  readonly asBigInts: boolean
  /** Objects that refuse a property whose name differs from a column's in case only. */
  readonly isChecked?: boolean
}

interface ResultColumn {
  readonly name: string
  readonly typeOid: number
}

const INTEGER_OIDS: ReadonlySet<number> = new Set([20, 21, 23, 26])

const same = (text: string): string => text
const INTEGER = /^-?\d+$/
const UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/
const ZONED = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d)(?::?(\d\d))?$/

/**
 * The connection's `types`: text out where a SQLite program has text. JSON stays the text it is, in both directions,
 * because such a program does its own `JSON.parse`.
 */
export const SQLITE_TYPES: NonNullable<ConnectOptions['types']> = {
  numeric: numberOfNumeric,
  json: 'string',
  jsonb: 'string',
  timestamptz: isoOfTimestamptz,
  timestamp: same,
  date: same,
  time: same,
  timetz: same,
  interval: same,
}

/** Whole ones as bigint, so that what is too big for a number is noticed; others as SQLite's REAL, the nearest double. */
export function numberOfNumeric(text: string): number | bigint {
  return INTEGER.test(text) ? BigInt(text) : Number(text)
}

/** An instant as `Date.prototype.toISOString` writes it, with microseconds where it has them; the server's text else. */
export function isoOfTimestamptz(text: string): string {
  const utc = UTC.exec(text)
  if (utc !== null) return `${utc[1]}T${utc[2]}.${fraction(utc[3])}Z`
  const zoned = ZONED.exec(text)
  if (zoned === null) return text
  const instant = new globalThis.Date(`${zoned[1]}T${zoned[2]}${zoned[4]}:${zoned[5] ?? '00'}`).toISOString()
  return `${instant.slice(0, 19)}.${fraction(zoned[3])}Z`
}

function fraction(digits = ''): string {
  return digits.length > 3 ? digits.padEnd(6, '0') : digits.padEnd(3, '0')
}

/** Makes rows as a statement wants them: the `rowFactory` of its calls. */
export function rowMaker({
  shape,
  asBigInts,
  isChecked = false,
}: Reading): (columns: readonly ResultColumn[]) => (values: unknown[]) => unknown {
  if (isChecked && shape === 'object') {
    const plain = rowMaker({ shape, asBigInts })
    return (columns) => {
      const make = plain(columns)
      return (values) => new Proxy(make(values) as object, CASE_GUARD)
    }
  }
  return (columns) => {
    const read = asBigInts ? columns.map(bigIntReader) : columns.map(() => readValue)
    if (shape === 'first') return (values) => read[0]?.(values[0])
    if (shape === 'array') return (values) => values.map((value, position) => read[position]!(value))
    const names = columns.map((column) => column.name)
    // Entries define properties, so that a column may be called `__proto__`; assignment is faster and right otherwise.
    if (names.includes('__proto__')) {
      return (values) => Object.fromEntries(names.map((name, position) => [name, read[position]!(values[position])]))
    }
    return (values) => {
      const row: { [name: string]: unknown } = {}
      for (let position = 0; position < names.length; position++) {
        row[names[position]!] = read[position]!(values[position])
      }
      return row
    }
  }
}

/** The row of `names: 'checked'`. */
const CASE_GUARD: ProxyHandler<object> = {
  get(row, property) {
    if (typeof property === 'string' && !(property in row)) {
      const lower = property.toLowerCase()
      const column = Object.keys(row).find((name) => name.toLowerCase() === lower)
      if (column !== undefined) {
        throw new ProgrammingError(`the row has no ${property.slice(0, 63)}; its column is ${column}`, {
          hint: `write "${property.slice(0, 63)}" with quotes in the SQL, or open the database with names: 'as-written'`,
        })
      }
    }
    return Reflect.get(row, property) as unknown
  },
}

/** @throws RangeError with code ERR_OUT_OF_RANGE for an integer that no number can hold. */
function readValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return safeNumber(value)
    case 'boolean':
      return Number(value)
    case 'object':
      return Array.isArray(value) ? value.map(readValue) : value
    default:
      return value
  }
}

function bigIntReader({ typeOid }: ResultColumn): (value: unknown) => unknown {
  const isInteger = INTEGER_OIDS.has(typeOid)
  const read = (value: unknown): unknown => {
    if (typeof value === 'boolean' || (isInteger && typeof value === 'number')) return BigInt(value)
    return Array.isArray(value) ? value.map(read) : value
  }
  return read
}

/** @throws RangeError with code ERR_OUT_OF_RANGE where no number can hold it. */
export function safeNumber(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  const error = new RangeError(
    `the value is too large to be represented as a JavaScript number: ${value}; read it with setReadBigInts(true)`,
  )
  throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
