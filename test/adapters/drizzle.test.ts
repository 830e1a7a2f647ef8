/** `syncpg/drizzle`, beside Drizzle over `pg`: awaited over a pool, a connection and `pglite:`, and synchronously. */
import { AsyncResource } from 'node:async_hooks'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DrizzleQueryError, count, eq, gt, relations, sql } from 'drizzle-orm'
import { type NodePgDatabase, drizzle as overPg } from 'drizzle-orm/node-postgres'
import * as pg from 'drizzle-orm/pg-core'
import { Kysely } from 'kysely'
import { Client } from 'pg'
import * as db from 'syncpg'
import { type Connection, connect, createPool } from 'syncpg/async'
import { type SyncpgDatabase, drizzle, drizzleSync, executeSync, migrate, migrateSync } from 'syncpg/drizzle'
import { SyncpgDialect } from 'syncpg/kysely'
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../support/shared-server.ts'

const users = pg.pgTable('users', {
  id: pg.serial().primaryKey(),
  name: pg.text().notNull(),
  born: pg.timestamp({ withTimezone: true }),
})
const posts = pg.pgTable('posts', {
  id: pg.serial().primaryKey(),
  authorId: pg.integer('author_id').notNull(),
  title: pg.text().notNull(),
})
const schema = {
  users,
  posts,
  usersRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
  postsRelations: relations(posts, ({ one }) => ({
    author: one(users, { fields: [posts.authorId], references: [users.id] }),
  })),
}
const TABLES = `create table users (id serial primary key, name text not null, born timestamptz);
  create table posts (id serial primary key, author_id int not null, title text not null)`
const INSTANT = new Date('2024-02-29T12:00:00.123Z')

const mood = pg.pgEnum('mood', ['sad', 'glad'])
/** Column types, and a value of each. */
const COLUMNS = {
  id: [pg.integer(), 1],
  small: [pg.smallint(), -2],
  big: [pg.bigint({ mode: 'bigint' }), 9007199254740993n],
  bigNumber: [pg.bigint({ mode: 'number' }), 5],
  flag: [pg.boolean(), true],
  flags: [pg.boolean().array(), [true, false]],
  label: [pg.text(), "a 'b'"],
  code: [pg.varchar({ length: 9 }), 'x'],
  fixed: [pg.char({ length: 3 }), 'x  '],
  price: [pg.numeric(), '1.50'],
  priceNumber: [pg.numeric({ mode: 'number' }), 1.5],
  ratio: [pg.real(), 0.5],
  exact: [pg.doublePrecision(), 1e21],
  data: [pg.jsonb(), { a: ['b'], n: null }],
  dataText: [pg.jsonb(), 'text'],
  dataNumber: [pg.json(), 5],
  dataList: [pg.jsonb(), [1, 'x']],
  at: [pg.timestamp({ withTimezone: true }), INSTANT],
  atText: [pg.timestamp({ mode: 'string', withTimezone: true }), '2024-02-29 13:00+01'],
  wall: [pg.timestamp(), INSTANT],
  wallText: [pg.timestamp({ mode: 'string', precision: 6 }), '2024-02-29 13:00:00.123456'],
  day: [pg.date(), '2024-02-29'],
  dayDate: [pg.date({ mode: 'date' }), INSTANT],
  clock: [pg.time(), '04:05:06'],
  span: [pg.interval(), '1 mon 2 days'],
  key: [pg.uuid(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  address: [pg.inet(), '10.1.2.3'],
  net: [pg.cidr(), '10.1.0.0/16'],
  card: [pg.macaddr(), '08:00:2b:01:02:03'],
  place: [pg.point(), [1, 2]],
  placeXy: [pg.point({ mode: 'xy' }), { x: 1, y: 2 }],
  rule: [pg.line(), [1, 2, 3]],
  tags: [pg.text().array(), ['a', 'b"c', '']],
  numbers: [
    pg.integer().array().array(),
    [
      [1, 2],
      [3, 4],
    ],
  ],
  moments: [pg.timestamp({ withTimezone: true }).array(), [INSTANT]],
  documents: [pg.jsonb().array(), [{ a: 1 }]],
  feeling: [mood(), 'glad'],
} as const

const columns = Object.fromEntries(Object.entries(COLUMNS).map(([name, [column]]) => [name, column]))
const many = pg.pgTable('many', columns as unknown as Record<string, pg.PgIntegerBuilderInitial<''>>)
const row = Object.fromEntries(Object.entries(COLUMNS).map(([name, [, value]]) => [name, value])) as never
const DDL = `create type mood as enum ('sad', 'glad'); create table many (${pg
  .getTableConfig(many)
  .columns.map((column) => `"${column.name}" ${column.getSQLType()}`)
  .join(', ')})`

const database = databaseOfFile()

/** What Drizzle over `pg` gives. */
async function controlOf<T>(run: (other: NodePgDatabase) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: sharedServer().dsn({ database, transport: 'tcp' }) })
  await client.connect()
  try {
    return await run(overPg(client))
  } finally {
    await client.end()
  }
}

test('every column type is written and read as over pg, in both APIs', async () => {
  using con = db.connect(sharedServer().dsn({ database }), { autocommit: true })
  con.execute(DDL)
  const wanted = await controlOf(async (other) => {
    const inserted = await other.insert(many).values(row).returning()
    return [inserted, await other.select().from(many), (await other.execute(sql`select * from many`)).rows]
  })
  con.execute('truncate many')
  const awaited = await connect(sharedServer().dsn({ database }))
  const async = drizzle(awaited)
  // Three times: new, with its statement kept, and out of the cache.
  for (let run = 0; run < 3; run += 1) {
    const inserted = await async.insert(many).values(row).returning()
    const raw = (await async.execute(sql`select * from many`)).rows
    expect([inserted, await async.select().from(many)]).toEqual([wanted[0], wanted[1]])
    expect(Object.keys(raw[0]!)).toEqual(Object.keys((wanted[2] as object[])[0]!))
    await async.delete(many)
  }
  await awaited.close()
  const blocking = drizzleSync(con)
  for (let run = 0; run < 3; run += 1) {
    const inserted = executeSync(blocking.insert(many).values(row).returning())
    expect([inserted, executeSync(blocking.select().from(many))]).toEqual([wanted[0], wanted[1]])
    executeSync(blocking.delete(many))
  }
})

describe.each(['a pool', 'a connection', 'pglite'])('over %s', (way) => {
  let client: { close(): Promise<void> }
  let orm: SyncpgDatabase<typeof schema>

  beforeEach(async () => {
    const dsn = sharedServer().dsn({ database })
    if (way === 'a pool') {
      const pool = await createPool(dsn, { minSize: 1, maxSize: 2 })
      client = pool
      orm = drizzle(pool, { schema })
    } else {
      const connection = await connect(way === 'pglite' ? 'pglite:' : dsn)
      client = connection
      orm = drizzle(connection, { schema })
    }
    await orm.execute(sql.raw(TABLES))
  })
  afterEach(() => client.close())

  test('builders, relations, prepared queries and counts', async () => {
    const [ada] = await orm.insert(users).values({ name: 'Ada', born: INSTANT }).returning()
    await orm.insert(posts).values([
      { authorId: ada!.id, title: 'one' },
      { authorId: ada!.id, title: 'two' },
    ])
    const found = await orm.query.users.findMany({ with: { posts: { columns: { title: true } } } })
    expect(found).toEqual([{ id: 1, name: 'Ada', born: INSTANT, posts: [{ title: 'one' }, { title: 'two' }] }])
    const byTitle = orm
      .select({ id: posts.id, author: users.name })
      .from(posts)
      .leftJoin(users, eq(users.id, posts.authorId))
      .where(eq(posts.title, sql.placeholder('title')))
      .prepare('by_title')
    expect(await byTitle.execute({ title: 'two' })).toEqual([{ id: 2, author: 'Ada' }])
    expect(await orm.$count(posts, gt(posts.id, 1))).toBe(1)
    expect(await orm.select({ n: count() }).from(posts)).toEqual([{ n: 2 }])
    const { rows, rowCount } = await orm.execute<{ title: string }>(sql`select title from posts order by id`)
    expect([rows, rowCount]).toEqual([[{ title: 'one' }, { title: 'two' }], 2])
  })

  test('a transaction that throws is rolled back, an inner one to its savepoint', async () => {
    await orm.transaction(
      async (tx) => {
        await tx.insert(users).values({ name: 'kept' })
        const inner = tx.transaction(async (nested) => {
          await nested.insert(users).values({ name: 'undone' })
          nested.rollback()
        })
        await expect(inner).rejects.toThrow('Rollback')
      },
      { isolationLevel: 'repeatable read' },
    )
    const failing = orm.transaction(async (tx) => {
      await tx.insert(users).values({ name: 'lost' })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await orm.select({ name: users.name }).from(users)).toEqual([{ name: 'kept' }])
  })

  test('queries that are asked at once run one after another, in a transaction and outside of one', async () => {
    const name = (who: { insert: typeof orm.insert }, text: string): Promise<unknown> =>
      who.insert(users).values({ name: text }).execute()
    await Promise.all([name(orm, 'a'), name(orm, 'b')])
    await orm.transaction(async (tx) => {
      await Promise.all([
        name(tx, 'c'),
        tx.transaction(async (inner) => Promise.all([name(inner, 'd'), name(inner, 'e')])),
        tx.select().from(users),
      ])
    })
    const names = await orm.select({ name: users.name }).from(users)
    expect(names.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('if one of several queries asked at once in a transaction fails, none is kept', async () => {
    const failing = orm.transaction(async (tx) =>
      Promise.all([
        tx.execute(sql`select 1 / 0`),
        tx.insert(users).values({ name: 'lost' }),
        tx.insert(users).values({ name: 'lost too' }),
      ]),
    )
    await expect(failing).rejects.toMatchObject({ cause: { sqlstate: '22012' } })
    expect(await orm.select().from(users)).toEqual([])
    const early = orm.transaction(async (tx) => {
      const left = [1, 2, 3].map((n) =>
        tx
          .insert(users)
          .values({ name: `left ${n}` })
          .execute(),
      )
      for (const one of left) one.catch(() => {})
      throw new RangeError('early')
    })
    await expect(early).rejects.toThrow('early')
    expect(await orm.select().from(users)).toEqual([])
  })

  test('a Date in raw SQL', async () => {
    await orm.insert(users).values({ name: 'Ada', born: INSTANT })
    const born = (at: Date): Promise<unknown> =>
      orm.execute(sql`select name from users where born >= ${at}`).then(({ rows }) => rows)
    expect(await born(INSTANT)).toEqual([{ name: 'Ada' }])
    expect(await born(new Date(INSTANT.getTime() + 1))).toEqual([])
  })

  test("errors are Drizzle's, with syncpg's error as the cause", async () => {
    const failing = orm.execute(sql`select 1 / 0`)
    const error = await failing.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(DrizzleQueryError)
    expect((error as Error).cause).toMatchObject({ sqlstate: '22012', query: 'select 1 / 0' })
  })
})

describe('transactions on one connection', () => {
  const require = createRequire(import.meta.url)
  const required = require('syncpg/drizzle') as typeof import('syncpg/drizzle')
  let connection: Connection
  let orm: SyncpgDatabase
  const add = (to: { insert: typeof orm.insert }, name: string): Promise<unknown> =>
    to.insert(users).values({ name }).execute()
  const names = async (): Promise<string[]> => {
    const rows = await orm.select({ name: users.name }).from(users).orderBy(users.id)
    return rows.map(({ name }) => name)
  }

  beforeEach(async () => {
    connection = await connect(sharedServer().dsn({ database }))
    await connection.execute(TABLES)
    orm = drizzle(connection)
  })
  afterEach(() => connection.close())

  /** What another user writes while a transaction is open that then gives up. */
  async function duringTransaction(other: () => Promise<unknown>): Promise<void> {
    let written: Promise<unknown> = Promise.resolve()
    const outside = AsyncResource.bind(() => {
      written = other()
    })
    const undone = orm.transaction(async (tx) => {
      await add(tx, 'undone')
      outside()
      await add(tx, 'undone too')
      throw new RangeError('gives up')
    })
    await expect(undone).rejects.toThrow('gives up')
    await written
  }

  test('queries and transactions take turns', async () => {
    expect(required.drizzle).not.toBe(drizzle)
    const kysely = new Kysely<{ users: { name: string } }>({ dialect: new SyncpgDialect({ connection }) })
    await duringTransaction(() => add(orm, 'query'))
    await duringTransaction(() => orm.transaction((tx) => add(tx, 'transaction')))
    await duringTransaction(() => required.drizzle(connection).transaction((tx) => add(tx, 'other build')))
    await duringTransaction(() => kysely.insertInto('users').values({ name: 'kysely' }).execute())
    expect(await names()).toEqual(['query', 'transaction', 'other build', 'kysely'])
  })

  test("queries in a transaction's function are part of the transaction, whichever object runs them", async () => {
    const kysely = new Kysely<{ users: { name: string } }>({ dialect: new SyncpgDialect({ connection }) })
    await orm.transaction(async () => {
      await add(orm, 'a')
      await required.drizzle(connection).transaction((tx) => add(tx, 'b'))
      await kysely.transaction().execute((trx) => trx.insertInto('users').values({ name: 'c' }).execute())
    })
    const undone = orm.transaction(async () => {
      await add(orm, 'undone')
      throw new RangeError('no')
    })
    await expect(undone).rejects.toThrow('no')
    await connection.transaction(() => add(orm, 'd'))
    expect(await names()).toEqual(['a', 'b', 'c', 'd'])
  })

  test("a query that a transaction's function starts later waits for its turn", async () => {
    let late: () => Promise<unknown> = () => Promise.resolve()
    await orm.transaction(async (tx) => {
      await add(tx, 'first')
      late = AsyncResource.bind(() => add(orm, 'late'))
    })
    await duringTransaction(() => late())
    expect(await names()).toEqual(['first', 'late'])
  })
})

describe('synchronously', () => {
  let con: db.Connection
  beforeEach(() => {
    con = db.connect(sharedServer().dsn({ database }), { autocommit: true })
    con.execute(TABLES)
  })
  afterEach(() => con.close())

  test('misspelled options are refused, of both databases', async () => {
    const wrong = { schemas: schema } as object
    expect(() => drizzleSync(con, wrong)).toThrow('drizzleSync: unknown option "schemas"')
    await using other = await connect(sharedServer().dsn({ database }))
    expect(() => drizzle(other, wrong)).toThrow('drizzle: unknown option "schemas"')
  })

  test('results have the types that Drizzle infers', () => {
    const orm = drizzleSync(con, { schema })
    const [ada] = executeSync(orm.insert(users).values({ name: 'Ada' }).returning({ id: users.id }))
    executeSync(orm.insert(posts).values({ authorId: ada!.id, title: 'one' }))
    const rows = executeSync(orm.select({ id: users.id, name: users.name }).from(users))
    expectTypeOf(rows).toEqualTypeOf<{ id: number; name: string }[]>()
    expect(rows).toEqual([{ id: 1, name: 'Ada' }])
    const found = executeSync(orm.query.posts.findFirst({ with: { author: true } }))
    expect(found?.author.name).toBe('Ada')
    const named = orm
      .select()
      .from(users)
      .where(eq(users.name, sql.placeholder('name')))
      .prepare('named')
    expect(executeSync(named, { name: 'Ada' })).toHaveLength(1)
    expect(executeSync(orm.execute<{ n: number }>(sql`select 5 as n`)).rows).toEqual([{ n: 5 }])
  })

  test('transactions return their value, nest, and roll back', () => {
    const orm = drizzleSync(con)
    const names = orm.transaction((tx) => {
      executeSync(tx.insert(users).values({ name: 'kept' }))
      expect(() =>
        tx.transaction((nested) => {
          executeSync(nested.insert(users).values({ name: 'undone' }))
          throw new RangeError('inner')
        }),
      ).toThrow('inner')
      return executeSync(tx.select({ name: users.name }).from(users))
    })
    expect(names).toEqual([{ name: 'kept' }])
    const failing = (): unknown =>
      orm.transaction((tx) => {
        executeSync(tx.insert(users).values({ name: 'lost' }))
        executeSync(tx.execute(sql`select 1 / 0`))
      })
    expect(failing).toThrow(DrizzleQueryError)
    expect(executeSync(orm.select().from(users))).toHaveLength(1)
  })

  test('a connection that is not in autocommit is refused, also if autocommit was turned off later', () => {
    using other = db.connect(sharedServer().dsn({ database }))
    expect(() => drizzleSync(other)).toThrow('autocommit: true')
    const orm = drizzleSync(con)
    con.setautocommit(false)
    expect(() => executeSync(orm.select().from(users))).toThrow(db.ProgrammingError)
    expect(() => orm.transaction(() => 1)).toThrow('autocommit: true')
    con.setautocommit(true)
    expect(executeSync(orm.select().from(users))).toEqual([])
    // In a transaction of the connection's owner Drizzle's is a savepoint.
    con.transaction(() => orm.transaction((tx) => executeSync(tx.insert(users).values({ name: 'kept' }))))
    expect(con.info.status).toBe('idle')
    expect(executeSync(orm.select().from(users))).toHaveLength(1)
  })

  test('a query that is awaited is refused before it runs', async () => {
    const orm = drizzleSync(con, { schema })
    const insert = orm.insert(users).values({ name: 'never' })
    const queries = [
      insert,
      insert.returning(),
      orm.select().from(users),
      orm.query.users.findFirst(),
      orm.execute(sql`insert into users (name) values ('never')`),
    ]
    for (const query of queries) await expect(query).rejects.toThrow('executeSync(query)')
    expect(() => orm.transaction((tx) => tx.execute(sql`select 1`).execute())).toThrow('executeSync(query)')
    expect(executeSync(orm.select().from(users))).toEqual([])
    expect(await orm.$count(users)).toBe(0)
    expect(orm.transaction((tx) => executeSync(tx.query.users.findFirst()), { accessMode: 'read only' })).toBe(
      undefined,
    )
  })

  test.each(['select 1', null, {}])('executeSync refuses a value that Drizzle has not built: %o', (query) => {
    expect(() => executeSync(query as never)).toThrow(db.ProgrammingError)
  })

  test('a query of an asynchronous database is refused', async () => {
    const connection = await connect(sharedServer().dsn({ database }))
    expect(() => executeSync(drizzle(connection).select().from(users))).toThrow('drizzleSync')
    await connection.close()
  })
})

/** A folder of migrations as drizzle-kit writes it. */
function migrationsFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-drizzle-'))
  mkdirSync(join(folder, 'meta'))
  const entries = ['first', 'second'].map((tag, idx) => ({
    idx,
    version: '7',
    when: 1000 + idx,
    tag,
    breakpoints: true,
  }))
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }))
  writeFileSync(
    join(folder, 'first.sql'),
    'create table a (id int);\n--> statement-breakpoint\ncreate table b (id int);',
  )
  writeFileSync(join(folder, 'second.sql'), 'alter table a add name text;')
  return folder
}

test('migrations of drizzle-kit run once, from either API', async () => {
  const folder = migrationsFolder()
  try {
    using con = db.connect(sharedServer().dsn({ database }), { autocommit: true })
    migrateSync(drizzleSync(con), { migrationsFolder: folder })
    migrateSync(drizzleSync(con), { migrationsFolder: folder })
    const connection = await connect(sharedServer().dsn({ database }))
    await migrate(drizzle(connection), { migrationsFolder: folder })
    await connection.close()
    await controlOf(async (other) => {
      const { migrate: migrateOverPg } = await import('drizzle-orm/node-postgres/migrator')
      await migrateOverPg(other, { migrationsFolder: folder })
    })
    expect(con.fetchval('select count(*)::int from drizzle.__drizzle_migrations')).toBe(2)
    con.fetch('select id, name from a, (select 1 from b) x')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('programs that migrate at once take turns', async () => {
  const folder = migrationsFolder()
  const dsn = sharedServer().dsn({ database })
  const pool = await createPool(dsn, { minSize: 4, maxSize: 4 })
  try {
    for (let round = 0; round < 5; round += 1) {
      const migrationsSchema = `at_once_${round}`
      await pool.execute('drop table if exists a, b')
      const config = { migrationsFolder: folder, migrationsSchema }
      await Promise.all([1, 2, 3, 4].map(() => migrate(drizzle(pool), config)))
      expect(await pool.fetchval(`select count(*)::int from ${migrationsSchema}.__drizzle_migrations`)).toBe(2)
      using con = db.connect(dsn, { autocommit: true })
      migrateSync(drizzleSync(con), config)
      expect(con.fetchval(`select count(*)::int from ${migrationsSchema}.__drizzle_migrations`)).toBe(2)
    }
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true })
  }
})
