/** `copyRecordsToTable`: COPY in binary from JavaScript values, all or nothing. */
import { DataError, PgDate, ProgrammingError } from 'syncpg/async'
import { beforeEach, describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

function* records(count: number): Generator<[number, string]> {
  for (let index = 0; index < count; index++) yield [index, `record ${index}`]
}

export function copyScenarios(db: () => Driver): void {
  describe('COPY of records', () => {
    const countRows = (): unknown => db().fetchval('select count(*) from t')

    beforeEach(async () => {
      await db().execute('create table t (a int, b text)')
    })

    test('50,000 records', async () => {
      expect(await db().copy('t', { records: records(50_000) })).toBe(50_000)
      expect(await db().rows('select count(*), sum(a), max(b) from t')).toEqual([[50000n, 1249975000n, 'record 9999']])
    })

    test('no records', async () => {
      expect(await db().copy('t', { records: [] })).toBe(0)
      expect(await countRows()).toBe(0n)
    })

    test('columns, a schema and hostile names', async () => {
      await db().execute('create table "o""dd; name" (id serial, "sel ect" int, d date)')
      const options = { schema: 'parity', columns: ['d', 'sel ect'], records: [[new PgDate(2024, 1, 2), null]] }
      expect(await db().copy('o"dd; name', options)).toBe(1)
      expect(await db().rows('select * from "o""dd; name"')).toEqual([[1, null, new PgDate(2024, 1, 2)]])
    })

    test.each([
      ['a wrong type', ['12a', 'x'], DataError, /#30000.*"a"/],
      ['undefined', [1, undefined], ProgrammingError, /#30000.*"b"/],
      ['too few values', [1], ProgrammingError, /#30000/],
      ['no array', 'x', ProgrammingError, /#30000/],
    ])('%s gives an error that names the record, and nothing is loaded', async (_name, bad, errorClass, words) => {
      function* source(): Generator<readonly unknown[]> {
        yield* records(30_000)
        yield bad as readonly unknown[]
      }
      const failure = await failureOfAsync(() => db().copy('t', { records: source() }))
      expect(failure).toBeInstanceOf(errorClass)
      expect(failure.message.split('\n')[0]).toMatch(words)
      expect(await countRows()).toBe(0n)
      expect(await db().copy('t', { records: records(2) })).toBe(2)
    })

    test.each([0, 3, 30_000])(
      'the error of a source that throws after %i records is thrown unchanged, and nothing is loaded',
      async (count) => {
        const mishap = new RangeError('the source dried up')
        function* source(): Generator<readonly unknown[]> {
          yield* records(count)
          throw mishap
        }
        expect(await failureOfAsync(() => db().copy('t', { records: source() }))).toBe(mishap)
        expect(await countRows()).toBe(0n)
      },
    )

    test('a source is closed when a record of it fails', async () => {
      let isClosed = false
      function* source(): Generator<readonly unknown[]> {
        try {
          yield ['12a', 'x']
          yield [1, 'x']
        } finally {
          isClosed = true
        }
      }
      await failureOfAsync(() => db().copy('t', { records: source() }))
      expect(isClosed).toBe(true)
    })

    test("a value that the server refuses gives the server's error, at the end as in the middle", async () => {
      await db().execute('alter table t add check (a <> 40000)')
      const failure = await failureOfAsync(() => db().copy('t', { records: records(50_000) }))
      expect(failure).toMatchObject({ name: 'CheckViolationError', tableName: 't' })
      expect(await countRows()).toBe(0n)
      expect(await db().copy('t', { records: records(3) })).toBe(3)
    })

    test('a table that is not there', async () => {
      expect(await failureOfAsync(() => db().copy('nowhere', { records: records(1) }))).toMatchObject({
        name: 'UndefinedTableError',
      })
      expect(await countRows()).toBe(0n)
    })

    test('a source that uses the connection of its COPY gets an error, and nothing is loaded', async () => {
      function* source(): Generator<readonly unknown[]> {
        yield [1, 'x']
        const nested = db().fetchval('select 1')
        // The async face refuses by a rejection, which is nobody's business here but must be heard.
        if (nested instanceof Promise) nested.catch(() => {})
        yield [2, 'y']
        throw new Error('the source gave up')
      }
      await failureOfAsync(() => db().copy('t', { records: source() }))
      expect(await countRows()).toBe(0n)
    })

    test('objects that convert themselves are converted', async () => {
      const converts = { [Symbol.for('syncpg.toPostgres')]: () => 'converted' }
      await db().copy('t', { records: [[1, converts]] })
      expect(await db().rows('select * from t')).toEqual([[1, 'converted']])
    })

    test('execute refuses COPY FROM STDIN and names the right method, and the connection stays usable', async () => {
      const failure = await failureOfAsync(() => db().execute('copy t from stdin'))
      expect(failure.message).toContain('copy')
      expect(await countRows()).toBe(0n)
      const out = await failureOfAsync(() => db().execute('copy t to stdout'))
      expect(out.message).toContain('copy')
      expect(await countRows()).toBe(0n)
    })
  })

  describe('COPY of text in chunks', () => {
    const TEXT = '1\t😀 é €\n2\t👩‍👩‍👧\n'
    const cutBy = (size: number): string[] => {
      const chunks = []
      for (let i = 0; i < TEXT.length; i += size) chunks.push(TEXT.slice(i, i + size))
      return chunks
    }

    beforeEach(async () => {
      await db().execute('create table t (a int, b text)')
    })

    test.each([1, 2, 3, 7])(
      'that are cut every %i units, also within a character, is loaded as it is',
      async (size) => {
        await db().load('t', { source: cutBy(size) })
        expect(await db().rows('select * from t order by a')).toEqual([
          [1, '😀 é €'],
          [2, '👩‍👩‍👧'],
        ])
      },
    )

    test.each([
      ['at the end', ['1\tx\ud83d']],
      ['before other text', ['1\tx\ud83d', 'y\n']],
      ['before bytes', ['1\tx\ud83d', Buffer.from('y\n')]],
      ['in the middle', ['1\tx\ude00y\n']],
      ['in a long chunk', ['1\tx\n'.repeat(20_000), '1\tx\ude00y\n'.repeat(20_000)]],
    ])('half of a surrogate pair %s is a DataError, and nothing is loaded', async (_name, source) => {
      const failure = await failureOfAsync(() => db().load('t', { source }))
      expect(failure).toBeInstanceOf(DataError)
      expect(failure.message).toMatch(/^copyToTable: source: the text has half of a surrogate pair/)
      expect(await db().fetchval('select count(*) from t')).toBe(0n)
      await db().load('t', { source: ['1\tx\n'] })
      expect(await db().fetchval('select count(*) from t')).toBe(1n)
    })
  })
}
