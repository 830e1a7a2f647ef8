/**
 * Time limits and signals when the cancel request is lost, as some proxies and tunnels lose it, while rows go on
 * arriving. The call ends at the end of the grace after its limit, and the connection is closed. If the request only
 * arrives late, over a slow line, the connection stays usable.
 */
import {
  type ConnectOptions,
  type Connection,
  OperationalError,
  QueryTimeoutError,
  PoolTimeoutError,
  TransactionResolutionUnknownError,
  connect,
  createPool,
} from 'syncpg/async'
import { type TestContext, describe, expect, test } from 'vitest'

import { type FaultProxy, type Loss, startProxy } from '../../support/proxy.ts'
import { runScript } from '../../support/run-script.ts'
import { sharedServer } from '../../support/shared-server.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const LIMIT_MS = 300
/** CANCEL_GRACE_MS of the sources. */
const GRACE_MS = 5000
/** The delay that a busy machine may add. */
const MARGIN_MS = 2500
const AT_ONCE_MS = 1000
const RESET_MS = 1000

/** Endless rows, some 8 kB every 8 ms. */
const ENDLESS = "select repeat('x', 1000), pg_sleep(0.001), generate_series(1, 1000000000)"
/** Endless rows, as fast as possible. */
const FLOOD = "select repeat('x', 1000), generate_series(1, 1000000000)"
const WENT_ON = /has passed, and the server did not stop within 5 s: the connection is closed/

interface Meeting {
  readonly con: Connection
  readonly proxy: FaultProxy
}

async function meet({ onTestFinished }: TestContext, options: ConnectOptions = {}): Promise<Meeting> {
  const proxy = await startProxy(server)
  const dsn = server.dsn({ user: 'u_trust', transport: 'tcp' }).replace(`:${server.port}/`, `:${proxy.port}/`)
  const con = await connect(dsn, { sslmode: 'disable', ...options })
  onTestFinished(async () => {
    con.terminate()
    await proxy.close()
  })
  return { con, proxy }
}

/** The error of a promise, and the milliseconds until it was rejected. */
async function timedFailureOf(
  promise: Promise<unknown>,
): Promise<{ readonly error: Error; readonly elapsedMs: number }> {
  const startedMs = performance.now()
  const error = await failureOfAsync(promise)
  return { error, elapsedMs: performance.now() - startedMs }
}

/** Resolves when the server has begun to send rows. */
async function rowsArrive(proxy: FaultProxy): Promise<void> {
  await expect.poll(() => proxy.forwardedBytes.toClient, { interval: 10 }).toBeGreaterThan(50_000)
}

function expectWithin(elapsedMs: number, fromMs: number, toMs = fromMs + MARGIN_MS): void {
  expect(elapsedMs).toBeGreaterThan(fromMs - 50)
  expect(elapsedMs).toBeLessThan(toMs)
}

describe.concurrent('if cancel requests are lost, a time limit ends the call after the grace period and closes the connection', () => {
  const timeout = LIMIT_MS
  test.for<[string, Loss, ConnectOptions, (con: Connection) => Promise<unknown>]>([
    ['rows', 'closed', {}, (con) => con.fetch(ENDLESS, [], { timeout })],
    ['rows, of a cancel connection that hangs', 'hanging', {}, (con) => con.fetch(ENDLESS, [], { timeout })],
    ['rows under TLS', 'hanging', { sslmode: 'require' }, (con) => con.fetch(ENDLESS, [], { timeout })],
    ['a flood of rows', 'closed', {}, (con) => con.fetch(FLOOD, [], { timeout })],
    ['a script', 'closed', {}, (con) => con.execute(ENDLESS, undefined, { timeout })],
    ['a statement that sends nothing', 'closed', {}, (con) => con.fetch('select pg_sleep(60)', [], { timeout })],
    ['a batch', 'closed', {}, (con) => con.executemany('select pg_sleep($1)', [[60]], { timeout })],
    [
      'a trip of a cursor',
      'closed',
      { commandTimeout: timeout },
      (con) => con.transaction(async () => (await con.cursor(ENDLESS).open()).fetch(1e9)),
    ],
    ['COPY TO', 'closed', {}, (con) => con.copyFromQuery(ENDLESS, [], { output() {}, timeout })],
    [
      'COPY TO of an output that does not take the data',
      'closed',
      {},
      (con) => con.copyFromQuery(FLOOD, [], { output: () => new Promise(() => {}), timeout }),
    ],
    [
      'a pipeline',
      'closed',
      {},
      (con) => con.pipeline((p) => Promise.all([p.fetch(ENDLESS), p.fetch('select 1')]), { timeout }),
    ],
  ])('%s', async ([, loss, options, call], context) => {
    const { con, proxy } = await meet(context, options)
    proxy.loseNewConnections(loss)
    const { error, elapsedMs } = await timedFailureOf(call(con))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error).not.toBeInstanceOf(QueryTimeoutError)
    expectWithin(elapsedMs, LIMIT_MS + GRACE_MS)
    expect(con.isClosed).toBe(true)
  })
})

describe.concurrent('if cancel requests are lost, a signal ends the call after the grace period', () => {
  test.for<[string, Loss, (con: Connection, signal: AbortSignal) => Promise<unknown>]>([
    ['rows', 'closed', (con, signal) => con.fetch(ENDLESS, [], { signal })],
    ['rows, of a cancel connection that hangs', 'hanging', (con, signal) => con.fetch(ENDLESS, [], { signal })],
    [
      'COPY TO of an output that does not take the data',
      'closed',
      (con, signal) => con.copyFromQuery(FLOOD, [], { output: () => new Promise(() => {}), signal }),
    ],
    [
      'a pipeline',
      'closed',
      (con, signal) => con.pipeline((p) => Promise.all([p.fetch(ENDLESS), p.fetch('select 1')]), { signal }),
    ],
  ])('%s', async ([, loss, call], context) => {
    const { con, proxy } = await meet(context)
    proxy.loseNewConnections(loss)
    const controller = new AbortController()
    const failure = timedFailureOf(call(con, controller.signal))
    setTimeout(() => controller.abort(new RangeError('enough')), LIMIT_MS)
    const { error, elapsedMs } = await failure
    expect(error).toBeInstanceOf(RangeError)
    expectWithin(elapsedMs, LIMIT_MS + GRACE_MS)
    expect(con.isClosed).toBe(true)
    await expect(con.fetch('select 1')).rejects.toThrow(/did not stop within 5 s/)
  })
})

describe.concurrent('if cancel requests are lost', () => {
  test('a COPY whose output fails ends after the grace period, without a time limit', async (context) => {
    const { con, proxy } = await meet(context)
    proxy.loseNewConnections('closed')
    const output = (): void => {
      throw new RangeError('full')
    }
    const { error, elapsedMs } = await timedFailureOf(con.copyFromQuery(ENDLESS, [], { output }))
    expect(error).toBeInstanceOf(RangeError)
    expectWithin(elapsedMs, GRACE_MS)
    expect(con.isClosed).toBe(true)
  })

  test('a statement that completes within the grace period keeps its result and the connection', async (context) => {
    const { con, proxy } = await meet(context)
    proxy.loseNewConnections('closed')
    expect(await con.fetchval("select 'late' from pg_sleep(1)", [], 0, { timeout: LIMIT_MS })).toBe('late')
    expect(await con.fetchval('select 42')).toBe(42)
  })

  test('a statement that sends too much after its time limit loses its rows, and keeps the connection', async (context) => {
    const { con, proxy } = await meet(context)
    proxy.loseNewConnections('closed')
    const forty = "select repeat('x', 100000), pg_sleep(0.002), generate_series(1, 400)"
    const { error } = await timedFailureOf(con.fetch(forty, [], { timeout: 100 }))
    expect(error).toBeInstanceOf(QueryTimeoutError)
    expect(error.message).toMatch(/the statement completed after that, and its rows were dropped/)
    expect(await con.fetchval('select 42')).toBe(42)
  })

  test('a statement that completes while its cancel request hangs closes the connection for the next one', async (context) => {
    const { con, proxy } = await meet(context)
    proxy.loseNewConnections('hanging')
    expect(await con.fetchval("select 'late' from pg_sleep(1)", [], 0, { timeout: LIMIT_MS })).toBe('late')
    const { error, elapsedMs } = await timedFailureOf(con.execute('select 42'))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(/the request could hit a later statement/)
    expect(elapsedMs).toBeLessThan(GRACE_MS + MARGIN_MS)
  })

  test('a pool takes back a connection that still runs a statement within its time limit, and serves the next caller', async (context) => {
    const proxy = await startProxy(server)
    const dsn = server.dsn({ user: 'u_trust', transport: 'tcp' }).replace(`:${server.port}/`, `:${proxy.port}/`)
    const pool = await createPool(dsn, { sslmode: 'disable', minSize: 1, maxSize: 1, resetTimeout: RESET_MS })
    context.onTestFinished(async () => {
      pool.terminate()
      await proxy.close()
    })
    const con = await pool.acquire()
    const running = timedFailureOf(con.fetch(ENDLESS))
    await rowsArrive(proxy)
    proxy.loseNewConnections('hanging')
    const { error, elapsedMs } = await timedFailureOf(pool.acquire({ timeout: LIMIT_MS }))
    expect(error).toBeInstanceOf(PoolTimeoutError)
    expectWithin(elapsedMs, LIMIT_MS, LIMIT_MS + AT_ONCE_MS)
    const startedMs = performance.now()
    await pool.release(con)
    expectWithin(performance.now() - startedMs, RESET_MS, RESET_MS + AT_ONCE_MS)
    proxy.loseNewConnections(null)
    expect((await running).error).toBeInstanceOf(OperationalError)
    expect(await pool.fetchval('select 42')).toBe(42)
  })
})

describe.concurrent('a network that is silent', () => {
  test('ends the COMMIT of a call after its time limit and the grace period, and the outcome is unknown', async (context) => {
    const { con, proxy } = await meet(context, { commandTimeout: LIMIT_MS })
    const startedMs = { commit: 0 }
    const { error } = await timedFailureOf(
      con.transaction(async () => {
        await con.execute('select 1')
        proxy.setFaults('both', { isBlackHole: true })
        startedMs.commit = performance.now()
      }),
    )
    expect(error).toBeInstanceOf(TransactionResolutionUnknownError)
    expectWithin(performance.now() - startedMs.commit, LIMIT_MS + GRACE_MS)
  })

  test('ends a COPY with an endless source', async (context) => {
    const { con, proxy } = await meet(context)
    await con.execute('create temporary table t (a text)')
    let given = 0
    function* lines(): Generator<string> {
      for (;;) {
        given += 1
        if (given === 50) proxy.setFaults('both', { isBlackHole: true })
        yield 'x\n'.repeat(10_000)
      }
    }
    const { error, elapsedMs } = await timedFailureOf(con.copyToTable('t', { source: lines(), timeout: LIMIT_MS }))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error).not.toBeInstanceOf(QueryTimeoutError)
    expectWithin(elapsedMs, LIMIT_MS + GRACE_MS)
    expect(con.isClosed).toBe(true)
  })

  test('delays close no longer than its own time limit', async (context) => {
    const { con, proxy } = await meet(context)
    const running = timedFailureOf(con.fetch(ENDLESS))
    await rowsArrive(proxy)
    proxy.loseNewConnections('hanging')
    const startedMs = performance.now()
    await con.close({ timeout: LIMIT_MS })
    expectWithin(performance.now() - startedMs, LIMIT_MS, LIMIT_MS + AT_ONCE_MS)
    expect((await running).error).toBeInstanceOf(OperationalError)
  })

  test('delays connect no longer than its time limit', async ({ onTestFinished }) => {
    const proxy = await startProxy(server)
    onTestFinished(() => proxy.close())
    proxy.loseNewConnections('hanging')
    const dsn = server.dsn({ user: 'u_trust', transport: 'tcp' }).replace(`:${server.port}/`, `:${proxy.port}/`)
    const { error, elapsedMs } = await timedFailureOf(connect(dsn, { timeout: LIMIT_MS }))
    expect(error).toBeInstanceOf(OperationalError)
    expectWithin(elapsedMs, LIMIT_MS, LIMIT_MS + AT_ONCE_MS)
  })
})

describe.concurrent('a healthy server behind a slow network', () => {
  const slow = { latencyMs: 200 }
  test.for<[string, ConnectOptions, (con: Connection) => Promise<unknown>]>([
    ['rows', {}, (con) => con.fetch(ENDLESS, [], { timeout: 1000 })],
    ['rows under TLS', { sslmode: 'require' }, (con) => con.fetch(ENDLESS, [], { timeout: 1000 })],
    ['a flood of rows', {}, (con) => con.fetch(FLOOD, [], { timeout: 1000 })],
    ['a pipeline', {}, (con) => con.pipeline((p) => p.fetch(ENDLESS), { timeout: 1000 })],
    ['COPY TO', {}, (con) => con.copyFromQuery(ENDLESS, [], { output() {}, timeout: 1000 })],
    ['a batch', {}, (con) => con.executemany('select pg_sleep($1)', [[0], [60]], { timeout: 2500 })],
  ])('keeps the connection after a time limit: %s', async ([, options, call], context) => {
    const { con, proxy } = await meet(context, options)
    proxy.setFaults('both', slow)
    const { error } = await timedFailureOf(call(con))
    expect(error).toBeInstanceOf(QueryTimeoutError)
    expect(await con.fetchval('select 42')).toBe(42)
  })

  test('keeps the connection after a signal', async (context) => {
    const { con, proxy } = await meet(context)
    proxy.setFaults('both', slow)
    const controller = new AbortController()
    const failure = timedFailureOf(con.fetch(ENDLESS, [], { signal: controller.signal }))
    setTimeout(() => controller.abort(new RangeError('enough')), 1000)
    expect((await failure).error).toBeInstanceOf(RangeError)
    expect(await con.fetchval('select 42')).toBe(42)
  })
})

const BLOCKED = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { autocommit: true })
const nap = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
const outcomeOf = (call) => {
  const startedMs = performance.now()
  try {
    call()
    return null
  } catch ({ name, message }) {
    return { name, message, elapsedMs: performance.now() - startedMs, isClosed: con.closed }
  }
}
con.fetchval('select 1')
console.log('READY')
const outcome = (() => { BODY })()
console.log(JSON.stringify(outcome))
`

interface BlockedOutcome {
  readonly name: string
  readonly message: string
  readonly elapsedMs: number
  readonly isClosed: boolean
}

/** Runs the body of a function in a process of its own; `whenReady` is called before its first call, or soon after. */
async function runBlocked(
  { onTestFinished }: TestContext,
  body: string,
  whenReady: (proxy: FaultProxy) => void,
): Promise<BlockedOutcome> {
  const proxy = await startProxy(server)
  onTestFinished(() => proxy.close())
  const dsn = server.dsn({ user: 'u_trust', transport: 'tcp' }).replace(`:${server.port}/`, `:${proxy.port}/`)
  const run = await runScript(
    BLOCKED.replace('BODY', () => body),
    {
      env: { DSN: `${dsn}?sslmode=disable`, ENDLESS, FLOOD },
      timeoutMs: 30_000,
      onLine: (line) => line === 'READY' && whenReady(proxy),
    },
  )
  expect([run.status, run.stderr]).toEqual([0, ''])
  return JSON.parse(run.stdout.slice('READY\n'.length)) as BlockedOutcome
}

describe.concurrent('a blocked call', () => {
  const lose = (proxy: FaultProxy): void => proxy.loseNewConnections('closed')
  // The limit is long enough that the proxy has been told before to drop new connections.
  test.for<[string, string]>([
    ['rows', 'return outcomeOf(() => con.fetch(process.env.ENDLESS, null, { timeout: 1000 }))'],
    ['a flood of rows', 'return outcomeOf(() => con.execute(process.env.FLOOD, null, { timeout: 1000 }))'],
    [
      'COPY TO of a slow output',
      'return outcomeOf(() => con.copyFromQuery(process.env.FLOOD, null, { output: () => nap(10), timeout: 1000 }))',
    ],
    [
      'a stream',
      'con.autocommit = false; const trip = con.cursor().stream(process.env.ENDLESS, null, { size: 1e9, timeout: 1000 }); ' +
        'return outcomeOf(() => [...trip])',
    ],
  ])(
    'whose cancel request is lost ends after the grace period and closes the connection: %s',
    async ([, body], context) => {
      const outcome = await runBlocked(context, body, lose)
      expect(outcome).toMatchObject({
        name: 'OperationalError',
        message: expect.stringMatching(WENT_ON),
        isClosed: true,
      })
      expectWithin(outcome.elapsedMs, 1000 + GRACE_MS)
    },
  )

  test('that is a ping ends with its time limit and closes the connection at once', async (context) => {
    const body = 'for (;;) { const outcome = outcomeOf(() => con.ping({ timeout: 500 })); if (outcome) return outcome }'
    const outcome = await runBlocked(context, body, (proxy) => proxy.setFaults('both', { isBlackHole: true }))
    expect(outcome).toMatchObject({ name: 'OperationalError', isClosed: true })
    expect(outcome.message).toMatch(
      /time limit of \d+ ms has passed and the server has not answered: the connection is closed/,
    )
    expectWithin(outcome.elapsedMs, 450, 500 + AT_ONCE_MS)
  })

  test('whose notice listener runs for longer than the grace period keeps its connection', async (context) => {
    const body = `
      con.addNoticeListener(() => nap(${GRACE_MS + 2000}))
      const sql = "do $$ begin raise notice 'wait'; end $$; " + process.env.FLOOD
      const outcome = outcomeOf(() => con.execute(sql, null, { timeout: 1000 }))
      return { ...outcome, next: con.fetchval('select 42') }`
    const outcome = await runBlocked(context, body, () => {})
    expect(outcome).toMatchObject({ name: 'QueryTimeoutError', isClosed: false, next: 42 })
  })
})
