/**
 * What a connection remembers of statements and types, when others change the schema: other connections of the same
 * thread, which tell it, and other processes, which cannot.
 */
import * as db from 'syncpg'
import * as asyncpg from 'syncpg/async'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { askServer, sharedServer } from '../../support/shared-server.ts'

interface Face {
  execute(sql: string, values?: readonly unknown[]): unknown
  rows(sql: string): unknown
  copy(table: string, records: unknown[][]): unknown
  close(): unknown
}

/** Connections of both APIs, for texts with `$1`. */
const FACES = {
  blocking(): Face {
    const con = db.connect(sharedServer().dsn(), { autocommit: true, paramstyle: 'numeric' })
    return {
      execute: (sql, values) => con.execute(sql.replace(/\$(\d)/g, ':$1'), values as never),
      rows: (sql) => con.fetch(sql).map((row) => [...row]),
      copy: (table, records) => con.copyRecordsToTable(table, { records }),
      close: () => con.close(),
    }
  },
  async async(): Promise<Face> {
    const con = await asyncpg.connect(sharedServer().dsn())
    return {
      execute: (sql, values) => con.execute(sql, values as never),
      rows: async (sql) => (await con.fetch(sql)).map((row) => [...(row as unknown as Iterable<unknown>)]),
      copy: (table, records) => con.copyRecordsToTable(table, { records }),
      close: () => con.close(),
    }
  },
}

describe.each(Object.entries(FACES))('%s', (_name, open) => {
  let con: Face
  let other: Face
  beforeEach(async () => {
    con = await open()
    other = await open()
    await other.execute('drop table if exists changed; drop type if exists changed_type')
  })
  afterEach(async () => {
    vi.useRealTimers()
    await con.close()
    await other.close()
  })

  const insertThrice = async (sql: string, values: readonly unknown[]): Promise<void> => {
    for (let i = 0; i < 3; i++) await con.execute(sql, values)
  }

  test('a parameter has the type that another connection has given to its column', async () => {
    await other.execute('create table changed (v real, d date)')
    const insert = (): Promise<void> =>
      insertThrice('insert into changed values ($1, $2)', [20200101, '2020-01-01 10:00:00'])
    await insert()
    await other.execute('truncate changed')
    await other.execute('alter table changed alter v type float8, alter d type timestamp')
    await insert()
    expect(await con.rows('select distinct v::text, d::text from changed')).toEqual([
      ['20200101', '2020-01-01 10:00:00'],
    ])
  })

  test('also when that was a longer transaction, and the statement ran in between', async () => {
    await other.execute('create table changed (v real)')
    await other.execute('create table elsewhere (v real)')
    await other.execute('begin')
    await other.execute('alter table elsewhere add w int')
    await insertThrice('insert into changed values ($1)', [20200101])
    await other.execute('alter table changed alter v type float8')
    await other.execute('commit')
    await insertThrice('insert into changed values ($1)', [20200101])
    await other.execute('drop table elsewhere')
    expect(await con.rows('select v::text, count(*)::int from changed group by 1 order by 1')).toEqual([
      ['20200100', 3],
      ['20200101', 3],
    ])
  })

  const FIELDS = { street: 'Main St', city: 'Oslo' }
  const ALTER = 'alter type changed_type drop attribute street; alter type changed_type add attribute street text'
  const ADD = 'insert into changed values ($1)'
  const RIGHT = [['Main St', 'Oslo']]
  const added = (): unknown => con.rows('select (v).street, (v).city from changed')
  const prepareType = async (): Promise<void> => {
    await other.execute('create type changed_type as (street text, city text)')
    await other.execute('create table changed (v changed_type)')
    await insertThrice(ADD, [FIELDS])
    await other.execute('truncate changed')
  }

  test('the fields of a type that another connection has altered', async () => {
    await prepareType()
    for (const command of ALTER.split('; ')) await other.execute(command)
    await con.execute(ADD, [FIELDS])
    expect(await added()).toEqual(RIGHT)
  })

  test('COPY knows them too', async () => {
    await prepareType()
    for (const command of ALTER.split('; ')) await other.execute(command)
    await con.copy('changed', [[FIELDS]])
    expect(await added()).toEqual(RIGHT)
  })

  test.each(['deallocate all', 'discard all'])('after a change by another process, %s is enough', async (command) => {
    await prepareType()
    await askServer(sharedServer(), ALTER)
    await con.execute(command)
    await con.execute(ADD, [FIELDS])
    expect(await added()).toEqual(RIGHT)
  })

  test.each([ADD, `${ADD} -- new`])('after a change by another process, five minutes are enough: %s', async (sql) => {
    await prepareType()
    await askServer(sharedServer(), ALTER)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 301_000 })
    await con.execute(sql, [FIELDS])
    expect(await added()).toEqual(RIGHT)
  })
})

describe('while rows are read in pieces or by a prepared statement', () => {
  const other = db.connect(sharedServer().dsn(), { autocommit: true })
  afterAll(() => other.close())
  /** What makes a connection forget its types: another connection, the connection itself, and time. */
  const FORGETTING: Record<string, () => string> = {
    'an unrelated DROP of another connection': () => {
      other.execute('create table if not exists unrelated (a int)')
      other.execute('drop table unrelated')
      return 'select 1'
    },
    'deallocate all': () => 'deallocate all',
    time: () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 301_000 })
      return 'select 1'
    },
  }
  const TYPES =
    "create type piece as (a int, t text); create type piece_range as range (subtype = float8); create type word as enum ('w')"
  const ROWS = `select row(g, 'x')::piece as p, array[row(g, 'y')::piece] as ps, piece_range(g, null) as r, array['w']::word[] as w
    from generate_series(1, 3) g`
  const show = (row: unknown): string =>
    JSON.stringify(row, (_key, value: unknown) =>
      value instanceof Object && !Array.isArray(value) ? { ...value } : value,
    )

  beforeEach(() => {
    other.execute('drop type if exists piece, piece_range, word')
    other.execute(TYPES)
  })
  afterEach(() => vi.useRealTimers())

  test.each(Object.keys(FORGETTING))('a named cursor goes on after %s', (name) => {
    const con = db.connect(sharedServer().dsn())
    const rows = con.fetch(ROWS).map(show)
    const cursor = con.cursor('pieces', { itersize: 1 })
    cursor.execute(ROWS)
    const seen = [show(cursor.fetchone())]
    con.execute(FORGETTING[name]!())
    for (const row of cursor.fetchmany(1)) seen.push(show(row))
    con.execute('select 2')
    for (const row of cursor.fetchall()) seen.push(show(row))
    expect(seen).toEqual(rows)
    expect(rows[0]).toContain('"a":1')
    con.close()
  })

  test.each(Object.keys(FORGETTING))('an async scrollable cursor and a portal go on after %s', async (name) => {
    const con = await asyncpg.connect(sharedServer().dsn())
    const rows = (await con.fetch(ROWS)).map(show)
    await con.transaction(async () => {
      const scrollable = await con.cursor(ROWS, [], { scrollable: true }).open()
      const portal = await con.cursor(ROWS).open()
      const seen = [(await scrollable.fetch(1)).map(show), (await portal.fetch(1)).map(show)]
      await con.execute(FORGETTING[name]!())
      seen[0]!.push(...(await scrollable.fetch(2)).map(show))
      seen[1]!.push(...(await portal.fetch(2)).map(show))
      expect(seen).toEqual([rows, rows])
    })
    await con.close()
  })

  test.each(Object.keys(FORGETTING).filter((name) => name !== 'deallocate all'))(
    'a prepared statement keeps its types after %s, also with types of a call',
    async (name) => {
      const con = await asyncpg.connect(sharedServer().dsn())
      const statement = await con.prepare(ROWS)
      const rows = (await con.fetch(ROWS)).map(show)
      await con.execute(FORGETTING[name]!())
      expect((await statement.fetch()).map(show)).toEqual(rows)
      expect((await statement.fetch([], { types: { int8: 'string' } as never })).map(show)).toEqual(rows)
      await con.close()
    },
  )
})
