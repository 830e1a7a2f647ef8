// pg-boss over a pool of syncpg: `node pg-boss.mjs [dsn]`. pg-boss takes as `db` anything that runs a text, so the pool stays yours, and
// what your program writes and the job that follows from it commit together.
import * as pgBoss from 'pg-boss'
import { Pool } from 'syncpg/pg'

// pg-boss 11 and later export the class by name, those before as the default.
const PgBoss = pgBoss.PgBoss ?? pgBoss.default
const over = (runner) => ({ executeSql: (text, values) => runner.query(text, values) })

const pool = new Pool({ connectionString: process.argv[2] ?? process.env.DATABASE_URL, max: 5 })
const boss = new PgBoss({ db: over(pool) })
boss.on('error', (error) => console.error(error))
await boss.start()
await boss.createQueue('welcome')

const welcomed = new Promise((resolve) => {
  void boss.work('welcome', { pollingIntervalSeconds: 0.5 }, async ([job]) => {
    console.log(`welcome, ${job.data.name}`)
    resolve()
  })
})

await pool.query('create table person (name text primary key)')

/** Adds a person and the job that welcomes them: both, or none. */
async function add(name) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await boss.send('welcome', { name }, { db: over(client) })
    await client.query('insert into person values ($1)', [name])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    console.log(`${name}: ${error.message}`)
  } finally {
    client.release()
  }
}
await add('Ada')
await welcomed
await add('Ada')

const { rows } = await pool.query("select count(*)::int as jobs from pgboss.job where name = 'welcome'")
console.log(rows[0])
await boss.stop({ graceful: true, wait: true })
await pool.end()
