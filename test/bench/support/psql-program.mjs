/**
 * The program psql. Debian's `/usr/bin/psql` is a Perl script that finds the newest psql, and it takes longer than
 * psql. The benchmark measures psql itself.
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
