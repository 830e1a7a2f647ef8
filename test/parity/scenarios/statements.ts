/** Statements: tags, limits, several at once, none at all, and cached ones the server has lost or outdated. */
import { describe, expect, test } from 'vitest'

import { ProgrammingError } from 'syncpg/async'
import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function statementScenarios(db: () => Driver): void {
  describe('statements', () => {
    test('each has its command tag', async () => {
      expect(await db().execute('create table t (a int)')).toBe('CREATE TABLE')
      expect(await db().execute('insert into t select generate_series(1, 3)')).toBe('INSERT 0 3')
      expect(await db().execute('update t set a = a where a > $1', [1])).toBe('UPDATE 2')
      expect(await db().execute('select * from t')).toBe('SELECT 3')
      expect(await db().execute('delete from t')).toBe('DELETE 3')
    })

    test('fetchrow and fetchval without a row give null', async () => {
      expect(await db().fetchrow('select 1 where false')).toBeNull()
      expect(await db().fetchval('select 1 where false')).toBeNull()
    })

    test('fetchval takes a column by number or name', async () => {
      const sql = "select 1 as a, 'x' as b"
      expect([await db().fetchval(sql), await db().fetchval(sql, [], 1), await db().fetchval(sql, [], 'a')]).toEqual([
        1,
        'x',
        1,
      ])
    })

    test('fetchrow runs a statement that modifies data to its end', async () => {
      await db().execute('create table t (a int)')
      const row = await db().fetchrow('insert into t select generate_series(1, 5) returning a')
      expect([...(row ?? [])]).toEqual([1])
      expect(await db().fetchval('select count(*) from t')).toBe(5n)
    })

    test('a statement without rows fetches nothing', async () => {
      expect(await db().fetch('create table t (a int)')).toEqual([])
      expect(await db().fetchrow('insert into t values (1)')).toBeNull()
    })

    test.each([[''], [' ;; '], ['-- nothing but words'], ['/* nothing */']])(
      'the empty text %j gives no rows',
      async (sql) => {
        expect(await db().execute(sql)).toBe('')
        expect(await db().fetch(sql)).toEqual([])
        expect(await db().fetchval('select 1')).toBe(1)
      },
    )

    test('several statements run in order as one transaction', async () => {
      expect(await db().execute('create table t (a int); insert into t values (1), (2); update t set a = 3')).toBe(
        'UPDATE 2',
      )
      const failure = await failureOfAsync(() =>
        db().execute('insert into t values (4); select 1/0; insert into t values (5)'),
      )
      expect(failure).toMatchObject({ sqlstate: '22012' })
      expect(await db().rows('select a from t')).toEqual([[3], [3]])
    })

    test('several statements with parameters are refused', async () => {
      const failure = await failureOfAsync(() => db().execute('select $1::int; select 2', [1]))
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(await db().fetchval('select 1')).toBe(1)
    })

    test('a function’s body in dollar quotes holds semicolons', async () => {
      await db().execute(
        'create function f(a int) returns int language plpgsql as $body$ begin a := a * 2; return a; end $body$;' +
          'create table t as select f(21) as a',
      )
      expect(await db().fetchval('select a from t')).toBe(42)
    })

    test.each([
      ['a column changes its type', 'alter table t alter a type text using a::text', [['1']]],
      ['a column is added', 'alter table t add b int default 7', [[1, 7]]],
      [
        'the table is dropped and created again',
        'drop table t; create table t (z bool); insert into t values (true)',
        [[true]],
      ],
      ['all statements are discarded', 'discard all', [[1]]],
      ['all statements are deallocated', 'deallocate all', [[1]]],
    ])('a cached statement is used again when %s', async (_name, change, rows) => {
      await db().execute('create table t (a int); insert into t values (1)')
      expect(await db().rows('select * from t')).toEqual([[1]])
      expect(await db().rows('select * from t')).toEqual([[1]])
      await db().execute(change)
      if (change === 'discard all') await db().execute('set search_path = parity')
      expect(await db().rows('select * from t')).toEqual(rows)
      expect(await db().rows('select * from t')).toEqual(rows)
    })

    test('a cached statement that the server has dropped unnoticed is prepared again', async () => {
      expect(await db().fetchval('select 1 + $1::int', [1])).toBe(2)
      await db().execute("do $$ begin execute 'deallocate all'; end $$")
      expect(await db().fetchval('select 1 + $1::int', [2])).toBe(3)
    })

    test('the same text uses another table when the search path changes', async () => {
      await db().execute('create table t as select 1 as a')
      expect(await db().rows('select * from t')).toEqual([[1]])
      await db().execute("create schema if not exists parity_b; create table parity_b.t as select 'b' as b")
      await db().execute('set search_path = parity_b')
      try {
        expect(await db().rows('select * from t')).toEqual([['b']])
      } finally {
        await db().execute('set search_path = parity; drop schema parity_b cascade')
      }
    })

    test('more statements run than the cache holds', async () => {
      for (let number = 0; number < 250; number++) expect(await db().fetchval(`select ${number}`)).toBe(number)
      for (let number = 0; number < 250; number += 50) expect(await db().fetchval(`select ${number}`)).toBe(number)
      const prepared = await db().fetchval('select count(*) from pg_prepared_statements')
      expect(prepared).toBeLessThanOrEqual(101n)
    })

    test('notices do not disturb results', async () => {
      await db().execute(
        'create function loud(n int) returns int language plpgsql as ' +
          "$$ begin raise notice 'n is %', n; raise warning 'still %', n; return n; end $$",
      )
      const rows = await db().rows('select loud(i) from generate_series(1, 200) i')
      expect(rows).toEqual(Array.from({ length: 200 }, (_, index) => [index + 1]))
    })
  })
}
