/** Names of tables and columns in PostgreSQL. */
import { asciiLower } from '../sqlite-dialect/sqlite-text.ts'
import { MoveError } from './usage-error.ts'

const MOST_BYTES = 63

export type Naming = (name: string) => string

/**
 * Keeps names as they are. Only names all in capitals become lower case, because SQL without quotes then finds them.
 * PostgreSQL folds only A to Z there, so GRÖSSE becomes grÖsse: `select GRÖSSE` looks for that name.
 * @param isLower makes all names lower case
 */
export function namingOf(isLower: boolean): Naming {
  return (name) => {
    const target = isLower || !/[a-z]/.test(name) ? asciiLower(name) : name
    if (Buffer.byteLength(target) > MOST_BYTES)
      throw new MoveError(`the name ${target.slice(0, 80)} is longer than 63 bytes: rename it first`)
    return target
  }
}

/** Columns that each table of PostgreSQL has. */
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'])

/** @throws MoveError for a column whose name PostgreSQL keeps for itself. */
export function checkSystemNames(names: readonly string[], naming: Naming, table: string): void {
  const taken = names.find((name) => SYSTEM_COLUMNS.has(naming(name)))
  if (taken === undefined) return
  throw new MoveError(
    `${table}.${taken}: PostgreSQL itself uses this column name in every table. Rename the column first, in a copy of the file: ` +
      `alter table ${table} rename column ${taken} to ${taken}_`,
  )
}

/** @throws MoveError when two names would become the same name. */
export function checkNames(names: readonly string[], naming: Naming, what: string): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const target = naming(name)
    const other = seen.get(target)
    if (other !== undefined) throw new MoveError(`${what} ${other} and ${name} would both be called ${target}`)
    seen.set(target, name)
  }
}
