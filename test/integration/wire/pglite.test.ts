/** The embedded server as a transport: behaviour that it shares with a real server, and special cases. */
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { NotSupportedError, OperationalError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import type { SessionOptions } from '../../../src-async/options/session-options.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import type { Session } from '../../../src-async/wire/session.ts'
import { isLockFile } from '../../../src-async/wire/embedded/lock.ts'
import { bindOf, bindsOf, ignoreEvents, executing, noTls, open, plain, query, TextSink } from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

function embedded(dataDirectory: string | null): SessionOptions {
  const hosts = [{ kind: 'pglite', dataDirectory }] as const
  return {
    hosts,
    user: 'postgres',
    password: null,
    database: 'postgres',
    parameters: {},
    tls: noTls,
    connectTimeoutMs: 0,
  }
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncpg-lite-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

describe('an embedded session', () => {
  let session: Session
  const heard: string[] = []

  beforeAll(async () => {
    session = await openSession(embedded(null), { ...ignoreEvents, notification: ({ payload }) => heard.push(payload) })
  })

  afterAll(async () => {
    await session.close({ timeoutMs: 5000 })
  })

  test('describes, executes and begins', async () => {
    const sql = 'select $1::text as a'
    const { columns } = await session.describe({ ...plain, name: 's', sql, parameterTypes: [] })
    expect(columns!.map(({ name }) => name)).toEqual(['a'])
    const rows = new TextSink()
    await session.execute(executing('', { name: 's', parse: null, bind: bindOf('x'), rows, begin: 'begin' }))
    expect([rows.rows, session.transactionStatus]).toEqual([[['x']], 'T'])
    await query(session, 'rollback')
  })

  test('reports the failed element of a batch', async () => {
    await query(session, 'create temp table b (a int primary key)')
    const batch = session.executeMany({
      ...plain,
      name: '',
      parse: { sql: 'insert into b values ($1)', parameterTypes: [] },
      binds: bindsOf([['1'], ['1']]),
      count: 2,
      rows: new TextSink(),
    })
    expect(await failureOfAsync(batch)).toMatchObject({ sqlstate: '23505', batchIndex: 1 })
  })

  test('copies data that was given in many pieces in one flight', async () => {
    await query(session, 'create temp table t (a text)')
    await session.copyInStart({ begin: 'begin', closing: [], timeoutMs: 0, sql: 'copy t from stdin' })
    const lent = Buffer.from('1\n2\n')
    await session.copyInData({ bytes: lent })
    lent.fill(0x39)
    await session.copyInData({ bytes: lent })
    expect(await session.copyInEnd({ failure: null })).toEqual({ tag: 'COPY 3' })
    expect(await query(session, 'select string_agg(a, $$,$$) from t; commit')).toEqual([['1,2,9999']])
  })

  test('gives up a COPY with the reason', async () => {
    await session.copyInStart({ ...plain, sql: 'copy t from stdin' })
    expect(await failureOfAsync(session.copyInEnd({ failure: 'changed my mind' }))).toMatchObject({ sqlstate: '57014' })
  })

  test('refuses a COPY that is run as a query, which would end the session', async () => {
    await query(session, 'create temp table m (a int)')
    const parse = { sql: 'copy m from stdin', parameterTypes: [] }
    const attempts = [
      () => session.execute(executing(parse.sql)),
      () => query(session, parse.sql),
      () => query(session, 'copy m to stdout'),
      () =>
        session.executeMany({ ...plain, name: '', parse, binds: bindsOf([[], []]), count: 2, rows: new TextSink() }),
    ]
    for (const attempt of attempts) expect(await failureOfAsync(attempt())).toBeInstanceOf(ProgrammingError)
    expect(await query(session, 'select 1')).toEqual([['1']])
  })

  test('answers requests asked at once, in order', async () => {
    const numbers = Array.from({ length: 50 }, (_, i) => String(i))
    expect(await Promise.all(numbers.map((number) => query(session, `select ${number}`)))).toEqual(
      numbers.map((number) => [[number]]),
    )
  })

  test('gets the notifications that it sends', async () => {
    await query(session, "listen c; notify c, 'p'")
    expect(heard).toEqual(['p'])
  })

  test('says that it cannot cancel', async () => {
    expect(session.canCancel).toBe(false)
    expect(await failureOfAsync(session.cancel())).toBeInstanceOf(NotSupportedError)
  })
})

describe('a data directory', () => {
  test('keeps its data, and has one owner at a time under any name', async () => {
    const parent = temporaryDirectory()
    const directory = join(parent, 'data')
    {
      await using session = await open(embedded(directory))
      await query(session, 'create table kept (a int); insert into kept values (5)')
      symlinkSync(directory, join(parent, 'alias'))
      for (const name of [directory, `${directory}/`, join(parent, 'x', '..', 'data'), join(parent, 'alias')]) {
        const error = await failureOfAsync(openSession(embedded(name), ignoreEvents))
        expect(error).toBeInstanceOf(OperationalError)
        expect(error.message).toMatch(/is in use by this process/)
      }
    }
    expect(readdirSync(directory).filter(isLockFile)).toEqual([])
    await using session = await open(embedded(directory))
    expect(await query(session, 'select a from kept')).toEqual([['5']])
  })

  test('that cannot be created is an error', async () => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    const error = await failureOfAsync(openSession(embedded(join(file, 'data')), ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toContain(file)
  })
})
