/**
 * How sessions of the blocking API end: abandoned, garbage-collected, interrupted while connecting, and at the end of
 * the program. A session that is closed for the program is closed on the server too, and its shared memory is used
 * again.
 */
import { describe, expect, test } from 'vitest'

import { type ScriptRun, runScript } from '../support/run-script.ts'
import { askServer, sharedServer } from '../support/shared-server.ts'

/** `sessions(name)` counts the sessions of that application name; `gone(name)` waits until there are none, for 2 s. */
const HELPERS = `
import { setTimeout as pause } from 'node:timers/promises'
import * as db from 'syncpg'
const other = db.connect(process.env.DSN, { autocommit: true })
const named = (name) => process.env.DSN + (process.env.DSN.includes('?') ? '&' : '?') + 'application_name=' + name
const sessions = (name) => other.fetchval('select count(*)::int from pg_stat_activity where application_name = %s', [name])
async function gone(name) {
  const untilMs = performance.now() + 2000
  while (sessions(name) > 0 && performance.now() < untilMs) await pause(10)
  return sessions(name) === 0
}
`

function run(body: string, nodeOptions: readonly string[] = [], timeoutMs = 20_000): Promise<ScriptRun> {
  const dsn = sharedServer().dsn({ transport: 'unix' })
  return runScript(HELPERS + body, { env: { DSN: dsn }, nodeOptions, timeoutMs })
}

/** Continues a stopped process, if it still exists. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // The process has ended.
  }
}

describe('a session that is given up', () => {
  test('after Ctrl-C that the server does not answer leaves the server', async () => {
    const { stdout, stderr } = await run(
      `const con = db.connect(named('given_up'))
       con.execute('create temp table t (a int)')
       const { backendPid } = con.info
       console.log(backendPid)
       const { Worker } = await import('node:worker_threads')
       const stop = new Worker("process.kill(" + backendPid + ", 'SIGSTOP'); process.kill(process.pid, 'SIGINT')", { eval: true, stdout: true })
       // The worker starts when this thread sleeps.
       try { con.execute('select pg_sleep(60)') } catch (error) { console.log(error.name, error.interrupted, con.closed) }
       process.kill(backendPid, 'SIGCONT')
       console.log(await gone('given_up'))`,
    )
    const [pid, ...said] = stdout.split('\n')
    // If the signal came before the wait was armed, it killed the program, and the server's process is still stopped.
    // It must go on, or every DROP DATABASE of the run would wait for it.
    wake(Number(pid))
    if (said.join('') === '') return
    expect([said, stderr]).toEqual([['OperationalError true true', 'true', ''], ''])
  })

  test('after a call that was interrupted in the middle of an answer leaves the server', async () => {
    const { stdout, stderr } = await run(
      `import fs from 'node:fs'
       import { Script } from 'node:vm'
       import { syncBuiltinESMExports } from 'node:module'
       console.log(typeof fs, typeof Script)
       const con = globalThis.con = db.connect(named('torn'), { autocommit: true })
       con[Symbol.dispose]()
       console.log(await gone('torn'))`,
    )
    expect([stdout, stderr]).toEqual(['object function\ntrue\n', ''])
  })
})

test('a connection that the program loses without close() is closed, and a warning names the line that opened it', async () => {
  const { stdout, stderr } = await run(
    `function open() { db.connect(named('lost')).execute('select 1') }
     open()
     console.log(sessions('lost'))
     for (let i = 0; i < 50 && sessions('lost') > 0; i++) { await pause(20); gc() }
     console.log(await gone('lost'))`,
    ['--expose-gc'],
  )
  expect(stdout).toBe('1\ntrue\n')
  expect(stderr).toMatch(/SyncpgWarning: the program dropped a connection without close\(\)[^]*opened at open /)
})

test('a connection that is in use, or to which only its cursor refers, is not closed', async () => {
  const { stdout, stderr } = await run(
    `function open() { return db.connect(named('held')).execute('select generate_series(1, 3)') }
     const cursor = open()
     for (let i = 0; i < 10; i++) { await pause(5); gc() }
     console.log(cursor.fetchall().length, sessions('held'))`,
    ['--expose-gc'],
  )
  expect([stdout, stderr]).toEqual(['3 1\n', ''])
})

test('a connect or a close that is interrupted leaves no session behind', async () => {
  const { stdout, stderr } = await run(
    `import { Script } from 'node:vm'
     globalThis.connect = () => db.connect(named('connecting'))
     const connecting = new Script('for (;;) connect().close()')
     for (let i = 0; i < 20; i++) {
       try { connecting.runInThisContext({ timeout: 5 + i }) } catch (error) { if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error }
       await pause(1)
     }
     // The program has no reference to a session whose close() was interrupted. It is closed when it is
     // garbage-collected.
     for (let i = 0; i < 100 && sessions('connecting') > 0; i++) { gc(); await pause(10) }
     console.log(await gone('connecting'))`,
    ['--expose-gc'],
  )
  expect(stdout).toBe('true\n')
  expect(stderr.replaceAll(/\(node:.*|.*SyncpgWarning.*|.*opened at.*|\(Use .*/g, '').trim()).toBe('')
})

describe('when the program ends', () => {
  test('its own exit handlers can still use the connection, and their commits stay', async () => {
    const { stdout, stderr, status } = await run(
      `const con = db.connect(process.env.DSN)
       con.execute('drop table if exists exit_handlers')
       con.execute('create table exit_handlers (a int)')
       con.commit()
       process.on('exit', () => {
         con.execute('insert into exit_handlers values (1)')
         con.commit()
         con.execute('insert into exit_handlers values (2)')
       })
       process.on('exit', (code) => {
         console.log('last', code, con.closed, other.fetchval('select count(*)::int from exit_handlers'))
       })`,
    )
    expect([stdout, stderr, status]).toEqual(['last 0 false 1\n', '', 0])
  })

  test('open transactions are rolled back and sessions leave the server, at any kind of end', async () => {
    const ends = ['', 'process.exit(0)', "throw new Error('end')", "process.on('exit', () => process.exit(0))"]
    const runs = ends.map((end) =>
      run(
        `const con = db.connect(named('ending'))
         con.execute('create temp table t (a int)')
         console.log(con.info.backendPid)
         ${end}`,
      ),
    )
    const pids = (await Promise.all(runs)).map(({ stdout }) => stdout.trim())
    expect(pids).toEqual(ends.map(() => expect.stringMatching(/^\d+$/) as string))
    const there = 'select pid from pg_stat_activity where pid = any($1::int[])'
    await expect.poll(() => askServer(sharedServer(), there, [pids]), { timeout: 5000 }).toEqual([])
  })

  test('inside a listener, the running statement is cancelled and rolled back', async () => {
    await askServer(sharedServer(), 'drop table if exists exit_inside; create table exit_inside (a int)')
    for (let i = 0; i < 3; i++) {
      const { status } = await run(
        `const con = db.connect(named('exit_inside'), { autocommit: true })
         con.addNoticeListener(() => process.exit(3))
         con.execute("do $$ begin raise notice 'x'; perform pg_sleep(1); insert into exit_inside values (1); end $$")`,
      )
      expect(status).toBe(3)
    }
    const there = "select from pg_stat_activity where application_name = 'exit_inside'"
    await expect.poll(() => askServer(sharedServer(), there), { timeout: 5000 }).toEqual([])
    expect(await askServer(sharedServer(), 'select from exit_inside')).toEqual([])
  })

  test('in the middle of an interrupted call, the session ends', async () => {
    const { stdout, stderr, status } = await run(
      `import { Script } from 'node:vm'
       globalThis.con = db.connect(process.env.DSN, { autocommit: true })
       const loop = new Script("for (;;) con.fetchval('select 1')")
       try { loop.runInThisContext({ timeout: 20 }) } catch { console.log('torn') }
       process.exit(0)`,
    )
    expect([stdout, stderr, status]).toEqual(['torn\n', '', 0])
  })
})

test.each([
  ['with turns of the event loop', 'await new Promise(setImmediate)'],
  ['without', ''],
])(
  '300 connections one after the other leave no memory behind, %s',
  async (_name, turn) => {
    const { stdout, stderr } = await run(
      `const open = () => db.withConnection(process.env.DSN, {}, (con) => con.fetchval('select 1'))
     const mb = () => Math.round((gc(), process.memoryUsage()).rss / 2 ** 20)
     for (let i = 0; i < 60; i++) { open(); ${turn} }
     const before = mb()
     for (let i = 0; i < 300; i++) { open(); ${turn} }
     const grown = mb() - before
     console.log(grown < 60 || grown)`,
      ['--expose-gc'],
      60_000,
    )
    expect([stdout, stderr]).toEqual(['true\n', ''])
  },
  70_000,
)

test('a cancel token of a closed connection does not cancel statements of the connection that reuses its memory', async () => {
  const { stdout, stderr } = await run(
    `const first = db.connect(process.env.DSN)
     const token = first.cancelToken()
     first.close()
     await pause(50)
     const second = db.connect(process.env.DSN)
     second.addNoticeListener(() => db.cancel(token))
     second.execute("do $$ begin raise notice 'x'; perform pg_sleep(0.3); end $$")
     console.log(second.cancelToken().session === token.session, second.fetchval('select 42'))`,
  )
  expect([stdout, stderr]).toEqual(['true 42\n', ''])
})
