/**
 * Whether two PostgreSQL values are equal, for values that `===` cannot compare: dates, ranges, bytes, arrays and rows.
 */
import { isBytes, isDate } from './any-realm.ts'
import { BitString } from './bit-string.ts'
import { Box, Circle, Line, LineSegment, Path, Point, Polygon } from './geometry.ts'
import { PgDate } from './pg-date.ts'
import { PgInterval } from './pg-interval.ts'
import { PgTime, PgTimeTz } from './pg-time.ts'
import { PgTimestamp } from './pg-timestamp.ts'
import { Range } from './range.ts'
import { Record } from './record.ts'

const FIELD_CLASSES = [
  PgDate,
  PgInterval,
  PgTimeTz,
  PgTime,
  Point,
  Line,
  LineSegment,
  Box,
  Path,
  Polygon,
  Circle,
  Range,
]
const MOST_DEPTH = 100

/**
 * Compares by value. Numbers: like `Object.is`, but 0 equals -0. A Date: including its microseconds. An interval: part by
 * part, because a month is not 30 days. Rows: by their values in order; column names do not matter.
 * @example equal(new PgDate(2024, 1, 2), row.day)
 */
export function equal(a: unknown, b: unknown): boolean {
  return isEqual(a, b, 0)
}

function isEqual(a: unknown, b: unknown, depth: number): boolean {
  if (a === b || Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > MOST_DEPTH) return false
  if (a instanceof Record || b instanceof Record) return isEqualRow(a, b, depth)
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && isEqualList(a, b, depth)
  if (isDate(a) || isDate(b)) return isEqualDate(a, b)
  if (isBytes(a) || isBytes(b)) {
    return isBytes(a) && isBytes(b) && Buffer.compare(a, b) === 0
  }
  if (a instanceof BitString) return b instanceof BitString && String(a) === String(b)
  const kind = FIELD_CLASSES.find((each) => a instanceof each)
  if (kind !== FIELD_CLASSES.find((each) => b instanceof each)) return false
  if (kind === undefined && !(isPlain(a) && isPlain(b))) return false
  return isEqualByKeys(a, b, depth)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isEqualByKeys(a: object, b: object, depth: number): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isEqual(Reflect.get(a, key), Reflect.get(b, key), depth + 1))
}

function isEqualRow(a: object, b: object, depth: number): boolean {
  if (!(a instanceof Record) || !(b instanceof Record)) return false
  return isEqualList(Record.toArray(a), Record.toArray(b), depth)
}

function isEqualList(a: readonly unknown[], b: readonly unknown[], depth: number): boolean {
  return a.length === b.length && a.every((item, index) => isEqual(item, b[index], depth + 1))
}

function isEqualDate(a: object, b: object): boolean {
  if (!isDate(a) || !isDate(b)) return false
  const rest = (date: Date): number => (date instanceof PgTimestamp ? date.microseconds : 0)
  return Object.is(a.getTime(), b.getTime()) && rest(a) === rest(b)
}
