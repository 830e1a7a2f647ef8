/** `executemany` and `fetchmany` of the async API: elements from async iterables, prepared statements, the pool. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type Connection, DataError, ProgrammingError, QueryTimeoutError, connect, createPool } from 'syncpg/async'

import { sharedServer } from '../../support/shared-server.ts'

const INSERT = 'insert into t values ($1, $2)'
const RETURNING = `${INSERT} returning a`
/** Some 1000 bytes each: 1000 of them are several chunks. */
const PADDING = 'x'.repeat(1000)

let con: Connection
beforeEach(async () => {
  con = await connect(sharedServer().dsn())
  await con.execute('create temporary table t (a int unique, b text)')
})
afterEach(() => con.close())

const count = (): Promise<bigint | null> => con.fetchval('select count(*) from t')

async function* arriving(from: number, to: number): AsyncGenerator<[number, string]> {
  for (let index = from; index < to; index++) {
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    yield [index, PADDING]
  }
}

describe('elements of an async iterable', () => {
  test('are read as they arrive, in several chunks', async () => {
    await con.executemany(INSERT, arriving(0, 1000))
    expect([await count(), con.isInTransaction]).toEqual([1000n, false])
    const rows = await con.fetchmany<{ a: number }>(RETURNING, arriving(1000, 2000))
    expect(rows.map(({ a }) => a)).toEqual(Array.from({ length: 1000 }, (_, index) => 1000 + index))
  })

  test('may be empty', async () => {
    await con.executemany('this is not even SQL', arriving(0, 0))
    expect(await con.fetchmany(RETURNING, arriving(0, 0))).toEqual([])
  })

  test.each([0, 1, 777, 999])(
    'are rolled back if the server refuses element %i, and the error has its number',
    async (bad) => {
      await con.execute("insert into t values (-1, '')")
      async function* source(): AsyncGenerator<[number, string]> {
        for await (const [index, text] of arriving(0, 1000)) yield [index === bad ? -1 : index, text]
      }
      const failure: unknown = await con.executemany(INSERT, source()).catch((error: unknown) => error)
      expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: bad })
      expect([await count(), con.isInTransaction]).toEqual([1n, false])
    },
  )

  test('are rolled back if one does not fit, and the source is closed', async () => {
    let isClosed = false
    async function* source(): AsyncGenerator<readonly unknown[]> {
      try {
        yield* arriving(0, 800)
        yield ['12a', '']
        yield* arriving(801, 900)
      } finally {
        isClosed = true
      }
    }
    const failure: unknown = await con.executemany(INSERT, source()).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DataError)
    expect(failure).toMatchObject({ batchIndex: 800 })
    expect([isClosed, await count(), con.isInTransaction]).toEqual([true, 0n, false])
  })

  test('are rolled back if their source throws, and the call throws that error', async () => {
    const mishap = new RangeError('the source dried up')
    async function* source(): AsyncGenerator<readonly unknown[]> {
      yield* arriving(0, 800)
      throw mishap
    }
    await expect(con.executemany(INSERT, source())).rejects.toBe(mishap)
    expect([await count(), con.isInTransaction]).toEqual([0n, false])
  })

  test('get the type of a parameter from later elements', async () => {
    async function* source(): AsyncGenerator<readonly unknown[]> {
      yield [null]
      yield [1.5]
    }
    await con.executemany('insert into t (b) select pg_typeof($1)::text', source())
    expect(await con.fetch('select distinct b from t', [], { rowFactory: 'array' })).toEqual([['double precision']])
  })

  test('inside a transaction are rolled back alone, and the transaction stays usable', async () => {
    await con.transaction(async () => {
      await con.execute("insert into t values (-5, '')")
      async function* source(): AsyncGenerator<readonly unknown[]> {
        yield* arriving(0, 800)
        yield ['12a', '']
      }
      await expect(con.executemany(INSERT, source())).rejects.toThrow(DataError)
    })
    expect(await con.fetch('select a from t', [], { rowFactory: 'array' })).toEqual([[-5]])
  })

  test.each([
    ['a time limit', { timeout: 100 }, QueryTimeoutError],
    ['a signal', { signal: AbortSignal.timeout(100) }, DOMException],
  ])('that do not arrive end the call by %s', async (_name, options, errorClass) => {
    async function* source(): AsyncGenerator<readonly unknown[]> {
      yield* arriving(0, 800)
      await new Promise(() => {})
    }
    await expect(con.executemany(INSERT, source(), options)).rejects.toThrow(errorClass)
    expect([await count(), con.isInTransaction]).toEqual([0n, false])
  })
})

describe('fetchmany', () => {
  test('of a prepared statement keeps its status', async () => {
    const statement = await con.prepare(RETURNING)
    expect(
      await statement.fetchmany(
        [
          [1, 'x'],
          [2, 'y'],
        ],
        { rowFactory: 'array' },
      ),
    ).toEqual([[1], [2]])
    expect(statement.getStatusmsg()).toBe('INSERT 0 1')
    await statement.executemany(arriving(3, 5))
    expect(await count()).toBe(4n)
    await statement.close()
  })

  test('gives rows in the form that the program asks for', async () => {
    const rows = await con.fetchmany('select $1::int as n', [[1], [2]], { rowFactory: 'object' })
    expect(rows).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('of the pool works like that of a connection', async () => {
    await using pool = await createPool(sharedServer().dsn(), { maxSize: 1 })
    expect(await pool.fetchmany('select $1::int', [[1], [2]], { rowFactory: 'array' })).toEqual([[1], [2]])
    expect(pool.getSize()).toBe(1)
  })

  test.each([5, 'select', null, undefined])('of %s instead of elements is refused', async (wrong) => {
    await expect(con.fetchmany(RETURNING, wrong as unknown as [])).rejects.toThrow(ProgrammingError)
    expect(await con.fetchval('select 1')).toBe(1)
  })
})
