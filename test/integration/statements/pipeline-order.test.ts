/**
 * A pipeline sends statements in the order of the calls, whether they are known or new, and keeps no stale statement.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Connection, type Pipeline, connect } from 'syncpg/async'

import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const DATABASE = 'pipeline_order'

describe.each(['unix', 'tls', 'pglite'] as const)('%s:', (transport) => {
  let con: Connection
  let dba: Connection

  beforeAll(async () => {
    if (transport !== 'pglite') await createDatabase(sharedServer(), `${DATABASE}_${transport}`)
    const dsn =
      transport === 'pglite' ? 'pglite:' : sharedServer().dsn({ transport, database: `${DATABASE}_${transport}` })
    con = await connect(dsn)
    // An embedded database has one session.
    dba = transport === 'pglite' ? con : await connect(dsn)
    await con.execute('create table t (id serial, v text)')
  })
  beforeEach(() => con.execute('truncate t restart identity'))
  afterAll(async () => {
    if (dba !== con) await dba.close()
    await con.close()
    if (transport !== 'pglite') await askServer(sharedServer(), `drop database ${DATABASE}_${transport} with (force)`)
  })

  let texts = 0
  /** A text that the connection has not seen. */
  const anew = (sql: string): string => `${sql} /* ${texts++} */`
  const known = 'select count(*)::int from t'

  const KINDS: readonly ((pipeline: Pipeline, step: number) => Promise<unknown>)[] = [
    (pipeline) => pipeline.fetchval(known),
    (pipeline) => pipeline.fetchval(anew(known)),
    (pipeline) => pipeline.fetchval(anew('select count(*)::int from t where $1 is not null'), ['x']),
    (pipeline, step) => pipeline.execute('insert into t (v) values ($1)', [`known ${step}`]),
    (pipeline, step) => pipeline.execute(anew('insert into t (v) values ($1)'), [`new ${step}`]),
    (pipeline, step) => pipeline.execute(anew(`insert into t (v) values ('text ${step}')`)),
    (pipeline) => pipeline.fetchval(anew('insert into t (v) values (concat($1, $2)) returning id'), [1, new Date(0)]),
    (pipeline) => pipeline.execute(anew('delete from t where v = any($1)'), [['known 1', 'new 2']]),
  ]

  test.each([false, true])(
    'random statements give the results of running them one by one, in a transaction: %s',
    async (isInside) => {
      for (let i = 0; i < 3; i += 1) await con.fetchval(known)
      const run = async (kinds: readonly number[], isPiped: boolean): Promise<unknown> => {
        await con.execute('truncate t restart identity')
        if (isInside) await con.execute('begin')
        const results = isPiped
          ? await con.pipeline((pipeline) => Promise.all(kinds.map((kind, step) => KINDS[kind]!(pipeline, step))))
          : await oneByOne(kinds)
        const rows = (await con.fetch('select id, v from t order by id')).map((row) => [...row])
        if (isInside) await con.execute('commit')
        return [results, rows]
      }
      const oneByOne = async (kinds: readonly number[]): Promise<unknown[]> => {
        const results: unknown[] = []
        for (const [step, kind] of kinds.entries()) results.push(await con.pipeline((one) => KINDS[kind]!(one, step)))
        return results
      }
      const kinds = fc.array(fc.nat(KINDS.length - 1), { maxLength: 12 })
      await fc.assert(
        fc.asyncProperty(kinds, async (chosen) => {
          expect(await run(chosen, true)).toEqual(await run(chosen, false))
        }),
        { numRuns: transport === 'unix' ? 60 : 15 },
      )
    },
  )

  test('a text that is refused does not fail an earlier statement', async () => {
    await con.execute('begin')
    const results = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.execute(anew('insert into t (v) values ($1)'), ['kept']),
        pipeline.fetchval(anew('select no_column from t where $1 > 0'), [1]),
        pipeline.fetchval(known),
      ]),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    await con.execute('rollback')
  })

  test.each([false, true])('types come from the values, in a transaction: %s', async (isInside) => {
    if (isInside) await con.execute('begin')
    const asked = await con.pipeline((pipeline) =>
      Promise.all([
        pipeline.fetchval('select concat($1, $2)', ['a', 1]),
        pipeline.fetchval('select concat($1, $2)', [1.5, true]),
        pipeline.fetchval('select $1 is null', [7]),
        pipeline.fetchval("select jsonb_build_object('a', $1)", [7]),
        pipeline.fetchval('select 1'),
      ]),
    )
    expect(asked).toEqual(['a1', '1.5t', false, { a: 7 }, 1])
    if (isInside) await con.execute('commit')
  })

  test('a guessed type does not fail a transaction that the pipeline has begun', async () => {
    const results = await con.pipeline((pipeline) =>
      Promise.all([
        pipeline.execute('begin'),
        pipeline.fetchval(anew("select coalesce($1, '')"), [5]),
        pipeline.fetchval(anew('select concat($1)'), [5]),
        pipeline.execute('commit'),
      ]),
    )
    expect(results).toEqual(['BEGIN', '5', '5', 'COMMIT'])
  })

  test.skipIf(transport === 'pglite')(
    "a statement that is stale by another session's change fails at most once",
    async () => {
      await dba.execute('create table s (v int)')
      const insert = 'insert into s (v) values ($1)'
      for (let i = 0; i < 3; i += 1) await con.pipeline((pipeline) => pipeline.execute(insert, [i]))
      for (let i = 0; i < 3; i += 1) await con.pipeline((pipeline) => pipeline.fetch('select * from s'))
      await dba.execute('alter table s alter v type bigint')
      await con.pipeline((pipeline) => pipeline.execute(insert, [2n ** 40n]))
      await con.pipeline((pipeline) => pipeline.fetch('select * from s')).catch(() => {})
      expect(await con.pipeline((pipeline) => pipeline.fetch('select * from s'))).toHaveLength(4)
      await con.execute("do $$ begin execute 'deallocate all'; end $$")
      await dba.execute('drop table s')
    },
  )

  test.skipIf(transport === 'pglite')(
    'a statement that waits for its turn is refused when the time is up',
    async () => {
      const insert = 'insert into t (v) values ($1)'
      for (let i = 0; i < 3; i += 1) await con.execute(insert, ['known'])
      await dba.execute('create table locked (v int)')
      await dba.execute('begin; lock table locked')
      const settled: PromiseSettledResult<unknown>[] = []
      const waiting = con.pipeline(
        async (pipeline) => {
          // The description of this text waits for the lock.
          const asked = [pipeline.execute('select from locked where v = $1', [1]), pipeline.execute(insert, ['late'])]
          settled.push(...(await Promise.allSettled(asked)))
        },
        { timeout: 100 },
      )
      await expect(waiting).rejects.toMatchObject({ name: 'QueryTimeoutError' })
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      await dba.execute('rollback')
      expect(await con.fetchval(known)).toBe(3)
    },
  )

  test('thousands of statements run behind one that has to be described', async () => {
    const answers = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.fetchval(anew('select $1::int'), [1]),
        ...Array.from({ length: 2_000 }, () => pipeline.fetchval('select $1::int', ['a'])),
        pipeline.fetchval(known),
      ]),
    )
    expect(answers[0]).toMatchObject({ value: 1 })
    expect(answers.at(-1)).toMatchObject({ value: 0 })
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(2_000)
  })
})
