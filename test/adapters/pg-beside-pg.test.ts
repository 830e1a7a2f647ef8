/** The same steps over `pg` and over `syncpg/pg`: what becomes of queries that cannot run. */
import { once } from 'node:events'
import * as realPg from 'pg'
import pg, { type Client, type ClientConfig, DatabaseError, type Result, copyFrom } from 'syncpg/pg'
import Cursor from 'syncpg/pg/cursor'
import QueryStream from 'syncpg/pg/query-stream'
import { describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../support/shared-server.ts'

const database = databaseOfFile()

function config(more: ClientConfig = {}): ClientConfig {
  const { host, port, user, password } = sharedServer()
  return { host, port, user, password, database, ...more }
}

/** Runs the steps over `pg` and over `syncpg/pg`. */
async function beside<T>(options: ClientConfig, steps: (client: Client) => Promise<T>): Promise<[theirs: T, ours: T]> {
  const told: T[] = []
  for (const { Client } of [realPg.default as unknown as typeof pg, pg]) {
    const client = new Client(options)
    client.on('error', () => {})
    told.push(await steps(client))
    await client.end()
  }
  return told as [T, T]
}

const words = (error: Error): string => error.message
const asked = (client: Client): Promise<unknown> => client.query('select 1 as a').then(({ rows }) => rows, words)

describe.each([false, true])('with pipeline: %s a query settles', (pipeline) => {
  const nowhere = [
    ['a closed port', () => ({ host: '127.0.0.1', port: 1, pipeline })],
    ['no such database', () => config({ database: 'nonexistent', pipeline })],
  ] as const

  test.each(nowhere)('while connecting fails, and in the handler of that error: %s', async (_, options) => {
    const [theirs, ours] = await beside(options(), async (client) => {
      const connecting = client.connect().catch(() => asked(client))
      return [await asked(client), await connecting]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(Array.from({ length: 2 }, () => 'Connection terminated unexpectedly'))
  })

  test.each(nowhere)('before the end of a client that could not connect, and after: %s', async (_, options) => {
    const [theirs, ours] = await beside(options(), async (client) => {
      await client.connect().catch(() => {})
      const before = asked(client)
      await client.end()
      return [await before, await asked(client)]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(['Connection terminated', 'Client was closed and is not queryable'])
  })

  test.each(nowhere)('long after connecting has failed, where in pg it never settles: %s', async (_, options) => {
    const client = new pg.Client(options())
    const end = once(client, 'end')
    await client.connect().catch(() => {})
    await end
    const calledBack = new Promise((resolve) => void client.query('select 1', (error) => resolve(error.message)))
    const refusal = 'Client has encountered a connection error and is not queryable'
    expect([await asked(client), await calledBack]).toEqual([refusal, refusal])
    await expect(client.connect()).rejects.toThrow('cannot reuse')
    expect(await asked(client)).toBe(refusal)
    await client.end()
  })

  test('on a client that has ended without connecting, and connects then', async () => {
    const [theirs, ours] = await beside(config({ pipeline }), async (client) => {
      await client.end()
      const before = await asked(client)
      const connecting = client.connect()
      const during = await asked(client)
      await connecting
      return [before, during, await asked(client)]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(Array.from({ length: 3 }, () => 'Client was closed and is not queryable'))
  })

  test('that was sent before the end of a client that never connected, where in pg it never settles', async () => {
    const client = new pg.Client(config({ pipeline }))
    const waiting = asked(client)
    await client.end()
    expect(await waiting).toBe('Connection terminated')
  })

  test('that was sent before connecting', async () => {
    const [theirs, ours] = await beside(config({ pipeline }), async (client) => {
      const waiting = asked(client)
      await client.connect()
      return waiting
    })
    expect([ours, theirs]).toEqual([[{ a: 1 }], [{ a: 1 }]])
  })
})

describe.each([false, true])('with pipeline: %s a transaction that waits in the queue', (pipeline) => {
  const insert = 'insert into item values (2, $1)'
  const half = '😀'.slice(0, 1)
  const many = Array.from({ length: 65_537 }, () => 1)
  type Step = (client: Client) => Promise<Result>
  const all: [what: string, end: string, code: string | null, step: Step][] = [
    ['a NUL in a value', 'ROLLBACK', '22021', (client) => client.query(insert, ['a\0b'])],
    ['a value too many', 'ROLLBACK', '08P01', (client) => client.query(insert, ['a', 'b'])],
    ['a value too few', 'ROLLBACK', '08P01', (client) => client.query('insert into item values ($1, $2)', [2])],
    ['a NUL in the text', 'ROLLBACK', '08P01', (client) => client.query("insert into item values (2, 'a\0b')")],
    [
      'a NUL in a text with values',
      'ROLLBACK',
      '08P01',
      (client) => client.query("insert into item values ($1, 'a\0b')", [2]),
    ],
    ['too many values for the protocol', 'ROLLBACK', '08P01', (client) => client.query(insert, many)],
    ['half a surrogate pair in a value', 'COMMIT', null, (client) => client.query(insert, [half])],
    [
      'half a surrogate pair in the text',
      'COMMIT',
      null,
      (client) => client.query(`insert into item values ($1, '${half}')`, [2]),
    ],
  ]

  test.each(all)('with %s ends as in pg', async (_, end, code, step) => {
    const [theirs, ours] = await beside(config({ pipeline }), async (client) => {
      await client.connect()
      await client.query('create temp table item (id int, name text)')
      const first = client.query('insert into item values ($1, $2)', [1, 'first'])
      const asks = [first, client.query('begin'), client.query("insert into item values (0, 'in it')"), step(client)]
      const told = await Promise.allSettled([...asks, client.query(insert, ['last']), client.query('commit')])
      const { rows } = await client.query('select id, name from item')
      const failure = told[3]?.status === 'rejected' ? told[3].reason : null
      const last = told.at(-1) as PromiseFulfilledResult<Result>
      return { fates: told.map(({ status }) => status), code: failure?.code ?? null, end: last.value.command, rows }
    })
    expect(ours).toEqual(theirs)
    expect([ours.code, ours.end]).toEqual([code, end])
  })
})

test('an error of the driver is a DatabaseError, and outside of a transaction it has no other effect', async () => {
  const client = new pg.Client(config())
  await client.connect()
  const refused = client.query('select $1::text', ['a', 'b'])
  const next = client.query('select 1 as a')
  await expect(refused).rejects.toBeInstanceOf(DatabaseError)
  expect([(await next).rows, client.getTransactionStatus()]).toEqual([[{ a: 1 }], 'I'])
  await client.end()
})

test('a cursor that the driver refuses fails the transaction', async () => {
  const client = new pg.Client(config())
  await client.connect()
  for (const [values, code] of [
    [['a\0b'], '22021'],
    [['a', 'b'], '08P01'],
  ] as const) {
    await client.query('begin')
    await expect(client.query(new Cursor('select $1::text', values)).read(1)).rejects.toMatchObject({ code })
    expect((await client.query('commit')).command).toBe('ROLLBACK')
  }
  const cursor = client.query(new Cursor('select $1::text as t', ['😀'.slice(0, 1)]))
  expect(await cursor.read(1)).toEqual([{ t: '\uFFFD' }])
  await cursor.close()
  await client.end()
})

test('a COPY that the driver refuses fails the transaction', async () => {
  const client = new pg.Client(config())
  await client.connect()
  await client.query('begin')
  const loading = client.query(copyFrom("copy pg_class from stdin (null '\0')"))
  const [error] = await once(loading, 'error')
  expect(error).toMatchObject({ code: '08P01' })
  expect((await client.query('commit')).command).toBe('ROLLBACK')
  await client.end()
})

test('cursors, streams and COPY of a client that could not connect fail', async () => {
  const client = new pg.Client({ host: '127.0.0.1', port: 1 })
  const end = once(client, 'end')
  const early = client.query(new Cursor('select 1')).read(1)
  await Promise.all([
    expect(client.connect()).rejects.toThrow('ECONNREFUSED'),
    expect(early).rejects.toThrow('terminated'),
    end,
  ])
  const cursor = client.query(new Cursor('select 1'))
  await expect(cursor.read(1)).rejects.toThrow('not queryable')
  await cursor.close()
  const rows = client.query(new QueryStream('select 1'))
  await expect(rows.toArray()).rejects.toThrow('not queryable')
  const [error] = await once(client.query(copyFrom('copy item from stdin')), 'error')
  expect(error).toMatchObject({ message: 'Client has encountered a connection error and is not queryable' })
  await client.end()
})
