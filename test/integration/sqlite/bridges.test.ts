/**
 * Faults of hand-made bridges from SQLite's synchronous calls to PostgreSQL, built with a worker and `pg`. Each test
 * shows that syncpg does not have one of them.
 */
import { createServer } from 'node:net'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as db from 'syncpg'
import { DatabaseSync, type DatabaseSyncOptions } from 'syncpg/sqlite-shape'
import { expect, onTestFinished, test } from 'vitest'

import { createAuthority } from '../../support/certificates.ts'
import { runScript } from '../../support/run-script.ts'
import { askServer, freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

function open(dsn = sharedServer().dsn({ transport: 'unix' }), options: DatabaseSyncOptions = {}): DatabaseSync {
  const opened = new DatabaseSync(dsn, options)
  onTestFinished(() => opened[Symbol.dispose]())
  return opened
}

test('no size caps: 20 MB go in and come out in one value', () => {
  const text = 'ö€😀x'.repeat(2_000_000)
  const read = open().prepare('select ?::text as text, octet_length(?::text) as bytes').get(text, text)
  expect((read as { bytes: number }).bytes).toBe(Buffer.byteLength(text))
  expect((read as { text: string }).text === text).toBe(true)
}, 60_000)

test('no JSON on the way: bytes, NaN, infinities, minus zero, big integers and null arrive unchanged', () => {
  const database = open()
  const row = database
    .prepare('select ?::bytea as bytes, ?::float8 as nan, ?::float8 as infinite, ?::float8 as zero, ?::text as nothing')
    .get(new Uint8Array([0, 255, 128]), Number.NaN, -Infinity, -0, null) as { [name: string]: unknown }
  expect(Buffer.from(row['bytes'] as Uint8Array).toString('hex')).toBe('00ff80')
  expect([row['nan'], row['infinite'], row['zero'], row['nothing']]).toEqual([Number.NaN, -Infinity, -0, null])
  const big = database.prepare('select ?::int8 as n')
  big.setReadBigInts(true)
  expect(big.get(-(2n ** 63n))).toEqual({ n: -(2n ** 63n) })
  expect(failureOf(() => database.prepare('select ?::text').get(undefined as never)).message).toContain('is undefined')
})

test('errors keep SQLSTATE, detail, constraint, position and the stack of the caller', () => {
  const database = open()
  database.exec('create temp table person (mail text constraint one_mail unique)')
  function addPerson(): unknown {
    return database.prepare("insert into person values ('a@x'), ('a@x')").run()
  }
  const error = failureOf(addPerson)
  expect(error).toMatchObject({
    sqlstate: '23505',
    constraintName: 'one_mail',
    detail: 'Key (mail)=(a@x) already exists.',
  })
  expect(error).toBeInstanceOf(db.UniqueViolationError)
  expect(error.stack).toMatch(/\n {4}at addPerson /)
  expect(failureOf(() => database.exec('select 1,\n  nope')).line).toBe(2)
})

test('no stale replies: after a time limit the next call has its own answer, and the statement no longer runs', async () => {
  const database = open(undefined, { connection: { commandTimeout: 100, applicationName: 'stale' } })
  expect(failureOf(() => database.prepare("select 'late', pg_sleep(30)").get()).name).toBe('QueryTimeoutError')
  expect(database.prepare("select 'next'").pluck().get()).toBe('next')
  const sleeping = "select 1 from pg_stat_activity where application_name = 'stale' and query like '%pg_sleep%'"
  expect(await askServer(sharedServer(), sleeping)).toEqual([])
})

test.each([
  ['transaction(fn)', (database: DatabaseSync, fill: () => unknown) => database.transaction(fill)()],
  [
    'exec',
    (database: DatabaseSync, fill: () => unknown) => {
      database.exec('begin')
      fill()
      database.exec('commit')
    },
  ],
])('a COMMIT whose answer was lost has an unknown result, and is not reported as failed: %s', (_name, commit) => {
  const database = open()
  database.exec(`
    create temp table doubtful (n int);
    create function pg_temp.die() returns trigger language plpgsql as
      'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create constraint trigger t after insert on doubtful initially deferred for each row execute function pg_temp.die()`)
  const error = failureOf(() => commit(database, () => database.prepare('insert into doubtful values (1)').run()))
  expect(error).toMatchObject({ name: 'TransactionResolutionUnknownError', sqlstate: '08007' })
  expect(database.isOpen).toBe(false)
})

test('nothing is split on a semicolon: bodies, strings and rules with semicolons run as one text', async () => {
  const database = open(sharedServer().dsn({ transport: 'unix', database: await freshDatabase() }))
  database.exec(`
    create table log (text text); -- a comment; with a semicolon
    insert into log values ('one; two'), ($$three; 'four'$$), (e'\\'; five');
    create function six() returns text begin atomic select 'six;'; end;
    create procedure seven() language plpgsql as $body$ begin insert into log values ('seven;'); end; $body$;
    call seven();
    insert into log select six()`)
  expect(database.prepare('select text from log').pluck().all()).toEqual([
    'one; two',
    "three; 'four'",
    "'; five",
    'seven;',
    'six;',
  ])
})

test('no marker is seen inside strings, names, comments and dollar quotes, and ?? is the operator', () => {
  const sql = `select '?' as "a?", $$:b$$ as b, /* ? */ ?::int as c, '{"k":1}'::jsonb ?? ? as d -- @e`
  expect(open().prepare(sql).get(7, 'k')).toEqual({ 'a?': '?', b: ':b', c: 7, d: 1 })
})

test('the certificate is verified if the DSN says so, and no option of the DSN is lost', () => {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const foreign = join(folder, 'foreign.pem')
  writeFileSync(foreign, createAuthority('someone else').certificatePem)
  const right = sharedServer().dsn({ transport: 'tls' })
  const wrong = right.replace(/sslrootcert=[^&]*/, `sslrootcert=${encodeURIComponent(foreign)}`)
  expect(open(right).prepare('select ssl from pg_stat_ssl where pid = pg_backend_pid()').pluck().get()).toBe(1)
  const error = failureOf(() => new DatabaseSync(wrong))
  expect([error instanceof db.OperationalError, /certificate/.test(error.message)]).toEqual([true, true])
})

test('a transaction and its statements are on one connection', () => {
  const database = open()
  database.transaction(() => {
    const pids = [1, 2, 3].map(() => database.prepare('select pg_backend_pid()').pluck().get())
    expect(new Set(pids).size).toBe(1)
    expect(database.prepare('select pg_current_xact_id_if_assigned() is null').pluck().get()).toBe(1)
  })()
})

test('a server that dies is noticed at once, not after a time limit', () => {
  const database = open()
  const started = performance.now()
  const error = failureOf(() => database.exec('select pg_terminate_backend(pg_backend_pid()), pg_sleep(30)'))
  expect(error.sqlstate).toMatch(/^(57P01|08)/)
  expect(performance.now() - started).toBeLessThan(10_000)
})

test('importing the module connects to nothing: a database that cannot be reached is an error when it is opened', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  await new Promise((resolve) => taken.close(resolve))
  const run = await runScript(`
    import { DatabaseSync } from 'syncpg/sqlite-shape'
    console.log('imported')
    try { new DatabaseSync('postgres://nobody@127.0.0.1:${port}/x') } catch (error) { console.log(error.name) }`)
  expect([run.stdout, run.status]).toEqual(['imported\nOperationalError\n', 0])
})
