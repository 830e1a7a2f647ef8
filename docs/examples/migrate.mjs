// A migration tool in one file: `node migrate.mjs <folder> [dsn]`. Runs the .sql files of a folder in the order of their
// names, each once, each in a transaction of its own; a file whose first line says `-- no transaction` runs without one.
// One process migrates at a time; the server's notices are shown as they come; an error names its file, line and column.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import * as db from 'syncpg'

const LOCK = 7431n
const folder = process.argv[2] ?? 'migrations'
// Go past a pooler: PgBouncer refuses `lock_timeout` here, and `create index concurrently` has no business in its transactions.
const con = db.connect(process.argv[3], { applicationName: 'migrate', serverSettings: { lock_timeout: '5s' } })
con.addNoticeListener((notice) => console.log(`${notice.severity}: ${notice.primaryMessage}`))
con.setautocommit(true)

// A transaction of its own holds the lock: it ends with this connection at the latest, and no pooler can leak it.
const guard = db.connect(process.argv[3], { applicationName: 'migrate: lock' })
// One text: of a statement by itself the server keeps a snapshot, and `create index concurrently` waits for those. The server's time
// limits must not end the transaction; the second limit exists since PostgreSQL 17.
const lock = guard.query(`
  set local idle_in_transaction_session_timeout = 0;
  select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout';
  select pg_try_advisory_xact_lock(${LOCK})`)
if (!lock.rows[0][0]) {
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
  // Without a transaction each statement is a text of its own: the server makes one transaction of a text.
  const hasTransaction = !sql.startsWith('-- no transaction')
  const statements = hasTransaction ? [{ sql, line: 1 }] : db.splitStatements(sql)
  let line = 1
  const step = () => {
    // Throws where the lock is lost with its connection: then another process may be migrating.
    guard.ping()
    for (const statement of statements) {
      line = statement.line
      con.execute(statement.sql)
    }
    guard.ping()
    con.execute('insert into schema_migration (id, sum) values (%s, %s)', [id, sum])
  }
  try {
    if (hasTransaction) con.transaction(step)
    else step()
    console.log(`ran ${id}`)
  } catch (error) {
    if (!(error instanceof db.DatabaseError)) throw error
    console.error(`${path}:${line + (error.line ?? 1) - 1}:${error.column ?? 1}: ${error.message}`)
    process.exitCode = 1
    break
  }
}
con.close()
guard.close()
