/** Checks the values of a call, for both faces. */
import { ProgrammingError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'
import { Record } from './record.ts'

/**
 * @param method the name of the called method, for the message
 * @throws ProgrammingError for anything but an array or a row. A string would give its letters, and bytes their numbers.
 */
export function requireValues(values: unknown, method: string): readonly unknown[] {
  if (Array.isArray(values)) return values
  if (values instanceof Record) return Record.toArray(values)
  throw new ProgrammingError(
    `${method}: expected the arguments as an array, got ${describeValue(values)}: wrap them in []`,
  )
}
