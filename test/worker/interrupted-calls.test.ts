/**
 * Calls that are interrupted at any moment, as by Ctrl-C in a REPL: `vm`'s time limit ends a script in the same way,
 * without running `finally`. After any interruption the next call gets its own answer, on the same session.
 */
import { expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'

const ROUNDS = 4

/** Each of these calls would run forever, or much longer than the time limit. */
const CALLS = [
  "for (;;) con.fetchval('select %s::int', [-7])",
  "for (;;) con.fetchval('select -8 from pg_sleep(0.002)')",
  "con.fetchval('select -9 from pg_sleep(30)')",
  "for (;;) con.fetchval('select %s::text', ['y'.repeat(1_000_000)])",
  "for (;;) con.fetchval('select %s::jsonb', [{ a: 'z'.repeat(20_000) }])",
  "for (;;) con.fetch('select i, repeat(chr(97), 100) from generate_series(1, 3000) i')",
  "for (;;) con.execute('select 1; select 2; select 3')",
  'for (let i = 0;; i++) con.fetchval(`select %s::int + ${i + Math.random()}`, [1])',
  "for (;;) con.executemany('insert into t values (%s)', Array.from({ length: 50 }, (_, i) => [String(i)]))",
  'con.transaction(() => { for (;;) con.fetchval("select 5") })',
  "con.transaction(() => { for (;;) for (const [i] of con.cursor().stream('select generate_series(1, 500)')) i })",
  "con.copyRecordsToTable('t', { schema: 'pg_temp', records: (function* () { for (;;) yield ['x'] })() })",
  "for (;;) con.copyFromQuery('select generate_series(1, 5000)', null, { output() {} })",
  "for (;;) con.execute(`do $$ begin for i in 1..9 loop raise notice '%', i; end loop; end $$`)",
  "for (;;) con.prepare('select $1::int').fetchval([1])",
]

const SCRIPT = `
import { Script } from 'node:vm'
import * as db from 'syncpg'
const { calls, rounds, dsn, ringBytes } = JSON.parse(process.argv.at(-1))
const con = globalThis.con = db.connect(dsn, { autocommit: true, ringBytes })
con.execute('create temporary table t (a text)')
const pid = con.fetchval('select pg_backend_pid()')
const scripts = calls.map((call) => new Script(call))
let tornCount = 0
for (let round = 0; round < rounds; round++) {
  for (const [index, script] of scripts.entries()) {
    try {
      script.runInThisContext({ timeout: 1 + Math.floor(Math.random() * 14) })
      console.log('ended by itself:', calls[index])
    } catch (error) {
      if (error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') tornCount += 1
      else console.log(calls[index], 'failed:', error)
    }
    // The event loop turns, as when the prompt returns.
    await new Promise(setImmediate)
    if (con.info.status !== 'idle') con.rollback()
    const asked = round * 1000 + index
    const answer = con.fetchrow('select %s::int, pg_backend_pid()', [asked]).toArray()
    if (answer[0] !== asked || answer[1] !== pid) console.log('after', calls[index], 'expected', asked, pid, 'got', answer)
  }
}
console.log(tornCount)
con.close()
`

test.each([4096, 1 << 20])(
  'calls that are interrupted at any moment leave the session usable, with a ring of %i bytes',
  async (ringBytes) => {
    const given = { calls: CALLS, rounds: ROUNDS, dsn: sharedServer().dsn({ transport: 'unix' }), ringBytes }
    const run = await runScript(SCRIPT, { args: [JSON.stringify(given)], timeoutMs: 60_000 })
    expect(run).toMatchObject({ stdout: `${ROUNDS * CALLS.length}\n`, stderr: '', status: 0 })
  },
  70_000,
)

/** Each statement is interrupted while the server runs it. The second one would end by itself after the rollback. */
const FIRST_STATEMENTS = `
import { Script } from 'node:vm'
import * as db from 'syncpg'
const dsn = process.argv.at(-1)
const con = globalThis.con = db.connect(dsn)
con.execute('create temporary table t (n int)')
con.commit()
const insert = 'insert into t select %s::int from pg_sleep(%s)'
// The statement is prepared here, so that later its BEGIN is sent together with it.
con.execute(insert, [0, 0])
con.rollback()
const pause = new Int32Array(new SharedArrayBuffer(4))
for (const [n, seconds, pauseMs] of [[1, 30, 0], [2, 0.4, 600]]) {
  globalThis.call = () => con.execute(insert, [n, seconds])
  try {
    new Script('call()').runInThisContext({ timeout: 300 })
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
  }
  await new Promise(setImmediate)
  if (n === 1) console.log(con.info.status)
  con.rollback()
  Atomics.wait(pause, 0, 0, pauseMs)
  con.execute('insert into t values (%s)', [-n])
  con.commit()
}
console.log(con.fetch('select n from t order by n').map(([n]) => n).join())
con.close()
`

test('rollback() undoes a transaction whose first statement was interrupted', async () => {
  const run = await runScript(FIRST_STATEMENTS, { args: [sharedServer().dsn({ transport: 'unix' })] })
  expect(run).toMatchObject({ stdout: 'failed\n-2,-1\n', stderr: '', status: 0 })
})

/** Stops at one of the moves of the channel until the time limit interrupts it there. */
const CLOSE = `
import { Script } from 'node:vm'
import * as db from 'syncpg'
const dsn = process.argv.at(-1)
const { compareExchange } = Atomics
let movesLeft = Infinity
Atomics.compareExchange = (...args) => {
  movesLeft -= 1
  while (movesLeft <= 0);
  return compareExchange(...args)
}
const look = db.connect(dsn, { autocommit: true })
const isThere = (pid) => look.fetchval('select count(*)::int from pg_stat_activity where pid = %s', [pid]) > 0
const kept = []
for (const move of [1, 2]) {
  const con = globalThis.con = db.connect(dsn)
  kept.push(con)
  const pid = con.fetchval('select pg_backend_pid()')
  movesLeft = move
  let code = ''
  try {
    new Script('con.close()').runInThisContext({ timeout: 50 })
  } catch (error) {
    ;({ code } = error)
  }
  movesLeft = Infinity
  await new Promise(setImmediate)
  con[Symbol.dispose]()
  const untilMs = Date.now() + 2000
  while (isThere(pid) && Date.now() < untilMs);
  console.log(code, con.closed, isThere(pid))
}
look.close()
`

test('a close() that was interrupted can be called again', async () => {
  const run = await runScript(CLOSE, { args: [sharedServer().dsn({ transport: 'unix' })] })
  const torn = 'ERR_SCRIPT_EXECUTION_TIMEOUT true false\n'
  expect(run).toMatchObject({ stdout: `${torn}${torn}`, stderr: '', status: 0 })
})
