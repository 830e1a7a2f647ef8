/**
 * In a transaction, a pipeline describes its new texts together and before their turn. What the server refuses then is
 * described again in its turn, and a text waits for statements that may change its meaning.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Connection, connect } from 'syncpg/async'

import { startProxy } from '../../support/proxy.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

const DATABASE = 'pipeline_new_texts'
const ABORTED = { name: 'InFailedSQLTransactionError', sqlstate: '25P02' }

let texts = 0
/** A text that no connection has seen. */
const anew = (sql: string): string => `${sql} /* ${texts++} */`

function server(options: { transport?: 'unix' | 'tcp' } = {}): string {
  return sharedServer().dsn({ ...options, database: DATABASE })
}

beforeAll(() => askServer(sharedServer(), `create database ${DATABASE}`))
afterAll(() => askServer(sharedServer(), `drop database ${DATABASE} with (force)`))

describe.each(['unix', 'pglite'] as const)('%s:', (transport) => {
  let con: Connection

  beforeAll(async () => {
    con = await connect(transport === 'pglite' ? 'pglite:' : server())
  })
  beforeEach(async () => {
    await con.execute(`
      drop schema if exists other cascade; drop table if exists t; create schema other;
      create table t (id int primary key, v text); create table other.t (id int, v int);
      insert into t values (1, 'one'); insert into other.t values (2, 22)`)
    await con.execute('begin')
  })
  afterAll(() => con.close())

  test('a text sees what the statements before it have created, changed and set', async () => {
    const results = await con.pipeline(async (pipeline) => {
      const asked = [
        pipeline.fetchval(anew('select v from t')),
        pipeline.execute(anew('alter table t alter v type int using length(v)')),
        pipeline.fetchval(anew('select v from t')),
        pipeline.execute(anew('insert into t values ($1, $2)'), [3, 30]),
        pipeline.execute(anew('create table made (a int[])')),
        pipeline.execute(anew('insert into made values ($1)'), [[1, 2]]),
        pipeline.fetchval(anew('select a from made')),
        pipeline.execute(anew('set local search_path = other')),
        pipeline.fetchval(anew('select v from t')),
        pipeline.fetchval(anew("select set_config('search_path', $1, true)"), ['public']),
        pipeline.fetchval(anew('select sum(v)::int from t')),
      ]
      return Promise.all(asked)
    })
    expect(results).toEqual([
      'one',
      'ALTER TABLE',
      3,
      'INSERT 0 1',
      'CREATE TABLE',
      'INSERT 0 1',
      [1, 2],
      'SET',
      22,
      'public',
      33,
    ])
    await con.execute('rollback')
  })

  test.each([0, 2, 100])('a text is described once, with a cache of %i statements', async (statementCacheSize) => {
    const own = await connect(transport === 'pglite' ? 'pglite:' : server(), { statementCacheSize })
    if (transport === 'pglite') await own.execute("create table t (id int, v text); insert into t values (1, 'one')")
    const insert = anew('insert into t values ($1, $2)')
    await own.transaction(() =>
      own.pipeline((pipeline) =>
        Promise.all(Array.from({ length: 10 }, (_, id) => pipeline.execute(insert, [id + 10, `v${id}`]))),
      ),
    )
    expect(await own.fetchval('select count(*)::int from t')).toBe(11)
    const count = 'select count(*)::int from pg_prepared_statements where statement = $1'
    expect(await own.fetchval(count, [insert])).toBe(statementCacheSize === 0 ? 0 : 1)
    await own.close()
    await con.execute('rollback')
  })

  test('after a refused text the statements before it have run, and those after it are refused', async () => {
    const outcomes = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.execute(anew('insert into t values ($1)'), [5]),
        pipeline.fetch(anew('select no_column from t where id = $1'), [1]),
        pipeline.fetchval(anew('select count(*)::int from t')),
        pipeline.execute(anew('rollback')),
        pipeline.fetchval(anew('select count(*)::int from t')),
      ]),
    )
    expect(outcomes).toMatchObject([
      { value: 'INSERT 0 1' },
      { reason: { name: 'UndefinedColumnError' } },
      { reason: { ...ABORTED, cause: { sqlstate: '42703' } } },
      { value: 'ROLLBACK' },
      { value: 1 },
    ])
  })

  test('after a statement that fails when it runs, the statements after it are refused', async () => {
    const outcomes = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.execute(anew('insert into t values ($1)'), [1]),
        pipeline.fetchval(anew('select count(*)::int from t')),
        pipeline.fetchval(anew('select count(*)::int from t where id = $1'), [1]),
      ]),
    )
    expect(outcomes).toMatchObject([
      { reason: { name: 'UniqueViolationError' } },
      { reason: { ...ABORTED, cause: { sqlstate: '23505' } } },
      { reason: { ...ABORTED, cause: { sqlstate: '23505' } } },
    ])
    expect(con.transactionStatus).toBe('failed')
    await con.execute('rollback')
  })
})

describe('with another session', () => {
  let con: Connection
  let dba: Connection

  beforeAll(async () => {
    con = await connect(server())
    dba = await connect(server())
    await dba.execute('drop table if exists t; create table t (id int primary key, v text)')
    await dba.execute("create table slow (id int); create table locked (id int); insert into t values (1, 'one')")
  })
  beforeEach(() => con.execute('begin'))
  afterAll(async () => {
    await con.close()
    await dba.close()
  })

  /** Resolves when the session waits for a lock. */
  async function waits(pid = con.backendPid): Promise<void> {
    const waiting = "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'"
    while ((await dba.fetchval<bigint>(waiting, [pid])) === 0n);
  }

  test('the locks of an accepted text are kept until it runs', async () => {
    await dba.execute('begin')
    await dba.execute('update t set v = v where id = 1')
    const piped = con.pipeline((pipeline) =>
      Promise.all([
        pipeline.execute(anew('update t set v = $1 where id = 1'), ['two']),
        pipeline.fetch(anew('select * from slow')),
      ]),
    )
    await waits()
    const held = "select mode from pg_locks where pid = $1 and relation = 'slow'::regclass"
    expect(await dba.fetchval(held, [con.backendPid])).toBe('AccessShareLock')
    await dba.execute('rollback')
    expect(await piped).toEqual(['UPDATE 1', []])
    await con.execute('rollback')
  })

  test('a description that is cancelled fails its statement and the transaction', async () => {
    await dba.execute('begin; lock table locked')
    const piped = con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.fetchval(anew('select v from t')),
        pipeline.fetch(anew('select * from locked where id = $1'), [1]),
        pipeline.fetchval(anew('select v from t')),
      ]),
    )
    await waits()
    await con.cancel()
    expect(await piped).toMatchObject([
      { value: 'one' },
      { reason: { name: 'QueryCanceledError' } },
      { reason: { ...ABORTED, cause: { sqlstate: '57014' } } },
    ])
    expect(con.transactionStatus).toBe('failed')
    await dba.execute('rollback')
    await con.execute('rollback')
  })

  test.each(['timeout', 'signal'] as const)(
    'a %s ends a pipeline that describes, and nothing of it runs',
    async (by) => {
      await dba.execute('begin; lock table locked')
      const aborter = new AbortController()
      const settled: PromiseSettledResult<unknown>[] = []
      const piped = con.pipeline(
        async (pipeline) => {
          const asked = [
            pipeline.fetch(anew('select * from locked where id = $1'), [1]),
            pipeline.fetch(anew('select * from locked')),
            pipeline.execute(anew('insert into t values ($1)'), [9]),
          ]
          settled.push(...(await Promise.allSettled(asked)))
        },
        by === 'timeout' ? { timeout: 100 } : { signal: aborter.signal },
      )
      if (by === 'signal') void waits().then(() => aborter.abort())
      await expect(piped).rejects.toMatchObject({ name: by === 'timeout' ? 'QueryTimeoutError' : 'AbortError' })
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      await dba.execute('rollback')
      await con.execute('rollback')
      expect(await con.fetchval('select count(*)::int from t')).toBe(1)
    },
  )

  test('all statements fail when the connection is lost during a description', async () => {
    const lost = await connect(server())
    await lost.execute('begin')
    await dba.execute('begin; lock table locked')
    const piped = lost.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.fetch(anew('select * from locked where id = $1'), [1]),
        pipeline.fetchval(anew('select v from t')),
        pipeline.execute(anew('create table never (a int)')),
        pipeline.execute(anew('insert into never values ($1)'), [1]),
      ]),
    )
    await waits(lost.backendPid)
    await dba.execute('select pg_terminate_backend($1)', [lost.backendPid])
    const outcomes = await piped
    expect(outcomes[0]).toMatchObject({ reason: { sqlstate: '57P01' } })
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
    await dba.execute('rollback')
    expect(lost.isClosed).toBe(true)
    await con.execute('rollback')
  })
})

test('a refused description is invisible to the statements around it, wherever the answers are cut', async () => {
  const proxy = await startProxy(sharedServer())
  const url = new URL(server({ transport: 'tcp' }))
  url.port = String(proxy.port)
  const con = await connect(url.href)
  for (let chunkBytes = 60; chunkBytes <= 700; chunkBytes += 20) {
    await con.execute('drop type if exists pair; create type pair as (x int, y text)')
    proxy.setFaults('toClient', { chunkBytes })
    await con.execute('begin')
    const outcomes = await con.pipeline((pipeline) =>
      Promise.allSettled([
        pipeline.fetchval(anew("select row(1, 'a')::pair")),
        pipeline.fetchval(anew('select $1::pair'), [[2, 'b']]),
        pipeline.fetch(anew('select no_column')),
        pipeline.fetch(anew('select no_column')),
      ]),
    )
    proxy.setFaults('toClient', {})
    const values = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? { ...(outcome.value as object) } : null))
    expect(values, `pieces of ${chunkBytes} bytes`).toEqual([{ x: 1, y: 'a' }, { x: 2, y: 'b' }, null, null])
    await con.execute('rollback')
  }
  await con.close()
  await proxy.close()
})
