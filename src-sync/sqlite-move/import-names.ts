/** What tables and columns are called in PostgreSQL. */
import { MoveError } from './usage-error.ts'

const MOST_BYTES = 63

export type Naming = (name: string) => string

/**
 * Names stay as they were; those all in capitals become lower case, because SQL without quotes finds them then.
 * @param isLower all names become lower case
 */
export function namingOf(isLower: boolean): Naming {
  return (name) => {
    const target = isLower || !/[a-z]/.test(name) ? name.toLowerCase() : name
    if (Buffer.byteLength(target) > MOST_BYTES)
      throw new MoveError(`the name ${target.slice(0, 80)} is longer than 63 bytes: rename it first`)
    return target
  }
}

/** @throws MoveError where two names become one. */
export function checkNames(names: readonly string[], naming: Naming, what: string): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const target = naming(name)
    const other = seen.get(target)
    if (other !== undefined) throw new MoveError(`${what} ${other} and ${name} would both be called ${target}`)
    seen.set(target, name)
  }
}
