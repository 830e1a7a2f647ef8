/**
 * When a program is gone, its statement ends on the server too. The tests show which setting is sent, when, and which
 * servers and sessions are left alone.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as db from 'syncpg'
import { connect, type ConnectOptions } from 'syncpg/async'
import { expect, onTestFinished, test } from 'vitest'
import { hasPostgres } from '../../support/postgres-binaries.ts'
import { askServer, serverOfMajor, sharedServer } from '../../support/shared-server.ts'

const server = sharedServer()
const root = fileURLToPath(new URL('../../..', import.meta.url))
/** PostgreSQL has the setting from 14 on. */
const isKnown = server.major >= 14
const SHOW = "select current_setting('client_connection_check_interval', true)"

function shownToBlocking(options: ConnectOptions = {}): unknown {
  return db.withConnection(server.dsn(), options, (con) => con.fetchval(SHOW))
}

async function shownToAsync(options: ConnectOptions = {}): Promise<unknown> {
  const con = await connect(server.dsn(), options)
  try {
    return await con.fetchval(SHOW)
  } finally {
    await con.close()
  }
}

test.skipIf(!isKnown)(
  'the server checks a blocking connection every five seconds, and an async one if the option says so',
  async () => {
    expect(shownToBlocking()).toBe('5s')
    expect(shownToBlocking({ clientConnectionCheckInterval: 250 })).toBe('250ms')
    expect(shownToBlocking({ clientConnectionCheckInterval: 0 })).toBe('0')
    expect(shownToBlocking({ clientConnectionCheckInterval: null })).toBe('0')
    expect(await shownToAsync()).toBe('0')
    expect(await shownToAsync({ clientConnectionCheckInterval: 1500 })).toBe('1500ms')
  },
)

test.skipIf(!isKnown)('an interval that is already set stays', async () => {
  const serverSettings = { client_connection_check_interval: '7s' }
  expect(shownToBlocking({ serverSettings })).toBe('7s')
  await askServer(server, "create role u_watched login password 'x' superuser")
  onTestFinished(() => askServer(server, 'drop role u_watched').then(() => {}))
  await askServer(server, "alter role u_watched set client_connection_check_interval = '9s'")
  expect(shownToBlocking({ user: 'u_watched', password: 'x' })).toBe('9s')
})

test.skipIf(!isKnown)(
  'the interval is sent with the first statement and not before, and survives its rollback',
  async () => {
    const con = db.connect(server.dsn())
    onTestFinished(() => con.close())
    const said = async (): Promise<string | undefined> => {
      const sql = 'select query from pg_stat_activity where pid = $1'
      const [row] = await askServer<{ query: string }>(server, sql, [con.info.backendPid])
      return row?.query
    }
    expect(await said()).toBe('')
    con.execute('create temporary table t ()')
    con.rollback()
    expect(con.fetchval(SHOW)).toBe('5s')
  },
)

test.skipIf(!hasPostgres(13))('servers without the setting get no query', async () => {
  const old = await serverOfMajor(13)
  expect(db.withConnection(old.dsn(), {}, (con) => con.fetchval(SHOW))).toBeNull()
})

test.skipIf(process.platform !== 'linux' || !isKnown)(
  'the statement of a program that was killed ends on the server',
  async () => {
    const source = `import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { clientConnectionCheckInterval: 100 })
console.log(con.info.backendPid)
con.execute('select pg_sleep(600)')`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: root,
      env: { ...process.env, DSN: server.dsn() },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    const pid = Number(chunk.toString())
    const isSleeping = async (): Promise<boolean> => {
      const sql = "select 1 from pg_stat_activity where pid = $1 and query like '%pg_sleep%' and state = 'active'"
      return (await askServer(server, sql, [pid])).length > 0
    }
    await until(isSleeping)
    child.kill('SIGKILL')
    await until(async () => !(await isSleeping()))
  },
  30_000,
)

/** Polls until it is so. The time limit of the test ends the loop. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}
