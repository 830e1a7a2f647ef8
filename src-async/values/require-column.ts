/** Checks the column that `fetchval` is asked for, before the statement runs. */
import { ProgrammingError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'

/** @throws ProgrammingError for a value that is neither a name nor a position. */
export function requireColumn(column: unknown, method: string): void {
  if (typeof column === 'string' || typeof column === 'number') return
  throw new ProgrammingError(`${method}: expected the name or the position of a column, got ${describeValue(column)}`, {
    hint: 'the options are the argument after the column',
  })
}
