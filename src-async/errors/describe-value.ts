/**
 * Describes a value for an error message: its kind and a clipped form, never in full. Also the one place that builds the
 * encoders' error "expected X, got Y".
 */
import { DataError } from './tree.ts'

const MOST_CHARACTERS = 40

/** Clips a text at 40 characters. */
export function clip(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`
}

/** `the string "12a"`, `the number 1.5`, `an array of 3 elements`, `an object of class Foo` … */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${clip(JSON.stringify(value))}`
    case 'number':
      return Object.is(value, -0) ? 'the number -0' : `the number ${value}`
    case 'bigint':
      return `the bigint ${clip(String(value))}`
    case 'boolean':
      return `the boolean ${value}`
    case 'undefined':
      return 'undefined'
    case 'symbol':
      return 'a symbol'
    case 'function':
      return 'a function'
    default:
      return describeObject(value as object | null)
  }
}

/**
 * Describes a value by its kind alone, for values that may be secret: a password may stand under a wrong name. Numbers
 * are shown: `a string`, `the number 70000`, `an array of 2 elements`.
 */
export function describeKind(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'a string'
    case 'bigint':
      return 'a bigint'
    default:
      return describeValue(value)
  }
}

function describeObject(value: object | null): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length} element${value.length === 1 ? '' : 's'}`
  if (isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return 'a plain object'
  const maker: unknown = (prototype as { constructor?: unknown }).constructor
  return typeof maker === 'function' && maker.name !== '' ? `an object of class ${clip(maker.name)}` : 'an object'
}

/** A Date of this realm or another one. This room cannot import the values, which have the same test. */
function isDate(value: object): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === '[object Date]'
}

/** The error of an encoder: `expected an integer for int4, got the string "12a"`. */
export function expected(what: string, typeName: string, value: unknown): DataError {
  return new DataError(`expected ${what} for ${typeName}, got ${describeValue(value)}`)
}

/** The error of a decoder that cannot read the server's text. */
export function unreadable(typeName: string, text: string, reason = 'this client does not know the format'): DataError {
  return new DataError(`cannot read ${describeValue(text)} as ${typeName}: ${reason}`)
}
