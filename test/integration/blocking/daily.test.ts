/** Daily use: schemas that change under cached statements, column names nobody would choose, large values, places of errors. */
import { tracingChannel } from 'node:diagnostics_channel'

import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

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

describe('a schema that changes', () => {
  test('does not break a cached statement, outside a transaction and in a new one', () => {
    con.execute('create table t (a int)')
    con.execute('insert into t values (1)')
    con.execute('select * from t')
    con.commit()
    con.execute("alter table t add column b text default 'x'")
    con.commit()
    expect([...(con.fetchrow('select * from t') ?? [])]).toEqual([1, 'x'])
    con.commit()
    con.autocommit = true
    con.execute('alter table t alter column a type text')
    expect([...(con.fetchrow('select * from t') ?? [])]).toEqual(['1', 'x'])
  })

  test('does not break a cached statement when another connection changes it', () => {
    using other = db.connect(dsn, { autocommit: true })
    other.execute('create table t (a int)')
    expect(con.execute('select * from t').description).toHaveLength(1)
    con.commit()
    other.execute('alter table t add column b int')
    expect(con.execute('select * from t').description).toHaveLength(2)
  })

  test('DISCARD ALL and DEALLOCATE ALL by SQL cause no failure', () => {
    con.autocommit = true
    for (const sql of ['discard all', 'deallocate all']) {
      expect(con.fetchval('select %s::int', [1])).toBe(1)
      con.execute(sql)
      expect(con.fetchval('select %s::int', [2])).toBe(2)
    }
  })

  test('an enum that was rolled back and created again is read correctly', () => {
    con.execute("create type mood as enum ('sad'); select 'sad'::mood")
    expect(con.fetchval("select array['sad'::mood]")).toEqual(['sad'])
    con.rollback()
    con.execute("create type mood as enum ('ok', 'happy')")
    expect(con.fetchval("select array['ok'::mood, 'happy']")).toEqual(['ok', 'happy'])
    con.execute('create table t (m mood)')
    con.execute('insert into t values (%s)', ['happy'])
    expect(con.fetchval('select m from t')).toBe('happy')
  })

  test('without a statement cache no prepared statement stays on the server, as poolers need it', () => {
    using plain = db.connect(dsn, { statementCacheSize: 0, autocommit: true })
    for (const value of [1, 'x']) plain.fetchval('select %s', [value])
    expect(plain.fetchval('select count(*) from pg_prepared_statements')).toBe(0n)
  })
})

describe('columns', () => {
  const NAMES = [
    'length',
    'get',
    'toJSON',
    'then',
    '__proto__',
    'constructor',
    '0',
    '?column?',
    'x'.repeat(63),
    '😀',
    'toString',
    'keys',
  ]

  test.each(NAMES)('called %s can be read by name and by position, and printed', (name) => {
    const row = con.fetchrow(`select 7 as "${name}", 8 as other`) as db.Record
    expect([db.Record.at(row, 0), db.Record.toArray(row)]).toEqual([7, [7, 8]])
    if (name !== '0') expect(Object.getOwnPropertyDescriptor(row, name)?.value).toBe(7)
    expect(con.execute(`select 7 as "${name}"`).description?.[0]?.name).toBe(name)
    expect(db.Record.stringify(row)).toContain('7')
  })

  test('with one name: the last is read by name, and each by position', () => {
    const row = con.fetchrow('select 1 as a, 2 as a')
    expect([row?.['a'], row?.[0], row?.[1]]).toEqual([2, 1, 2])
  })

  test('may be none, or sixteen hundred', () => {
    expect([...(con.fetchrow('select') ?? ['no row'])]).toEqual([])
    const list = Array.from({ length: 1600 }, (_, i) => `${i} as c${i}`).join(', ')
    const row = con.fetchrow(`select ${list}`)
    expect([row?.[1599], row?.['c800'], [...(row ?? [])].length]).toEqual([1599, 800, 1600])
  })

  test('of every kind are described', () => {
    const cursor =
      con.execute(`select 1.5::numeric(10, 2) as n, 'x'::varchar(20) as v, now()::timestamp(3) as t, 1::int8 as i,
      'x'::text as s, '\\x00'::bytea as b, null::oid as o, '{}'::json as j`)
    const seen = cursor.description?.map((column) => [
      column.name,
      column.typeName,
      column.displaySize,
      column.internalSize,
      column.precision,
      column.scale,
    ])
    expect(seen).toEqual([
      ['n', 'numeric', null, null, 10, 2],
      ['v', 'varchar', 20, null, null, null],
      ['t', 'timestamp', null, 8, 3, null],
      ['i', 'int8', null, 8, null, null],
      ['s', 'text', null, null, null, null],
      ['b', 'bytea', null, null, null, null],
      ['o', 'oid', null, 4, null, null],
      ['j', 'json', null, null, null, null],
    ])
    const kinds = [db.NUMBER, db.STRING, db.DATETIME, db.NUMBER, db.STRING, db.BINARY, db.ROWID]
    for (const [index, kind] of kinds.entries()) expect(cursor.description?.[index]?.is(kind)).toBe(true)
    expect(
      [db.STRING, db.BINARY, db.NUMBER, db.DATETIME, db.ROWID].some((kind) => cursor.description?.[7]?.is(kind)),
    ).toBe(false)
  })
})

describe('values', () => {
  // This is far above every limit of the channel, the largest of which is a ring of one; `npm run soak` takes a
  // hundred.
  test('of twenty megabytes are stored and read back', () => {
    const bytes = Buffer.alloc(20 * 2 ** 20, 'syncpg')
    const [back, length] = con.fetchrow('select %s::bytea, length(%s)', [bytes, bytes]) ?? []
    expect(Buffer.compare(back as Buffer, bytes)).toBe(0)
    expect(length).toBe(bytes.length)
  }, 60_000)

  test('that no text can hold are refused before they are sent', () => {
    for (const bad of ['a\0b', 'lone \ud800']) {
      expect(failureOf(() => con.execute('select %s::text', [bad]))).toBeInstanceOf(db.DataError)
    }
    con.rollback()
    expect(con.fetchval('select %s::text', ['pair \u{1f600}'])).toBe('pair 😀')
  })

  test('null is never equal, and is not distinct', () => {
    expect(con.fetchval('select 1 where %s::int = %s', [null, null])).toBeNull()
    expect(con.fetchval('select 1 where %s::int is not distinct from %s', [null, null])).toBe(1)
  })
})

describe('the place of an error', () => {
  test.each([
    ['pyformat', "select '😀żółw', %s::int,\n  %s::text, nonsense", [1, 'x']],
    ['pyformat', "select '😀żółw', %(a)s::int,\n  %(b)s::text, nonsense", { a: 1, b: 'x' }],
    ['format', "select '😀żółw', %s::int,\n  %s::text, nonsense", [1, 'x']],
    ['qmark', "select '😀żółw', ?::int,\n  ? ::text, nonsense", [1, 'x']],
    ['numeric', "select '😀żółw', :1 ::int,\n  :2 ::text, nonsense", [1, 'x']],
    ['named', "select '😀żółw', :a ::int,\n  :bbbbb ::text, nonsense", { a: 1, bbbbb: 'x' }],
    ['qmark', "select '😀żółw', $1::int,\n  $2::text, nonsense", [1, 'x']],
  ] as const)('in the style %s is the user’s, under the right character: %s', (style, sql, parameters) => {
    con.paramstyle = style
    const failure = failureOf(() => con.execute(sql, parameters))
    const line = sql.split('\n')[1] ?? ''
    expect([failure.line, failure.column]).toEqual([2, [...line.slice(0, line.indexOf('nonsense'))].length + 1])
    const [, shown = '', caret = ''] = failure.message.split('\n')
    expect(shown).toBe(`LINE 2: ${line}`)
    expect(caret.indexOf('^')).toBe(shown.indexOf('nonsense'))
    expect(failure.query).toBe(sql)
    expect(Object.keys(failure)).not.toContain('query')
  })
})

describe('a query logger or a subscriber of a tracing channel', () => {
  test('gets queries on the tracing channels, with their result or error and without arguments', () => {
    const seen: string[] = []
    const note = (event: string) => (message: unknown) => {
      const { query, backendPid, error } = message as { query: string; backendPid: number; error?: db.Error }
      seen.push(`${event} ${query} ${backendPid === con.info.backendPid} ${error?.sqlstate}`)
      expect('args' in (message as object)).toBe(false)
    }
    const handlers = { start: note('start'), end: note('end'), error: note('error') } as never
    const channel = tracingChannel('syncpg:query')
    channel.subscribe(handlers)
    try {
      con.fetchval('select %s::text', ['a secret'])
      expect(() => con.execute('select 1/0')).toThrow('division')
    } finally {
      channel.unsubscribe(handlers)
    }
    expect(seen).toEqual([
      'start select %s::text true undefined',
      'end select %s::text true undefined',
      'start select 1/0 true undefined',
      'error select 1/0 true 22012',
      'end select 1/0 true 22012',
    ])
  })

  test('may query the database itself: a logger does not get its own queries', () => {
    const told: string[] = []
    con.addQueryLogger(({ query, rowCount }) => {
      told.push(query)
      con.execute(`select '${query.length} ${rowCount}'`)
    })
    con.cursor('named').execute('select 1').fetchall()
    for (const _row of con.cursor().stream('select generate_series(1, 3)')) continue
    con.execute('select 1; select 2')
    expect(told).toEqual(['select 1', 'select generate_series(1, 3)', 'select 1; select 2'])
  })

  test('is removed at the end of its scope', () => {
    const told: string[] = []
    {
      using _logging = con.queryLogger(({ query }) => void told.push(query))
      con.execute('select 1')
    }
    con.execute('select 2')
    expect(told).toEqual(['select 1'])
    expect(() => con.addQueryLogger('no function' as never)).toThrow(
      'addQueryLogger: expected a function, got the string "no function"',
    )
    expect(() => con.addQueryLogger(() => {}, { arg: true } as never)).toThrow('unknown option "arg"')
  })
})
