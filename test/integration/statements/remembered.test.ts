/**
 * Facts that the driver remembers (prepared statements, parameter types, the columns of a load) are never stale: a text
 * always has its present meaning, and the program does not see failures that only the cache caused. On both faces.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { connect, createPool } from 'syncpg/async'
import * as blocking from 'syncpg'

import { type Driver, openDriver } from '../../parity/driver.ts'
import { hasPostgres } from '../../support/postgres-binaries.ts'
import { databaseOfFile, serverOfMajor, sharedServer } from '../../support/shared-server.ts'

const database = databaseOfFile()

describe.each(['async', 'blocking'] as const)('%s:', (face) => {
  let con: Driver
  let dba: Driver

  beforeEach(async () => {
    const dsn = sharedServer().dsn({ database })
    con = await openDriver(face, dsn)
    dba = await openDriver('async', dsn)
  })
  afterEach(async () => {
    await con.close()
    await dba.close()
  })

  describe('changes by the session itself', () => {
    const CREATIONS = [
      ['create temp table', ['create temp table t (v int)', 'insert into t values (1)']],
      ['create temp table as', ['create temp table t as select 1 as v']],
      ['select into', ['select 1 as v into temp table t']],
      ['a DO block', ['do $$ begin create temp table t as select 1 as v; end $$']],
      ['explain analyze', ['explain analyze create temp table t as select 1 as v']],
      ['a script', ['create temp table t as select 1 as v; create temp table other ()']],
    ] as const
    const deleteOne = 'delete from t where v = $1'

    test.each(CREATIONS)('a DELETE uses the temporary table that %s has just created', async (_, creations) => {
      await con.execute('create table t (v int); insert into t values (1)')
      // The first temporary object changes the search path, so the server refuses old statements. Later temporary
      // objects do not change it.
      await con.execute('create temp table other_before ()')
      await con.execute(deleteOne, [9])
      for (const sql of creations) await con.execute(sql)
      await con.execute(deleteOne, [1])
      expect(await con.rows('select * from public.t')).toEqual([[1]])
      expect(await con.rows('select * from pg_temp.t')).toEqual([])
    })

    test.each([
      ['ROLLBACK', ['begin', 'create temp table t (v int)'], ['rollback']],
      ['ROLLBACK TO', ['begin', 'savepoint s', 'create temp table t (v int)'], ['rollback to s']],
      [
        'the last ROLLBACK of two',
        ['begin', 'create temp table t (v int)', 'savepoint s'],
        ['rollback to s', 'insert into t values ($1)', 'rollback'],
      ],
      ['COMMIT of what is dropped on commit', ['begin', 'create temp table t (v int) on commit drop'], ['commit']],
      ['DISCARD TEMP', ['create temp table t (v int)'], ['discard temp']],
    ])('a statement uses the earlier table again after %s', async (_, before, after) => {
      await con.execute('create table t (v int)')
      await con.execute('create temp table other_before ()')
      const insert = 'insert into t values ($1)'
      for (const sql of before) await con.execute(sql)
      await con.execute(insert, [1])
      for (const sql of after) await con.execute(sql, sql === insert ? [2] : undefined)
      await con.execute(insert, [3])
      if (con.isInTransaction) await con.execute('commit')
      expect(await con.rows('select * from public.t')).toEqual([[3]])
    })

    test.each([
      ['SET', ['set search_path = b'], 7],
      ['set_config', ["select set_config('search_path', 'b', false)"], 7],
      ['a script with SET', ['set search_path = b; select 1'], 7],
      ['RESET', ['set search_path = b', 'select * from t where v = 7', 'reset search_path'], 'a'],
      ['the end of SET LOCAL', ['begin', 'set local search_path = b', 'table t', 'commit'], 'a'],
      ['ROLLBACK of SET', ['begin', 'set search_path = b', 'table t', 'rollback'], 'a'],
    ])('a statement uses the table that the search path finds after %s', async (_, commands, wanted) => {
      await con.execute("create schema a; create table a.t (v) as select 'a'::text")
      await con.execute('create schema b; create table b.t (v) as select 7')
      const own = await openDriver(face, `${sharedServer().dsn({ database })}?options=-csearch_path%3Da`)
      try {
        const read = 'select v from t where v = $1'
        expect(await own.rows(read, ['a'])).toEqual([['a']])
        for (const sql of commands) {
          await own.execute(sql)
          if ((await own.fetchval('show search_path')) === 'b') expect(await own.rows(read, [7])).toEqual([[7]])
        }
        expect(await own.rows(read, [wanted])).toEqual([[wanted]])
      } finally {
        await own.close()
      }
    })

    test('a parameter has the new type of its column after ALTER', async () => {
      await con.execute("set timezone = 'America/New_York'")
      await con.execute('create table t (id int, at timestamp, f real)')
      const insert = 'insert into t values ($1, $2, $3)'
      const at = new Date('2024-06-01T12:00:00Z')
      await con.execute(insert, [1, at, 0.1])
      await con.execute(
        "alter table t alter id type bigint, alter at type timestamptz using at at time zone 'UTC', alter f type float8",
      )
      await con.execute(insert, [3_000_000_000, at, 0.1])
      expect(await con.rows('select * from t where id > 1')).toEqual([[3_000_000_000n, at, 0.1]])
    })

    test.each([
      ['ROLLBACK', ['begin'], 'rollback'],
      ['ROLLBACK TO', ['begin', 'savepoint s'], 'rollback to s'],
    ])('a parameter has the old type of its column again after %s', async (_, before, after) => {
      await con.execute("set timezone = 'America/New_York'")
      await con.execute('create table t (at timestamp)')
      const insert = 'insert into t values ($1)'
      const at = new Date('2024-06-01T12:00:00Z')
      await con.execute(insert, [at])
      for (const sql of before) await con.execute(sql)
      await con.execute('alter table t alter at type timestamptz')
      await con.execute(insert, [at])
      await con.execute(after)
      await con.execute(insert, [at])
      if (con.isInTransaction) await con.execute('commit')
      expect(await con.fetchval('select count(distinct at)::int from t')).toBe(1)
    })

    test('a type and a table that were dropped and created again work', async () => {
      for (const label of ['x', 'y']) {
        await con.execute(`create type mood as enum ('${label}')`)
        await con.execute('create table t (m mood)')
        await con.execute('insert into t values ($1)', [label])
        expect(await con.rows('select m from t')).toEqual([[label]])
        await con.execute('drop table t')
        await con.execute('drop type mood')
      }
    })

    test('select * gives a column that was added, inside a transaction too', async () => {
      await con.execute('create table t (a int)')
      await con.rows('select * from t')
      await con.execute('begin')
      await con.execute('alter table t add b int default 2')
      await con.execute('insert into t values (1)')
      expect(await con.rows('select * from t')).toEqual([[1, 2]])
      await con.execute('rollback')
      await con.execute('insert into t values (5)')
      expect(await con.rows('select * from t')).toEqual([[5]])
    })

    test('COPY encodes records for the current types of the columns', async () => {
      await con.execute('create table t (v bigint)')
      await con.copy('t', { records: [[42n]] })
      await con.execute('drop table t; create table t (v double precision)')
      await con.copy('t', { records: [[42]] })
      expect(await con.rows('select * from t')).toEqual([[42]])
    })

    test("'now', 'today' and their like are evaluated each time", async () => {
      const read = `select 'now'::timestamptz::text, $1::int, ('[today,tomorrow)'::daterange)::text`
      const [first] = await con.rows(read, [1])
      const [second] = await con.rows(read, [1])
      expect(second?.[0]).not.toBe(first?.[0])
    })

    test('a time without a zone is in the current time zone of the session', async () => {
      const read = "select extract(hour from timestamptz '2024-06-01 00:00' at time zone 'UTC')::int + $1"
      await con.execute("set timezone = 'UTC'")
      expect(await con.fetchval(read, [0])).toBe(0)
      await con.execute("set timezone = 'America/New_York'")
      expect(await con.fetchval(read, [0])).toBe(4)
      await con.execute('reset timezone')
      await con.execute("select set_config('timezone', 'UTC', false)")
      expect(await con.fetchval(read, [0])).toBe(0)
    })

    test('FETCH and EXECUTE give the rows of the current cursor and statement of that name', async () => {
      for (const [expression, wanted] of [
        ['1::int8', 1n],
        ['1.5::float8', 1.5],
        ["'abcdefgh'::text", 'abcdefgh'],
      ] as const) {
        await con.execute('begin')
        await con.execute(`declare c cursor for select ${expression} as v`)
        expect(await con.rows('fetch all from c')).toEqual([[wanted]])
        await con.execute('commit')
        await con.execute(`prepare p as select ${expression} as v`)
        expect(await con.rows('execute p')).toEqual([[wanted]])
        await con.execute('deallocate p')
      }
    })
  })

  describe('changes by another session', () => {
    test.each([
      ['int', 'bigint', 1, 2n ** 40n],
      ['int', 'text', 1, 'abc'],
      ['int', 'numeric', 1, '1.5'],
      ['varchar', 'timestamptz', '2020-01-01', new Date(0)],
    ])("a column that was %s and is %s takes the new type's values", async (from, to, before, after) => {
      for (const isInside of [false, true]) {
        await dba.execute(`drop table if exists t; create table t (v ${from}); create table if not exists log (n int)`)
        const insert = 'insert into t values ($1)'
        await con.execute(insert, [before])
        await dba.execute(`alter table t alter v type ${to} using v::text::${to}`)
        if (isInside) await con.execute('begin')
        if (isInside) await con.execute('insert into log values (1)')
        await con.execute(insert, [after])
        if (isInside) await con.execute('commit')
        expect(await dba.fetchval('select count(*)::int from t')).toBe(2)
      }
      expect(await dba.fetchval('select count(*)::int from log')).toBe(1)
    })

    const CHANGES: readonly (readonly [string, readonly unknown[], string])[] = [
      ['select * from t where $1 > 0', [1], 'alter table t add b int default 2'],
      ['select * from t where $1 > 0', [1], 'drop table t; create table t (z text)'],
      [
        'select * from t where $1 > 0',
        [1],
        'create table next (v numeric, w text); alter table t rename to old; alter table next rename to t; drop table old',
      ],
      ['select m from moods where $1 > 0', [1], 'drop table moods; drop type mood'],
      ["select 'x'::mood, $1::int", [1], "drop table moods; drop type mood; create type mood as enum ('x')"],
      [
        'insert into moods values ($1) returning m',
        ['x'],
        "drop table moods; drop type mood; create type mood as enum ('x'); create table moods (m mood)",
      ],
      ['call p($1)', [1], 'drop procedure p; create procedure p(inout a int) language sql as $$ select a + 1 $$'],
      ['call p($1)', [1], 'drop procedure p; create procedure p(inout a text) language sql as $$ select a $$'],
      ['select f($1)', [1], 'drop function f; create function f(int) returns text language sql as $$ select $1 + 1 $$'],
    ]

    test.each(CHANGES)('a statement with %s runs, in a transaction too', async (sql, values, change) => {
      const setUp = [
        'drop table if exists t, moods; drop type if exists mood; drop function if exists f; drop procedure if exists p',
        'create table t (a int); insert into t values (1); create table if not exists log (n int)',
        "create type mood as enum ('x'); create table moods (m mood)",
        'create function f(int) returns text language sql as $$ select $1::text $$',
        'create procedure p(inout a int) language sql as $$ select a $$',
      ]
      for (const isInside of [false, true]) {
        for (const each of setUp) await dba.execute(each)
        await con.execute('select 1')
        await con.rows(sql, values)
        await dba.execute(change)
        if (isInside) await con.execute('begin')
        if (isInside) await con.execute('insert into log values (1)')
        const outcome = await outcomeOf(con, sql, values)
        await dba.execute('discard all')
        expect(outcome).toEqual(await outcomeOf(dba, sql, values))
        if (isInside) await con.execute(Array.isArray(outcome) ? 'commit' : 'rollback')
      }
    })

    test('a value of another kind is declared with the type that the server infers after the change', async () => {
      await dba.execute('create table t (a int8, b text); create table log (n int)')
      const insert = 'insert into t values ($1, $2)'
      await con.execute(insert, [1, 'x'])
      await dba.execute('alter table t alter a type bool using null')
      await con.execute('begin')
      await con.execute('insert into log values (1)')
      await con.execute(insert, [true, 7])
      await con.execute('commit')
      expect(await dba.rows('select * from t')).toEqual([
        [null, 'x'],
        [true, '7'],
      ])
    })

    test('a batch is encoded for the current types, in a transaction too', async () => {
      await dba.execute('create table log (n int)')
      for (const isInside of [false, true]) {
        await dba.execute('drop table if exists t; create table t (v int)')
        await con.executemany('insert into t values ($1)', [[1], [2]])
        await dba.execute('alter table t alter v type text')
        if (isInside) await con.execute('begin')
        if (isInside) await con.execute('insert into log values (1)')
        await con.executemany('insert into t values ($1)', [['3'], ['four']])
        if (isInside) await con.execute('commit')
        await dba.execute('drop table t; create table t (v int8)')
        await con.executemany('insert into t values ($1)', [[5n], [6n]])
        expect(await dba.rows('select v from t order by 1')).toEqual([[5n], [6n]])
      }
      expect(await dba.fetchval('select count(*)::int from log')).toBe(1)
    })

    test('COPY encodes records for the current types of the columns', async () => {
      await dba.execute('create table t (v bigint)')
      await con.copy('t', { records: [[42n]] })
      await dba.execute('drop table t; create table t (v double precision, w int)')
      await con.copy('t', { records: [[42, 1]] })
      expect(await dba.rows('select * from t')).toEqual([[42, 1]])
    })

    test('a prepared statement that was lost is prepared again, in a transaction too', async () => {
      const read = 'select $1::int + 1'
      for (const isInside of [false, true]) {
        await con.execute('create temp table kept (n int)')
        await con.fetchval(read, [1])
        // The change is inside a function, so no command tag shows it.
        await con.execute(
          `create or replace function pg_temp.lose() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$`,
        )
        await con.fetchval(read, [1])
        await con.execute('select pg_temp.lose()')
        if (isInside) await con.execute('begin; insert into kept values (1)')
        expect(await con.fetchval(read, [41])).toBe(42)
        if (isInside) expect(await con.fetchval('select count(*)::int from kept')).toBe(1)
        if (isInside) await con.execute('commit')
        await con.execute('drop table kept')
      }
    })
  })

  describe('a failure that the program causes', () => {
    test('fails its transaction as usual', async () => {
      await con.execute("create type mood as enum ('x'); create table t (m mood)")
      await con.execute('insert into t values ($1)', ['x'])
      await con.execute('begin')
      await expect(Promise.resolve().then(() => con.execute('insert into t values ($1)', ['y']))).rejects.toMatchObject(
        {
          sqlstate: '22P02',
        },
      )
      await expect(Promise.resolve().then(() => con.execute('insert into t values ($1)', ['x']))).rejects.toMatchObject(
        {
          sqlstate: '25P02',
        },
      )
      await con.execute('rollback')
      expect(await con.fetchval('select count(*)::int from t')).toBe(1)
    })

    test('a procedure that commits and then fails with 26000 runs once', async () => {
      await con.execute('create table runs (n int)')
      await con.execute(`create procedure p(v int) language plpgsql as $$ begin
        insert into runs values (v); commit; raise exception 'lost' using errcode = '26000'; end $$`)
      await con.execute('select 1')
      for (const value of [1, 2]) {
        await expect(Promise.resolve().then(() => con.execute('call p($1)', [value]))).rejects.toMatchObject({
          sqlstate: '26000',
        })
      }
      expect(await con.rows('select n from runs order by n')).toEqual([[1], [2]])
    })

    test('a savepoint of the program keeps its place', async () => {
      await con.execute('create table t (v int)')
      await con.execute('create temp table other_before ()')
      const insert = 'insert into t values ($1)'
      const read = 'select v from t order by v'
      await con.execute(insert, [0])
      await con.fetchval(read)
      await con.execute('begin')
      await con.execute('savepoint a')
      await con.execute(insert, [1])
      await con.execute('savepoint a')
      await con.execute(insert, [2])
      await con.execute('rollback to a')
      expect(await con.fetchval(read)).toBe(0)
      expect(await con.fetchrow(read)).toBeTruthy()
      await con.execute(insert, [3])
      await con.execute('commit')
      expect(await con.rows('select v from t order by v')).toEqual([[0], [1], [3]])
    })
  })

  describe('the statement cache keeps', () => {
    test.each([
      ['values of two types in turn', 'select v from t where v = $1 limit 1', [[1], [1.5], [true]]],
      ['a setting of the program’s own', 'select set_config($1, $2, false)', [['app.tenant', '1']]],
    ])('a statement with %s', async (_, sql, calls) => {
      await con.execute('create table t (v text unique)')
      const prepared = 'select name from pg_prepared_statements where statement = $1 order by prepare_time limit 1'
      const names = new Set<unknown>()
      for (let i = 0; i < 6; i += 1) {
        for (const values of calls) await con.rows(sql, values)
        if (i > 2) names.add(await con.fetchval(prepared, [sql]))
      }
      expect(names.size).toBe(1)
      expect(names).not.toContain(null)
    })

    const named = "select count(*)::int from pg_prepared_statements where statement like 'select 7%'"

    test('the search path that fetchval sets is known, although a row limit gives no command tag', async () => {
      await con.execute('create schema a; create table a.t (v int)')
      await con.execute('create schema b; create table b.t (v text)')
      await con.execute('set search_path = a')
      await con.execute('insert into t values ($1)', [1])
      await con.fetchval("select set_config('search_path', 'b', false)")
      await con.execute('insert into t values ($1)', ['x'])
      expect(await con.rows('table b.t')).toEqual([['x']])
    })

    test.each([
      ["set application_name = 'x'"],
      ["set statement_timeout = '10min'"],
      ["select set_config('app.tenant', '7', false)"],
      ['begin', 'set local lock_timeout = 1000', 'commit'],
      ['begin', 'savepoint s', 'rollback to s', 'rollback'],
    ])('survives %s', async (...commands) => {
      // A text is kept from its second run on.
      for (let i = 0; i < 2; i += 1) await con.fetchval('select 7')
      const name = "select name from pg_prepared_statements where statement = 'select 7'"
      const before = await con.fetchval(name)
      for (const sql of commands) await con.execute(sql)
      expect([await con.fetchval('select 7'), await con.fetchval(name)]).toEqual([7, before])
      expect(await con.fetchval(named)).toBe(1)
    })
  })
})

/** The rows, or the SQLSTATE of the error. */
async function outcomeOf(driver: Driver, sql: string, values: readonly unknown[]): Promise<unknown> {
  try {
    return (await driver.rows(sql, values)).map((row) => row.map((value) => String(value)))
  } catch (error) {
    return (error as { sqlstate?: unknown }).sqlstate
  }
}

describe('the blocking face', () => {
  let con: blocking.Connection
  let dba: Driver
  beforeEach(async () => {
    con = blocking.connect(sharedServer().dsn({ database }), { autocommit: true })
    dba = await openDriver('async', sharedServer().dsn({ database }))
  })
  afterEach(async () => {
    con.close()
    await dba.close()
  })

  test('describe() always asks the server', async () => {
    const columns = (): unknown => con.describe('select * from t').columns?.map(({ name }) => name)
    con.execute('create table t (a int)')
    con.fetch('select * from t')
    expect(columns()).toEqual(['a'])
    con.execute('alter table t add b text')
    expect(columns()).toEqual(['a', 'b'])
    await dba.execute('alter table t add c text')
    expect(columns()).toEqual(['a', 'b', 'c'])
  })

  const REPLACEMENTS = [
    ['create procedure p(inout a int) language sql as $$ select a + 1 $$', [41], [42]],
    ['create procedure p(inout a text, inout b int) language sql as $$ select a, b + 1 $$', ['x', 1], ['x', 2]],
    ['create function p(a int) returns int language sql as $$ select a $$', [5], [5]],
  ] as const

  test.each(['own', 'other', 'other, in a transaction'])(
    'callproc calls a routine that was replaced (%s)',
    async (by) => {
      const isInside = by.endsWith('transaction')
      con.execute('create table log (n int)')
      let old = ''
      for (const [creation, given, wanted] of REPLACEMENTS) {
        const sql = `${old}${creation}`
        if (by === 'own') con.execute(sql)
        else await dba.execute(sql)
        old = creation.includes('procedure') ? 'drop procedure p; ' : 'drop function p; '
        if (isInside) con.execute('begin')
        if (isInside) con.execute('insert into log values (1)')
        for (let i = 0; i < 2; i += 1) expect(con.cursor().callproc('p', [...given])).toEqual(wanted)
        if (isInside) con.execute('commit')
      }
      expect(con.fetchval('select count(*)::int from log')).toBe(isInside ? 3 : 0)
    },
  )

  test.each(['own', 'other'])(
    'setinputsizes declares the current type of the name (created again by %s)',
    async (by) => {
      for (const label of ['x', 'y']) {
        const sql = `drop type if exists mood; create type mood as enum ('${label}')`
        if (by === 'own') con.execute(sql)
        else await dba.execute(sql)
        const cursor = con.cursor()
        cursor.setinputsizes(['mood'])
        expect(cursor.execute('select %s as m, pg_typeof(%s)::text', [label, label]).fetchone()?.['m']).toBe(label)
      }
    },
  )

  test('rows to which another session has added fields are read, at once and piece by piece', async () => {
    await dba.execute('create type pair as (a int, b int); create table t (p pair, r int)')
    await dba.execute('insert into t select row(i, i)::pair, i from generate_series(1, 5) i')
    const read = 'select p from t order by r'
    con.fetch(read)
    const cursor = con.execute(read)
    await dba.execute('alter type pair add attribute c int; update t set p.c = 7 where r > 2')
    const again = con.cursor().execute(read)
    expect(again.fetchone()?.['p']).toMatchObject({ a: 1, b: 1, c: null })
    expect(again.fetchall().map(({ p }) => (p as { c: unknown }).c)).toEqual([null, 7, 7, 7])
    expect(cursor.fetchall().length).toBe(5)
    for (const [added, value] of [
      ['d', 4],
      ['e', 5],
    ] as const) {
      await dba.execute(`alter type pair add attribute ${added} int; update t set p.${added} = ${value} where r = 1`)
      con.execute('begin')
      const named = con.cursor('c')
      const pieces = added === 'd' ? con.cursor().stream(read) : named.execute(read)
      const [first] = [...pieces]
      expect(first?.['p']).toMatchObject({ a: 1, [added]: value })
      con.execute('commit')
    }
  })
})

describe('a pool', () => {
  // PostgreSQL 13 reports a parameter at each RESET, changed or not.
  const majors = [...new Set([sharedServer().major, 13 as const])].filter(hasPostgres)
  test.each(majors)(
    'keeps prepared statements of a connection from one lease to the next, on PostgreSQL %i',
    async (major) => {
      const server = await serverOfMajor(major)
      await using pool = await createPool(server.dsn(), { minSize: 1, maxSize: 1 })
      const name = "select name from pg_prepared_statements where statement = 'select 77'"
      const names: unknown[] = []
      for (let lease = 0; lease < 3; lease += 1) {
        await using con = await pool.acquire()
        for (let i = 0; i < 2; i += 1) await con.fetchval('select 77')
        names.push(await con.fetchval(name))
      }
      expect(new Set(names).size).toBe(1)
    },
  )

  test('forgets statements that a lease has prepared with its own search path', async () => {
    const dsn = sharedServer().dsn({ database })
    const dba = await connect(dsn)
    await dba.execute("create schema s; create table s.t as select 's' as v; create table t as select 'public' as v")
    await dba.close()
    await using pool = await createPool(dsn, { minSize: 1, maxSize: 1 })
    const read = 'select v || $1 from t'
    {
      await using con = await pool.acquire()
      await con.execute('set search_path = s')
      expect(await con.fetchval(read, [''])).toBe('s')
    }
    await using con = await pool.acquire()
    expect(await con.fetchval(read, [''])).toBe('public')
  })
})
