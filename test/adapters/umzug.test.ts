/** `syncpg/umzug`: storage, lock and files of SQL, over connections of either API and a pool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as db from 'syncpg'
import { connect, createPool } from 'syncpg/async'
import { type MigrationConnection, SyncpgStorage, oneAtATime, sqlMigration } from 'syncpg/umzug'
import { MigrationError, Umzug } from 'umzug'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

import { askServer, databaseOfFile, sharedServer } from '../support/shared-server.ts'

const database = databaseOfFile()
const dsn = sharedServer().dsn({ database, transport: 'unix' })
let folder: string
let watcher: db.Connection

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-umzug-'))
  watcher = db.connect(dsn, { autocommit: true })
})
afterEach(() => {
  watcher.close()
  rmSync(folder, { recursive: true })
})

const file = (name: string, sql: string): void => writeFileSync(join(folder, name), sql)

function umzugOver(context: MigrationConnection): Umzug<MigrationConnection> {
  return new Umzug({
    migrations: { glob: ['*.sql', { cwd: folder, ignore: '*.down.sql' }], resolve: sqlMigration },
    context,
    storage: new SyncpgStorage(context, { schema: 'public', table: 'Done migrations' }),
    logger: undefined,
  })
}

const WAYS = {
  'a blocking connection': async () => db.connect(dsn, { autocommit: true }),
  'an async connection': () => connect(dsn),
  'a pool': () => createPool(dsn, { maxSize: 2 }),
}

describe.each(Object.entries(WAYS))('umzug over %s', (_way, open) => {
  let context: MigrationConnection
  let umzug: Umzug<MigrationConnection>
  beforeEach(async () => {
    context = await open()
    umzug = umzugOver(context)
  })
  afterEach(() => void context.close())

  const names = (list: { name: string }[]): string[] => list.map(({ name }) => name)

  test('runs files once and undoes them', async () => {
    file('1-person.up.sql', 'create table person (id int primary key);\ninsert into person values (1), (2)')
    file('1-person.down.sql', 'drop table person')
    file(
      '2-data.sql',
      'create table pet (a int, b text);\ncopy pet from stdin;\n1\tx;\n\\.\ninsert into pet values (2);\n',
    )
    expect(names(await umzug.up())).toEqual(['1-person.up.sql', '2-data.sql'])
    expect(names(await umzug.executed())).toEqual(['1-person.up.sql', '2-data.sql'])
    expect(watcher.fetch('select b from pet order by a').map(([b]) => b)).toEqual(['x;', null])
    expect(await umzug.up()).toEqual([])
    file('2-data.down.sql', 'drop table pet')
    expect(names(await umzug.down({ to: 0 }))).toEqual(['2-data.sql', '1-person.up.sql'])
    expect(watcher.fetchval("select count(*) from pg_tables where schemaname = 'public'")).toBe(1n)
  })

  test('runs a file without a transaction statement by statement', async () => {
    file('1-person.sql', 'create table person (id int)')
    file(
      '2-index.sql',
      '-- no transaction\ncreate index concurrently one on person (id);\n\ncreate index concurrently two on person (id);\n' +
        '  create index concurrently one on person (id);',
    )
    const failure = await umzug.up().catch((error: unknown) => error)
    expect((failure as Error).message).toContain(`${join(folder, '2-index.sql')}:5:3: relation "one" already exists`)
    expect(watcher.fetchval("select count(*) from pg_indexes where tablename = 'person'")).toBe(2n)
    expect(names(await umzug.executed())).toEqual(['1-person.sql'])
  })

  test.each([
    ["select pg_catalog.set_config('search_path', '', false)"],
    ['create schema app; set search_path = app'],
    ['set default_transaction_read_only = on'],
    ['set session characteristics as transaction read only'],
    ['set role pg_monitor'],
    ['set session authorization pg_monitor'],
    ["set app.tenant = '5'; set lock_timeout = 0"],
    ['create temp table "Done migrations" (x int)'],
    ['-- no transaction\nset search_path = pg_catalog;\nset role pg_monitor;'],
  ])('restores the settings that a file changes in the session: %s', async (sql) => {
    const storage = new SyncpgStorage(context, { table: 'Done migrations' })
    umzug = new Umzug({ ...umzug.options, storage })
    if (!('acquire' in context)) await context.execute("set lock_timeout = '7s'; set statement_timeout = '9s'")
    const settings = `select string_agg(name || '=' || setting, ' ' order by name)
      from pg_settings where source = 'session' and name not like 'transaction%'`
    const before = await context.fetchval(settings)
    file('1-settings.sql', sql)
    file('2-pet.sql', 'create table pet (id int)')
    expect(names(await umzug.up())).toEqual(['1-settings.sql', '2-pet.sql'])
    expect(names(await umzug.executed())).toEqual(['1-settings.sql', '2-pet.sql'])
    expect(watcher.fetchval("select to_regclass('public.pet')::text")).toBe('pet')
    expect(watcher.fetchval('select count(*) from public."Done migrations"')).toBe(2n)
    expect(await context.fetchval(settings)).toBe(before)
  })

  test.each([
    ['begin;\ninsert into pet values (2);\ncommit;', '1:1: sqlMigration: the file contains begin'],
    ['insert into pet values (2);\n /* done */ commit;\nselec', '2:2: sqlMigration: the file contains commit'],
    [
      'insert into pet values (2); rollback; copy pet from stdin;\n1\n\\.\n',
      '1:29: sqlMigration: the file contains rollback',
    ],
  ])('refuses a file with a transaction of its own before it runs: %s', async (sql, words) => {
    watcher.execute('create table pet (id int)')
    file('1-own.sql', sql)
    const failure = (await umzug.up().catch((error: unknown) => error)) as Error
    expect(failure.message).toContain(`${join(folder, '1-own.sql')}:${words}`)
    expect(watcher.fetchval('select count(*) from pet')).toBe(0n)
    expect(await umzug.executed()).toEqual([])
  })

  test('a file may use savepoints, and a transaction of its own if it runs without one', async () => {
    file('1-pet.sql', 'create table pet (id int); savepoint a; drop table pet; rollback to a; release a')
    file('2-own.sql', '-- no transaction\nbegin;\ninsert into pet values (1);\ncommit;')
    expect(await umzug.up()).toHaveLength(2)
    expect(watcher.fetchval('select count(*) from pet')).toBe(1n)
  })

  test.each(['', '-- no transaction\n', 'copy pet from stdin;\n1\n\\.\n'])(
    'fails at a comment that is never closed, after %j',
    async (head) => {
      watcher.execute('create table pet (id int)')
      file('1-open.sql', `${head}insert into pet values (2);\n/* oops /* nested */\ncreate table b (n int);`)
      await expect(umzug.up()).rejects.toThrow(/1-open.sql:\d:1: .*comment/)
      expect(await umzug.executed()).toEqual([])
    },
  )

  test.each([
    [
      'the server names',
      'create table pet (id int);\nalter table pet\n  add column x nonsense;\n',
      '3:16',
      'type "nonsense"',
    ],
    [
      'of the statement',
      'create table pet (id int);\n\n create table pet (id int)',
      '3:2',
      'relation "pet" already exists',
    ],
    ['after data', 'create table pet (a int);\ncopy pet from stdin;\n1\n\\.\n  selec', '5:3', 'syntax error'],
  ])('rolls back a failing file and names the place %s', async (_which, sql, place, words) => {
    file('1-pet.sql', sql)
    const failure = await umzug.up().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(MigrationError)
    expect((failure as Error).message).toContain(`Original error: ${join(folder, '1-pet.sql')}:${place}: ${words}`)
    expect((failure as Error).cause).toBeInstanceOf(db.ProgrammingError)
    expect(watcher.fetchval("select to_regclass('pet')::text")).toBeNull()
    expect(await umzug.executed()).toEqual([])
  })
})

describe('oneAtATime', () => {
  test.each(['blocking', 'async'])('a second run waits for the first, with a %s guard', async (kind) => {
    file('1-person.sql', '-- no transaction\ncreate table person (id int);\ncreate index concurrently on person (id);')
    const guard = () => (kind === 'async' ? connect(dsn) : db.connect(dsn))
    await using context = await connect(dsn)
    const umzug = umzugOver(context)
    const waited = new Promise<void>((resolve) => oneAtATime(umzug, guard, { onWait: resolve }))
    watcher.execute('select pg_advisory_lock(7431)')
    const running = umzug.up()
    await waited
    expect(watcher.fetchval("select to_regclass('person')::text")).toBeNull()
    watcher.execute('select pg_advisory_unlock(7431)')
    expect(await running).toHaveLength(1)
    expect(watcher.fetchval('select pg_try_advisory_lock(7431)')).toBe(true)
  })

  test('releases the lock when a migration fails', async () => {
    file('1-wrong.sql', 'selec')
    await using context = await connect(dsn)
    const umzug = umzugOver(context)
    oneAtATime(umzug, () => connect(dsn))
    await expect(umzug.up()).rejects.toThrow('syntax error')
    expect(watcher.fetchval('select pg_try_advisory_lock(7431)')).toBe(true)
  })
})

describe('a lock that is lost', () => {
  const KILL = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 7431"

  test.each(['blocking', 'async'])('runs no further migration, with a %s guard', async (kind) => {
    file('1-kill.sql', KILL)
    file('2-pet.sql', 'create table pet (id int)')
    await using context = await connect(dsn)
    const umzug = umzugOver(context)
    oneAtATime(umzug, () => (kind === 'async' ? connect(dsn) : db.connect(dsn)))
    const failure = await umzug.up().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(db.OperationalError)
    expect((failure as Error).message).toContain('the connection that holds the lock was closed')
    expect(watcher.fetchval("select to_regclass('pet')::text")).toBeNull()
    expect(await umzug.up()).toHaveLength(1)
    expect(watcher.fetchval("select to_regclass('pet')::text")).toBe('pet')
  })

  test('is reported at the end if no migration follows, and hides no error of a migration', async () => {
    await using context = await connect(dsn)
    const umzug = umzugOver(context)
    oneAtATime(umzug, () => connect(dsn))
    file('1-kill.sql', `-- no transaction\n${KILL};\nselec`)
    await expect(umzug.up()).rejects.toThrow('syntax error')
    file('1-kill.sql', KILL)
    file('1-kill.down.sql', KILL)
    await expect(umzug.up()).rejects.toThrow('the connection that holds the lock was closed')
    await expect(umzug.down()).rejects.toThrow('the connection that holds the lock was closed')
  })

  test('is not lost to the time limits of the server', async () => {
    onTestFinished(() => askServer(sharedServer(), `alter database ${database} reset all`).then(() => {}))
    watcher.execute(`alter database ${database} set idle_in_transaction_session_timeout = '400ms'`)
    const isKnown = watcher.fetchval("select count(*) from pg_settings where name = 'transaction_timeout'") === 1n
    if (isKnown) watcher.execute(`alter database ${database} set transaction_timeout = '400ms'`)
    await using context = await connect(dsn, { serverSettings: isKnown ? { transaction_timeout: '0' } : {} })
    file('1-long.sql', 'select pg_sleep(0.6)')
    const umzug = umzugOver(context)
    oneAtATime(umzug, () => connect(dsn))
    expect(await umzug.up()).toHaveLength(1)
  })
})

test('a blocking connection that is not in autocommit is refused', () => {
  using con = db.connect(dsn)
  expect(() => new SyncpgStorage(con)).toThrow('connect(dsn, { autocommit: true })')
  expect(() => sqlMigration({ name: 'x', path: 'x.sql', context: con })).toThrow('autocommit')
  expect(() => sqlMigration({ name: 'x', context: watcher })).toThrow('x has no path')
})

test('misspelled options are refused', () => {
  const umzug = umzugOver(watcher)
  expect(() => new SyncpgStorage(watcher, { tableName: 'x' } as object)).toThrow(
    'SyncpgStorage: unknown option "tableName"',
  )
  expect(() => oneAtATime(umzug, () => connect(dsn), { keys: 5 } as object)).toThrow(
    'oneAtATime: unknown option "keys"',
  )
  expect(() => oneAtATime(umzug, () => connect(dsn), { key: 'abc' as never })).toThrow('key: expected a whole number')
})
