// The cost of blocking: `npm run test:overhead`. Compares the blocking API with the async API, in one process and in
// turns, so that other work on the machine affects both: a cached `select 1` may take twice its time and 60 µs, and
// fetchall of 100,000 rows of 8 columns must reach 70 % of its throughput. Not part of `npm test`: the result depends
// too much on a shared machine.
import * as db from 'syncpg'
import { connect } from 'syncpg/async'

import { startServer } from '../support/postgres-server.mjs'

const ROUNDS = 15
const SMALL_CALLS = 2000
const BIG_ROWS = 100_000
const BIG = `select i as id, i::int8 * 2 as twice, i / 7.0::float8 as ratio, 'row ' || i as name, i % 2 = 0 as even,
  timestamptz '2024-01-01' + i * interval '1 s' as at, (i / 3.0)::numeric(12, 2) as price, i::text::bytea as bytes
  from generate_series(1, ${BIG_ROWS}) i`

const server = await startServer()
const dsn = server.dsn({ transport: 'unix' })
const blocking = db.connect(dsn, { autocommit: true })
const session = await connect(dsn)
try {
  await rehearse()
  const small = await measure(
    () => repeat(() => blocking.execute('select 1').fetchone()),
    async () => {
      for (let i = 0; i < SMALL_CALLS; i++) await session.fetchrow('select 1')
    },
  )
  const [syncUs, asyncUs] = [small.blocking, small.async].map((ms) => (ms * 1000) / SMALL_CALLS)
  report('select 1, cached', syncUs <= 2 * asyncUs + 60, `${us(syncUs)} beside ${us(asyncUs)}`)

  const big = await measure(
    () => void blocking.execute('select * from big').fetchall(),
    () => session.fetch('select * from big'),
  )
  const share = big.async / big.blocking
  const times = `${big.blocking.toFixed(0)} ms beside ${big.async.toFixed(0)} ms`
  report('100,000 rows of 8 columns', share >= 0.7, `${(share * 100).toFixed(0)} % of the throughput, ${times}`)
} finally {
  blocking.close()
  await session.close()
  await server.dispose()
}

async function rehearse() {
  blocking.execute(`create unlogged table big as ${BIG}`)
  repeat(() => blocking.execute('select 1').fetchone())
  for (let i = 0; i < SMALL_CALLS; i++) await session.fetchrow('select 1')
  blocking.execute('select * from big').fetchall()
  await session.fetch('select * from big')
}

function repeat(call) {
  for (let i = 0; i < SMALL_CALLS; i++) call()
}

/** @returns the median of the rounds, in milliseconds, of each. */
async function measure(runBlocking, runAsync) {
  const times = { blocking: [], async: [] }
  for (let round = 0; round < ROUNDS; round++) {
    let startedMs = performance.now()
    runBlocking()
    times.blocking.push(performance.now() - startedMs)
    startedMs = performance.now()
    await runAsync()
    times.async.push(performance.now() - startedMs)
  }
  return { blocking: median(times.blocking), async: median(times.async) }
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
}

function us(microseconds) {
  return `${microseconds.toFixed(0)} µs`
}

function report(name, isGood, words) {
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name}: ${words}`)
  if (!isGood) process.exitCode = 1
}
