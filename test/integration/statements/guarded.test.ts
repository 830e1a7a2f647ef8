/**
 * The savepoint around the Bind of a statement in a transaction does not change what the statement does. It lets the
 * driver repair statements after another session has replaced functions or types.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Driver, openDriver } from '../../parity/driver.ts'
import { askServer, createDatabase, databaseOfFile, sharedServer } from '../../support/shared-server.ts'

const database = databaseOfFile()

const FUNCTIONS = [
  'create table t (v int); create table log (n int)',
  `create function begin_reading() returns void language plpgsql as
    $$ begin set local transaction_read_only = on; end $$`,
  'create function export_snapshot() returns text language sql as $$ select pg_export_snapshot() $$',
  `create function own_row() returns bool language sql as
    $$ insert into log values (9); select xmin::text = pg_current_xact_id()::xid::text from log where n = 9 $$`,
]

describe.each([
  ['async', 'unix'],
  ['blocking', 'unix'],
  ['blocking', 'tls'],
  ['async', 'pglite'],
  ['blocking', 'pglite'],
] as const)('%s, %s:', (face, transport) => {
  let con: Driver

  const own = `guarded_${face}_${transport}`

  beforeAll(async () => {
    if (transport !== 'pglite') await createDatabase(sharedServer(), own)
    con = await openDriver(face, transport === 'pglite' ? 'pglite:' : sharedServer().dsn({ transport, database: own }))
    for (const sql of FUNCTIONS) await con.execute(sql)
  })
  afterAll(async () => {
    await con.close()
    if (transport !== 'pglite') await askServer(sharedServer(), `drop database ${own} with (force)`)
  })

  /**
   * Runs a body in three transactions, so that its statements are new, known, and known in the same transaction. Then
   * they are guarded.
   */
  async function thrice(body: () => Promise<void>): Promise<void> {
    for (let i = 0; i < 3; i += 1) {
      await con.execute('begin')
      await con.execute('insert into log values (1)')
      await body()
      await con.execute('rollback')
    }
  }

  test.each([
    ["select set_config('transaction_read_only', 'on', true)", undefined],
    ['select set_config($1, $2, true)', ['transaction_read_only', 'on']],
    ['select begin_reading()', undefined],
    ["with a as materialized (select set_config('transaction_read_only', 'on', true)) select * from a", undefined],
  ])('the effect of %s lasts to the end of the transaction', async (sql, values) => {
    await thrice(async () => {
      await con.fetchval(sql, values)
      await expect(async () => con.execute('insert into t values (1)')).rejects.toMatchObject({ sqlstate: '25006' })
    })
    expect(await con.fetchval('select count(*)::int from t')).toBe(0)
  })

  test('a snapshot is exported by a function', async () => {
    await thrice(async () => {
      expect(await con.fetchval('select export_snapshot()')).toMatch(/-/)
      expect(await con.fetchval('select pg_export_snapshot()')).toMatch(/-/)
    })
  })

  test('rows belong to the transaction that stored them', async () => {
    await thrice(async () => {
      await con.execute('insert into t values ($1)', [1])
      await con.fetchval('insert into t values ($1) returning v', [2])
      await con.executemany('insert into t values ($1)', [[3], [4]])
      await con.fetchval('with a as (insert into t values ($1) returning v) select v from a', [5])
      const ownRows = 'select count(*)::int from t where xmin::text = pg_current_xact_id()::xid::text'
      expect(await con.fetchval(ownRows)).toBe(5)
      expect(await con.fetchval('select own_row()')).toBe(true)
    })
  })

  test('a statement with rows of a type without a binary form gives them, and runs once', async () => {
    const grant = 'postgres=r/postgres'
    await con.execute('create temp table grants (a aclitem)')
    const insert = `insert into grants values ('${grant}') returning a`
    expect(await con.fetchval(insert)).toBe(grant)
    await con.execute('begin')
    await con.execute('insert into log values (1)')
    expect(await con.fetchval(`${insert} as b`)).toBe(grant)
    expect(await con.fetchval('select a from grants limit 1')).toBe(grant)
    await con.execute('commit')
    expect(await con.fetchval('select count(*)::int from grants')).toBe(2)
    await con.execute('drop table grants')
  })

  test('the rows of many elements come after the savepoint has been released', async () => {
    await thrice(async () => {
      const rows = await con.fetchmany('insert into t values ($1) returning v', [[1], [2], [3]])
      expect(rows.map((row) => [...row])).toEqual([[1], [2], [3]])
    })
  })
})

describe.each(['async', 'blocking'] as const)(
  '%s, while another session changes objects that have no locks:',
  (face) => {
    let con: Driver
    let dba: Driver

    beforeEach(async () => {
      const dsn = sharedServer().dsn({ database })
      con = await openDriver(face, dsn)
      dba = await openDriver('async', dsn)
      await dba.execute('create table keep (n int); create table other1 (); create table other2 ()')
      await dba.execute(
        "create type mood as enum ('a'); create function f(int) returns int language sql as 'select $1'",
      )
      await dba.execute(
        `create function forget() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$`,
      )
    })
    afterEach(async () => {
      await con.close()
      await dba.close()
    })

    test.each([
      [
        'select f($1)',
        1,
        "drop function f(int); create function f(int) returns text language sql as 'select $1::text'",
        '1',
      ],
      ['select $1::mood', 'a', "drop type mood; create type mood as enum ('a')", 'a'],
    ])('%s runs once more in a transaction in which it has run', async (sql, value, change, wanted) => {
      await con.fetchval(sql, [value])
      await con.execute('begin')
      await con.execute('insert into keep values (1)')
      await con.fetchval(sql, [value])
      await dba.execute(change)
      // The server reads the changes by other sessions when it takes a lock that it does not have yet.
      await con.execute(`select from ${sql.includes('mood') ? 'other1' : 'other2'}`)
      expect(await con.fetchval(sql, [value])).toBe(wanted)
      await con.execute('commit')
    })

    test('a function that deallocates all statements does not make the transaction fail', async () => {
      const sql = 'select n from keep where n = $1'
      await con.rows(sql, [1])
      await con.execute('begin')
      await con.execute('insert into keep values (7)')
      await con.rows(sql, [1])
      await con.fetchval('select forget()')
      expect(await con.rows(sql, [7])).toEqual([[7]])
      await con.execute('rollback')
    })
  },
)
