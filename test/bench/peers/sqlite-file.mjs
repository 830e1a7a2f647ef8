/**
 * SQLite itself over a file on the local disk, by better-sqlite3 or by Node's own node:sqlite, in WAL mode as better-sqlite3's
 * documentation recommends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQLITE_COLUMNS, sqliteRows } from '../workloads/sqlite.mjs'
import { sqliteClient } from './sqlite-shape.mjs'

export async function open(_target, { library }) {
  const Database = await load(library)
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-bench-sqlite-'))
  const client = sqliteClient(new Database(join(folder, 'bench.db')), (db) => {
    db.exec('pragma journal_mode = wal; pragma synchronous = normal')
    db.exec(`create table bench_sqlite (${SQLITE_COLUMNS})`)
    const insert = db.prepare('insert into bench_sqlite (id, name, price, note) values (?, ?, ?, ?)')
    db.exec('begin')
    for (const row of sqliteRows(1, 1000)) insert.run(...row)
    db.exec('commit')
  })
  return {
    ...client,
    version: () => `${library}, SQLite ${client.one('select sqlite_version() as version').version}`,
    close() {
      client.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function load(library) {
  try {
    return library === 'node:sqlite' ? (await import(library)).DatabaseSync : (await import(library)).default
  } catch (error) {
    const why = library === 'node:sqlite' ? 'this Node has none (22.5 and later do)' : 'it is not built here'
    throw new Error(why, { cause: error })
  }
}
