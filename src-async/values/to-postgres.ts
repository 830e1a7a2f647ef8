/**
 * Objects that convert themselves: when a class of the user's has a method under `Symbol.for('syncpg.toPostgres')`, that
 * method returns the value to send. The symbol is registered globally, so the class needs no import.
 */

/** The key of the method `(typeOid: number) => unknown`, which returns the value to encode instead of the object. */
export const TO_POSTGRES: unique symbol = Symbol.for('syncpg.toPostgres') as never

/** The value to encode: the result of the object's own conversion, or the value itself. */
export function converted(value: unknown, typeOid: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  const convert = (value as { [TO_POSTGRES]?: unknown })[TO_POSTGRES]
  return typeof convert === 'function' ? Reflect.apply(convert, value, [typeOid]) : value
}
