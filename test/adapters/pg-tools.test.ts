/** Libraries that were written for `pg`, over `syncpg/pg` without an alias. */
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'
import knex from 'knex'
// @ts-expect-error -- Knex declares its dialects nowhere.
import ClientPg from 'knex/lib/dialects/postgres/index.js'
import { Kysely, PostgresDialect } from 'kysely'
import pg, { Pool } from 'syncpg/pg'
import Cursor from 'syncpg/pg/cursor'
import QueryStream from 'syncpg/pg/query-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { serverOfMajor } from '../support/shared-server.ts'

const connection = async (): Promise<Record<string, unknown>> => {
  const { host, port, user, password } = await serverOfMajor(18)
  return { host, port, user, password, database: 'postgres' }
}

// As docs/guides/pg.md has it. The declarations of Knex know only its ready dialects.
const Base = ClientPg as unknown as new (config: object) => object
class SyncpgKnex extends Base {
  _driver(): unknown {
    return pg
  }

  _stream(
    client: pg.Client,
    { sql: statement, bindings }: { sql: string; bindings: unknown[] },
    stream: NodeJS.WritableStream,
    options: object,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const rows = client.query(new QueryStream(statement, bindings, options))
      rows.on('error', (error: Error) => {
        reject(error)
        stream.emit('error', error)
      })
      rows.on('end', resolve)
      rows.pipe(stream)
    })
  }
}

describe('Knex by a dialect of a few lines', () => {
  let db: knex.Knex
  beforeAll(async () => {
    db = knex({ client: SyncpgKnex as unknown as typeof knex.Knex.Client, connection: await connection() })
    await db.schema.dropTableIfExists('knex_item')
    await db.schema.createTable('knex_item', (table) => {
      table.increments('id')
      table.string('name').unique()
      table.jsonb('data')
    })
  })
  afterAll(async () => {
    await db.schema.dropTable('knex_item')
    await db.destroy()
  })

  test('inserts, reads, rolls back and streams', async () => {
    const inserted = await db('knex_item')
      .insert([{ name: 'a', data: JSON.stringify({ x: [1] }) }, { name: 'b' }])
      .returning('*')
    expect(inserted).toEqual([
      { id: 1, name: 'a', data: { x: [1] } },
      { id: 2, name: 'b', data: null },
    ])
    await expect(db('knex_item').insert({ name: 'a' })).rejects.toMatchObject({ code: '23505' })
    const undone = db.transaction(async (trx) => {
      await trx('knex_item').insert({ name: 'c' })
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    const names: string[] = []
    for await (const row of db('knex_item').orderBy('id').stream()) names.push(row.name)
    expect(names).toEqual(['a', 'b'])
    expect(await db('knex_item').count('* as n').first()).toEqual({ n: '2' })
  })

  test('a query whose time is over is cancelled', async () => {
    await expect(db.raw('select pg_sleep(20)').timeout(50, { cancel: true })).rejects.toThrow('timeout')
    expect((await db.raw('select ? as a', ['x'])).rows).toEqual([{ a: 'x' }])
  })
})

test('Drizzle over a pool gives the same results as over pg', async () => {
  const pool = new Pool(await connection())
  const item = pgTable('drizzle_item', {
    id: serial().primaryKey(),
    tags: text().array(),
    at: timestamp({ mode: 'date' }),
    count: integer(),
  })
  // drizzle's declarations name pg's own pool.
  const db = drizzle(pool as never)
  await db.execute(sql`create table drizzle_item (id serial primary key, tags text[], at timestamp, count int)`)
  const at = new Date(1e12)
  expect(
    await db
      .insert(item)
      .values({ tags: ['a,b', 'c"d'], at, count: 1 })
      .returning(),
  ).toEqual([{ id: 1, tags: ['a,b', 'c"d'], at, count: 1 }])
  const undone = db.transaction(async (tx) => {
    await tx.insert(item).values({ count: 2 })
    tx.rollback()
  })
  await expect(undone).rejects.toThrow('Rollback')
  expect(await db.select({ count: item.count }).from(item)).toEqual([{ count: 1 }])
  await db.execute(sql`drop table drizzle_item`)
  await pool.end()
})

test("Kysely's own dialect takes the pool and the cursor", async () => {
  const pool = new Pool({ ...(await connection()), max: 1 })
  const db = new Kysely<{ kysely_item: { n: number } }>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  await db.schema.createTable('kysely_item').temporary().addColumn('n', 'integer').execute()
  await db
    .insertInto('kysely_item')
    .values([{ n: 1 }, { n: 2 }, { n: 3 }])
    .execute()
  const seen: number[] = []
  for await (const { n } of db.selectFrom('kysely_item').selectAll().stream(2)) seen.push(n)
  expect(seen).toEqual([1, 2, 3])
  const { numUpdatedRows } = await db.updateTable('kysely_item').set({ n: 0 }).executeTakeFirstOrThrow()
  expect(numUpdatedRows).toBe(3n)
  await db.destroy()
})
