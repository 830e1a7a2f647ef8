/**
 * The calling thread reads the answer to a small statement itself, and passes any other answer to the worker. These
 * tests replace the `fs` of that thread: answers come late, in pieces, or not at all, and calls are interrupted in
 * between.
 */
import { readFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from 'vitest'

import { SLOW_CLOCK, askAHundred, runLineProgram, runWithSlowClock as run } from '../support/line-program.ts'
import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'

const ASK_A_HUNDRED = askAHundred('(i * 397) % 20000')

test.concurrent.each(['tcp', 'unix'] as const)(
  'the calling thread reads the answer to a known statement over %s',
  async (transport) => {
    const { stdout, stderr } = await run(
      `const untilMs = Date.now() + 15_000
       while (reads === 0 && Date.now() < untilMs) {
         if (con.fetchval('select 1') !== 1) throw new Error('wrong answer')
       }
       console.log(reads > 0)`,
      sharedServer().dsn({ transport, parameters: { sslmode: 'disable' } }),
    )
    expect([stdout, stderr]).toEqual(['true\n', ''])
  },
)

test.concurrent('the worker reads if TLS is in use', async () => {
  const { stdout, stderr } = await run(`${ASK_A_HUNDRED} console.log(reads)`, sharedServer().dsn({ transport: 'tls' }))
  expect([stdout, stderr]).toEqual(['0\n', ''])
})

/** How answers come, and the code of `look` for it. */
const COMINGS = [
  ['a byte at a time', 'receive(1)'],
  ['in halves', 'receive(Math.ceil(length / 2))'],
  ['in pieces of any size', 'receive(1 + Math.floor(Math.random() * 40))'],
  ['at the second look', '(globalThis.isSecond = !globalThis.isSecond) ? nothing() : receive(length)'],
  ['in part at the third look', '(globalThis.count = (globalThis.count ?? 0) + 1) % 3 ? nothing() : receive(11)'],
  ['never', 'nothing()'],
  ['with a failure', "(() => { throw Object.assign(new Error('reset'), { code: 'ECONNRESET' }) })()"],
  ['as an end', '0'],
] as const

describe.concurrent('an answer that comes', () => {
  /** The line that each of them prints. They share a process, and each has a connection of its own. */
  let lines: Promise<Record<string, unknown>>
  beforeAll(() => {
    const rounds = COMINGS.map(
      ([how, look]) => `{
        globalThis.look = (into, offset, length, receive) => receive(length)
        const con = db.connect(process.env.DSN, { autocommit: true })
        globalThis.look = (into, offset, length, receive) => ${look}
        try {
          for (let round = 0; round < 3; round++) { ${ASK_A_HUNDRED} }
          answers[${JSON.stringify(how)}] = con.fetchval('select 42')
        } catch (error) {
          answers[${JSON.stringify(how)}] = String(error)
        }
        con.close()
      }`,
    )
    lines = run(`const answers = {}\n${rounds.join('\n')}\nconsole.log(JSON.stringify(answers))`).then(
      ({ stdout, stderr }) => {
        if (stderr !== '') throw new Error(stderr)
        return JSON.parse(stdout) as Record<string, unknown>
      },
    )
  })

  test.each(COMINGS)('%s is the right one', async (how) => {
    expect((await lines)[how]).toBe(42)
  })
})

test.concurrent('answers of about the size of their buffer are complete', async () => {
  const { stdout, stderr } = await run(
    `for (let round = 0; round < 3; round++)
       for (let length = 16_300; length < 16_420; length++) {
         const text = con.fetchval('select repeat(%s, %s::int)', ['y', length])
         if (text.length !== length || text.replaceAll('y', '') !== '') throw new Error('wrong answer: ' + length)
       }
     console.log('right')`,
  )
  expect([stdout, stderr]).toEqual(['right\n', ''])
})

test.concurrent('answers with errors, notices, parameters or notifications arrive complete', async () => {
  const { stdout, stderr } = await run(
    `const notices = []
     con.addNoticeListener((notice) => notices.push(notice.message))
     con.execute('create temp table t (a int primary key)')
     con.execute(\`create function pg_temp.say(i int) returns int language plpgsql as
       $$ begin raise notice 'said %', i; return i; end $$\`)
     con.execute('listen c')
     let failures = 0
     for (let i = 0; i < 100; i++) {
       con.execute('insert into t values (%s)', [i])
       try { con.execute('insert into t values (%s)', [i]) } catch (error) { if (error.sqlstate === '23505') failures += 1 }
       if (con.fetchval('select pg_temp.say(%s)', [i]) !== i) throw new Error('wrong answer')
       con.fetchval("select set_config('application_name', %s, false)", ['name ' + i])
       if (con.info.parameter('application_name') !== 'name ' + i) throw new Error('old parameter')
       con.fetchval("select pg_notify('c', %s)", [String(i)])
     }
     console.log(failures, notices.length, notices.at(-1), con.fetchval('select count(*)::int from t'), con.info.status)
     console.log([...con.notifies({ timeout: 0.01 })].map((notice) => notice.payload).join() === Array.from({ length: 100 }, (_, i) => i).join())`,
  )
  expect([stdout, stderr]).toEqual(['100 100 said 99 100 idle\ntrue\n', ''])
})

test.concurrent('the state of a transaction follows the answers', async () => {
  const { stdout, stderr } = await run(
    `con.setautocommit(false)
     con.execute('create temp table t (a int)')
     con.commit()
     for (let i = 0; i < 100; i++) {
       con.execute('insert into t values (%s)', [i])
       if (con.info.status !== 'in-transaction') throw new Error(con.info.status)
       if (i % 3 === 0) con.commit()
       else if (i % 3 === 1) con.rollback()
       else {
         try { con.fetchval('select %s / 0', [1]) } catch (error) { if (error.sqlstate !== '22012') throw error }
         if (con.info.status !== 'failed') throw new Error(con.info.status)
         con.rollback()
       }
       if (con.info.status !== 'idle') throw new Error(con.info.status)
     }
     console.log(con.fetchval('select count(*)::int from t'))`,
  )
  expect([stdout, stderr]).toEqual(['34\n', ''])
})

test.concurrent.each(['unix', 'tcp'] as const)(
  'calls of all kinds in any order, over %s, have their own answers',
  async (transport) => {
    const dsn = sharedServer().dsn({ transport, parameters: transport === 'tcp' ? { sslmode: 'disable' } : {} })
    const program = readFileSync(new URL('./fixtures/mixed-calls.mjs', import.meta.url), 'utf8')
    const { stdout, stderr } = await runScript(SLOW_CLOCK + program, { args: [dsn, '2'] })
    expect([stdout, stderr]).toEqual(['the same\n', ''])
  },
)

test.concurrent('two connections in turns, one of them slow, get their own answers', async () => {
  const { stdout, stderr } = await run(
    `const other = db.connect(process.env.DSN, { autocommit: true })
     for (let i = 0; i < 300; i++) {
       if (con.fetchval('select %s::int', [i]) !== i) throw new Error('wrong answer')
       if (other.fetchval('select %s::int from pg_sleep(%s)', [-i, i % 10 === 0 ? 0.002 : 0]) !== -i) throw new Error('wrong')
     }
     other.close()
     console.log('right')`,
  )
  expect([stdout, stderr]).toEqual(['right\n', ''])
})

test.concurrent('a program that never pauses still gives the worker time to read notifications', async () => {
  const { stdout, stderr } = await run(
    `const listener = db.connect(process.env.DSN, { autocommit: true })
     const notices = []
     listener.addNoticeListener((notice) => notices.push(notice))
     con.fetchval('select pg_terminate_backend(%s)', [listener.info.backendPid])
     const startedMs = performance.now()
     while (!listener.closed && performance.now() - startedMs < 2000) con.fetchval('select 1')
     console.log(listener.closed)`,
  )
  expect([stdout, stderr]).toEqual(['true\n', ''])
})

test.concurrent.each([
  ['before the answer is read', 'wasWritten = true; for (;;) {}'],
  [
    'after the answer is read',
    'const count = receive(length); wasWritten = count > 0; while (wasWritten); return count',
  ],
])('a call that is interrupted %s leaves the session ready, and its statement runs once', async (_when, look) => {
  const { stdout, stderr } = await run(
    `con.execute('create temp table t (a int)')
     const pid = con.fetchval('select pg_backend_pid()')
     const insert = new Script("con.execute('insert into t values (%s)', [1])")
     const was = look
     let tornCount = 0
     for (const before of ['select 1', 'begin']) {
       con.execute(before)
       // If the answer is late, the worker reads it, and the call ends by itself. On a busy machine most answers are
       // late.
       const enough = tornCount + 3
       for (const untilMs = Date.now() + 8000; tornCount < enough && Date.now() < untilMs; ) {
         const count = con.fetchval('select count(*)::int from t')
         globalThis.wasWritten = false
         globalThis.look = (into, offset, length, receive) => { ${look} }
         let wasTorn = false
         try { insert.runInThisContext({ timeout: 30 }) } catch { wasTorn = true }
         globalThis.look = was
         await new Promise(setImmediate)
         const now = con.fetchrow('select count(*)::int, pg_backend_pid() from t').toArray()
         // On a busy machine the call may be interrupted earlier. Then it is unknown whether the server has the
         // request.
         const isDue = now[0] === count + 1 || (wasTorn && !wasWritten && now[0] === count)
         if (!isDue || now[1] !== pid) throw new Error('expected ' + [count + 1, pid] + ', got ' + now)
         if (wasTorn && wasWritten) tornCount += 1
       }
     }
     console.log(tornCount > 0, con.info.status)`,
  )
  expect([stdout, stderr]).toEqual(['true in-transaction\n', ''])
})

test.concurrent('a call interrupted in the middle of an answer closes the connection, because nobody knows how much was read', async () => {
  const { stdout, stderr } = await run(
    `con.fetchval('select 1')
     const ask = new Script("for (;;) con.fetchval('select 1')")
     const was = look
     let isInside = false
     const tear = (into, offset, length, receive) => {
       const count = receive(12)
       isInside = count > 0
       while (isInside);
       return count
     }
     for (const untilMs = Date.now() + 15_000; !isInside && Date.now() < untilMs; ) {
       globalThis.look = tear
       try { ask.runInThisContext({ timeout: 100 }) } catch {}
       globalThis.look = was
       await new Promise(setImmediate)
       try { con.fetchval('select 42') } catch (error) { console.log(error.name, error.message) }
     }
     console.log(con.closed)`,
  )
  expect([stdout, stderr]).toEqual([
    'OperationalError an interrupted statement had been sent or answered in part: the connection is closed\ntrue\n',
    '',
  ])
})

test.concurrent.each([
  ['before syncpg is loaded', 'performance.now = () => 7;', ''],
  ['afterwards', '', 'performance.now = () => 7'],
])('a clock that a test stops blocks no call: %s', async (_when, before, after) => {
  const { stdout, stderr } = await runLineProgram(
    `${after}
     for (let i = 0; i < 50; i++) if (con.fetchval('select %s::int', [i]) !== i) throw new Error('wrong answer')
     console.log(con.fetchval('select 42 from pg_sleep(0.3)'))`,
    undefined,
    {},
    before,
  )
  expect([stdout, stderr]).toEqual(['42\n', ''])
})

test.concurrent('a thread that uses many connections in turn keeps their sockets for a whole turn', async () => {
  const { stdout, stderr } = await run(
    `const all = [con]
     while (all.length < 60) all.push(db.connect(process.env.DSN, { autocommit: true }))
     const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
     const untilMs = Date.now() + 15_000
     // On a busy machine a turn can take so long that some sockets go back.
     const enough = all.length / 3
     let most = 0
     while (most < enough && Date.now() < untilMs) {
       // A single unused socket would go back to the worker during this pause.
       sleep(60)
       writes = 0
       for (const one of all) if (one.fetchval('select 1') !== 1) throw new Error('wrong answer')
       most = Math.max(most, writes)
     }
     console.log(most >= enough)
     for (const one of all) if (one !== con) one.close()`,
  )
  expect([stdout, stderr]).toEqual(['true\n', ''])
})
