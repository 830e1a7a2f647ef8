/**
 * Recognises objects of built-in classes from any realm. A REPL or a test run by jest may have globals of its own, and
 * `instanceof` knows only the classes of this realm.
 */

export function isDate(value: unknown): value is Date {
  return value instanceof Date || tagOf(value) === '[object Date]'
}

export function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  return value instanceof Map || tagOf(value) === '[object Map]'
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || tagOf(value) === '[object Uint8Array]'
}

/** The bytes as an array of this realm, without a copy, because later checks use `instanceof`. null for other values. */
export function ownBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value
  return isBytes(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : null
}

function tagOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : ''
}
