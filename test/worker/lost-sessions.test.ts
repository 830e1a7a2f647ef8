/** The errors and notices that the program gets when the server ends a session while no call runs on it. */
import { expect, test } from 'vitest'

import { startServer } from '../support/postgres-server.ts'
import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'

/** PostgreSQL warns every session when a backend crashes, and ends it. */
const SCRIPT = `
import * as db from 'syncpg'
const [con, victim] = [1, 2].map(() => db.connect(process.env.DSN, { autocommit: true }))
const say = (call) => {
  try {
    call()
  } catch (error) {
    console.log(error.name)
  }
}
con.addNoticeListener(() => say(() => con.fetchval('select 1')))
con.fetchval('select 1')
process.kill(victim.info.backendPid, 'SIGKILL')
while (!con.closed) await new Promise((resolve) => setTimeout(resolve, 20))
say(() => con.fetchval('select 2'))
say(() => con.fetchval('select 3'))
process.exit()
`

test('a listener that uses the lost connection is called once, and the next call throws the reason', async () => {
  const server = await startServer()
  try {
    const run = await runScript(SCRIPT, { env: { DSN: server.dsn({ transport: 'unix' }) } })
    expect([run.stderr, run.status]).toEqual(['', 0])
    // On a busy machine the server sometimes ends the session without the warning.
    const told = run.stdout.split('\n').slice(0, -1)
    expect(told.slice(-2)).toEqual(['ConnectionFailureError', 'InterfaceError'])
    expect([[], ['InterfaceError']]).toContainEqual(told.slice(0, -2))
  } finally {
    await server.dispose()
  }
})

const IN_A_COPY = `
import * as db from 'syncpg'
import { connect } from 'syncpg/async'
const dsn = process.env.DSN
const killer = db.connect(dsn, { autocommit: true })
const kill = (pid) => killer.fetchval('select pg_terminate_backend(%s, 5000)', [pid])
const rows = "select repeat('x', 10000) from generate_series(1, 5000)"
const table = 'create temporary table t (a text)'
function* records(pid) {
  for (let index = 0; ; index++) {
    if (index === 100) kill(pid)
    yield ['x'.repeat(1000)]
  }
}
async function say(...calls) {
  const names = []
  for (const call of calls) {
    try {
      names.push(String(await call()))
    } catch (error) {
      names.push(error.name + ' ' + error.sqlstate)
    }
  }
  console.log(names.join(', '))
}
const output = (pid) => {
  let count = 0
  return () => { if (++count === 3) kill(pid) }
}
for (const way of ['in', 'out']) {
  const con = db.connect(dsn, { autocommit: true })
  con.execute(table)
  const pid = con.info.backendPid
  const copy = way === 'in'
    ? () => con.copyRecordsToTable('t', { schema: 'pg_temp', records: records(pid) })
    : () => con.copyFromQuery(rows, null, { output: output(pid) })
  await say(copy, () => con.fetchval('select 1'))
  const session = await connect(dsn)
  await session.execute(table)
  const { backendPid } = session
  const asyncCopy = way === 'in'
    ? () => session.copyRecordsToTable('t', { records: records(backendPid) })
    : () => session.copyFromQuery(rows, [], { output: output(backendPid) })
  await say(asyncCopy, () => session.fetchval('select 1'))
}
process.exit()
`

test('a session that is lost between two calls of a COPY tells the reason once', async () => {
  const run = await runScript(IN_A_COPY, { env: { DSN: sharedServer().dsn({ transport: 'unix' }) } })
  // If the server could not send its reason, the reason is that the connection has ended.
  const told = /^((AdminShutdownError 57P01|ConnectionDoesNotExistError 08003), InterfaceError null\n){4}$/
  expect({ ...run, stdout: '' }).toMatchObject({ stderr: '', status: 0 })
  expect(run.stdout).toMatch(told)
})

test('garbage collection warns of no connection that the server has ended', async () => {
  const run = await runScript(
    `import * as db from 'syncpg'
     const dsn = process.env.DSN
     const killer = db.connect(dsn, { autocommit: true })
     const warnings = []
     process.on('warning', (warning) => warnings.push(warning.message))
     const lose = (isUsed) => {
       const con = db.connect(dsn, { autocommit: true })
       killer.fetchval('select pg_terminate_backend(%s, 5000)', [con.backendPid])
       while (!con.closed) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
       try { if (isUsed) con.execute('select 1') } catch (error) { if (error.sqlstate !== '57P01') throw error }
     }
     const drop = () => void db.connect(dsn, { autocommit: true })
     for (let i = 0; i < 6; i++) lose(i % 2 === 0)
     drop()
     // The connection that was only dropped is the last one, so its warning shows that the others were collected too.
     while (warnings.length === 0) {
       await new Promise((resolve) => setTimeout(resolve, 5))
       globalThis.gc()
     }
     for (let i = 0; i < 3; i++) {
       globalThis.gc()
       await new Promise((resolve) => setTimeout(resolve, 5))
     }
     console.log(warnings.length)
     killer.close()`,
    { env: { DSN: sharedServer().dsn({ transport: 'unix' }) }, nodeOptions: ['--expose-gc', '--no-warnings'] },
  )
  expect(run).toMatchObject({ stdout: '1\n', stderr: '', status: 0 })
})

test('a program that never returns to the event loop keeps no connection that it has closed', async () => {
  const run = await runScript(
    `import * as db from 'syncpg'
     const connectOften = () => {
       for (let i = 0; i < 200; i++) {
         const con = db.connect(process.env.DSN, { autocommit: true })
         con.fetchval('select 1')
         con.close()
       }
       globalThis.gc()
       const { heapUsed, arrayBuffers } = process.memoryUsage()
       return (heapUsed + arrayBuffers) / 1e6
     }
     connectOften()
     const before = connectOften()
     const after = connectOften()
     // Each connection that was kept would be some 20 kB. The memory of a few sessions waits for the next ones.
     console.log(after - before < 2 ? 'flat' : before + ' to ' + after + ' MB')`,
    { env: { DSN: sharedServer().dsn({ transport: 'unix' }) }, nodeOptions: ['--expose-gc'] },
  )
  expect(run).toMatchObject({ stdout: 'flat\n', stderr: '', status: 0 })
})
