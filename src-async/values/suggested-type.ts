/**
 * The PostgreSQL type that a JavaScript value suggests, for parameters whose type the SQL does not determine.
 */
import { isDate } from './any-realm.ts'
import {
  BOOL_OID,
  BYTEA_OID,
  DATE_OID,
  FLOAT4_OID,
  FLOAT8_OID,
  INT2_OID,
  INT4_OID,
  INT8_OID,
  INTERVAL_OID,
  JSONB_OID,
  NUMERIC_OID,
  TEXT_OID,
  TIMESTAMPTZ_OID,
  TIMETZ_OID,
  TIME_OID,
} from './oids.ts'
import { builtInArrayOf } from './built-in-codecs.ts'
import { asBytes } from './codecs/bytea.ts'
import { PgDate } from './pg-date.ts'
import { PgInterval } from './pg-interval.ts'
import { PgTime, PgTimeTz } from './pg-time.ts'
import { TO_POSTGRES } from './to-postgres.ts'

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** The type that a value suggests; null for strings, null, and values that may have several types. */
export function suggestedType(value: unknown): number | null {
  switch (typeof value) {
    case 'number':
      return typeOfNumber(value)
    case 'bigint':
      return value >= INT64_MIN && value <= INT64_MAX ? INT8_OID : NUMERIC_OID
    case 'boolean':
      return BOOL_OID
    case 'object':
      return value === null ? null : typeOfObject(value)
    default:
      return null
  }
}

/** The element types of typed arrays that contain numbers rather than bytes. */
const TYPED_ARRAYS: ReadonlyMap<string, number> = new Map([
  ['Int16Array', INT2_OID],
  ['Int32Array', INT4_OID],
  ['BigInt64Array', INT8_OID],
  ['Float32Array', FLOAT4_OID],
  ['Float64Array', FLOAT8_OID],
])

/**
 * The type to declare when the server has none for a parameter, as in `jsonb_build_object('a', $1)` and `unnest($1)`. There a
 * plain object can only be JSON, and a typed array of numbers can only be a list of them.
 */
export function declaredType(value: unknown): number | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return suggestedType(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype === Object.prototype || prototype === null) && !(TO_POSTGRES in value)) return JSONB_OID
  const element = TYPED_ARRAYS.get(Object.prototype.toString.call(value).slice('[object '.length, -1))
  return element === undefined ? suggestedType(value) : (builtInArrayOf(element)?.oid ?? null)
}

function typeOfNumber(value: number): number {
  // -0 exists only as a float.
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return FLOAT8_OID
  return (value | 0) === value ? INT4_OID : INT8_OID
}

function typeOfObject(value: object): number | null {
  if (isDate(value)) return TIMESTAMPTZ_OID
  if (value instanceof PgDate) return DATE_OID
  if (value instanceof PgTimeTz) return TIMETZ_OID
  if (value instanceof PgTime) return TIME_OID
  if (value instanceof PgInterval) return INTERVAL_OID
  if (Array.isArray(value)) return typeOfArray(value)
  return asBytes(value) === null ? null : BYTEA_OID
}

/** The element type of an array: the widest number type, or the type that all elements have. */
function typeOfArray(list: readonly unknown[]): number | null {
  let found: number | null = null
  const pending: unknown[] = [...list]
  while (pending.length > 0) {
    const item = pending.pop()
    if (item === null) continue
    if (Array.isArray(item)) {
      for (const inner of item) pending.push(inner)
      continue
    }
    const oid = typeof item === 'string' ? TEXT_OID : suggestedType(item)
    if (oid === null) return null
    if (found === null || found === oid) found = oid
    else found = widest(found, oid)
    if (found === null) return null
  }
  return found === null ? null : (builtInArrayOf(found)?.oid ?? null)
}

const NUMBER_WIDTHS = [INT4_OID, INT8_OID, NUMERIC_OID, FLOAT8_OID]

function widest(one: number, other: number): number | null {
  const a = NUMBER_WIDTHS.indexOf(one)
  const b = NUMBER_WIDTHS.indexOf(other)
  return a < 0 || b < 0 ? null : (NUMBER_WIDTHS[Math.max(a, b)] ?? null)
}
