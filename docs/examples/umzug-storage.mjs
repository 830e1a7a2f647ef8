// Storage for umzug (https://github.com/sequelize/umzug) in the database that is migrated. Each method blocks and is done
// when it returns; umzug awaits what it is given, and a plain value will do.
//
//   const con = connect(dsn, { autocommit: true })
//   const umzug = new Umzug({
//     migrations: { glob: ['migrations/*.sql', { ignore: '**/*.down.sql' }], resolve: sqlMigration },
//     context: con,
//     storage: new SyncpgStorage(con),
//     logger: undefined,
//   })
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

/** A file of SQL as umzug's migration: all of it or nothing of it; `x.down.sql` beside `x.sql` is the way back. */
export function sqlMigration({ name, path, context: con }) {
  const run = (file) => con.transaction(() => void con.execute(readFileSync(file, 'utf8')))
  return { name, up: async () => run(path), down: async () => run(path.replace(/\.sql$/, '.down.sql')) }
}
