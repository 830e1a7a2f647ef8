/** `query`, which gives all that comes of a text, and the forms of values by call: the same on both faces. */
import { ProgrammingError, UndefinedTableError } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const INT8_OID = 20
const DATE_OID = 1082

export function queryScenarios(db: () => Driver): void {
  describe('query', () => {
    test('gives rows, columns, tag and count together', async () => {
      await db().execute('create table item (id int, price numeric(8, 2))')
      const result = await db().query('insert into item values ($1, $2), (2, null) returning id, price as cost', [
        1,
        '5',
      ])
      expect(result.rows).toEqual([
        [1, '5.00'],
        [2, null],
      ])
      expect(result).toMatchObject({ tag: 'INSERT 0 2', rowCount: 2 })
      expect(result.columns).toMatchObject([
        { name: 'id', typeOid: 23, typeSize: 4, typeModifier: -1, tableColumn: 1 },
        { name: 'cost', typeOid: 1700, typeSize: -1, typeModifier: 524_294, tableColumn: 2 },
      ])
      expect(result.columns[0]?.tableOid).toBe(result.columns[1]?.tableOid)
      expect(result.results).toEqual([result])
    })

    test('of a command without rows has an empty list of rows', async () => {
      await db().execute('create table item (id int); insert into item values (1), (2)')
      const deleted = await db().query('delete from item')
      expect(deleted).toMatchObject({ rows: [], columns: [], tag: 'DELETE 2', rowCount: 2 })
      expect(await db().query('create table other ()')).toMatchObject({ tag: 'CREATE TABLE', rowCount: null })
      expect(await db().query('select from generate_series(1, 3)')).toMatchObject({ columns: [], rowCount: 3 })
      expect(await db().query('show server_version_num')).toMatchObject({ tag: 'SHOW', rowCount: 1 })
      expect(await db().query('')).toMatchObject({ rows: [], columns: [], tag: '', rowCount: null })
    })

    test('of several statements has a result for each, and the fields of the last one', async () => {
      const text = `create type mood as enum ('glad'); create table item (id int, m mood);
        insert into item values (1, 'glad') returning *; select id::int8, array[m], '; --' as s from item; -- end;`
      const result = await db().query(text)
      expect(result.results.map(({ tag, rows, rowCount }) => [tag, rows, rowCount])).toEqual([
        ['CREATE TYPE', [], null],
        ['CREATE TABLE', [], null],
        ['INSERT 0 1', [[1, 'glad']], 1],
        ['SELECT 1', [[1n, ['glad'], '; --']], 1],
      ])
      expect(result.rows).toEqual([[1n, ['glad'], '; --']])
      expect(result.columns.map(({ name }) => name)).toEqual(['id', 'array', 's'])
    })

    test('of a text with semicolons in quotes is one statement', async () => {
      expect((await db().query("select ';', $$;$$ /* ; */; ")).rows).toEqual([[';', ';']])
    })

    test('of several statements takes no values, and fails as a whole', async () => {
      for (const values of [[], [1]]) {
        expect(await failureOfAsync(() => db().query('select 1; select 2', values))).toBeInstanceOf(ProgrammingError)
      }
      const failure = await failureOfAsync(() => db().query('create table one (); select * from missing'))
      expect(failure).toBeInstanceOf(UndefinedTableError)
      expect(await db().fetchval("select to_regclass('one')::text")).toBe(null)
    })
  })

  describe('forms of values by call', () => {
    const text = `select 1::int, true, null::int, 1.50, '{"a": 1}'::jsonb, array[1, null], date '2024-02-29',
      row(1, 'x'), '\\x61'::bytea, 'a'::"char", 1::int8`
    const printed = ['1', 't', null, '1.50', '{"a": 1}', '{1,NULL}', '2024-02-29', '(1,x)', '\\x61', 'a', '1']

    test("'text' gives every value as the server prints it", async () => {
      expect((await db().query(text, [], { types: 'text' })).rows).toEqual([printed])
      expect(await db().prepared(text, [], { types: 'text' })).toEqual([printed])
      expect(await db().pieces(`${text} from generate_series(1, 3)`, [], { types: 'text' })).toEqual([
        printed,
        printed,
        printed,
      ])
      const script = await db().query(`${text}; ${text}`, undefined, { types: 'text' })
      expect(script.results.map(({ rows }) => rows)).toEqual([[printed], [printed]])
    })

    test('a known statement gives values of the usual types again without the option', async () => {
      const usual = (await db().query(text)).rows
      await db().query(text, [], { types: 'text' })
      expect((await db().query(text)).rows).toEqual(usual)
      expect(usual[0]?.slice(0, 4)).toEqual([1, true, null, '1.50'])
    })

    test('a function gives parsers of text for some types and leaves the others', async () => {
      const asked: number[] = []
      const types = (typeOid: number): ((value: string) => unknown) | undefined => {
        asked.push(typeOid)
        if (typeOid === INT8_OID) return Number
        return typeOid === DATE_OID ? (value) => `on ${value}` : undefined
      }
      const sql = "select 7::int8, date '2024-02-29', null::date, 1.5, '{1}'::int8[] from generate_series(1, $1)"
      const row = [7, 'on 2024-02-29', null, '1.5', [1n]]
      expect((await db().query(sql, [1], { types })).rows).toEqual([row])
      expect((await db().query(sql, [200], { types })).rows).toEqual(Array.from({ length: 200 }, () => row))
      expect((await db().query('select 7::int8; select 8::int8', undefined, { types })).results[1]?.rows).toEqual([[8]])
      expect(asked.length).toBeLessThan(20)
    })

    test('names of forms apply inside of arrays, ranges and composites, and to values that are passed', async () => {
      await db().execute('create type pair as (n int8, data jsonb)')
      const sql = `select 7::int8, '{1}'::int8[], row(5, '[1]')::pair, $1::jsonb, int8range(1, 2)`
      const { rows } = await db().query(sql, ['{"a":1}'], { types: { int8: 'number', jsonb: 'string' } })
      expect(rows[0]?.slice(0, 2)).toEqual([7, [1]])
      expect(rows[0]?.[2]).toEqual({ n: 5, data: '[1]' })
      expect(rows[0]?.[3]).toBe('{"a": 1}')
      expect(rows[0]?.[4]).toMatchObject({ lower: 1, upper: 2 })
      const again = await db().query(sql, ['x'])
      expect(again.rows[0]?.slice(0, 2)).toEqual([7n, [1n]])
      expect(again.rows[0]?.[3]).toBe('x')
    })

    test('an unknown form is refused before anything is sent', async () => {
      await db().execute('begin')
      for (const types of [{ int9: 'number' }, { int8: 'words' }, 'words', 5, null]) {
        expect(await failureOfAsync(() => db().query('select 1', [], { types: types as never }))).toBeInstanceOf(
          ProgrammingError,
        )
      }
      expect(await db().fetchval('select 1')).toBe(1)
      await db().execute('rollback')
    })

    test('an error of a parser fails the call and not the connection', async () => {
      const types = () => () => {
        throw new RangeError('mine')
      }
      expect(await failureOfAsync(() => db().query('select 1', [], { types }))).toBeInstanceOf(RangeError)
      expect(await db().fetchval('select 1')).toBe(1)
    })
  })
}
