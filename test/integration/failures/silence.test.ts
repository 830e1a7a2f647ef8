/**
 * A network that goes silent or slow while a connection has more requests in flight than the awaited statement.
 * Requests that the driver sends by itself must not keep a time limit or a cancel from working.
 */
import { type ConnectOptions, type Connection, OperationalError, connect } from 'syncpg/async'
import { type TestContext, expect, test } from 'vitest'

import { type FaultProxy, startProxy } from '../../support/proxy.ts'
import { runScript } from '../../support/run-script.ts'
import { sharedServer } from '../../support/shared-server.ts'

const server = sharedServer()

/**
 * A connection with `clientConnectionCheckInterval`, whose setting the driver sends before the first statement. It is
 * terminated at the end of the test, which concurrent tests have to name.
 */
async function connectThroughProxy(
  { onTestFinished }: TestContext,
  options: ConnectOptions = {},
): Promise<{ con: Connection; proxy: FaultProxy }> {
  const proxy = await startProxy(server)
  const dsn = server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`)
  const con = await connect(dsn, { clientConnectionCheckInterval: 5000, ...options })
  onTestFinished(async () => {
    con.terminate()
    await proxy.close()
  })
  return { con, proxy }
}

// Each test takes the five seconds of silence after which a session is given up. Statements that begin or end a
// transaction have five more.
test.concurrent.for<[string, (con: Connection, fallSilent: () => void) => Promise<unknown>]>([
  [
    'the first statement of a connection',
    (con, fallSilent) => {
      fallSilent()
      return con.fetchval('select 1')
    },
  ],
  [
    'the closing of a prepared statement',
    async (con, fallSilent) => {
      const statement = await con.prepare('select 1')
      fallSilent()
      await statement.close()
    },
  ],
  [
    'the closing of a cursor',
    (con, fallSilent) =>
      con.transaction(async () => {
        const cursor = await con.cursor('select generate_series(1, 9)').open()
        await cursor.fetch(2)
        fallSilent()
        await cursor.close()
      }),
  ],
  ['a pipeline', (con, fallSilent) => con.pipeline((pipeline) => (fallSilent(), pipeline.fetchval('select 1')))],
  [
    'a pipeline that has to begin a transaction',
    (con, fallSilent) =>
      con.transaction(() => {
        fallSilent()
        return con.pipeline((pipeline) => pipeline.fetchval('select 1'))
      }),
  ],
])('%s ends in time when the network falls silent', async ([, work], context) => {
  const { con, proxy } = await connectThroughProxy(context, { commandTimeout: 200 })
  const answer = work(con, () => proxy.setFaults('both', { isBlackHole: true }))
  await expect(answer).rejects.toBeInstanceOf(OperationalError)
  expect(con.isClosed).toBe(true)
})

test.concurrent.for<[string, (con: Connection, signal: AbortSignal) => Promise<unknown>]>([
  ['a script', (con, signal) => con.execute('select pg_sleep(60)', undefined, { signal })],
  [
    'a statement that is being prepared',
    (con, signal) => con.fetchval('select 1 from pg_sleep(60)', [], 0, { signal }),
  ],
])(
  '%s, the first of a connection, is called off by a signal whose cancel request overtakes it',
  async ([, work], context) => {
    const { con, proxy } = await connectThroughProxy(context)
    const controller = new AbortController()
    proxy.setFaults('toServer', { latencyMs: 400 })
    const answer = work(con, controller.signal)
    setTimeout(() => {
      proxy.setFaults('toServer', {})
      controller.abort(new RangeError('enough'))
    }, 50)
    await expect(answer).rejects.toThrow('enough')
    expect(await con.fetchval('select 2')).toBe(2)
  },
)

const BLOCKED = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
con.fetchval('select 1')
console.log('READY')
try {
  for (;;) con.fetchval('select 1')
} catch (error) {
  console.log(error instanceof db.OperationalError, con.closed)
}
`

test.concurrent('a blocked call throws that the connection was lost when the network fails after its request', async ({
  onTestFinished,
}) => {
  const proxy = await startProxy(server)
  onTestFinished(() => proxy.close())
  const dsn = server.dsn({ user: 'u_trust' }).replace(`:${server.port}/`, `:${proxy.port}/`)
  const run = await runScript(BLOCKED, {
    env: { DSN: `${dsn}?sslmode=disable` },
    timeoutMs: 15_000,
    onLine(line) {
      if (line === 'READY') proxy.setFaults('toServer', { cutAfterBytes: proxy.forwardedBytes.toServer + 20_000 })
    },
  })
  expect([run.status, run.stdout]).toEqual([0, 'READY\ntrue true\n'])
})

test('close() waits for a silent server as long as the guide says, and terminate() does not wait', async (context) => {
  const { con, proxy } = await connectThroughProxy(context)
  const other = await connect(server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`))
  proxy.setFaults('toServer', { latencyMs: 8000 })
  const startedMs = performance.now()
  other.terminate()
  expect(other.closed).toBe(true)
  await con.close({ timeout: 100 })
  const tookMs = performance.now() - startedMs
  expect(tookMs).toBeGreaterThan(95)
  expect(tookMs).toBeLessThan(4000)
})

test('the blocking close({ timeout }) does not wait longer for a silent server', async ({ onTestFinished }) => {
  const proxy = await startProxy(server)
  onTestFinished(() => proxy.close())
  const dsn = server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`)
  const run = await runScript(
    `import * as db from 'syncpg'
    const con = db.connect(process.env.DSN, { autocommit: true })
    const silence = new Promise((resolve) => process.once('SIGUSR2', resolve))
    console.log(process.pid)
    await Promise.race([silence, new Promise((resolve) => setTimeout(resolve, 10_000))])
    const startedMs = performance.now()
    con.close({ timeout: 100 })
    const tookMs = performance.now() - startedMs
    console.log(con.closed, tookMs > 95 && tookMs < 4000)`,
    {
      env: { DSN: dsn },
      onLine(line) {
        if (!/^\d+$/.test(line)) return
        proxy.setFaults('toServer', { latencyMs: 8000 })
        process.kill(Number(line), 'SIGUSR2')
      },
    },
  )
  expect(run.stdout.split('\n')[1]).toBe('true true')
})
