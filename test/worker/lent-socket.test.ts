/**
 * The calling thread writes short requests to the server itself, while it owns the socket. These tests replace its
 * `fs`, so that the kernel takes few bytes, or none, or fails. Each request must still get its own answer, once. On a
 * busy machine the worker may take the socket back first and write itself, so a test repeats a case until the calling
 * thread has written.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'

import { askAHundred, runLineProgram as run } from '../support/line-program.ts'
import { sharedServer } from '../support/shared-server.ts'
import { type TestServer, startServer } from '../support/postgres-server.ts'

const ASK_A_HUNDRED = askAHundred('(i * 97) % 5000')

test.concurrent.each(['tcp', 'unix'] as const)(
  'the calling thread writes a known statement over %s',
  async (transport) => {
    const { stdout, stderr } = await run(
      `const ask = () => {
         con.setautocommit(true)
         con.fetchval('select 1')
         writes = 0
         for (let i = 0; i < 10; i++) con.fetchval('select 1')
         con.setautocommit(false)
         con.execute('select 1')
         con.commit()
         return writes
       }
       let most = 0
       for (let i = 0; i < 100 && most < 12; i++) most = Math.max(most, ask())
       console.log(most)`,
      sharedServer().dsn({ transport, parameters: { sslmode: 'disable' } }),
    )
    expect([stdout, stderr]).toEqual(['12\n', ''])
  },
)

test.concurrent('the worker writes if TLS is in use', async () => {
  const { stdout, stderr } = await run(
    `${ASK_A_HUNDRED}
     console.log(writes)`,
    sharedServer().dsn({ transport: 'tls' }),
  )
  expect([stdout, stderr]).toEqual(['0\n', ''])
})

test.concurrent.each([
  ['the first byte', 'send(bytes.subarray(0, 1))'],
  ['a half', 'send(bytes.subarray(0, bytes.length >> 1))'],
  ['all but the last byte', 'send(bytes.subarray(0, -1))'],
])('the worker sends the rest of a write of which the kernel takes %s', async (_what, act) => {
  const { stdout, stderr } = await run(
    `globalThis.act = (bytes, send) => ${act}
     ${ASK_A_HUNDRED}
     console.log(writes > 10)`,
  )
  expect([stdout, stderr]).toEqual(['true\n', ''])
})

test.concurrent('the worker sends bytes that the kernel did not take', async () => {
  const { stdout, stderr } = await run(
    `globalThis.act = () => { throw Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' }) }
     ${ASK_A_HUNDRED}
     console.log(writes > 10)`,
  )
  expect([stdout, stderr]).toEqual(['true\n', ''])
})

test.concurrent('a time limit applies to a statement that this thread has written', async () => {
  const { stdout, stderr } = await run(
    `const ask = () => {
       con.fetchval('select 1 from pg_sleep(%s)', [0])
       writes = 0
       const startedMs = performance.now()
       try { con.execute('select 1 from pg_sleep(%s)', [30], { timeout: 100 }) } catch (error) {
         return [writes, error.name, performance.now() - startedMs < 5000].join(' ')
       }
     }
     let told
     for (let i = 0; i < 30 && !told?.startsWith('1'); i++) told = ask()
     console.log(told, con.fetchval('select 42'))`,
  )
  expect([stdout, stderr]).toEqual(['1 QueryTimeoutError true 42\n', ''])
})

/**
 * `tear(script, act)` runs the script until it is interrupted within a write of this thread. `undo` undoes the effect
 * of a script that was not interrupted.
 */
const TEAR = `
const was = act
async function tear(script, tearing, undo) {
  for (let i = 0; i < 100; i++) {
    let isReached = false
    let code
    con.fetchval('select 1')
    globalThis.act = (bytes, send) => { isReached = true; return tearing(bytes, send) }
    try { script.runInThisContext({ timeout: 50 }) } catch (error) { code = error.code }
    globalThis.act = was
    await new Promise(setImmediate)
    if (isReached) return code
    undo()
  }
}`

test.concurrent.each([
  ['before the kernel has it', '', 'for (;;) {}', 0],
  ['after the kernel has it', '', 'send(bytes); for (;;) {}', 1],
  ['in a transaction, before', 'con.execute("begin")', 'for (;;) {}', 0],
  ['in a transaction, after', 'con.execute("begin")', 'send(bytes); for (;;) {}', 1],
])('a call that is interrupted while it writes, %s, leaves the session ready', async (_when, before, tearing, rows) => {
  const { stdout, stderr } = await run(
    `${TEAR}
     con.execute('create temp table t (a int)')
     con.execute('insert into t values (%s)', [0])
     con.execute('delete from t')
     const pid = con.fetchval('select pg_backend_pid()')
     ${before}
     const insert = new Script("con.execute('insert into t values (%s)', [1])")
     console.log(await tear(insert, (bytes, send) => { ${tearing} }, () => con.execute('delete from t')))
     console.log(con.fetchval('select count(*)::int from t'), con.fetchval('select pg_backend_pid()') === pid)`,
  )
  expect([stdout, stderr]).toEqual([`ERR_SCRIPT_EXECUTION_TIMEOUT\n${rows} true\n`, ''])
})

test.concurrent('a long statement is cancelled if its call is interrupted while it writes', async () => {
  const { stdout, stderr } = await run(
    `${TEAR}
     con.fetchval('select 1 from pg_sleep(%s)', [0])
     const sleep = new Script("con.execute('select 1 from pg_sleep(%s)', [30])")
     console.log(await tear(sleep, (bytes, send) => { send(bytes); for (;;) {} }, () => {}))
     await new Promise(setImmediate)
     const startedMs = performance.now()
     console.log(con.fetchval('select 42'), performance.now() - startedMs < 5000)`,
  )
  expect([stdout, stderr]).toEqual(['ERR_SCRIPT_EXECUTION_TIMEOUT\n42 true\n', ''])
})

test.concurrent('a long request that was written in part when the call was interrupted closes the connection', async () => {
  const { stdout, stderr } = await run(
    `${TEAR}
     con.execute('create temp table t (a text)')
     con.execute('insert into t values (%s)', ['x'])
     const insert = new Script("con.execute('insert into t values (%s)', ['y'.repeat(8000)])")
     console.log(await tear(insert, (bytes, send) => { send(bytes.subarray(0, 5000)); for (;;) {} }, () => {}))
     await new Promise(setImmediate)
     try { con.fetchval('select 1') } catch (error) { console.log(error.name, error.message) }
     console.log(con.closed)`,
  )
  expect([stdout, stderr]).toEqual([
    'ERR_SCRIPT_EXECUTION_TIMEOUT\n' +
      'OperationalError an interrupted statement had been sent or answered in part: the connection is closed\ntrue\n',
    '',
  ])
})

test.concurrent('the thread never writes to a descriptor whose number another file has got', async () => {
  // The thread recognises the socket by `fstat`, which is replaced here and describes another file.
  const { stdout, stderr } = await run(
    `con.fetchval('select 1')
     const was = status
     globalThis.status = (fd) => ({ ...was(fd), ino: 1, isSocket: () => was(fd).isSocket() })
     writes = 0
     console.log(con.fetchval('select 42'), writes)`,
  )
  expect([stdout, stderr]).toEqual(['42 0\n', ''])
})

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.dispose())

test.concurrent('the next statement throws when the server went away while idle, and nothing is written anywhere', async () => {
  const { stdout, stderr } = await run(
    `con.fetchval('select 1')
     process.kill(Number(process.env.POSTMASTER), 'SIGQUIT')
     // The worker notices the end of the connection. This thread waits until the worker has reported it.
     while (!con.closed) await new Promise((resolve) => setTimeout(resolve, 5))
     fs.openSync('/dev/null', 'r')
     writes = 0
     try { con.fetchval('select 1') } catch (error) { console.log(error.name, writes) }`,
    server.dsn({ transport: 'unix' }),
    { POSTMASTER: String(server.processId) },
  )
  expect([stdout, stderr]).toEqual(['ConnectionFailureError 0\n', ''])
})
