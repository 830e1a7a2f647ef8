/**
 * Prepares values for `JSON.stringify`, which throws for a bigint, prints an infinity as null, and prints a Buffer as an
 * object of numbers.
 */

/** Containers nested deeper than this are left to `JSON.stringify`. */
const MOST_DEPTH = 32

/** A value as rows print it in JSON. Only arrays are rebuilt; other containers have a `toJSON` of their own. */
export function plainJson(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'bigint': {
      const number = Number(value)
      return Number.isSafeInteger(number) ? number : String(value)
    }
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      if (value instanceof Uint8Array) {
        return `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
      }
      if (Array.isArray(value) && depth < MOST_DEPTH) return value.map((item) => plainJson(item, depth + 1))
      return value
    default:
      return value
  }
}
