/** A session with a real server, with and without failures. */
import { describe, expect, test } from 'vitest'
import { ConnectionDoesNotExistError } from '../../../src-async/errors/sqlstates.ts'
import { DbError, InterfaceError, OperationalError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import type { Notification } from '../../../src-async/wire/operations.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import { startProxy } from '../../support/proxy.ts'
import { askServer, endBackend, sharedServer } from '../../support/shared-server.ts'
import {
  bindOf,
  bindsOf,
  ignoreEvents,
  executing,
  open,
  optionsFor,
  plain,
  query,
  tcp,
  TextSink,
  unix,
} from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()

describe.each([
  ['TCP', tcp(server)],
  ['a Unix socket', unix(server)],
])('a session over %s', (_, host) => {
  const options = optionsFor(server, { hosts: [host] })

  test('describes, executes and closes a named statement', async () => {
    await using session = await open(options)
    const sql = 'select $1::text as a, 2 as b'
    const { parameterTypes, columns } = await session.describe({ ...plain, name: 's', sql, parameterTypes: [] })
    expect(parameterTypes).toEqual([25])
    expect(columns!.map(({ name, typeOid }) => [name, typeOid])).toEqual([
      ['a', 25],
      ['b', 23],
    ])
    const rows = new TextSink()
    const reply = await session.execute(executing('', { name: 's', parse: null, bind: bindOf('ü'), rows }))
    expect([reply, rows.rows]).toEqual([{ tag: 'SELECT 1' }, [['ü', '2']]])
    await session.execute(executing('select 1', { closing: ['s'] }))
    expect(
      await failureOfAsync(session.execute(executing('', { name: 's', parse: null, bind: bindOf('') }))),
    ).toMatchObject({
      sqlstate: '26000',
    })
  })

  test('begins in the same flight, and does nothing when BEGIN fails', async () => {
    await using session = await open(options)
    await session.execute(executing('create temp table t (a int)', { begin: 'begin' }))
    expect(session.transactionStatus).toBe('T')
    await query(session, 'commit')
    const begin = 'begin isolation level nonsense'
    for (const failure of [
      session.execute(executing('insert into t values (1)', { begin })),
      session.simpleQuery({
        begin,
        closing: [],
        timeoutMs: 0,
        sql: 'insert into t values (1)',
        results: new TextSink(),
      }),
      session.copyInStart({ begin, closing: [], timeoutMs: 0, sql: 'copy t from stdin' }),
    ]) {
      expect(await failureOfAsync(failure)).toMatchObject({ sqlstate: '42601' })
    }
    expect(session.transactionStatus).toBe('I')
    expect(await query(session, 'select count(*) from t')).toEqual([['0']])
  })

  test('delivers a hundred thousand rows in order', async () => {
    await using session = await open(options)
    const rows = new TextSink()
    await session.execute(executing("select g, repeat('x', g % 50) from generate_series(1, 100000) g", { rows }))
    expect(rows.rows.every(([number, text], i) => number === String(i + 1) && text!.length === (i + 1) % 50)).toBe(true)
    expect(rows.rows).toHaveLength(100_000)
  })

  test('answers pipelined requests in order, each with its own failure', async () => {
    await using session = await open(options)
    const sinks = Array.from({ length: 200 }, () => new TextSink())
    const settled = await Promise.allSettled(
      sinks.map((rows, i) => session.execute(executing(i === 7 ? 'select 1/0' : `select ${i}`, { rows }))),
    )
    expect(settled.map(({ status }) => status === 'rejected')).toEqual(sinks.map((_sink, i) => i === 7))
    expect(sinks[199]!.rows).toEqual([['199']])
  })

  test('sends megabytes of elements while their answers arrive', async () => {
    await using session = await open(options)
    await query(session, 'create temp table t (a text, b text)')
    const count = 20_000
    const rows = new TextSink()
    const reply = await session.executeMany({
      ...plain,
      name: '',
      parse: { sql: 'insert into t values ($1, $2) returning a, b', parameterTypes: [] },
      binds: bindsOf(Array.from({ length: count }, (_element, i) => [String(i), 'z'.repeat(200)])),
      count,
      rows,
    })
    expect(reply).toEqual({ affectedRows: count, tag: 'INSERT 0 1' })
    expect(rows.rows).toHaveLength(count)
  })

  test('reports the failed element of a batch, and nothing of the batch is stored', async () => {
    await using session = await open(options)
    await query(session, 'create temp table t (a int primary key)')
    const batch = session.executeMany({
      ...plain,
      name: '',
      parse: { sql: 'insert into t values ($1)', parameterTypes: [] },
      binds: bindsOf([['1'], ['2'], ['1'], ['3']]),
      count: 4,
      rows: new TextSink(),
    })
    expect(await failureOfAsync(batch)).toMatchObject({ sqlstate: '23505', batchIndex: 2 })
    expect(await query(session, 'select count(*) from t')).toEqual([['0']])
  })

  test('cancels the running statement, and stays usable', async () => {
    await using session = await open(options)
    const sleeping = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await session.cancel()
    expect(await sleeping).toMatchObject({ sqlstate: '57014' })
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('never cancels a later statement', async () => {
    await using session = await open(options)
    for (let i = 0; i < 30; i++) {
      const first = query(session, 'select pg_sleep(0.002)').catch(() => {})
      const cancelled = session.cancel()
      await first
      expect(await query(session, 'select pg_sleep(0.002), 1')).toHaveLength(1)
      await cancelled
    }
    await session.cancel()
    expect(session.phase).toBe('ready')
  })

  test('emits notifications and notices', async () => {
    const heard: string[] = []
    await using session = await open(options, {
      ...ignoreEvents,
      notice: ({ message }) => heard.push(message),
      notification: ({ channel, payload }: Notification) => heard.push(`${channel}=${payload}`),
    })
    await query(session, "listen c; notify c, 'p'; do $$ begin raise notice 'n'; end $$")
    expect(heard).toEqual(['n', 'c=p'])
  })

  test('stops reading while the program asks for that, and loses nothing', async () => {
    await using session = await open(options)
    const rows = new TextSink()
    let pauses = 0
    const take = rows.take.bind(rows)
    rows.take = (bytes, start, end) => {
      take(bytes, start, end)
      pauses++
      session.pauseReading()
      setImmediate(() => session.resumeReading())
    }
    await session.execute(executing("select repeat('x', 1000) from generate_series(1, 5000)", { rows }))
    expect(rows.rows).toHaveLength(5000)
    expect(pauses).toBeGreaterThan(10)
  })
})

describe('COPY', () => {
  test('streams in, with back-pressure', async () => {
    await using session = await open(optionsFor(server))
    await query(session, 'create temp table t (a text)')
    await session.copyInStart({ begin: 'begin', closing: [], timeoutMs: 0, sql: 'copy t from stdin' })
    const chunk = Buffer.from(`${'x'.repeat(999)}\n`.repeat(1000))
    for (let i = 0; i < 20; i++) await session.copyInData({ bytes: chunk })
    expect(await session.copyInEnd({ failure: null })).toEqual({ tag: 'COPY 20000' })
    expect(session.transactionStatus).toBe('T')
    expect(await query(session, 'select count(*), min(length(a)) from t')).toEqual([['20000', '999']])
  })

  test('that is given up is rolled back with the reason', async () => {
    await using session = await open(optionsFor(server))
    await query(session, 'create temp table t (a text)')
    await session.copyInStart({ ...plain, sql: 'copy t from stdin' })
    await session.copyInData({ bytes: Buffer.from('1\n') })
    const error = await failureOfAsync(session.copyInEnd({ failure: 'the source broke' }))
    expect(error).toMatchObject({ sqlstate: '57014' })
    expect(error.message).toContain('the source broke')
    expect(await query(session, 'select count(*) from t')).toEqual([['0']])
  })

  test('of bad data fails at the next step and leaves the session usable', async () => {
    await using session = await open(optionsFor(server))
    await query(session, 'create temp table t (a int)')
    await session.copyInStart({ ...plain, sql: 'copy t from stdin' })
    const feed = async (): Promise<void> => {
      for (;;) {
        await session.copyInData({ bytes: Buffer.from('not a number\n'.repeat(1000)) })
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expect(await failureOfAsync(feed())).toMatchObject({ sqlstate: '22P02' })
    expect(await failureOfAsync(session.copyInEnd({ failure: null }))).toMatchObject({ sqlstate: '22P02' })
    expect(await query(session, 'select count(*) from t')).toEqual([['0']])
  })

  test('holds back requests until it has ended, with their own bytes', async () => {
    await using session = await open(optionsFor(server))
    await query(session, 'create temp table t (a text)')
    const started = session.copyInStart({ ...plain, sql: 'copy t from stdin' })
    const bind = bindOf('kept')
    const rows = new TextSink()
    const parse = { sql: 'select $1::text, count(*) from t', parameterTypes: [] }
    const counting = session.execute(executing('', { parse, bind, rows }))
    bind.fill(0)
    await started
    await session.copyInData({ bytes: Buffer.from('1\n2\n') })
    await Promise.all([session.copyInEnd({ failure: null }), counting])
    expect(rows.rows).toEqual([['kept', '2']])
  })

  test('in the wrong order is refused', async () => {
    await using session = await open(optionsFor(server))
    expect(await failureOfAsync(session.copyInData({ bytes: Buffer.from('1\n') }))).toBeInstanceOf(InterfaceError)
    expect(await failureOfAsync(session.copyInEnd({ failure: null }))).toBeInstanceOf(InterfaceError)
    expect(await failureOfAsync(session.copyInStart({ ...plain, sql: 'select 1' }))).toBeInstanceOf(ProgrammingError)
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  const refusedBegin = `create temp table t (a int);
    create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
    create table pg_temp.guarded (a int);
    create trigger g before insert on guarded for each statement execute function pg_temp.refuse()`

  test.each([
    ['copy t from stdin', /copyToTable.*copyRecordsToTable/],
    ['copy t to stdout', /copyFromTable.*copyFromQuery/],
    ['copy guarded from stdin', /not today/],
    ['copy nonesuch from stdin', /does not exist/],
  ])('that is run as a query is refused, and the session stays usable: %s', async (sql, pattern) => {
    await using session = await open(optionsFor(server))
    await query(session, refusedBegin)
    const parse = { sql, parameterTypes: [] }
    const binds = bindsOf([[], [], []])
    const attempts = [
      () => session.execute(executing(sql)),
      () => session.simpleQuery({ ...plain, sql: `select 1; ${sql}; select 2`, results: new TextSink() }),
      () => session.executeMany({ ...plain, name: '', parse, binds, count: 3, rows: new TextSink() }),
    ]
    for (const attempt of attempts) {
      expect((await failureOfAsync(attempt())).message).toMatch(pattern)
      expect(await query(session, 'select 1')).toEqual([['1']])
    }
  })
})

describe('the end of a session', () => {
  test("by an administrator has the server's message", async () => {
    await using session = await open(optionsFor(server))
    const running = failureOfAsync(query(session, 'select pg_sleep(30)'))
    const queued = failureOfAsync(query(session, 'select 1'))
    await askServer(server, 'select pg_terminate_backend($1)', [session.backendPid])
    expect(await running).toMatchObject({ sqlstate: '57P01' })
    expect(await queued).toBeInstanceOf(OperationalError)
    expect((await queued).message).toMatch(/administrator/)
    expect(session.isClosed).toBe(true)
    const late = await failureOfAsync(query(session, 'select 1'))
    expect(late).toBeInstanceOf(InterfaceError)
    expect(late.message).toMatch(/^connection is closed: .*administrator/)
  })

  test("by an administrator while idle fails the next call with the administrator's error", async () => {
    await using session = await open(optionsFor(server))
    await endBackend(server, session.backendPid)
    const error = await failureOfAsync(query(session, 'select 1'))
    expect(error).toBeInstanceOf(DbError)
    expect(error.message).toMatch(/administrator/)
  })

  test('by a network reset fails the running call', async () => {
    const proxy = await startProxy(server)
    await using session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    const running = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await query(await openSession(optionsFor(server), ignoreEvents), 'select 1')
    proxy.reset()
    expect(await running).toBeInstanceOf(ConnectionDoesNotExistError)
    expect((await running).message).toMatch(/^connection was closed in the middle of operation/)
    expect(session.isClosed).toBe(true)
    await proxy.close()
  })

  test.each([1, 2, 3, 7, 64])('is the same however the network cuts the bytes: %i at a time', async (chunkBytes) => {
    const proxy = await startProxy(server)
    proxy.setFaults('both', { chunkBytes })
    await using session = await open(optionsFor(server, { hosts: [tcp(proxy)] }))
    expect(await query(session, 'select g from generate_series(1, 20) g')).toHaveLength(20)
    await session.close({ timeoutMs: 1000 })
    await proxy.close()
  })

  test('by close answers earlier requests, and refuses later ones', async () => {
    const session = await openSession(optionsFor(server), ignoreEvents)
    const due = query(session, 'select pg_sleep(0.05), 1')
    const closing = session.close({ timeoutMs: 5000 })
    expect(await failureOfAsync(query(session, 'select 2'))).toBeInstanceOf(InterfaceError)
    expect((await due)[0]![1]).toBe('1')
    await closing
    expect(session.phase).toBe('closed')
    await session.close({ timeoutMs: 0 })
  })

  test('takes limits that are longer than a timer can count', async () => {
    const longMs = 2 ** 31
    const session = await openSession(optionsFor(server, { connectTimeoutMs: longMs }), ignoreEvents)
    const due = query(session, 'select pg_sleep(0.05), 1')
    await session.close({ timeoutMs: longMs })
    expect((await due)[0]![1]).toBe('1')
  })

  test('by close cuts the connection if the server does not answer in time', async () => {
    const session = await openSession(optionsFor(server), ignoreEvents)
    const stuck = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await session.close({ timeoutMs: 50 })
    expect(await stuck).toBeInstanceOf(ConnectionDoesNotExistError)
    expect(session.phase).toBe('closed')
    await askServer(server, 'select pg_terminate_backend($1)', [session.backendPid])
  })
})
