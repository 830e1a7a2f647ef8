/**
 * The program psql. Debian's `/usr/bin/psql` is a script in Perl that looks for the newest psql and takes longer than
 * psql itself; what is measured is psql.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const DEBIAN = '/usr/lib/postgresql'

export function psqlProgram() {
  if (!existsSync(DEBIAN)) return 'psql'
  const programs = readdirSync(DEBIAN)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((major) => join(DEBIAN, major, 'bin', 'psql'))
  return programs.find((program) => existsSync(program)) ?? 'psql'
}
