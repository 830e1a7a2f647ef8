/**
 * Opens a number of connections, and measures the time to open each one, the memory of the process, and the time of a
 * `select 1`.
 */
import { readFileSync } from 'node:fs'
import { versionOf } from './package-version.mjs'

const SQL = 'select 1 as one'
const WARM_UP_MS = 400
/** With few connections 0.4 s are so many calls. V8 compiles the code during the first thousands, however many connections make them. */
const WARM_UP_CALLS = 8000
const MEASURED_MS = 600
const WHOLE_TURNS = 3

const { peer, target, count } = JSON.parse(process.env.SYNCPG_BENCH_JOB)

const OPENERS = { syncpg: openBlocking, 'syncpg/async': openPool, pg: openPgPool }
const [face] = peer.name.split('@')
// Loading the package and starting its worker counts for the first connection only.
const { openAll, closeAll } = await OPENERS[face]()

const startedAtMs = performance.now()
const asks = await openAll()
const openMs = (performance.now() - startedAtMs) / count
const selectUs = await inTurn(asks)
// Every connection has been used, so the memory includes the buffers that it keeps.
globalThis.gc()
const rssMb = residentMb()
await closeAll()
process.stdout.write(JSON.stringify({ version: versionOf(peer), openMs, rssMb, selectUs }))

async function openBlocking() {
  const { connect } = await import(new URL('index.js', peer.dist).href)
  const connections = []
  const openAll = () => {
    for (let i = 0; i < count; i += 1) connections.push(connect(target.dsn, { autocommit: true }))
    return connections.map((con) => () => con.execute(SQL).fetchone())
  }
  return { openAll, closeAll: () => connections.forEach((con) => con.close()) }
}

async function openPool() {
  const { createPool } = await import(new URL('async.js', peer.dist).href)
  let pool
  let connections
  const openAll = async () => {
    pool = await createPool(target.dsn, { minSize: count, maxSize: count })
    connections = await Promise.all(Array.from({ length: count }, () => pool.acquire()))
    return connections.map((con) => () => con.fetchrow(SQL))
  }
  const closeAll = async () => {
    await Promise.all(connections.map((con) => pool.release(con)))
    await pool.close()
  }
  return { openAll, closeAll }
}

async function openPgPool() {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ ...target, max: count })
  let clients
  const openAll = async () => {
    clients = await Promise.all(Array.from({ length: count }, () => pool.connect()))
    return clients.map((client) => async () => (await client.query({ name: 'one', text: SQL, values: [] })).rows[0])
  }
  const closeAll = async () => {
    for (const client of clients) client.release()
    await pool.end()
  }
  return { openAll, closeAll }
}

/**
 * Uses all connections, one after the other, several times. @returns microseconds for one call, without the first
 * turns
 */
async function inTurn(asks) {
  await turns(asks, WARM_UP_MS, WARM_UP_CALLS)
  globalThis.gc()
  return turns(asks, MEASURED_MS, 0)
}

async function turns(asks, leastMs, leastCalls) {
  const beganAtMs = performance.now()
  const isEnough = (asked) => asked >= leastCalls && performance.now() - beganAtMs >= leastMs
  let asked = 0
  for (let turn = 0; turn < WHOLE_TURNS || !isEnough(asked); turn += 1) {
    for (const ask of asks) {
      const given = ask()
      const row = given instanceof Promise ? await given : given
      if (row.one !== 1) throw new Error(`it answered ${JSON.stringify(row)}, expected 1`)
      asked += 1
    }
  }
  return ((performance.now() - beganAtMs) * 1000) / asked
}

/** The memory of the process now. Without /proc it comes from `process.memoryUsage`. */
function residentMb() {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  } catch {
    return process.memoryUsage.rss() / 2 ** 20
  }
}
