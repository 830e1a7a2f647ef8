/**
 * What a connection remembers of statements and types, when others change the schema: other connections of the same
 * thread, which tell it, and other processes, which cannot.
 */
import * as db from 'syncpg'
import * as asyncpg from 'syncpg/async'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

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
