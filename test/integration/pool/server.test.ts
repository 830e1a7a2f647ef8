/**
 * The pool on a real server: traffic, the reset after each use, and servers that end connections or stop. vitest fails
 * the run for an unhandled error.
 */
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { PoolTimeoutError } from '../../../src-async/errors/client-errors.ts'
import type { CallOptions } from '../../../src-async/call-options.ts'
import { AdminShutdownError } from '../../../src-async/errors/sqlstates.ts'
import { OperationalError } from '../../../src-async/errors/tree.ts'
import { createPool } from '../../../src-async/pool/create-pool.ts'
import type { Pool } from '../../../src-async/pool/pool.ts'
import type { PoolOptions } from '../../../src-async/pool/pool-options.ts'
import { startServer, type TestServer } from '../../support/postgres-server.ts'
import { startProxy } from '../../support/proxy.ts'
import { askServer, endBackend, freshDatabase, sharedServer } from '../../support/shared-server.ts'

const server = sharedServer()
async function open(options: PoolOptions = {}, dsn = server.dsn()): Promise<Pool> {
  const pool = await createPool(dsn, options)
  onTestFinished(() => pool.terminate())
  return pool
}

async function kill(backendPid: number): Promise<void> {
  await endBackend(server, backendPid)
}

describe('the time limit and the signal of a call cover the wait for a connection', () => {
  const calls: [string, (pool: Pool, options: CallOptions, source: Iterable<string>) => Promise<unknown>][] = [
    ['execute', (pool, options) => pool.execute(INSERT, [], options)],
    ['query', (pool, options) => pool.query(INSERT, [], options)],
    ['fetch', (pool, options) => pool.fetch(INSERT, [], options)],
    ['fetchrow', (pool, options) => pool.fetchrow(INSERT, [], options)],
    ['fetchval', (pool, options) => pool.fetchval(INSERT, [], 0, options)],
    ['executemany', (pool, options) => pool.executemany(INSERT, [[]], options)],
    ['fetchmany', (pool, options) => pool.fetchmany(INSERT, [[]], options)],
    ['copyToTable', (pool, options, source) => pool.copyToTable('late', { ...options, source })],
    ['copyFromTable', (pool, options) => pool.copyFromTable('late', { ...options, output() {} })],
    ['copyFromQuery', (pool, options) => pool.copyFromQuery('select 1', [], { ...options, output() {} })],
    [
      'copyRecordsToTable',
      (pool, options, source) => pool.copyRecordsToTable('late', { ...options, records: source as Iterable<never> }),
    ],
  ]
  const INSERT = 'insert into late values (1) returning id'

  test.each(calls)('of %s', async (_name, call) => {
    const pool = await open({ maxSize: 1, acquireTimeout: 60_000 })
    const con = await pool.acquire()
    await con.execute('create temp table late (id int)')
    let hasRead = false
    // oxlint-disable-next-line require-yield
    const source = (function* read(): Generator<string> {
      hasRead = true
    })()
    await expect(call(pool, { timeout: 20 }, source)).rejects.toMatchObject({
      name: 'PoolTimeoutError',
      message: expect.stringContaining('no connection became free within 20 ms: 1 of at most 1'),
      notStarted: true,
    })
    const controller = new AbortController()
    const { signal } = controller
    const reason = new Error('the user has left')
    const aborted = call(pool, { signal }, source)
    expect(pool.getWaitingCount()).toBe(1)
    controller.abort(reason)
    await expect(aborted).rejects.toBe(reason)
    const refused = call(pool, { signal }, source)
    expect(pool.getWaitingCount()).toBe(0)
    await expect(refused).rejects.toBe(reason)
    expect([hasRead, await con.fetchval('select count(*)::int from late')]).toEqual([false, 0])
    await pool.release(con)
    await expect(call(pool, { signal }, source)).rejects.toBe(reason)
    expect(await pool.fetchval('select count(*)::int from late')).toBe(0)
    await call(pool, { timeout: 60_000, signal: new AbortController().signal }, [])
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(con.backendPid)
  })

  test('of an embedded database', async () => {
    const pool = await open({}, 'pglite:')
    const con = await pool.acquire()
    await expect(pool.fetchval('select 1', [], 0, { timeout: 20 })).rejects.toBeInstanceOf(PoolTimeoutError)
    await expect(pool.fetchval('select 1', [], 0, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    await pool.release(con)
    expect(await pool.fetchval('select 7')).toBe(7)
  })

  test('the statement gets what the wait has left', async () => {
    const pool = await open({ maxSize: 1 })
    const con = await pool.acquire()
    const call = pool.fetchval('select pg_sleep(60)', [], 0, { timeout: 1000 })
    const failure = call.catch((error: unknown) => error)
    await con.execute('select pg_sleep(0.2)')
    await pool.release(con)
    const { name, message } = (await failure) as Error
    const left = Number(/time limit of (\d+) ms/.exec(message)?.[1])
    expect([name, left > 0, left <= 800]).toEqual(['QueryTimeoutError', true, true])
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(con.backendPid)
  })

  test('a signal that aborts after the wait cancels the statement', async () => {
    const pool = await open({ maxSize: 1 })
    const con = await pool.acquire()
    const controller = new AbortController()
    const call = pool.execute('select pg_sleep(60)', [], { signal: controller.signal })
    const failure = call.catch((error: unknown) => error)
    await pool.release(con)
    const isRunning = "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'"
    await vi.waitUntil(async () => (await askServer(server, isRunning, [con.backendPid])).length > 0)
    controller.abort('enough')
    expect(await failure).toBe('enough')
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(con.backendPid)
  })

  test.each([60_000, null, 0, Infinity, undefined])(
    'acquireTimeout ends a wait before a timeout of %s',
    async (timeout) => {
      const pool = await open({ maxSize: 1, acquireTimeout: 20 })
      await pool.acquire()
      await expect(pool.fetch('select 1', [], { timeout })).rejects.toThrow('no connection became free within 20 ms')
    },
  )

  test('nothing runs when the limit passes while the thread is blocked', async () => {
    const pool = await open({ maxSize: 1 })
    const con = await pool.acquire()
    const endsMs = performance.now() + 30
    const call = pool.execute('create temp table late (id int)', [], { timeout: 20 })
    void pool.release(con)
    while (performance.now() < endsMs);
    await expect(call).rejects.toMatchObject({
      name: 'PoolTimeoutError',
      message: expect.stringContaining('pool.execute: the time limit of 20 ms passed while the call waited'),
      notStarted: true,
    })
    expect(await pool.fetchval(`select to_regclass('late')::text`)).toBe(null)
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(con.backendPid)
  })

  test('the limit covers the setup hook', async () => {
    const pool = await open({ maxSize: 1, setup: () => new Promise(() => {}) })
    await expect(pool.fetch('select 1', [], { timeout: 20 })).rejects.toMatchObject({
      name: 'PoolTimeoutError',
      message: expect.stringContaining('the setup hook did not end within 20 ms'),
      notStarted: true,
    })
  })

  test.each([{ timeout: 'soon' }, { signal: 'abort' }])(
    'a call with %o is refused before it waits',
    async (options) => {
      const pool = await open({ maxSize: 1 })
      await pool.acquire()
      const call = pool.fetchval('select 1', [], 0, options as never)
      expect(pool.getWaitingCount()).toBe(0)
      await expect(call).rejects.toThrow(/^fetchval: (timeout|signal): expected /)
    },
  )
})

describe('traffic', () => {
  test("a release that does not wait undoes the lease's changes too", async () => {
    const pool = await open({ maxSize: 1 })
    await pool.fetchval('select 1')
    const con = await pool.acquire()
    await con.fetchval('select pg_advisory_lock(77)')
    await pool.release(con, { awaitReset: false })
    await pool.withConnection((next) => next.fetchval(`select set_config('search_path', 'nowhere', false)`), {
      awaitReset: false,
    })
    const locks = `select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
    expect([await pool.fetchval(locks), await pool.fetchval('show search_path')]).toEqual([0, '"$user", public'])
  })

  test('a reset hook that fails after a release that does not wait is reported', async () => {
    const reported: unknown[] = []
    const failure = new Error('the hook failed')
    const told = new Promise<void>((resolve) => {
      void open({
        maxSize: 1,
        reset: () => Promise.reject(failure),
        onError: (error) => {
          reported.push(error)
          resolve()
        },
      }).then((pool) => pool.withConnection((con) => con.execute('select 1'), { awaitReset: false }))
    })
    await told
    expect(reported).toEqual([failure])
  })

  describe('with reset: null', () => {
    test('the next holder has the settings and locks of the last one, and nothing is sent at a release', async () => {
      const pool = await open({ maxSize: 1, reset: null })
      const pid = await pool.withConnection(async (con) => {
        await con.execute("set search_path = 'mine'")
        await con.fetchval('select pg_advisory_lock(78)')
        return con.fetchval('select pg_backend_pid()')
      })
      const [path, locks] = [
        await pool.fetchval('show search_path'),
        await pool.fetchval(
          `select count(*)::int from pg_locks where locktype = 'advisory' and objid = 78 and pid = pg_backend_pid()`,
        ),
      ]
      // pg_stat_activity shows the last statement of a session, which a reset would have replaced.
      const last = await askServer(server, 'select query from pg_stat_activity where pid = $1', [pid])
      expect([path, locks]).toEqual(['mine', 1])
      expect(last).toEqual([{ query: expect.stringContaining('pg_locks') }])
    })

    test('an open transaction is rolled back, also after a failed or cancelled statement', async () => {
      const pool = await open({ maxSize: 1, reset: null })
      await pool.execute('create temp table kept (id int)')
      await pool.withConnection((con) => con.execute('begin; insert into kept values (1)'))
      expect(await pool.fetchval('select count(*)::int from kept')).toBe(0)
      await expect(pool.withConnection((con) => con.execute('begin; select 1/0'))).rejects.toThrow('division by zero')
      expect(await pool.fetchval('select count(*)::int from kept')).toBe(0)
      for (let turn = 0; turn < 20; turn += 1) {
        await expect(pool.fetch('select pg_sleep(10)', [], { timeout: 5 })).rejects.toThrow('time limit')
        expect(await pool.fetchval('select count(*)::int from kept')).toBe(0)
      }
    })

    test('a statement that still runs at the release is cancelled before the next holder gets the connection', async () => {
      const pool = await open({ maxSize: 1, reset: null })
      const con = await pool.acquire()
      const running = con.fetchval('select pg_sleep(10)')
      running.catch(() => {})
      await pool.release(con)
      await expect(running).rejects.toThrow('canceling statement')
      expect(await pool.fetchval('select 7')).toBe(7)
    })
  })

  test('a hundred tasks share ten connections', async () => {
    const pool = await open({ maxSize: 10 })
    const backends = new Set<number>()
    let tellAllAreOut: () => void = () => {}
    const allAreOut = new Promise<void>((resolve) => {
      tellAllAreOut = resolve
    })
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, number) =>
        pool.withConnection(async (con) => {
          // No caller releases its connection before all ten are lent.
          if (backends.add(con.backendPid).size === 10) tellAllAreOut()
          await allAreOut
          return con.fetchval<number>('select $1::int', [number])
        }),
      ),
    )
    expect(results).toEqual(Array.from({ length: 100 }, (_, number) => number))
    expect(backends.size).toBe(10)
    await pool.close()
  })

  test('queries of the pool run on any connection', async () => {
    const database = await freshDatabase()
    const pool = await open({}, server.dsn({ database }))
    await pool.execute('create table t (a int, b text)')
    await pool.executemany('insert into t values ($1, $2)', [
      [1, 'x'],
      [2, 'y'],
    ])
    await pool.copyRecordsToTable('t', { records: [[3, 'z']] })
    const { rows, tag, rowCount } = await pool.query('select a from t where a = $1', [3])
    expect([rows.map((row) => row['a']), tag, rowCount]).toEqual([[3], 'SELECT 1', 1])
    expect(await pool.fetchval({ sql: 'select count(*)::int from t where a < $1', parameters: [3] })).toBe(2)
    const chunks: Uint8Array[] = []
    await pool.copyFromQuery('select a from t order by a', [], {
      output: (chunk: Uint8Array) => void chunks.push(chunk),
    })
    expect([
      await pool.fetchval('select count(*)::int from t'),
      (await pool.fetchrow('select b from t where a = $1', [2]))?.b,
      (await pool.fetch('select a from t')).length,
      Buffer.concat(chunks).toString(),
    ]).toEqual([3, 'y', 3, '1\n2\n3\n'])
    await pool.close()
  })

  test("codecs and row factories of the pool's options apply to each connection", async () => {
    const pool = await open({ maxSize: 2, types: { int8: 'number' } })
    const all = await Promise.all([pool.acquire(), pool.acquire()])
    expect(await Promise.all(all.map((con) => con.fetchval('select 1::int8')))).toEqual([1, 1])
    await Promise.all(all.map((con) => pool.release(con)))
    expect(await pool.fetch('select 1 as a', [], { rowFactory: 'array' })).toEqual([[1]])
    await pool.close()
  })

  test('a pool that is closed under load leaves no session on the server', async () => {
    const database = await freshDatabase()
    const pool = await open({ maxSize: 5 }, server.dsn({ database }))
    const calls = Array.from({ length: 400 }, () => pool.execute('select pg_sleep(0.01)'))
    const outcomes = Promise.allSettled(calls)
    await vi.waitUntil(() => pool.getSize() === 5)
    await pool.close()
    const states = (await outcomes).map(({ status }) => status)
    expect(new Set(states)).toEqual(new Set(['fulfilled', 'rejected']))
    await vi.waitUntil(async () => (await sessions(database)) === 0)
  })

  test('aborted acquires and cancelled statements lose no connection of the pool', async () => {
    const pool = await open({ maxSize: 3 })
    await Promise.allSettled(
      Array.from({ length: 60 }, (_, number) =>
        pool.withConnection((con) => con.execute('select pg_sleep(0.02)', [], { timeout: 1 + (number % 30) }), {
          signal: AbortSignal.timeout(1 + (number % 40)),
        }),
      ),
    )
    await vi.waitUntil(() => pool.getIdleSize() === pool.getSize())
    expect(await Promise.all(Array.from({ length: 30 }, () => pool.fetchval('select 1')))).toEqual(Array(30).fill(1))
    await pool.close()
  })
})

async function sessions(database: string): Promise<number> {
  const sql = 'select count(*)::int as count from pg_stat_activity where datname = $1'
  const [row] = await askServer<{ count: number }>(server, sql, [database])
  return row?.count ?? -1
}

const FUNCTIONS = `
  create function leave_all() returns text language plpgsql as $$ begin
    perform set_config('search_path', 'nowhere', false), set_config('statement_timeout', '12345', false);
    perform pg_catalog.pg_advisory_lock(7);
    execute 'listen news';
    execute 'declare c cursor with hold for select 1';
    perform set_config('role', 'pg_monitor', false);
    return 'left';
  end $$;
  create function forget_statements() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$`

const STATE = `select current_setting('search_path') as path, current_setting('statement_timeout') as timeout,
  (select count(*)::int from pg_listening_channels()) as channels,
  (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  (select count(*)::int from pg_cursors where name = 'c') as cursors,
  current_user::text = session_user::text as own`
const CLEAN = { path: '"$user", public', timeout: '0', channels: 0, locks: 0, cursors: 0, own: true }

/** A pool whose connection has been reset before, on a database with functions that change their session. */
async function openWithFunctions(options: PoolOptions): Promise<Pool> {
  const pool = await open(options, server.dsn({ database: await freshDatabase() }))
  await pool.execute(FUNCTIONS)
  // The first reset is awaited. The second one prepares its commands.
  await pool.fetchval('select 1')
  await pool.fetchval('select 2')
  return pool
}

describe('the changes that a lease leaves in the session', () => {
  test('are gone for the next lease: transaction, settings, locks, cursors, subscriptions, roles', async () => {
    const database = await freshDatabase()
    const pool = await open({ maxSize: 1 }, server.dsn({ database }))
    await pool.execute('create table t (a int)')
    await pool.withConnection(async (con) => {
      await con.execute(`
        set search_path = nowhere; set statement_timeout = 12345; listen news; select pg_advisory_lock(7);
        declare c cursor with hold for select 1; set role pg_monitor`)
      await con.execute('begin; reset role; insert into public.t values (1); set role pg_monitor')
    })
    const row = await pool.fetchrow(`
      select current_setting('search_path') as path, current_setting('statement_timeout') as timeout,
        (select count(*)::int from pg_listening_channels()) as channels,
        (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
        (select count(*)::int from pg_cursors where name = 'c') as cursors,
        current_user::text = session_user::text as own, (select count(*)::int from public.t) as rows`)
    expect(Object.values({ ...(row as object) })).toEqual(['"$user", public', '0', 0, 0, 0, true, 0])
    await pool.close()
  })

  test('are gone for the next lease if a function has made them, which no command tag shows', async () => {
    const pool = await openWithFunctions({ maxSize: 1 })
    for (let round = 0; round < 5; round++) {
      // The second statement waits for the only connection and is sent behind the reset.
      const [, state] = await Promise.all([pool.fetchval('select leave_all()'), pool.fetchrow(STATE)])
      expect({ ...(state as object) }).toEqual(CLEAN)
    }
    await pool.close()
  })

  test('are undone when the connection is released, and not when it is used again', async () => {
    const pool = await openWithFunctions({ maxSize: 1 })
    const pid = await pool.fetchval('select pg_backend_pid()')
    await pool.fetchval('select leave_all()')
    const locks = "select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = $1"
    await expect.poll(() => askServer(server, locks, [Number(pid)])).toEqual([{ locks: 0 }])
    const con = await pool.acquire()
    await con.fetchval('select leave_all()')
    await pool.release(con)
    expect(await askServer(server, locks, [Number(pid)])).toEqual([{ locks: 0 }])
    await pool.close()
  })

  test('never reach the next lease, however many wait for a pool of one connection', async () => {
    const pool = await openWithFunctions({ maxSize: 1 })
    const sql = `select $1::int as number, current_setting('search_path') as path, leave_all() is null as left`
    const rows = await Promise.all(
      Array.from({ length: 300 }, (_, number) =>
        number % 7 === 0
          ? pool.withConnection(async (con) => {
              if (number % 2 === 0)
                await con.execute("set search_path = 'mine'; reset search_path; prepare p as select 1; deallocate all")
              return con.fetchrow(sql, [number])
            })
          : pool.fetchrow(sql, [number]),
      ),
    )
    expect(rows).toEqual(Array.from({ length: 300 }, (_, number) => ({ number, path: '"$user", public', left: false })))
    await pool.close()
  })

  test('are never visible to the next holder if the reset fails: the session is closed first', async () => {
    const reports: unknown[] = []
    const onError = (error: unknown, during: string): void => void reports.push(during, (error as Error).message)
    const pool = await openWithFunctions({ maxSize: 1, onError })
    const former = await pool.fetchval('select pg_backend_pid()')
    const con = await pool.acquire()
    await con.fetchval('select forget_statements()')
    const released = pool.release(con)
    const next = pool.fetchval('select 1')
    await expect(next).rejects.toThrow('the session could not be cleaned up after its last use and was closed')
    await released
    expect(reports).toEqual(['reset', expect.stringContaining('does not exist')])
    expect(await pool.fetchval('select pg_backend_pid()')).not.toBe(former)
    await pool.close()
  })

  test('are reset without the time limit and the cancel of the statement that is sent behind the reset', async () => {
    const pool = await openWithFunctions({ maxSize: 1 })
    const former = await pool.fetchval('select pg_backend_pid()')
    for (const options of [{ timeout: 50 }, { signal: AbortSignal.timeout(50) }]) {
      const [, outcome] = await Promise.allSettled([
        pool.fetchval('select leave_all()'),
        pool.execute('select pg_sleep(60)', [], options),
      ])
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: expect.stringMatching(/Timeout/) } })
      expect({ ...((await pool.fetchrow(STATE)) as object) }).toEqual(CLEAN)
    }
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(former)
    await pool.close()
  })

  test.each(['close', 'terminate'] as const)('do not keep %s() from ending', async (end) => {
    const pool = await openWithFunctions({ maxSize: 1 })
    const con = await pool.acquire()
    await con.fetchval('select leave_all()')
    const released = pool.release(con)
    await pool[end]()
    await released
    const sql = 'select count(*)::int as count from pg_stat_activity where pid = $1'
    await expect.poll(() => askServer(server, sql, [con.backendPid])).toEqual([{ count: 0 }])
  })

  test('are reset to the role and the settings with which the session began', async () => {
    const serverSettings = { role: 'pg_monitor', statement_timeout: 4321 }
    const pool = await open({ maxSize: 1, serverSettings })
    await pool.execute('reset role; set statement_timeout = 0; set session authorization default')
    expect(await pool.fetchval("select current_user::text || ' ' || current_setting('statement_timeout')")).toBe(
      'pg_monitor 4321ms',
    )
    await pool.close()
  })

  test('may be a failed transaction', async () => {
    const pool = await open({ maxSize: 1 })
    const failed = pool.withConnection((con) => con.transaction(() => con.execute('select 1/0')))
    await expect(failed).rejects.toThrow('division by zero')
    await pool.withConnection(async (con) => {
      await con.execute('begin')
      await con.execute('select 1/0').catch(() => {})
    })
    const first = await pool.fetchval('select pg_backend_pid()')
    expect([await pool.fetchval('select 1'), await pool.fetchval('select pg_backend_pid()')]).toEqual([1, first])
    await pool.close()
  })

  test('a statement that still runs is cancelled, and the connection stays usable', async () => {
    const pool = await open({ maxSize: 1 })
    const con = await pool.acquire()
    const running = con.execute('select pg_sleep(60)')
    const outcome = Promise.allSettled([running])
    await pool.release(con)
    expect((await outcome)[0]).toMatchObject({ status: 'rejected', reason: { sqlstate: '57014' } })
    expect(await pool.fetchval('select pg_backend_pid()')).toBe(con.backendPid)
    await pool.close()
  })

  test('statements, cursors and transactions of a former lease refuse calls, and those of the next lease work', async () => {
    const pool = await open({ maxSize: 1 })
    const former = await pool.acquire()
    const statement = await former.prepare('select 1 as one')
    const cursor = former.cursor('select generate_series(1, 10)')
    await pool.release(former)
    const con = await pool.acquire()
    await expect(statement.fetch()).rejects.toThrow('released back to the pool')
    await expect(
      (async () => {
        for await (const row of cursor) expect(row).toBeUndefined()
      })(),
    ).rejects.toThrow('released back to the pool')
    expect(await (await con.prepare('select 2')).fetchval()).toBe(2)
    await pool.release(con)
    await pool.close()
  })

  test('a COPY that was left open closes only its connection', async () => {
    const database = await freshDatabase()
    const pool = await open({ maxSize: 1 }, server.dsn({ database }))
    await pool.execute('create table t (a int)')
    const con = await pool.acquire()
    let started = false
    const records = (async function* (): AsyncGenerator<readonly unknown[]> {
      yield [1]
      started = true
      await new Promise(() => {})
    })()
    void con.copyRecordsToTable('t', { records }).catch(() => {})
    await vi.waitUntil(() => started)
    await pool.release(con)
    expect(await pool.fetchval('select count(*)::int from t')).toBe(0)
    await pool.close()
  })
})

describe('connections that the server ends', () => {
  test('while they are idle are replaced in the background', async () => {
    const pool = await open({ minSize: 2, maxSize: 2 })
    const before = await pool.fetchval<number>('select pg_backend_pid()')
    await kill(before!)
    await vi.waitUntil(() => pool.getIdleSize() === 2)
    const [a, b] = [await pool.acquire(), await pool.acquire()]
    expect([a.backendPid, b.backendPid]).not.toContain(before)
    expect([await a.fetchval('select 1'), await b.fetchval('select 2')]).toEqual([1, 2])
    await Promise.all([pool.release(a), pool.release(b)])
    await pool.close()
  })

  test('while they are lent out make room for others before they are released', async () => {
    const pool = await open({ maxSize: 1 })
    const con = await pool.acquire()
    const running = Promise.allSettled([con.execute('select pg_sleep(60)')])
    const waiting = pool.acquire()
    await kill(con.backendPid)
    const next = await waiting
    expect((await running)[0]).toMatchObject({ reason: expect.any(AdminShutdownError) })
    expect(await next.fetchval('select 1')).toBe(1)
    await pool.release(con)
    await pool.release(next)
    expect(pool.getSize()).toBe(1)
    await pool.close()
  })
})

describe('a server that goes away', () => {
  let own: TestServer
  beforeAll(async () => {
    own = await startServer()
    return () => own.dispose()
  })

  test.each(['fast', 'immediate'] as const)('and comes back (%s) is used by its pool again', async (mode) => {
    const reports: string[] = []
    const pool = await open({ minSize: 2, maxSize: 4, onError: (_, during) => void reports.push(during) }, own.dsn())
    const lent = await pool.acquire()
    await own.stop(mode)
    await vi.waitUntil(() => pool.getSize() === 0)
    await expect(pool.fetchval('select 1')).rejects.toBeInstanceOf(OperationalError)
    await expect(lent.execute('select 1')).rejects.toBeInstanceOf(OperationalError)
    await expect(lent.execute('select 1')).rejects.toThrow('connection is closed')
    await pool.release(lent)
    await own.start()
    expect(await pool.fetchval('select 1')).toBe(1)
    await vi.waitUntil(() => pool.getIdleSize() === 2, { timeout: 10_000 })
    expect(new Set(reports)).toEqual(new Set(['connect']))
    await pool.close()
  })
})

describe('a network that falls silent', () => {
  test('is noticed by the health check, by release and by close, each within its time limit', async () => {
    const proxy = await startProxy(server)
    onTestFinished(() => proxy.close())
    const dsn = server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`)
    const options = { maxSize: 2, healthCheckAfter: 1, healthCheckTimeout: 100, resetTimeout: 100, timeout: 300 }
    const pool = await open(options, dsn)
    const con = await pool.acquire()
    await con.execute('select 1')
    const idle = await pool.acquire()
    await pool.release(idle)
    await vi.waitUntil(() => pool.getIdleSize() === 1)
    proxy.setFaults('both', { isBlackHole: true })
    await pool.release(con)
    await expect(pool.acquire({ timeout: 1000 })).rejects.toBeInstanceOf(OperationalError)
    proxy.setFaults('both', {})
    expect(await pool.fetchval('select 1')).toBe(1)
    const held = await pool.acquire()
    proxy.setFaults('both', { isBlackHole: true })
    await expect(pool.close({ timeout: 200 })).rejects.toBeInstanceOf(PoolTimeoutError)
    await expect(held.execute('select 1')).rejects.toThrow('terminated')
  })
})

test('a reset in the background has its time limit, and so has the statement behind it', async () => {
  const proxy = await startProxy(server)
  onTestFinished(() => proxy.close())
  const dsn = server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`)
  const reports: unknown[] = []
  const onError = (error: unknown, during: string): void => void reports.push(during, (error as Error).message)
  const pool = await open({ maxSize: 1, resetTimeout: 100, onError }, dsn)
  await pool.fetchval('select 1')
  await pool.fetchval('select 2')
  const con = await pool.acquire()
  await con.execute('select 3')
  proxy.setFaults('both', { isBlackHole: true })
  const released = pool.release(con)
  await expect(pool.fetchval('select 4')).rejects.toThrow("a connection's reset did not end within its time limit")
  await released
  expect(reports).toEqual(['reset', expect.stringContaining('did not end within')])
  proxy.setFaults('both', {})
  expect(await pool.fetchval('select 5')).toBe(5)
  await pool.close()
})

test('a pool of an embedded PostgreSQL has one connection, and keeps it', async () => {
  const pool = await open({}, 'pglite:')
  await pool.execute('create table t (a int)')
  await Promise.all(Array.from({ length: 5 }, (_, number) => pool.execute('insert into t values ($1)', [number])))
  await expect(pool.expireConnections()).rejects.toThrow('ends with its connection')
  expect([await pool.fetchval('select count(*)::int from t'), pool.getMaxSize()]).toEqual([5, 1])
  await pool.close()
})
