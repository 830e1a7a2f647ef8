/**
 * Finds values that are not JSON. `JSON.stringify` silently turns them into something else: a Map into `{}`, NaN and an
 * invalid Date into `null`, bytes into an object of numbers. They are refused, like all values that do not fit their type.
 */
import { isDate } from './any-realm.ts'
import { describeValue } from '../errors/describe-value.ts'

/** Built-in classes whose content `JSON.stringify` does not print. */
const OPAQUE: ReadonlySet<string> = new Set(
  [
    'Map',
    'Set',
    'WeakMap',
    'WeakSet',
    'WeakRef',
    'Promise',
    'ArrayBuffer',
    'SharedArrayBuffer',
    'RegExp',
    'Generator',
    'Map Iterator',
    'Set Iterator',
    'Array Iterator',
  ].map((name) => `[object ${name}]`),
)

/** `Object.prototype.toString` of objects that JSON prints completely. */
const PRINTED: ReadonlySet<string> = new Set(
  ['Object', 'Array', 'Arguments', 'Boolean', 'Number', 'String', 'Date', 'Error'].map((name) => `[object ${name}]`),
)

/**
 * @param value a value that `JSON.stringify` accepts, so it has no cycles
 * @returns the fault and its place, `the number NaN at .a[2]`; null when all of it is JSON. A property that is
 *   undefined is no fault, because JSON leaves it out. An array element that is undefined is a fault, because it would
 *   become null.
 */
export function notJson(value: unknown): string | null {
  const path = findFault(value, '')
  return path === null ? null : `${describeValue(path.value)}${path.at === '' ? '' : ` at ${path.at}`}`
}

interface Fault {
  readonly value: unknown
  at: string
}

function findFault(given: unknown, key: string): Fault | null {
  switch (typeof given) {
    case 'number':
      return Number.isFinite(given) ? null : { value: given, at: '' }
    case 'undefined':
    case 'function':
    case 'symbol':
      return { value: given, at: '' }
    case 'object':
      return given === null ? null : faultOfObject(given, key)
    default:
      return null
  }
}

function faultOfObject(object: object, key: string): Fault | null {
  if (Array.isArray(object)) return faultOfArray(object)
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null && isOpaque(object)) return { value: object, at: '' }
  const { toJSON } = object as { toJSON?: unknown }
  if (typeof toJSON === 'function') return findFault(Reflect.apply(toJSON, object, [key]), key)
  for (const name of Object.keys(object)) {
    const item = (object as { readonly [name: string]: unknown })[name]
    if (item === undefined) continue
    const fault = findFault(item, name)
    if (fault !== null) {
      fault.at = `.${name}${fault.at}`
      return fault
    }
  }
  return null
}

function faultOfArray(list: readonly unknown[]): Fault | null {
  for (let i = 0; i < list.length; i += 1) {
    const fault = findFault(list[i], '')
    if (fault !== null) {
      fault.at = `[${i}]${fault.at}`
      return fault
    }
  }
  return null
}

function isOpaque(object: object): boolean {
  if (ArrayBuffer.isView(object)) return true
  if (isDate(object)) return Number.isNaN(object.getTime())
  const kind = Object.prototype.toString.call(object)
  if (OPAQUE.has(kind)) return true
  if (kind === '[object Number]') return !Number.isFinite(Number(object))
  // A Blob, a FormData, Headers and the like keep their content where JSON does not look.
  if (!PRINTED.has(kind) && !('toJSON' in object) && Object.keys(object).length === 0) return true
  // JSON leaves out the message of an error, unless the error has a `toJSON`.
  return object instanceof Error && !('toJSON' in object) && Object.keys(object).length === 0
}
