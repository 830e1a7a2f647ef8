/** The form of rows, set for a connection, a cursor or a call, and rows with unusual column names. */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import { DataError, ProgrammingError, Record } from 'syncpg/async'
import * as async_ from 'syncpg/async'
import * as db from 'syncpg'
import { describe, expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'
import { eachFace } from './faces.ts'
import { failureOfAsync } from '../support/failure-of.ts'

class Person extends Record {
  declare readonly name: string
  greet(): string {
    return `hello ${this.name}`
  }
}

eachFace('rows', '', (world) => {
  const sql = "select 1 as id, 'Ann' as name"

  test.each([
    ['record', { id: 1, name: 'Ann' }],
    ['array', [1, 'Ann']],
    ['object', { id: 1, name: 'Ann' }],
  ])("rowFactory '%s' applies to a call or a connection", async (rowFactory, expected) => {
    const [row] = await world.con.fetch(sql, [], { rowFactory })
    expect(row).toEqual(expected)
    const other = await world.connect({ rowFactory } as never)
    expect((await other.fetch(sql))[0]).toEqual(expected)
    expect(Object.getPrototypeOf((await other.fetch(sql))[0])).toBe(Object.getPrototypeOf(row))
    // The form of rows does not change the result of `fetchval`.
    expect([await other.fetchval(sql), await other.fetchval(sql, [], 'name')]).toEqual([1, 'Ann'])
  })

  test('a function as rowFactory gets the columns once, and the values of each row', async () => {
    const seen: string[][] = []
    const rowFactory = (columns: readonly { name: string }[]): unknown => {
      seen.push(columns.map((column) => column.name))
      return (values: unknown[]) => new Map(columns.map(({ name }, i) => [name, values[i]]))
    }
    const rows = await world.con.fetch("select i as id, 'x' as t from generate_series(1, 200) i", [], { rowFactory })
    expect([seen, rows.length, rows[199]]).toEqual([
      [['id', 't']],
      200,
      new Map<string, unknown>([
        ['id', 200],
        ['t', 'x'],
      ]),
    ])
  })

  test('a factory’s error is thrown unchanged, and the connection stays usable', async () => {
    const mine = new RangeError('mine')
    const rowFactory = () => () => {
      throw mine
    }
    expect(await failureOfAsync(() => world.con.fetch(sql, [], { rowFactory }))).toBe(mine)
    expect(await world.con.fetchval('select 1')).toBe(1)
  })

  test('a recordClass applies to a call or a connection, and a call can override it', async () => {
    const [row] = (await world.con.fetch(sql, [], { recordClass: Person })) as unknown as Person[]
    expect([row instanceof Person, row?.greet(), inspect(row)]).toEqual([
      true,
      'hello Ann',
      "Person { id: 1, name: 'Ann' }",
    ])
    const other = await world.connect({ recordClass: Person })
    expect((await other.fetchrow(sql)) instanceof Person).toBe(true)
    expect((await other.fetchrow(sql, [], { recordClass: Record })) instanceof Person).toBe(false)
    expect(await other.fetchrow(sql, [], { rowFactory: 'array' })).toEqual([1, 'Ann'])
    // Composites are values, not rows.
    expect((await other.fetchval('select row(1)')) instanceof Person).toBe(false)
  })

  test("duplicates: 'error' refuses a name that occurs twice, before the statement runs", async () => {
    await world.con.execute('create temp table t (a int)')
    const twice = 'insert into t values (1) returning a, a'
    expect(await failureOfAsync(() => world.con.fetch(twice, [], { duplicates: 'error' }))).toBeInstanceOf(DataError)
    expect(await world.con.fetchval('select count(*) from t')).toBe(0n)
    expect((await world.con.fetch(twice))[0]).toEqual(expect.objectContaining({ a: 1 }))
    const strict = await world.connect({ duplicates: 'error' })
    const refused = await failureOfAsync(() => strict.fetch('select 1 as b, 2 as b'))
    expect(refused.message).toBe('the column name "b" occurs twice; give one an alias')
    expect(await strict.fetch('select 1 as b, 2 as b', [], { duplicates: 'last' })).toHaveLength(1)
  })

  test.each([
    [{ rowFactory: 'map' }, /rowFactory: expected 'record', 'array', 'object' or a function/],
    [{ recordClass: Map }, /recordClass: expected a subclass of Record/],
    [{ duplicates: 'first' }, /duplicates: expected 'last' or 'error'/],
    [{ recordClass: Person, rowFactory: 'array' }, /recordClass works only with rows that are Records/],
  ])('%o is refused, for a call and for a connection', async (options, message) => {
    for (const attempt of [() => world.con.fetch(sql, [], options), () => world.connect(options as never)]) {
      const refused = await failureOfAsync(attempt)
      expect(refused).toBeInstanceOf(ProgrammingError)
      expect(refused.message).toMatch(message)
    }
  })

  test('any column name is a column', async () => {
    const names = [
      'length',
      'get',
      'toJSON',
      'then',
      '__proto__',
      'constructor',
      '0',
      '?column?',
      'toString',
      'valueOf',
      'x'.repeat(63),
      '😀',
      ' ',
      'hasOwnProperty',
      'at',
    ]
    const columns = names.map((name, i) => `${i} as "${name}"`).join(', ')
    const row = (await world.con.fetchrow(`select ${columns}`)) as unknown as Record & { [name: string]: unknown }
    const numbers = names.map((_, i) => i)
    expect([...row]).toEqual(numbers)
    expect(names.map((name) => Record.get(row, name))).toEqual(numbers)
    // A position wins over a column whose name is a number.
    expect(names.filter((name) => name !== '0').map((name) => row[name])).toEqual(
      numbers.filter((i) => names[i] !== '0'),
    )
    expect([row[0], Object.keys(row).includes('__proto__'), 'then' in row]).toEqual([0, true, true])
    expect(JSON.parse(Record.stringify(row))).toEqual(
      JSON.parse(`{${names.map((n, i) => `${JSON.stringify(n)}:${i}`).join(',')}}`),
    )
    const object = await world.con.fetchrow(`select ${columns}`, [], { rowFactory: 'object' })
    expect(Object.entries(object!)).toHaveLength(names.length)
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  })

  test('a row may have 1,600 columns, or none', async () => {
    const wide = `select ${Array.from({ length: 1600 }, (_, i) => `${i} as c${i}`).join(', ')}`
    for (const rowFactory of ['record', 'array', 'object']) {
      const [row] = await world.con.fetch(wide, [], { rowFactory })
      expect(Object.values(row!)).toEqual(Array.from({ length: 1600 }, (_, i) => i))
    }
    expect([...((await world.con.fetchrow('select')) as unknown as Record)]).toEqual([])
    expect(await world.con.fetchrow('select', [], { rowFactory: 'array' })).toEqual([])
  })

  test('a row is printed, spread, destructured and compared by its columns', async () => {
    const row = (await world.con.fetchrow(
      "select 5::int8 as id, 'x' as name, '\\xff'::bytea as b, 'Infinity'::float8 as f",
    ))!
    const [id, name] = row as unknown as Record
    expect([id, name, { ...row }]).toEqual([5n, 'x', { id: 5n, name: 'x', b: Buffer.from([255]), f: Infinity }])
    expect(JSON.stringify(row)).toBe('{"id":5,"name":"x","b":"\\\\xff","f":"Infinity"}')
    expect(inspect(row)).toMatch(/^Record \{ id: 5n, name: 'x'/)
    expect(row).toEqual(
      await world.con.fetchrow("select 5::int8 as id, 'x' as name, '\\xff'::bytea as b, 'Infinity'::float8 as f"),
    )
    expect(structuredClone(row)).toEqual({ ...row, b: new Uint8Array([255]) })
  })

  test('a table of rows has a column for each column', async () => {
    const rows = await world.con.fetch("select i as id, 'n' || i as name from generate_series(1, 2) i")
    let printed = ''
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        printed += chunk.toString()
        done()
      },
    })
    new Console({ stdout }).table(rows)
    expect(
      printed.split('\n').map((line) =>
        line
          .split('│')
          .map((cell) => cell.trim())
          .filter((cell) => cell !== ''),
      ),
    ).toEqual(
      expect.arrayContaining([
        ['(index)', 'id', 'name'],
        ['0', '1', "'n1'"],
        ['1', '2', "'n2'"],
      ]),
    )
  })

  test('the types of an anonymous record’s fields are learned when it is met', async () => {
    await world.con.execute("create type mood as enum ('ok'); create type pair as (m mood, ms mood[])")
    const value = (await world.con.fetchval(
      "select row(1, 'ok'::mood, row('ok', array['ok'])::pair, array[row('ok'::mood)])",
    )) as Record
    const [one, mood, pair, list] = Record.toArray(value) as [number, string, Record, Record[]]
    expect([one, mood, pair.toObject(), list.map((each) => each.toArray())]).toEqual([
      1,
      'ok',
      { m: 'ok', ms: ['ok'] },
      [['ok']],
    ])
    await world.con.execute('drop type pair; drop type mood')
  })

  test('a type that was learned in a transaction is forgotten if the transaction is rolled back', async () => {
    const { con } = world
    for (const label of ['one', 'two']) {
      await con.execute('begin')
      await con.execute(`create type gone as enum ('${label}'); create type holder as (g gone, extra_${label} int)`)
      const row = await con.fetchrow(
        `select '${label}'::gone g, row('${label}', 1)::holder h, array['${label}']::gone[] a`,
      )
      expect(row).toEqual(
        expect.objectContaining({ g: label, a: [label], h: expect.objectContaining({ [`extra_${label}`]: 1 }) }),
      )
      await con.execute('rollback')
    }
  })

  test('a type that this or another session has altered is learned again', async () => {
    const { con } = world
    const other = await world.connect()
    await con.execute('create type shifting as (a int); create table held (s shifting, r int)')
    await con.execute('insert into held values (row(1), 2)')
    const sql = 'select s, held as whole from held'
    for (const each of [con, other]) expect(await each.fetchrow(sql)).toMatchObject({ s: { a: 1 }, whole: { r: 2 } })
    await con.execute("alter type shifting add attribute b text; alter table held add c date default '2024-01-02'")
    const now = { s: { a: 1, b: null }, whole: { r: 2, c: expect.objectContaining({ year: 2024 }) } }
    expect(await con.fetchrow(sql)).toMatchObject(now)
    expect(await other.fetchrow(sql)).toMatchObject(now)
    await con.execute('drop table held; drop type shifting')
  })

  test('types are learned in a read-only transaction', async () => {
    const { con } = world
    await con.execute("create type ro as enum ('a')")
    await con.execute('begin read only')
    expect(await con.fetchval("select array['a', null]::ro[]")).toEqual(['a', null])
    await con.execute('commit')
    await con.execute('drop type ro')
  })
})

describe('cursors', () => {
  test('of the async API make rows as their options say', async () => {
    const con = await async_.connect(sharedServer().dsn())
    await con.transaction(async () => {
      const rows: unknown[] = []
      for await (const row of con.cursor('select i from generate_series(1, 3) i', [], { rowFactory: 'array' }))
        rows.push(row)
      const scrollable = await con.cursor('select 1 as a', [], { recordClass: Person, scrollable: true }).open()
      expect([rows, (await scrollable.fetchrow()) instanceof Person]).toEqual([[[1], [2], [3]], true])
      const nested = await con.cursor("select row(1, 'x'::name)").open()
      expect([...((await nested.fetchrow())![0] as Record)]).toEqual([1, 'x'])
    })
    await con.close()
  })

  test('of the blocking API make rows as their options say, named cursors and streams too', () => {
    const con = db.connect(sharedServer().dsn(), { rowFactory: 'array' })
    const sql = 'select i, i * 2 as double from generate_series(1, 3) i'
    expect(con.execute(sql).fetchall()).toEqual([
      [1, 2],
      [2, 4],
      [3, 6],
    ])
    expect(con.cursor({ rowFactory: 'object' }).execute(sql).fetchone()).toEqual({ i: 1, double: 2 })
    const named = con.cursor('c1', { rowFactory: 'object', itersize: 2 })
    expect([...named.execute(sql)]).toEqual([
      { i: 1, double: 2 },
      { i: 2, double: 4 },
      { i: 3, double: 6 },
    ])
    expect([...con.cursor().stream(sql, null, { recordClass: Person })].every((row) => row instanceof Person)).toBe(
      true,
    )
    expect(con.execute(sql).fetchobjects()).toEqual([
      { i: 1, double: 2 },
      { i: 2, double: 4 },
      { i: 3, double: 6 },
    ])
    expect(con.execute(sql).fetchval('double')).toBe(2)
    expect(con.execute('select 1 as a; select 2 as b').fetchall()).toEqual([[1]])
    const results = con.cursor().executemany('select $1::int as n', [[1], [2]], { returning: true })
    expect(Array.from(results.results(), (each) => each.fetchall())).toEqual([[[1]], [[2]]])
    expect(con.cursor().callproc('lower', ['ABC'])).toEqual(['ABC'])
    con.close()
  })
})

test('rows are the same if generating code from strings is forbidden', async () => {
  const source = `
    import * as db from 'syncpg'
    class Person extends db.Record { greet() { return 'hello ' + this.name } }
    const con = db.connect(process.env.DSN)
    const sql = "select i, 'n' || i as name, row(i, 'x'), array[i] from generate_series(1, 300) i"
    const rows = con.fetch(sql)
    console.log(rows.length, rows[299].name, rows[299].get(0), [...rows[299]].length, JSON.stringify(rows[0]))
    console.log(con.fetch(sql, [], { recordClass: Person })[299].greet(), con.fetch(sql, [], { rowFactory: 'array' })[299][0])
    console.log(Object.keys(con.fetch(sql, [], { rowFactory: 'object' })[299]).join())`
  const nodeOptions = ['--disallow-code-generation-from-strings']
  const run = await runScript(source, { nodeOptions, env: { DSN: sharedServer().dsn() } })
  expect(run.stderr).toBe('')
  expect(run.stdout.split('\n').slice(0, 3)).toEqual([
    '300 n300 300 4 {"i":1,"name":"n1","row":{"f1":1,"f2":"x"},"array":[1]}',
    'hello n300 300',
    'i,name,row,array',
  ])
})
