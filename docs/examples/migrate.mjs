// A migration tool in one file: `node migrate.mjs <folder> [dsn]`. Runs the .sql files of a folder in the order of their
// names, each once, each in a transaction of its own; a file whose first line says `-- no transaction` runs without one.
// One process migrates at a time; the server's notices are shown as they come; an error names its file, line and column.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import * as db from 'syncpg'

const LOCK = 7431n
const folder = process.argv[2] ?? 'migrations'
const con = db.connect(process.argv[3], { applicationName: 'migrate', serverSettings: { lock_timeout: '5s' } })
con.addNoticeListener((notice) => console.log(`${notice.severity}: ${notice.primaryMessage}`))
con.setautocommit(true)

if (!con.fetchval('select pg_try_advisory_lock(%s)', [LOCK])) {
  console.error('another migration is running')
  process.exit(3)
}
con.execute(`
  set client_min_messages to warning;
  create table if not exists schema_migration (id text primary key, sum text not null, at timestamptz default now());
  reset client_min_messages`)
const done = new Map(
  con
    .execute('select id, sum from schema_migration')
    .fetchall()
    .map(([id, sum]) => [id, sum]),
)

for (const id of readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()) {
  const path = join(folder, id)
  const sql = readFileSync(path, 'utf8')
  const sum = createHash('sha256').update(sql).digest('hex')
  if (done.has(id)) {
    if (done.get(id) !== sum) console.error(`${path}: was edited after it had been run`)
    continue
  }
  const step = () => {
    con.execute(sql)
    con.execute('insert into schema_migration (id, sum) values (%s, %s)', [id, sum])
  }
  try {
    if (sql.startsWith('-- no transaction')) step()
    else con.transaction(step)
    console.log(`ran ${id}`)
  } catch (error) {
    if (!(error instanceof db.DatabaseError)) throw error
    console.error(`${path}:${error.line ?? 1}:${error.column ?? 1}: ${error.message}`)
    process.exitCode = 1
    break
  }
}
con.close()
