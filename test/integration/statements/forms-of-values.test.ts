/** The options `types` and `values` where the faces differ: for a whole connection, in named cursors, in batches, through a pool. */
import { expect, test } from 'vitest'

import { connect, createPool } from 'syncpg/async'
import * as db from 'syncpg'

import { sharedServer } from '../../support/shared-server.ts'

const ROW = "select 1::int as n, date '2024-02-29' as day, row(1, 'x') as pair"
const PRINTED = ['1', '2024-02-29', '(1,x)']

test("a blocking connection with types: 'text' gives text from every method, and its own catalog queries work", () => {
  using con = db.connect(sharedServer().dsn(), { types: 'text', values: 'text' })
  expect([...con.fetch(ROW)[0]!]).toEqual(PRINTED)
  expect(con.fetchval("select date '2024-02-29'")).toBe('2024-02-29')
  expect(con.execute(ROW).fetchobjects()).toEqual([{ n: '1', day: '2024-02-29', pair: '(1,x)' }])
  expect(con.execute(`${ROW}; ${ROW}`).fetchval('day')).toBe('2024-02-29')
  expect([...con.cursor('named').execute(ROW).fetchone()!]).toEqual(PRINTED)
  expect([...con.cursor().stream(`${ROW} from generate_series(1, 3)`)].map((row) => row.n)).toEqual(['1', '1', '1'])
  expect(con.fetchval('select jsonb_typeof(%s)', ['{"a":1}'])).toBe('object')
  expect(con.fetchmany('select %s::int8', [[1], ['2']]).map((row) => [...row])).toEqual([['1'], ['2']])
  using statement = con.prepare('select $1::jsonb')
  expect(statement.fetchval(['[1, 2]'])).toBe('[1, 2]')
  con.execute('create temp table item (id int, mood text)')
  con.execute("create function pg_temp.twice(a int) returns int language sql as 'select a * 2'")
  expect(con.cursor().callproc('pg_temp.twice', [21])).toEqual([21])
  expect(con.copyRecordsToTable('item', { records: [[1, 'glad']] })).toBe(1)
})

test("calls of a connection with types: 'text' may ask for the usual types again", () => {
  using con = db.connect(sharedServer().dsn(), { types: 'text', values: 'text' })
  const [row] = con.fetch('select 1::int as n, $1::jsonb as data', ['"x"'], { types: {}, values: 'typed' })
  expect([...row!]).toEqual([1, '"x"'])
})

test('named cursors and batches of an ordinary connection take the types of a call', () => {
  using con = db.connect(sharedServer().dsn())
  const cursor = con.cursor<unknown[]>('named', { rowFactory: 'array', types: 'text', itersize: 2 })
  cursor.execute(`${ROW} from generate_series(1, 5)`)
  expect([...cursor]).toEqual(Array.from({ length: 5 }, () => PRINTED))
  cursor.scroll(0, 'absolute')
  expect(cursor.fetchobjects()).toHaveLength(5)
  const batch = con.executemany('select %s::int8', [[1], [2]], { returning: true, types: { int8: 'number' } })
  expect([...batch.results()].map((each) => each.fetchval())).toEqual([1, 2])
  expect(con.fetchval('select 7::int8', null, 0, { types: { int8: 'number' } })).toBe(7)
  expect(() => con.fetch('select 1', null, { types: { int8: 'words' as never } })).toThrow('int8 has no form')
  expect(() => con.fetch('select 1', null, { values: 'json' as 'text' })).toThrow("values: expected 'typed' or 'text'")
  expect(() => db.connect(sharedServer().dsn(), { values: 'json' as 'text' })).toThrow("values: expected 'typed'")
})

test('an async connection with parsers uses them, and so does a pool', async () => {
  const types = (typeOid: number): ((text: string) => unknown) | undefined => (typeOid === 1082 ? String : undefined)
  await using con = await connect(sharedServer().dsn(), { types })
  expect([...(await con.fetchrow(ROW))!].slice(0, 2)).toEqual([1, '2024-02-29'])
  expect(await con.pipeline((pipeline) => pipeline.fetchval("select date '2024-02-29'"))).toBe('2024-02-29')
  const statement = await con.prepare('select $1::date')
  expect(await statement.fetchval(['2024-02-29'])).toBe('2024-02-29')
  expect((await statement.query(['2024-02-29'], { types: {} })).rows[0]?.['date']).not.toBe('2024-02-29')
  await statement.executemany([['2024-02-29']])
  await using pool = await createPool(sharedServer().dsn(), { minSize: 1, maxSize: 1, types: 'text', values: 'text' })
  expect(await pool.fetchval('select $1::jsonb', ['[1, 2]'])).toBe('[1, 2]')
  expect(await pool.withConnection((lease) => lease.query({ text: 'select 5 as n' }))).toMatchObject({ rowCount: 1 })
})

test('the values of copyFromQuery have the meaning that the call asks for', async () => {
  const compiled = {
    text: 'select jsonb_typeof($1), $2::int[], $3::bool, $4::bytea',
    values: ['{"a":1}', [1, '2'], 1, Buffer.from('a')],
  }
  const printed = 'object\t{1,2}\tt\t\\\\x61\n'
  const chunks: Buffer[] = []
  const output = (chunk: Uint8Array): void => void chunks.push(Buffer.from(chunk))
  await using con = await connect(sharedServer().dsn())
  await con.copyFromQuery(compiled, undefined, { output })
  expect(String(Buffer.concat(chunks.splice(0)))).toBe(printed)
  await con.copyFromQuery('select jsonb_typeof($1)', ['{}'], { output })
  await con.copyFromQuery('select jsonb_typeof($1)', ['{}'], { output, values: 'text' })
  expect(String(Buffer.concat(chunks.splice(0)))).toBe('string\nobject\n')
  using blocking = db.connect(sharedServer().dsn())
  blocking.copyFromQuery(compiled, null, { output })
  blocking.copyFromQuery('select jsonb_typeof(%s)', ['{}'], { output, values: 'text' })
  expect(String(Buffer.concat(chunks))).toBe(`${printed}object\n`)
})

test('types that a transaction has created and rolled back are not cached for the types of a call', async () => {
  await using con = await connect(sharedServer().dsn())
  const types = { int8: 'number' } as const
  for (const field of ['a', 'b']) {
    await con.execute('begin')
    await con.execute(`create type pg_temp.made as (${field} int8)`)
    const value = await con.fetchval('select row(5)::pg_temp.made', [], 0, { types })
    expect({ ...(value as object) }).toEqual({ [field]: 5 })
    await con.execute('rollback')
  }
})

test("values that mean text but are no strings are sent as the server's text, also with types: 'string'", async () => {
  const at = new Date('2026-01-02T03:04:05Z')
  const types = { timestamptz: 'string', timestamp: 'string', date: 'string', point: 'string', int8: 'string' } as const
  const cases: [string, unknown, string][] = [
    ['timestamptz', at, '2026-01-02 03:04:05+00'],
    ['timestamp', at, '2026-01-02 03:04:05'],
    ['timestamptz[]', [at], '{"2026-01-02 03:04:05+00"}'],
    ['date', db.PgDate.parse('2026-01-02'), '2026-01-02'],
    ['point', { x: 1, y: 2 }, '(1,2)'],
  ]
  await using other = await connect(sharedServer().dsn())
  using con = db.connect(sharedServer().dsn(), { autocommit: true })
  for (const each of [other, con]) await each.execute("set time zone 'UTC'")
  for (const [type, value, printed] of cases) {
    for (const extra of [[], ['beside a string']]) {
      const values = [value, ...extra]
      const text = `select $1::${type} as x, $1::${type}::text as printed${extra.length === 0 ? '' : ', $2::text as y'}`
      const options = { types, rowFactory: 'object' } as const
      const rows = [
        (await other.query({ text, values }, undefined, options)).rows[0],
        con.query({ text, values }, null, options).rows[0],
        (await other.query(text, values, { ...options, values: 'text' })).rows[0],
        con.query(text, values, { ...options, values: 'text' }).rows[0],
      ]
      const x = type === 'timestamptz[]' ? ['2026-01-02 03:04:05+00'] : printed
      const row = { x, printed, ...(extra.length === 0 ? {} : { y: extra[0] }) }
      expect(rows).toEqual([row, row, row, row])
    }
  }
})
