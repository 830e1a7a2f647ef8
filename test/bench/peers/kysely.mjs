/**
 * Kysely, over pg's pool, over a pool of syncpg/async, and synchronously over a blocking connection: the same queries, built
 * anew each time, as programs do.
 */
import { Kysely, PostgresDialect, sql } from 'kysely'

export async function open(target, peer) {
  return peer.isBlocking === true ? openSync(target, peer) : openAsync(target, peer)
}

async function openAsync(target, peer) {
  const db = new Kysely({ dialect: await dialectFor(target, peer) })
  return {
    isBlocking: false,
    one: async (text) => (await sql.raw(text).execute(db)).rows[0],
    close: () => db.destroy(),
    byKey: (id) => byKey(db, id).executeTakeFirst(),
    upTo: (id) => upTo(db, id).execute(),
    newText: (id, number) => newText(db, id, number).executeTakeFirst(),
    transfer: (from, to) =>
      db.transaction().execute(async (trx) => {
        const row = await byKey(trx, from).executeTakeFirst()
        await add(trx, from, -1).execute()
        await add(trx, to, 1).execute()
        return row
      }),
  }
}

async function openSync({ dsn }, { dist }) {
  const { connect } = await import(new URL('index.js', dist).href)
  const { SyncpgDialect, executeSync, executeTakeFirstSync } = await import(new URL('kysely.js', dist).href)
  const con = connect(dsn, { autocommit: true })
  const db = new Kysely({ dialect: new SyncpgDialect({ connection: con }) })
  return {
    isBlocking: true,
    one: (text) => con.execute(text).fetchone(),
    close: () => con.close(),
    byKey: (id) => executeTakeFirstSync(con, byKey(db, id)),
    upTo: (id) => executeSync(con, upTo(db, id)),
    newText: (id, number) => executeTakeFirstSync(con, newText(db, id, number)),
    transfer: (from, to) =>
      con.transaction(() => {
        const row = executeTakeFirstSync(con, byKey(db, from))
        executeSync(con, add(db, from, -1))
        executeSync(con, add(db, to, 1))
        return row
      }),
  }
}

async function dialectFor(target, { dist, hasReset }) {
  if (dist === undefined) {
    const { default: pg } = await import('pg')
    return new PostgresDialect({ pool: new pg.Pool({ ...target, ssl: false, max: 10 }) })
  }
  const { createPool } = await import(new URL('async.js', dist).href)
  const { SyncpgDialect } = await import(new URL('kysely.js', dist).href)
  return new SyncpgDialect({
    pool: await createPool(target.dsn, { minSize: 1, maxSize: 10, ...(hasReset === false && { reset: null }) }),
  })
}

const byKey = (db, id) => db.selectFrom('bench_builders').selectAll().where('id', '=', id)
const upTo = (db, id) => db.selectFrom('bench_builders').selectAll().where('id', '<=', id)
const newText = (db, id, number) =>
  db
    .selectFrom('bench_builders')
    .select(['id', sql.lit(number).as('number')])
    .where('id', '=', id)
const add = (db, id, amount) =>
  db
    .updateTable('bench_builders')
    .set((eb) => ({ count: eb('count', '+', amount) }))
    .where('id', '=', id)
