/** Strings for every type, values for columns of text, and types that only the values tell: the same on both faces. */
import { DataError, PgDate, Range } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync, failureOrNull } from '../../support/failure-of.ts'

/** A type, a string as it comes from a command line, and what the server prints for its own literal. */
const STRINGS: readonly (readonly [type: string, text: string])[] = [
  ['int', '12'],
  ['int', ' -7 '],
  ['int8', '+9223372036854775807'],
  ['boolean', 'yes'],
  ['boolean', ' OFF '],
  ['float8', '1e3'],
  ['float8', '-Infinity'],
  ['real', '0.1'],
  ['numeric', '1.50'],
  ['uuid', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}'],
  ['int4range', '[1,5)'],
  ['int[]', '{1,2}'],
  ['text[]', '{a,"b c"}'],
  ['point', '(1,2)'],
  ['interval', '1-2'],
  ['interval', '-1 day 02:00'],
  ['date', '29 Feb 2024'],
  ['date', '-infinity'],
  ['time', '4:05 pm'],
  ['timestamp', '2024-01-01 10:00+05'],
  ['timestamptz', '2024-07-01'],
  ['timestamptz', '2024-07-01 10:00 Asia/Kolkata'],
  ['bytea', '\\x6162'],
  ['bytea', 'ab\\000'],
  ['bit(3)', '101'],
  ['inet', '10.1.2.3/8'],
  ['cidr', '10.1'],
  ['macaddr', '0800.2b01.0203'],
  ['money', '12.5'],
  ['tsvector', 'a:1 b:2'],
  ['regclass', 'pg_class'],
  ['xml', '<a/>'],
]

/** Tables of these tests have names of their own: what is remembered of one is of no use for the next. */
let tables = 0
const newName = (): string => `t${(tables += 1)}`

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

export function stringScenarios(db: () => Driver): void {
  describe('strings', () => {
    test.each(STRINGS)('for %s the server reads %o', async (type, text) => {
      const t = newName()
      await db().execute("set timezone = 'America/New_York'")
      // PGlite has no XML.
      if (type === 'xml' && (await failureOrNull(() => db().fetchval("select '<a/>'::xml"))) !== null) return
      const wanted = await db().fetchval(`select ${literal(text)}::${type}::text`)
      expect(await db().fetchval(`select $1::${type}::text`, [text])).toBe(wanted)
      // Within an array, beside a NULL, in a composite, in a batch, and in a COPY.
      if (type !== 'xml' && !type.endsWith('[]')) {
        expect(await db().fetchval(`select ($1::${type}[])[1]::text`, [[text, null]])).toBe(wanted)
      }
      await db().execute(`create table ${t} (n int, v ${type}); create type ${t}_pair as (n int, v ${type})`)
      expect(await db().fetchval(`select ($1::${t}_pair).v::text`, [{ n: '1', v: text }])).toBe(wanted)
      await db().executemany(`insert into ${t} values ($1, $2)`, [
        ['1', text],
        [2, null],
        ['3', text],
      ])
      await db().copy(t, {
        records: [
          ['4', text],
          [5, null],
        ],
      })
      expect(await db().rows(`select n, v::text from ${t} order by n`)).toEqual([
        [1, wanted],
        [2, null],
        [3, wanted],
        [4, wanted],
        [5, null],
      ])
    })

    test.each([
      ['int', '12a'],
      ['int', '1.0'],
      ['boolean', 'maybe'],
      ['float8', '1,5'],
      ['uuid', 'x'],
    ])('for %s %o is refused before it is sent: the transaction goes on', async (type, text) => {
      await db().execute('begin')
      const failure = await failureOfAsync(() => db().fetchval(`select $1::${type}`, [text]))
      expect(failure).toBeInstanceOf(DataError)
      expect(failure.message).toContain(JSON.stringify(text))
      expect(await db().fetchval('select 1')).toBe(1)
      await db().execute('rollback')
    })

    test('a string for json is a JSON string', async () => {
      expect(await db().fetchval('select $1::jsonb::text', ['{"a": 1}'])).toBe('"{\\"a\\": 1}"')
    })

    test('a batch may have 300 elements of either kind', async () => {
      const t = newName()
      await db().execute(`set timezone = 'UTC'; create table ${t} (n int, at timestamptz, s text)`)
      const elements = Array.from({ length: 300 }, (_, i) => [
        i % 2 === 0 ? i : String(i),
        i % 3 === 0 ? '2024-01-01' : new Date('2024-01-01T00:00:00Z'),
        i % 5 === 0 ? i : 'x',
      ])
      await db().executemany(`insert into ${t} values ($1, $2, $3)`, elements)
      await db().copy(t, { records: elements })
      const sql = `select count(*)::int, count(distinct n)::int, min(at)::text, max(at)::text, max(s) from ${t}`
      expect(await db().rows(sql)).toEqual([[600, 300, '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', 'x']])
    })

    test('records of strings and NULL are loaded, as a CSV file has them, although only the server can read the last value', async () => {
      const t = newName()
      await db().execute(`set timezone = 'UTC'; create table ${t} (n int, at timestamptz)`)
      function* records(): Generator<readonly unknown[]> {
        for (let i = 0; i < 40_000; i += 1) yield [String(i), i === 39_999 ? '2024-01-01' : null]
      }
      expect(await db().copy(t, { records: records() })).toBe(40_000)
      expect(await db().rows(`select sum(n)::int, max(at)::text from ${t}`)).toEqual([
        [799_980_000, '2024-01-01 00:00:00+00'],
      ])
    })

    test('a string that only the server can read is refused with the number of its record if values came before', async () => {
      const t = newName()
      await db().execute(`create table ${t} (n int, at timestamptz)`)
      function* records(): Generator<readonly unknown[]> {
        for (let i = 0; i < 100; i += 1) yield [i, i === 99 ? '2024-01-01' : new Date(i)]
      }
      const failure = await failureOfAsync(() => db().copy(t, { records: records() }))
      expect(failure).toBeInstanceOf(DataError)
      expect(failure.message).toContain('record #99, column "at"')
      expect(await db().fetchval(`select count(*)::int from ${t}`)).toBe(0)
    })

    test('tabs, line ends, backslashes and \\N are kept by a COPY in text format', async () => {
      const t = newName()
      await db().execute(`create table ${t} (v tsvector, s text)`)
      const texts = ['a\tb', 'a\nb\r\n', '\\', '\\N', '\\.', '', 'ż😀', null]
      await db().copy(t, { records: texts.map((text) => ['x', text]) })
      expect((await db().rows(`select s from ${t}`)).map(([s]) => s)).toEqual(texts)
    })
  })

  describe('columns of text', () => {
    const values = [42, 1.5, -0, 1e21, 1e-7, 2n ** 70n, true, new PgDate(2024, 2, 29)]
    const printed = ['42', '1.5', '-0', '1e+21', '1e-07', '1180591620717411303424', 'true', '2024-02-29']

    test.each(['text', 'varchar(40)', 'char(40)'])('%s takes numbers, booleans and dates', async (type) => {
      const t = newName()
      await db().execute(`set timezone = 'UTC'; create table ${t} (n int, v ${type}, l ${type}[])`)
      await db().executemany(
        `insert into ${t} values ($1, $2, $3)`,
        values.map((v, n) => [n, v, [v]]),
      )
      for (const [n, v] of values.entries()) await db().execute(`insert into ${t} (n, v) values ($1, $2)`, [n + 100, v])
      await db().copy(t, { records: values.map((v, n) => [n + 200, v, [v]]) })
      const rows = (await db().rows(`select v::text, l::text[] from ${t} order by n`)) as [string, string[] | null][]
      expect(rows.map(([v]) => v.trimEnd())).toEqual([...printed, ...printed, ...printed])
      expect(rows[0]![1]!.map((v) => v.trimEnd())).toEqual(['42'])
      await db().execute(`update ${t} set v = $1 where n = 0`, [new Date('2024-02-29T12:00:00.5Z')])
      expect(((await db().fetchval(`select v from ${t} where n = 0`)) as string).trimEnd()).toBe(
        '2024-02-29 12:00:00.5+00',
      )
      expect(await db().fetchval(`select count(*)::int from ${t} where v = $1`, [1.5])).toBe(3)
    })

    test.each(['text', 'varchar'])('%s refuses bytes, lists and objects', async (type) => {
      const t = newName()
      await db().execute(`create table ${t} (v ${type})`)
      for (const value of [Buffer.from('a'), new Uint8Array(1), ['a'], [1], { a: 1 }, new Map()]) {
        expect(await failureOfAsync(() => db().execute(`insert into ${t} values ($1)`, [value]))).toBeInstanceOf(
          DataError,
        )
        expect(await failureOfAsync(() => db().fetchval(`select $1::${type}`, [value]))).toBeInstanceOf(DataError)
        expect(await failureOfAsync(() => db().executemany(`insert into ${t} values ($1)`, [[value]]))).toBeInstanceOf(
          DataError,
        )
        expect(await failureOfAsync(() => db().copy(t, { records: [[value]] }))).toBeInstanceOf(DataError)
      }
      expect(await db().fetchval(`select count(*)::int from ${t}`)).toBe(0)
    })

    test('bytes are bytes if the function has a variant for bytes', async () => {
      expect(await db().fetchval('select md5($1)', [Buffer.from('a')])).toBe('0cc175b9c0f1b6a831c399e269772661')
      expect(await db().fetchval('select $1', [Buffer.from('a')])).toEqual(Buffer.from('a'))
    })
  })

  describe('types that only the values show', () => {
    const CASES: readonly (readonly [sql: string, values: readonly unknown[], result: unknown])[] = [
      ['select concat($1, $2, $3)', ['a', 1, true], 'a1t'],
      ["select jsonb_build_object('a', $1, 'b', $2)::text", [1, 'x'], '{"a": 1, "b": "x"}'],
      ['select $1 is null', ['x'], false],
      ['select $1 is null', [null], true],
      ['select abs($1)', [-5], 5],
      ['select array_append($1, $2)', [[1], 2], [1, 2]],
      ['select to_jsonb($1)::text', ['x'], '"x"'],
      ['select to_jsonb($1)::text', [5], '5'],
      ['select coalesce($1, $2) + 1', [null, 5], 6],
      ['select $1', [42], 42],
      ["select count(*)::int from (values ('7')) v (s) where s = $1", [7], 1],
    ]

    test.each(CASES)('%s with %o', async (sql, values, result) => {
      expect(await db().fetchval(sql, values)).toEqual(result)
      expect(await db().fetchval(sql, values)).toEqual(result)
    })

    test('at any place of a transaction, which does not fail', async () => {
      const t = newName()
      await db().execute(`create table ${t} (n int); begin`)
      for (const [i, [sql, values, result]] of CASES.entries()) {
        await db().execute(`insert into ${t} values ($1)`, [i])
        // A comment makes it a text that was not described before.
        expect(await db().fetchval(`${sql} /* ${i} */`, values)).toEqual(result)
        expect(await db().fetchval(`${sql} /* ${i} */`, values)).toEqual(result)
      }
      expect(await db().fetchval("select count(*)::int from pg_cursors where name like 'syncpg%'")).toBe(0)
      await db().execute('commit')
      expect(await db().fetchval(`select count(*)::int from ${t}`)).toBe(CASES.length)
    })

    test('work with savepoints of the program, released or rolled back', async () => {
      const t = newName()
      await db().execute(`create table ${t} (n int); begin; savepoint mine`)
      expect(await db().fetchval('select $1 is null /* in a savepoint */', [1])).toBe(false)
      await db().execute(`insert into ${t} values (1)`)
      expect(await db().fetchval('select $1 is null /* before a rollback */', [1])).toBe(false)
      await db().execute('rollback to savepoint mine')
      expect(await db().fetchval('select $1 is null /* after it */', [1])).toBe(false)
      await db().execute('release savepoint mine')
      await db().execute(`insert into ${t} values (2); commit`)
      expect(await db().rows(`select n from ${t}`)).toEqual([[2]])
    })

    test('work in the first statement of a transaction, and in an inner transaction', async () => {
      const t = newName()
      await db().transaction(function* () {
        expect(yield db().fetchval('select $1 is null /* first */', [1])).toBe(false)
        yield db().execute(`create table ${t} (n int)`)
        yield db().transaction(function* () {
          yield db().execute(`insert into ${t} values (1)`)
          expect(yield db().fetchval('select $1 is null /* inner */', [1])).toBe(false)
        })
        expect(yield db().fetchval('select concat($1, $2) /* outer again */', [1, 'x'])).toBe('1x')
      })
      expect(await db().fetchval(`select count(*)::int from ${t}`)).toBe(1)
    })

    test('a value that is wrong for another reason throws that error, and the transaction fails', async () => {
      await db().execute('begin')
      expect(await failureOfAsync(() => db().fetchval('select nosuch($1)', [1]))).toMatchObject({ sqlstate: '42883' })
      expect(await failureOfAsync(() => db().fetchval('select 1'))).toMatchObject({ sqlstate: '25P02' })
      await db().execute('rollback')
      expect(await failureOfAsync(() => db().fetchval('select $1 +', [1]))).toMatchObject({ sqlstate: '42601' })
    })
  })

  describe('JSON', () => {
    test.each([
      ['a Map', new Map([['a', 1]])],
      ['a Set', new Set([1])],
      ['a Promise', Promise.resolve(1)],
      ['NaN', NaN],
      ['an infinity inside', { a: [1, Infinity] }],
      ['an invalid date', [new Date(NaN)]],
      ['bytes', new Uint8Array([1])],
      ['bytes inside', { a: Buffer.from('x') }],
      ['undefined in a list', [undefined]],
    ])('refuses %s', async (_name, value) => {
      for (const type of ['json', 'jsonb']) {
        expect(await failureOfAsync(() => db().fetchval(`select $1::${type}`, [value]))).toBeInstanceOf(DataError)
        const nested = await failureOfAsync(() => db().fetchval(`select $1::${type}[]`, [[{ value }]]))
        expect(nested).toBeInstanceOf(DataError)
      }
    })

    test('names the path to the value that it refuses', async () => {
      const failure = await failureOfAsync(() => db().fetchval('select $1::jsonb', [{ a: [1, { b: NaN }] }]))
      expect(failure.message).toContain('the number NaN at .a[1].b')
    })
  })

  describe('bytes in a list', () => {
    test('may be of any class of bytes', async () => {
      const list = [new Uint8Array([1, 2]), Buffer.from([3]), null]
      expect(await db().fetchval('select $1::bytea[]', [list])).toEqual([Buffer.from([1, 2]), Buffer.from([3]), null])
      expect(await db().fetchval('select $1::bytea[]', [[[new Uint8Array([1])]]])).toEqual([[Buffer.from([1])]])
    })
  })

  describe('rows of a result', () => {
    test('are values in their order', async () => {
      const t = newName()
      await db().execute(`create table ${t} (a int, b text); insert into ${t} values (1, 'x'), (2, null)`)
      const rows = (await db().fetch(`select * from ${t} order by a`)) as unknown as readonly unknown[][]
      await db().executemany(`insert into ${t} values ($1, $2)`, rows)
      await db().copy(t, { records: rows })
      await db().execute(`insert into ${t} values ($1, $2)`, rows[0]!)
      expect(await db().rows(`select a, b, count(*)::int from ${t} group by a, b order by a`)).toEqual([
        [1, 'x', 4],
        [2, null, 3],
      ])
    })
  })

  describe('ranges', () => {
    test('may have bounds that only the server can read', async () => {
      const range = new Range({ lower: '1 Jan 2024', upper: '2024-01-03', lowerInc: true })
      expect(await db().fetchval('select $1::daterange::text', [range])).toBe('[2024-01-01,2024-01-03)')
    })
  })
}
