/**
 * Drizzle, over pg's pool, over a pool of syncpg/async, and synchronously over a blocking connection: the same queries, built
 * anew each time, as programs do.
 */
import { eq, lte, sql } from 'drizzle-orm'
import { boolean, doublePrecision, integer, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

const rows = pgTable('bench_builders', {
  id: integer().primaryKey(),
  name: text(),
  price: doublePrecision(),
  isOpen: boolean('is_open'),
  madeAt: timestamp('made_at', { withTimezone: true }),
  count: integer(),
  note: text(),
  tags: jsonb(),
})

export async function open(target, peer) {
  return peer.isBlocking === true ? openSync(target, peer) : openAsync(target, peer)
}

async function openAsync(target, peer) {
  const { db, close } = await databaseFor(target, peer)
  const first = async (query) => (await query)[0]
  return {
    isBlocking: false,
    one: async (statement) => (await db.execute(sql.raw(statement))).rows[0],
    close,
    byKey: (id) => first(byKey(db, id)),
    upTo: (id) => upTo(db, id),
    newText: (id, number) => first(newText(db, id, number)),
    transfer: (from, to) =>
      db.transaction(async (tx) => {
        const row = await first(byKey(tx, from))
        await add(tx, from, -1)
        await add(tx, to, 1)
        return row
      }),
  }
}

async function openSync({ dsn }, { dist }) {
  const { connect } = await import(new URL('index.js', dist).href)
  const { drizzleSync, executeSync: run } = await import(new URL('drizzle.js', dist).href)
  const con = connect(dsn, { autocommit: true })
  const db = drizzleSync(con)
  return {
    isBlocking: true,
    one: (statement) => con.execute(statement).fetchone(),
    close: () => con.close(),
    byKey: (id) => run(byKey(db, id))[0],
    upTo: (id) => run(upTo(db, id)),
    newText: (id, number) => run(newText(db, id, number))[0],
    transfer: (from, to) =>
      db.transaction((tx) => {
        const row = run(byKey(tx, from))[0]
        run(add(tx, from, -1))
        run(add(tx, to, 1))
        return row
      }),
  }
}

async function databaseFor(target, { dist, hasReset }) {
  if (dist === undefined) {
    const [{ default: pg }, { drizzle }] = await Promise.all([import('pg'), import('drizzle-orm/node-postgres')])
    const pool = new pg.Pool({ ...target, ssl: false, max: 10 })
    return { db: drizzle(pool), close: () => pool.end() }
  }
  const { createPool } = await import(new URL('async.js', dist).href)
  const { drizzle } = await import(new URL('drizzle.js', dist).href)
  const pool = await createPool(target.dsn, { minSize: 1, maxSize: 10, ...(hasReset === false && { reset: null }) })
  return { db: drizzle(pool), close: () => pool.close() }
}

const byKey = (db, id) => db.select().from(rows).where(eq(rows.id, id))
const upTo = (db, id) => db.select().from(rows).where(lte(rows.id, id))
const newText = (db, id, number) =>
  db
    .select({ id: rows.id, number: sql`${sql.raw(String(number))}` })
    .from(rows)
    .where(eq(rows.id, id))
const add = (db, id, amount) =>
  db
    .update(rows)
    .set({ count: sql`${rows.count} + ${amount}` })
    .where(eq(rows.id, id))
