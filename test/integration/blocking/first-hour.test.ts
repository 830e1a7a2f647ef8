/** The calls that a newcomer makes in the first hour with the blocking API. */
import { inspect } from 'node:util'

import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { runScript } from '../../support/run-script.ts'
import { freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const dsn = (): string => sharedServer().dsn({ transport: 'unix' })

describe('connecting', () => {
  test('works with nothing but environment variables', async () => {
    const { host, port, user, password, database } = sharedServer()
    const env = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database }
    const run = await runScript(
      "import * as db from 'syncpg'\nconsole.log(db.connect().execute('select current_user::text').fetchone()[0])",
      { env },
    )
    expect([run.stdout, run.status]).toEqual(['postgres\n', 0])
  })

  test("an uncaught error shows one line, and the caller's line in the stack", async () => {
    const { host, port } = sharedServer()
    const program = [
      "import { connect } from 'syncpg'",
      'function start() {',
      `  return connect('postgresql://postgres:wrong@${host}:${port}/postgres')`,
      '}',
      'start()',
    ].join('\n')
    const { stderr, status } = await runScript(program)
    const lines = stderr.split('\n')
    const at = lines.findIndex((line) => line.startsWith('InvalidPasswordError'))
    expect(lines[at]).toBe(
      `InvalidPasswordError: connection to server at "${host}", port ${port} failed: password authentication failed for user "postgres"`,
    )
    expect(lines[at + 1]).toMatch(/^ {4}at start \(.*\[eval1\]:3:10\)$/)
    expect(status).toBe(1)
  })
})

describe('the first statements', () => {
  let con: db.Connection

  beforeEach(() => {
    con = db.connect(dsn())
  })
  afterEach(() => {
    con[Symbol.dispose]()
  })

  test('select 1', () => {
    expect(con.execute('select 1').fetchone()?.[0]).toBe(1)
  })

  test('parameters in each style that needs no option', () => {
    expect([...con.execute('select %s', [42])].map((row) => [...row])).toEqual([[42]])
    expect(con.execute('select $1', ['x']).fetchone()?.[0]).toBe('x')
    expect(con.execute('select %(a)s::int + 1', { a: 1 }).fetchone()?.[0]).toBe(2)
    expect(con.execute('select %(a)s::int + %(a)s', new Map([['a', 2]])).fetchval()).toBe(4)
  })

  test('now() is a Date with and without parameters', () => {
    expect(con.execute('select now()').fetchval()).toBeInstanceOf(Date)
    expect(con.execute('select now(), %s', [1]).fetchval()).toBeInstanceOf(Date)
    expect(con.execute('select now(); select 1').fetchval()).toBeInstanceOf(Date)
  })

  test('count(*) is readable, printable and fit for JSON', () => {
    const row = con.execute("select count(*), 'x' as name from generate_series(1, 5)").fetchone()
    expect(row?.['count']).toBe(5n)
    expect(JSON.stringify(row)).toBe('{"count":5,"name":"x"}')
    expect(inspect(row)).toBe("Record { count: 5n, name: 'x' }")
    expect(Object.keys(row ?? {})).toEqual(['count', 'name'])
  })

  test('a single percent sign in quotes is allowed together with parameters', () => {
    const sql = "select count(*) from unnest(array['axb', 'b']) t where t like '%x%' and t <> %s"
    expect(con.execute(sql, ['z']).fetchval()).toBe(1n)
  })

  test('errors explain a marker in quotes, a list after IN, and undefined', () => {
    expect(failureOf(() => con.execute("select 1 where 'a' = '%s'", ['a'])).message).toMatch(/quotes/)
    expect(failureOf(() => con.execute('select 1 where 1 in %s', [[1, 2]])).message).toMatch(/any\(/)
    con.rollback()
    const refused = failureOf(() => con.execute('select %s', [undefined]))
    expect([refused, refused.message]).toEqual([expect.any(db.ProgrammingError), expect.stringMatching(/undefined/)])
    expect(con.info.status).toBe('idle')
  })

  test('a duplicate is a UniqueViolationError and an IntegrityError, with its constraint and detail', () => {
    con.execute('create temporary table person (mail text constraint one_mail unique)')
    con.executemany('insert into person values (%s)', [['a@x'], ['b@x']])
    const failure = failureOf(() => con.execute('insert into person values (%s)', ['a@x']))
    expect(failure).toBeInstanceOf(db.UniqueViolationError)
    expect(failure).toBeInstanceOf(db.IntegrityError)
    expect(failure).toBeInstanceOf(con.IntegrityError)
    expect(failure).toMatchObject({ constraintName: 'one_mail', detail: 'Key (mail)=(a@x) already exists.' })
  })

  test('fetchone ends with null, fetchmany uses arraysize, fetchall and iteration get the rest', () => {
    const cursor = con.execute('select i from generate_series(1, 7) i')
    expect(cursor.rowcount).toBe(7)
    expect(cursor.fetchone()?.[0]).toBe(1)
    expect(cursor.fetchmany()).toHaveLength(1)
    cursor.arraysize = 2
    expect(cursor.fetchmany()).toHaveLength(2)
    expect(cursor.fetchmany(0)).toEqual([])
    for (const [i] of cursor) {
      expect(i).toBe(5)
      break
    }
    expect(cursor.rownumber).toBe(5)
    expect(cursor.fetchall().map(([i]) => i)).toEqual([6, 7])
    expect([cursor.fetchone(), cursor.fetchmany(5), cursor.fetchall(), [...cursor]]).toEqual([null, [], [], []])
  })

  test('fetching without rows to fetch is a ProgrammingError that says why', () => {
    const cursor = con.cursor()
    expect(failureOf(() => cursor.fetchone()).message).toContain('execute a query first')
    cursor.execute('create temporary table nothing (a int)')
    for (const fetch of [() => cursor.fetchone(), () => cursor.fetchmany(2), () => cursor.fetchall()]) {
      const failure = failureOf(fetch)
      expect(failure).toBeInstanceOf(db.ProgrammingError)
      expect(failure.message).toBe('the last statement (CREATE) returned no rows')
    }
    expect(failureOf(() => cursor.execute('select 1').fetchmany(-1))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => cursor.fetchmany(1.5))).toBeInstanceOf(db.ProgrammingError)
  })

  test('10,000 elements at once are counted, take well under a second, and an error names the element that fails', () => {
    con.execute('create temporary table t (a int unique, b text)')
    const cursor = con.cursor()
    const startedMs = performance.now()
    cursor.executemany(
      'insert into t values (%s, %s)',
      Array.from({ length: 10_000 }, (_, index) => [index, 'x']),
    )
    // A local server takes some 100 ms; the limit leaves room for a machine with other work.
    expect(performance.now() - startedMs).toBeLessThan(2000)
    expect(cursor.rowcount).toBe(10_000)
    const failure = failureOf(() =>
      cursor.executemany('insert into t values (%s, %s)', [
        [-1, 'x'],
        [5, 'x'],
      ]),
    )
    expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: 1 })
    expect(failure.message.split('\n')[0]).toContain('#1')
  })

  test('a script with a function in dollar quotes, result by result', () => {
    const cursor = con.execute(`
      create temporary table t (a int);
      create function pg_temp.twice(a int) returns int language plpgsql as $body$
        begin return a * 2; -- it's; not the end
        end $body$;
      insert into t select pg_temp.twice(i) from generate_series(1, 3) i;
      select sum(a), 'x' as label from t;
      select`)
    const seen: unknown[] = []
    do {
      seen.push([cursor.statusmessage, cursor.rowcount, cursor.description?.map((column) => column.name) ?? null])
      if (cursor.description?.length === 2) expect([...(cursor.fetchone() ?? [])]).toEqual([12n, 'x'])
    } while (cursor.nextset())
    expect(seen).toEqual([
      ['CREATE TABLE', -1, null],
      ['CREATE FUNCTION', -1, null],
      ['INSERT 0 3', 3, null],
      ['SELECT 1', 1, ['sum', 'label']],
      ['SELECT 1', 1, []],
    ])
    expect(cursor.nextset()).toBeNull()
  })

  test('a script returns the values as text, and the same values are returned by a single statement in binary', () => {
    const list = `true, 1::int2, 2, 3::int8, 0.1::float4, 0.1::float8, 1.50, 'x', '\\x00ff'::bytea,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{"a": [1]}'::json, '{"a": [1]}'::jsonb, '2024-02-29'::date,
      '23:59:59.999999'::time, '2024-01-02 03:04:05.678901'::timestamp, '2024-01-02 03:04:05.678901+02'::timestamptz,
      '1 year 2 mons -3 days 04:05:06.789'::interval, array[1, null, 3], array['a"b', 'NULL', null], null`
    const binary = [...(con.execute(`select ${list}`).fetchone() ?? [])]
    const text = [...(con.execute(`select ${list}; select 1`).fetchone() ?? [])]
    expect(text).toEqual(binary)
  })

  test('a cursor prints its result and a connection its state, without secrets', () => {
    expect(inspect(con)).toMatch(/^<Connection idle, backend \d+>$/)
    expect(inspect(con.execute('select 1'))).toBe('<Cursor SELECT 1: 1 rows, at 0>')
    expect(inspect(con, { showHidden: true, depth: 9 })).not.toContain(sharedServer().password)
  })
})

describe('dates', () => {
  const ZONES = ['America/New_York', 'Asia/Kolkata', 'Europe/Berlin', 'UTC']

  test.each(ZONES)(
    'are stored and read back unchanged in a program with the time zone %s, across the change to summer time',
    async (zone) => {
      const program = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { autocommit: true })
const texts = ['2024-03-10 02:30:00', '2024-11-03 01:30:00', '2024-03-31 02:30:00.123456', '1999-12-31 23:59:59.999999',
  '0044-03-15 12:00:00 BC', 'infinity', '-infinity']
for (const serverZone of ['UTC', 'America/New_York']) {
  con.execute("select set_config('timezone', %s, false)", [serverZone])
  for (const type of ['timestamp', 'timestamptz', 'date']) {
    for (const text of texts) {
      const value = con.fetchval('select ' + "'" + text + "'::" + type)
      const same = con.fetchval('select %s::' + type + " = '" + text + "'::" + type, [value])
      if (!same) console.log('changed', type, text, value)
    }
  }
}
console.log(con.fetchval("select '2024-03-10'::date").toString(), con.fetchval("select timestamp '2024-03-10 02:30'").toISOString())
console.log('done')`
      const run = await runScript(program, { env: { DSN: dsn(), TZ: zone } })
      expect([run.stdout, run.stderr]).toEqual(['2024-03-10 2024-03-10T02:30:00.000Z\ndone\n', ''])
    },
  )
})

test('changes that are not committed are lost with the connection; committed ones stay', async () => {
  const database = await freshDatabase()
  const connect = (): db.Connection => db.connect(sharedServer().dsn({ database }))
  const first = connect()
  first.execute('create table t (a int)')
  first.commit()
  first.execute('insert into t values (1)')
  first.close()
  const second = connect()
  expect(second.fetchval('select count(*) from t')).toBe(0n)
  second.execute('insert into t values (2)')
  second.commit()
  second.close()
  const third = connect()
  expect(third.fetchval('select a from t')).toBe(2)
  third.close()
})
