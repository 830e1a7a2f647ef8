/**
 * A text that is new to a connection runs in one flight, and has the same meaning as later, when its statement is kept.
 * Each text runs several times, and the outcomes are compared with each other and with those of a connection without a
 * statement cache.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as db from 'syncpg'
import { connect } from 'syncpg/async'
import { type Driver, openDriver } from '../../parity/driver.ts'
import { startProxy } from '../../support/proxy.ts'
import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const WORLDS = [
  ['async', 'unix'],
  ['blocking', 'unix'],
  ['blocking', 'tls'],
  ['async', 'pglite'],
  ['blocking', 'pglite'],
] as const

const SETUP = [
  'create table t (id int, flag bool, name text, doc jsonb, day date, price numeric, part float4)',
  `insert into t values (1, true, 'x', '"x"', '2024-02-03', 1.50, 0.1)`,
  "create type mood as enum ('sad', '12')",
  'create domain small as int check (value < 10)',
]

type Case = readonly [sql: string, ...values: unknown[]]

const CASES: readonly Case[] = [
  ['select 1 as a'],
  ['select'],
  [''],
  ['select $1 as v', 42],
  ['select $1 as v', true],
  ['select $1 as v', 'x'],
  ['select $1 as v', null],
  ['select $1 as v', 2n ** 60n],
  ['select $1::int as v', 42],
  ['select $1::text as v', 42],
  ['select $1::bool as v', 1],
  ['select $1::date as v', 20240101],
  ['select $1::interval as v', 5],
  ['select $1::small as v', 11],
  ['select $1::mood as v', 'sad'],
  ['select $1::mood as v', 'none'],
  ['select $1::json as v', 'abc'],
  ['select $1::json as v', '12'],
  ['select $1::json as v', ' null '],
  ['select $1::jsonb as v', '{"a":1}'],
  ['select $1::int[] as v', '{1,2}'],
  ['select $1::int[] as v', [1, 2]],
  ['select $1::"char" as v', 'a'],
  ['select $1::"char" as v', 'abc'],
  ['select $1::bytea as v', 5],
  ['select coalesce($1, $2) as v', 1, 2],
  ['select coalesce($1, 5) as v', 1],
  ['select concat($1) as v', 'a'],
  ["select jsonb_build_object('a', $1) as v", 1],
  ['select \'{"5": 1}\'::jsonb - $1 as v', 5],
  ['select $1 + 1 as v', 1.5],
  ['select id from t where id = $1', 1],
  ['select id from t where id = $1', '1'],
  ['select id from t where id = $1', 'x'],
  ['select id from t where id = $1', 1.5],
  ['select id from t where id = $1 and name = $2 limit $3', 1, 'x', 5],
  ['select id from t where id in ($1, $2) and id between $3 and $4', 1, 2, 0, 9],
  ['select id from t where name = $1', 5],
  ['select id from t where price = $1', 1.5],
  ['select id from t where part = $1', 0.1],
  ['select id from t where day = $1', '2024-02-03'],
  ['select id from t where flag = $1', 1],
  ['update t set flag = $1, name = $2 where id = $3 returning flag, name', 1, 5, 1],
  ['update t set price = $1, part = $2 where id = 1 returning price, part', 0.1, 0.2],
  ['update t set name = $1 where id = 1 returning name', 0.00001],
  ['update t set name = $1 where id = 1 returning name', 2.5e-9],
  // This number is halfway between two reals, so rounding it twice gives another real than rounding it once.
  ['update t set part = $1 where id = 1 returning part', 1 + 2 ** -24],
  ['select id from t where part = $1', 1 + 2 ** -24],
  ['update t set id = $1 where id = 1 returning id', 'x'],
  ['select id from t where $1 is null', null],
  ['select nowhere from t'],
  ['selec'],
  ['select $1'],
  ['select 1', 1],
  ['select $1 from t group by $1', 'x'],
  // Types that are sent as text, that must be learned, or that have no binary form.
  ["select 'a b'::tsvector as a, 5::text::money as b, null::tsvector as c, 'pg_class'::regclass as d"],
  ["select '1 2'::int2vector as a, ''::oidvector as b, '{5}'::money[] as c, row(1, 'x') as d, 'sad'::mood as e"],
  ['select t from t'],
  ['select relacl, relname from pg_class order by oid limit 400'],
  ['select acldefault($1, $2) as v', 'r', 10],
  ["select attname, most_common_vals from pg_stats where tablename = 'pg_class' limit 3"],
  ['select ev_action is not null as a, ev_action from pg_rewrite order by oid limit 1'],
  ['show work_mem'],
  ['explain (costs off) select 1'],
]

/** The rows, or the error's message. */
async function outcomeOf(driver: Driver, [sql, ...values]: Case): Promise<unknown> {
  try {
    return await driver.rows(sql, values)
  } catch (error) {
    const { name, sqlstate, position } = error as Record<string, unknown>
    return [name, sqlstate, position]
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'undefined'
}

describe.each(WORLDS)('%s, %s', (face, transport) => {
  const database = `new_texts_${process.pid}_${face}_${transport}`
  let con: Driver

  beforeAll(async () => {
    if (transport !== 'pglite') await createDatabase(sharedServer(), database)
    con = await openDriver(face, transport === 'pglite' ? 'pglite:' : sharedServer().dsn({ transport, database }))
    for (const sql of SETUP) await con.execute(sql)
  })
  afterAll(async () => {
    await con.close()
    if (transport !== 'pglite') await askServer(sharedServer(), `drop database ${database} with (force)`)
  })

  test.each(CASES)('%s, by itself', async (...given) => {
    const outcomes: string[] = []
    for (let run = 0; run < 4; run += 1) outcomes.push(show(await outcomeOf(con, given as unknown as Case)))
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => outcomes[0]))
  })

  test.each(CASES)('%s, in a transaction, which does not fail', async (...given) => {
    const [sql, ...values] = given as unknown as Case
    // Another text, so that it is new again.
    const of: Case = [`${sql} `, ...values]
    const outcomes: string[] = []
    await con.execute('begin')
    for (let run = 0; run < 4; run += 1) {
      await con.execute('savepoint before')
      const outcome = await outcomeOf(con, of)
      outcomes.push(show([outcome, await outcomeOf(con, ["select 'alive' as state"])]))
      await con.execute('rollback to before')
    }
    await con.execute('rollback')
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => outcomes[0]))
  })
})

/** The table of docs/decisions/new-texts.md: values that a new text takes, and a described one refuses. */
const LENIENT = [
  ['boolean', 1, 'true'],
  ['bytea', 5, String.raw`\x35`],
  ['date', 20240101, '2024-01-01'],
  ['timestamp', 20240101, '2024-01-01 00:00:00'],
  ['interval', 5, '00:00:05'],
  ['"char"', 'abc', 'a'],
  ['oid', -1, '4294967295'],
  ['xid8', -1, '18446744073709551615'],
  ['cidr', 5, '5.0.0.0/8'],
  ['json', 5n, '5'],
  ['jsonb', 5n, '5'],
  ['regclass', 1259, 'pg_class'],
  ['regtype', 23, 'integer'],
  ['name', 5, '5'],
  ['jsonpath', true, 'true'],
  ['tsvector', 5, "'5'"],
] as const

test.each(['async', 'blocking'] as const)('what a new text takes and a described one refuses, %s', async (face) => {
  const con = await openDriver(face, sharedServer().dsn())
  for (const [i, [type, value, text]] of LENIENT.entries()) {
    await con.execute(`create temp table lenient_${i} (v ${type})`)
    const sql = `insert into lenient_${i} values ($1) returning v::text`
    for (let run = 0; run < 4; run += 1) expect([type, await con.rows(sql, [value])]).toEqual([type, [[text]]])
    await expect(async () => con.prepared(sql, [value])).rejects.toMatchObject({ name: 'DataError' })
  }
  await con.close()
})

/** Names beside 63 bytes, the most that the server keeps of one. It cuts a longer one before a character that does not fit. */
const NAMES = ['t'.repeat(63), 't'.repeat(64), 't'.repeat(500), 'é'.repeat(31), 'é'.repeat(32), '😀'.repeat(16)]
const CUT = ['t'.repeat(63), 't'.repeat(63), 't'.repeat(63), 'é'.repeat(31), 'é'.repeat(31), '😀'.repeat(15)]

describe.each(WORLDS)('names that are too long, %s, %s', (face, transport) => {
  let con: Driver
  beforeAll(async () => {
    con = await openDriver(face, transport === 'pglite' ? 'pglite:' : sharedServer().dsn({ transport }))
    await con.execute('create temp table named (id int, label name, labels name[])')
    await con.execute('create type pg_temp.named_pair as (n name, i int)')
    await con.execute('create type pg_temp.names as range (subtype = name)')
    await con.execute('create domain pg_temp.label as name')
  })
  afterAll(async () => con.close())

  async function runs(sql: string, ...values: unknown[]): Promise<unknown[]> {
    const outcomes: unknown[] = []
    for (let run = 0; run < 4; run += 1) outcomes.push((await con.rows(sql, values))[0]![0])
    return outcomes
  }

  test.each(NAMES.map((name, i) => [name, CUT[i]!] as const))('%s is cut at each run', async (name, cut) => {
    expect(await runs('select $1::name', name)).toEqual(Array.from({ length: 4 }, () => cut))
    expect(await runs('insert into named (label) values ($1) returning label', name)).toEqual([cut, cut, cut, cut])
    expect((await con.prepared('select $1::name', [name]))[0]).toEqual([cut])
    await con.execute(`create temp table "${cut}" ()`)
    expect(await runs('select count(*)::int from pg_class where relname = $1', name)).toEqual([1, 1, 1, 1])
    await con.execute(`drop table "${cut}"`)
  })

  test('within arrays, composites, ranges and domains', async () => {
    expect(await runs('select $1::name[]', NAMES)).toEqual(Array.from({ length: 4 }, () => CUT))
    expect(await runs('select $1::name[]', [[NAMES[1], null]])).toEqual(
      Array.from({ length: 4 }, () => [[CUT[1], null]]),
    )
    const [name, cut] = [NAMES[4]!, CUT[4]!]
    expect(await runs('select ($1::pg_temp.named_pair).n', { n: name, i: 1 })).toEqual([cut, cut, cut, cut])
    expect(await runs('select ($1::pg_temp.named_pair[])[1].n', [{ n: name, i: 1 }])).toEqual([cut, cut, cut, cut])
    expect(await runs('select lower($1::pg_temp.names)', { lower: name, upper: null })).toEqual([cut, cut, cut, cut])
    expect(await runs('select $1::pg_temp.label', name)).toEqual([cut, cut, cut, cut])
  })

  // The 33rd element is the first that generated code writes.
  test('in a batch of any length', async () => {
    await con.execute('truncate named')
    const elements = Array.from({ length: 40 }, (_, id) => [id, id % 3 === 2 ? 'short' : NAMES[1]])
    await con.executemany('insert into named (id, label) values ($1, $2)', elements)
    expect(await con.rows('select label, count(*)::int from named group by label order by label')).toEqual([
      ['short', 13],
      [CUT[1], 27],
    ])
  })

  test.each([0, 40])('COPY of records refuses one after %i others, and the connection goes on', async (count) => {
    const records = [...Array.from({ length: count }, (_, id) => [id, NAMES[0], []]), [count, NAMES[1], []]]
    await expect(async () => con.copy('named', { records })).rejects.toMatchObject({ name: 'NameTooLongError' })
    expect(await con.rows("select 'alive'")).toEqual([['alive']])
  })

  test('COPY of records cuts them in an array when it may still choose text, and refuses later ones', async () => {
    await con.execute('truncate named')
    const short = Array.from({ length: 40 }, (_, id) => [id, 'short', ['short']])
    const long = [[40, 'short', [NAMES[1]]]]
    expect(await con.copy('named', { records: long })).toBe(1)
    expect(await con.rows('select labels from named')).toEqual([[[CUT[1]]]])
    await expect(async () => con.copy('named', { records: [...short, ...long] })).rejects.toThrow('record #40')
    expect(await con.rows('select count(*)::int from named')).toEqual([[1]])
  })
})

describe.each(['async', 'blocking'] as const)('%s', (face) => {
  const database = `new_texts_${process.pid}_${face}_writes`
  beforeAll(() => createDatabase(sharedServer(), database))
  afterAll(() => askServer(sharedServer(), `drop database ${database} with (force)`))

  // More than 64 savepoints would make the snapshots of all other sessions slower.
  test('a transaction of many new texts that write has few subtransactions', async () => {
    const con = await openDriver(face, sharedServer().dsn({ database }))
    await con.execute('create table t (id int, name text)')
    await con.execute('begin')
    for (let i = 0; i < 100; i += 1) {
      await con.execute(`insert into t values (${i}, $1)`, ['x'])
      await con.execute(`insert into t values (${i}, 'literal')`)
    }
    const ids = await con.rows('select count(distinct xmin::text)::int from t')
    await con.execute('commit')
    await con.close()
    expect((ids[0] as number[])[0]).toBeLessThan(30)
  })

  test('a statement that fails for another reason makes the transaction fail, as usual', async () => {
    const con = await openDriver(face, sharedServer().dsn({ database }))
    await con.execute('begin')
    await expect(async () => con.rows('select 1 / $1::int', ['0'])).rejects.toMatchObject({ sqlstate: '22012' })
    await expect(async () => con.rows('select 1')).rejects.toMatchObject({ sqlstate: '25P02' })
    await con.execute('rollback')
    await con.close()
  })

  test('a function that writes runs once after any refusal', async () => {
    const con = await openDriver(face, sharedServer().dsn({ database }))
    await con.execute(
      'create table calls (n int); create function note(x int) returns int language sql as $$ insert into calls values (x) returning n $$',
    )
    await con.rows('select note($1)', [1])
    await con.rows('select note($1), $2::json as j', [2, 'abc'])
    await con.rows('select note(3), $1::json as j', ['12'])
    await con.rows(`select note(4), '"char"'::regtype, 'x'::tsvector`)
    expect(await con.rows('select n from calls order by n')).toEqual([[1], [2], [3], [4]])
    await con.close()
  })
})

/** Forms of values that are read from text, beside forms that are read from binary. */
const FORMS = { date: 'string', timestamptz: 'string', int8: 'number' } as const

/** Compiled queries of builders: the server reads each string as text of its type. */
const COMPILED: readonly Case[] = [
  ['select $1 as v', 42],
  ['select $1::jsonb as v', '12'],
  ['select $1::jsonb as v', '{"a": [1]}'],
  ['select $1::text as v', true],
  ['select $1::bool as v', 1],
  ['select $1::int as v', '7'],
  ['select $1::int[] as v, $2::date as d', '{1,2}', '2024-01-02'],
  ['select $1::int as v', 'x'],
  ['select $1::bytea as v, $2::timestamptz as t', Buffer.from('a'), new Date(0)],
  ['select 1 / $1::int as v', '0'],
  [
    'select $1::date as d, array[$1::date] as l, 5::int8 as n, now() > $2::timestamptz as later',
    '2024-01-02',
    '2020-01-01',
  ],
]

describe.each(['async', 'blocking'] as const)('compiled, %s', (face) => {
  test.each(COMPILED)('%s', async (...given) => {
    const [sql, ...parameters] = given as unknown as Case
    const dsn = sharedServer().dsn()
    const con = face === 'async' ? await connect(dsn) : db.connect(dsn, { autocommit: true })
    const outcomes: unknown[] = []
    for (const types of ['text', FORMS, 'text', FORMS, 'text'] as const) {
      const call = async (): Promise<unknown> => {
        const options = { types }
        const statement = { sql, parameters }
        const { rows, columns, tag } =
          con instanceof db.Connection
            ? con.query(statement, null, options)
            : await con.query(statement, undefined, options)
        return [rows.map((row) => [...(row as Iterable<unknown>)]), columns, tag]
      }
      outcomes.push(await call().catch((error: { name: string; sqlstate: string }) => [error.name, error.sqlstate]))
    }
    await con.close()
    const [first, second, third, fourth, fifth] = outcomes.map(show)
    expect([third, fifth, fourth]).toEqual([first, first, second])
  })
})

// The values are sent back to the server, which prints them. The time limit does not apply to this trip, because the
// statement has ended.
test('a time limit that passes after the statement has ended does not claim that the statement was not run', async () => {
  const con = await connect(sharedServer().dsn())
  await con.execute('create temp table slow (id int)')
  const outcomes = new Set<string>()
  for (let round = 0; round < 12; round += 1) {
    await con.execute('truncate slow')
    const sql = `insert into slow select g from generate_series(1, 2000) g returning id, md5(id::text)::tsvector as v${' '.repeat(round)}`
    const rows = await con.fetch(sql, [], { timeout: 5 + round * 4 }).catch((error: unknown) => error)
    const stored = await con.fetchval<bigint>('select count(*) from slow')
    outcomes.add(Array.isArray(rows) ? `rows ${stored}` : `${(rows as Error).name} ${stored}`)
  }
  await con.close()
  expect([...outcomes].filter((outcome) => !['rows 2000', 'QueryTimeoutError 0'].includes(outcome))).toEqual([])
})

// The server prints them in the first run: the values go back to it. Later runs ask for their text at once.
test('rows that only the server can print go back to it in the first run only', async () => {
  const server = sharedServer()
  const proxy = await startProxy(server)
  const dsn = server.dsn({ user: 'u_trust' }).replace(`:${server.port}/`, `:${proxy.port}/`)
  const con = await connect(`${dsn}?sslmode=disable`)
  const sentBytes: number[] = []
  for (let run = 0; run < 3; run += 1) {
    const before = proxy.forwardedBytes.toServer
    const rows = await con.fetch('select g::money as m from generate_series(1, 5000) g')
    expect(rows.length).toBe(5000)
    sentBytes.push(proxy.forwardedBytes.toServer - before)
  }
  await con.close()
  await proxy.close()
  expect(sentBytes.map((bytes) => bytes > 5000)).toEqual([true, false, false])
})

test('a function with a lasting effect runs once, although its rows are refused', async () => {
  const con = await connect(sharedServer().dsn())
  await con.execute('create temp sequence counted')
  await con.fetch("select nextval('counted'), relacl from pg_class where relname = 'pg_class'")
  expect(await con.fetchval("select nextval('counted')")).toBe(2n)
  await con.close()
})

test('fetchval refuses options in place of the column, before anything runs', async () => {
  const con = await connect(sharedServer().dsn())
  await con.execute('create temp sequence counted')
  await expect(con.fetchval("select nextval('counted')", [], { timeout: 50 } as never)).rejects.toThrow(
    'expected the name or the position of a column',
  )
  expect(await con.fetchval("select nextval('counted')")).toBe(1n)
  await con.close()
})

describe.each(['async', 'blocking'] as const)('a row type that another session alters, %s', (face) => {
  test.each(['tsvector', 'money', 'regclass', 'int'])(
    'reads the rows that a statement has given already: %s',
    async (type) => {
      const con = await openDriver(face, sharedServer().dsn())
      const dba = await connect(sharedServer().dsn())
      const table = `altered_${face}_${type}_${process.pid}`
      await dba.execute(`create table ${table} (a int)`)
      const sql = `insert into ${table} values (1) returning ${table}`
      const fields: number[] = []
      const run = async (): Promise<void> => {
        const [[row]] = (await con.rows(sql)) as [[object]]
        fields.push(Object.keys(row).length)
      }
      for (let i = 0; i < 3; i += 1) await run()
      await dba.execute(`alter table ${table} add b ${type}`)
      for (let i = 0; i < 3; i += 1) await run()
      await dba.execute(`alter table ${table} drop b`)
      await run()
      expect([fields, await con.rows(`select count(*)::int from ${table}`)]).toEqual([[1, 1, 1, 2, 2, 2, 1], [[7]]])
      await dba.execute(`drop table ${table}`)
      await con.close()
      await dba.close()
    },
  )
})
