// Kysely's Migrator over a blocking connection: `node kysely-migrate.mjs up|down [dsn]`, for deployment scripts and for programs that
// are synchronous otherwise. The Migrator takes a lock in the database, so two of these programs take turns.
import { Kysely, Migrator } from 'kysely'
import { connect } from 'syncpg'
import { SyncpgDialect, executeSync } from 'syncpg/kysely'

const [, , direction = 'up', dsn = process.env.DATABASE_URL] = process.argv
const con = connect(dsn, { autocommit: true, applicationName: 'migrate', serverSettings: { lock_timeout: '5s' } })
con.addNoticeListener((notice) => console.log(`${notice.severity}: ${notice.primaryMessage}`))

/** Migrations by name, run in its order. A folder of files is `new FileMigrationProvider({ fs, path, migrationFolder })`. */
const migrations = {
  '1-person': {
    up: (db) =>
      db.schema
        .createTable('person')
        .addColumn('id', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
        .addColumn('name', 'text', (column) => column.notNull())
        .execute(),
    down: (db) => db.schema.dropTable('person').execute(),
  },
  '2-first-person': {
    // A migration may be written without await: the connection is the one that the Migrator's transaction is on.
    async up(db) {
      executeSync(con, db.insertInto('person').values({ name: 'Ada' }))
      con.execute("do $$ begin raise notice 'Ada is there'; end $$")
    },
    async down(db) {
      executeSync(con, db.deleteFrom('person').where('name', '=', 'Ada'))
    },
  },
}

const db = new Kysely({ dialect: new SyncpgDialect({ connection: con }) })
const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
const { error, results = [] } = await (direction === 'up' ? migrator.migrateToLatest() : migrator.migrateDown())
for (const { migrationName, status } of results) console.log(`${migrationName}: ${status}`)
if (error !== undefined) {
  console.error(error.message ?? error)
  process.exitCode = 1
}
con.close()
