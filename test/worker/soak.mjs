/**
 * A long walk at random over the channel: `npm run soak -- [minutes] [seed]`, ten minutes unless told, after values of 64
 * and 100 MB there and back. Several connections with rings of different sizes share a worker; parameters, results, batches,
 * COPY, failures and notices of random sizes alternate, and everything that comes back is compared. Ends with code 1 at
 * the first difference; a call that hangs ends the run as well. Give the same seed to walk the same way.
 */
/* oxlint-disable no-console -- a program that talks to its terminal. */
import { Worker } from 'node:worker_threads'

import { connect } from 'syncpg'
import { startServer } from '../support/postgres-server.mjs'

const minutes = Number(process.argv[2] ?? 10)
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31))
const HANG_MS = 60_000

let state = seed === 0 ? 1 : seed
function random() {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state >>> 0
}
const randomSize = (most) => Math.floor(Math.exp((random() / 2 ** 32) * Math.log(most))) || 1
const pick = (list) => list[random() % list.length]

function randomBytes(size) {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let index = 0; index < words.length; index++) words[index] = random()
  return Buffer.from(words.buffer, 0, size)
}

function demand(isTrue, what) {
  if (!isTrue) throw new Error(`${what}, at step ${steps} of seed ${seed}`)
}

function demandEcho(con, size) {
  const sent = randomBytes(size)
  demand(con.fetchval('select $1::bytea', [sent])?.equals(sent), `${size} bytes changed`)
}

const strides = {
  echo(con) {
    demandEcho(con, randomSize(random() % 50 === 0 ? 32 << 20 : 200_000))
  },
  rows(con) {
    const sizes = Array.from({ length: randomSize(3000) }, () => randomSize(5000))
    const cursor = con.execute('select size, repeat(chr(97 + size % 26), size) from unnest($1::int[]) size', [sizes])
    // Some results are left half fetched.
    let left = random() % 4 === 0 ? randomSize(sizes.length) : Infinity
    let index = 0
    for (const [size, text] of cursor) {
      demand(
        size === sizes[index] && text === String.fromCharCode(97 + (size % 26)).repeat(size),
        `row ${index} is wrong`,
      )
      index += 1
      if (--left === 0) break
    }
    demand(left <= 0 || index === sizes.length, 'rows are missing')
  },
  batch(con) {
    const count = randomSize(5000)
    const text = 'b'.repeat(randomSize(300))
    con.execute('truncate walk')
    con.executemany(
      'insert into walk values ($1, $2)',
      Array.from({ length: count }, (_, index) => [index, text]),
    )
    demand(con.fetchval('select count(*) from walk') === BigInt(count), 'elements are missing')
  },
  copy(con) {
    const count = randomSize(20_000)
    con.execute('truncate walk')
    demand(
      con.copyRecordsToTable('walk', { records: Array.from({ length: count }, (_, index) => [index, null]) }) === count,
      'records are missing',
    )
  },
  failure(con) {
    try {
      con.fetch(`select repeat('f', ${randomSize(20_000)}), 1 / (500 - i) from generate_series(1, 1000) i`)
    } catch (error) {
      demand(error.sqlstate === '22012', `another failure: ${error.message}`)
      return
    }
    demand(false, 'no failure')
  },
  notices(con) {
    let count = 0
    const listener = () => (count += 1)
    con.addNoticeListener(listener)
    const wanted = randomSize(300)
    con.execute(
      `do $$ begin for i in 1..${wanted} loop raise notice '%', repeat('n', ${randomSize(2000)}); end loop; end $$`,
    )
    con.removeNoticeListener(listener)
    demand(count === wanted, `${count} notices of ${wanted}`)
  },
  idle() {
    // Longer than the worker's grace on the bell, now and then, so that it is found in its event loop.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pick([0, 1, 99, 100, 101, 150]))
  },
}

// The main thread sleeps in the calls it makes: only another thread can tell a hang.
const progress = new Int32Array(new SharedArrayBuffer(4))
const guard = new Worker(
  `const { workerData: { progress, limitMs, seed } } = require('node:worker_threads')
   let seen = -1
   setInterval(() => {
     const now = Atomics.load(progress, 0)
     if (now === seen) {
       require('node:fs').writeSync(2, 'step ' + now + ' of seed ' + seed + ' hangs\\n')
       process.kill(process.pid, 'SIGKILL')
     }
     seen = now
   }, limitMs)`,
  { eval: true, workerData: { progress, limitMs: HANG_MS, seed } },
)
guard.unref()

let steps = 0
console.log(`soak: ${minutes} minutes, seed ${seed}`)
const server = await startServer()
const options = { autocommit: true }
const connections = [4096, 8192, 65_536, undefined].map((ringBytes, index) => {
  const dsn = server.dsn({ transport: index % 2 === 0 ? 'unix' : 'tcp' })
  const con = connect(dsn, ringBytes === undefined ? options : { ...options, ringBytes })
  con.execute('create temporary table walk (a int, b text)')
  return con
})
const counts = {}
try {
  // The largest values, through every ring, before the walk.
  for (const con of connections) {
    for (const size of [64 << 20, (64 << 20) - 27, 100 << 20]) {
      demandEcho(con, size)
      Atomics.add(progress, 0, 1)
    }
  }
  for (const endMs = Date.now() + minutes * 60_000; Date.now() < endMs; steps += 1) {
    const name = pick(Object.keys(strides))
    strides[name](pick(connections))
    counts[name] = (counts[name] ?? 0) + 1
    Atomics.add(progress, 0, 1)
    if (steps % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const con of connections) con.close()
  console.log(`${steps} steps without a difference:`, counts)
} finally {
  await server.dispose()
}
