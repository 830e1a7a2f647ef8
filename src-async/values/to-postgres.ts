/**
 * Objects that convert themselves: a class of the user's with a method under `Symbol.for('syncpg.toPostgres')` is asked
 * for the value to send, before any codec sees it. The symbol is registered, so a class needs no import for it.
 */

/** The key of the method `(typeOid: number) => unknown` that gives the value to be encoded instead of the object. */
export const TO_POSTGRES: unique symbol = Symbol.for('syncpg.toPostgres') as never

/** The value to encode: what the object's own conversion gives, or the value as it is. */
export function converted(value: unknown, typeOid: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  const convert = (value as { [TO_POSTGRES]?: unknown })[TO_POSTGRES]
  return typeof convert === 'function' ? Reflect.apply(convert, value, [typeOid]) : value
}
