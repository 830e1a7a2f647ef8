/**
 * How a blocked thread waits and is woken: notifications, notices, cancels from other threads. Also prepared
 * transactions.
 */
import { Worker } from 'node:worker_threads'

import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { startServer } from '../../support/postgres-server.ts'
import { runScript } from '../../support/run-script.ts'
import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const database = databaseOfFile()
let dsn: string
let con: db.Connection

beforeEach(() => {
  dsn = sharedServer().dsn({ database, transport: 'unix' })
  con = db.connect(dsn)
})
afterEach(() => {
  con[Symbol.dispose]()
})

describe('notifications', () => {
  test('two connections of one script talk to each other', () => {
    using other = db.connect(dsn, { autocommit: true })
    con.autocommit = true
    con.listen('My channel')
    other.execute("select pg_notify('My channel', 'one'), pg_notify('My channel', 'two')")
    const heard = [...con.notifies({ stopAfter: 2, timeout: 10_000 })]
    const { backendPid } = other.info
    expect(heard).toEqual([
      { channel: 'My channel', payload: 'one', backendPid },
      { channel: 'My channel', payload: 'two', backendPid },
    ])
  })

  test('a wait ends when its time is up', () => {
    con.autocommit = true
    con.listen('c')
    const startedMs = performance.now()
    expect([...con.notifies({ timeout: 300 })]).toEqual([])
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(295)
    expect(con.fetchval('select 1')).toBe(1)
  })

  test('notifications that came with a statement, and those after stopAfter, are not lost', () => {
    con.autocommit = true
    con.listen('c')
    con.execute("notify c, '1'; notify c, '2'; notify c, '3'")
    expect([...con.notifies({ stopAfter: 1 })].map(({ payload }) => payload)).toEqual(['1'])
    expect(con.poll().map(({ payload }) => payload)).toEqual(['2', '3'])
    expect(con.poll()).toEqual([])
  })

  test('two loops of one connection, used in turn, each get every notification', () => {
    con.autocommit = true
    con.listen('c')
    const [one, other] = [con.notifies({ timeout: 5000 }), con.notifies({ timeout: 5000 })]
    const heard: unknown[] = []
    for (const payload of ['1', '2', '3']) {
      con.execute('select pg_notify(%s, %s)', ['c', payload])
      heard.push(one.next().value?.payload, other.next().value?.payload)
    }
    expect(heard).toEqual(['1', '1', '2', '2', '3', '3'])
    one.return()
    con.execute("notify c, '4'")
    expect([one.next().done, other.next().value?.payload]).toEqual([true, '4'])
    other.return()
    expect(con.poll()).toEqual([])
  })

  test('a loop begins with the notifications that no loop has read, and poll takes none from it', () => {
    con.autocommit = true
    con.listen('c')
    const [unread, reader] = [con.notifies({ timeout: 5000 }), con.notifies({ timeout: 5000 })]
    con.execute("notify c, '1'; notify c, '2'; notify c, '3'")
    expect(reader.next().value?.payload).toBe('1')
    unread.return()
    const later = con.notifies({ timeout: 5000 })
    expect(con.poll().map(({ payload }) => payload)).toEqual(['2', '3'])
    expect([later.next().value?.payload, reader.next().value?.payload]).toEqual(['2', '2'])
  })

  test('a loop that takes nothing fails when it is 100,000 notifications behind, and the other one continues', () => {
    con.autocommit = true
    con.listen('c')
    const forgotten = con.notifies({ timeout: 5000 })
    const reader = con.notifies({ timeout: 0 })
    con.execute("select pg_notify('c', i::text) from generate_series(1, 100001) i")
    expect([...reader]).toHaveLength(100_001)
    expect(failureOf(() => forgotten.next())).toBeInstanceOf(db.OperationalError)
    expect(forgotten.next().done).toBe(true)
  })

  test('closing the connection ends every loop, after the notifications that have arrived', () => {
    con.autocommit = true
    con.listen('c')
    const other = con.notifies({ timeout: 5000 })
    const heard: string[] = []
    con.execute("notify c, '1'; notify c, '2'")
    for (const { payload } of con.notifies({ timeout: 5000 })) {
      heard.push(payload)
      if (payload === '1') con.close()
    }
    expect(heard).toEqual(['1', '2'])
    expect([...other].map(({ payload }) => payload)).toEqual(['1', '2'])
    expect(failureOf(() => con.notifies())).toBeInstanceOf(db.InterfaceError)
  })

  test('a channel name may have 63 bytes; a longer one is refused before anything is sent', () => {
    con.autocommit = true
    const longest = `${'ä'.repeat(31)}x`
    con.listen(longest)
    con.execute('select pg_notify(%s, %s)', [longest, 'heard'])
    expect([...con.notifies({ stopAfter: 1, timeout: 5000 })]).toMatchObject([{ channel: longest, payload: 'heard' }])
    con.unlisten(longest)
    con.addNoticeListener(({ message }) => expect.unreachable(message))
    for (const call of [() => con.listen(`${longest}y`), () => con.unlisten('ä'.repeat(32))]) {
      const failure = failureOf(call)
      expect(failure).toBeInstanceOf(db.ProgrammingError)
      expect(failure.message).toMatch(
        /listen: the channel name is 64 bytes long, and PostgreSQL takes 63 bytes at most/,
      )
    }
    expect(con.fetchval('select count(*) from pg_listening_channels()')).toBe(0n)
  })

  test('poll returns the notifications that have arrived, without waiting', () => {
    using other = db.connect(dsn, { autocommit: true })
    con.autocommit = true
    con.listen('c')
    other.execute("notify c, 'x'")
    let heard: db.Notification[] = []
    // The server has answered the sender before it tells the listeners.
    const untilMs = performance.now() + 10_000
    while (heard.length === 0 && performance.now() < untilMs) heard = con.poll()
    expect(heard.map(({ payload }) => payload)).toEqual(['x'])
    con.unlisten('c')
    other.execute("notify c, 'y'")
    con.ping()
    expect(con.poll()).toEqual([])
  })

  test('a wait inside a transaction is refused, because it would never end', () => {
    con.listen('c')
    expect(con.info.status).toBe('in-transaction')
    expect(failureOf(() => con.notifies())).toBeInstanceOf(db.ProgrammingError)
    con.commit()
    expect([...con.notifies({ timeout: 0 })]).toEqual([])
    expect(failureOf(() => con.notifies({ stopAfter: 0 }))).toBeInstanceOf(db.ProgrammingError)
  })

  test('the wait ends when the server goes away', () => {
    using other = db.connect(dsn, { autocommit: true })
    con.autocommit = true
    con.listen('c')
    other.execute('select pg_terminate_backend(%s)', [con.info.backendPid])
    expect(failureOf(() => [...con.notifies({ timeout: 15_000 })])).toBeInstanceOf(db.DbError)
    expect(con.closed).toBe(true)
  })
})

describe('notices', () => {
  test('reach the listener while the statement runs, in order, before its result', () => {
    const heard: [string, number][] = []
    const startedMs = performance.now()
    con.addNoticeListener((notice) => heard.push([notice.primaryMessage, performance.now() - startedMs]))
    con.execute("do $$ begin for i in 1..4 loop raise notice '%', i; perform pg_sleep(0.25); end loop; end $$")
    const endedMs = performance.now() - startedMs
    expect(heard.map(([text]) => text)).toEqual(['1', '2', '3', '4'])
    // The first notification arrived long before the end, which came a second later.
    expect(endedMs - (heard[0]?.[1] ?? endedMs)).toBeGreaterThan(700)
  })

  test('a listener may cancel the running statement, and may not run statements', () => {
    let refusal: db.DbError | null = null
    const listener = (): void => {
      refusal = failureOf(() => con.execute('select 1'))
      con.cancel()
    }
    con.addNoticeListener(listener)
    const failure = failureOf(() => con.execute("do $$ begin raise notice 'now'; perform pg_sleep(30); end $$"))
    expect([refusal, failure]).toEqual([expect.any(db.InterfaceError), expect.any(db.QueryCanceledError)])
    con.removeNoticeListener(listener)
    con.rollback()
    expect(con.fetchval('select 1')).toBe(1)
  })

  test('the call throws the error of its listener, and the connection stays usable', () => {
    const own = new Error('mine')
    const listener = (): void => {
      throw own
    }
    con.addNoticeListener(listener)
    expect(() => con.execute("do $$ begin raise notice 'x'; end $$")).toThrow(own)
    con.removeNoticeListener(listener)
    con.rollback()
    expect(con.fetchval('select 7')).toBe(7)
  })
})

describe('a cancel token', () => {
  const CANCELLER = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.url).then(({ cancel }) => {
      Atomics.store(workerData.ready, 0, 1)
      Atomics.notify(workerData.ready, 0)
      setTimeout(() => cancel(workerData.token), 300)
    })`

  test('ends the statement of another thread, and the connection stays usable', async () => {
    const source = `
      import { Worker } from 'node:worker_threads'
      import * as db from 'syncpg'
      const con = db.connect(process.env.DSN, { autocommit: true })
      const ready = new Int32Array(new SharedArrayBuffer(4))
      const worker = new Worker(${JSON.stringify(CANCELLER)}, { eval: true, execArgv: [], workerData: { token: con.cancelToken(), ready, url: import.meta.resolve('syncpg') } })
      Atomics.wait(ready, 0, 0, 10000)
      const started = performance.now()
      try { con.execute('select pg_sleep(60)') } catch (error) { console.log(error.name, performance.now() - started < 10000) }
      console.log(con.fetchval('select 5'))
      worker.terminate()`
    const run = await runScript(source, { env: { DSN: dsn } })
    expect([run.stdout, run.stderr]).toEqual(['QueryCanceledError true\n5\n', ''])
  })

  test('that is used while nothing runs cancels no later statement', () => {
    db.cancel(con.cancelToken())
    expect(con.fetchval('select pg_sleep(0.3)::text')).toBe('')
    expect(failureOf(() => db.cancel({} as never))).toBeInstanceOf(db.ProgrammingError)
  })

  test('can be sent by postMessage', () => {
    const worker = new Worker('', { eval: true, workerData: con.cancelToken() })
    void worker.terminate()
  })
})

describe('settings of a connection', () => {
  const settings =
    "select current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('transaction_deferrable')"

  test('change between transactions, and are refused inside one', () => {
    con.isolationLevel = 'serializable'
    con.readOnly = true
    con.deferrable = true
    expect([...(con.fetchrow(settings) ?? [])]).toEqual(['serializable', 'on', 'on'])
    const refused = failureOf(() => (con.readOnly = false))
    expect([refused, con.readOnly]).toEqual([expect.any(db.ProgrammingError), true])
    con.commit()
    con.isolationLevel = null
    con.readOnly = null
    con.deferrable = null
    expect([...(con.fetchrow(settings) ?? [])]).toEqual(['read committed', 'off', 'off'])
    con.rollback()
    expect(failureOf(() => (con.isolationLevel = 'chaos' as never))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => (con.readOnly = 'yes' as never))).toBeInstanceOf(db.ProgrammingError)
    expect([con.isolationLevel, con.readOnly, con.deferrable]).toEqual([undefined, undefined, undefined])
  })

  test('info has user, server and database, without a round trip and without the password', () => {
    const server = sharedServer()
    using tcp = db.connect(server.dsn())
    const { info } = tcp
    expect([info.user, info.database, info.host, info.port]).toEqual([
      server.user,
      server.database,
      server.host,
      server.port,
    ])
    expect([info.status, info.parameter('server_version'), info.backendPid > 0]).toEqual([
      'idle',
      info.serverVersion,
      true,
    ])
    expect([con.info.host, con.info.port]).toEqual([server.socketDirectory, server.port])
  })

  test('reset ends settings, locks and cursors', () => {
    con.execute('set search_path to nowhere; select pg_advisory_lock(4); listen c')
    con.commit()
    con.reset()
    const state = con.fetchrow(
      "select current_setting('search_path'), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), (select count(*) from pg_listening_channels())",
    )
    expect([...(state ?? [])]).toEqual(['"$user", public', 0n, 0n])
  })

  test('ping makes a round trip, also in a failed transaction, and fails on a dead connection', () => {
    con.ping()
    expect(con.info.status).toBe('idle')
    failureOf(() => con.execute('select nonsense'))
    con.ping()
    con.close()
    expect(failureOf(() => con.ping())).toBeInstanceOf(db.InterfaceError)
  })

  test('withConnection commits when the function returns, and rolls back when it throws', () => {
    con.execute('create table t (a int)')
    con.commit()
    expect(db.withConnection(dsn, (it) => it.execute('insert into t values (1)').rowcount)).toBe(1)
    const own = new Error('mine')
    expect(() =>
      db.withConnection(dsn, { autocommit: false }, (it) => {
        it.execute('insert into t values (2)')
        throw own
      }),
    ).toThrow(own)
    expect(con.fetch('select a from t').map(([a]) => a)).toEqual([1])
    expect(failureOf(() => db.withConnection(dsn, async () => {}))).toBeInstanceOf(db.ProgrammingError)
  })

  test('a prepared statement is run as often as wanted, and closed', () => {
    using statement = con.prepare('select $1::int + $2::int8 as sum')
    expect(statement.parameters.map(({ name }) => name)).toEqual(['int4', 'int8'])
    expect(statement.columns).toEqual([{ name: 'sum', type: { oid: 20, name: 'int8', kind: 'scalar' } }])
    expect([statement.fetchval([1, 2]), statement.fetchrow([3, 4])?.['sum'], statement.fetch([5, 6]).length]).toEqual([
      3n,
      7n,
      1,
    ])
    statement.close()
    expect(failureOf(() => statement.fetch([1, 2]))).toBeInstanceOf(db.InterfaceError)
    expect(con.fetchval('select count(*) from pg_prepared_statements where name = %s', [statement.name])).toBe(0n)
  })
})

describe('two-phase commit', () => {
  const id = (): db.Xid => con.xid(7, `global ${process.pid} ${Math.random()}`, 'branch')

  beforeEach(() => {
    con.execute('create table t (a int)')
    con.commit()
  })
  afterEach(() => {
    using cleaner = db.connect(dsn)
    for (const xid of cleaner.tpc_recover()) cleaner.tpc_rollback(xid)
  })

  const count = (): unknown => {
    using watcher = db.connect(dsn)
    return watcher.fetchval('select count(*) from t')
  }

  test('an xid has three parts, by index and by name, and limits', () => {
    const xid = con.xid(1, 'g', 'b')
    expect([[...xid], xid[0], xid[1], xid[2], xid.length, xid.format_id, xid.gtrid, xid.bqual]).toEqual([
      [1, 'g', 'b'],
      1,
      'g',
      'b',
      3,
      1,
      'g',
      'b',
    ])
    expect(Object.isFrozen(xid)).toBe(true)
    for (const bad of [
      () => con.xid(-1, 'g', 'b'),
      () => con.xid(2 ** 31, 'g', 'b'),
      () => con.xid(1, 'x'.repeat(65), 'b'),
      () => con.xid(1, 'g', 'ü'.repeat(33)),
    ]) {
      expect(failureOf(bad)).toBeInstanceOf(db.DataError)
    }
    expect(String(con.xid(42, 'gtrid', 'bqual'))).toBe('42_Z3RyaWQ=_YnF1YWw=')
  })

  test('a transaction commits in two phases, and in one', () => {
    con.tpc_begin(id())
    con.execute('insert into t values (1)')
    con.tpc_prepare()
    expect(count()).toBe(0n)
    con.tpc_commit()
    expect(count()).toBe(1n)
    con.tpc_begin(id())
    con.execute('insert into t values (2)')
    con.tpc_commit()
    expect(count()).toBe(2n)
    con.tpc_begin(id())
    con.execute('insert into t values (3)')
    con.tpc_rollback()
    con.tpc_begin(id())
    con.execute('insert into t values (4)')
    con.tpc_prepare()
    con.tpc_rollback()
    expect([count(), con.info.status]).toEqual([2n, 'idle'])
  })

  test('a prepared transaction is recovered by another process', async () => {
    const xid = id()
    con.tpc_begin(xid)
    con.execute('insert into t values (1)')
    con.tpc_prepare()
    con.close()
    const source = `
      import * as db from 'syncpg'
      const con = db.connect(process.env.DSN)
      const [xid] = con.tpc_recover()
      console.log(JSON.stringify([...xid]), xid.owner, xid.prepared instanceof Date, xid.database === con.info.database)
      con.tpc_commit(xid)`
    const run = await runScript(source, { env: { DSN: dsn } })
    expect([run.stdout, run.stderr]).toEqual([`${JSON.stringify([...xid])} postgres true true\n`, ''])
    con = db.connect(dsn)
    expect(con.fetchval('select count(*) from t')).toBe(1n)
  })

  test('an id that another program made is recovered unchanged, and is finished by its text', () => {
    con.execute("insert into t values (1); prepare transaction 'somebody''s'")
    const [xid] = con.tpc_recover()
    expect([...(xid ?? [])]).toEqual([null, "somebody's", null])
    con.tpc_commit("somebody's")
    expect(count()).toBe(1n)
  })

  test('a transaction that cannot be prepared is rolled back, and the connection is ready again', () => {
    con.tpc_begin(id())
    con.execute('create temporary table gone (a int)')
    expect(failureOf(() => con.tpc_prepare())).toBeInstanceOf(db.NotSupportedError)
    expect(con.info.status).toBe('idle')
    con.tpc_begin(id())
    failureOf(() => con.execute('select nonsense'))
    expect(failureOf(() => con.tpc_prepare())).toBeInstanceOf(db.ProgrammingError)
    con.execute('select 1')
    con.commit()
  })

  test('calls in the wrong order are refused', () => {
    const refused = (call: () => unknown): void => expect(failureOf(call)).toBeInstanceOf(db.ProgrammingError)
    refused(() => con.tpc_prepare())
    refused(() => con.tpc_commit())
    refused(() => con.tpc_commit(con.xid(1, 'not', 'there')))
    refused(() => con.tpc_rollback('nobody'))
    refused(() => con.tpc_begin('' as never))
    con.tpc_begin(id())
    refused(() => con.commit())
    refused(() => con.rollback())
    refused(() => con.tpc_begin(id()))
    refused(() => con.tpc_commit(id()))
    con.tpc_prepare()
    refused(() => con.execute('select 1'))
    refused(() => con.tpc_prepare())
    con.tpc_rollback()
    con.execute('select 1')
    refused(() => con.tpc_begin(id()))
    con.commit()
    con.autocommit = true
    refused(() => con.tpc_begin(id()))
  })

  test('an error names a server that has no prepared transactions', async () => {
    const server = await startServer({ major: 18, settings: { max_prepared_transactions: '0' } })
    try {
      using poor = db.connect(server.dsn())
      expect(failureOf(() => poor.tpc_begin(poor.xid(1, 'a', 'b')))).toBeInstanceOf(db.NotSupportedError)
      expect(poor.info.status).toBe('idle')
    } finally {
      await server.stop()
    }
  }, 60_000)
})

test('an idle listener takes all notifications, however many, and its server process is not blocked', async () => {
  using listener = db.connect(dsn, { autocommit: true, ringBytes: 4096 })
  using sender = db.connect(dsn, { autocommit: true })
  const count = 20_000
  listener.listen('many')
  sender.execute("select pg_notify('many', g || repeat(' ', 1000)) from generate_series(1, %s::int) g", [count])
  // The queue is the server's, so a few notifications may be other tests' ones. These ones take 0.002 of it.
  const isSent = 'select wait_event from pg_stat_activity where pid = %s and pg_notification_queue_usage() < 0.0005'
  const event = (): unknown => sender.fetchval(isSent, [listener.backendPid])
  await expect.poll(event, { timeout: 10_000 }).toBe('ClientRead')
  const all = listener.poll()
  // The last ones may still have been in the socket.
  expect(all.length).toBeGreaterThan(count / 2)
  for (const late of listener.notifies({ timeout: all.length < count ? 1000 : 0 })) all.push(late)
  expect(all.findIndex(({ payload }, i) => Number(payload) !== i + 1)).toBe(-1)
  expect(all).toHaveLength(count)
  expect(listener.fetchval('select 1')).toBe(1)
})

test('the reason of a loss comes after notifications that found no room in the ring', async () => {
  using listener = db.connect(dsn, { autocommit: true, ringBytes: 4096 })
  using sender = db.connect(dsn, { autocommit: true })
  listener.listen('many')
  sender.execute("select pg_notify('many', g || repeat(' ', 1000)) from generate_series(1, 500) g")
  expect(sender.fetchval('select pg_terminate_backend(%s)', [listener.backendPid])).toBe(true)
  await expect.poll(() => listener.closed, { timeout: 10_000 }).toBe(true)
  const { sqlstate, notStarted } = failureOf(() => listener.execute('select 1')) as db.OperationalError
  // A server process that is ended while it writes cannot say why: 08006.
  expect(['57P01', '08006']).toContain(sqlstate)
  expect(notStarted).toBe(true)
})
