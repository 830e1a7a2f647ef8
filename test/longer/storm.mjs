// A storm over the blocking channel: `npm run storm -- [--calls n] [--seconds n] [--seed n] [--rounds name,…]`. At
// least a million calls with known answers, on 1, 2, 8 and 50 connections, in one thread and in four Workers, with
// other work on the machine. Every value is full of bytes that look like messages of the server. Notifications,
// notices, time limits, cancels, COPY, cursors, transactions, interrupted calls, killed backends and lost connections
// alternate at random. A watchdog ends a round when a call takes 30 s. Exit status 0 only when nothing was wrong. The
// same seed gives the same walk, but the timing depends on the machine. Not part of `npm test`: it takes half an hour.
import { fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import pg from 'pg'

import { startServer } from '../support/postgres-server.mjs'
import { storedValues } from './storm/forged-bytes.mjs'
import { FATE } from './storm/fate.mjs'
import { FAULTS, addTally, newTally } from './storm/tally.mjs'

const HANG_MS = 30_000
/** A server ends a session within this time after its connection is closed. */
const GONE_MS = 2000
/** A round that runs so much longer than its time hangs between two calls. */
const OVERTIME_MS = 120_000
/** Memory may grow by this much after the first third of a round, because of caches and the garbage collector. */
const MOST_GROWTH_MB = 100
/** And by this much for each connection, whose shared memory comes into use little by little. */
const GROWTH_OF_CONNECTION_MB = 1.4
const BUSY_PROCESSES = 2
const ROUNDS = [false, true].flatMap((workers) =>
  [1, 2, 8, 50].map((connections) => ({
    name: `${workers ? 'workers' : 'main'}-${connections}`,
    workers,
    connections,
  })),
)

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    rounds: { type: 'string', default: ROUNDS.map(({ name }) => name).join() },
    calm: { type: 'boolean', default: false },
  },
})
const seed = Number(options.seed)
const rounds = ROUNDS.filter(({ name }) => options.rounds.split(',').includes(name))
const total = { ...newTally(), hangs: 0, commitsLost: 0, commitsInvented: 0, sessionsLeft: 0, growthMb: 0, swollen: 0 }

console.log(`storm: ${options.calls} calls, seed ${seed}`)
const server = await startServer({
  tls: true,
  hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust',
  settings: { max_connections: '300' },
})
const dsns = Object.fromEntries(['unix', 'tcp', 'tls'].map((transport) => [transport, server.dsn({ transport })]))
const referee = new pg.Client({ connectionString: server.dsn({ transport: 'tcp' }) })
await referee.connect()
try {
  await makeTables()
  for (const [index, round] of rounds.entries()) await runRound(round, index)
} finally {
  await referee.end()
  await server.dispose()
}
process.exitCode = report() ? 0 : 1

async function makeTables() {
  await referee.query(`
    create unlogged table storm_ledger (owner int, n int, primary key (owner, n));
    create table storm_value (id int primary key, body bytea);
    create function storm_say(number int, count int, size int) returns int language plpgsql as $$
      begin
        for i in 1..count loop raise notice '% % %', number, i, repeat('x', size); end loop;
        return number;
      end $$;
    create function storm_say_and_sleep(seconds int) returns int language plpgsql as $$
      begin raise notice 'said'; perform pg_sleep(seconds); return 0; end $$`)
  for (const [id, body] of storedValues(seed).entries()) {
    await referee.query('insert into storm_value values ($1, $2)', [id, body])
  }
}

async function runRound(round, index) {
  const startedMs = Date.now()
  const { name, workers, connections } = round
  const threads = workers ? 4 : 1
  const owner = (index + 1) * 8
  const seconds = Number(options.seconds) / rounds.length
  const calls = Math.ceil(Number(options.calls) / rounds.length)
  const plan = { label: name, workers, threads, owner, seed, connections, calls, seconds, dsns, hangMs: HANG_MS }
  const busy = options.calm ? [] : startBusyProcesses()
  const outcome = await runProcess(plan, index % 2 === 1)
  for (const process of busy) process.disconnect()
  if (outcome === null) {
    total.hangs += 1
    return
  }
  const tally = newTally()
  for (const [thread, { tally: own, fates }] of outcome.results.entries()) {
    addTally(tally, own)
    await checkLedger(owner + thread, fates)
  }
  total.sessionsLeft += outcome.left
  // All threads measure the memory of the same process, at different times.
  const early = Math.max(...outcome.results.map((result) => result.tally.rssEarlyMb))
  const late = Math.max(...outcome.results.map((result) => result.tally.rssMb))
  if (early > 0) total.growthMb = Math.max(total.growthMb, late - early)
  if (early > 0 && late - early > MOST_GROWTH_MB + connections * threads * GROWTH_OF_CONNECTION_MB) total.swollen += 1
  addTally(total, tally)
  const wrong = Object.values(tally.faults).reduce((sum, count) => sum + count, 0)
  const took = ((Date.now() - startedMs) / 1000).toFixed(0)
  console.log(
    `${name}: ${tally.calls} calls in ${took} s, ${tally.fast} on the fast path, ${tally.tears} interrupted, ${tally.kills} kills, longest ${tally.longestMs.toFixed(0)} ms, ${early} → ${late} MB, ${wrong} faults, ${outcome.left} sessions left`,
  )
}

function startBusyProcesses() {
  const path = fileURLToPath(new URL('storm/busy.mjs', import.meta.url))
  return Array.from({ length: BUSY_PROCESSES }, () => fork(path))
}

/** @returns the message of the round, and how many of its sessions are left; null when it hung or died */
async function runProcess(plan, isNice) {
  const path = fileURLToPath(new URL('storm/round.mjs', import.meta.url))
  const args = ['--no-warnings', path, JSON.stringify(plan)]
  const [command, all] = isNice ? ['nice', ['-n', '10', process.execPath, ...args]] : [process.execPath, args]
  const child = spawn(command, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const overtime = setTimeout(() => child.kill('SIGKILL'), plan.seconds * 1000 + OVERTIME_MS)
  const message = new Promise((resolve) => child.once('message', resolve))
  const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  const outcome = await Promise.race([message, exit])
  clearTimeout(overtime)
  if (outcome.results === undefined) {
    console.log(`${plan.label}: ended with ${outcome.code ?? outcome.signal}, seed ${seed}`)
    return null
  }
  const left = await countLeft()
  child.send('end')
  await exit
  return { ...outcome, left }
}

/** Waits until no session of the round is on the server, for two seconds at the most. */
async function countLeft() {
  const sql = "select application_name, state, query from pg_stat_activity where application_name like 'storm %'"
  const untilMs = Date.now() + GONE_MS
  for (;;) {
    const { rows } = await referee.query(sql)
    if (rows.length === 0) return 0
    if (Date.now() > untilMs) {
      for (const row of rows.slice(0, 5)) console.log(`  left on the server: ${JSON.stringify(row)}`)
      return rows.length
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Compares the rows on the server with those that the walk expects. */
async function checkLedger(owner, fates) {
  const { rows } = await referee.query({
    text: 'select n from storm_ledger where owner = $1',
    values: [owner],
    rowMode: 'array',
  })
  const there = new Set(rows.map(([number]) => number))
  for (const [number, fate] of [...fates].entries()) {
    if (fate === FATE.committed && !there.has(number)) {
      total.commitsLost += 1
      console.log(`  row ${number} of thread ${owner} was committed, and is not there`)
    }
    if (fate === FATE.rolledBack && there.has(number)) {
      total.commitsInvented += 1
      console.log(`  row ${number} of thread ${owner} was rolled back, and is there`)
    }
  }
}

/** @returns whether all is well */
function report() {
  const rest = Math.max(0, total.calls - total.fast - total.begunHere - total.byWorker)
  console.log(`
calls                 ${total.calls}, seed ${seed}
  on the fast path    ${total.fast}
  begun there         ${total.begunHere}, and left to the worker
  by the worker       ${total.byWorker}${rest > 0 ? `, ${rest} others` : ''}
longest call          ${total.longestMs.toFixed(0)} ms: ${total.longestCall}
connects              ${total.connects}, ${total.collected} connections collected as garbage
interrupted           ${total.tears}, ${total.lostByTear} of them lost the connection, as they may
kills                 ${total.kills}
limits, cancels       ${total.limits} limits struck, ${total.cancels} cancels
notifications         ${total.heard} heard
ledger                ${total.committed} committed, ${total.rolledBack} rolled back, ${total.unknown} unknown
memory                grew by ${total.growthMb} MB at most`)
  const faults = Object.entries(FAULTS).map(([name, label]) => [label, total.faults[name]])
  faults.push(
    ['hangs', total.hangs],
    ['commits lost', total.commitsLost],
    ['commits invented', total.commitsInvented],
    ['sessions left at the end', total.sessionsLeft],
    ['rounds whose memory grew too much', total.swollen],
  )
  for (const [label, count] of faults) console.log(`${count === 0 ? 'ok  ' : 'FAIL'} ${label}: ${count}`)
  return faults.every(([, count]) => count === 0)
}
