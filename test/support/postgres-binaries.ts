/**
 * Finds the PostgreSQL programs that the tests start. They come from npm (`test/support/servers/package.json`), and
 * this file downloads nothing. An install script of those packages makes links to shared libraries. It may not have
 * run, so this file makes missing links. A server refuses to run as root, so tests that run as root start it under
 * another account of this machine.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/**
 * The major versions that the tests can start. `npm ci` installs the oldest and the newest, and
 * `test/longer/majors.mjs` the others.
 */
export type PostgresMajor = 13 | 14 | 15 | 16 | 17 | 18

/** The programs of one major version: `bin/postgres` and `bin/initdb` are under `nativeDirectory`. */
export interface PostgresBinaries {
  readonly major: PostgresMajor
  /** The package's exact version. It is part of the name of the cached template. */
  readonly version: string
  readonly initdb: string
  readonly postgres: string
}

/** The account under which a server runs. Undefined ids mean the account that runs the tests. */
export interface ServerAccount {
  readonly uid?: number
  readonly gid?: number
}

const homes = [import.meta.url, new URL('../longer/majors/package.json', import.meta.url)].map((url) =>
  createRequire(url),
)

/** True when this platform has binaries of that major; the tests of that major are skipped otherwise. */
export function hasPostgres(major: PostgresMajor): boolean {
  return packageDirectory(major) !== undefined
}

/**
 * Finds one major version and makes its library links. If the server's account cannot read it (a checkout in a
 * private home directory, run as root), copies it to the temporary folder.
 * @throws Error when the platform has no such package installed.
 */
export function locatePostgres(major: PostgresMajor): PostgresBinaries {
  const packaged = packageDirectory(major)
  if (packaged === undefined) {
    throw new Error(
      `no PostgreSQL ${major} for ${process.platform}-${process.arch} in node_modules; run npm ci, ` +
        'or add the platform to test/support/servers/package.json',
    )
  }
  makeLibraryLinks(packaged)
  const version = packageVersion(packaged)
  const reachable = isReachableByOthers(packaged) ? packaged : copyToTemporaryFolder(packaged, `pg-${version}`)
  const bin = join(reachable, 'native', 'bin')
  return { major, version, initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}

/**
 * The newest PostgreSQL of Debian's packages on this machine; null if there is none. It supports Kerberos, which the
 * packages of npm do not.
 */
export function locateSystemPostgres(): PostgresBinaries | null {
  const folder = '/usr/lib/postgresql'
  const majors = existsSync(folder) ? readdirSync(folder).map(Number).filter(Number.isInteger) : []
  for (const major of majors.toSorted((a, b) => b - a)) {
    const bin = join(folder, String(major), 'bin')
    const postgres = join(bin, 'postgres')
    if (!existsSync(postgres)) continue
    const [version = ''] = /\d[\d.]*/.exec(execFileSync(postgres, ['--version'], { encoding: 'utf8' })) ?? []
    return { major: major as PostgresMajor, version: `system-${version}`, initdb: join(bin, 'initdb'), postgres }
  }
  return null
}

/** The account for servers: that of the tests, or `postgres` or `nobody` when the tests run as root. */
export function serverAccount(): ServerAccount {
  if (process.getuid?.() !== 0) return {}
  const passwd = readFileSync('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':')
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error('PostgreSQL refuses to run as root and neither "postgres" nor "nobody" is in /etc/passwd')
}

function packageDirectory(major: PostgresMajor): string | undefined {
  for (const home of homes) {
    try {
      return dirname(dirname(home.resolve(`pg${major}-${process.platform}-${process.arch}`)))
    } catch {
      // The account may be in the other file.
    }
  }
  return undefined
}

function packageVersion(directory: string): string {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}

function makeLibraryLinks(directory: string): void {
  const listPath = join(directory, 'native', 'pg-symlinks.json')
  if (!existsSync(listPath)) return
  const links = JSON.parse(readFileSync(listPath, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const linkPath = join(directory, target)
    if (existsSync(linkPath)) continue
    mkdirSync(dirname(linkPath), { recursive: true })
    try {
      symlinkSync(relative(dirname(linkPath), join(directory, source)), linkPath)
    } catch (error) {
      // Another test process may have made the same link in between.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function isReachableByOthers(directory: string): boolean {
  if (process.getuid?.() !== 0) return true
  for (let path = directory; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false
    if (dirname(path) === path) return true
  }
}

function copyToTemporaryFolder(directory: string, name: string): string {
  const target = join(tmpdir(), `syncpg-${name}`)
  if (existsSync(target)) {
    // Every user can write to the folder and guess the name, so programs that another user put there are not run.
    if (statSync(target).uid !== process.getuid?.()) throw new Error(`${target} belongs to someone else; remove it`)
    return target
  }
  const partial = `${target}.${process.pid}`
  cpSync(directory, partial, { recursive: true, verbatimSymlinks: true })
  execFileSync('chmod', ['-R', 'go+rX', partial])
  try {
    renameSync(partial, target)
  } catch {
    rmSync(partial, { recursive: true, force: true })
  }
  return target
}
