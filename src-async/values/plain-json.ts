/**
 * Values as `JSON.stringify` can print them without loss or exception: a bare bigint throws there, an infinity becomes
 * null, a Buffer an object of numbers.
 */

/** Nesting beyond this is left to `JSON.stringify`. */
const MOST_DEPTH = 32

/** A value as rows print it in JSON; of containers only arrays are rebuilt, the others bring their own `toJSON`. */
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
