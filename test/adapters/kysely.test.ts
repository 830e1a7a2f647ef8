/** `syncpg/kysely`: the dialect over a pool, over a connection of either API, and the synchronous executor. */
import { createRequire } from 'node:module'
import { type Generated, Kysely, Migrator, type Migration, NoResultError, sql } from 'kysely'
import * as db from 'syncpg'
import { type Connection, type Pool, connect, createPool } from 'syncpg/async'
import {
  SyncpgDialect,
  executeSync,
  executeTakeFirstOrThrowSync,
  executeTakeFirstSync,
  streamSync,
} from 'syncpg/kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'

import { databaseOfFile, serverOfMajor, sharedServer } from '../support/shared-server.ts'

interface Database {
  person: { id: Generated<number>; name: string; age: number | null; tags: unknown }
  pet: { id: Generated<number>; owner_id: number; name: string }
}

const TABLES = `create table person (id serial primary key, name text not null, age int, tags jsonb);
  create table pet (id serial primary key, owner_id int not null references person, name text not null)`

const database = databaseOfFile()
const WAYS = ['a pool', 'one connection', 'a blocking connection', 'pglite'] as const

describe.each(WAYS)('the dialect over %s', (way) => {
  let kysely: Kysely<Database>
  let close: () => unknown = () => {}

  beforeEach(async () => {
    const dsn = sharedServer().dsn({ database })
    if (way === 'a pool') {
      const pool = await createPool(dsn, { minSize: 1, maxSize: 3 })
      kysely = new Kysely({ dialect: new SyncpgDialect({ pool }) })
      close = () => kysely.destroy()
    } else {
      const connection =
        way === 'a blocking connection'
          ? db.connect(dsn, { autocommit: true })
          : await connect(way === 'pglite' ? 'pglite:' : dsn)
      kysely = new Kysely({ dialect: new SyncpgDialect({ connection }) })
      close = () => connection.close()
    }
    await sql.raw(TABLES).execute(kysely)
  })
  afterEach(() => close())

  test('rows are plain objects with the values of their types', async () => {
    const inserted = await kysely
      .insertInto('person')
      .values({ name: 'Ada', age: 36, tags: JSON.stringify(['x']) })
      .returningAll()
      .executeTakeFirstOrThrow()
    expect(inserted).toEqual({ id: 1, name: 'Ada', age: 36, tags: ['x'] })
    expect(Object.getPrototypeOf(inserted)).toBe(Object.prototype)
    const found = await kysely.selectFrom('person').select(['name']).where('age', '>=', 18).execute()
    expect(found).toEqual([{ name: 'Ada' }])
  })

  test('a statement that writes gives the number of rows', async () => {
    const values = ['a', 'b', 'c'].map((name) => ({ name, age: null, tags: null }))
    const [inserted] = await kysely.insertInto('person').values(values).execute()
    expect(inserted?.numInsertedOrUpdatedRows).toBe(3n)
    const updated = await kysely.updateTable('person').set({ age: 1 }).where('name', '<', 'c').executeTakeFirst()
    expect(updated.numUpdatedRows).toBe(2n)
    const deleted = await kysely.deleteFrom('person').executeTakeFirst()
    expect(deleted.numDeletedRows).toBe(3n)
  })

  test('a transaction that throws leaves nothing, and savepoints undo a part', async () => {
    const insert = (trx: Kysely<Database>, name: string): Promise<unknown> =>
      trx.insertInto('person').values({ name, age: null, tags: null }).execute()
    await expect(
      kysely.transaction().execute(async (trx) => {
        await insert(trx, 'lost')
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    const trx = await kysely.startTransaction().execute()
    await insert(trx, 'kept')
    const after = await trx.savepoint('after').execute()
    await insert(after, 'undone')
    await after.rollbackToSavepoint('after').execute()
    await trx.commit().execute()
    expect(await kysely.selectFrom('person').select('name').execute()).toEqual([{ name: 'kept' }])
  })

  test('a commit that the server turns into a rollback throws', async () => {
    const trx = await kysely.startTransaction().execute()
    await expect(sql`select 1 / 0`.execute(trx)).rejects.toMatchObject({ sqlstate: '22012' })
    await expect(trx.commit().execute()).rejects.toMatchObject({ sqlstate: '25P02' })
  })

  test('the end of a transaction waits for the queries before it, and throws its own error', async () => {
    const insert = (trx: Kysely<Database>, id: number): Promise<unknown> =>
      trx.insertInto('person').values({ id, name: 'x', age: null, tags: null }).execute()
    const ids = (): Promise<unknown> => kysely.selectFrom('person').select('id').orderBy('id').execute()
    const twice = kysely.transaction().execute((trx) => Promise.all([1, 2, 2, 3].map((id) => insert(trx, id))))
    await expect(twice).rejects.toMatchObject({ sqlstate: '23505' })
    const thrown = kysely.transaction().execute(async (trx) => {
      insert(trx, 5).catch(() => {})
      throw new RangeError('my own')
    })
    await expect(thrown).rejects.toThrow('my own')
    expect(await ids()).toEqual([])
    let left: Promise<unknown> = Promise.resolve()
    await kysely.transaction().execute(async (trx) => {
      left = insert(trx, 9)
    })
    await left
    expect(await ids()).toEqual([{ id: 9 }])
    await kysely.transaction().execute((trx) => Promise.all([10, 11, 12].map((id) => insert(trx, id))))
    expect(await ids()).toEqual([9, 10, 11, 12].map((id) => ({ id })))
  })

  test.runIf(way === 'a pool')('the stack of an error has the line of the program', async () => {
    const error = await sql`select nothing`.execute(kysely).catch((caught: unknown) => caught as Error)
    expect((error as Error).stack).toContain('kysely.test.ts')
  })

  test('a stream that fails gives its connection back', async () => {
    const failing = kysely.selectFrom(sql`generate_series(-1, 1)`.as<'g'>(sql`g(n)`)).select(sql`1 / n`.as('n'))
    const read = async (): Promise<void> => {
      for await (const _ of failing.stream(1)) await Promise.resolve()
    }
    await expect(read()).rejects.toMatchObject({ sqlstate: '22012' })
    expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }])
  })

  test('streams, outside and inside of a transaction, left early or not', async () => {
    const query = (from: Kysely<Database>): AsyncIterable<{ n: number }> =>
      from
        .selectFrom(sql<{ n: number }>`generate_series(1, 250)`.as<'g'>(sql`g(n)`))
        .select('n')
        .stream(100)
    const all: number[] = []
    for await (const { n } of query(kysely)) all.push(n)
    expect(all).toEqual(Array.from({ length: 250 }, (_, i) => i + 1))
    for await (const { n } of query(kysely)) if (n === 120) break
    await kysely.transaction().execute(async (trx) => {
      for await (const { n } of query(trx)) if (n === 5) break
    })
    expect(await sql<{ one: number }>`select 1 as one`.execute(kysely)).toMatchObject({ rows: [{ one: 1 }] })
  })

  test('many queries at once each get their own rows', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => sql<{ i: number }>`select ${i}::int as i`.execute(kysely)),
    )
    expect(answers.map(({ rows }) => rows[0]?.i)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('introspects and migrates', async () => {
    const tables = await kysely.introspection.getTables()
    expect(tables.map(({ name }) => name).toSorted()).toEqual(['person', 'pet'])
    const migrations: Record<string, Migration> = {
      a: { up: (schema) => schema.schema.createTable('made').addColumn('id', 'integer').execute() },
      b: { up: (schema) => schema.schema.alterTable('made').addColumn('name', 'text').execute() },
    }
    const migrator = new Migrator({ db: kysely, provider: { getMigrations: async () => migrations } })
    const { error, results } = await migrator.migrateToLatest()
    expect([error, results?.map(({ status }) => status)]).toEqual([undefined, ['Success', 'Success']])
  })
})

describe.each(['async', 'blocking'] as const)('a connection that Kysely shares, %s', (kind) => {
  let connection: Connection | db.Connection
  let kysely: Kysely<Database>
  let other: Kysely<Database>
  const insert = (to: Kysely<Database>, name: string): Promise<unknown> =>
    to.insertInto('person').values({ name, age: null, tags: null }).execute()
  const names = async (from = kysely): Promise<string[]> =>
    (await from.selectFrom('person').select('name').orderBy('id').execute()).map(({ name }) => name)

  beforeEach(async () => {
    const dsn = sharedServer().dsn({ database })
    connection = kind === 'async' ? await connect(dsn) : db.connect(dsn, { autocommit: true })
    kysely = new Kysely({ dialect: new SyncpgDialect({ connection }) })
    other = new Kysely({ dialect: new SyncpgDialect({ connection }) })
    await sql.raw(TABLES).execute(kysely)
  })
  afterEach(() => {
    if (kind === 'async' || !(connection as db.Connection).closed) connection.close()
  })

  test('serves two Kysely objects in turns', async () => {
    const order: string[] = []
    const first = await kysely.startTransaction().execute()
    const waits = insert(other, 'outside').then(() => order.push('outside'))
    await insert(first, 'inside')
    order.push('inside')
    await first.rollback().execute()
    await waits
    expect(order).toEqual(['inside', 'outside'])
    expect(await names()).toEqual(['outside'])
  })

  test('serves many queries of both at once', async () => {
    const ask = (from: Kysely<Database>, i: number): Promise<number | undefined> =>
      sql<{ i: number }>`select ${i}::int as i`.execute(from).then(({ rows }) => rows[0]?.i)
    const twenty = Array.from({ length: 20 }, (_, i) => i)
    expect(await Promise.all(twenty.map((i) => ask(i % 2 === 0 ? kysely : other, i)))).toEqual(twenty)
  })

  test('is lent to the next query after an error, and after a query that was closed', async () => {
    const failed = sql`select 1 / 0`.execute(kysely)
    const after = names(other)
    await expect(failed).rejects.toMatchObject({ sqlstate: '22012' })
    expect(await after).toEqual([])
    connection.close()
    await expect(names()).rejects.toThrow(/closed/)
    await expect(names(other)).rejects.toThrow(/closed/)
  })

  test('runs direct calls in the transaction that is open', async () => {
    const trx = await kysely.startTransaction().execute()
    await connection.execute("insert into person (name) values ('direct')")
    expect(await names(trx)).toEqual(['direct'])
    await trx.rollback().execute()
    expect(await names()).toEqual([])
  })

  test("keeps its owner's transaction, in which a transaction of Kysely is a savepoint", async () => {
    await connection.execute('begin')
    await insert(kysely, 'a')
    await kysely.transaction().execute((trx) => insert(trx, 'b'))
    const undone = kysely.transaction().execute(async (trx) => {
      await insert(trx, 'undone')
      throw new RangeError('no')
    })
    await expect(undone).rejects.toThrow(RangeError)
    const failed = await kysely.startTransaction().execute()
    await expect(sql`select 1 / 0`.execute(failed)).rejects.toMatchObject({ sqlstate: '22012' })
    await expect(failed.commit().execute()).rejects.toMatchObject({ sqlstate: '25P02' })
    await expect(
      kysely
        .transaction()
        .setIsolationLevel('serializable')
        .execute((trx) => insert(trx, 'never')),
    ).rejects.toThrow('savepoint')
    expect(await names()).toEqual(['a', 'b'])
    await connection.execute('rollback')
    expect(await names()).toEqual([])
  })
})

test('a transaction or stream of Kysely that is the first in transaction(fn) is rolled back with it', async () => {
  await using connection = await connect(sharedServer().dsn({ database }))
  await connection.execute(TABLES)
  const kysely = new Kysely<Database>({ dialect: new SyncpgDialect({ connection }) })
  const insert = (to: Kysely<Database>): Promise<unknown> =>
    to.insertInto('person').values({ name: 'lost', age: null, tags: null }).execute()
  const undone = connection.transaction(async () => {
    await kysely.transaction().execute(insert)
    throw new RangeError('no')
  })
  await expect(undone).rejects.toThrow(RangeError)
  const streamed = connection.transaction(async () => {
    const query = kysely.selectFrom(sql<{ n: number }>`generate_series(1, 3)`.as<'g'>(sql`g(n)`)).select('n')
    for await (const _ of query.stream()) await Promise.resolve()
    await insert(kysely)
    throw new RangeError('no')
  })
  await expect(streamed).rejects.toThrow(RangeError)
  expect(await kysely.selectFrom('person').select('name').execute()).toEqual([])
})

test('the builds for import and for require share the turns of a connection', async () => {
  const require = createRequire(import.meta.url)
  const { SyncpgDialect: Required } = require('syncpg/kysely') as typeof import('syncpg/kysely')
  expect(Required).not.toBe(SyncpgDialect)
  await using connection = await connect(sharedServer().dsn({ database }))
  await connection.execute(TABLES)
  const kysely = new Kysely<Database>({ dialect: new SyncpgDialect({ connection }) })
  const other = new Kysely<Database>({ dialect: new Required({ connection }) })
  const transaction = await kysely.startTransaction().execute()
  const kept = other.insertInto('person').values({ name: 'kept', age: null, tags: null }).execute()
  await transaction.insertInto('person').values({ name: 'undone', age: null, tags: null }).execute()
  await transaction.rollback().execute()
  await kept
  expect(await kysely.selectFrom('person').select('name').execute()).toEqual([{ name: 'kept' }])
})

test('a call on an async connection throws while a query of Kysely runs', async () => {
  await using connection = await connect(sharedServer().dsn())
  const kysely = new Kysely<Database>({ dialect: new SyncpgDialect({ connection }) })
  const running = kysely.connection().execute(async (one) => {
    const query = sql`select pg_sleep(0.1)`.execute(one)
    await expect(connection.query('select 1')).rejects.toThrow('another operation is in progress')
    return query
  })
  expect((await running).rows).toHaveLength(1)
})

test('a query throws on a blocking connection whose autocommit was turned off', async () => {
  using connection = db.connect(sharedServer().dsn(), { autocommit: true })
  const kysely = new Kysely<Database>({ dialect: new SyncpgDialect({ connection }) })
  connection.setautocommit(false)
  await expect(sql`select 1`.execute(kysely)).rejects.toThrow('autocommit: true')
  connection.setautocommit(true)
  expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }])
})

test('hooks get connections, and destroy() closes the pool', async () => {
  const heard: string[] = []
  let pool: Pool | undefined
  const kysely = new Kysely<Database>({
    dialect: new SyncpgDialect({
      pool: async () => (pool = await createPool(sharedServer().dsn(), { minSize: 0, maxSize: 1 })),
      onReserveConnection: () => void heard.push('reserved'),
    }),
  })
  await sql`select 1`.execute(kysely)
  await sql`select 1`.execute(kysely)
  await kysely.destroy()
  expect(heard).toEqual(['reserved', 'reserved'])
  await expect(pool!.acquire()).rejects.toThrow(/clos/)
})

test('a pool that could not be opened is opened at the next query', async () => {
  let calls = 0
  const pool = async (): Promise<Pool> => {
    calls += 1
    if (calls === 1) throw new RangeError('not yet')
    return createPool(sharedServer().dsn(), { minSize: 0, maxSize: 1 })
  }
  const kysely = new Kysely<Database>({ dialect: new SyncpgDialect({ pool }) })
  await expect(sql`select 1`.execute(kysely)).rejects.toThrow('not yet')
  expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }])
  await kysely.destroy()
})

test('misspelled options are refused', () => {
  using con = db.connect(sharedServer().dsn(), { autocommit: true })
  const query = sql<object>`select 1`.compile(new Kysely({ dialect: new SyncpgDialect({ connection: con }) }))
  const wrong = { timout: 5 } as object
  expect(() => new SyncpgDialect({ pol: con } as never)).toThrow('SyncpgDialect: unknown option "pol"')
  expect(() => new SyncpgDialect({} as never)).toThrow('expected either a pool or a connection')
  expect(() => executeSync(con, query, wrong)).toThrow('executeSync: unknown option "timout"')
  expect(() => executeTakeFirstSync(con, query, wrong)).toThrow('executeTakeFirstSync: unknown option "timout"')
  expect(() => executeTakeFirstOrThrowSync(con, query, wrong)).toThrow('unknown option "timout"')
  expect(() => streamSync(con, query, wrong)).toThrow('streamSync: unknown option "timout"')
})

test('a blocking connection that is not in autocommit is refused', () => {
  using connection = db.connect(sharedServer().dsn())
  expect(() => new Kysely<Database>({ dialect: new SyncpgDialect({ connection }) })).toThrow('autocommit: true')
})

describe.each([18, 13] as const)('synchronously, PostgreSQL %s', (major) => {
  let con: db.Connection
  // It builds queries and never runs one itself.
  const kysely = new Kysely<Database>({
    dialect: new SyncpgDialect({ pool: () => Promise.reject(new Error('unused')) }),
  })

  beforeAll(async () => {
    const server = await serverOfMajor(major)
    con = db.connect(server.dsn())
  })
  beforeEach(() => {
    con.execute('create schema sync_kysely; set local search_path to sync_kysely')
    con.execute(TABLES)
  })
  afterEach(() => con.rollback())
  afterAll(() => con.close())

  test('rows have the types that Kysely infers', () => {
    executeSync(con, kysely.insertInto('person').values({ name: 'Ada', age: 36, tags: '{"a":1}' }))
    const rows = executeSync(con, kysely.selectFrom('person').select(['id', 'name', 'tags']))
    expectTypeOf(rows).toEqualTypeOf<{ id: number; name: string; tags: unknown }[]>()
    expect(rows).toEqual([{ id: 1, name: 'Ada', tags: { a: 1 } }])
  })

  test("results of statements that write have Kysely's form", () => {
    const [inserted] = executeSync(con, kysely.insertInto('person').values({ name: 'Ada', age: 1, tags: null }))
    expect(inserted?.numInsertedOrUpdatedRows).toBe(1n)
    const updated = executeTakeFirstSync(con, kysely.updateTable('person').set({ age: 2 }))
    expect(updated?.numUpdatedRows).toBe(1n)
    expect(executeTakeFirstSync(con, kysely.deleteFrom('person').returning('age'))).toEqual({ age: 2 })
    expect(executeTakeFirstSync(con, kysely.deleteFrom('person'))?.numDeletedRows).toBe(0n)
  })

  test.each(['select 1', null, {}])('executeSync refuses a value that Kysely has not built: %o', (query) => {
    expect(() => executeSync(con, query as never)).toThrow(db.ProgrammingError)
  })

  test('raw SQL is compiled by a database object, and the error says so', () => {
    expect(executeSync(con, sql<{ one: number }>`select 1 as one`.compile(kysely))).toEqual([{ one: 1 }])
    expect(() => executeSync(con, sql`select 1` as never)).toThrow('.compile(db)')
  })

  test('a query without a row gives undefined, or throws if the program asks for that', () => {
    const query = kysely.selectFrom('person').selectAll()
    expect(executeTakeFirstSync(con, query)).toBeUndefined()
    expect(() => executeTakeFirstOrThrowSync(con, query)).toThrow(NoResultError)
    expect(() => executeTakeFirstOrThrowSync(con, query, { makeError: () => new RangeError('none') })).toThrow(
      RangeError,
    )
  })

  test('streams, maps rows and rolls back with the connection', () => {
    con.transaction(() => {
      for (const name of ['a', 'b', 'c']) {
        executeSync(con, kysely.insertInto('person').values({ name, age: null, tags: null }))
      }
      const names: string[] = []
      for (const { name } of streamSync(con, kysely.selectFrom('person').select('name').orderBy('id'), { size: 2 })) {
        names.push(name)
      }
      expect(names).toEqual(['a', 'b', 'c'])
      const mapped = executeSync(con, kysely.selectFrom('person').select('name').orderBy('id'), {
        mapRow: ({ name }) => ({ name: String(name).toUpperCase() }),
      })
      expect(mapped.map(({ name }) => name)).toEqual(['A', 'B', 'C'])
    })
  })
})
