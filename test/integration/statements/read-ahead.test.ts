/**
 * A loop over a stream or a cursor prefetches: the server makes the next page while the loop works on this one. A
 * sequence counts the rows that the server has made. At most one page may be prefetched, and none when the loop uses
 * the connection for other statements.
 */
import * as db from 'syncpg'
import * as async from 'syncpg/async'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'

const database = databaseOfFile()
const ROWS = 1000
const SIZE = 10
/** Each row takes a number of the sequence `made` as the server makes it. */
const COUNTED = `select i, nextval('made')::int as made from generate_series(1, ${ROWS}) i`
/** Fails at its row 55. */
const FAILING = `select i, 1 / (55 - i) from generate_series(1, ${ROWS}) i`

describe.each(['unix', 'tls'] as const)('over %s', (transport) => {
  const dsn = (): string => sharedServer().dsn({ database, transport })

  describe('a stream of the blocking API', () => {
    let con: db.Connection
    beforeEach(() => {
      con = db.connect(dsn(), { autocommit: true })
      con.execute('create temporary sequence made')
    })
    afterEach(() => con.close())

    const made = (): unknown => con.fetchval('select last_value::int from made')
    const stream = (sql: string, options = {}): db.RowStream<db.Row> =>
      con.cursor().stream(sql, [], { size: SIZE, ...options })

    test('gives every row once, in order', () => {
      con.execute('begin')
      const rows = [...stream(COUNTED)].map((row) => [...row])
      expect(rows).toEqual(Array.from({ length: ROWS }, (_, i) => [i + 1, i + 1]))
      expect(made()).toBe(ROWS)
      con.commit()
    })

    test('is at most one round trip ahead of the loop', () => {
      con.execute('begin')
      for (const [i] of stream(COUNTED)) if (i === 45) break
      expect([50, 60]).toContain(made())
      con.commit()
    })

    test('does not prefetch when the loop uses the connection for other statements', () => {
      con.execute('begin')
      for (const [i] of stream(COUNTED)) expect(made()).toBe(Math.ceil((i as number) / SIZE) * SIZE)
      con.commit()
    })

    test('does not prefetch if its round trips have a time limit', () => {
      con.execute('begin')
      for (const [i] of stream(COUNTED, { timeout: 10_000 })) if (i === 45) break
      expect(made()).toBe(50)
      con.commit()
    })

    test("fails after all rows before the one that fails, with that row's error", () => {
      con.execute('begin')
      const seen: unknown[] = []
      const run = (): void => {
        for (const [i] of stream(FAILING)) seen.push(i)
      }
      expect(run).toThrow('division by zero')
      expect(seen).toHaveLength(54)
      expect(con.info.status).toBe('failed')
      con.rollback()
      expect(con.fetchval('select 42')).toBe(42)
    })

    test.each([45, 51, 54])(
      'that a loop leaves at row %s, before the one that fails, does not fail the transaction',
      (leftAt) => {
        con.execute('create temporary table seen (i int)')
        con.execute('begin; insert into seen values (1)')
        for (const [i] of stream(FAILING)) if (i === leftAt) break
        expect(con.info.status).toBe('in-transaction')
        con.commit()
        expect(con.fetchval('select count(*)::int from seen')).toBe(1)
      },
    )

    test('gives the rows before one that fails also in the first round trip, and if it does not prefetch', () => {
      for (const [at, options] of [
        [5, {}],
        [15, {}],
        [55, { timeout: 10_000 }],
      ] as const) {
        con.execute('begin')
        const seen: unknown[] = []
        const run = (): void => {
          for (const [i] of stream(`select i, 1 / (${at} - i) from generate_series(1, ${ROWS}) i`, options))
            seen.push(i)
        }
        expect(run).toThrow('division by zero')
        expect(seen).toHaveLength(at - 1)
        con.rollback()
      }
    })

    test('that a loop leaves while rows arrive leaves the connection ready', () => {
      for (let leftAt = 15; leftAt < 60; leftAt += 5) {
        con.execute('begin')
        for (const [i] of stream(COUNTED)) if (i === leftAt) break
        expect(con.fetchval('select %s::int', [leftAt])).toBe(leftAt)
        con.commit()
      }
      expect(con.fetchval("select count(*)::int from pg_cursors where name <> ''")).toBe(0)
    })

    const NOTED = `create temporary table noted (i int);
      create function pg_temp.noted(i int) returns int language plpgsql as
        $$ begin insert into noted values (i); return 1 / (55 - i); end $$`

    test('that a loop leaves before the row that fails does not fail the transaction, and rolls back the effects of rows that it did not give', () => {
      con.execute(NOTED)
      con.execute('begin')
      con.execute('insert into noted values (-1)')
      for (const [i] of stream(`select i, pg_temp.noted(i) from generate_series(1, ${ROWS}) i`)) if (i === 45) break
      expect(con.info.status).toBe('in-transaction')
      expect(con.fetchval('select max(i) from noted')).toBe(50)
      con.commit()
      expect(con.fetchval('select count(*)::int from noted')).toBe(51)
    })

    test('that a loop leaves rolls back the effects of prefetched rows that did not fail, too', () => {
      con.execute(NOTED)
      con.execute('begin')
      for (const [i] of stream(`select i, pg_temp.noted(-i) from generate_series(1, ${ROWS}) i`)) if (i === 45) break
      expect(con.fetchval('select min(i) from noted')).toBe(-50)
      con.commit()
    })

    test('keeps a statement of the loop when a prefetched row has failed, and throws the error at that row', () => {
      con.execute('create temporary table seen (i int)')
      con.execute('begin')
      const seen: unknown[] = []
      const run = (): void => {
        for (const [i] of stream(FAILING)) {
          seen.push(i)
          if (i === 45) con.execute('insert into seen values (45)')
          if (i === 48) expect(con.fetchval('select count(*)::int from seen')).toBe(1)
        }
      }
      expect(run).toThrow('division by zero')
      expect(seen).toHaveLength(54)
      con.rollback()
    })

    test('keeps earlier changes when the loop commits, although a prefetched row has failed', () => {
      con.execute('create temporary table seen (i int)')
      con.execute('begin')
      const rows = stream(FAILING)
      for (let i = 0; i < 45; i += 1) rows.next()
      con.execute('insert into seen values (1)')
      con.commit()
      expect(con.fetchval('select count(*)::int from seen')).toBe(1)
    })

    test('lets a statement of the loop end within its time limit while slow rows are prefetched, and the transaction does not fail', () => {
      const slow = 'select i, case when i = 55 then pg_sleep(30) is null end from generate_series(1, 1000) i'
      con.execute('begin')
      const rows = stream(slow)
      for (let i = 0; i < 45; i += 1) rows.next()
      const began = performance.now()
      expect(() => con.fetchval('select 1', [], 0, { timeout: 300 })).toThrow(db.QueryTimeoutError)
      expect(performance.now() - began).toBeLessThan(10_000)
      expect(con.info.status).toBe('in-transaction')
      expect(con.fetchval('select 2')).toBe(2)
      con.rollback()
    })

    test('gives its own rows when two are read in turns', () => {
      con.execute('begin')
      const [one, other] = [stream(COUNTED), stream('select -i from generate_series(1, 1000) i')]
      for (let i = 1; i <= ROWS; i += 1) {
        expect(one.next().value?.[0]).toBe(i)
        if (i % 40 < 20) continue
        for (let k = 0; k < 2; k += 1) expect(other.next().value?.[0]).toBeLessThan(0)
      }
      con.commit()
    })

    test('ends with its transaction, prefetched rows included', () => {
      con.execute('begin')
      const rows = stream(COUNTED)
      for (let i = 0; i < 35; i += 1) rows.next()
      con.commit()
      const drain = (): number => [...rows].length
      expect(drain).toThrow('the stream has ended with its transaction')
    })
  })

  describe('a cursor of the async API', () => {
    let con: async.Connection
    beforeEach(async () => {
      con = await async.connect(dsn())
      await con.execute('create temporary sequence made')
    })
    afterEach(() => con.close())

    const made = (): Promise<unknown> => con.fetchval('select last_value::int from made')

    test('gives every row once, in order', async () => {
      await con.transaction(async () => {
        const rows: unknown[] = []
        for await (const row of con.cursor(COUNTED, [], { prefetch: SIZE })) rows.push([...row])
        expect(rows).toEqual(Array.from({ length: ROWS }, (_, i) => [i + 1, i + 1]))
      })
    })

    test.each([45, 51, 54])(
      'that a loop leaves at row %s, before the one that fails, does not fail the transaction',
      async (leftAt) => {
        await con.transaction(async () => {
          for await (const { i } of con.cursor(FAILING, [], { prefetch: SIZE })) if (i === leftAt) break
          expect(await con.fetchval('select 7')).toBe(7)
        })
      },
    )

    test('gives the rows before one that fails also in the first round trip', async () => {
      const seen: unknown[] = []
      const run = con.transaction(async () => {
        const sql = `select i, 1 / (5 - i) from generate_series(1, ${ROWS}) i`
        for await (const { i } of con.cursor(sql, [], { prefetch: SIZE })) seen.push(i)
      })
      await expect(run).rejects.toThrow('division by zero')
      expect(seen).toHaveLength(4)
    })

    test('is at most one round trip ahead of the loop, and leaves the connection ready', async () => {
      await con.transaction(async () => {
        for await (const { i } of con.cursor(COUNTED, [], { prefetch: SIZE })) if (i === 45) break
        expect([50, 60]).toContain(await made())
      })
    })

    test('does not prefetch when the loop uses the connection for other statements', async () => {
      await con.transaction(async () => {
        for await (const { i } of con.cursor(COUNTED, [], { prefetch: SIZE })) {
          expect(await made()).toBe(Math.ceil((i as number) / SIZE) * SIZE)
        }
      })
    })

    test('never prefetches when it is fetched by hand', async () => {
      await con.transaction(async () => {
        const cursor = await con.cursor(COUNTED).open()
        for (let i = 1; i < 6; i += 1) await cursor.fetch(SIZE)
        expect(await made()).toBe(50)
        await cursor.close()
      })
    })

    test("fails after all rows before the one that fails, with that row's error", async () => {
      const seen: unknown[] = []
      const run = con.transaction(async () => {
        for await (const { i } of con.cursor(FAILING, [], { prefetch: SIZE })) seen.push(i)
      })
      await expect(run).rejects.toThrow('division by zero')
      expect(seen).toHaveLength(54)
      expect(await con.fetchval('select 42')).toBe(42)
    })

    test('that a loop leaves before the row that fails does not fail the transaction', async () => {
      await con.transaction(async () => {
        await con.execute('create temporary table seen (i int)')
        for await (const { i } of con.cursor(FAILING, [], { prefetch: SIZE })) if (i === 45) break
        await con.execute('insert into seen values (1)')
      })
      expect(await con.fetchval('select count(*)::int from seen')).toBe(1)
    })

    test('runs several statements of the loop after the prefetched rows, in order', async () => {
      await con.execute('create temporary table seen (i int)')
      const seen: unknown[] = []
      await con.transaction(async () => {
        for await (const { i } of con.cursor(COUNTED, [], { prefetch: SIZE })) {
          seen.push(i)
          if (i !== 45) continue
          await con.pipeline(async (pipe) => {
            await Promise.all([1, 2, 3].map((n) => pipe.execute('insert into seen values ($1)', [n])))
          })
        }
      })
      expect(seen).toHaveLength(ROWS)
      expect((await con.fetch('select i from seen')).map((row) => row[0])).toEqual([1, 2, 3])
    })

    test('ends when its connection is closed in the middle of it', async () => {
      const run = con.transaction(async () => {
        for await (const { i } of con.cursor(COUNTED, [], { prefetch: SIZE })) if (i === 35) con.terminate()
      })
      await expect(run).rejects.toThrow('connection')
    })
  })
})
