// Interrupts a call at every place where the two threads can meet: `npm run test:tears [-- name]`. Each call is made
// many times. It stops before, or after, its first, second, third … touch of the shared memory or the socket, until
// `vm`'s time limit ends it there, as Ctrl-C does in a REPL. The connection must then roll back and give its own
// answers, a closed connection must leave the server, and another connection must not notice. Not part of `npm test`:
// it takes minutes.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Script } from 'node:vm'

import { startServer } from '../support/postgres-server.mjs'

/** This is mostly longer than a call takes until its last touch. */
const TEAR_MS = 12
/** After this time without use, a lent socket goes back to the worker. */
const RECLAIMED_MS = 60
const GONE_MS = 2000
/** The first call after an interrupted one may have to cancel a statement, and wait for its end. */
const LONGEST_MS = 1500
/** A call that sleeps touches the memory at each slice, so some have no last touch. */
const MOST_TOUCHES = 400
/** Errors that the documentation allows, because it is unknown how much of a request was sent. */
const LOST_BY_TEAR = 'sent or answered in part'

let touchesLeft = Infinity
let isBefore = true
let place = ''

/** Makes a function stop at the chosen touch. */
function touching(name, real) {
  return (...args) => {
    touchesLeft -= 1
    if (touchesLeft === 0 && isBefore) standStill(name, args)
    const value = real(...args)
    if (touchesLeft === 0) standStill(name, args)
    return value
  }
}

function standStill(name, [, index]) {
  place = `${isBefore ? 'before' : 'after'} ${name}${typeof index === 'number' ? ` of word ${index}` : ''}`
  for (;;);
}

// This must run before syncpg is loaded.
for (const name of ['load', 'store', 'exchange', 'compareExchange', 'notify', 'wait', 'add']) {
  Atomics[name] = touching(name, Atomics[name])
}
for (const name of ['readSync', 'writeSync', 'fstatSync']) fs[name] = touching(name, fs[name])
syncBuiltinESMExports()
const db = await import('syncpg')

const server = await startServer()
const dsn = server.dsn({ transport: 'unix' })
const look = db.connect(dsn, { autocommit: true })
look.execute('create table torn (n int)')
const pause = new Int32Array(new SharedArrayBuffer(4))
const script = new Script('tornCall()')
const turn = () => new Promise(setImmediate)
let number = 0
let tears = 0
let lost = 0
let faults = 0

const isCommitted = () => look.fetchval('select count(*)::int from torn where n = %s', [number]) > 0
const insert = (con) => con.execute('insert into torn values (%s)', [number])

/** The calls that are interrupted. `check` looks at the state after a rollback. It returns a fault, or null. */
const CALLS = {
  select: { run: (con) => con.fetchval('select %s::int', [number]) },
  insert: { run: insert, check: () => (isCommitted() ? 'was rolled back, and is committed' : null) },
  autocommitted: { isAutocommit: true, run: insert },
  commit: { prepare: insert, run: (con) => con.commit() },
  large: { run: (con) => con.fetchval('select %s::text', ['y'.repeat(400_000)]) },
  medium: { run: (con) => con.fetchval('select %s::text', ['y'.repeat(10_000)]) },
  stream: {
    run(con) {
      for (const row of con.cursor().stream('select generate_series(1, 300)', null, { size: 100 })) void row
    },
  },
  copyIn: { run: (con) => con.copyRecordsToTable('torn', { records: [[-5], [-6]] }) },
  copyOut: { run: (con) => con.copyFromQuery('select 1', null, { output() {} }) },
  many: { run: (con) => con.executemany('insert into torn values (%s)', [[-7], [-8]]) },
  notices: { run: (con) => con.execute("do $$ begin raise notice 'a'; raise notice 'b'; end $$") },
  notify: {
    isAutocommit: true,
    run: (con) => con.fetchval("select pg_notify('torn', %s)", [String(number)]),
    check(con) {
      const heard = con.poll().filter(({ payload }) => payload === String(number)).length
      return heard > 1 ? `was heard ${heard} times` : null
    },
  },
  limit: {
    run(con) {
      try {
        con.execute('select pg_sleep(1)', null, { timeout: 3 })
      } catch (error) {
        if (!(error instanceof db.QueryTimeoutError)) throw error
      }
    },
  },
}

function open({ isAutocommit = false, run }) {
  const con = db.connect(dsn, { autocommit: isAutocommit })
  if (isAutocommit) con.listen('torn')
  // Prepares its statements, so that the interrupted call makes no trip that the later ones do not.
  run(con)
  con.rollback()
  con.poll()
  return con
}

/** @returns whether the call was interrupted */
function tearOff(touch, call) {
  globalThis.tornCall = () => {
    touchesLeft = touch
    try {
      call()
    } finally {
      touchesLeft = Infinity
    }
  }
  place = 'in its sleep'
  try {
    script.runInThisContext({ timeout: TEAR_MS })
    return false
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    tears += 1
    return true
  } finally {
    touchesLeft = Infinity
  }
}

function complain(name, touch, what) {
  faults += 1
  console.log(`${name}, interrupted at touch ${touch}, ${place}: ${what}`)
}

/** @returns a fault of a connection whose call was interrupted, or null */
function examine(con, pid, check) {
  const startedMs = performance.now()
  con.rollback()
  const [answer, ownPid] = con.fetchrow('select %s::int, pg_backend_pid()', [number])
  if (answer !== number || ownPid !== pid) return `asked for ${number} of ${pid}, got ${answer} of ${ownPid}`
  // Work of the interrupted call must not be part of this transaction.
  con.commit()
  const ms = performance.now() - startedMs
  if (ms > LONGEST_MS) return `the next calls took ${ms.toFixed(0)} ms`
  return con.info.status === 'idle' ? (check?.(con) ?? null) : `the status is ${con.info.status}`
}

/** Interrupts one of the calls at every touch. `isLent`: whether the caller may take the socket for it. */
async function tearCall(name, isLent) {
  const call = CALLS[name]
  let con = open(call)
  for (let touch = 1, isTorn = true; isTorn && touch <= MOST_TOUCHES; touch++) {
    number += 1
    const pid = con.info.backendPid
    con.fetchval('select %s::int', [number])
    con.rollback()
    if (!isLent) Atomics.wait(pause, 0, 0, RECLAIMED_MS)
    call.prepare?.(con)
    isTorn = tearOff(touch, () => call.run(con))
    await turn()
    try {
      const wrong = examine(con, pid, isTorn ? call.check : null)
      if (wrong !== null) complain(name, touch, wrong)
    } catch (error) {
      if (error.message.includes(LOST_BY_TEAR)) lost += 1
      else complain(name, touch, `${error.name}: ${error.message}`)
      con[Symbol.dispose]()
      con = open(call)
    }
  }
  con.close()
}

/** @returns whether the sessions of that name leave the server in time */
function leave(applicationName) {
  const untilMs = Date.now() + GONE_MS
  const sql = 'select count(*)::int from pg_stat_activity where application_name = %s'
  while (look.fetchval(sql, [applicationName]) > 0) if (Date.now() > untilMs) return false
  return true
}

/** Interrupts `connect()` or `close()` at every touch: the session must not stay. */
async function tearEnds(isConnect) {
  const name = isConnect ? 'connect' : 'close'
  const kept = []
  for (let touch = 1, isTorn = true; isTorn && touch <= MOST_TOUCHES; touch++) {
    number += 1
    const applicationName = `torn ${number}`
    const connect = () => db.connect(dsn, { applicationName })
    let con = isConnect ? null : connect()
    con?.fetchval('select 1')
    isTorn = tearOff(touch, () => {
      if (isConnect) con = connect()
      else con.close()
    })
    if (look.fetchval('select %s::int', [number]) !== number) complain(name, touch, 'another answer beside it')
    await turn()
    con?.[Symbol.dispose]()
    // It must not leave because it is collected as garbage.
    kept.push(con)
    if (!leave(applicationName)) complain(name, touch, 'its session stays on the server')
  }
}

const [only] = process.argv.slice(2)
const wants = (name) => only === undefined || only === name
try {
  for (isBefore of [true, false]) {
    for (const name of Object.keys(CALLS).filter(wants)) {
      await tearCall(name, true)
      await tearCall(name, false)
    }
    for (const name of ['connect', 'close'].filter(wants)) await tearEnds(name === 'connect')
    console.log(`${tears} calls interrupted, ${faults} faults, ${lost} connections lost, as they may`)
  }
} finally {
  look.close()
  await server.dispose()
}
process.exit(faults === 0 ? 0 : 1)
