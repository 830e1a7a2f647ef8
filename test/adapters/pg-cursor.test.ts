/** `syncpg/pg/cursor` and `syncpg/pg/query-stream`: rows in pieces, over clients and pools of `syncpg/pg`. */
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { Readable, Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Client, type ClientConfig, DatabaseError, Pool, copyFrom, copyTo } from 'syncpg/pg'
import Cursor, { Cursor as NamedCursor } from 'syncpg/pg/cursor'
import QueryStream from 'syncpg/pg/query-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { serverOfMajor } from '../support/shared-server.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Any = any

const SERVERS = ['PostgreSQL 18', 'PostgreSQL 13', 'pglite'] as const
const SERIES = 'select i, i::int8 as big from generate_series(1, $1::int) i'

async function configOf(server: (typeof SERVERS)[number]): Promise<ClientConfig> {
  if (server === 'pglite') return { connectionString: 'pglite:' }
  const { host, port, user, password } = await serverOfMajor(server === 'PostgreSQL 13' ? 13 : 18)
  return { host, port, user, password, database: 'postgres' }
}

describe.each(SERVERS)('over %s', (server) => {
  let client: Client
  beforeAll(async () => {
    client = new Client(await configOf(server))
    await client.connect()
  })
  afterAll(() => client.end())

  const answers = async (): Promise<unknown> => (await client.query('select 1 as a')).rows
  const FREE = [{ a: 1 }]

  test('a cursor reads in pieces, with its fields, and frees the connection at the end', async () => {
    const cursor = client.query(new Cursor(SERIES, [5]))
    const waiting = answers()
    expect(await cursor.read(2)).toEqual([
      { i: 1, big: '1' },
      { i: 2, big: '2' },
    ])
    expect([await cursor.read(2), await cursor.read(2), await cursor.read(2)].map((rows) => rows.length)).toEqual([
      2, 1, 0,
    ])
    expect(await waiting).toEqual(FREE)
    const { command, rowCount, fields } = cursor._result
    expect([command, rowCount, fields.map(({ name }) => name)]).toEqual(['SELECT', 1, ['i', 'big']])
    expect([client.getTransactionStatus(), NamedCursor]).toEqual(['I', Cursor])
  })

  test('a cursor that is closed early ends its transaction, and its changes stay', async () => {
    await client.query('create temp table written (n int)')
    const cursor = client.query(
      new Cursor('insert into written select generate_series(1, 10) returning n', null, { rowMode: 'array' }),
    )
    expect(await cursor.read(3)).toEqual([[1], [2], [3]])
    await cursor.close()
    await cursor.close()
    expect(await cursor.read(1)).toEqual([])
    expect((await client.query('select count(*)::int n from written')).rows).toEqual([{ n: 10 }])
    expect(client.getTransactionStatus()).toBe('I')
  })

  test('inside a transaction a cursor is part of the transaction', async () => {
    await client.query('begin')
    const cursor = client.query(new Cursor(SERIES, [10]))
    await cursor.read(1)
    await cursor.close()
    expect(await answers()).toEqual(FREE)
    expect(client.getTransactionStatus()).toBe('T')
    const failing = client.query(new Cursor('select 1 / (3 - i) from generate_series(1, 5) i'))
    expect(await failing.read(1)).toHaveLength(1)
    await expect(failing.read(5)).rejects.toMatchObject({ code: '22012' })
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
  })

  test('errors reach the waiting read and those after it, and the connection stays usable', async () => {
    for (const text of ['select nope', 'select 1 / (2 - i) from generate_series(1, 5) i', 'no sql']) {
      const cursor = client.query(new Cursor(text))
      const [one, two] = await Promise.allSettled([cursor.read(10), cursor.read(10)])
      expect([one.status, two.status]).toEqual(['rejected', 'rejected'])
      await cursor.close()
      expect(await answers()).toEqual(FREE)
    }
    expect(client.getTransactionStatus()).toBe('I')
  })

  test('a deferred constraint that fails at the end fails the last read', async () => {
    await client.query('create table deferred (id int primary key deferrable initially deferred)')
    const cursor = client.query(new Cursor('insert into deferred values (1), (1) returning id'))
    await expect(cursor.read(10)).rejects.toMatchObject({ code: '23505' })
    expect((await client.query('select count(*)::int n from deferred')).rows).toEqual([{ n: 0 }])
    const closed = client.query(new Cursor('insert into deferred values (1), (1) returning id'))
    await closed.read(1)
    const failure: unknown = await closed.close().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DatabaseError)
    expect(failure).toMatchObject({ code: '23505', table: 'deferred', name: 'error' })
    expect(await answers()).toEqual(FREE)
    await client.query('drop table deferred')
  })

  test('the event row comes for each row, and a listener may store rows in the result', async () => {
    const cursor = client.query(new Cursor(SERIES, [4]))
    const heard: number[] = []
    cursor.on('row', (row, result) => {
      heard.push(row.i)
      result.addRow(row)
    })
    const end = once(cursor, 'end')
    await Promise.all([cursor.read(10), end])
    expect([heard, cursor._result.rows.length]).toEqual([[1, 2, 3, 4], 4])
  })

  test('statements without rows run', async () => {
    const cursor = client.query(new Cursor('create temp table made (n int)'))
    expect([await cursor.read(1), cursor._result.command]).toEqual([[], 'CREATE'])
    expect(await client.query(new Cursor('select where false')).read(1)).toEqual([])
    expect(await client.query(new Cursor('')).read(1)).toEqual([])
    expect(await answers()).toEqual(FREE)
  })

  test('closing while a read is under way lets both end', async () => {
    const cursor = client.query(new Cursor(SERIES, [5]))
    const [rows] = await Promise.all([cursor.read(2), cursor.close()])
    expect([rows.length, await answers()]).toEqual([2, FREE])
  })

  test('COPY reads and writes streams, and a failure on either side leaves the connection usable', async () => {
    await client.query('create temp table copied (n int, t text)')
    const lines = Array.from({ length: 30_000 }, (_, n) => `${n}\tline ${n}\n`)
    const into = client.query(copyFrom('copy copied from stdin'))
    await pipeline(Readable.from(lines), into)
    expect(into.rowCount).toBe(30_000)
    const out = client.query(copyTo('copy (select * from copied order by n) to stdout'))
    const chunks: Buffer[] = []
    for await (const chunk of out) {
      chunks.push(chunk)
      await turn()
    }
    expect([out.rowCount, Buffer.concat(chunks).toString() === lines.join('')]).toEqual([30_000, true])
    const wrong = pipeline(Readable.from(['x\ty\n', '1\tz\n']), client.query(copyFrom('copy copied from stdin')))
    await expect(wrong).rejects.toMatchObject({ code: '22P02' })
    await expect(pipeline(Readable.from(['1\n']), client.query(copyFrom('copy nowhere from stdin')))).rejects.toThrow(
      'nowhere',
    )
    async function* broken(): AsyncGenerator<string> {
      yield '1\tlost\n'
      throw new Error('no more')
    }
    await expect(pipeline(Readable.from(broken()), client.query(copyFrom('copy copied from stdin')))).rejects.toThrow(
      'no more',
    )
    for await (const _chunk of client.query(copyTo('copy copied to stdout'))) break
    expect((await client.query('select count(*)::int as n from copied')).rows).toEqual([{ n: 30_000 }])
  })

  test('a stream gives all rows, and stops where the reader stops', async () => {
    const seen: number[] = []
    for await (const row of client.query(new QueryStream(SERIES, [250]))) seen.push(row.i)
    expect([seen.length, seen.at(-1)]).toEqual([250, 250])
    for await (const row of client.query(new QueryStream(SERIES, [100_000], { batchSize: 10 }))) if (row.i === 15) break
    expect(await answers()).toEqual(FREE)
    const sink = new Writable({ objectMode: true, write: (_row, _encoding, done) => done() })
    await expect(
      pipeline(client.query(new QueryStream('select 1 / (9 - i) from generate_series(1, 50) i')), sink),
    ).rejects.toThrow('division by zero')
    expect(await answers()).toEqual(FREE)
  })
})

/** As the npm package pg-cursor asks for a portal; its own suite runs in test/longer/ecosystem. */
class MessageReader {
  readonly told: unknown[] = []
  connection: Any = null
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  submit(connection: Any): void {
    this.connection = connection
    connection.parse({ text: this.#text }, true)
    connection.bind({ portal: 'C_1', values: [5] }, true)
    connection.describe({ type: 'P', name: 'C_1' }, true)
    this.#more()
  }
  #more(): void {
    this.connection.execute({ portal: 'C_1', rows: 2 }, true)
    this.connection.flush()
  }
  handleRowDescription({ fields }: Any): void {
    this.told.push(fields.map(({ name }: Any) => name))
  }
  handleDataRow({ fields }: Any): void {
    this.told.push(fields[1])
  }
  handlePortalSuspended(): void {
    this.told.push('more')
    this.#more()
  }
  handleCommandComplete({ text }: Any): void {
    this.told.push(text)
    this.connection.close({ type: 'P', name: 'C_1' })
    this.connection.sync()
  }
  handleReadyForQuery(): void {
    this.told.push('ready')
  }
  handleEmptyQuery(): void {}
  handleError({ code }: Any): void {
    this.told.push(code)
    this.connection.sync()
  }
}

test('a query object that sends protocol messages to open a portal gets its rows', async () => {
  const client = new Client(await configOf('PostgreSQL 18'))
  await client.connect()
  for (let i = 0; i < 12; i++) {
    const { told } = client.query(new MessageReader(SERIES))
    await client.query('select 1')
    expect(told).toEqual([['i', 'big'], '1', '2', 'more', '3', '4', 'more', '5', 'SELECT 1', 'ready'])
  }
  const failing = client.query(new MessageReader('select 1 / (3 - i), i from generate_series(1, $1::int) i'))
  expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }])
  expect(failing.told.at(-1)).toBe('22012')
  expect([client.connection.listenerCount('end'), client.getTransactionStatus()]).toEqual([1, 'I'])
  await client.end()
})

test('a client of a pool streams, and is given back', async () => {
  const pool = new Pool({ ...(await configOf('PostgreSQL 18')), max: 1 })
  let rows = 0
  const client = await pool.connect()
  for await (const _row of client.query(new QueryStream(SERIES, [120]))) rows += 1
  client.release()
  expect(rows).toBe(120)
  expect((await pool.query('select 1 as a')).rows).toEqual([{ a: 1 }])
  await pool.end()
})

test('the end of the connection fails a cursor, and a pipeline refuses cursors', async () => {
  const client = new Client(await configOf('PostgreSQL 18'))
  client.on('error', () => {})
  await client.connect()
  const cursor = client.query(new Cursor(SERIES, [10]))
  await cursor.read(1)
  const other = new Client(await configOf('PostgreSQL 18'))
  await other.connect()
  await other.query('select pg_terminate_backend($1)', [client.processID])
  await expect(cursor.read(1)).rejects.toThrow(/terminat/)
  await client.end()
  await other.end()
  const piped = new Client({ ...(await configOf('PostgreSQL 18')), pipeline: true })
  await piped.connect()
  await expect(piped.query(new Cursor('select 1')).read(1)).rejects.toThrow('not supported in pipeline mode')
  await piped.end()
})

test('values are prepared as in a query', async () => {
  const client = new Client(await configOf('PostgreSQL 18'))
  await client.connect()
  const cursor = client.query(
    new Cursor('select $1::jsonb j, $2::int[] a, $3::bytea b', [{ x: 1 }, [1], Buffer.from([7])]),
  )
  expect(await cursor.read(1)).toEqual([{ j: { x: 1 }, a: [1], b: Buffer.from([7]) }])
  await cursor.close()
  const failing = client.query(new Cursor('select $1::int', ['x']))
  await expect(failing.read(1)).rejects.toMatchObject({ code: '22P02' })
  await client.end()
})
