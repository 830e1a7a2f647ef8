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
