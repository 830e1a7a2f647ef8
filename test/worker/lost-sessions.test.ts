/** What the program and its listeners are told when the server ends a session that is idle. */
import { expect, test } from 'vitest'

import { startServer } from '../support/postgres-server.ts'
import { runScript } from '../support/run-script.ts'

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

test('a listener that asks the lost connection is called once, and the call after it is told the reason', async () => {
  const server = await startServer()
  try {
    const run = await runScript(SCRIPT, { env: { DSN: server.dsn({ transport: 'unix' }) } })
    expect([run.stderr, run.status]).toEqual(['', 0])
    // The server warns where it still can: on a busy machine it sometimes ends the session without a word.
    const told = run.stdout.split('\n').slice(0, -1)
    expect(told.slice(-2)).toEqual(['ConnectionFailureError', 'InterfaceError'])
    expect([[], ['InterfaceError']]).toContainEqual(told.slice(0, -2))
  } finally {
    await server.dispose()
  }
})
