// Migrations with umzug (https://github.com/sequelize/umzug): `node umzug.mjs up|down|pending <folder> [dsn]`. Storage, lock and files of
// SQL come from syncpg/umzug; umzug awaits what it is given, and a blocking connection's answers are there already.
import { connect } from 'syncpg'
import { SyncpgStorage, oneAtATime, sqlMigration } from 'syncpg/umzug'
import { Umzug } from 'umzug'

const [, , command, folder = 'migrations', dsn = process.env.DATABASE_URL] = process.argv
const con = connect(dsn, { autocommit: true, applicationName: 'migrate' })
con.addNoticeListener((notice) => console.log(`${notice.severity}: ${notice.primaryMessage}`))
const umzug = new Umzug({
  migrations: { glob: ['*.sql', { cwd: folder, ignore: '*.down.sql' }], resolve: sqlMigration },
  context: con,
  storage: new SyncpgStorage(con),
  logger: undefined,
})
oneAtATime(umzug, () => connect(dsn, { applicationName: 'migrate: lock' }), {
  onWait: () => console.log('another migration is running: waiting'),
})
try {
  for (const { name } of await umzug[command]()) console.log(command, name)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
con.close()
