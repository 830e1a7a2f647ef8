/** Faults that other database clients have had. Each test names one. */
import { PgDate, PgInterval, PgTimestamp, DataError, Range } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'
import { eachFace } from './faces.ts'
import { failureOfAsync } from '../support/failure-of.ts'

const SETUP = `
create type mood as enum ('ok', 'sad');
create table event (id int generated always as identity, at timestamptz(6) default clock_timestamp(), wall timestamp(6), t time(6));
create table doc (j json, jb jsonb, js json[], jbs jsonb[])`

eachFace('old wounds', SETUP, (world) => {
  test('microseconds survive reading and writing back', async () => {
    const { con } = world
    await con.execute(
      "insert into event (at, wall, t) values ('2024-01-02 03:04:05.678901+00', '1969-12-31 23:59:59.999999', '23:59:59.000001')",
    )
    const row = (await con.fetchrow('select at, wall, t from event'))!
    expect(row['at']).toEqual(new PgTimestamp(Date.parse('2024-01-02T03:04:05.678Z'), 901))
    const same = 'select count(*) from event where at = $1 and wall = $2 and t = $3'
    expect(await con.fetchval(same, [row['at'], row['wall'], row['t']])).toBe(1n)
    await con.execute('update event set at = $1, wall = $2, t = $3', [row['at'], row['wall'], row['t']])
    expect(await con.fetchrow('select at, wall, t from event')).toEqual(row)
    // It can also be written back from its JSON, as a string.
    const text = JSON.parse(JSON.stringify(row)) as { at: string }
    expect([text.at, await con.fetchval('select $1::timestamptz = at from event', [text.at])]).toEqual([
      '2024-01-02T03:04:05.678901Z',
      true,
    ])
  })

  test('int8 beyond 2^53 is exact, one by one and summed', async () => {
    const { con } = world
    expect(await con.fetchval('select 9007199254740993::int8')).toBe(9007199254740993n)
    expect(await con.fetchval('select $1::int8 + 1', [9007199254740993n])).toBe(9007199254740994n)
    expect(await failureOfAsync(() => con.fetch('select $1::int8', [2 ** 53]))).toBeInstanceOf(DataError)
    const numbers = await world.connect({ types: { int8: 'number' } })
    expect(await numbers.fetchval('select count(*) from pg_class')).toBeTypeOf('number')
    expect(await failureOfAsync(() => numbers.fetch('select 9007199254740993::int8'))).toBeInstanceOf(DataError)
  })

  test('an array is JSON for json, and an array for an array', async () => {
    const { con } = world
    const list = [1, 'x', null, { a: [] }]
    await con.execute('insert into doc values ($1, $2, $3, $4)', [list, list, list, [list, null]])
    const row = await con.fetchrow('select *, j::text jt, js::text jst, jbs::text jbst from doc')
    expect(row).toMatchObject({
      j: list,
      jb: list,
      js: [1, 'x', null, { a: [] }],
      jbs: [list, null],
      jt: '[1,"x",null,{"a":[]}]',
      jst: '{1,"\\"x\\"",NULL,"{\\"a\\":[]}"}',
      jbst: '{"[1, \\"x\\", null, {\\"a\\": []}]",NULL}',
    })
    expect(await con.fetchval('select $1::jsonb', ['just text'])).toBe('just text')
    expect(await con.fetchval('select $1::int[]::text', [[1, 2]])).toBe('{1,2}')
  })

  test('enum[] is an array of labels', async () => {
    expect(await world.con.fetchval("select array['ok', null, 'sad']::mood[]")).toEqual(['ok', null, 'sad'])
    expect(await world.con.fetchval('select $1::mood[]::text', [['sad', null]])).toBe('{sad,NULL}')
  })

  test('-0, 1e-320 and their like keep every bit', async () => {
    for (const value of [-0, 1e-320, 5e-324, 1.7976931348623157e308, NaN, -Infinity, 0.1 + 0.2]) {
      expect(await world.con.fetchval('select $1::float8', [value])).toBe(value)
      expect(await world.con.fetchval('select $1::float8[]', [[value]])).toEqual([value])
    }
    expect(await world.con.fetchval('select float4send($1) = float4send(1.1::float4)', [1.1])).toBe(true)
  })

  test('a numeric keeps 1,000 digits and its scale', async () => {
    const digits = `${'1234567890'.repeat(100)}.${'0987654321'.repeat(90)}`
    expect(await world.con.fetchval('select $1::numeric', [digits])).toBe(digits)
    expect(await world.con.fetchval('select ($1::numeric + 1)::text', [digits])).toBe(digits.replace(/0\./, '1.'))
    expect(await world.con.fetchval("select '1.50'::numeric(10, 2) * 2")).toBe('3.00')
  })

  test('an empty array is an empty array', async () => {
    expect(await world.con.fetchval("select '{}'::int[]")).toEqual([])
    expect(await world.con.fetchval('select $1::text[]', [[]])).toEqual([])
    expect(await world.con.fetchval('select 1 = any($1::int[])', [[]])).toBe(false)
    expect(await world.con.fetchval('select $1::int[][]', [[[], []]])).toEqual([])
  })

  test.each([
    [[[1], [2, 3]], /a PostgreSQL array is a rectangle/],
    [[[1], 2], /expected an array beside arrays/],
    [[1, [2]], /is an array, but other elements are not/],
    [[1, undefined], /array element \[1\] is undefined; use null/],
    [[[[[[[[1]]]]]]], /more than 6 dimensions/],
  ])('nested arrays of different lengths are refused: %j', async (value, message) => {
    const refused = await failureOfAsync(() => world.con.fetch('select $1::int[]', [value]))
    expect(refused).toBeInstanceOf(DataError)
    expect(refused.message).toMatch(message)
    expect(await world.con.fetchval('select 1')).toBe(1)
  })

  test.each([
    ['a NUL', 'a\0b'],
    ['a lone surrogate', 'a\ud83d'],
    ['the other half', '\ude00b'],
  ])('%s in a text is refused before anything is sent', async (_name, text) => {
    const { con } = world
    await con.execute('begin')
    for (const [type, value] of [
      ['text', text],
      ['text[]', [text]],
      ['mood', text],
      ['jsonpath', text],
    ] as const) {
      expect(await failureOfAsync(() => con.fetch(`select $1::${type}`, [value]))).toBeInstanceOf(DataError)
    }
    // If the server had refused the value, the transaction would have failed.
    expect(await con.fetchval('select 1')).toBe(1)
    await con.execute('rollback')
  })

  test('a year before Christ, one beyond 9999 and the infinities are read back unchanged', async () => {
    const { con } = world
    for (const [type, text, value] of [
      ['date', '0044-03-15 BC', new PgDate(-43, 3, 15)],
      ['date', '10000-01-01', new PgDate(10000, 1, 1)],
      ['date', 'infinity', Infinity],
      ['timestamptz', '-infinity', -Infinity],
      ['daterange', '[10000-01-01,infinity)', new Range<unknown>({ lower: new PgDate(10000, 1, 1), upper: Infinity })],
    ] as const) {
      expect(await con.fetchval(`select '${text}'::${type}`)).toEqual(value)
      expect(await con.fetchval(`select $1::${type}::text`, [value])).toBe(text)
    }
  })

  test('the first and the last instant are read back unchanged, and those beyond are refused', async () => {
    const { con } = world
    for (const [text, printed] of [
      ['294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999'],
      ['294276-12-31', '294276-12-31 00:00:00'],
      ['4714-11-24 BC', '4714-11-24 00:00:00 BC'],
      ['10000-01-01 00:00:00.000001', '10000-01-01 00:00:00.000001'],
    ]) {
      expect(await con.fetchval('select $1::timestamp::text', [text])).toBe(printed)
      expect(await con.fetchval('select ($1::timestamp[])[1]::text', [[text]])).toBe(printed)
    }
    const last = '294276-12-31 23:59:59.999999'
    expect(await con.fetchval("select ($1::timestamptz at time zone 'UTC')::text", [`${last}Z`])).toBe(last)
    for (const beyond of ['294277-01-01', '600000-12-31', '5874897-12-31', '4714-11-23 BC']) {
      for (const [sql, value] of [
        ['select $1::timestamp::text', beyond],
        ['select $1::timestamptz::text', `${beyond.replace(' BC', '')} 00:00Z${beyond.endsWith('BC') ? ' BC' : ''}`],
        ['select $1::timestamp[]::text', [beyond]],
        ['select $1::tsrange::text', new Range<unknown>({ lower: beyond })],
      ] as const) {
        expect(await failureOfAsync(() => con.fetchval(sql, [value]))).toBeInstanceOf(DataError)
      }
    }
  })

  test('an instant that becomes text is printed in UTC', async () => {
    const { con } = world
    const at = new Date(0)
    const text = '1970-01-01 00:00:00+00'
    await con.execute("set timezone = 'America/New_York'; create table printed (t text)")
    await con.execute('insert into printed values ($1)', [at])
    await con.execute('insert into printed select $1::text', [at])
    expect(await con.fetchval('select count(*)::int from printed where t = $1::text and t = $2', [at, at])).toBe(2)
    for (const sql of ['select $1::text', 'select cast($1 as text)', 'select $1::varchar', 'select upper($1)']) {
      expect([sql, await con.fetchval(sql, [at])]).toEqual([sql, text])
    }
    expect(await con.fetchval("select 'at ' || $1", [at])).toBe(`at ${text}`)
    expect(await con.fetchval("select $1 || '!'", [at])).toBe(`${text}!`)
    // Without text around it, the value stays an instant.
    expect(await con.fetchval('select $1', [at])).toEqual(at)
    await con.execute('drop table printed; reset timezone')
  })

  test('an object whose content JSON.stringify would drop is refused', async () => {
    const hidden = [new Blob(['x']), new FormData(), new Headers({ a: '1' }), new URLSearchParams('a=1')]
    for (const value of [...hidden, new AbortController(), new Intl.NumberFormat(), Object(NaN), Object(-Infinity)]) {
      expect(await failureOfAsync(() => world.con.fetchval('select $1::jsonb', [value]))).toBeInstanceOf(DataError)
      expect(await failureOfAsync(() => world.con.fetchval('select $1::json', [{ a: [value] }]))).toBeInstanceOf(
        DataError,
      )
    }
    class Empty {
      readonly nothing = undefined
    }
    const seen = [new Empty(), Object.create(null), Object(1), Object('x'), new URL('http://a/b')]
    expect(await world.con.fetchval('select $1::jsonb', [seen])).toEqual([{}, {}, 1, 'x', 'http://a/b'])
  })

  test('objects and typed arrays decide a type that the server cannot infer, and the transaction does not fail', async () => {
    const { con } = world
    await con.execute('begin')
    await con.fetchval('select 1')
    const object = { b: [1, 'x'] }
    expect(await con.fetchval("select jsonb_build_object('a', $1)", [object])).toEqual({ a: object })
    expect(await con.fetchval('select to_jsonb($1)', [object])).toEqual(object)
    for (const list of [[1, -2], new Int16Array([1, -2]), new Int32Array([1, -2]), new Float64Array([1, -2])]) {
      expect(await con.fetchval('select sum(x)::int from unnest($1) x', [list])).toBe(-1)
    }
    expect(await con.fetchval('select sum(x)::text from unnest($1) x', [new BigInt64Array([2n ** 60n])])).toBe(
      String(2n ** 60n),
    )
    await con.execute('commit')
    expect(await failureOfAsync(() => con.fetchval('select $1::text', [object]))).toBeInstanceOf(DataError)
    expect(await failureOfAsync(() => con.fetchval('select to_jsonb($1)', [{ a: () => 1 }]))).toBeInstanceOf(DataError)
  })

  test('a number in a string may have the blanks and underscores that the server allows', async () => {
    const { con } = world
    expect(await failureOfAsync(() => con.fetchval('select $1::numeric', ['\u00a07']))).toBeInstanceOf(DataError)
    expect(await con.fetchval('select $1::numeric::text', [' \t7\n'])).toBe('7')
    // PostgreSQL takes underscores in numbers from 16 on.
    const grouped = (): unknown => con.fetchval('select $1::numeric::text', ['1e1_0'])
    if (sharedServer().major >= 16) expect(await grouped()).toBe('10000000000')
    else expect(await failureOfAsync(grouped)).toBeInstanceOf(DataError)
    expect(await con.fetchval('select $1::float4::text', ['3.4028235677973366e38'])).toBe('3.4028235e+38')
    expect(await failureOfAsync(() => con.fetchval('select $1::float4', ['3.4028236e38']))).toBeInstanceOf(DataError)
  })

  test('an interval keeps months and days, and does not turn them into seconds', async () => {
    expect(await world.con.fetchval("select '1 mon 1 day 1 hour'::interval")).toEqual(
      new PgInterval(1, 1, 3_600_000_000n),
    )
    expect(await world.con.fetchval("select '2024-01-31'::timestamp + $1::interval", [{ months: 1 }])).toEqual(
      new Date('2024-02-29T00:00:00Z'),
    )
  })

  test('an object of an unknown class is never sent as text', async () => {
    for (const value of [{}, { toString: () => 'x' }, () => 1, Symbol('s'), new Map()]) {
      expect(await failureOfAsync(() => world.con.fetch('select $1::text', [value]))).toBeInstanceOf(DataError)
    }
  })

  test('session settings do not change binary values; text values are read or refused, and never misread', async () => {
    const { con, face } = world
    const sql =
      "select date '2024-02-03' d, timestamptz '2024-02-03 04:05:06.789+00' t, interval '1 year 2 days 03:04:05' i, '\\x00ff'::bytea b, 0.1::float8 f"
    const expected = await con.fetchrow(sql)
    await con.execute('create type holder as (v tsvector, d date, i interval)')
    for (const style of ['SQL, DMY', 'German', 'Postgres, MDY', 'ISO, DMY']) {
      await con.execute(
        `set datestyle = '${style}'; set intervalstyle = sql_standard; set bytea_output = escape; set timezone = 'Asia/Kolkata'`,
      )
      expect(await con.fetchrow(sql)).toEqual(expected)
      expect(await con.fetchval('select $1::date::text = date $$2024-02-03$$::text', [new PgDate(2024, 2, 3)])).toBe(
        true,
      )
      const text = "select row('x', '2024-02-03', null)::holder v"
      if (style.startsWith('ISO')) expect(await con.fetchval(text)).toMatchObject({ d: new PgDate(2024, 2, 3) })
      else expect((await failureOfAsync(() => con.fetch(text))).message).toMatch(/DateStyle must be ISO/)
      const interval = "select row('x', null, '1 year 2 days')::holder v"
      expect((await failureOfAsync(() => con.fetch(interval))).message).toMatch(/IntervalStyle/)
      // In text format the same values are written correctly.
      const given = { d: new PgDate(2024, 2, 3), i: new PgInterval(12, -2, 5n) }
      const back =
        'select (h).d = date $$2024-02-03$$ and (h).i = make_interval(1, 0, 0, -2, 0, 0, 0.000005) from (select $1::holder h) q'
      expect(await con.fetchval(back, [given])).toBe(true)
    }
    if (face === 'async') return
    const script = con as unknown as { execute(sql: string): { fetchone(): unknown } }
    await con.execute("set datestyle = 'SQL, DMY'; set intervalstyle = postgres_verbose")
    const failed = await failureOfAsync(() => script.execute(`${sql}; select 1`).fetchone())
    expect(failed.message).toMatch(
      /column 1 \("d", date\): cannot read the string "03\/02\/2024" as date: DateStyle must be ISO/,
    )
    await con.execute('set datestyle = iso')
    expect(script.execute(`${sql}; select 1`).fetchone()).toEqual(expected)
  })
})

describe("dates do not depend on the program's time zone", () => {
  const script = `
    import * as db from 'syncpg'
    import { connect } from 'syncpg/async'
    const sql = "select d::date d, d::timestamp ts, (d::timestamp at time zone 'UTC') tz, d::date::text t from " +
      "unnest(array['2024-03-09','2024-03-10','2024-03-11','2024-11-02','2024-11-03','2024-11-04','1947-08-15','2024-03-31']) d"
    const con = db.connect(process.env.DSN, { autocommit: true })
    const acon = await connect(process.env.DSN)
    const out = []
    for (const rows of [con.fetch(sql), await acon.fetch(sql)]) {
      for (const { d, ts, tz, t } of rows) {
        const back = 'select $1::date::text = $4 and $2::timestamp::date::text = $4 and ($3::timestamptz at time zone $$UTC$$)::date::text = $4'
        const midnight = new Date(ts.getTime())
        out.push([String(d) === t, con.fetchval(back, [d, ts, tz, t]), await acon.fetchval(back, [d.toJSON(), ts, tz, t]),
          con.fetchval('select $1::date::text', [midnight]) === t, ts.toISOString(), tz.toISOString()].join())
      }
    }
    console.log(JSON.stringify(out)); con.close(); await acon.close()`

  test.each(['America/New_York', 'Asia/Kolkata', 'Pacific/Apia', 'UTC'])(
    'TZ=%s, across changes of the clock',
    async (tz) => {
      const run = await runScript(script, { env: { TZ: tz, DSN: sharedServer().dsn() } })
      expect(run.stderr).toBe('')
      const days = [
        '2024-03-09',
        '2024-03-10',
        '2024-03-11',
        '2024-11-02',
        '2024-11-03',
        '2024-11-04',
        '1947-08-15',
        '2024-03-31',
      ]
      const lines = days.map((day) => `true,true,true,true,${day}T00:00:00.000Z,${day}T00:00:00.000Z`)
      expect(JSON.parse(run.stdout)).toEqual([...lines, ...lines])
    },
  )
})
