/** The names of the parameter styles (PEP 249's and SQLite's), and the check of a given one. */
import { describeValue } from '../../src-async/errors/describe-value.ts'
import { ProgrammingError } from '../../src-async/errors/tree.ts'
import type { ParamStyle } from './marker-scan.ts'

export type { ParamStyle } from './marker-scan.ts'

const STYLES: readonly ParamStyle[] = ['pyformat', 'format', 'qmark', 'numeric', 'named', 'sqlite']

/** @throws ProgrammingError for a value that is not the name of a style. */
export function requireStyle(style: unknown, what = 'paramstyle'): ParamStyle {
  const found = STYLES.find((known) => known === style)
  if (found !== undefined) return found
  throw new ProgrammingError(`${what}: expected one of ${STYLES.join(', ')}, got ${describeValue(style)}`)
}
