// Storage for umzug (https://github.com/sequelize/umzug) in the database that is migrated. Each method blocks and is done
// when it returns; umzug awaits what it is given, and a plain value will do.
//
//   const con = connect(dsn, { autocommit: true })
//   con.addNoticeListener((notice) => console.error(`${notice.severity}: ${notice.primaryMessage}`))
//   const umzug = new Umzug({
//     migrations: { glob: ['*.sql', { cwd: 'migrations', ignore: '*.down.sql' }], resolve: sqlMigration },
//     context: con,
//     storage: new SyncpgStorage(con),
//     logger: undefined,
//   })
//   oneAtATime(umzug, con)
//   await umzug.up()
import { readFileSync } from 'node:fs'

export class SyncpgStorage {
  #con

  constructor(con) {
    this.#con = con
    con.execute('create table if not exists umzug (name text primary key, at timestamptz not null default now())')
  }

  logMigration({ name }) {
    this.#con.execute('insert into umzug (name) values (%s)', [name])
  }

  unlogMigration({ name }) {
    this.#con.execute('delete from umzug where name = %s', [name])
  }

  executed() {
    return this.#con.fetch('select name from umzug order by name').map((row) => row.name)
  }
}

/** A second umzug on the same database waits until the first is done; the lock ends with the session at the latest. */
export function oneAtATime(umzug, con, key = 7431) {
  umzug.on('beforeCommand', () => void con.execute('select pg_advisory_lock(%s)', [key]))
  umzug.on('afterCommand', () => {
    if (!con.closed) con.execute('select pg_advisory_unlock(%s)', [key])
  })
}

/**
 * A file of SQL as umzug's migration: all of it or nothing of it; `x.down.sql` beside `x.sql` is the way back. An error
 * says the file, line and column in front; the `cause` of umzug's own error is the database's.
 */
export function sqlMigration({ name, path, context: con }) {
  const run = (file) => {
    try {
      con.transaction(() => void con.execute(readFileSync(file, 'utf8')))
    } catch (error) {
      if (error.line) error.message = `${file}:${error.line}:${error.column}: ${error.message}`
      throw error
    }
  }
  return { name, up: async () => run(path), down: async () => run(path.replace(/\.sql$/, '.down.sql')) }
}
