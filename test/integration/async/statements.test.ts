/** Prepared statements, cursors and pipelines of the async API, against a real server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  type Connection,
  DivisionByZeroError,
  InterfaceError,
  InvalidCachedStatementError,
  ProgrammingError,
  QueryTimeoutError,
  connect,
} from 'syncpg/async'

import { startProxy } from '../../support/proxy.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

let con: Connection
beforeAll(async () => {
  con = await connect(sharedServer().dsn())
})
afterAll(() => con.close())

describe('a prepared statement', () => {
  test('has its name, parameters and columns, and runs many times', async () => {
    const statement = await con.prepare('select $1::int + 1 as more, $2::text as word')
    expect(statement.getParameters().map(({ name }) => name)).toEqual(['int4', 'text'])
    expect(statement.getAttributes().map(({ name, type }) => [name, type.name])).toEqual([
      ['more', 'int4'],
      ['word', 'text'],
    ])
    expect(statement.getStatusmsg()).toBeNull()
    expect((await statement.fetch([1, 'a'])).map((row) => row.toArray())).toEqual([[2, 'a']])
    expect(await statement.fetchval([41, 'b'])).toBe(42)
    expect((await statement.fetchrow([1, 'c']))?.['word']).toBe('c')
    await statement.close()
  })

  test('with a name from the caller can be executed in SQL', async () => {
    const statement = await con.prepare('select 7 as seven', { name: 'by_hand' })
    expect(statement.getName()).toBe('by_hand')
    expect(await con.fetchval('execute by_hand')).toBe(7)
    await statement.close()
    await expect(con.fetchval('execute by_hand')).rejects.toMatchObject({ sqlstate: '26000' })
  })

  test('holds no lock and no transaction while it waits', async () => {
    await con.execute('create table if not exists prepared_lock (a int)')
    const statement = await con.prepare('select * from prepared_lock')
    const [{ state, locks } = { state: '', locks: -1 }] = await askServer<{ state: string; locks: number }>(
      sharedServer(),
      `select state, (select count(*)::int from pg_locks l where l.pid = a.pid and l.locktype = 'relation') as locks
       from pg_stat_activity a where pid = $1`,
      [con.backendPid],
    )
    expect([state, locks]).toEqual(['idle', 0])
    await statement.close()
    await con.execute('drop table prepared_lock')
  })

  test('refuses use after it is closed; a second close does nothing', async () => {
    const statement = await con.prepare('select 1')
    await statement.close()
    await statement.close()
    await expect(statement.fetch()).rejects.toThrow(InterfaceError)
    await expect(statement.fetch()).rejects.toThrow('the prepared statement is closed')
  })

  test('whose plan became stale throws, and is not prepared again automatically', async () => {
    await con.execute('create temp table stale (a int); insert into stale values (1)')
    const statement = await con.prepare('select * from stale')
    await statement.fetch()
    await con.execute('alter table stale add column b text')
    await expect(statement.fetch()).rejects.toThrow(InvalidCachedStatementError)
    await statement.close()
    await con.execute('drop table stale')
  })

  test('gives its plan, and with analyze rolls back its effects', async () => {
    await con.execute('create temp table explained (a int)')
    const statement = await con.prepare('insert into explained values ($1)')
    expect(await statement.explain([1])).toMatchObject([{ Plan: { 'Node Type': 'ModifyTable' } }])
    expect(await statement.explain([1], { analyze: true })).toMatchObject([{ 'Execution Time': expect.any(Number) }])
    expect(await con.fetchval('select count(*) from explained')).toBe(0n)
    await statement.close()
    await con.execute('drop table explained')
  })
})

describe('a cursor', () => {
  test.each([1, 2, 7, 24, 50])('gives the same rows by %i at a time', async (prefetch) => {
    const rows: unknown[] = []
    await con.transaction(async () => {
      const cursor = con.cursor<{ i: number }>('select generate_series(1, $1::int) as i', [24], { prefetch })
      for await (const { i } of cursor) rows.push(i)
    })
    expect(rows).toEqual(Array.from({ length: 24 }, (_, index) => index + 1))
  })

  test('outside a transaction is refused before anything is sent', async () => {
    await expect(con.cursor('select 1').open()).rejects.toThrow(InterfaceError)
    await expect(con.cursor('select 1').open()).rejects.toThrow('needs a transaction')
    expect(await con.fetchval('select 1')).toBe(1)
  })

  test('works in a transaction begun by hand too', async () => {
    await con.execute('begin')
    const cursor = await con.cursor('select generate_series(1, 3)').open()
    expect((await cursor.fetch(5)).length).toBe(3)
    await con.execute('rollback')
  })

  test('releases its table as soon as it is exhausted', async () => {
    await con.transaction(async () => {
      await con.execute('create temp table drained (a int) on commit drop; insert into drained values (1), (2)')
      for await (const _ of con.cursor('select * from drained')) void _
      await con.execute('drop table drained')
    })
  })

  test('is closed when the loop is left', async () => {
    await con.transaction(async () => {
      await con.execute('create temp table left_early (a int) on commit drop')
      await con.executemany(
        'insert into left_early values ($1)',
        Array.from({ length: 9 }, (_, a) => [a]),
      )
      for await (const _ of con.cursor('select * from left_early', [], { prefetch: 2 })) break
      await con.execute('drop table left_early')
    })
  })

  test('leaves the connection free for other statements between its round trips', async () => {
    await con.transaction(async () => {
      const cursor = await con.cursor('select generate_series(1, 4) as i').open()
      expect((await cursor.fetchrow())?.[0]).toBe(1)
      expect(await con.fetchval("select 'between'")).toBe('between')
      expect(await cursor.forward(2)).toBe(2)
      expect((await cursor.fetchrow())?.[0]).toBe(4)
      expect(await cursor.fetchrow()).toBeNull()
      expect(await cursor.fetch(3)).toEqual([])
      expect(await cursor.forward(1)).toBe(0)
    })
  })

  test('that is scrollable moves backward', async () => {
    await con.transaction(async () => {
      const cursor = await con.cursor('select generate_series(1, $1::int) as i', [10], { scrollable: true }).open()
      const numbers = async (count: number) => (await cursor.fetch(count)).map((row) => row[0])
      expect(await numbers(4)).toEqual([1, 2, 3, 4])
      expect(await numbers(-2)).toEqual([3, 2])
      expect(await cursor.forward(-1)).toBe(1)
      expect(await numbers(2)).toEqual([2, 3])
      await cursor.close()
    })
  })

  test('refuses invalid counts', async () => {
    expect(() => con.cursor('select 1', [], { prefetch: 0 })).toThrow(ProgrammingError)
    await con.transaction(async () => {
      const cursor = await con.cursor('select 1').open()
      await expect(cursor.fetch(0)).rejects.toThrow(ProgrammingError)
      await expect(cursor.fetch(-1)).rejects.toThrow(ProgrammingError)
    })
  })

  test('ends with its transaction', async () => {
    await con.execute('begin')
    const cursor = await con.cursor('select generate_series(1, 10)').open()
    await cursor.fetch(2)
    await con.execute('commit')
    await expect(cursor.fetch(2)).rejects.toMatchObject({ sqlstate: '34000' })
    await cursor.close()
    expect(await con.fetchval('select 1')).toBe(1)
  })
})

describe('a pipeline', () => {
  test('guesses no type that the server may refuse, so its transaction does not fail', async () => {
    await con.execute('begin')
    const results = await con.pipeline((pipeline) =>
      Promise.all([
        pipeline.fetchval("select coalesce($1, '')", [5]),
        pipeline.fetchval('select length($1)', [500]),
        pipeline.fetchrow('select $1, $2 as flag, $3', [5, true, Buffer.from('ab')]).then((row) => [...(row ?? [])]),
        pipeline.query('select 1 as one').then(({ columns, tag }) => [columns[0]?.name, tag]),
        pipeline.fetchval({ text: 'select $1::jsonb', values: ['{"a":1}'] }),
      ]),
    )
    expect(results).toEqual(['5', 3, [5, true, Buffer.from('ab')], ['one', 'SELECT 1'], { a: 1 }])
    expect(await con.fetchval('select 1')).toBe(1)
    await con.execute('rollback')
  })

  test('sends without waiting, and each statement succeeds or fails alone', async () => {
    const results = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.fetchval('select 1'),
        pipeline.fetchval('select 1/0'),
        pipeline.execute('select 2'),
        pipeline.fetchrow('select $1::text as a', ['x']),
      ]),
    )
    expect(results[0]).toEqual({ status: 'fulfilled', value: 1 })
    expect(results[1]).toMatchObject({ status: 'rejected', reason: expect.any(DivisionByZeroError) })
    expect(results[2]).toEqual({ status: 'fulfilled', value: 'SELECT 1' })
    expect(results[3]).toMatchObject({ status: 'fulfilled', value: { a: 'x' } })
  })

  test('keeps the order with inOrder, with known and new texts mixed, and sends each statement in one flight', async () => {
    await con.execute('create temp table ordered (n int)')
    const count = 'select count(*) as n from ordered'
    const form = { types: 'text', values: 'text', inOrder: true } as const
    // This text is known, so without the pipeline's order it would overtake a text that the server has to describe
    // first.
    for (let i = 0; i < 3; i++) await con.query(count, [], { types: 'text' })
    const results = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.query('insert into ordered values ($1)', [1], form),
        pipeline.query<{ n: string }>(count, [], form),
        pipeline.query('insert into ordered values ($1)', [Buffer.from([0, 0, 0, 7])], form),
        pipeline.query('insert into ordered values ($1)', ['no number'], form),
        pipeline.query<{ n: string }>(`${count} where n = 7`, [], form),
        pipeline.query('', [], form),
        pipeline.query('select $1 as a, $2 as b', ['x', null], form),
      ]),
    )
    const told = results.map((each) =>
      each.status === 'fulfilled'
        ? [each.value.tag, ...each.value.rows.map((row) => ({ ...row }))]
        : each.reason.sqlstate,
    )
    expect(told).toEqual([
      ['INSERT 0 1'],
      ['SELECT 1', { n: '1' }],
      ['INSERT 0 1'],
      '22P02',
      ['SELECT 1', { n: '1' }],
      [''],
      ['SELECT 1', { a: 'x', b: null }],
    ])
    await con.execute('drop table ordered')
  })

  test('with inOrder takes text and bytes only, and gives text', async () => {
    await con.pipeline(async (pipeline) => {
      const refused = [
        pipeline.query('select $1', ['x'], { types: 'text', inOrder: true }),
        pipeline.query('select $1', [new Date()], { types: 'text', values: 'text', inOrder: true }),
      ]
      for (const each of refused) await expect(each).rejects.toThrow('expected text, bytes or null')
      await expect(pipeline.query('select 1', [], { inOrder: true })).rejects.toThrow("types: 'text'")
    })
    expect(await con.fetchval('select 1')).toBe(1)
  })

  test('of a thousand statements gives each its own answer', async () => {
    const answers = await con.pipeline((pipeline) =>
      Promise.all(Array.from({ length: 1000 }, (_, i) => pipeline.fetchval('select $1::int', [i]))),
    )
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  test('refuses other operations while it is open, and use after its end', async () => {
    const kept = await con.pipeline(async (pipeline) => {
      const first = pipeline.fetchval('select 1')
      await expect(con.fetchval('select 2')).rejects.toThrow('another operation is in progress')
      await first
      return pipeline
    })
    await expect(kept.fetchval('select 1')).rejects.toThrow(InterfaceError)
  })

  test('begins its transaction before it sends without waiting', async () => {
    await con.execute('drop table if exists piped; create table piped (a int)')
    await expect(
      con.transaction({ isolation: 'serializable' }, async () => {
        const levels = await con.pipeline((pipeline) =>
          Promise.all([
            pipeline.fetchval("select current_setting('transaction_isolation')"),
            pipeline.execute('insert into piped values (1)'),
            pipeline.fetchval("select current_setting('transaction_isolation')"),
          ]),
        )
        expect(levels).toEqual(['serializable', 'INSERT 0 1', 'serializable'])
        throw new RangeError('enough')
      }),
    ).rejects.toThrow('enough')
    expect(await con.fetchval('select count(*) from piped')).toBe(0n)
    await con.execute('drop table piped')
  })

  describe('with a time limit', () => {
    test('still sends without waiting', async () => {
      const proxy = await startProxy(sharedServer())
      const { port } = sharedServer()
      const dsn = sharedServer().dsn({ user: 'u_trust' }).replace(`:${port}/`, `:${proxy.port}/`)
      const far = await connect(dsn, { sslmode: 'disable', commandTimeout: 30_000 })
      await far.fetchval('select $1::int', [0])
      const latencyMs = 40
      const statements = 50
      proxy.setFaults('both', { latencyMs })
      const startedMs = performance.now()
      const answers = await far.pipeline((pipeline) =>
        Promise.all(Array.from({ length: statements }, (_, i) => pipeline.fetchval('select $1::int', [i]))),
      )
      expect(answers).toEqual(Array.from({ length: statements }, (_, i) => i))
      // If they waited for each other, they would take 50 round trips of 80 ms.
      expect(performance.now() - startedMs).toBeLessThan((statements * 2 * latencyMs) / 2)
      proxy.setFaults('both', {})
      await far.close()
      await proxy.close()
    })

    test('cancels all statements that were sent when it passes, and leaves the connection usable', async () => {
      const settled: PromiseSettledResult<unknown>[] = []
      const startedMs = performance.now()
      const pipelined = con.pipeline(
        async (pipeline) => {
          const sleeps = [1, 2, 3].map(() => pipeline.execute('select pg_sleep(30)'))
          settled.push(...(await Promise.allSettled([pipeline.fetchval('select 1'), ...sleeps])))
        },
        { timeout: 100 },
      )
      await expect(pipelined).rejects.toThrow(QueryTimeoutError)
      expect(performance.now() - startedMs).toBeLessThan(15_000)
      expect(settled[0]).toEqual({ status: 'fulfilled', value: 1 })
      for (const sleep of settled.slice(1)) {
        expect(sleep).toMatchObject({ status: 'rejected', reason: expect.any(QueryTimeoutError) })
      }
      expect(await con.fetchval('select 42')).toBe(42)
    })

    test('refuses later calls', async () => {
      let late: Promise<unknown> = Promise.resolve()
      await expect(
        con.pipeline(
          async (pipeline) => {
            await pipeline.execute('select pg_sleep(30)').catch(() => {})
            late = pipeline.fetchval('select 1')
            await late
          },
          { timeout: 50 },
        ),
      ).rejects.toThrow(QueryTimeoutError)
      await expect(late).rejects.toThrow(QueryTimeoutError)
    })

    test('ends although its function waits for something else', async () => {
      await expect(con.pipeline(() => new Promise(() => {}), { timeout: 50 })).rejects.toThrow(QueryTimeoutError)
      expect(await con.fetchval('select 42')).toBe(42)
    })
  })

  test('ends with the reason of its signal', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const pipelined = con.pipeline(
      (pipeline) => Promise.all([pipeline.execute('select pg_sleep(30)'), pipeline.execute('select pg_sleep(30)')]),
      { signal: controller.signal },
    )
    setTimeout(() => controller.abort(reason), 50)
    await expect(pipelined).rejects.toBe(reason)
    expect(await con.fetchval('select 42')).toBe(42)
  })
})

describe('one operation at a time', () => {
  test('a second operation is refused at once and the first is not disturbed', async () => {
    const first = con.fetchval('select 1 from pg_sleep(0.1)')
    await expect(con.fetchval('select 2')).rejects.toThrow('another operation is in progress')
    expect(await first).toBe(1)
  })
})

test('values of megabytes that follow each other without a wait arrive as they were given', async () => {
  const values = [3, 1, 2, 0.02, 3, 1.2, 0.001, 2].map((megabytes, fill) => Buffer.alloc(megabytes * 1e6, fill + 1))
  const answers = await con.pipeline((pipe) =>
    Promise.all(
      values.map((value) =>
        pipe.fetchval("select length($1) || ' of ' || get_byte($1, 0) || trim(both substr($1, 1, 1) from $1)", [value]),
      ),
    ),
  )
  // `trim` leaves nothing of a value whose bytes are all alike.
  expect(answers).toEqual(values.map((value, fill) => `${value.length} of ${fill + 1}\\x`))
})
