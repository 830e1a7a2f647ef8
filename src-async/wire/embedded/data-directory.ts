/**
 * The directory of an embedded database before PostgreSQL sees it: its real path, and what it holds. PGlite would unpack a
 * new database among foreign files, and says "failed to initialize properly" for everything else, so each case is told
 * here. Nothing here changes what a directory holds.
 */
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { OperationalError } from '../../errors/tree.ts'

/** Lies in a directory while a new database is written into it; a directory with it is not whole. */
export const UNFINISHED = 'syncpg-unfinished'

/** `unfinished`: a new database was being written into it when its process ended. */
export type DirectoryState = 'empty' | 'unfinished' | 'database'

/** What initdb makes and PostgreSQL 13 to 18 do not start without. */
const FOLDERS = (
  'base global pg_commit_ts pg_dynshmem pg_logical pg_multixact pg_notify pg_replslot pg_serial pg_snapshots pg_stat ' +
  'pg_stat_tmp pg_subtrans pg_tblspc pg_twophase pg_wal pg_xact'
).split(' ')
const FILES = ['global/pg_control', 'postgresql.conf', 'pg_hba.conf']

/** Modes of new directories; the umask takes from the first. */
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

/** Puts what the system said about a data directory into an error that says what to do. */
export function folderError(directory: string, cause: unknown): OperationalError {
  if (cause instanceof OperationalError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  const [reason, hint] = REASONS.get(code ?? '') ?? [message]
  const text = `the data directory "${directory}" cannot be used: ${reason}`
  return new OperationalError(text, hint === undefined ? { cause } : { hint, cause })
}

/**
 * Makes a directory where there is none.
 * @returns its real path, which is the same by whatever name it was given
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
 * Makes a directory and those above it that are missing. Node's recursive mkdir does not return where a file system gives
 * ENOENT for a name that it will not make, as /proc does.
 */
export function makeDirectory(path: string, mode: number): void {
  const missing: string[] = []
  for (let part = path; !exists(part) && part !== dirname(part); part = dirname(part)) missing.unshift(part)
  for (const part of missing) {
    try {
      mkdirSync(part, mode)
    } catch (error) {
      // Another process has made it since.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** The part of a path that is a link to nothing; null when none is. */
function danglingLink(path: string): string | null {
  for (let part = path; part !== dirname(part); part = dirname(part)) {
    if (exists(part)) return null
    if (lstatSync(part, { throwIfNoEntry: false })?.isSymbolicLink() === true) return part
  }
  return null
}

/** Whether there is something at a path, links followed. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * Says what a directory holds.
 * @param isIgnored names of files that do not count
 * @param serverMajor the PostgreSQL that is to run on it, 18 for instance; null when that is not known
 * @throws OperationalError when it is something else than a whole database of that PostgreSQL.
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
