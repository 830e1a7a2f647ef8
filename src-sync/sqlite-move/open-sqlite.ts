/**
 * A database file of SQLite, read by what the machine has: node:sqlite, which Node has from 22.13 on, or better-sqlite3. All is read in
 * one transaction, so a program that goes on writing changes nothing of what is read. Integers come as bigint.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MoveError } from './usage-error.ts'

/** What SQLite holds. */
export type SqliteCell = null | bigint | number | string | Uint8Array

export interface SqliteFile {
  /** The rows as objects, at once: for the schema and for counts. */
  all(sql: string): readonly Readonly<Record<string, SqliteCell>>[]
  /** The rows as arrays, one by one. */
  rows(sql: string): Iterable<readonly SqliteCell[]>
  close(): void
}

/** The part of node:sqlite that is used. */
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
/** The part of better-sqlite3 that is used. */
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

/** @throws MoveError where it is not there, is no database, or nothing here can read one. */
export async function openSqlite(path: string): Promise<SqliteFile> {
  if (!existsSync(path)) throw new MoveError(`${path}: there is no such file`)
  const { node, better } = await loadReader()
  try {
    const file = node === null ? overBetter(better!, path) : overNode(node, path)
    // Nothing of a file is read before the first query.
    file.all('select count(*) as n from sqlite_master')
    return file
  } catch (error) {
    throw new MoveError(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

async function loadReader(): Promise<{ readonly node: NodeSqlite | null; readonly better: BetterSqlite | null }> {
  // Not an import that a bundler or a compiler looks at: Node 20 has no such module.
  const name = 'node:sqlite'
  const node = await withoutExperimentalWarning(() => import(name) as Promise<NodeSqlite>).catch(() => null)
  if (node !== null) return { node, better: null }
  const better = loadBetter()
  if (better !== null) return { node: null, better }
  throw new MoveError(
    `Node ${process.version} cannot read SQLite's files. Use a newer one, npx -p node@24 -p syncpg syncpg sqlite-import …, or npm install better-sqlite3`,
  )
}

/** The program's own copy: the one beside its package.json, or the one beside syncpg. */
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

/** Node 22 to 25 warn of node:sqlite. The user of this command has not chosen it. */
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
      // The columns are named c0, c1 …, so that two of one name do not fall together.
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
