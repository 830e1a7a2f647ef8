/**
 * One name in two places, values in the query of a COPY under any settings, and text after SQL has set
 * `client_encoding`.
 */
import * as db from 'syncpg'
import * as async from 'syncpg/async'
import { tmpdir } from 'node:os'
import { DatabaseSync } from 'syncpg/sqlite-shape'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const database = databaseOfFile()
const dsn = (): string => sharedServer().dsn({ database })

describe('one named parameter with two markers', () => {
  let con: db.Connection
  beforeEach(() => {
    con = db.connect(dsn())
    con.execute(
      "create temp table item (id int, big bigint, name text); insert into item values (1, 1, 'tea'), (2, 2, 'rye')",
    )
  })
  afterEach(() => con[Symbol.dispose]())

  const forms: readonly (readonly [db.ParamStyle, (name: string) => string])[] = [
    ['pyformat', (name) => `%(${name})s`],
    ['named', (name) => `:${name}`],
  ]

  test.each(forms)('%s: an optional filter works with a value and with null', (style, marker) => {
    con.paramstyle = style
    const sql = `select id from item where (${marker('name')} is null or name = ${marker('name')}) order by id`
    expect(con.fetch(sql, { name: 'tea' }).map(([id]) => id)).toEqual([1])
    expect(con.fetch(sql, { name: null }).map(([id]) => id)).toEqual([1, 2])
    expect(con.fetch(sql, new Map([['name', 'rye']])).map(([id]) => id)).toEqual([2])
  })

  test.each(forms)('%s: one value is stored in columns of two types, also in a batch', (style, marker) => {
    con.paramstyle = style
    const sql = `insert into item (id, big, name) values (${marker('n')}, ${marker('n')}, ${marker('n')})`
    expect(con.execute(sql, { n: 3 }).rowcount).toBe(1)
    con.cursor().executemany(sql, [{ n: 4 }, { n: 5 }])
    expect(con.fetch('select id, big, name from item where id > 2 order by id').map((row) => [...row])).toEqual([
      [3, 3n, '3'],
      [4, 4n, '4'],
      [5, 5n, '5'],
    ])
  })

  test('an expression that GROUP BY or DISTINCT must recognize works, at any place of a transaction', () => {
    const sql = 'select id %% %(n)s as rest, count(*)::int from item where id < %(top)s group by id %% %(n)s order by 1'
    for (const n of [2, 3, 2]) {
      const rows = con.fetch(sql, { n, top: 10 }).map((row) => [...row])
      expect(rows).toEqual(
        n === 2
          ? [
              [0, 1],
              [1, 1],
            ]
          : [
              [1, 1],
              [2, 1],
            ],
      )
    }
    const distinct = 'select distinct id + %(n)s from item order by id + %(n)s'
    expect(con.fetch(distinct, { n: 1 }).map(([id]) => id)).toEqual([2, 3])
    expect([...con.cursor().stream(distinct, { n: 2 })].map(([id]) => id)).toEqual([3, 4])
    con.execute('declare c cursor for select 1')
    expect(con.info.status).toBe('in-transaction')
  })

  test("an error of GROUP BY for another reason is the server's own error", () => {
    const failure = failureOf(() => con.fetch('select name, %(n)s::int, %(n)s::int from item group by id', { n: 1 }))
    expect(failure.sqlstate).toBe('42803')
  })

  test('describe gives a type for each marker', () => {
    const { parameters } = con.describe('insert into item (id, big) values (%(n)s, %(n)s)')
    expect(parameters.map(({ name }) => name)).toEqual(['int4', 'int8'])
  })

  test('works in sqlite-shape, by name and by position', () => {
    const lite = new DatabaseSync(dsn())
    lite.exec("create temp table item (id int, name text); insert into item values (1, 'tea'), (2, 'rye')")
    const filter = lite.prepare('select id from item where (:name is null or name = :name) order by id')
    expect(filter.all({ name: 'tea' })).toEqual([{ id: 1 }])
    expect(filter.all({ ':name': null })).toEqual([{ id: 1 }, { id: 2 }])
    expect(filter.all('rye')).toEqual([{ id: 2 }])
    const mixed = lite.prepare('select id from item where name = :name and id = ? and (@name is null or :name = name)')
    expect(mixed.all({ ':name': 'tea', '@name': null }, 1)).toEqual([{ id: 1 }])
    lite.close()
  })

  test('in sqlite-shape a time without a zone is in UTC, in any TimeZone of the session', () => {
    const lite = new DatabaseSync(dsn())
    lite.exec("set timezone = 'America/New_York'; create temp table at (t timestamptz)")
    lite.prepare('insert into at values (?)').run('2024-01-01 00:00:00')
    const found = lite.prepare('select extract(epoch from t)::int as s from at where t = :t and (:t is null or t = :t)')
    expect(found.all({ t: '2024-01-01 00:00:00' })).toEqual([{ s: Date.UTC(2024, 0, 1) / 1000 }])
    lite.close()
  })
})

describe('values in the query of a COPY', () => {
  const SETTINGS =
    "set extra_float_digits = 0; set datestyle = 'postgres, dmy'; set intervalstyle = 'sql_standard'; set timezone = 'Asia/Kolkata'"
  const VALUES: readonly (readonly [type: string, value: unknown])[] = [
    ['bit(3)', '101'],
    ['varbit', '10101'],
    ['float8', 0.1 + 0.2],
    ['real', 0.1],
    ['timestamptz', new Date('2024-02-03T04:05:06.789Z')],
    ['timestamp', new async.PgTimestamp(Date.UTC(2024, 1, 3, 4, 5, 6, 789), 123)],
    ['date', new db.PgDate(2024, 2, 3)],
    ['interval', new db.PgInterval(14, -3, 4_000_005n)],
    ['char(3)', 'abc'],
    ['"char"', 'x'],
    ['text', "it's \\ $1"],
    ['jsonb', { a: ["it's"] }],
    ['int[]', [1, null, 3]],
    ['bytea', Buffer.from([0, 255])],
    ['int', null],
  ]

  test.each(VALUES)('a %s keeps its value under any settings', async (type, value) => {
    const sql = `select $1::${type} is not distinct from (select v from copied)`
    const con = db.connect(dsn(), { autocommit: true })
    con.execute(`drop table if exists copied; create table copied (v ${type})`)
    con.execute('insert into copied values ($1)', [value])
    con.execute(SETTINGS)
    let text = ''
    con.copyFromQuery(sql.replaceAll('$1', '%s'), [value], { output: (chunk) => void (text += String(chunk)) })
    expect(text).toBe('t\n')
    con.close()
    const other = await async.connect(dsn())
    await other.execute(SETTINGS)
    const chunks: Buffer[] = []
    await other.copyFromQuery(sql, [value], { output: (chunk: Buffer) => void chunks.push(chunk) })
    expect(Buffer.concat(chunks).toString()).toBe('t\n')
    await other.close()
  })

  test('of which one does not fit is refused with its number', () => {
    const con = db.connect(dsn(), { autocommit: true })
    const failure = failureOf(() => con.copyFromQuery('select %s::int', ['12a'], { output: () => {} }))
    expect(failure).toBeInstanceOf(db.DataError)
    expect(failure.message).toContain('query argument $1')
    con.close()
  })
})

describe('an unusable value of the program throws an error of syncpg', () => {
  test('a file of a COPY', () => {
    const con = db.connect(dsn(), { autocommit: true })
    con.execute('create temp table t (v text)')
    const operational = { name: 'OperationalError', code: 'ENOENT' }
    expect(failureOf(() => con.copyFromTable('t', { output: '/not/there' }))).toMatchObject(operational)
    expect(failureOf(() => con.copyToTable('t', { source: '/not/there' }))).toMatchObject(operational)
    expect(failureOf(() => con.copyToTable('t', { source: tmpdir() }))).toMatchObject({
      ...operational,
      code: 'EISDIR',
    })
    const misuse = { name: 'ProgrammingError' }
    expect(failureOf(() => con.copyFromTable('t', { output: new URL('http://x/') }))).toMatchObject(misuse)
    expect(con.fetchval('select 1')).toBe(1)
    con.close()
  })

  test.each([[5], [{}], ['x'], [null]])('a signal that is %j', async (signal) => {
    const con = await async.connect(dsn())
    const refused = { name: 'ProgrammingError', message: expect.stringContaining('expected an AbortSignal') }
    const options = { signal: signal as never }
    await expect(con.fetch('select 1', [], options)).rejects.toMatchObject(refused)
    await expect(con.pipeline(async () => {}, options)).rejects.toMatchObject(refused)
    expect(await con.fetchval('select 1')).toBe(1)
    await con.close()
  })
})

describe('client_encoding set by SQL', () => {
  const LATIN = "set client_encoding = 'LATIN1'"

  test.each([true, false])('is reset at once, autocommit %s: text is read and written correctly', (autocommit) => {
    const con = db.connect(dsn(), { autocommit })
    con.execute('create temp table t (v text)')
    con.execute(LATIN)
    expect(con.info.parameter('client_encoding')).toBe('UTF8')
    con.execute('insert into t values (%s)', ['é'])
    expect([...con.fetchrow('select v, length(v) from t')!]).toEqual(['é', 1])
    con.fetchval("select set_config('client_encoding', 'latin1', false)")
    expect(con.fetchval('select v from t')).toBe('é')
    if (!autocommit) {
      con.commit()
      con.execute(`savepoint s; ${LATIN}`)
      con.execute('rollback to s')
      expect(con.fetchval("select 'é'")).toBe('é')
      con.rollback()
    }
    expect(con.fetchval("select 'é'")).toBe('é')
    con[Symbol.dispose]()
  })

  test('in a text with more statements lets those run that return no text, as in a dump', () => {
    const con = db.connect(dsn(), { autocommit: true })
    const dump = con.execute(
      `${LATIN}; select pg_catalog.set_config('search_path', '', false); create temp table t (v text);
       insert into t values ('é'); show client_encoding`,
    )
    expect([...dump.results()].at(-1)?.fetchval()).toBe('LATIN1')
    expect([...con.fetchrow('select v, length(v) from t')!]).toEqual(['é', 1])
    const utf8 = con.execute("set client_encoding = 'UTF8'; select v from t")
    expect([...utf8.results()].at(-1)?.fetchval()).toBe('é')
    con.close()
  })

  test.each([
    [`${LATIN}; insert into t values (1); select 'é'`, undefined],
    [`set "client_encoding" = 'LATIN1'; insert into t values (1) returning v`, undefined],
    [`set /* dump */ client_encoding to latin1; insert into t values (1); table t`, undefined],
    ["insert into t values (1) returning v, set_config('client_encoding', 'LATIN1', false)", undefined],
    ["insert into t values (1) returning 'é', set_config($1, $2, false)", ['client_encoding', 'LATIN1']],
  ])('%s is refused before it has an effect', (sql, values) => {
    const con = db.connect(dsn(), { autocommit: true })
    con.execute('create temp table t (v int)')
    for (let run = 0; run < 3; run += 1) {
      const failure = failureOf(() => con.execute(sql, values))
      expect(failure).toBeInstanceOf(db.NotSupportedError)
      expect(failure).toHaveProperty('hint', expect.stringContaining('in a call of its own'))
    }
    expect(con.fetchval('select count(*)::int from t')).toBe(0)
    con.close()
  })

  test('in a batch is refused before anything is stored', () => {
    const con = db.connect(dsn(), { autocommit: true })
    con.execute('create temp table t (v text, w text)')
    const insert = "insert into t select $1, set_config('client_encoding', 'LATIN1', false)"
    const refused = { name: 'NotSupportedError' }
    expect(failureOf(() => con.executemany(insert, [['é'], ['é']]))).toMatchObject(refused)
    const named = 'insert into t select $1, set_config($2, $3, false)'
    const setting = ['client_encoding', 'LATIN1']
    expect(failureOf(() => con.fetchmany(`${named} returning v`, [['é', ...setting]]))).toMatchObject(refused)
    expect(
      failureOf(() =>
        con.executemany(named, [
          ['é', 'a.b', 'c'],
          ['é', ...setting],
        ]),
      ),
    ).toMatchObject(refused)
    expect(con.fetchval('select count(*)::int from t')).toBe(0)
    con.executemany(named, [
      ['é', 'a.b', 'c'],
      ['é', 'a.b', 'd'],
    ])
    expect(con.fetchval('select count(*)::int from t where length(v) = 1')).toBe(2)
    con.close()
  })

  test.each([true, false])(
    'by a function: its text is refused, and the next text is correct, autocommit %s',
    (autocommit) => {
      const con = db.connect(dsn(), { autocommit })
      con.execute(`create function pg_temp.latin() returns text language plpgsql as
      $$ begin perform set_config('client_encoding', 'LATIN1', false); return 'é'; end $$`)
      for (const sql of [
        'select pg_temp.latin()',
        "select 'é', pg_temp.latin()",
        "select 1; select 'é', pg_temp.latin()",
      ]) {
        for (let run = 0; run < 3; run += 1) {
          const failure = failureOf(() => con.execute(sql))
          expect(failure).toBeInstanceOf(db.NotSupportedError)
          expect(failure.message).toContain('has run')
          expect(con.fetchval("select 'é'")).toBe('é')
        }
      }
      expect(con.fetchval('select 1 where pg_temp.latin() is not null')).toBe(1)
      const hidden = "select set_config('client_' || 'encoding', 'LATIN1', false)"
      expect(con.fetchval(hidden)).toBe('LATIN1')
      expect(failureOf(() => con.fetch(`${hidden}, 'é'`))).toBeInstanceOf(db.NotSupportedError)
      expect(con.fetchval("select 'é'")).toBe('é')
      con[Symbol.dispose]()
    },
  )

  test('in an embedded database, which could not print text in another encoding', async () => {
    const con = db.connect('pglite:', { autocommit: true })
    const setting = ['client_encoding', 'LATIN1']
    for (const sql of [
      "select set_config($1, $2, false), 'é'",
      "select 'é' from (select set_config($1, $2, false)) x",
    ]) {
      expect(failureOf(() => con.execute(sql, setting))).toBeInstanceOf(db.NotSupportedError)
      expect(con.fetchval("select 'é'")).toBe('é')
    }
    con.fetchval('select set_config($1, $2, false)', setting)
    expect(con.fetchval('select set_config($1, $2, false)', ['app.name', 'é'])).toBe('é')
    expect(con.fetchval("select 'é'")).toBe('é')
    con.close()
  })

  test('by a script that fails', () => {
    const con = db.connect(dsn())
    expect(failureOf(() => con.execute(`${LATIN}; drop table not_there`)).sqlstate).toBe('42P01')
    con.rollback()
    expect(con.fetchval("select 'é'")).toBe('é')
    con[Symbol.dispose]()
  })

  test('in the async API', async () => {
    const con = await async.connect(dsn())
    await con.execute(LATIN)
    expect(await con.fetchval("select 'é' || $1", ['ü'])).toBe('éü')
    await expect(con.execute(`${LATIN}; select 'é'`)).rejects.toBeInstanceOf(async.NotSupportedError)
    await con.transaction(async () => {
      await con.execute(LATIN)
      expect(await con.fetchval("select 'é'")).toBe('é')
    })
    expect(await con.fetchval("select 'é'")).toBe('é')
    await con.close()
  })
})

describe('forms of results', () => {
  test("leave parameters alone: types: { int8: 'string' }", () => {
    const types = { int8: 'string', timestamptz: 'string', json: 'string', jsonb: 'string', bytea: 'string' } as const
    const con = db.connect(dsn(), { autocommit: true, types })
    con.execute("set timezone = 'UTC'")
    const given = [5, new Date(0), db.Json({ a: 1 }), [1, { a: null }], Buffer.from('a')]
    const row = con.fetchrow('select %s::int8, %s::timestamptz, %s::json, %s::jsonb, %s::bytea', given)!
    expect([...row]).toEqual(['5', '1970-01-01 00:00:00+00', '{"a":1}', '[1, {"a": null}]', '\\x61'])
    // A value that is read and written back stays the same.
    const again = con.fetchrow('select %s::int8, %s::timestamptz, %s::json, %s::jsonb, %s::bytea', row)!
    expect([...again]).toEqual([...row])
    expect(con.fetchval('select %s::int8[]', [[5, 6n, '7']])).toEqual(['5', '6', '7'])
    con.close()
  })
})

describe('the program never gets a bare error of Node', () => {
  // The server takes seconds to make them: `npm run test:big-values` has this one too.
  test.runIf(process.env['SYNCPG_BIG_VALUES'] === '1')(
    'a value longer than a string can be',
    async () => {
      const sql = "select 1 as a, repeat('x', 600000000) as b"
      const con = db.connect(dsn(), { autocommit: true })
      const failure = failureOf(() => con.fetch(sql))
      expect(failure).toBeInstanceOf(db.DataError)
      expect(failure.message).toContain('column 2 ("b", text): the value is longer than a string can be')
      expect(con.fetchval('select 1')).toBe(1)
      con.close()
      const other = await async.connect(dsn())
      await expect(other.fetch(sql)).rejects.toBeInstanceOf(async.DataError)
      await other.close()
    },
    60_000,
  )

  test.each([undefined, null, 5.5, -1, {}, true, []])('a bad output or source: %o', async (bad) => {
    const output = bad as never
    const con = db.connect(dsn(), { autocommit: true })
    expect(failureOf(() => con.copyFromQuery('select 1', null, { output }))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => con.copyFromQuery('select 1', null, undefined as never))).toBeInstanceOf(db.ProgrammingError)
    expect(con.fetchval('select 1')).toBe(1)
    con.close()
    const other = await async.connect(dsn())
    await expect(other.copyFromQuery('select 1', [], { output })).rejects.toBeInstanceOf(async.ProgrammingError)
    await expect(other.copyToTable('pg_class', undefined as never)).rejects.toBeInstanceOf(async.ProgrammingError)
    expect(await other.fetchval('select 1')).toBe(1)
    await other.close()
  })

  test('half a surrogate pair in SQL text', async () => {
    const con = db.connect(dsn(), { autocommit: true })
    for (const sql of ["select '\ud800'", "select '\ud800'; select 1"]) {
      const failure = failureOf(() => con.execute(sql))
      expect(failure).toBeInstanceOf(db.ProgrammingError)
      expect(failure.message).toContain('half a surrogate pair')
    }
    expect(con.fetchval('select 1')).toBe(1)
    con.close()
    const other = await async.connect(dsn())
    await expect(other.execute("select '\ud800'")).rejects.toThrow('half a surrogate pair')
    await other.close()
  })
})
