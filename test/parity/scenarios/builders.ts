/** What query builders compile means what it means to them: the same on both faces. */
import { eq, sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import * as pg from 'drizzle-orm/pg-core'
import knex from 'knex'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql as kyselySql,
} from 'kysely'
import sqlTag from 'sql-template-tag'
import { DataError, ProgrammingError, sql } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

interface Tables {
  item: { id: number; label: string | null; data: unknown; tags: string[]; at: Date }
}

const kysely = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})
const draft = drizzle.mock()
const native = knex({ client: 'pg' })

const INSTANT = new Date('2024-02-29T12:00:00.123Z')

/** A column of Drizzle's, a value, and what the server prints of what was stored. */
const COLUMNS = {
  id: [pg.integer(), 1, '1'],
  small: [pg.smallint(), -2, '-2'],
  big: [pg.bigint({ mode: 'bigint' }), 9007199254740993n, '9007199254740993'],
  bigNumber: [pg.bigint({ mode: 'number' }), 5, '5'],
  flag: [pg.boolean(), true, 'true'],
  label: [pg.text(), "a 'b'", "a 'b'"],
  code: [pg.varchar({ length: 9 }), 'x', 'x'],
  price: [pg.numeric(), '1.50', '1.50'],
  ratio: [pg.real(), 0.5, '0.5'],
  exact: [pg.doublePrecision(), 1e21, '1e+21'],
  data: [pg.jsonb(), { a: ['b'] }, '{"a": ["b"]}'],
  dataText: [pg.jsonb(), 'text', '"text"'],
  dataNumber: [pg.json(), 5, '5'],
  dataList: [pg.jsonb(), [1, 'x'], '[1, "x"]'],
  at: [pg.timestamp({ withTimezone: true }), INSTANT, '2024-02-29 12:00:00.123+00'],
  atText: [pg.timestamp({ mode: 'string', withTimezone: true }), '2024-02-29 13:00+01', '2024-02-29 12:00:00+00'],
  wall: [pg.timestamp(), INSTANT, '2024-02-29 12:00:00.123'],
  day: [pg.date(), '2024-02-29', '2024-02-29'],
  dayDate: [pg.date({ mode: 'date' }), INSTANT, '2024-02-29'],
  clock: [pg.time(), '04:05:06', '04:05:06'],
  span: [pg.interval(), '1 mon 2 days', '1 mon 2 days'],
  key: [pg.uuid(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  address: [pg.inet(), '10.1.2.3', '10.1.2.3/32'],
  place: [pg.point(), [1, 2], '(1,2)'],
  placeXy: [pg.point({ mode: 'xy' }), { x: 1, y: 2 }, '(1,2)'],
  rule: [pg.line(), [1, 2, 3], '{1,2,3}'],
  tags: [pg.text().array(), ['a', 'b"c', ''], '{a,"b\\"c",""}'],
  numbers: [pg.integer().array(), [1, 2], '{1,2}'],
  moments: [pg.timestamp({ withTimezone: true }).array(), [INSTANT], '{"2024-02-29 12:00:00.123+00"}'],
  documents: [pg.jsonb().array(), [{ a: 1 }], '{"{\\"a\\": 1}"}'],
} as const

export function builderScenarios(db: () => Driver): void {
  describe('compiled statements', () => {
    test('of Drizzle store 30 column types as over pg', async () => {
      const columns = Object.fromEntries(Object.entries(COLUMNS).map(([name, [column]]) => [name, column]))
      const values = Object.fromEntries(Object.entries(COLUMNS).map(([name, [, value]]) => [name, value]))
      const table = pg.pgTable('many', columns as unknown as Record<string, pg.PgIntegerBuilderInitial<''>>)
      const { columns: made } = pg.getTableConfig(table)
      const ddl = made.map((column) => `"${column.name}" ${column.getSQLType()}`).join(', ')
      await db().execute(`set timezone = 'UTC'; create table many (${ddl})`)
      const insert = draft.insert(table).values(values as never)
      expect(await db().query(insert.toSQL())).toMatchObject({ tag: 'INSERT 0 1', rowCount: 1, rows: [] })
      const printed = made.map((column) => `"${column.name}"::text`).join(', ')
      const { rows } = await db().query(`select ${printed} from many`)
      expect(rows[0]).toEqual(Object.values(COLUMNS).map(([, , text]) => text))
    })

    test('Kysely: ready-made JSON, arrays, dates, and numbers where text is wanted', async () => {
      await db().execute('create table item (id int, label text, data jsonb, tags text[], at timestamptz)')
      const data = JSON.stringify({ a: 1 })
      const row = { id: 1, label: 'x', data, tags: ['a', 'b'], at: INSTANT }
      await db().query(kysely.insertInto('item').values(row).compile())
      const select = kysely
        .selectFrom('item')
        .select(kyselySql<string>`jsonb_typeof(data)`.as('kind'))
        .select(['tags', 'at', kyselySql<string>`coalesce(${5}, label)`.as('first')])
        .where('label', '=', kyselySql<string>`concat('x', ${''}::text)`)
        .where(kyselySql<boolean>`label <> ${7}`)
      expect((await db().query(select.compile())).rows).toEqual([['object', ['a', 'b'], INSTANT, '5']])
    })

    test('Knex, with its native bindings', async () => {
      await db().execute('create table item (id int, label text, data jsonb)')
      const insert = native('item').insert({ id: 1, label: 'x', data: { a: 1 } })
      await db().query(insert.toSQL().toNative())
      const select = native('item')
        .select(native.raw('data->>? as a', ['a']))
        .whereIn('id', [1, 2])
      expect((await db().query(select.toSQL().toNative())).rows).toEqual([['1']])
    })

    test("of sql-template-tag run with the text that has PostgreSQL's markers", async () => {
      expect((await db().query(sqlTag`select ${1}::int + 1, ${'{"a":1}'}::jsonb`)).rows).toEqual([[2, { a: 1 }]])
    })

    test('an object with only a text may have several statements, and its values may be the second argument', async () => {
      expect((await db().query({ text: 'select 1' })).rows).toEqual([[1]])
      expect((await db().query({ text: 'select 1; select 2' })).results.map(({ rows }) => rows)).toEqual([[[1]], [[2]]])
      expect((await db().query({ text: 'select $1::jsonb' }, ['{"a":1}'])).rows).toEqual([[{ a: 1 }]])
      const both = await failureOfAsync(() => db().query({ text: 'select $1', values: [1] }, [2]))
      expect(both).toBeInstanceOf(ProgrammingError)
    })

    test('in batches and prepared statements, the values mean text too', async () => {
      await db().execute('create table item (id int, data jsonb)')
      const compiled = { sql: 'insert into item values ($1, $2)', parameters: [0, 'not looked at'] }
      const elements = Array.from({ length: 100 }, (_, i) => [String(i), i % 2 === 0 ? `{"i":${i}}` : null])
      await db().executemany(compiled, elements)
      expect(await db().rows("select count(*)::int, sum((data->>'i')::int)::int, max(id) from item")).toEqual([
        [100, 2450, 99],
      ])
      expect(await db().prepared({ text: 'select $1::jsonb' }, ['[1]'])).toEqual([[[1]]])
      expect(await db().pieces({ text: 'select $1::jsonb from generate_series(1, 5)', values: ['[1]'] }, [])).toEqual(
        Array.from({ length: 5 }, () => [[1]]),
      )
    })

    test("the option values: 'text' applies to any statement, and 'typed' to a compiled one", async () => {
      const text = 'select $1::jsonb::text, $2::text, $3::text'
      expect((await db().query(text, ['"x"', 5, true], { values: 'text' })).rows).toEqual([['"x"', '5', 'true']])
      expect((await db().query(text, ['"x"', 5, true])).rows).toEqual([['"\\"x\\""', '5', 'true']])
      const compiled = { sql: 'select $1::jsonb::text', parameters: ['"x"'] }
      expect((await db().query(compiled, undefined, { values: 'typed' })).rows).toEqual([['"\\"x\\""']])
      expect((await db().query(sql`select ${'"x"'}::jsonb::text`)).rows).toEqual([['"\\"x\\""']])
      expect((await db().query(sql`select ${'"x"'}::jsonb::text`, undefined, { values: 'text' })).rows).toEqual([
        ['"x"'],
      ])
      const wrong = await failureOfAsync(() => db().query('select 1', [], { values: 'other' as 'text' }))
      expect(wrong.message).toContain("values: expected 'typed' or 'text'")
    })

    test.each([
      ['int', 5, '5'],
      ['numeric', 0.1, '0.1'],
      ['boolean', 1, 'true'],
      ['boolean', 'on', 'true'],
      ['"char"', 'x', 'x'],
      ['name', 5, '5'],
      ['float8', -0, '-0'],
      ['json', false, 'false'],
      ['jsonb[]', ['{"a":1}', null], '{"{\\"a\\": 1}",NULL}'],
      [
        'int[]',
        [
          [1, '2'],
          ['3', 4n],
        ],
        '{{1,2},{3,4}}',
      ],
      ['int4range', '[1,5)', '[1,5)'],
      ['jsonb', { a: '1' }, '{"a": "1"}'],
      ['bytea', '\\x6162', '\\x6162'],
      ['bytea', Buffer.from('ab'), '\\x6162'],
      ['text', Buffer.from('ä'), 'ä'],
      ['date', '29 Feb 2024', '2024-02-29'],
    ])('for %s the server reads %o', async (type, value, printed) => {
      const { rows } = await db().query(`select $1::${type}::text`, [value], { values: 'text' })
      expect(rows).toEqual([[printed]])
    })

    test('a string that the server cannot read gives the server’s error', async () => {
      const failure = await failureOfAsync(() => db().query('select $1::int', ['12a'], { values: 'text' }))
      expect(failure).toMatchObject({ sqlstate: '22P02' })
      expect(await failureOfAsync(() => db().query({ text: 'select $1::int', values: [undefined] }))).toBeInstanceOf(
        ProgrammingError,
      )
      expect(await failureOfAsync(() => db().query({ text: 'select $1::text', values: ['a\0b'] }))).toBeInstanceOf(
        DataError,
      )
    })

    test('a placeholder of Drizzle without a value is not sent as JSON', async () => {
      const item = pg.pgTable('item', { id: pg.integer(), data: pg.jsonb() })
      await db().execute('create table item (id int, data jsonb)')
      const insert = draft.insert(item).values({ id: 1, data: drizzleSql.placeholder('data') })
      const failure = await failureOfAsync(() => db().query(insert.toSQL()))
      expect(failure.message).toContain('Placeholder')
      const select = draft.select().from(item).where(eq(item.id, 1)).toSQL()
      expect((await db().query(select)).rows).toEqual([])
    })

    test.each([
      ['Knex before toNative()', () => native('item').where({ id: 1 }).toSQL(), 'query.toSQL().toNative()'],
      ['a builder of Knex', () => native('item').where({ id: 1 }), 'query.toSQL().toNative()'],
      ['a builder of Kysely', () => kysely.selectFrom('item').selectAll(), 'query.compile()'],
      ['a builder of Drizzle', () => draft.select().from(pg.pgTable('item', { id: pg.integer() })), 'query.toSQL()'],
      ['slonik', () => ({ sql: 'select $slonik_1', values: [1] }), "replaceAll('$slonik_', '$')"],
    ])('%s is refused, and the hint says what to write', async (_, statement, instead) => {
      const failure = await failureOfAsync(() => db().query(statement() as never))
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toContain(instead)
    })
  })
}
