/**
 * The async connection, apart from ordinary queries: its status, its notifications, its end, cancelling, COPY by SQL,
 * columns of cursors, aborting `connect()`, and keeping the process alive.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import {
  type Connection,
  type DbError,
  type Notification,
  NotSupportedError,
  ProgrammingError,
  QueryCanceledError,
  UniqueViolationError,
  connect,
  createPool,
} from 'syncpg/async'
import { connect as connectBlocking } from 'syncpg'

import { runScript } from '../../support/run-script.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'
import { failureOrNull } from '../../support/failure-of.ts'

/** A source that yields nothing and does not end. */
async function* stuck(): AsyncGenerator<never, void, undefined> {
  yield await new Promise<never>(() => {})
}

let con: Connection
beforeEach(async () => {
  con = await connect(sharedServer().dsn())
})
afterEach(() => con.close())

describe.each([
  ['a server', () => sharedServer().dsn()],
  ['pglite:', () => 'pglite:'],
])('the status of a transaction, of %s', (_, dsn) => {
  test('is different for a failed and an open transaction, in the async API', async () => {
    const own = await connect(dsn())
    const statuses = [own.transactionStatus]
    await own.execute('begin')
    statuses.push(own.transactionStatus)
    await own.execute('select 1/0').catch(() => {})
    statuses.push(own.transactionStatus)
    await own.execute('rollback')
    statuses.push(own.transactionStatus)
    await own.close()
    statuses.push(own.transactionStatus)
    expect(statuses).toEqual(['idle', 'in-transaction', 'failed', 'idle', 'closed'])
  })

  test('and in the blocking one', () => {
    const own = connectBlocking(dsn())
    const statuses: string[] = [own.transactionStatus]
    own.execute('select 1')
    statuses.push(own.transactionStatus)
    try {
      own.execute('select 1/0')
    } catch {
      statuses.push(own.transactionStatus)
    }
    own.rollback()
    statuses.push(own.transactionStatus)
    own.close()
    statuses.push(own.transactionStatus)
    expect(statuses).toEqual(['idle', 'in-transaction', 'failed', 'idle', 'closed'])
  })
})

describe('notifications of every channel', () => {
  test('reach a listener for all channels once each, those of a LISTEN in SQL too', async () => {
    const heard: string[] = []
    const hear = (_: Connection, { channel, payload }: Notification): void => void heard.push(`${channel} ${payload}`)
    con.addNotificationListener(hear)
    con.addNotificationListener(hear)
    await con.execute('listen by_sql')
    const own: string[] = []
    await con.addListener('by_call', (_, { payload }) => own.push(payload))
    await con.execute("notify by_sql, '1'; notify by_call, '2'; notify nobody, '3'")
    expect(heard).toEqual(['by_sql 1', 'by_call 2'])
    expect(own).toEqual(['2'])
    con.removeNotificationListener(hear)
    await con.execute("notify by_sql, '4'")
    expect(heard).toHaveLength(2)
    expect(() => con.addNotificationListener('x' as never)).toThrow('expected a function')
  })

  test("reach only the current holder of a pool's connection", async () => {
    await using pool = await createPool(sharedServer().dsn(), { minSize: 1, maxSize: 1 })
    const heard: string[] = []
    const lease = await pool.acquire()
    lease.addNotificationListener((_, { payload }) => heard.push(payload))
    await lease.execute("listen leased; notify leased, '1'")
    await pool.release(lease)
    await pool.execute("listen leased; notify leased, '2'")
    expect(heard).toEqual(['1'])
  })

  test('reach poll() of the blocking API', () => {
    using own = connectBlocking(sharedServer().dsn(), { autocommit: true })
    own.execute("listen by_sql; notify by_sql, 'x'")
    expect(own.poll()).toMatchObject([{ channel: 'by_sql', payload: 'x' }])
  })
})

describe('the end of a connection', () => {
  const endOf = (own: Connection): Promise<DbError | null> =>
    new Promise((resolve) => own.addTerminationListener((_, reason) => resolve(reason)))

  test('calls the listener with its reason, and the next call throws it', async () => {
    const own = await connect(sharedServer().dsn())
    const end = endOf(own)
    await askServer(sharedServer(), 'select pg_terminate_backend($1)', [own.backendPid])
    expect(await end).toMatchObject({ sqlstate: '57P01' })
    await expect(own.fetchval('select 1')).rejects.toMatchObject({ sqlstate: '57P01' })
  })

  test.each(['close', 'terminate'] as const)('by %s() has no reason', async (method) => {
    const own = await connect(sharedServer().dsn())
    const end = endOf(own)
    await own[method]()
    expect(await end).toBe(null)
  })

  test('calls the listener of the holder of a pool’s connection', async () => {
    await using pool = await createPool(sharedServer().dsn(), { minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const end = endOf(lease)
    await askServer(sharedServer(), 'select pg_terminate_backend($1)', [lease.backendPid])
    expect(await end).toMatchObject({ sqlstate: '57P01' })
  })
})

describe('cancel()', () => {
  test('ends the running statement, and no later one', async () => {
    const sleeping = con.execute('select pg_sleep(60)')
    const outcome = failureOrNull(sleeping)
    await con.cancel()
    expect(await outcome).toBeInstanceOf(QueryCanceledError)
    await con.cancel()
    expect(await con.fetchval('select 1')).toBe(1)
  })

  test('ends a call between two round trips, and one that waits for its source', async () => {
    const calls = [
      () => con.fetch('select $1::int, pg_sleep(60)', [1]),
      () => con.copy('copy (select pg_sleep(60)) to stdout', { output: () => {} }),
      () => con.copy('copy pg_temp.item from stdin', { source: stuck() }),
      () => con.copyRecordsToTable('item', { records: stuck() }),
      () => con.executemany('insert into item values ($1)', stuck()),
    ]
    await con.execute('create temp table item (id int)')
    for (const call of calls) {
      const outcome = failureOrNull(call())
      await con.cancel()
      expect(await outcome).toBeInstanceOf(QueryCanceledError)
    }
    expect(await con.fetchval('select count(*)::int from item')).toBe(0)
  })

  test('ends the running statement of a pipeline, and not those behind it', async () => {
    const running = new Promise<void>((resolve) => con.addLogListener(() => resolve()))
    const piped = con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.execute("do $$ begin raise notice 'running'; perform pg_sleep(60); end $$"),
        pipeline.fetchval('select 5'),
      ]),
    )
    await running
    await con.cancel()
    expect(await piped).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 5 }])
  })

  test('is refused by an embedded PostgreSQL, and after close()', async () => {
    await using own = await connect('pglite:')
    await expect(own.cancel()).rejects.toBeInstanceOf(NotSupportedError)
    const closed = await connect(sharedServer().dsn())
    await closed.close()
    await expect(closed.cancel()).rejects.toThrow('connection is closed')
  })
})

describe.each([
  ['a server', () => sharedServer().dsn()],
  ['TLS', () => sharedServer().dsn({ transport: 'tls' })],
  ['pglite:', () => 'pglite:'],
])('COPY by SQL, over %s', (_, dsn) => {
  test('goes both ways', async () => {
    await using own = await connect(dsn())
    await own.execute('create temp table item (id int primary key, label text)')
    const csv = ['1,a\n', '2,"b, c"\n']
    expect(await own.copy('copy item from stdin (format csv)', { source: csv })).toBe('COPY 2')
    const chunks: Buffer[] = []
    const output = (chunk: Buffer): void => void chunks.push(chunk)
    const sql = 'copy (select label, id from item order by id desc) to stdout with (format csv, header)'
    expect(await own.copy(sql, { output })).toBe('COPY 2')
    expect(String(Buffer.concat(chunks))).toBe('label,id\n"b, c",2\na,1\n')
    await expect(own.copy('copy item from stdin', { source: ['1\tx\n'] })).rejects.toBeInstanceOf(UniqueViolationError)
    await expect(own.copy('select 1', { source: [] })).rejects.toBeInstanceOf(ProgrammingError)
    await expect(own.copy('select 1', { output })).rejects.toBeInstanceOf(ProgrammingError)
    await expect(own.copy('copy item to stdout', { source: [] })).rejects.toBeInstanceOf(ProgrammingError)
    await expect(own.copy('copy item from stdin', { output })).rejects.toBeInstanceOf(ProgrammingError)
    await expect(own.copy(sql, { source: [], output } as never)).rejects.toBeInstanceOf(ProgrammingError)
    await expect(own.copy(sql, {} as never)).rejects.toBeInstanceOf(ProgrammingError)
    expect(await own.fetchval('select count(*)::int from item')).toBe(2)
  })
})

describe('columns of a cursor', () => {
  test.each([false, true])('are known when it is open, scrollable or not: %s', async (scrollable) => {
    await con.transaction(async () => {
      const sql = "select i, 'x' as label from generate_series(1, 3) i"
      const cursor = await con.cursor(sql, [], { scrollable, types: 'text', rowFactory: 'array' }).open()
      expect(cursor.columns.map(({ name, typeOid }) => [name, typeOid])).toEqual([
        ['i', 23],
        ['label', 25],
      ])
      expect(await cursor.fetch(2)).toEqual([
        ['1', 'x'],
        ['2', 'x'],
      ])
      expect(cursor.tag).toBe(null)
      expect(await cursor.fetch(2)).toEqual([['3', 'x']])
      expect(cursor.tag).toBe(scrollable ? null : 'SELECT 1')
      await cursor.close()
    })
  })

  test('are known for a stream of the blocking API', () => {
    using own = connectBlocking(sharedServer().dsn())
    const stream = own.cursor().stream('select 1 as one', null, { types: 'text' })
    expect(stream.columns).toMatchObject([{ name: 'one', typeOid: 23 }])
    expect([...stream].map((row) => [...row])).toEqual([['1']])
  })
})

describe('the signal of connect()', () => {
  const reason = new Error('enough')

  test('stops before anything is tried, and while a password is awaited', async () => {
    await expect(connect(sharedServer().dsn(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const password = (): Promise<string> => {
      controller.abort(reason)
      return new Promise(() => {})
    }
    await expect(connect(sharedServer().dsn(), { password, signal: controller.signal })).rejects.toBe(reason)
  })

  test('stops at a server that says nothing, and closes the socket', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const controller = new AbortController()
    const { port } = server.address() as AddressInfo
    const connecting = connect(`postgres://a@127.0.0.1:${port}/a?sslmode=disable`, { signal: controller.signal })
    const [socket] = (await once(server, 'connection')) as [Socket]
    const closed = once(socket.resume(), 'close')
    controller.abort(reason)
    await expect(connecting).rejects.toBe(reason)
    await closed
    server.close()
  })

  test('does nothing once the connection is open', async () => {
    const controller = new AbortController()
    await using own = await connect(sharedServer().dsn(), { signal: controller.signal })
    controller.abort(reason)
    expect(await own.fetchval('select 1')).toBe(1)
  })

  test('is not an option of a pool', async () => {
    await expect(createPool(sharedServer().dsn(), { signal: new AbortController().signal } as never)).rejects.toThrow(
      'signal',
    )
  })
})

describe('unref()', () => {
  test.each(['unix', 'tcp', 'tls'] as const)(
    'lets the process end over %s, and ref() keeps it alive again',
    async (transport) => {
      const run = await runScript(`
      import { connect } from 'syncpg/async'
      const held = () => process.getActiveResourcesInfo().filter((name) => /^(Pipe|TCP|TLS)/.test(name)).length
      const before = held()
      const con = await connect(${JSON.stringify(sharedServer().dsn({ transport }))})
      const open = held()
      con.unref()
      const unheld = held()
      con.ref()
      console.log(open - before > 0, unheld === before, held() === open)
      con.unref()
    `)
      expect(run).toMatchObject({ status: 0, stdout: 'true true true\n', stderr: '' })
    },
  )

  test('does nothing for an embedded PostgreSQL', async () => {
    await using own = await connect('pglite:')
    own.unref()
    own.ref()
    expect(await own.fetchval('select 1')).toBe(1)
  })
})
