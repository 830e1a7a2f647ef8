/** `executemany`: all or nothing, in chunks, with the number of the element that failed. */
import { DataError, ProgrammingError } from 'syncpg/async'
import { beforeEach, describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const INSERT = 'insert into t values ($1, $2)'
/** Some 100 bytes each: 10,000 of them are several chunks. */
const PADDING = 'x'.repeat(80)

function* elements(count: number): Generator<[number, string]> {
  for (let index = 0; index < count; index++) yield [index, PADDING]
}

export function batchScenarios(db: () => Driver): void {
  describe('executemany', () => {
    const countRows = (): unknown => db().fetchval('select count(*) from t')

    beforeEach(async () => {
      await db().execute('create table t (a int unique, b text)')
    })

    test('sends 10,000 elements of a generator in several chunks', async () => {
      await db().executemany(INSERT, elements(10_000))
      expect(await db().rows('select count(*), sum(a), min(length(b)) from t')).toEqual([[10000n, 49995000n, 80]])
      expect(db().isInTransaction).toBe(false)
    })

    test('does nothing without elements', async () => {
      await db().executemany(INSERT, [])
      await db().executemany('this is not even SQL', elements(0))
      expect(await countRows()).toBe(0n)
    })

    test.each([0, 1, 7777, 9999])(
      'is rolled back if the server refuses element %i, and the error has its number',
      async (bad) => {
        await db().execute('insert into t values (-1, null)')
        function* source(): Generator<[number, string]> {
          for (const [index, text] of elements(10_000)) yield [index === bad ? -1 : index, text]
        }
        const failure = await failureOfAsync(() => db().executemany(INSERT, source()))
        expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: bad })
        expect(failure.message.split('\n')[0]).toContain(`#${bad}`)
        expect(await countRows()).toBe(1n)
        expect(db().isInTransaction).toBe(false)
      },
    )

    test.each([0, 1, 300, 7777, 9999])('is rolled back if the server refuses element %i of an array', async (bad) => {
      await db().execute('insert into t values (-1, null)')
      const source = [...elements(10_000)].map(([index, text]) => [index === bad ? -1 : index, text])
      const failure = await failureOfAsync(() => db().executemany(INSERT, source))
      expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: bad })
      expect([await countRows(), db().isInTransaction]).toEqual([1n, false])
      await db().executemany(INSERT, source.toSpliced(bad, 1))
      expect(await countRows()).toBe(10_000n)
    })

    test('reports the first of two faulty elements, one that the server refuses and one that does not fit', async () => {
      const source: unknown[][] = [...elements(10_000)]
      source[20] = [0, 'again']
      source[9000] = ['12a', 'x']
      const failure = await failureOfAsync(() => db().executemany(INSERT, source))
      expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: 20 })
      source[20] = [20, 'x']
      const next = await failureOfAsync(() => db().executemany(INSERT, source))
      expect(next).toMatchObject({ name: 'DataError', batchIndex: 9000 })
      expect([await countRows(), db().isInTransaction]).toEqual([0n, false])
    })

    test.each([
      ['a wrong type', ['12a', 'x'], DataError],
      ['undefined', [1, undefined], ProgrammingError],
      ['a wrong count', [1], ProgrammingError],
    ])('%s in a late chunk rolls back the earlier chunks', async (_name, bad, errorClass) => {
      function* source(): Generator<readonly unknown[]> {
        yield* elements(9000)
        yield bad
      }
      const failure = await failureOfAsync(() => db().executemany(INSERT, source()))
      expect(failure).toBeInstanceOf(errorClass)
      expect(failure).toMatchObject({ batchIndex: 9000, message: expect.stringContaining('9000') })
      expect(await countRows()).toBe(0n)
      expect(db().isInTransaction).toBe(false)
      await db().executemany(INSERT, elements(2))
      expect(await countRows()).toBe(2n)
    })

    test('throws the error of a source that fails late, closes the source, and is rolled back', async () => {
      const mishap = new RangeError('the source dried up')
      let isClosed = false
      function* source(): Generator<readonly unknown[]> {
        try {
          yield* elements(9000)
          throw mishap
        } finally {
          isClosed = true
        }
      }
      expect(await failureOfAsync(() => db().executemany(INSERT, source()))).toBe(mishap)
      expect(isClosed).toBe(true)
      expect(await countRows()).toBe(0n)
    })

    test('a source is closed when an element of it fails', async () => {
      let isClosed = false
      function* source(): Generator<readonly unknown[]> {
        try {
          yield ['12a', 'x']
          yield* elements(10)
        } finally {
          isClosed = true
        }
      }
      await failureOfAsync(() => db().executemany(INSERT, source()))
      expect(isClosed).toBe(true)
    })

    test('inside a transaction an element that does not fit keeps earlier changes', async () => {
      function* source(): Generator<readonly unknown[]> {
        yield* elements(9000)
        yield ['bad', 'x']
      }
      const failure = await db().transaction(function* () {
        yield db().execute("insert into t values (-5, 'before')")
        try {
          yield db().executemany(INSERT, source())
        } catch (error) {
          return error
        }
        return null
      })
      expect(failure).toBeInstanceOf(DataError)
      expect(await db().rows('select a from t')).toEqual([[-5]])
    })

    test('a batch that begins a transaction is part of it, at any length', async () => {
      for (const count of [10, 10_000]) {
        // The second round finds the statement in the cache, so that no other trip opens the transaction.
        for (const round of [1, 2]) {
          const mishap = new Error(`undo ${round}`)
          const failure = await failureOfAsync(() =>
            db().transaction(function* () {
              yield db().executemany(INSERT, elements(count))
              throw mishap
            }),
          )
          expect(failure).toBe(mishap)
          expect([count, round, await countRows()]).toEqual([count, round, 0n])
        }
      }
    })

    test.each([null, undefined])(
      'an element that is %s is refused with its number, and the batch is rolled back',
      async (bad) => {
        const elements = [[1, 'x'], bad] as readonly (readonly unknown[])[]
        const failure = await failureOfAsync(() => db().executemany(INSERT, elements))
        expect(failure).toMatchObject({ name: 'ProgrammingError', batchIndex: 1 })
        expect(await countRows()).toBe(0n)
      },
    )

    test('takes the type of a parameter from later elements', async () => {
      await db().execute('create table u (a text)')
      await db().executemany('insert into u values ($1)', [[null], ['x']])
      expect(await db().rows('select a from u')).toEqual([[null], ['x']])
    })

    test('runs a statement without parameters once for each element', async () => {
      await db().executemany('insert into t default values', [[], [], []])
      expect(await countRows()).toBe(3n)
    })
  })

  describe('fetchmany', () => {
    const RETURNING = 'insert into t values ($1, $2) returning a, b'
    const fetched = async (sql: string, source: Iterable<readonly unknown[]>): Promise<unknown[][]> =>
      (await db().fetchmany(sql, source)).map((row) => [...row])

    beforeEach(async () => {
      await db().execute('create table t (a int unique, b text)')
    })

    test('gives the rows of all elements in their order, of several chunks', async () => {
      expect(await fetched(RETURNING, elements(10_000))).toEqual([...elements(10_000)])
      expect([await db().fetchval('select count(*) from t'), db().isInTransaction]).toEqual([10_000n, false])
    })

    test('gives as many rows for an element as it has', async () => {
      const rows = await fetched('select $1::int + n from generate_series(1, $1) n', [[2], [0], [3]])
      expect(rows).toEqual([[3], [4], [4], [5], [6]])
    })

    test('of no elements, or without RETURNING, gives none', async () => {
      expect(await fetched(RETURNING, [])).toEqual([])
      expect(await fetched(INSERT, elements(3))).toEqual([])
      expect(await db().fetchval('select count(*) from t')).toBe(3n)
    })

    test('that fails names its element and is rolled back', async () => {
      function* source(): Generator<readonly unknown[]> {
        yield* elements(5000)
        yield [0, 'again']
      }
      const failure = await failureOfAsync(() => db().fetchmany(RETURNING, source()))
      expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: 5000 })
      expect([await db().fetchval('select count(*) from t'), db().isInTransaction]).toEqual([0n, false])
    })

    test('learns a type that only an anonymous record has', async () => {
      await db().execute("create type mood as enum ('glad')")
      const rows = await fetched("select row($1::int, 'glad'::mood)", [[1], [2]])
      expect(rows.map(([row]) => [...(row as Iterable<unknown>)])).toEqual([
        [1, 'glad'],
        [2, 'glad'],
      ])
    })

    test.each([5, 'select', null])('of %s instead of elements is refused', async (wrong) => {
      const failure = await failureOfAsync(() => db().fetchmany(RETURNING, wrong as unknown as []))
      expect(failure).toBeInstanceOf(ProgrammingError)
    })
  })
}
