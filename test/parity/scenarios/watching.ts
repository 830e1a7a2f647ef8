/** What a program hears of its own calls: query loggers, progress, and transactions that run again. */
import type * as api from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function watchingScenarios(db: () => Driver): void {
  describe('a query logger', () => {
    test('gets text, time, rows and error of each query, and arguments only if it asks for them', async () => {
      await db().execute('create table t (a int)')
      const told: api.LoggedQuery[] = []
      const logger = (query: api.LoggedQuery): void => void told.push(query)
      db().addQueryLogger(logger, { args: true })
      try {
        await db().execute('insert into t values ($1), ($2)', [1, 2])
        await db().fetch('select * from t')
        await db().query('select 1; update t set a = 3')
        await db().executemany('insert into t values ($1)', [[5], [6], [7]])
        await db().prepared('select a from t where a = $1', [3])
        await failureOfAsync(() => db().execute('select 1/0'))
        db().addQueryLogger(logger)
        await db().fetchval('select $1::text', ['a secret'])
      } finally {
        db().removeQueryLogger(logger)
      }
      await db().execute('select 2')
      expect(told.map(({ query, rowCount }) => [query, rowCount])).toEqual([
        ['insert into t values ($1), ($2)', 2],
        ['select * from t', 2],
        ['select 1; update t set a = 3', 2],
        ['insert into t values ($1)', 3],
        ['select a from t where a = $1', 2],
        ['select 1/0', null],
        ['select $1::text', 1],
      ])
      expect(told.map(({ args }) => args)).toEqual([[1, 2], [], [], [[5], [6], [7]], [3], [], undefined])
      expect(told.map(({ error }) => (error === null ? null : (error as Error).name))).toEqual([
        ...[null, null, null, null, null, 'DivisionByZeroError', null],
      ])
      expect(told.every(({ elapsed }) => elapsed > 0)).toBe(true)
    })
  })

  test('a query logger gets COPY in both directions, and a cursor', async () => {
    await db().execute('create table "T" (a int)')
    const told: api.LoggedQuery[] = []
    const logger = (query: api.LoggedQuery): void => void told.push(query)
    db().addQueryLogger(logger)
    try {
      await db().copy('T', { schema: 'parity', records: [[1], [2]], columns: ['a'] })
      await db().load('T', { schema: 'parity', source: Buffer.from('3\n') })
      await db().unload('T', { schema: 'parity', output: () => {} })
      await db().pieces('select a from "T" where a > $1', [1], {})
      await failureOfAsync(() => db().load('T', { schema: 'parity', source: Buffer.from('x\n') }))
    } finally {
      db().removeQueryLogger(logger)
    }
    expect(told.map(({ query, rowCount, error }) => [query, rowCount, (error as Error | null)?.name])).toEqual([
      ['COPY "parity"."T" ("a") FROM STDIN', 2, undefined],
      [expect.stringMatching(/^COPY "parity"."T" FROM STDIN/), 1, undefined],
      [expect.stringMatching(/^COPY "parity"."T" TO STDOUT/), 3, undefined],
      ['select a from "T" where a > $1', null, undefined],
      [expect.stringMatching(/^COPY "parity"."T" FROM STDIN/), null, 'InvalidTextRepresentationError'],
    ])
  })

  describe('onProgress', () => {
    /** Records of a chunk each, 120 ms apart. */
    function* slowly(count: number): Generator<[string]> {
      for (let i = 0; i < count; i++) {
        const endMs = performance.now() + 120
        while (performance.now() < endMs) continue
        yield ['x'.repeat(300_000)]
      }
    }

    test.each(['copy', 'executemany'] as const)('reports the progress of %s, and at the end the total', async (way) => {
      await db().execute('create table t (a text)')
      const told: { rows: number | null; bytes: number; atMs: number }[] = []
      const onProgress = (progress: api.Progress): void => void told.push({ ...progress, atMs: performance.now() })
      if (way === 'copy') await db().copy('t', { schema: 'parity', records: slowly(4), onProgress })
      else await db().executemany('insert into t values ($1)', slowly(4), { onProgress })
      const last = told.pop()
      expect(last?.rows).toBe(4)
      expect(last?.bytes).toBeGreaterThan(1_200_000)
      expect(told.length).toBeGreaterThan(1)
      for (const [i, { rows, bytes, atMs }] of told.slice(1).entries()) {
        const before = told[i]!
        expect(rows! > before.rows! && bytes > before.bytes && atMs - before.atMs >= 99).toBe(true)
      }
    })

    test('reports the bytes of a COPY in both directions', async () => {
      await db().execute('create table t (a text)')
      const text = Buffer.from('x\n'.repeat(100_000))
      const told: unknown[] = []
      const onProgress = (progress: api.Progress): void => void told.push(progress)
      await db().load('t', { schema: 'parity', source: text, onProgress })
      expect(told.at(-1)).toEqual({ rows: null, bytes: text.length })
      await db().unload('t', { schema: 'parity', output() {}, onProgress })
      expect(told.at(-1)).toEqual({ rows: 100_000, bytes: text.length })
    })

    test.each(['copy', 'executemany', 'load'] as const)(
      'ends %s with the error that it throws, and nothing is loaded',
      async (way) => {
        await db().execute('create table t (a text)')
        const reason = new Error('enough')
        const onProgress = (): never => {
          throw reason
        }
        const call = {
          copy: () => db().copy('t', { schema: 'parity', records: slowly(2), onProgress }),
          executemany: () => db().executemany('insert into t values ($1)', slowly(2), { onProgress }),
          load: () => db().load('t', { schema: 'parity', source: Buffer.from('x\n'), onProgress }),
        }[way]
        expect(await failureOfAsync(call)).toBe(reason)
        expect(await db().fetchval('select count(*) from t')).toBe(0n)
      },
    )

    test('refuses anything but a function', async () => {
      const wrong = { onProgress: 'yes' } as never
      const failure = await failureOfAsync(() => db().executemany('select $1::int', [[1]], wrong))
      expect(failure.message).toBe('executemany: onProgress: expected a function or null, got the string "yes"')
    })
  })

  describe('a transaction with retries', () => {
    const lose = (sqlstate: string): string =>
      `do $$ begin raise exception 'lost' using errcode = '${sqlstate}'; end $$`

    test.each(['40001', '40P01'])('runs again after %s', async (sqlstate) => {
      await db().execute('create table t (a int)')
      let attempts = 0
      const body = function* (): Generator<unknown, string, unknown> {
        attempts += 1
        yield db().execute('insert into t values (1)')
        if (attempts < 3) yield db().execute(lose(sqlstate))
        return 'won'
      }
      expect(await db().transaction(body, { isolation: 'serializable', retries: 2 })).toBe('won')
      expect([attempts, await db().fetchval('select count(*) from t')]).toEqual([3, 1n])
    })

    test.each([
      ['more often than retries says', '40001', 1, 2],
      ['after another error', '23505', 5, 1],
      ['unless asked', '40001', undefined, 1],
    ])('does not run again %s', async (_claim, sqlstate, retries, expected) => {
      let attempts = 0
      const body = function* (): Generator<unknown, void, unknown> {
        attempts += 1
        yield db().execute(lose(sqlstate))
      }
      const failure = await failureOfAsync(() => db().transaction(body, retries === undefined ? {} : { retries }))
      expect([failure['sqlstate'], attempts]).toEqual([sqlstate, expected])
      expect(await db().fetchval('select 1')).toBe(1)
    })

    test('inside another is not run again, because the server has ended the outer one', async () => {
      let attempts = 0
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield db().execute('select 1')
          yield db().transaction(
            function* () {
              attempts += 1
              yield db().execute(lose('40001'))
            },
            { retries: 3 },
          )
        }),
      )
      expect([failure['sqlstate'], attempts]).toEqual(['40001', 1])
    })

    test.each([
      ['commit', 1n],
      ['commit and chain', 1n],
      ["select 1; commit; select 'more'", 1n],
      ['end', 1n],
    ])('does not repeat work that the function has committed by %s', async (sql, count) => {
      await db().execute('create table t (a int)')
      let attempts = 0
      const body = function* (): Generator<unknown, void, unknown> {
        attempts += 1
        yield db().execute('insert into t values (1)')
        yield db().execute(sql)
        yield db().execute(lose('40001'))
      }
      const failure = await failureOfAsync(() => db().transaction(body, { retries: 3 }))
      expect([failure['sqlstate'], attempts, await db().fetchval('select count(*) from t')]).toEqual([
        '40001',
        1,
        count,
      ])
      expect(failure['hint']).toContain('not run again, because the function ended the transaction by SQL')
    })

    test('does not repeat work after a rollback by the function', async () => {
      await db().execute('create table t (a int)')
      const body = function* (): Generator<unknown, void, unknown> {
        yield db().execute('select 1')
        yield db().execute('rollback')
        yield db().execute('insert into t values (1)')
        yield db().execute(lose('40001'))
      }
      await failureOfAsync(() => db().transaction(body, { retries: 3 }))
      expect(await db().fetchval('select count(*) from t')).toBe(1n)
    })

    test.each<[unknown, string]>([
      [-1, 'the number -1'],
      [1.5, 'the number 1.5'],
      ['3', 'the string "3"'],
    ])('of %j is refused', async (retries, described) => {
      const failure = await failureOfAsync(() => db().transaction(function* () {}, { retries: retries as number }))
      expect(failure.message).toBe(`transaction: retries: expected a whole number from 0, got ${described}`)
    })
  })
}
