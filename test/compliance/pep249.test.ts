/**
 * PEP 249's rules about connections and cursors, one by one, in each of its five parameter styles. The names of the tests
 * are the rules; where PostgreSQL's or JavaScript's nature makes a rule mean something, it stands in the test.
 */
import * as db from 'syncpg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { askServer, createDatabase, sharedServer } from '../support/shared-server.ts'
import { STYLES, type Style } from './styles.ts'
import { failureOf } from '../support/failure-of.ts'

const BOOZE = ['Carlton Cold', 'Carlton Draft', 'Mountain Goat', 'Redback', 'String', 'Victoria Bitter', 'XXXX']

const names = (rows: Iterable<Iterable<unknown>>): unknown[] => [...rows].map((row) => [...row][0])

// One for the file: a database for each of some two hundred tests would take most of their time.
const database = `compliance_${process.pid}`
let cleaner: db.Connection
beforeAll(async () => {
  await createDatabase(sharedServer(), database)
  cleaner = db.connect(sharedServer().dsn({ database, transport: 'unix' }), { autocommit: true })
  cleaner.execute('set client_min_messages to warning')
})
afterAll(async () => {
  cleaner.close()
  await askServer(sharedServer(), `drop database if exists ${database} with (force)`)
})

describe.each(STYLES)('in the style $style', ({ style, first, second, parameters, one }: Style) => {
  let dsn: string
  let con: db.Connection

  beforeEach(() => {
    dsn = sharedServer().dsn({ database, transport: 'unix' })
    con = db.connect(dsn, { paramstyle: style })
  })
  afterEach(() => {
    con[Symbol.dispose]()
    cleaner.execute('drop table if exists booze, t, u')
  })

  const insert = (): string => `insert into booze values (${first}, ${second})`

  /** A table with the seven, committed. */
  function populate(): db.Cursor {
    const cursor = con.cursor()
    cursor.execute('create table booze (name varchar(20), price int)')
    for (const [index, name] of BOOZE.entries()) cursor.execute(insert(), parameters(name, index))
    con.commit()
    return cursor
  }

  describe('a connection', () => {
    test('has the four methods', () => {
      for (const method of ['close', 'commit', 'rollback', 'cursor'] as const)
        expect(con[method]).toBeTypeOf('function')
    })

    test('is unusable after close: an Error for any operation, a second close too', () => {
      const cursor = con.cursor()
      con.close()
      const operations = [
        () => con.commit(),
        () => con.rollback(),
        () => con.cursor(),
        () => con.close(),
        () => con.execute('select 1'),
        () => cursor.execute('select 1'),
        () => cursor.fetchone(),
      ]
      for (const operation of operations) expect(failureOf(operation)).toBeInstanceOf(db.Error)
    })

    test('rolls back when it is closed without commit', () => {
      populate()
      con.execute(insert(), parameters('lost', 1))
      con.close()
      con = db.connect(dsn, { paramstyle: style })
      expect(con.fetchval('select count(*) from booze')).toBe(7n)
    })

    test('commits nothing by itself: auto-commit is off by default', () => {
      populate()
      con.execute(insert(), parameters('pending', 1))
      using other = db.connect(dsn)
      expect(other.fetchval('select count(*) from booze')).toBe(7n)
      con.commit()
      expect(other.fetchval('select count(*) from booze')).toBe(8n)
    })

    test('commit and rollback without anything pending do nothing', () => {
      con.commit()
      con.rollback()
      con.commit()
    })

    test('rollback goes back to the start of the transaction', () => {
      populate()
      con.execute(insert(), parameters('undone', 1))
      con.rollback()
      expect(con.fetchval('select count(*) from booze')).toBe(7n)
    })

    test('has the exceptions as attributes, the module’s own', () => {
      const { Warning, Error, InterfaceError, DatabaseError, DataError } = db
      const { OperationalError, IntegrityError, InternalError, ProgrammingError, NotSupportedError } = db
      const all = { Warning, Error, InterfaceError, DatabaseError, DataError, OperationalError, IntegrityError }
      for (const [name, value] of Object.entries({ ...all, InternalError, ProgrammingError, NotSupportedError })) {
        expect(con[name as keyof db.Connection]).toBe(value)
      }
    })

    test('throws the error class that fits the failure', () => {
      populate()
      con.execute('create unique index on booze (name)')
      expect(failureOf(() => con.execute(insert(), parameters('XXXX', 1)))).toBeInstanceOf(db.IntegrityError)
      con.rollback()
      expect(failureOf(() => con.execute('select nonsense'))).toBeInstanceOf(db.ProgrammingError)
      con.rollback()
      expect(failureOf(() => con.execute(insert(), parameters('x'.repeat(21), 1)))).toBeInstanceOf(db.DataError)
    })
  })

  describe('cursors of one connection', () => {
    test('see each other’s changes at once', () => {
      const writer = populate()
      const other = con.cursor()
      writer.execute(insert(), parameters('new', 9))
      other.execute(`select name from booze where price = ${first}`, one(9))
      expect(names(other.fetchall())).toEqual(['new'])
    })

    test('have their connection as an attribute', () => {
      expect(con.cursor().connection).toBe(con)
    })
  })

  describe('description', () => {
    test('is None before a query and after one without rows', () => {
      const cursor = con.cursor()
      expect(cursor.description).toBeNull()
      cursor.execute('create table booze (name varchar(20), price int)')
      expect(cursor.description).toBeNull()
      cursor.execute(insert(), parameters('x', 1))
      expect(cursor.description).toBeNull()
    })

    test('is a sequence of sequences of seven, with name and type first', () => {
      const cursor = populate()
      cursor.execute('select name, price from booze')
      const { description } = cursor
      expect(description?.map((column) => column.length)).toEqual([7, 7])
      expect(description?.map((column) => [column[0], [...column].length])).toEqual([
        ['name', 7],
        ['price', 7],
      ])
      expect(db.STRING.equals(description?.[0]?.[1] ?? 0)).toBe(true)
      expect(db.NUMBER.equals(description?.[1]?.[1] ?? 0)).toBe(true)
    })

    test('exists for a query that finds no row', () => {
      const cursor = populate()
      cursor.execute('select name from booze where false')
      expect([cursor.description?.length, cursor.fetchall()]).toEqual([1, []])
    })
  })

  describe('rowcount', () => {
    test('is -1 before a query, and after one that counts nothing', () => {
      const cursor = con.cursor()
      expect(cursor.rowcount).toBe(-1)
      cursor.execute('create table booze (name text)')
      expect(cursor.rowcount).toBe(-1)
    })

    test('is the number of rows produced or affected', () => {
      const cursor = populate()
      expect(cursor.rowcount).toBe(1)
      expect(cursor.execute('select * from booze').rowcount).toBe(7)
      expect(cursor.execute('update booze set price = 0').rowcount).toBe(7)
      expect(cursor.execute('delete from booze where false').rowcount).toBe(0)
    })
  })

  describe('execute', () => {
    test('binds parameters of any content', () => {
      populate()
      const nasty = `'%s ? :1 :n $1 \\ "`
      con.execute(insert(), parameters(nasty, null))
      const found = con.execute(`select name, price from booze where name = ${first}`, one(nasty)).fetchone()
      expect([...(found ?? [])]).toEqual([nasty, null])
    })

    test('takes the same operation again and again with other parameters', () => {
      const cursor = populate()
      for (const price of [0, 3, 6]) {
        cursor.execute(`select name from booze where price = ${first}`, one(price))
        expect(cursor.fetchone()?.[0]).toBe(BOOZE[price])
      }
    })

    test('works without parameters', () => {
      populate()
      expect(con.execute("select name from booze where name = 'XXXX'").fetchall()).toHaveLength(1)
    })

    test('refuses parameters that do not fit the markers', () => {
      populate()
      for (const wrong of [[], [1], [1, 2, 3], {}, { first: 1 }] as db.Parameters[]) {
        expect(failureOf(() => con.execute(insert(), wrong))).toBeInstanceOf(db.ProgrammingError)
      }
      expect(con.info.status).toBe('idle')
    })
  })

  describe('executemany', () => {
    test('runs the operation against all the elements of a sequence', () => {
      const cursor = con.cursor()
      cursor.execute('create table booze (name varchar(20), price int)')
      cursor.executemany(
        insert(),
        BOOZE.map((name, index) => parameters(name, index)),
      )
      expect(cursor.rowcount).toBe(7)
      expect(names(con.fetch('select name from booze order by price'))).toEqual(BOOZE)
    })

    test('takes any iterable, an empty one too', () => {
      const cursor = populate()
      cursor.executemany(
        insert(),
        (function* () {
          for (let i = 0; i < 3; i++) yield parameters(`more ${i}`, i)
        })(),
      )
      expect(cursor.rowcount).toBe(3)
      cursor.executemany(insert(), [])
      expect(con.fetchval('select count(*) from booze')).toBe(10n)
    })

    test('with an element that fails changes nothing, and names it', () => {
      populate()
      const failure = failureOf(() => con.executemany(insert(), [parameters('fine', 1), parameters('x'.repeat(30), 2)]))
      expect([failure.batchIndex, failure]).toEqual([1, expect.any(db.DataError)])
      con.rollback()
      expect(con.fetchval('select count(*) from booze')).toBe(7n)
    })
  })

  describe('fetching', () => {
    test('before a query, and after one without rows, is an Error', () => {
      const cursor = con.cursor()
      const calls = [() => cursor.fetchone(), () => cursor.fetchmany(4), () => cursor.fetchall()]
      for (const call of calls) expect(failureOf(call)).toBeInstanceOf(db.Error)
      cursor.execute('create table booze (name varchar(20), price int)')
      for (const call of calls) expect(failureOf(call)).toBeInstanceOf(db.Error)
      cursor.execute(insert(), parameters('x', 1))
      for (const call of calls) expect(failureOf(call)).toBeInstanceOf(db.Error)
    })

    test('fetchone gives the next row as a sequence, None at the end', () => {
      const cursor = populate()
      cursor.execute('select name from booze order by name')
      for (const name of BOOZE) expect([...(cursor.fetchone() ?? [])]).toEqual([name])
      expect([cursor.fetchone(), cursor.fetchone()]).toEqual([null, null])
    })

    test('fetchmany returns arraysize rows, 1 by default, or the given number', () => {
      const cursor = populate()
      cursor.execute('select name from booze order by name')
      expect(cursor.arraysize).toBe(1)
      expect(names(cursor.fetchmany())).toEqual(BOOZE.slice(0, 1))
      cursor.arraysize = 3
      expect(names(cursor.fetchmany())).toEqual(BOOZE.slice(1, 4))
      expect(names(cursor.fetchmany(2))).toEqual(BOOZE.slice(4, 6))
      expect(names(cursor.fetchmany(10))).toEqual(BOOZE.slice(6))
      expect(cursor.fetchmany()).toEqual([])
    })

    test('fetchall gives all remaining rows, an empty sequence at the end', () => {
      const cursor = populate()
      cursor.execute('select name from booze order by name')
      cursor.fetchone()
      expect(names(cursor.fetchall())).toEqual(BOOZE.slice(1))
      expect(cursor.fetchall()).toEqual([])
    })

    test('the fetch methods can be mixed, and rownumber counts their rows', () => {
      const cursor = populate()
      cursor.execute('select name from booze order by name')
      const seen = [...names([cursor.fetchone() ?? []]), ...names(cursor.fetchmany(2)), ...names(cursor)]
      expect([seen, cursor.rownumber]).toEqual([BOOZE, 7])
    })

    test('scroll beyond the result is an IndexError, here a RangeError', () => {
      const cursor = populate()
      cursor.execute('select name from booze order by name')
      cursor.scroll(2)
      expect(cursor.fetchone()?.[0]).toBe(BOOZE[2])
      cursor.scroll(-3, 'relative')
      expect(cursor.fetchone()?.[0]).toBe(BOOZE[0])
      cursor.scroll(6, 'absolute')
      expect(cursor.fetchone()?.[0]).toBe(BOOZE[6])
      expect(() => cursor.scroll(7, 'absolute')).toThrow(RangeError)
      expect(() => cursor.scroll(-8)).toThrow(RangeError)
    })
  })

  describe('nextset', () => {
    test('goes on to the next result, and gives None after the last', () => {
      const cursor = populate()
      cursor.execute('select count(*) from booze; select name from booze where price = 0')
      expect(cursor.fetchone()?.[0]).toBe(7n)
      expect(cursor.nextset()).toBe(true)
      expect(cursor.fetchone()?.[0]).toBe(BOOZE[0])
      expect(cursor.nextset()).toBeNull()
    })

    test('before a query is an Error', () => {
      expect(failureOf(() => con.cursor().nextset())).toBeInstanceOf(db.Error)
    })
  })

  test('callproc gives a copy of its input, and the result by fetching', () => {
    const cursor = con.cursor()
    const input = ['FOO']
    const output = cursor.callproc('lower', input)
    expect([output, output === input, names(cursor.fetchall())]).toEqual([['FOO'], false, ['foo']])
  })

  test('setinputsizes and setoutputsize can be called', () => {
    const cursor = populate()
    cursor.setinputsizes([25])
    cursor.setoutputsize(1000)
    cursor.setoutputsize(2000, 0)
    expect(cursor.execute(`select name from booze where name = ${first}`, one('XXXX')).fetchall()).toHaveLength(1)
  })

  test('a closed cursor is unusable', () => {
    const cursor = populate()
    cursor.execute('select 1')
    cursor.close()
    for (const call of [
      () => cursor.execute('select 1'),
      () => cursor.fetchone(),
      () => cursor.executemany(insert(), []),
    ]) {
      expect(failureOf(call)).toBeInstanceOf(db.Error)
    }
  })

  test('None is NULL, in both directions', () => {
    populate()
    con.execute(insert(), parameters(null, null))
    expect([...(con.fetchrow('select name, price from booze where name is null') ?? [])]).toEqual([null, null])
  })

  test('the results of the constructors are stored and read back', () => {
    con.execute('create table t (d date, b bytea)')
    con.execute(`insert into t values (${first}, ${second})`, parameters(db.Date(2002, 12, 25), db.Binary('\0\u00ff')))
    const [date, bytes] = con.fetchrow('select d, b from t') ?? []
    expect([String(date), bytes]).toEqual(['2002-12-25', db.Binary('\0\u00ff')])
    con.execute('create table u (t time, s timestamptz)')
    con.execute(
      `insert into u values (${first}, ${second})`,
      parameters(db.Time(13, 45, 30), db.TimestampFromTicks(1040823930.25)),
    )
    const [time, stamp] = con.fetchrow('select t, s from u') ?? []
    expect([String(time), (stamp as Date).getTime()]).toEqual(['13:45:30', 1040823930250])
  })
})
