/**
 * `notStarted` says that nothing of a call has run, so a program may repeat it on another connection. It is set when the
 * connection was known to be lost or closed before the call, and never when the request may have reached the server.
 */
import * as db from 'syncpg'
import * as async from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { failureOf, failureOfAsync } from '../../support/failure-of.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

const dsn = (): string => sharedServer().dsn({ transport: 'unix' })
const terminate = (pid: number): Promise<unknown> => askServer(sharedServer(), 'select pg_terminate_backend($1)', [pid])

/** Ends the connection on the server. Resolves when the driver knows. */
async function lose(con: { readonly closed: boolean; readonly backendPid: number }): Promise<void> {
  await terminate(con.backendPid)
  while (!con.closed) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a call on a connection that is known to be lost', () => {
  const calls: [string, (con: db.Connection) => () => unknown][] = [
    ['execute', (con) => () => con.execute('select 1')],
    ['query', (con) => () => con.query('select 1')],
    ['fetch', (con) => () => con.fetch('select 1')],
    ['fetchmany', (con) => () => con.fetchmany('select %s::int', [[1]])],
    ['executemany', (con) => () => con.executemany('select %s::int', [[1]])],
    ['prepare', (con) => () => con.prepare('select 1')],
    ['stream', (con) => () => con.cursor().stream('select 1')],
    ['a named cursor', (con) => () => con.cursor('c').execute('select 1')],
    ['copyToTable', (con) => () => con.copyToTable('t', { source: ['x\n'] })],
    ['copyFromQuery', (con) => () => con.copyFromQuery('select 1', null, { output() {} })],
    ['copyRecordsToTable', (con) => () => con.copyRecordsToTable('t', { records: [[1]] })],
    ['cursor.copy', (con) => () => con.cursor().copy('copy t from stdin', () => {})],
    ['commit', (con) => () => con.commit()],
    ['transaction', (con) => () => con.transaction(() => {})],
    ['ping', (con) => () => con.ping()],
    ['listen', (con) => () => con.listen('here')],
    [
      'a prepared statement',
      (con) => {
        const statement = con.prepare('select 1')
        return () => statement.fetch()
      },
    ],
  ]
  test.each(calls)('of the blocking API has not started: %s', async (_what, prepare) => {
    const con = db.connect(dsn())
    const work = prepare(con)
    await lose(con)
    expect(failureOf(work)).toMatchObject({ sqlstate: '57P01', notStarted: true })
    // The second error is another one, and its cause says nothing about this call.
    const second = failureOf(work)
    expect(second).toMatchObject({ name: 'InterfaceError', notStarted: true, cause: { sqlstate: '57P01' } })
    expect((second.cause as db.Error).notStarted).toBeUndefined()
    con.close()
    expect(failureOf(work).notStarted).toBe(true)
  })

  const asyncCalls: [string, (con: async.Connection) => Promise<() => Promise<unknown>>][] = [
    ['execute', async (con) => () => con.execute('select 1')],
    ['fetch', async (con) => () => con.fetch('select 1')],
    ['executemany', async (con) => () => con.executemany('select $1::int', [[1]])],
    ['prepare', async (con) => () => con.prepare('select 1')],
    ['a cursor', async (con) => () => con.cursor('select 1').open()],
    ['copyToTable', async (con) => () => con.copyToTable('t', { source: ['x\n'] })],
    ['copyFromQuery', async (con) => () => con.copyFromQuery('select 1', undefined, { output() {} })],
    ['copyRecordsToTable', async (con) => () => con.copyRecordsToTable('t', { records: [[1]] })],
    ['transaction', async (con) => () => con.transaction(async () => {})],
    ['transaction.start', async (con) => () => con.transaction().start()],
    ['pipeline', async (con) => () => con.pipeline((pipeline) => pipeline.fetch('select 1'))],
    [
      'a prepared statement',
      async (con) => {
        const statement = await con.prepare('select 1')
        return () => statement.fetch()
      },
    ],
  ]
  test.each(asyncCalls)('of the async API has not started: %s', async (_what, prepare) => {
    const con = await async.connect(dsn())
    const work = await prepare(con)
    await lose(con)
    expect(await failureOfAsync(work)).toMatchObject({ sqlstate: '57P01', notStarted: true })
    const second = await failureOfAsync(work)
    expect(second).toMatchObject({ name: 'InterfaceError', notStarted: true, cause: { sqlstate: '57P01' } })
    expect((second.cause as async.DbError).notStarted).toBeUndefined()
    await con.close()
    expect((await failureOfAsync(work)).notStarted).toBe(true)
  })
})

test('a call on a pool that is closed, or on a connection that was given back, has not started', async () => {
  const pool = await async.createPool(dsn(), { maxSize: 1 })
  const con = await pool.acquire()
  expect(await failureOfAsync(pool.acquire({ timeout: 20 }))).toMatchObject({
    name: 'PoolTimeoutError',
    notStarted: true,
  })
  await pool.release(con)
  expect(await failureOfAsync(con.fetch('select 1'))).toMatchObject({ name: 'InterfaceError', notStarted: true })
  await pool.close()
  expect(await failureOfAsync(pool.fetch('select 1'))).toMatchObject({ message: 'pool is closed', notStarted: true })
})

describe('a call that goes on with a statement that has run does not say so', () => {
  test('fetchone, nextset and scroll of the blocking API', async () => {
    const con = db.connect(dsn(), { autocommit: true })
    const cursor = con.execute('select 1; select 2')
    await lose(con)
    expect(failureOf(() => cursor.fetchone()).notStarted).toBeUndefined()
    expect(failureOf(() => cursor.nextset()).notStarted).toBeUndefined()
    expect(failureOf(() => cursor.scroll(0, 'absolute')).notStarted).toBeUndefined()
    con.close()
    expect(failureOf(() => cursor.fetchone()).notStarted).toBeUndefined()
  })

  test('the next page of a stream and of a named cursor', async () => {
    const con = db.connect(dsn())
    const rows = con.cursor().stream('select generate_series(1, 9)', null, { size: 2 })
    const iterator = rows[Symbol.iterator]()
    iterator.next()
    iterator.next()
    const named = con.cursor('c')
    named.execute('select generate_series(1, 9)').fetchone()
    await lose(con)
    expect(failureOf(() => iterator.next()).notStarted).toBeUndefined()
    expect(failureOf(() => named.fetchall()).notStarted).toBeUndefined()
    con.close()
  })

  test('the next rows of a cursor of the async API', async () => {
    const con = await async.connect(dsn())
    await con.transaction().start()
    const cursor = await con.cursor('select generate_series(1, 9)').open()
    await cursor.fetch(2)
    await lose(con)
    expect((await failureOfAsync(cursor.fetch(2))).notStarted).toBeUndefined()
    expect((await failureOfAsync(cursor.forward(2))).notStarted).toBeUndefined()
  })
})

describe('a call whose request may have reached the server does not say so', () => {
  test('a statement that runs', async () => {
    const con = await async.connect(dsn())
    const running = failureOfAsync(con.execute('select pg_sleep(20)'))
    await terminate(con.backendPid)
    const failure = await running
    expect(failure).toMatchObject({ sqlstate: '57P01' })
    expect(failure.notStarted).toBeUndefined()
  })

  test('a batch and a COPY of which a part was sent', async () => {
    for (const method of ['batch', 'records', 'copy'] as const) {
      const con = await async.connect(dsn())
      await con.execute('create temp table t (a text)')
      const long = 'x'.repeat(600_000)
      const source = async function* (): AsyncGenerator<[string]> {
        yield [long]
        yield [long]
        await lose(con)
        yield [long]
      }
      const chunks = async function* (): AsyncGenerator<string> {
        for await (const [text] of source()) yield `${text}\n`
      }
      const load = {
        batch: () => con.executemany('insert into t values ($1)', source()),
        records: () => con.copyRecordsToTable('t', { records: source() }),
        copy: () => con.copyToTable('t', { source: chunks() }),
      }
      const failure = await failureOfAsync(load[method])
      expect([method, failure instanceof async.DbError, failure.notStarted]).toEqual([method, true, undefined])
    }
  })

  test('of the statements of a pipeline only those that were asked for after the loss say so', async () => {
    const con = await async.connect(dsn())
    const failures = await con.pipeline(async (pipeline) => {
      const sent = failureOfAsync(pipeline.fetch('select pg_sleep(20)'))
      await lose(con)
      return [await sent, await failureOfAsync(pipeline.fetch('select 1'))]
    })
    expect(failures.map(({ notStarted }) => notStarted)).toEqual([undefined, true])
  })
})
