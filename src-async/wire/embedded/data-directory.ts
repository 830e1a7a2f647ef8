/**
 * Checks the directory of an embedded database before PostgreSQL uses it. PGlite would unpack a new database among other
 * files, and for all other problems it says only "failed to initialize properly". So each case gets its own error here. This
 * file makes a missing directory, and changes nothing in an existing one.
 */
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { OperationalError } from '../../errors/tree.ts'

/** The name of a file that marks a directory while a new database is written into it. */
export const UNFINISHED = 'syncpg-unfinished'

/** What a directory holds. `unfinished` means that a process ended while it wrote a new database. */
export type DirectoryState = 'empty' | 'unfinished' | 'database'

/** Folders that initdb makes. PostgreSQL 13 to 18 do not start without them. */
const FOLDERS = (
  'base global pg_commit_ts pg_dynshmem pg_logical pg_multixact pg_notify pg_replslot pg_serial pg_snapshots pg_stat ' +
  'pg_stat_tmp pg_subtrans pg_tblspc pg_twophase pg_wal pg_xact'
).split(' ')
const FILES = ['global/pg_control', 'postgresql.conf', 'pg_hba.conf']

/** Modes of new directories. The umask removes bits from the first. */
const ANYONE = 0o777
export const OWNER_ONLY = 0o700

const REASONS: ReadonlyMap<string, readonly [reason: string, hint: string]> = new Map([
  ['EACCES', ['this user may not read and write there', 'name a directory that belongs to this user']],
  ['EPERM', ['the system does not permit what a database needs there', 'name a directory on a local disk']],
  ['EROFS', ['its file system is read-only', 'name a directory that can be written to']],
  ['ENOSPC', ['its disk is full', 'free some space; a new database needs 40 MB']],
  ['EDQUOT', ["the user's share of its disk is used up", 'free some space; a new database needs 40 MB']],
  ['ELOOP', ['the symbolic links of its path lead in a circle', 'let the link lead to a directory']],
  ['ENOENT', ['a directory of its path is missing and cannot be made', 'name another directory']],
  ['ENOTDIR', ['a part of its path is a file', 'name a directory that is empty or does not exist yet']],
])

/** Turns a system error about a data directory into an error that says what to do. */
export function folderError(directory: string, cause: unknown): OperationalError {
  if (cause instanceof OperationalError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  const [reason, hint] = REASONS.get(code ?? '') ?? [message]
  const text = `the data directory "${directory}" cannot be used: ${reason}`
  return new OperationalError(text, hint === undefined ? { cause } : { hint, cause })
}

/**
 * Makes a directory if it does not exist.
 * @returns its real path, which is the same for all links that lead to it
 * @throws OperationalError when it is no directory, or cannot be made.
 */
export function realDataDirectory(given: string): string {
  const directory = resolve(given)
  try {
    const link = danglingLink(directory)
    if (link !== null) {
      throw new OperationalError(
        `the data directory "${directory}" cannot be used: the symbolic link "${link}" leads to "${readlinkSync(link)}", which does not exist`,
        { hint: 'make that directory, or remove the link' },
      )
    }
    makeDirectory(dirname(directory), ANYONE)
    makeDirectory(directory, OWNER_ONLY)
    if (!statSync(directory).isDirectory()) {
      throw new OperationalError(`the data directory "${directory}" cannot be used: it is a file`, {
        hint: 'name a directory that is empty or does not exist yet',
      })
    }
    return realpathSync(directory)
  } catch (cause) {
    throw folderError(directory, cause)
  }
}

/**
 * Makes a directory and the missing ones above it. Node's recursive mkdir never returns when a file system, like /proc, gives
 * ENOENT for a new directory.
 */
export function makeDirectory(path: string, mode: number): void {
  const missing: string[] = []
  for (let part = path; !exists(part) && part !== dirname(part); part = dirname(part)) missing.unshift(part)
  for (const part of missing) {
    try {
      mkdirSync(part, mode)
    } catch (error) {
      // EEXIST means that another process has just made it.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** The part of a path that is a dangling symbolic link; null when there is none. */
function danglingLink(path: string): string | null {
  for (let part = path; part !== dirname(part); part = dirname(part)) {
    if (exists(part)) return null
    if (lstatSync(part, { throwIfNoEntry: false })?.isSymbolicLink() === true) return part
  }
  return null
}

/** Whether a path exists. Follows links. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * Finds out what a directory holds.
 * @param isIgnored whether a file of this name does not count
 * @param serverMajor the major version of the PostgreSQL that will run on it, for example 18; null when it is not known
 * @throws OperationalError when it holds other files, or a database that is incomplete or of another version.
 */
export function inspectDataDirectory(
  directory: string,
  isIgnored: (name: string) => boolean,
  serverMajor: number | null,
): DirectoryState {
  try {
    const names = readdirSync(directory).filter((name) => !isIgnored(name))
    if (names.length === 0) return 'empty'
    if (names.includes(UNFINISHED)) return 'unfinished'
    checkVersion(directory, names, serverMajor)
    checkWhole(directory)
    return 'database'
  } catch (cause) {
    throw folderError(directory, cause)
  }
}

function checkVersion(directory: string, names: readonly string[], serverMajor: number | null): void {
  if (!names.includes('PG_VERSION')) {
    if (exists(join(directory, 'global/pg_control'))) throw notWhole(directory, 'PG_VERSION')
    throw new OperationalError(`the directory "${directory}" holds no database and is not empty`, {
      hint: 'name a directory that is empty or does not exist yet',
    })
  }
  if (!statSync(join(directory, 'PG_VERSION')).isFile()) throw notWhole(directory, 'PG_VERSION')
  const version = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim()
  if (!/^\d+(\.\d+)?$/.test(version)) {
    throw new OperationalError(`the database in "${directory}" is damaged: its file PG_VERSION holds no version`, {
      hint: 'restore the directory from a backup',
    })
  }
  if (serverMajor === null || version === String(serverMajor)) return
  throw new OperationalError(
    `the database in "${directory}" was made by PostgreSQL ${version}, and the embedded one is PostgreSQL ${serverMajor}`,
    {
      hint: `dump it with the version of @electric-sql/pglite, or of PostgreSQL, that made it, and load the dump into a new directory`,
    },
  )
}

function checkWhole(directory: string): void {
  for (const name of [...FOLDERS, ...FILES]) {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    if (stats === undefined || stats.isDirectory() !== FOLDERS.includes(name)) throw notWhole(directory, name)
  }
}

function notWhole(directory: string, name: string): OperationalError {
  return new OperationalError(
    `the database in "${directory}" is not whole: "${name}" is missing or not what it should be`,
    {
      hint: 'restore the directory from a backup; git and some archive programs leave empty directories out',
    },
  )
}
