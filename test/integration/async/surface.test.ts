/** The properties of a connection and of its statements, and the classes that a program can replace. */
import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { Connection, InterfaceError, ProgrammingError, connect, createPool } from 'syncpg/async'
import { connect as connectBlocking } from 'syncpg'

import { freshDatabase, sharedServer } from '../../support/shared-server.ts'

let con: Connection
beforeEach(async () => {
  con = await connect(sharedServer().dsn())
})
afterEach(() => con.close())

test("getServerVersion() gives the parts of the server's version", () => {
  expect(con.getServerVersion()).toMatchObject({ major: sharedServer().major, patch: 0 })
  expect(con.getServerVersion().text).toBe(con.parameter('server_version'))
})

describe('a statement has the kinds of its types', () => {
  // Multiranges came with PostgreSQL 14.
  const [newest, kind] = sharedServer().major >= 14 ? ['int4multirange', 'multirange'] : ['int8range', 'range']
  const sql = `select $1::int4, $2::text[], $3::int4range, $4::pg_temp.mood, $5::pg_temp.pair, $6::pg_temp.digit,
    $7::pg_temp.mood[], row(1), $8::${newest}, $9::int2vector`
  const types = `create type pg_temp.mood as enum ('glad'); create type pg_temp.pair as (a int, b text);
    create domain pg_temp.digit as int check (value between 0 and 9)`
  const parameters = ['scalar', 'array', 'range', 'enum', 'composite', 'domain', 'array', kind, 'array']

  test('in the async API', async () => {
    await con.execute(types)
    const statement = await con.prepare(sql)
    expect(statement.getParameters().map(({ kind }) => kind)).toEqual(parameters)
    // For a column of a domain, the server reports the base type.
    const kinds = [...parameters.slice(0, 5), 'scalar', 'array', 'composite', ...parameters.slice(7)]
    expect(statement.getAttributes().map(({ type }) => type.kind)).toEqual(kinds)
    expect(statement.getParameters()[1]).toEqual({ oid: 1009, name: 'text[]', kind: 'array' })
    await statement.close()
  })

  test('in the blocking API', () => {
    using blocking = connectBlocking(sharedServer().dsn(), { autocommit: true })
    blocking.execute(types)
    using statement = blocking.prepare(sql)
    expect(statement.parameters.map(({ kind }) => kind)).toEqual(parameters)
  })
})

describe('reloadSchemaState', () => {
  const name = async (connection: Connection): Promise<string | undefined> => {
    const statement = await connection.prepare('select null::mood')
    const [column] = statement.getAttributes()
    await statement.close()
    return column?.type.name
  }

  test('forgets types that another session has altered, in a pool on all connections', async () => {
    const dsn = sharedServer().dsn({ database: await freshDatabase() })
    await using other = await connect(dsn)
    await other.execute("create type mood as enum ('glad')")
    await using own = await connect(dsn)
    await using pool = await createPool(dsn, { maxSize: 2 })
    const lent = await Promise.all([pool.acquire(), pool.acquire()])
    const all = [own, ...lent]
    for (const connection of all) expect(await name(connection)).toBe('mood')
    await other.execute('alter type mood rename to temper; create domain mood as temper')
    own.reloadSchemaState()
    pool.reloadSchemaState()
    for (const connection of all) expect(await name(connection)).toBe('temper')
    await Promise.all(lent.map((connection) => pool.release(connection)))
  })

  test('prepares statements again', async () => {
    const names = 'select name from pg_prepared_statements where statement = $1'
    const runTwice = async (): Promise<void> => {
      for (let i = 0; i < 2; i += 1) await con.fetchval('select 1')
    }
    await runTwice()
    const first = await con.fetchval(names, ['select 1'])
    con.reloadSchemaState()
    await runTwice()
    expect(first).toMatch(/^syncpg_/)
    expect(await con.fetchval(names, ['select 1'])).not.toBe(first)
  })
})

describe('tracing channels', () => {
  const channel = tracingChannel('syncpg:query')
  type Message = { query: string; backendPid: number; result?: unknown; error?: unknown }

  test('publish queries of every kind, their result or error, and not their arguments', async () => {
    const seen: [string, Message][] = []
    const note = (event: string) => (message: unknown) => void seen.push([event, { ...(message as Message) }])
    const handlers = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    }
    channel.subscribe(handlers)
    try {
      await con.fetchval('select $1::text', ['a secret'])
      await expect(con.execute('select 1/0')).rejects.toThrow('division by zero')
      const statement = await con.prepare('select 2')
      await statement.fetch()
      await con.executemany('select $1::text', [['a secret']])
    } finally {
      channel.unsubscribe(handlers)
    }
    const ends = seen.filter(([event]) => event === 'asyncEnd').map(([, { query }]) => query)
    expect(ends).toEqual(['select $1::text', 'select 1/0', 'select 2', 'select $1::text'])
    const errors = seen.filter(([event]) => event === 'error')
    expect(errors).toMatchObject([['error', { query: 'select 1/0', error: { sqlstate: '22012' } }]])
    expect(seen.every(([, { backendPid }]) => backendPid === con.backendPid)).toBe(true)
    const before = seen.filter(([event]) => event === 'start' || event === 'end')
    expect(JSON.stringify(before)).not.toContain('a secret')
    await con.fetchval('select 3')
    expect(seen.some(([, { query }]) => query === 'select 3')).toBe(false)
  })
})

describe('queryLogger', () => {
  test('logs until its scope ends, also by an error', async () => {
    const logged: string[] = []
    const work = async (): Promise<void> => {
      using _logging = con.queryLogger(({ query }) => void logged.push(query))
      const statement = await con.prepare('select $1::int')
      await statement.fetchval([1])
      await con.execute('select 1/0')
    }
    await expect(work()).rejects.toThrow('division by zero')
    await con.execute('select 2')
    expect(logged).toEqual(['select $1::int', 'select 1/0'])
  })
})

describe('an unknown property', () => {
  test('is refused on a connection and a pool, with the nearest name', async () => {
    await using pool = await createPool(sharedServer().dsn(), { minSize: 0 })
    expect(() => Object.assign(con, { autocommit: true })).toThrow(
      'Connection: there is no property "autocommit" to set',
    )
    expect(() => Object.assign(pool, { max_size: 3 })).toThrow('Pool: there is no property "max_size" to set')
    expect(Object.keys(con)).toEqual([])
  })

  test('is refused on the objects of a connection', async () => {
    const result = await con.query('select 1 as a')
    const statement = await con.prepare('select 1')
    const made = { result, statement, transaction: con.transaction(), cursor: con.cursor('select 1') }
    for (const each of Object.values(made)) {
      expect(() => Object.assign(each, { timeOut: 3 })).toThrow('there is no property "timeOut" to set')
    }
    expect(() => (result as unknown as { fields: unknown }).fields).toThrow('use columns')
  })

  test('is undefined when its name resembles no other, because libraries ask for many names', async () => {
    const asked = con as unknown as Record<string, unknown>
    for (const name of ['then', 'toJSON', 'length', 'nodeType', 'asymmetricMatch', 'inspect', 'whatever']) {
      expect(asked[name]).toBeUndefined()
    }
    expect([await con, JSON.stringify(await con.query('select 1 as a'))]).toEqual([
      con,
      expect.stringContaining('"rows"'),
    ])
  })

  test('may exist in a class of the program', async () => {
    class Shop extends Connection {
      rowCount = 5
      declare end: unknown
    }
    await using pool = await createPool(sharedServer().dsn(), { minSize: 0, connectionClass: Shop })
    const shop = await pool.acquire()
    expect([shop.rowCount, shop.end]).toEqual([5, undefined])
    await pool.release(shop)
  })

  test('is allowed on a class that extends Connection', async () => {
    class Tagged extends Connection {
      declare tag: string
      readonly made = 1
    }
    await using tagged = await connect(sharedServer().dsn(), { connectionClass: Tagged })
    tagged.tag = 'mine'
    expect([tagged.tag, tagged.made, await tagged.fetchval('select 1')]).toEqual(['mine', 1, 1])
  })
})

describe('connectionClass', () => {
  class Shop extends Connection {
    items(): Promise<unknown[]> {
      return this.fetch('select generate_series(1, 3)', [], { rowFactory: 'array' })
    }
    override getResetQuery(): string {
      return `${super.getResetQuery()}; set application_name = 'reset in my way'`
    }
  }

  test('is the class of the result of connect', async () => {
    await using shop = await connect(sharedServer().dsn(), { connectionClass: Shop })
    expect(shop).toBeInstanceOf(Shop)
    expect(await shop.items()).toEqual([[1], [2], [3]])
  })

  test("is the class of the pool's connections, and its getResetQuery() resets them", async () => {
    await using pool = await createPool(sharedServer().dsn(), { connectionClass: Shop, maxSize: 1 })
    expect(await pool.withConnection((shop) => shop.items())).toEqual([[1], [2], [3]])
    const shop = await pool.acquire()
    expect(shop).toBeInstanceOf(Shop)
    expect(await shop.fetchval('show application_name')).toBe('reset in my way')
    await shop[Symbol.asyncDispose]()
    expect(pool.getIdleSize()).toBe(1)
    await expect(shop.items()).rejects.toThrow('released back to the pool')
  })

  test('is the class that the connect hook must return', async () => {
    const options = { connectionClass: Shop, connect: () => connect(sharedServer().dsn()) }
    await expect(createPool(undefined, options)).rejects.toThrow(InterfaceError)
  })

  test.each([
    ['a number', 5],
    ['a class that does not extend Connection', URL],
    ['a name', 'Shop'],
  ])('that is %s is refused', async (_what, wrong) => {
    const options = { connectionClass: wrong as unknown as typeof Shop }
    await expect(connect(sharedServer().dsn(), options)).rejects.toThrow(ProgrammingError)
    await expect(createPool(sharedServer().dsn(), { ...options, minSize: 0 })).rejects.toThrow(ProgrammingError)
  })
})
