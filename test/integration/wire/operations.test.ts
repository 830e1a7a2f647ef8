/** Portals, COPY out, time limits and waiting for notifications, against a real server. */
import { connect, createServer } from 'node:net'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { QueryTimeoutError } from '../../../src-async/errors/client-errors.ts'
import { ConnectionDoesNotExistError } from '../../../src-async/errors/sqlstates.ts'
import { InterfaceError, OperationalError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import type { CopyOutReadReply, FetchPortalRequest } from '../../../src-async/wire/operations.ts'
import type { ByteSink } from '../../../src-async/wire/row-sink.ts'
import type { Session } from '../../../src-async/wire/session.ts'
import type { SessionOptions } from '../../../src-async/options/session-options.ts'
import type { ServerCoordinates } from '../../support/postgres-server.ts'
import { type FaultProxy, startProxy } from '../../support/proxy.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'
import {
  bindOf,
  bindsOf,
  ignoreEvents,
  executing,
  noBind,
  noTls,
  open,
  optionsFor,
  plain,
  query,
  tcp,
  TextSink,
} from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const options = optionsFor(server)
const embedded: SessionOptions = {
  ...options,
  hosts: [{ kind: 'pglite', dataDirectory: null }],
  user: 'postgres',
  database: 'postgres',
  connectTimeoutMs: 0,
}

const transports = [
  ['TCP', options],
  ['TLS', optionsFor(server, { tls: { ...noTls, mode: 'require' } })],
  ['PGlite', embedded],
] as const

let embeddedSession: Promise<Session> | null = null

afterAll(async () => {
  await (await embeddedSession)?.close({ timeoutMs: 5000 })
})

/**
 * A session without open statements. The embedded server takes seconds to start, so all tests share one session there.
 */
async function lend(transport: SessionOptions): Promise<Session & AsyncDisposable> {
  if (transport !== embedded) return open(transport)
  embeddedSession ??= openSession(embedded, ignoreEvents)
  const session = await embeddedSession
  await query(session, 'rollback')
  await query(session, 'discard all')
  return Object.assign(session, { [Symbol.asyncDispose]: async () => {} })
}

/** Joins the chunks of a COPY. */
class BytesSink implements ByteSink {
  readonly parts: Buffer[] = []
  take(bytes: Uint8Array, start: number, end: number): void {
    this.parts.push(Buffer.from(bytes.subarray(start, end)))
  }
  get text(): string {
    return Buffer.concat(this.parts).toString()
  }
}

function portal(sql: string, rows: TextSink, more: Partial<FetchPortalRequest> = {}): FetchPortalRequest {
  const bind = { name: '', parse: { sql, parameterTypes: [] }, bind: noBind }
  return { ...plain, portal: 'p', open: bind, rowLimit: 2, rows, ...more }
}

async function readAll(session: Session, data: ByteSink, maxBytes = 1 << 18): Promise<string> {
  for (;;) {
    const { tag }: CopyOutReadReply = await session.copyOutRead({ data, maxBytes })
    if (tag !== null) return tag
  }
}

describe.each(transports)('over %s', (_, transport) => {
  test('a portal opens with its first rows and continues until its tag comes', async () => {
    await using session = await lend(transport)
    const rows = new TextSink()
    const series = 'select generate_series(1, 5)'
    const tags = [(await session.fetchPortal(portal(series, rows, { begin: 'begin' }))).tag]
    while (tags.at(-1) === null) tags.push((await session.fetchPortal(portal('', rows, { open: null }))).tag)
    expect(tags).toEqual([null, null, 'SELECT 1'])
    expect(rows.rows.flat()).toEqual(['1', '2', '3', '4', '5'])
    await session.closePortal({ portal: 'p', timeoutMs: 0 })
    await session.closePortal({ portal: 'never opened', timeoutMs: 0 })
    const gone = await failureOfAsync(session.fetchPortal(portal('', rows, { open: null })))
    expect([gone, session.transactionStatus]).toMatchObject([{ sqlstate: '34000' }, 'E'])
  })

  test('a portal of a statement with parameters reads all rows that are left', async () => {
    await using session = await lend(transport)
    const sql = 'select $1::text || g from generate_series(1, 4) g'
    await session.describe({ ...plain, name: 's', sql, parameterTypes: [] })
    const rows = new TextSink()
    const bind = { name: 's', parse: null, bind: bindOf('x') }
    await session.fetchPortal(portal('', rows, { begin: 'begin', open: bind, rowLimit: 1 }))
    const { tag } = await session.fetchPortal(portal('', rows, { open: null, rowLimit: 0 }))
    expect([tag, rows.rows.flat()]).toEqual(['SELECT 3', ['x1', 'x2', 'x3', 'x4']])
  })

  test('two portals that are asked for at once are read in turns', async () => {
    await using session = await lend(transport)
    const sinks = [new TextSink(), new TextSink()] as const
    await query(session, 'begin')
    const asked = [
      session.fetchPortal(portal('select generate_series(1, 4)', sinks[0], { portal: 'a' })),
      session.fetchPortal(portal('select generate_series(11, 14)', sinks[1], { portal: 'b' })),
      session.fetchPortal(portal('', sinks[0], { portal: 'a', open: null, closing: ['nonesuch'] })),
      session.fetchPortal(portal('', sinks[1], { portal: 'b', open: null })),
      session.fetchPortal(portal('', sinks[1], { portal: 'b', open: null })),
    ]
    expect((await Promise.all(asked)).map(({ tag }) => tag)).toEqual([null, null, null, null, 'SELECT 0'])
    expect(sinks.map((sink) => sink.rows.flat().join())).toEqual(['1,2,3,4', '11,12,13,14'])
  })

  test('a COPY that is run as a portal is refused, and the session stays usable', async () => {
    await using session = await lend(transport)
    await query(session, 'create temp table t (a int)')
    for (const sql of ['copy t from stdin', 'copy t to stdout']) {
      expect(await failureOfAsync(session.fetchPortal(portal(sql, new TextSink())))).toBeInstanceOf(ProgrammingError)
    }
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('statements are closed by name', async () => {
    await using session = await lend(transport)
    for (const name of ['a', 'b']) await session.describe({ ...plain, name, sql: 'select 1', parameterTypes: [] })
    await session.closeStatements({ names: ['a', 'b', 'never there'], timeoutMs: 0 })
    expect(await query(session, 'select count(*) from pg_prepared_statements')).toEqual([['0']])
    await session.closeStatements({ names: [], timeoutMs: 0 })
    expect(session.phase).toBe('ready')
  })

  test('COPY out gives every byte in order, for any size of the reads', async () => {
    await using session = await lend(transport)
    const sql = "copy (select g, repeat('x', g % 90) from generate_series(1, 20000) g) to stdout"
    for (const maxBytes of [1, 70_000, 1 << 24]) {
      expect(await session.copyOutStart({ ...plain, sql })).toEqual({ columnFormats: [0, 0] })
      const data = new BytesSink()
      expect(await readAll(session, data, maxBytes)).toBe('COPY 20000')
      const lines = data.text.split('\n')
      expect(lines.slice(0, -1).every((line, i) => line === `${i + 1}\t${'x'.repeat((i + 1) % 90)}`)).toBe(true)
      expect(lines).toHaveLength(20_001)
    }
    expect(await failureOfAsync(session.copyOutRead({ data: new BytesSink(), maxBytes: 1 }))).toBeInstanceOf(
      InterfaceError,
    )
  })

  test('COPY out begins a transaction, and gives the formats of its columns', async () => {
    await using session = await lend(transport)
    const sql = 'copy (select 1, 2, 3) to stdout (format binary)'
    const { columnFormats } = await session.copyOutStart({ ...plain, begin: 'begin', sql })
    expect(columnFormats).toEqual([1, 1, 1])
    await readAll(session, new BytesSink())
    expect(session.transactionStatus).toBe('T')
  })

  test('COPY out gives the rows before a failure, then the failure', async () => {
    await using session = await lend(transport)
    await session.copyOutStart({ ...plain, sql: 'copy (select 1/(3-g) from generate_series(1, 5) g) to stdout' })
    const data = new BytesSink()
    expect(await failureOfAsync(readAll(session, data))).toMatchObject({ sqlstate: '22012' })
    expect(data.text).toBe('0\n1\n')
    await session.copyOutEnd()
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test.each([
    ['nothing has been read', 0],
    ['something has been read', 1],
  ])('COPY out is given up when %s, and the session stays usable', async (__, reads) => {
    await using session = await lend(transport)
    await session.copyOutStart({ ...plain, sql: 'copy (select generate_series(1, 300000)) to stdout' })
    for (let i = 0; i < reads; i++) await session.copyOutRead({ data: new BytesSink(), maxBytes: 1 })
    await session.copyOutEnd()
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('COPY out that is given up after the server has finished leaves no cancel behind', async () => {
    await using session = await lend(transport)
    for (let i = 0; i < 20; i++) {
      await session.copyOutStart({ ...plain, sql: 'copy (select 1) to stdout' })
      if (i % 2 === 1) await session.copyOutRead({ data: new BytesSink(), maxBytes: 1 })
      await session.copyOutEnd()
      expect(await query(session, 'select pg_sleep(0.002), 1')).toHaveLength(1)
    }
    await session.copyOutEnd()
  })

  test.each([
    ['select 1', /not COPY/],
    ['create temp table u (a int)', /not COPY/],
    ['copy t from stdin', /nothing supplies its data/],
    ['copy t to stdout; select 1', /followed by another statement/],
    ['copy t to stdout; copy t to stdout', /followed by another statement/],
    ['copy nonesuch to stdout', /does not exist/],
  ])('COPY out of %s is refused', async (sql, pattern) => {
    await using session = await lend(transport)
    await query(session, 'create temp table t (a int); insert into t values (1)')
    const copying = async (): Promise<unknown> => {
      await session.copyOutStart({ ...plain, sql })
      return readAll(session, new BytesSink())
    }
    expect((await failureOfAsync(copying())).message).toMatch(pattern)
    expect(await query(session, 'select count(*) from t')).toEqual([['1']])
  })
})

describe('COPY out', () => {
  test('reads more only when asked, so the buffered data has a limit', async () => {
    await using session = await open(options)
    await session.copyOutStart({
      ...plain,
      sql: "copy (select repeat('x', 9999) from generate_series(1, 10000)) to stdout",
    })
    const before = process.memoryUsage().arrayBuffers
    // The server can end only when the client has read all hundred megabytes.
    await askServer(server, 'select pg_sleep(0.3)')
    const busy = await askServer(server, 'select state from pg_stat_activity where pid = $1', [session.backendPid])
    expect(busy).toMatchObject([{ state: 'active' }])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20)
    const data = { bytes: 0, take: (_: Uint8Array, start: number, end: number) => void (data.bytes += end - start) }
    expect(await readAll(session, data)).toBe('COPY 10000')
    expect(data.bytes).toBe(100_000_000)
  })

  test('that is given up before it was sent does not disturb the operation before it', async () => {
    await using session = await open(options)
    const before = query(session, 'select pg_sleep(0.1), 1')
    const starting = session.copyOutStart({ ...plain, sql: 'copy (select generate_series(1, 1000)) to stdout' })
    await session.copyOutEnd()
    expect([await before, await starting]).toEqual([[['', '1']], { columnFormats: [0] }])
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('holds back requests until it has ended', async () => {
    await using session = await open(options)
    const starting = session.copyOutStart({ ...plain, sql: 'copy (select 1) to stdout' })
    const later = query(session, 'select 2')
    await starting
    await readAll(session, new BytesSink())
    expect(await later).toEqual([['2']])
  })

  test('fails with the connection', async () => {
    const proxy = await startProxy(server)
    onTestFinished(() => proxy.close())
    await using session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    // The server sends its output in blocks of 8 kB.
    const row = "case g when 3 then pg_sleep(30)::text else repeat('x', 9999) end"
    await session.copyOutStart({ ...plain, sql: `copy (select ${row} from generate_series(1, 3) g) to stdout` })
    const data = new BytesSink()
    await session.copyOutRead({ data, maxBytes: 1 })
    expect(data.text).toHaveLength(10_000)
    const reading = failureOfAsync(readAll(session, data))
    proxy.reset()
    expect(await reading).toBeInstanceOf(ConnectionDoesNotExistError)
    await session.copyOutEnd()
  })
})

describe('a time limit', () => {
  const sleep = 'select pg_sleep(30)'
  const timeoutMs = 30

  test.each([
    ['execute', (s: Session) => s.execute(executing(sleep, { timeoutMs }))],
    ['simpleQuery', (s: Session) => s.simpleQuery({ ...plain, timeoutMs, sql: sleep, results: new TextSink() })],
    ['fetchPortal', (s: Session) => s.fetchPortal(portal(sleep, new TextSink(), { timeoutMs }))],
    [
      'copyOutStart',
      (s: Session) =>
        s
          .copyOutStart({ ...plain, timeoutMs, sql: `copy (${sleep}) to stdout` })
          .then(() => readAll(s, new BytesSink())),
    ],
    [
      'describe',
      async (s: Session) => {
        await using other = await open(options)
        await query(other, 'begin; lock table limited')
        await s.describe({ ...plain, timeoutMs, name: '', sql: 'select * from limited', parameterTypes: [] })
      },
    ],
    [
      'executeMany',
      (s: Session) => {
        const parse = { sql: 'select pg_sleep($1::text::float)', parameterTypes: [] }
        const binds = bindsOf([['0'], ['30']])
        return s.executeMany({ ...plain, timeoutMs, name: '', parse, binds, count: 2, rows: new TextSink() })
      },
    ],
    [
      'copyInStart',
      async (s: Session) => {
        await s.copyInStart({ ...plain, timeoutMs, sql: 'copy limited from stdin' })
        for (;;) {
          await s.copyInData({ bytes: Buffer.from('1\n') })
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
    ],
    [
      'a COPY FROM STDIN that waits for data',
      async (s: Session) => {
        await s.copyInStart({ ...plain, timeoutMs, sql: 'copy limited from stdin' })
        while (s.phase === 'busy') await new Promise((resolve) => setImmediate(resolve))
        await s.copyInEnd({ failure: null })
      },
    ],
  ])('ends %s, and the session stays usable', async (_, run) => {
    await askServer(server, 'create table if not exists limited (a int)')
    await using session = await open(options)
    const error = await failureOfAsync(run(session))
    expect(error).toBeInstanceOf(QueryTimeoutError)
    expect(error).toMatchObject({ sqlstate: '57014', message: expect.stringMatching(/time limit of 30 ms/) })
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('ends a COPY out whose data nobody reads', async () => {
    await using session = await open(options)
    const sql = "copy (select repeat('x', 9999) from generate_series(1, 100000)) to stdout"
    await session.copyOutStart({ ...plain, timeoutMs: 300, sql })
    while (session.phase === 'busy') await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await failureOfAsync(readAll(session, new BytesSink()))).toBeInstanceOf(QueryTimeoutError)
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('fails a COPY out when it has dropped unread data', async () => {
    await using session = await open(options)
    // This is more than the session buffers, but fits into its buffer and those of the sockets together, so the server
    // ends before the limit.
    const sql = "copy (select repeat('x', 9999) from generate_series(1, 130)) to stdout"
    await session.copyOutStart({ ...plain, timeoutMs: 300, sql })
    await expect.poll(() => session.phase, { interval: 5 }).toBe('ready')
    expect(await failureOfAsync(readAll(session, new BytesSink()))).toBeInstanceOf(QueryTimeoutError)
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('drops the rows of a reader that has stopped, and keeps the session', async () => {
    await using session = await open(options)
    const sql = "select repeat('x', 9999), generate_series(1, 1000000000)"
    const running = failureOfAsync(session.execute(executing(sql, { timeoutMs: 300 })))
    session.pauseReading()
    expect(await running).toBeInstanceOf(QueryTimeoutError)
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('applies to each statement behind one that hangs', async () => {
    const proxy = await proxyTo(server)
    const session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    proxy.loseNewConnections('hanging')
    const startedMs = performance.now()
    const elapsedMs = async (promise: Promise<Error>): Promise<number> => (await promise, performance.now() - startedMs)
    const stuck = failureOfAsync(session.execute(executing('select pg_sleep(60)')))
    const written = failureOfAsync(session.execute(executing('select 1', { timeoutMs: 300 })))
    const waiting = failureOfAsync(session.execute(executing('select 1', { timeoutMs: 300 })))
    expect([await elapsedMs(waiting), await elapsedMs(written)]).toEqual([roughly(300), roughly(5300)])
    expect((await waiting).message).toMatch(/nothing was run/)
    expect((await written).message).toMatch(/^the time limit of 300 ms.*within 5 s: the connection is closed/)
    expect(await stuck).toBeInstanceOf(OperationalError)
    expect(session.isClosed).toBe(true)
  })

  test('applies while the cancel request of another statement is on its way', async () => {
    const proxy = await proxyTo(server)
    await using session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    proxy.loseNewConnections('hanging')
    const first = session.execute(executing('select pg_sleep(0.1)'))
    const cancelling = session.cancel().catch(() => {})
    await first
    const startedMs = performance.now()
    const error = await failureOfAsync(session.execute(executing('select 1', { timeoutMs: 300 })))
    expect([error.message, performance.now() - startedMs]).toEqual([
      expect.stringMatching(/nothing was run/),
      roughly(300),
    ])
    await proxy.close()
    await cancelling
  })

  test('does not close the session if the answer came while the event loop was blocked', async () => {
    const proxy = await proxyTo(server)
    await using session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    await proxy.refuse()
    const rows = new TextSink()
    const running = session.execute(executing('select 1 from pg_sleep(0.5)', { timeoutMs: 100, graceMs: 600, rows }))
    // The limit has passed, and the grace ends while the event loop is blocked.
    setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000), 200)
    await running
    expect(rows.rows).toEqual([['1']])
  })

  test('without a grace closes the session at once', async () => {
    const session = await open(options)
    const startedMs = performance.now()
    const error = await failureOfAsync(
      session.execute(executing('select pg_sleep(60)', { timeoutMs: 100, graceMs: 0 })),
    )
    expect([error.message, performance.now() - startedMs]).toEqual([
      'the time limit of 100 ms has passed and the server has not answered: the connection is closed',
      roughly(100),
    ])
    expect(session.isClosed).toBe(true)
  })

  test('names the element of a batch that it ended', async () => {
    await using session = await open(options)
    const parse = { sql: 'select pg_sleep($1::text::float)', parameterTypes: [] }
    const binds = bindsOf([['0'], ['0'], ['30']])
    const batch = session.executeMany({ ...plain, timeoutMs, name: '', parse, binds, count: 3, rows: new TextSink() })
    expect(await failureOfAsync(batch)).toMatchObject({ name: 'QueryTimeoutError', batchIndex: 2 })
  })

  test('that passes while other statements run fails the call without running it', async () => {
    await using session = await open(options)
    await query(session, 'create temp table t (a int)')
    const first = session.execute(executing('select pg_sleep(0.2)', { timeoutMs: 5000 }))
    const late = failureOfAsync(session.execute(executing('insert into t values (1)', { timeoutMs })))
    expect((await late).message).toMatch(/nothing was run/)
    await first
    expect(await query(session, 'select count(*) from t')).toEqual([['0']])
  })

  test('of a statement behind another cancels only that statement', async () => {
    await using session = await open(options)
    const first = query(session, 'select pg_sleep(0.2), 1')
    const late = failureOfAsync(session.execute(executing(sleep, { timeoutMs })))
    expect(await first).toEqual([['', '1']])
    expect(await late).toBeInstanceOf(QueryTimeoutError)
  })

  test('that races the end of its statement never affects the next one', async () => {
    let timedOut = 0
    let completed = 0
    const race = async (): Promise<void> => {
      await using session = await open(options)
      // The time of a cancel depends on the machine, so the sleep is adjusted until cancels come both in time and too
      // late.
      let sleepMs = 2
      for (let i = 0; i < 50; i++) {
        const rows = new TextSink()
        const seconds = (sleepMs * (0.5 + Math.random())) / 1000
        const racing = session.execute(executing(`select pg_sleep(${seconds}), ${i}`, { timeoutMs: 2, rows }))
        const outcome = await racing.then(
          () => 'completed',
          (error: unknown) => error,
        )
        if (outcome === 'completed') {
          completed++
          sleepMs *= 1.1
          expect(rows.rows).toEqual([['', String(i)]])
        } else {
          timedOut++
          sleepMs *= 0.9
          expect(outcome).toBeInstanceOf(QueryTimeoutError)
        }
        expect(await query(session, `select pg_sleep(0.001), 'next ${i}'`)).toEqual([['', `next ${i}`]])
      }
    }
    await Promise.all([race(), race()])
    // Both outcomes must happen, or there was no race.
    expect(Math.min(timedOut, completed)).toBeGreaterThan(0)
  })

  test('does not change an error that it did not cause', async () => {
    await using session = await open(options)
    const rows = new TextSink()
    expect(await failureOfAsync(session.execute(executing('select 1/0', { timeoutMs: 5000, rows })))).toMatchObject({
      sqlstate: '22012',
    })
    const cancelled = failureOfAsync(session.execute(executing(sleep, { timeoutMs: 5000 })))
    await session.cancel()
    expect(await cancelled).not.toBeInstanceOf(QueryTimeoutError)
  })

  test('closes the session when the server stays silent, with an error that says so', async () => {
    const silent = await muteServer()
    const session = await open(optionsFor(server, { hosts: [tcp({ host: '127.0.0.1', port: silent.port })] }))
    silent.mute()
    const error = await failureOfAsync(session.execute(executing('select 1', { timeoutMs })))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error).not.toBeInstanceOf(QueryTimeoutError)
    expect(error.message).toMatch(/time limit of 30 ms.*within 5 s: the connection is closed/)
    expect(session.isClosed).toBe(true)
  })

  test('does not end a statement of an embedded server, and its changes stay', async () => {
    await using session = await lend(embedded)
    const rows = new TextSink()
    const counting = 'select count(*) from generate_series(1, 300000)'
    await session.execute(executing(counting, { timeoutMs: 1, rows }))
    expect(rows.rows).toEqual([['300000']])
  })
})

async function proxyTo(target: ServerCoordinates): Promise<FaultProxy> {
  const proxy = await startProxy(target)
  onTestFinished(() => proxy.close())
  return proxy
}

/** It takes that long, or longer on a busy machine. */
function roughly(ms: number): unknown {
  return expect.toSatisfy((elapsedMs: number) => elapsedMs > ms - 50 && elapsedMs < ms + 1500, `about ${ms} ms`)
}

/** A relay. After it is made silent, it drops requests, and accepts cancel requests without passing them on. */
async function muteServer(): Promise<{ readonly port: number; mute(): void }> {
  let isMute = false
  const between = createServer((client) => {
    client.on('error', () => {})
    if (isMute) return void client.once('data', () => client.destroy())
    const upstream = connect(server.port, server.host)
    upstream.on('error', () => {})
    client.on('data', (chunk) => isMute || upstream.write(chunk))
    upstream.on('data', (chunk) => client.write(chunk))
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void between.close())
  const { port } = between.address() as { port: number }
  return { port, mute: () => void (isMute = true) }
}

describe('waiting for notifications', () => {
  test('ends when one comes, and with false when none does', async () => {
    const heard: string[] = []
    await using session = await open(options, { ...ignoreEvents, notification: ({ payload }) => heard.push(payload) })
    await query(session, 'listen wired')
    expect(await session.awaitNotification({ timeoutMs: 0 })).toEqual({ arrived: false })
    expect(await session.awaitNotification({ timeoutMs: 20 })).toEqual({ arrived: false })
    const waiting = session.awaitNotification({ timeoutMs: 10_000 })
    await askServer(server, "notify wired, 'p'")
    expect([await waiting, heard]).toEqual([{ arrived: true }, ['p']])
  })

  test('does not disturb a running statement', async () => {
    await using session = await open(options)
    const waiting = session.awaitNotification({ timeoutMs: 200 })
    expect(await query(session, 'select 1')).toEqual([['1']])
    expect(await waiting).toEqual({ arrived: false })
    expect(await query(session, 'select 2')).toEqual([['2']])
  })

  test('a read without waiting gets the bytes that are in the socket', async () => {
    const heard: string[] = []
    await using session = await open(options, { ...ignoreEvents, notification: ({ payload }) => heard.push(payload) })
    await using other = await open(options)
    await query(session, 'listen looked')
    session.pauseReading()
    await query(other, "notify looked, 'p'")
    session.resumeReading()
    // The server hands a NOTIFY on after it has answered the sender, so the first looks may come too early. The bytes may
    // also come by an event between two looks.
    await vi.waitUntil(async () => (await session.awaitNotification({ timeoutMs: 0 })).arrived || heard.length > 0, {
      timeout: 10_000,
      interval: 1,
    })
    expect(heard).toEqual(['p'])
  })

  test('fails with the connection', async () => {
    await using session = await open(options)
    const waiting = failureOfAsync(session.awaitNotification({ timeoutMs: 10_000 }))
    await askServer(server, 'select pg_terminate_backend($1)', [session.backendPid])
    expect(await waiting).toMatchObject({ sqlstate: '57P01' })
    expect(await failureOfAsync(session.awaitNotification({ timeoutMs: 0 }))).toBeInstanceOf(InterfaceError)
  })

  test('ends with cancel and with close', async () => {
    const session = await open(options)
    const waiting = session.awaitNotification({ timeoutMs: 10_000 })
    await session.cancel()
    expect(await waiting).toEqual({ arrived: false })
    const left = failureOfAsync(session.awaitNotification({ timeoutMs: 10_000 }))
    await session.close({ timeoutMs: 1000 })
    expect((await left).message).toBe('connection is closed')
  })
})
