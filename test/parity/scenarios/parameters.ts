/** Parameters that do not fit: refused with the right class before anything runs, and the connection lives on. */
import { DataError, ProgrammingError } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function parameterScenarios(db: () => Driver): void {
  describe('parameters', () => {
    const insert = 'insert into t values ($1, $2)'

    async function refused(values: readonly unknown[]): Promise<Error> {
      await db().execute('create table t (a int, b text)')
      const failure = await failureOfAsync(() => db().execute(insert, values))
      expect(await db().rows('select * from t')).toEqual([])
      expect(db().isInTransaction).toBe(false)
      await db().execute(insert, [1, 'usable'])
      expect(await db().rows('select * from t')).toEqual([[1, 'usable']])
      return failure
    }

    test('undefined is refused with the number of the parameter', async () => {
      const failure = await refused([1, undefined])
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toContain('parameter 2 is undefined')
    })

    test.each([
      ['too few', [1]],
      ['too many', [1, 'x', 2]],
      ['none', []],
    ])('%s are refused with both counts', async (_name, values) => {
      const failure = await refused(values)
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toContain('2')
      expect(failure.message).toContain(String(values.length))
    })

    test.each([
      ['text for an int', ['12a', 'x'], '$1'],
      ['a fraction for an int', [1.5, 'x'], '$1'],
      ['a number that is too big for an int', [2 ** 31, 'x'], '$1'],
      ['a symbol', [1, Symbol('s')], '$2'],
      ['a function', [1, () => 'x'], '$2'],
      ['a plain object for text', [1, { a: 1 }], '$2'],
      ['NUL in text', [1, 'a\0b'], '$2'],
      ['a lone surrogate', [1, '\ud800'], '$2'],
    ])('%s is a DataError that names the parameter', async (_name, values, place) => {
      const failure = await refused(values)
      expect(failure).toBeInstanceOf(DataError)
      expect(failure.message).toContain(place)
    })

    test('a value too long for its column is the server’s DataError', async () => {
      await db().execute('create table v (a varchar(3))')
      const failure = await failureOfAsync(() => db().execute('insert into v values ($1)', ['four']))
      expect(failure).toBeInstanceOf(DataError)
      expect(failure).toMatchObject({ name: 'StringDataRightTruncationError', sqlstate: '22001' })
    })

    test('a value that is not an array is refused with advice', async () => {
      const failure = await failureOfAsync(() => db().execute('select $1::int', 42 as unknown as readonly unknown[]))
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toMatch(/wrap/)
    })

    test('SQL that is no string is refused', async () => {
      for (const sql of [undefined, null, 42, ['select 1']]) {
        expect(await failureOfAsync(() => db().fetch(sql as unknown as string))).toBeInstanceOf(ProgrammingError)
      }
    })

    test('an object that converts itself is converted', async () => {
      const point = { [Symbol.for('syncpg.toPostgres')]: () => 'converted' }
      expect(await db().fetchval('select $1::text', [point])).toBe('converted')
    })

    test('any() takes a list, also an empty one', async () => {
      const sql = 'select count(*) from generate_series(1, 10) i where i = any($1)'
      expect(await db().fetchval(sql, [[2, 3, 99]])).toBe(2n)
      expect(await db().fetchval(sql, [[]])).toBe(0n)
    })

    test.each([
      ['select 1 where 1 in $1', [[1, 2]], '= any(…)'],
      ["select 'żółć 😀' where 1 NOT IN\n $1", [[1, 2]], '<> all(…)'],
      ['select 1 where 1 is $1', [null], 'is not distinct from …'],
      ['select 1 where 1 is not $1', [null], 'is distinct from …'],
    ])('%s gets a hint', async (sql, values, words) => {
      const failure = await failureOfAsync(() => db().fetch(sql, values))
      expect(failure).toMatchObject({ name: 'PostgresSyntaxError', hint: expect.stringContaining(words) })
    })

    test('a parameter whose type the server cannot infer has the type that its value suggests', async () => {
      expect(await db().fetchval('select $1 is null', ['x'])).toBe(false)
      expect(await db().fetchval('select json_build_array($1, $2)::text', [1, true])).toBe('[1, true]')
    })

    test('a parameter whose value suggests no type either gets a hint', async () => {
      const failure = await failureOfAsync(() => db().fetch('select $1 is null', [[]]))
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure).toMatchObject({ sqlstate: '42P18', hint: expect.stringContaining('::text') })
    })
  })
}
