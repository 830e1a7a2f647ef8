/**
 * Checks the names of options. Without the check a misspelled option, such as `{ tableName }`, would be ignored without
 * an error.
 */
import { ProgrammingError } from '../../index.ts'

/** @throws ProgrammingError for a value that is not an object, and for a name that is not in the list. */
export function requireOptions(options: object, known: readonly string[], what: string): void {
  if (options === null || typeof options !== 'object')
    throw new ProgrammingError(`${what}: expected an object of options`)
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new ProgrammingError(`${what}: unknown option ${JSON.stringify(unknown.slice(0, 40))}`, {
    hint: `it takes ${known.join(', ')}`,
  })
}
