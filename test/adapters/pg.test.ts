/** `syncpg/pg`: pg's shape over the driver; what programs that were written for pg rely on. The suites of pg are in test/longer. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import * as realPg from 'pg'
import * as pgExports from 'syncpg/pg'
import pg, { Client, type ClientConfig, DatabaseError, Pool, Query, Result, TypeOverrides, types } from 'syncpg/pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, serverOfMajor, sharedServer } from '../support/shared-server.ts'

const database = databaseOfFile()
const SERVERS = ['PostgreSQL 18', 'PostgreSQL 13', 'pglite'] as const

async function configOf(server: (typeof SERVERS)[number]): Promise<ClientConfig> {
  if (server === 'pglite') return { connectionString: 'pglite:' }
  const { host, port, user, password } = await serverOfMajor(server === 'PostgreSQL 13' ? 13 : 18)
  return { host, port, user, password, database: 'postgres' }
}

const config = (): ClientConfig => {
  const { host, port, user, password } = sharedServer()
  return { host, port, user, password, database }
}

describe.each(SERVERS)('a client over %s', (server) => {
  let client: Client
  beforeAll(async () => {
    client = new Client(await configOf(server))
    await client.connect()
  })
  afterAll(() => client.end())

  test('gives results in the form that pg has', async () => {
    await client.query('create temp table item (id int8, name text, at timestamptz, data jsonb)')
    const inserted = await client.query('insert into item values ($1, $2, $3, $4) returning *', [
      1,
      'a',
      new Date(86_400_000),
      { x: [1] },
    ])
    expect(inserted).toBeInstanceOf(Result)
    expect(inserted.rows).toEqual([{ id: '1', name: 'a', at: new Date(86_400_000), data: { x: [1] } }])
    const { command, rowCount, oid, fields } = inserted
    expect([command, rowCount, oid]).toEqual(['INSERT', 1, 0])
    expect(fields[0]).toMatchObject({ name: 'id', dataTypeID: 20, columnID: 1, dataTypeSize: 8, format: 'text' })
    const begun = await client.query('begin')
    expect([begun.command, begun.rowCount, begun.rows]).toEqual(['BEGIN', null, []])
    expect(client.getTransactionStatus()).toBe('T')
    await client.query('rollback')
    expect([client.getTransactionStatus(), Object.keys(inserted)]).toEqual(['I', Object.keys(new Result())])
  })

  test('rows are arrays if the program asks for them, also with one name twice', async () => {
    const twice = { text: 'select 1 as a, $1::int8 as a', values: [2] }
    expect((await client.query({ ...twice, rowMode: 'array' })).rows).toEqual([[1, '2']])
    expect((await client.query(twice)).rows).toEqual([{ a: '2' }])
  })

  test('a text of several statements gives a result for each', async () => {
    const results = (await client.query(
      'select 1 as a; select 2 as b, now(); create temp table t2 ()',
    )) as unknown as Result[]
    expect(results.map(({ command, rows }) => [command, rows.length])).toEqual([
      ['SELECT', 1],
      ['SELECT', 1],
      ['CREATE', 0],
    ])
    expect(results[1]!.rows[0].now).toBeInstanceOf(Date)
    await expect(client.query({ text: 'select 1; select 2', queryMode: 'extended' })).rejects.toThrow(
      'multiple commands',
    )
  })

  test('values are the same as over pg', async () => {
    const point = { toPostgres: (prepare: (value: unknown) => unknown) => prepare([1, '2', null, 'a"b']) }
    const values = [undefined, '{"a":1}', [1, 2], point, Buffer.from([1, 255]), 1n, true, 'x']
    const { rows } = await client.query({
      text: 'select $1::int a, $2::jsonb b, $3::int[] c, $4::text[] d, $5::bytea e, $6::int8 f, $7::text g, $8 h',
      values,
      rowMode: 'array',
    })
    expect(rows[0]).toEqual([null, { a: 1 }, [1, 2], ['1', '2', null, 'a"b'], Buffer.from([1, 255]), '1', 'true', 'x'])
  })

  test('bytes can be sent to a parameter of any type', async () => {
    const bytes = [Buffer.from('text'), new Uint8Array(Buffer.from('{"a":2}')), Buffer.from([0, 0, 1, 0])]
    const { rows } = await client.query({
      text: 'select $1 a, $2::json b, $3::int4 c',
      values: bytes,
      rowMode: 'array',
    })
    expect(rows).toEqual([['text', { a: 2 }, 256]])
  })

  test('a parser of the query overrides one of the client, which overrides one of the table', async () => {
    const text = 'select 1::int8 as a, 2 as b, null::int8 as n, null::text as t'
    const own = new TypeOverrides()
    own.setTypeParser(20, (value: string) => `own ${value}`)
    expect((await client.query({ text, types: own })).rows).toEqual([{ a: 'own 1', b: 2, n: null, t: null }])
    client.setTypeParser(20, (value: string) => BigInt(value))
    expect((await client.query(text)).rows[0].a).toBe(1n)
    client.setTypeParser(20, types.getTypeParser(20))
    // Set between two runs of one text, it holds for the second.
    types.setTypeParser(23, (value: string) => -Number(value))
    expect((await client.query(text)).rows[0].b).toBe(-2)
    types.setTypeParser(23, Number)
    expect((await client.query(text)).rows[0].b).toBe(2)
  })

  test("pg's values of types, one by one", async () => {
    const text =
      `select 1::int2 a, 1.5::numeric b, 1.5::float8 c, '2020-01-02'::date d, '2020-01-02 03:04:05'::timestamp e,
      '1 day 02:00'::interval f, '{1,2}'::int8[] g, '(1,2)'::point h, 'a'::bpchar(3) i, true j, '\\x00ff'::bytea k,
      '{a,null}'::text[] l, '[1,3)'::int4range m, '1 a'::json::text n, '10.0.0.1'::inet o, 'infinity'::timestamptz p`.replace(
        `'1 a'::json::text`,
        `'[1]'::json`,
      )
    const mine = (await client.query(text)).rows[0]
    const of = (name: string, oid: number, value: string): unknown => [name, types.getTypeParser(oid)(value)]
    expect(mine).toMatchObject({ a: 1, b: '1.5', c: 1.5, g: ['1', '2'], h: { x: 1, y: 2 }, i: 'a  ', j: true, n: [1] })
    expect([
      ['d', mine.d],
      ['e', mine.e],
      ['k', mine.k],
      ['l', mine.l],
      ['m', mine.m],
      ['p', mine.p],
    ]).toEqual([
      of('d', 1082, '2020-01-02'),
      of('e', 1114, '2020-01-02 03:04:05'),
      ['k', Buffer.from([0, 255])],
      ['l', ['a', null]],
      ['m', '[1,3)'],
      ['p', Infinity],
    ])
    expect(mine.f).toMatchObject({ days: 1, hours: 2 })
  })

  test("an error has pg's fields, and its stack leads to this file", async () => {
    await client.query('create temp table strict (id int primary key, name text not null)')
    const error = await client.query('insert into strict values ($1, $2)', [1, null]).catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(DatabaseError)
    const { name, severity, code, table, column, routine, detail, hint } = error as DatabaseError
    expect([name, severity, code, table, column, hint]).toEqual([
      'error',
      'ERROR',
      '23502',
      'strict',
      'name',
      undefined,
    ])
    expect([typeof routine, typeof detail]).toEqual(['string', 'string'])
    await expect(client.query('select nope')).rejects.toMatchObject({ code: '42703', position: '8' })
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }])
  })

  test('a query with a name keeps its text', async () => {
    const named = { name: 'one', text: 'select $1::int as a' }
    expect((await client.query({ ...named, values: [1] })).rows).toEqual([{ a: 1 }])
    expect((await client.query({ name: 'one', values: [2] })).rows).toEqual([{ a: 2 }])
    await expect(client.query({ name: 'one', text: 'select 1' })).rejects.toThrow('must be unique')
    await expect(client.query({ name: 'bad', text: 'select nope' })).rejects.toThrow('nope')
    expect((await client.query({ name: 'bad', text: 'select 3 as a' })).rows).toEqual([{ a: 3 }])
  })

  test('callbacks, events of queries, and the queue work as in pg', async () => {
    const order: unknown[] = []
    client.query('select 1 as a', (error, result) => order.push([error, result.rows[0].a]))
    client.query('select $1::int as a', [2], (error, result) => order.push([error, result.rows[0].a]))
    const query = client.query(new Query('select generate_series(3, 4) as a'))
    query.on('row', (row: { a: number }) => order.push(row.a))
    await Promise.all([once(query, 'end'), once(client, 'drain')])
    expect(order).toEqual([[null, 1], [null, 2], 3, 4])
    const failing = client.query(new Query('select nope'))
    const [error] = await once(failing, 'error')
    expect((error as DatabaseError).code).toBe('42703')
  })

  test('the client emits notices and notifications, also after a LISTEN in SQL', async () => {
    const notice = once(client, 'notice')
    await client.query(`do $$ begin raise warning 'careful' using detail = 'why'; end $$`)
    expect((await notice)[0]).toMatchObject({ message: 'careful', severity: 'WARNING', detail: 'why', name: 'notice' })
    const notification = once(client, 'notification')
    await client.query('listen news')
    await client.query(`select pg_notify('news', 'hello')`)
    expect((await notification)[0]).toMatchObject({ channel: 'news', payload: 'hello' })
  })

  test('an error of a parser, of toPostgres or of a callback fails only its own query', async () => {
    const broken = {
      getTypeParser: () => () => {
        throw new Error('parser')
      },
    }
    await expect(client.query({ text: 'select 1', types: broken })).rejects.toThrow('parser')
    const value: { toPostgres?: unknown } = {}
    value.toPostgres = () => value
    await expect(client.query('select $1', [value])).rejects.toThrow('circular reference')
    await expect(client.query('select 1', 'x' as unknown as [])).rejects.toThrow('must be an array')
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }])
  })

  test('statements in a transaction run in it, and the status shows if it has failed', async () => {
    await client.query('begin')
    await expect(client.query('select $1::int / 0', [1])).rejects.toThrow('division by zero')
    expect(client.getTransactionStatus()).toBe('E')
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
    expect(client.getTransactionStatus()).toBe('I')
  })
})

describe('a connection', () => {
  let client: Client
  beforeEach(async () => {
    client = new Client(config())
    await client.connect()
  })
  afterEach(() => client.end())

  test('gives its process id, and the settings that the server reports', async () => {
    const { rows } = await client.query('select pg_backend_pid() as pid')
    expect(client.processID).toBe(rows[0].pid)
    const told: string[] = []
    const another = new Client({ ...config(), application_name: 'me', statement_timeout: 1234, options: '-c geqo=off' })
    another.connection.on('parameterStatus', ({ parameterName }: { parameterName: string }) => told.push(parameterName))
    await another.connect()
    expect(told).toEqual(expect.arrayContaining(['server_version', 'standard_conforming_strings', 'TimeZone']))
    await another.query(`set timezone to 'Asia/Tokyo'`)
    expect(told.filter((name) => name === 'TimeZone')).toHaveLength(2)
    const settings = await another.query(`select current_setting('application_name') a,
      current_setting('statement_timeout') s, current_setting('geqo') g`)
    expect(settings.rows).toEqual([{ a: 'me', s: '1234ms', g: 'off' }])
    await another.end()
  })

  test('a URL with a socket and TLS without a check are understood, wrong URLs are refused', async () => {
    const { host, port, user, password } = sharedServer()
    const url = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=no-verify`
    const another = new Client(url)
    await another.connect()
    const { rows } = await another.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    expect([rows, another.connection.stream.encrypted]).toEqual([[{ ssl: true }], true])
    await another.end()
    const refused = new Client({ ...config(), ssl: { servername: 'other' } })
    await expect(refused.connect()).rejects.toThrow('ssl.servername')
    const checking = new Client({ ...config(), ssl: { checkServerIdentity: () => new Error('no') } })
    await expect(checking.connect()).rejects.toThrow('ssl.checkServerIdentity')
  })

  test("errors of connecting are the server's and Node's", async () => {
    const wrong = new Client({ ...config(), password: () => 'wrong' })
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01', severity: 'FATAL' })
    await expect(new Client({ host: '127.0.0.1', port: 1 }).connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(wrong.connect()).rejects.toThrow('cannot reuse')
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const waiting = new Client({ host: '127.0.0.1', port, connectionTimeoutMillis: 50 })
    await expect(waiting.connect()).rejects.toThrow('timeout expired')
    const ended = new Client({ host: '127.0.0.1', port })
    const connecting = ended.connect()
    await ended.end()
    await expect(connecting).rejects.toThrow('Connection terminated')
    silent.close()
  })

  test('the end of the server fails running queries with its reason, and is emitted once', async () => {
    const errors: string[] = []
    client.on('error', (error: Error) => errors.push(error.message))
    const end = new Promise((resolve) => client.once('end', resolve))
    const running = client.query('select pg_terminate_backend(pg_backend_pid()), pg_sleep(10)')
    const waiting = client.query('select 1')
    await Promise.all([
      expect(running).rejects.toMatchObject({ code: '57P01' }),
      expect(waiting).rejects.toThrow('Connection terminated unexpectedly'),
      end,
    ])
    expect(errors).toEqual(['Connection terminated unexpectedly'])
    await expect(client.query('select 1')).rejects.toThrow('not queryable')
  })

  test('end stops a running query', async () => {
    const running = client.query('select pg_sleep(20)')
    const ended = client.end()
    await expect(running).rejects.toThrow('Connection terminated')
    await ended
    await expect(client.query('select 1')).rejects.toThrow('was closed')
  })

  test('query_timeout cancels the statement, and the next one runs', async () => {
    const slow = client.query({ text: `select pg_sleep(20), 'slow one'`, query_timeout: 50 })
    await expect(slow).rejects.toThrow('Query read timeout')
    const { rows } = await client.query(`select count(*)::int as n from pg_stat_activity
      where state = 'active' and query like '%slow one%' and pid <> pg_backend_pid()`)
    expect(rows).toEqual([{ n: 0 }])
  })

  test('an error names what syncpg/pg cannot do', async () => {
    const foreign = { submit: (connection: { query(text: string): void }) => connection.query('copy x from stdin') }
    const told = {
      ...foreign,
      error: null as Error | null,
      handleError(error: Error) {
        this.error = error
      },
    }
    client.query(told)
    await client.query('select 1')
    expect(told.error?.message).toContain('gives no access to the protocol')
    await expect(client.query('copy (select 1) to stdout')).rejects.toThrow(/COPY/i)
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }])
  })
})

describe('pipeline: true', () => {
  let client: Client
  beforeEach(async () => {
    client = new Client({ ...config(), pipeline: true })
    await client.connect()
    await client.query('create temp table log (n int)')
  })
  afterEach(() => client.end())

  test('runs queries in the order in which they were asked, with known and new texts mixed', async () => {
    const count = 'select count(*)::int as n from log'
    await client.query(count)
    await client.query(count)
    const answers = await Promise.all([
      client.query('insert into log values ($1)', [1]),
      client.query(count),
      client.query('insert into log values ($1), ($2)', [2, Buffer.from([0, 0, 0, 3])]),
      client.query(count),
      client.query('insert into log values (4); insert into log values (5)'),
      client.query(count),
      client.query({ name: 'count', text: count }),
    ])
    const counts = answers.map((answer) => (answer as Result).rows?.[0]?.n)
    expect(counts).toEqual([undefined, 1, undefined, 3, undefined, 5, 5])
  })

  test('each statement succeeds or fails alone, outside of a transaction', async () => {
    const settled = await Promise.allSettled([
      client.query('select 1 as a'),
      client.query('select nope'),
      client.query('select $1::int as a', ['x']),
      client.query('select 3 as a'),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    const begun = await Promise.allSettled(
      ['begin', 'select 1/0', 'select 1', 'rollback'].map((text) => client.query(text)),
    )
    expect(begun.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect(client.getTransactionStatus()).toBe('I')
  })

  test('does not wait between statements', async () => {
    await client.query('select 1')
    const startedMs = performance.now()
    let sent = 0
    const first = client.query('select pg_sleep(0.2)')
    const others = Array.from({ length: 20 }, () => client.query('select 1').then(() => (sent += 1)))
    await first
    await Promise.all(others)
    expect([sent, performance.now() - startedMs >= 190]).toEqual([20, true])
  })

  test('end waits for the queries that are under way', async () => {
    const running = client.query('select pg_sleep(0.05), 1 as a')
    const [{ rows }] = await Promise.all([running, client.end()])
    expect(rows[0].a).toBe(1)
  })
})

describe('a pool', () => {
  test('lends clients, counts them and takes them back', async () => {
    const pool = new Pool({ ...config(), max: 2 })
    expect([pool.constructor.name, pool instanceof pg.Pool, pool.options.max]).toEqual(['Pool', true, 2])
    const { rows } = await pool.query('select $1::int as a', [1])
    expect([rows, pool.totalCount, pool.idleCount]).toEqual([[{ a: 1 }], 1, 1])
    const client = await pool.connect()
    expect([client instanceof Client, pool.idleCount]).toEqual([true, 0])
    client.release(true)
    expect(pool.totalCount).toBe(0)
    const answer = await new Promise((resolve) => {
      pool.connect((_error, lent, done) => {
        lent!.query('select 1 as a', (_failure, result) => {
          done()
          resolve(result.rows)
        })
      })
    })
    expect(answer).toEqual([{ a: 1 }])
    await pool.end()
    expect([pool.ended, pool.totalCount]).toEqual([true, 0])
  })

  test('drops an idle client whose connection was lost', async () => {
    const pool = new Pool(config())
    const lost = once(pool, 'error')
    const { rows } = await pool.query('select pg_backend_pid() as pid')
    const other = new Client(config())
    await other.connect()
    await other.query('select pg_terminate_backend($1)', [rows[0].pid])
    const [error] = await lost
    expect([(error as DatabaseError).code, pool.totalCount]).toEqual(['57P01', 0])
    await other.end()
    await pool.end()
  })
})

describe('a pool of an embedded PostgreSQL', () => {
  const limits = { max: 5, idleTimeoutMillis: 1, maxUses: 1, maxLifetimeSeconds: 1 }
  test.each([{}, limits])('has one client, which keeps the data when queries fail: %o', async (options) => {
    const pool = new Pool({ connectionString: 'pglite:', ...options })
    const { max, idleTimeoutMillis, maxUses, maxLifetimeSeconds } = pool.options
    expect([max, idleTimeoutMillis, maxUses, maxLifetimeSeconds]).toEqual([1, 0, Infinity, 0])
    let removed = 0
    pool.on('remove', () => (removed += 1))
    await pool.query('create table item (id int primary key)')
    await Promise.all([1, 2, 3].map((id) => pool.query('insert into item values ($1)', [id])))
    await expect(pool.query('insert into item values (1)')).rejects.toMatchObject({ code: '23505' })
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into item values (4)')
    const waiting = pool.query('select count(*)::int as n from item')
    client.release(new Error('what the program has thrown'))
    expect([(await waiting).rows, pool.totalCount, removed]).toEqual([[{ n: 3 }], 1, 0])
    const again = await pool.connect()
    void again.query('begin')
    void again.query('insert into item values (5)')
    const failing = again.query('select 1 / 0').catch(() => {})
    again.release(true)
    await failing
    expect((await pool.query('select count(*)::int as n from item')).rows).toEqual([{ n: 3 }])
    expect(removed).toBe(0)
    await pool.end()
    expect([pool.ended, pool.totalCount]).toEqual([true, 0])
  })
})

test('has the names of pg, and works with require', () => {
  const require = createRequire(import.meta.url)
  const required = require(fileURLToPath(new URL('../../dist/pg.cjs', import.meta.url)))
  expect([required.Client === Client, required.default === pg, required.native, pg.native]).toEqual([
    true,
    true,
    null,
    null,
  ])
  const missing = Object.keys(realPg.default).filter((name) => !name.startsWith('_') && !(name in pgExports))
  expect([missing, Object.keys(pg).includes('native')]).toEqual([[], false])
  const own = (value: object): string[] => Object.getOwnPropertyNames(value).filter((name) => !name.startsWith('_'))
  const methods = own(realPg.Client.prototype).filter((name) => !(name in Client.prototype))
  expect(methods).toEqual(['getStartupConf'])
  expect(Object.keys(realPg.defaults).filter((name) => !(name in pg.defaults))).toEqual([])
  expect(pg.escapeLiteral(`a'b\\c`)).toBe(realPg.escapeLiteral(`a'b\\c`))
  expect(pg.escapeIdentifier('a"b')).toBe('"a""b"')
})
