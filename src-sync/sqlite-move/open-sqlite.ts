/**
 * Opens a SQLite database file with node:sqlite (Node 22.13 and later) or else with better-sqlite3. Everything is read in one
 * transaction, so a program that goes on writing does not change what is read. Integers are returned as bigint.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MoveError } from './usage-error.ts'

/** A value in SQLite. */
export type SqliteCell = null | bigint | number | string | Uint8Array

export interface SqliteFile {
  /** All rows as objects; for the schema and for counts. */
  all(sql: string): readonly Readonly<Record<string, SqliteCell>>[]
  /** The rows as arrays, one at a time. */
  rows(sql: string): Iterable<readonly SqliteCell[]>
  close(): void
}

/** The part of node:sqlite that this module uses. */
interface NodeStatement {
  all(): Record<string, SqliteCell>[]
  iterate?(): Iterable<Record<string, SqliteCell>>
  setReadBigInts(isOn: boolean): void
}
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly readOnly: boolean },
  ) => { prepare(sql: string): NodeStatement; exec(sql: string): void; close(): void }
}
/** The part of better-sqlite3 that this module uses. */
interface BetterStatement {
  safeIntegers(isOn: boolean): BetterStatement
  raw(isOn: boolean): BetterStatement
  all(): Record<string, SqliteCell>[]
  iterate(): Iterable<readonly SqliteCell[]>
}
type BetterSqlite = new (
  path: string,
  options: { readonly readonly: boolean; readonly fileMustExist: boolean },
) => { prepare(sql: string): BetterStatement; exec(sql: string): void; close(): void }

/** @throws MoveError when the file does not exist, is no database, or no SQLite library is available. */
export async function openSqlite(path: string): Promise<SqliteFile> {
  if (!existsSync(path)) throw new MoveError(`${path}: there is no such file`)
  const { node, better } = await loadReader()
  try {
    const file = node === null ? overBetter(better!, path) : overNode(node, path)
    // SQLite reads the file only at the first query, so a file that is no database fails here.
    file.all('select count(*) as n from sqlite_master')
    return file
  } catch (error) {
    throw new MoveError(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

async function loadReader(): Promise<{ readonly node: NodeSqlite | null; readonly better: BetterSqlite | null }> {
  // The name is in a variable, so that bundlers and compilers do not resolve it: Node 20 has no such module.
  const name = 'node:sqlite'
  const node = await withoutExperimentalWarning(() => import(name) as Promise<NodeSqlite>).catch(() => null)
  if (node !== null) return { node, better: null }
  const better = loadBetter()
  if (better !== null) return { node: null, better }
  throw new MoveError(
    `Node ${process.version} cannot read SQLite's files. Use a newer Node, npx -p node@24 -p syncpg syncpg sqlite-import …, or npm install better-sqlite3`,
  )
}

/** Loads better-sqlite3 from the program's own packages, or from those beside syncpg. */
function loadBetter(): BetterSqlite | null {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return createRequire(from)('better-sqlite3') as BetterSqlite
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
        throw new MoveError(`better-sqlite3 cannot be loaded: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  return null
}

/** Hides the warning that Node 22 to 25 print for node:sqlite: the user of this command did not choose that module. */
async function withoutExperimentalWarning<T>(action: () => Promise<T>): Promise<T> {
  const { emitWarning } = process
  process.emitWarning = (() => {}) as typeof process.emitWarning
  try {
    return await action()
  } finally {
    process.emitWarning = emitWarning
  }
}

function overNode({ DatabaseSync }: NodeSqlite, path: string): SqliteFile {
  const db = new DatabaseSync(path, { readOnly: true })
  db.exec('begin')
  const prepare = (sql: string): NodeStatement => {
    const statement = db.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
  return {
    all: (sql) => prepare(sql).all(),
    *rows(sql) {
      const statement = prepare(sql)
      // The columns are named c0, c1 …, because two columns with one name would become one property.
      for (const row of statement.iterate?.() ?? statement.all()) yield Object.values(row)
    },
    close: () => db.close(),
  }
}

function overBetter(Database: BetterSqlite, path: string): SqliteFile {
  const db = new Database(path, { readonly: true, fileMustExist: true })
  db.exec('begin')
  return {
    all: (sql) => db.prepare(sql).safeIntegers(true).all(),
    rows: (sql) => db.prepare(sql).safeIntegers(true).raw(true).iterate(),
    close: () => db.close(),
  }
}
