/** Codecs of the user: in every format, in all types made from the type, and after their removal. */
import { DataError, NotSupportedError, ProgrammingError, Record } from 'syncpg/async'
import { expect, test } from 'vitest'

import { eachFace } from './faces.ts'
import { failureOfAsync } from '../support/failure-of.ts'

const SETUP = `
create extension hstore; create extension citext;
create type mood as enum ('ok', 'sad');
create type pair as (a int4, b date);
create domain day as date;
create domain attributes as hstore;
create schema other; create type other.color as enum ('red');
create table item (id int4, data jsonb, at date)`

class Money {
  readonly cents: bigint
  constructor(cents: bigint) {
    this.cents = cents
  }
}

eachFace('custom codecs', SETUP, (world) => {
  test('a text codec uses its functions, in arrays, composites, ranges and domains too', async () => {
    const { con } = world
    await con.setTypeCodec('date', {
      encoder: (value: { day: string }) => value.day,
      decoder: (text: string) => ({ day: text }),
    })
    const day = { day: '2024-01-02' }
    const sql = `select $1::date d, $2::date[] ds, $3::pair p, daterange($1, null) r, array[row(1, $1)::pair] ps`
    const row = await con.fetchrow(sql, [day, [day, null], { a: 1, b: day }])
    expect(row).toMatchObject({ d: day, ds: [day, null], p: { a: 1, b: day }, r: { lower: day }, ps: [{ b: day }] })
    expect(await con.fetchval('select $1::day::text', [day])).toBe('2024-01-02')
  })

  test("a codec of numeric stays binary, and its decoder gets the server's digits", async () => {
    const { con } = world
    await con.setTypeCodec('numeric', {
      encoder: (value: Money) => `${value.cents}e-2`,
      decoder: (text: string) => new Money(BigInt(text.replace('.', ''))),
    })
    expect(await con.fetchval('select $1::numeric', [new Money(1250n)])).toEqual(new Money(1250n))
    expect(await con.fetchval("select array['1.50', null]::numeric(9,2)[]")).toEqual([new Money(150n), null])
  })

  test('NULL reaches neither function', async () => {
    const { con } = world
    const never = (): never => {
      throw new Error('was called')
    }
    await con.setTypeCodec('int4', { encoder: never, decoder: never })
    expect(await con.fetch('select $1::int4 v, null::int4 n, array[null::int4] a', [null])).toEqual([
      expect.objectContaining({ v: null, n: null, a: [null] }),
    ])
  })

  test("a codec with one function uses the type's own codec for the other direction", async () => {
    const { con } = world
    await con.setTypeCodec('jsonb', { decoder: (text: string) => ({ text }) })
    expect(await con.fetchval('select $1::jsonb', [{ a: [1] }])).toEqual({ text: '{"a": [1]}' })
    await con.setTypeCodec('int8', { encoder: (value: { n: number }) => String(value.n) })
    expect(await con.fetchval('select $1::int8', [{ n: 7 }])).toBe(7n)
    await con.setTypeCodec('date', { format: 'binary', decoder: (bytes: Buffer) => bytes.readInt32BE() })
    expect(await con.fetchval('select $1::date', ['2000-01-03'])).toBe(2)
  })

  test('a binary codec gets the bytes, which are its own', async () => {
    const { con } = world
    await con.setTypeCodec('uuid', {
      format: 'binary',
      encoder: (value: string) => Buffer.from(value, 'hex'),
      decoder: (bytes: Buffer) => bytes.toString('hex'),
    })
    const hex = 'a0eebc999c0b4ef8bb6d6bb9bd380a11'
    expect(await con.fetchval('select array[$1::uuid]', [hex])).toEqual([hex])
    const kept: Buffer[] = []
    await con.setTypeCodec('bytea', { format: 'binary', decoder: (bytes: Buffer) => kept.push(bytes) })
    await con.fetch("select 'aa'::bytea v union all select 'bb'")
    expect(kept.map(String)).toEqual(['aa', 'bb'])
  })

  test.each([
    ['date', '2000-01-03', [2]],
    ['date', '-infinity', [-(2 ** 31)]],
    ['time', '00:00:01', [1_000_000n]],
    ['timestamp', '2000-01-01 00:00:00.000001', [1n]],
    ['timestamptz', 'infinity', [2n ** 63n - 1n]],
    ['timetz', '00:00:01+01', [1_000_000n, -3600]],
    ['interval', '1 year 2 days 3 us', [12, 2, 3n]],
    ['pair', '(7,2000-01-01)', [7, expect.objectContaining({ year: 2000 })]],
  ])('a tuple codec of %s gets and gives %s as the parts', async (type, text, parts) => {
    const { con } = world
    const seen: unknown[] = []
    await con.setTypeCodec(type, {
      format: 'tuple',
      encoder: (value: { tuple: unknown[] }) => value.tuple,
      decoder: (tuple: unknown[]) => {
        seen.push(tuple)
        return { tuple }
      },
    })
    const value = (await con.fetchval(`select '${text}'::${type}`)) as { tuple: unknown[] }
    expect(seen).toEqual([parts])
    expect(await con.fetchval(`select $1::${type} = '${text}'::${type}`, [value])).toBe(true)
  })

  test('an enum, a type of another schema, and a composite can have one', async () => {
    const { con } = world
    await con.setTypeCodec('mood', {
      encoder: (value: symbol) => value.description,
      decoder: (text: string) => Symbol.for(text),
    })
    expect(await con.fetchval("select array['ok', $1]::mood[]", [Symbol('sad')])).toEqual([
      Symbol.for('ok'),
      Symbol.for('sad'),
    ])
    await con.setTypeCodec('color', { schema: 'other', decoder: (text: string) => text.toUpperCase() })
    expect(await con.fetchval("select 'red'::other.color")).toBe('RED')
    await con.setTypeCodec('pair', { decoder: (text: string) => text })
    expect(await con.fetchval("select array[row(1, '2024-01-02')::pair]")).toEqual(['(1,2024-01-02)'])
  })

  test('the codec of a type applies to a new type of the same name, and to no other', async () => {
    const { con } = world
    await con.execute("create schema elsewhere; create type hue as enum ('a'); create type elsewhere.hue as enum ('a')")
    const codec = { encoder: (value: { hue: string }) => value.hue, decoder: (hue: string) => ({ hue }) }
    await con.setTypeCodec('hue', codec)
    const value = { hue: 'a' }
    for (let i = 0; i < 3; i += 1) {
      expect(await con.fetchval('select $1::hue', [value])).toEqual(value)
      expect(await con.fetchval('select array[$1::hue]', [value])).toEqual([value])
      expect(await con.fetchval("select 'a'::elsewhere.hue")).toBe('a')
      await con.execute("drop type hue; create type hue as enum ('a', 'b')")
    }
    await con.execute('drop type hue; create type hue as (a int)')
    expect(await con.fetchval('select row(1)::hue')).toMatchObject({ a: 1 })
    await con.execute("drop type hue; create type hue as enum ('a')")
    await con.resetTypeCodec('hue')
    await con.execute("drop type hue; create type hue as enum ('a')")
    expect(await con.fetchval("select 'a'::hue")).toBe('a')
  })

  test("SQL's names of types work like those of pg_type", async () => {
    const { con } = world
    await con.setTypeCodec('Double  Precision', { decoder: (text: string) => `<${text}>` })
    await con.setTypeCodec('timestamp with time zone', { schema: 'pg_catalog', decoder: () => 'then' })
    expect(await con.fetch('select 1.5::float8 f, now() t')).toEqual([
      expect.objectContaining({ f: '<1.5>', t: 'then' }),
    ])
  })

  test('statements prepared before are prepared again, and reset restores the old codec', async () => {
    const { con } = world
    const sql = 'select 5::int4 n, array[5]::int4[] ns'
    expect(await con.fetchrow(sql)).toMatchObject({ n: 5, ns: [5] })
    await con.setTypeCodec('int4', { decoder: (text: string) => `#${text}` })
    expect(await con.fetchrow(sql)).toMatchObject({ n: '#5', ns: ['#5'] })
    await con.setTypeCodec('integer', { decoder: (text: string) => `##${text}` })
    expect(await con.fetchrow(sql)).toMatchObject({ n: '##5', ns: ['##5'] })
    await con.resetTypeCodec('int4')
    expect(await con.fetchrow(sql)).toMatchObject({ n: 5, ns: [5] })
  })

  test('a codec of an element or field applies to types that were learned before', async () => {
    const { con } = world
    expect(await con.fetchval("select row(1, '2024-01-02')::pair")).toMatchObject({ a: 1 })
    await con.setTypeCodec('int4', { decoder: (text: string) => `#${text}` })
    expect(await con.fetchval("select row(1, '2024-01-02')::pair")).toMatchObject({ a: '#1' })
  })

  test('a codec applies within an anonymous record too', async () => {
    const { con } = world
    await con.setTypeCodec('int4', { decoder: (text: string) => `#${text}` })
    await con.setTypeCodec('mood', { decoder: (text: string) => text.toUpperCase() })
    const record = (await con.fetchval("select row(1, 'ok'::mood, array[1, 2])")) as Record
    expect(Record.toArray(record)).toEqual(['#1', 'OK', ['#1', '#2']])
  })

  test('an encoder’s error names the parameter and keeps its cause; a decoder’s is thrown as it is', async () => {
    const { con } = world
    const mine = new RangeError('mine')
    await con.setTypeCodec('int4', {
      encoder: () => {
        throw mine
      },
      decoder: () => {
        throw mine
      },
    })
    const refused = await failureOfAsync(() => con.fetch('select $1::int8, $2::int4', [1, 2]))
    expect(refused).toBeInstanceOf(DataError)
    expect([refused.message, refused.cause]).toEqual([expect.stringMatching(/^query argument \$2: .*mine$/), mine])
    expect(await failureOfAsync(() => con.fetch('select 1::int4'))).toBe(mine)
    expect(await con.fetchval('select 1::int8')).toBe(1n)
  })

  test.each([
    ['int4', () => 5, /the encoder of int4 gave the number 5, not a string/],
    ['int4', () => 'a\0b', /NUL/],
  ])('the result of an encoder is checked', async (type, encoder, message) => {
    await world.con.setTypeCodec(type, { encoder })
    const refused = await failureOfAsync(() => world.con.fetch(`select $1::${type}`, [1]))
    expect(refused).toBeInstanceOf(DataError)
    expect(refused.message).toMatch(message)
  })

  test.each([
    ['nothing', { decoder: String }, ProgrammingError, /no type "nothing" in the search path/],
    ['mood', { schema: 'other', decoder: String }, ProgrammingError, /no type "mood" in the schema "other"/],
    ['int4', { format: 'json', decoder: String }, ProgrammingError, /format: expected 'text', 'binary' or 'tuple'/],
    ['int4', { decoder: 'x' }, ProgrammingError, /decoder: expected a function/],
    ['int4', {}, ProgrammingError, /pass an encoder, a decoder or both/],
    ['int4', { format: 'tuple', decoder: String }, ProgrammingError, /int4 does not support the format 'tuple'/],
    ['day', { decoder: String }, NotSupportedError, /day is a domain/],
    ['money', { format: 'binary', decoder: String }, ProgrammingError, /no binary codec of its own/],
  ])('setTypeCodec(%j, %o) is refused', async (type, options, errorClass, message) => {
    const refused = await failureOfAsync(() => world.con.setTypeCodec(type, options as never))
    expect(refused).toBeInstanceOf(errorClass)
    expect(refused.message).toMatch(message)
  })

  test('hstore is read as an object without prototype, and written from objects, Maps and pairs', async () => {
    const { con } = world
    expect(await con.fetchval(`select 'a=>1'::hstore`)).toBe('"a"=>"1"')
    await con.setBuiltinTypeCodec('hstore', { codecName: 'hstore' })
    await con.setBuiltinTypeCodec('attributes', { codecName: 'pg_contrib.hstore' })
    const value = (await con.fetchval(`select '__proto__=>1, "b \\"\\\\"=>NULL'::hstore`)) as object
    expect([Object.getPrototypeOf(value), Object.entries(value)]).toEqual([
      null,
      [
        ['b "\\', null],
        ['__proto__', '1'],
      ],
    ])
    for (const given of [
      { k: 'v', n: null },
      new Map([
        ['k', 'v'],
        ['n', null],
      ]),
      [
        ['k', 'v'],
        ['n', null],
      ],
    ]) {
      expect(await con.fetchval('select $1::hstore::text', [given])).toBe('"k"=>"v", "n"=>NULL')
    }
    expect(await con.fetchval(`select array['a=>1', null]::hstore[]`)).toEqual([{ a: '1' }, null])
    expect(await con.fetchval(`select $1::attributes -> 'k'`, [{ k: 'v' }])).toBe('v')
    const refused = await failureOfAsync(() => con.fetch('select $1::hstore', [{ k: 1 }]))
    expect(refused.message).toMatch(/expected a string or null as value for .*hstore, got the number 1/)
    // Both formats of hstore give the same result.
    await con.setBuiltinTypeCodec('hstore', { codecName: 'hstore', format: 'text' })
    expect(await con.fetchval(`select '__proto__=>1, "b \\"\\\\"=>NULL'::hstore`)).toEqual(value)
    expect(await con.fetchval('select $1::hstore::text', [value])).toBe('"b \\"\\\\"=>NULL, "__proto__"=>"1"')
  })

  test('a type of the program can be read as a built-in one', async () => {
    const { con } = world
    await con.setBuiltinTypeCodec('citext', { codecName: 'json' })
    expect(await con.fetchval(`select '{"a": 1}'::citext`)).toEqual({ a: 1 })
    for (const [type, options, message] of [
      ['pair', { codecName: 'text' }, /not a scalar type/],
      ['citext', { codecName: 'nothing' }, /no codec called the string "nothing"/],
      ['citext', { codecName: 'money', format: 'binary' }, /no codec in the format/],
    ] as const) {
      const refused = await failureOfAsync(() => con.setBuiltinTypeCodec(type, options))
      expect(refused).toBeInstanceOf(ProgrammingError)
      expect(refused.message).toMatch(message)
    }
  })

  test('an object converts itself at any place', async () => {
    const { con } = world
    class Point {
      [Symbol.for('syncpg.toPostgres')](oid: number): unknown {
        return oid === 23 ? 7 : '2024-01-02'
      }
    }
    const given = new Point()
    const row = await con.fetchrow('select $1::int4 n, $2::int4[] ns, $3::pair p', [given, [given], [given, given]])
    expect(row).toMatchObject({ n: 7, ns: [7], p: { a: 7, b: { year: 2024 } } })
  })

  test("COPY of records uses a text codec if the type's binary form is text", async () => {
    const { con } = world
    await con.setTypeCodec('jsonb', { encoder: (value: { raw: string }) => value.raw })
    await con.copyRecordsToTable('item', { records: [[1, { raw: '{"a":1}' }, '2024-01-02']] })
    expect(await con.fetchval('select data::text from item')).toBe('{"a": 1}')
  })

  test('a codec applies to its connection only', async () => {
    await world.con.setTypeCodec('int4', { decoder: () => 'mine' })
    const other = await world.connect()
    expect([await world.con.fetchval('select 1'), await other.fetchval('select 1')]).toEqual(['mine', 1])
  })

  test("codecs of the catalog's types do not disturb the learning of types", async () => {
    const { con } = world
    for (const type of ['oid', 'text', 'name', 'int4']) {
      await con.setTypeCodec(type, {
        decoder: () => {
          throw new Error('broken')
        },
      })
    }
    expect(await con.fetchval("select array['ok']::mood[]")).toEqual(['ok'])
  })
})
