/**
 * Types guessed from values, for parameters that the server takes for text: never the reason why a statement fails. The
 * same on both faces.
 */
import { describe, expect, test } from 'vitest'

import type { Driver } from '../driver.ts'

/** Texts in which the server takes `$1` for text, a value that is none, and what they give. */
const TEXTS: readonly (readonly [sql: string, value: unknown, result: unknown])[] = [
  ["select coalesce($1, 'x'::text)", 5, '5'],
  ["select coalesce($1, '')", 5, '5'],
  ["select nullif($1, '')", 0, '0'],
  ["select $1 = 'abc'", 5, false],
  ["select '' = $1", false, false],
  ["select $1 in ('a', '5')", 5n, true],
  ["select $1 between '1.0' and 'a'", 1.5, true],
  ["select $1 = any('{a,5}')", 5, true],
  ["select case $1 when 'true' then 1 else 2 end", true, 1],
  ["select coalesce($1, 'never')", new Date(0), '1970-01-01 00:00:00+00'],
  ["select 'a' union all select $1 offset 1", 5, '5'],
  ['select count(*)::int from item where label = $1', 5, 1],
  ["select count(*)::int from item where ($1 = '' or label = $1)", 5, 1],
  ['select length($1)', 500, 3],
]

export function guessScenarios(db: () => Driver): void {
  describe('a type guessed from a value', () => {
    test.each(TEXTS)('is not kept in %s with %o', async (sql, value, result) => {
      await db().execute("create table item (label text); insert into item values ('5')")
      const known = `${sql} -- known`
      for (const text of [sql, known, known]) expect(await db().fetchval(text, [value])).toEqual(result)
      await db().execute('begin')
      await db().execute("insert into item values ('kept')")
      for (const text of [`${sql} -- in a transaction`, sql, known]) {
        expect(await db().fetchval(text, [value])).toEqual(result)
      }
      expect(await db().fetchval('select count(*)::int from item')).toBe(2)
      await db().execute('rollback')
    })

    test('still decides that numbers are compared as numbers', async () => {
      expect(await db().fetchval('select $1 < $2', [9, 10])).toBe(true)
      expect(await db().fetchval('select greatest($1, $2)', [9, 10])).toBe(10)
      expect(await db().rows('select $1, $2 as flag', [42, true])).toEqual([[42, true]])
      expect(await db().fetchval('select $1::text', [42])).toBe('42')
    })

    test('of the first element of a batch is not kept for an element of another type', async () => {
      const rows = await db().fetchmany("select coalesce($1, 'x'), $2", [
        [5, 1],
        ['a', 2],
        [null, 'b'],
      ])
      expect([...rows].map((row) => [...row])).toEqual([
        ['5', 1],
        ['a', 2],
        ['x', 'b'],
      ])
      await db().execute("create table item (label text); insert into item values ('5'), ('a'), ('b')")
      function* elements(): Generator<readonly unknown[]> {
        // They fill the first chunk and begin another.
        for (let i = 5; i < 15_000; i += 1) yield [i]
        yield ['a']
      }
      await db().executemany("delete from item where label = $1 || ''", elements())
      expect(await db().rows('select label from item')).toEqual([['b']])
    })

    test('of the first element of a batch is kept where the server has none, and a cast replaces it', async () => {
      await db().execute('create table item (doc jsonb)')
      const storing = (marker: string): string => `insert into item values (jsonb_build_object('v', ${marker}))`
      await db().execute('begin')
      await expect(async () => db().executemany(storing('$1'), [[1], [1.5]])).rejects.toMatchObject({
        name: 'DataError',
        batchIndex: 1,
      })
      expect(await db().rows('select doc from item')).toEqual([])
      await db().executemany(storing('$1::numeric'), [[1], [1.5]])
      await db().executemany(storing('$1::jsonb'), [[1], ['a'], [true], [{ b: [2.5] }]])
      await db().execute('commit')
      const stored = [1, 1.5, 1, 'a', true, { b: [2.5] }]
      expect(await db().rows('select doc from item')).toEqual(stored.map((v) => [{ v }]))
    })
  })
}
