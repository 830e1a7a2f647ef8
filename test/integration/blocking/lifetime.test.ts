/** How connections of the blocking face begin and end: processes that exit, dispose, two at once, long pauses, notices. */
import * as db from 'syncpg'
import { describe, expect, test } from 'vitest'

import { runScript } from '../../support/run-script.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

const dsn = (): string => sharedServer().dsn()

async function outputOf(program: string): Promise<string> {
  const run = await runScript(program, { env: { DSN: dsn() } })
  expect([run.stderr, run.status]).toEqual(['', 0])
  return run.stdout
}

describe('a process ends by itself', () => {
  test.each([
    ['after close()', 'con.close()'],
    ['without close()', ''],
    ['inside an open transaction', "con.execute('select pg_current_xact_id()')"],
    ['in a failed transaction', "try { con.execute('select 1/0') } catch {}"],
    ['with a cursor half fetched', "con.execute('select generate_series(1, 100000)').fetchone()"],
    ['with a second connection open', 'db.connect(process.env.DSN).execute("select 1")'],
    ['by process.exit', 'process.exit(0)'],
    [
      'after a pause in which the event loop ran',
      'await new Promise((done) => setTimeout(done, 300)); con.fetchval("select 1")',
    ],
  ])('%s', async (_name, end) => {
    const program = `import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
console.log(con.fetchval('select 42'))
${end}`
    expect(await outputOf(program)).toBe('42\n')
  })

  test('with an uncaught error, which is shown, and the server gets a Terminate message', async () => {
    const program = `import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
console.log(con.info.backendPid)
throw new Error('the program failed')`
    const run = await runScript(program, { env: { DSN: dsn() } })
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('the program failed')])
    const sql = 'select count(*)::int as count from pg_stat_activity where pid = $1'
    // The Terminate message is sent before the process ends. The server's process needs a moment to end.
    await expect.poll(() => askServer(sharedServer(), sql, [Number(run.stdout)])).toEqual([{ count: 0 }])
  })
})

describe('ways to load it', () => {
  test('require from CommonJS', async () => {
    const program = `import { createRequire } from 'node:module'
const db = createRequire(process.cwd() + '/x.cjs')('syncpg')
const con = db.connect(process.env.DSN)
console.log(con.fetchval('select %s', [42]), db.apilevel, db.paramstyle, db.threadsafety)`
    const run = await runScript(program, { env: { DSN: dsn() } })
    expect([run.stdout, run.status]).toEqual(['42 2.0 pyformat 1\n', 0])
  })

  test('a program that uses import in one part and require in another has one instance and one worker', async () => {
    const program = `import { createRequire } from 'node:module'
let workers = 0
process.on('worker', () => workers++)
const imported = await import('syncpg')
const async = await import('syncpg/async')
const require = createRequire(process.cwd() + '/x.cjs')
const [required, requiredAsync, shape] = ['syncpg', 'syncpg/async', 'syncpg/sqlite-shape'].map((name) => require(name))
const connections = [imported.connect(process.env.DSN), required.connect(process.env.DSN)]
const databases = [new shape.DatabaseSync(process.env.DSN)]
await new Promise(setImmediate)
class Mine extends required.DataError {}
imported.registerSqlstate('ZZ001', Mine)
const con = await requiredAsync.connect(process.env.DSN)
const errors = []
const fail = "do $$ begin raise exception using errcode = 'ZZ001', message = 'mine'; end $$"
for (const each of connections) try { each.execute(fail) } catch (error) { errors.push(error) }
await con.execute(fail).catch((error) => errors.push(error))
console.log(workers, connections.every((each) => each instanceof imported.Connection && each instanceof required.Connection))
console.log(con instanceof async.Connection, errors.length, errors.every((error) => error instanceof Mine && error instanceof async.DataError))
await con.close()
for (const each of [...connections, ...databases]) each.close()`
    expect(await outputOf(program)).toBe('1 true\ntrue 3 true\n')
  })

  test('inside a Worker while the main thread has a connection too', async () => {
    const program = `import { Worker } from 'node:worker_threads'
import { connect } from 'syncpg'
const con = connect(process.env.DSN)
const code = "import('syncpg').then(({ connect }) => {" +
  " const con = connect(process.env.DSN); console.log('worker ' + con.fetchval('select 1')); con.close() })"
const worker = new Worker(code, { eval: true, execArgv: [] })
worker.on('exit', (code) => console.log('main ' + con.fetchval('select 2') + ' after ' + code))`
    expect(await outputOf(program)).toBe('worker 1\nmain 2 after 0\n')
  })

  test('both APIs share their classes of errors and values', async () => {
    const program = `import * as blocking from 'syncpg'
import * as async from 'syncpg/async'
console.log(blocking.DataError === async.DataError, blocking.PgDate === async.PgDate, blocking.Record === async.Record)`
    expect(await outputOf(program)).toBe('true true true\n')
  })
})

describe('closing', () => {
  test('a second close() is an InterfaceError, and dispose after it does nothing', () => {
    const con = db.connect(dsn())
    con.close()
    expect(() => con.close()).toThrow(db.InterfaceError)
    con[Symbol.dispose]()
    expect([con.closed, con.info.status]).toEqual([true, 'closed'])
  })

  test('dispose rolls back, also a failed transaction, and ends the session on the server', async () => {
    const con = db.connect(dsn())
    const { backendPid } = con.info
    expect(() => con.execute('select 1/0')).toThrow(db.DivisionByZeroError)
    con[Symbol.dispose]()
    con[Symbol.dispose]()
    expect(() => con.execute('select 1')).toThrow(db.InterfaceError)
    const sql = 'select count(*)::int as count from pg_stat_activity where pid = $1'
    await expect.poll(() => askServer(sharedServer(), sql, [backendPid])).toEqual([{ count: 0 }])
  })

  test('cursors of a closed connection are closed, and closing them in a finally hides no error', () => {
    const con = db.connect(dsn())
    const cursor = con.execute('select generate_series(1, 3)')
    con.close()
    expect(cursor.closed).toBe(true)
    expect(() => cursor.fetchone()).toThrow(db.InterfaceError)
    expect(() => cursor.execute('select 1')).toThrow(db.InterfaceError)
    cursor.close()
    cursor.close()
  })

  test('a closed cursor refuses all calls, and its connection stays usable', () => {
    const con = db.connect(dsn())
    try {
      const cursor = con.execute('select 1')
      cursor.close()
      const uses = [
        () => cursor.fetchone(),
        () => cursor.fetchall(),
        () => cursor.nextset(),
        () => cursor.execute('select 1'),
      ]
      for (const use of uses) expect(use).toThrow(db.InterfaceError)
      expect(con.fetchval('select 1')).toBe(1)
    } finally {
      con.close()
    }
  })

  test('a program that closed one of two connections goes on with the other', () => {
    const [one, two] = [db.connect(dsn()), db.connect(dsn())]
    one.execute('select 1')
    two.execute('select 2')
    one.close()
    expect(two.fetchval('select 3')).toBe(3)
    two.close()
  })
})

describe('two connections of one thread', () => {
  test('are two sessions with transactions of their own', () => {
    const [one, two] = [db.connect(dsn()), db.connect(dsn(), { autocommit: true })]
    try {
      expect(one.info.backendPid).not.toBe(two.info.backendPid)
      one.execute('create temporary table mine (a int)')
      expect(() => two.execute('select * from mine')).toThrow(db.UndefinedTableError)
      for (let round = 0; round < 300; round++) {
        expect([one.fetchval('select %s', [round]), two.fetchval('select %s', [-round - 1])]).toEqual([
          round,
          -round - 1,
        ])
      }
      expect([one.info.status, two.info.status]).toEqual(['in-transaction', 'idle'])
    } finally {
      one.close()
      two.close()
    }
  })

  test('fifty at once', () => {
    const connections = Array.from({ length: 50 }, () => db.connect(sharedServer().dsn({ transport: 'unix' })))
    try {
      const answers = connections.map((con, index) => con.fetchval('select %s', [index]))
      expect(answers).toEqual(connections.map((_, index) => index))
    } finally {
      for (const con of connections) con.close()
    }
  })
})

describe('a worker that gets no calls', () => {
  /** Blocks the thread without a turn of the event loop, as a busy program does. */
  const sleep = (ms: number): void => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  }

  // The worker waits at the doorbell for 100 ms and then goes back to its event loop. A heartbeat that is missing for
  // 1000 ms is suspicious.
  test.each([0, 50, 90, 95, 99, 100, 101, 105, 110, 150, 1100])('for %i ms answers the next statement', (pauseMs) => {
    const con = db.connect(dsn(), { autocommit: true })
    try {
      for (const answer of [1, 2, 3]) {
        expect(con.fetchval('select %s', [answer])).toBe(answer)
        sleep(answer === 3 ? 0 : pauseMs)
      }
      // A request that is too long for the request area goes through the control plane, which must reach the worker
      // too.
      sleep(pauseMs)
      const long = 'x'.repeat(1_000_000)
      expect(con.fetchval('select %s::text', [long]) === long).toBe(true)
    } finally {
      con.close()
    }
  })

  test('notices of a long statement arrive in order while it runs, and `messages` has those of the last call', () => {
    const con = db.connect(dsn(), { autocommit: true })
    const heard: { readonly text: string; readonly atMs: number }[] = []
    const startedMs = performance.now()
    con.addNoticeListener((notice) => heard.push({ text: notice.message, atMs: performance.now() - startedMs }))
    try {
      con.execute("do $$ begin for i in 1..4 loop raise notice 'step %', i; perform pg_sleep(0.2); end loop; end $$")
      const endedMs = performance.now() - startedMs
      expect(heard.map(({ text }) => text)).toEqual(['step 1', 'step 2', 'step 3', 'step 4'])
      expect(heard.every(({ atMs }, index) => endedMs - atMs >= (4 - index) * 200 - 50)).toBe(true)
      expect(con.messages.map(([, notice]) => notice.message)).toEqual(['step 1', 'step 2', 'step 3', 'step 4'])
      expect(con.messages[0]?.[0]).toBe(con.messages[0]?.[1].constructor)
      con.execute("do $$ begin raise warning 'careful'; end $$")
      expect(con.messages.map(([, notice]) => notice.message)).toEqual(['careful'])
      expect(con.messages[0]?.[1]).toBeInstanceOf(db.Warning)
    } finally {
      con.close()
    }
  })

  test('the error of a notice listener is thrown unchanged, and the next call gets its own answer', () => {
    const con = db.connect(dsn(), { autocommit: true })
    const mishap = new RangeError('the listener failed')
    const listener = (): never => {
      throw mishap
    }
    con.addNoticeListener(listener)
    try {
      const loud = "do $$ begin raise notice 'loud'; perform pg_sleep(0.2); raise notice 'again'; end $$"
      expect(() => con.execute(loud)).toThrow(mishap)
      con.removeNoticeListener(listener)
      expect(con.fetchval('select 7')).toBe(7)
      expect(con.info.status).toBe('idle')
    } finally {
      con.close()
    }
  })

  test('a notice listener may not use its connection, and may use another', () => {
    const [con, other] = [db.connect(dsn(), { autocommit: true }), db.connect(dsn(), { autocommit: true })]
    const seen: unknown[] = []
    con.addNoticeListener(() => {
      try {
        con.fetchval('select 1')
      } catch (error) {
        seen.push(error)
      }
      seen.push(other.fetchval('select 2'))
    })
    try {
      con.execute("do $$ begin raise notice 'loud'; end $$")
      expect(seen).toEqual([expect.any(db.InterfaceError), 2])
      expect(con.fetchval('select 3')).toBe(3)
    } finally {
      con.close()
      other.close()
    }
  })
})
