/**
 * The values a SQLite program knows: null, numbers, strings and bytes. PostgreSQL's values are converted to these: by the
 * `types` of the connection where the type alone decides, and by this module where the statement's options decide.
 */
import { type ConnectOptions, ProgrammingError } from '../index.ts'

/** A value in a result; bigint only after `setReadBigInts`, arrays only for an array column. */
export type SqliteValue = null | number | bigint | string | Uint8Array | readonly SqliteValue[]

/** A value for a parameter. SQLite takes the first five kinds; the others are for statements that use more of PostgreSQL. */
export type SqliteParameter =
  | null
  | number
  | bigint
  | string
  | NodeJS.ArrayBufferView
  | boolean
  | Date
  | readonly unknown[]

/** Values by name, with the marker's prefix or without it. */
export interface NamedParameters {
  readonly [name: string]: SqliteParameter
}

/** How a statement returns its rows. */
export interface Reading {
  readonly shape: 'object' | 'array' | 'first'
  /** Returns all integers as bigint instead of numbers. */
  readonly asBigInts: boolean
  /** Makes row objects throw for a property whose name differs from a column's only in case. */
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
 * The `types` of the connection: they give text for every type that is text in SQLite. JSON stays text in both
 * directions, because such a program calls `JSON.parse` itself.
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

/** Whole numbers as bigint, so that one too big for a number is noticed; others as a double, like SQLite's REAL. */
export function numberOfNumeric(text: string): number | bigint {
  return INTEGER.test(text) ? BigInt(text) : Number(text)
}

/** An instant as `Date.prototype.toISOString` writes it, but with microseconds when it has them; else the server's text. */
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

/** Makes the `rowFactory` that returns rows as the statement's options ask. */
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
    // `Object.fromEntries` defines properties, so it can create `__proto__`; assignment is faster for all other names.
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

/** Guards the rows of `names: 'checked'`. */
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

/** @throws RangeError with code ERR_OUT_OF_RANGE for an integer that does not fit a number. */
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

/** @throws RangeError with code ERR_OUT_OF_RANGE for an integer that does not fit a number. */
export function safeNumber(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  const error = new RangeError(
    `the value is too large to be represented as a JavaScript number: ${value}; read it with setReadBigInts(true)`,
  )
  throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
