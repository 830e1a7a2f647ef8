// pg-boss and graphile-worker: jobs that run, fail, are retried, and are started by a schedule of the queue.
import { Logger, run } from 'graphile-worker'
import { PgBoss } from 'pg-boss'

import { connectionString, isOurs, pg } from './via.mjs'

const pool = new pg.Pool({ connectionString, max: 5 })
const boss = new PgBoss(
  isOurs ? { db: { executeSql: (text, values) => pool.query(text, values) } } : { connectionString },
)
await boss.start()
await boss.createQueue('words', { retryLimit: 2, retryDelay: 0 })
let tries = 0
const done = Promise.withResolvers()
await boss.work('words', { pollingIntervalSeconds: 0.5, batchSize: 2 }, async (jobs) => {
  tries += 1
  if (tries === 1) throw new Error('once')
  done.resolve(jobs.map(({ data }) => data.word).toSorted())
  return jobs.length
})
await boss.insert('words', [{ data: { word: 'a' } }, { data: { word: 'b' } }])
console.log(await done.promise)
await boss.stop({ graceful: true })

const worked = Promise.withResolvers()
const runner = await run({
  pgPool: pool,
  noHandleSignals: true,
  logger: new Logger(() => () => {}),
  pollInterval: 500,
  taskList: {
    hello: async (payload, { query }) => {
      const { rows } = await query('select $1::text as name', [payload.name])
      worked.resolve(rows)
    },
  },
})
await runner.addJob('hello', { name: 'Ada' })
console.log(await worked.promise)
await runner.stop()
await pool.end()
process.exit(0)
