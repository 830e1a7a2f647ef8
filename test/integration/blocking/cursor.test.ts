/** Cursors, beside fetching: moving in a result, messages, type hints, procedures, options of a call. */
import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const database = databaseOfFile()
let con: db.Connection

beforeEach(() => {
  con = db.connect(sharedServer().dsn({ database, transport: 'unix' }))
})
afterEach(() => {
  con[Symbol.dispose]()
})

const values = (rows: Iterable<Iterable<unknown>>): unknown[][] => [...rows].map((row) => [...row])

describe('moving within a result', () => {
  test('scroll moves by a number of rows or to a row, and rownumber is the position', () => {
    const cursor = con.cursor()
    expect(cursor.rownumber).toBeNull()
    cursor.execute('select i from generate_series(0, 9) i')
    expect(cursor.rownumber).toBe(0)
    cursor.scroll(4)
    expect(cursor.fetchone()?.[0]).toBe(4)
    expect(cursor.rownumber).toBe(5)
    cursor.scroll(-5)
    expect(cursor.fetchone()?.[0]).toBe(0)
    cursor.scroll(9, 'absolute')
    expect(cursor.fetchone()?.[0]).toBe(9)
    expect(cursor.rownumber).toBe(10)
  })

  test.each([
    [10, 'absolute'],
    [-1, 'absolute'],
    [7, 'relative'],
    [-4, 'relative'],
  ] as const)('scroll(%d, %s) leaves the result: RangeError, and nothing has moved', (value, mode) => {
    const cursor = con.execute('select i from generate_series(0, 9) i')
    cursor.fetchmany(3)
    expect(() => cursor.scroll(value, mode)).toThrow(RangeError)
    expect(cursor.rownumber).toBe(3)
  })

  test('scroll refuses an unknown mode, a value that is not a number, and a cursor without a result', () => {
    const cursor = con.execute('select 1')
    expect(failureOf(() => cursor.scroll(0, 'sideways' as 'relative'))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => cursor.scroll(0.5))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => con.cursor().scroll(0))).toBeInstanceOf(db.ProgrammingError)
  })

  test('results() gives all results of a script, also those without rows', () => {
    const cursor = con.execute('select 1; create table t (a int); select 2, 3')
    const seen: unknown[] = []
    for (const result of cursor.results())
      seen.push([result.statusmessage, result.description && result.fetchall().length])
    expect(seen).toEqual([
      ['SELECT 1', 1],
      ['CREATE TABLE', null],
      ['SELECT 1', 1],
    ])
  })

  test('fetchobjects gives plain objects', () => {
    const rows = con.execute("select 1 as a, 'x' as b union all select 2, 'y'").fetchobjects()
    expect(rows).toStrictEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ])
  })

  test('lastrowid is null, and query and params are those that were passed', () => {
    const cursor = con.execute('select %s::int', [1])
    expect([cursor.lastrowid, cursor.query, cursor.params]).toEqual([null, 'select %s::int', [1]])
  })
})

describe('messages', () => {
  const RAISE = "do $$ begin raise notice 'one'; raise warning 'two'; end $$"

  test('are those of the last call, with their classes', () => {
    const cursor = con.execute(RAISE)
    const seen = cursor.messages.map(([kind, message]) => [kind === message.constructor, message.primaryMessage])
    expect(seen).toEqual([
      [true, 'one'],
      [true, 'two'],
    ])
    expect(cursor.messages.every(([, message]) => message instanceof db.Warning)).toBe(true)
    cursor.execute('select 1')
    expect(cursor.messages).toEqual([])
  })

  test('are kept by the fetch methods, and cleared by every other standard method', () => {
    const cursor = con.cursor()
    const others: [string, () => unknown][] = [
      ['executemany', () => cursor.executemany('select %s', [])],
      ['nextset', () => cursor.nextset()],
      ['setinputsizes', () => cursor.setinputsizes([])],
      ['setoutputsize', () => cursor.setoutputsize(1)],
      ['callproc', () => cursor.callproc('lower', ['X'])],
      ['close', () => cursor.close()],
    ]
    for (const [name, other] of others) {
      cursor.execute(`${RAISE}; select 1`)
      cursor.nextset()
      cursor.execute(`${RAISE}`)
      expect([name, cursor.messages.length]).toEqual([name, 2])
      other()
      expect([name, cursor.messages.length]).toEqual([name, 0])
    }
    const kept = con.execute(
      "create function pg_temp.loud() returns int language plpgsql as $$ begin raise notice 'x'; return 1; end $$; select pg_temp.loud()",
    )
    kept.nextset()
    kept.execute('select pg_temp.loud()')
    kept.fetchone()
    kept.fetchmany(2)
    kept.fetchall()
    expect(kept.messages).toHaveLength(1)
  })

  test('are also in the list of the connection, until its next call', () => {
    con.execute(RAISE)
    expect(con.messages.map(([, message]) => message.primaryMessage)).toEqual(['one', 'two'])
    con.commit()
    expect(con.messages).toEqual([])
  })

  test('of one cursor are not in the list of another', () => {
    const quiet = con.execute('select 1')
    con.execute(RAISE)
    expect(quiet.messages).toEqual([])
  })
})

describe('the last rules of PEP 249', () => {
  test('iteration gives null when a row factory returns null', () => {
    const cursor = con.cursor({ rowFactory: () => (row: readonly unknown[]) => row[0] })
    expect([...cursor.execute('values (1), (null), (3)')]).toEqual([1, null, 3])
    expect([...con.cursor({ rowFactory: () => () => null }).execute('values (1), (2)')]).toEqual([null, null])
    const named = con.cursor('nulls', { rowFactory: () => () => null, itersize: 2 } as never)
    expect([...named.execute('values (1), (2), (3)')]).toEqual([null, null, null])
  })

  test('each result of a batch keeps its own count', () => {
    con.execute('create temp table counted (a int)')
    const cursor = con.cursor()
    const sql = 'insert into counted select generate_series(1, %s) returning a'
    cursor.executemany(sql, [[1], [2], [3]], { returning: true })
    expect(cursor.rowcount).toBe(1)
    const results = [...cursor.results()]
    expect(results.map((each) => each.rowcount)).toEqual([1, 2, 3])
    expect(results.map((each) => each.fetchall().length)).toEqual([1, 2, 3])
    expect(cursor.rowcount).toBe(3)
    cursor.executemany(sql, [], { returning: true })
    expect([...cursor.results()]).toEqual([])
    cursor.executemany('insert into counted values (%s)', [[1], [2]])
    expect(cursor.rowcount).toBe(2)
  })

  test('SHOW, EXPLAIN and CALL count their rows', () => {
    const cursor = con.cursor()
    expect(cursor.execute('show datestyle').rowcount).toBe(1)
    cursor.execute('explain (costs off) select * from pg_class a, pg_attribute b where a.oid = b.attrelid')
    expect(cursor.rowcount).toBe(cursor.fetchall().length)
    expect(cursor.rowcount).toBeGreaterThan(1)
  })

  test('an error thrown by a transaction’s function is not hidden when the connection is lost', () => {
    const doomed = db.connect(sharedServer().dsn({ database }))
    const failure = failureOf(() =>
      doomed.transaction(() => {
        doomed.execute('select 1')
        con.execute('select pg_terminate_backend(%s)', [doomed.info.backendPid])
        throw new TypeError('the real bug')
      }),
    )
    expect(failure.message).toBe('the real bug')
    expect(doomed.closed).toBe(true)
  })

  test('info has the host that answered, of several', () => {
    const { dsn } = sharedServer()
    const one = db.connect(dsn({ transport: 'tcp' }))
    const { host, port } = one.info
    one.close()
    const [, credentials = '', rest = ''] = /^(postgresql:\/\/[^@]*@)[^/?]*(.*)$/.exec(dsn({ transport: 'tcp' })) ?? []
    const several = db.connect(`${credentials}127.0.0.1:1,${host}:${port}${rest}`)
    expect([several.info.host, several.info.port]).toEqual([host, port])
    several.close()
  })

  test('a database that does not exist is an OperationalError', () => {
    const failure = failureOf(() => db.connect(sharedServer().dsn({ database: 'nowhere' })))
    expect(failure).toBeInstanceOf(db.OperationalError)
    expect(failure.sqlstate).toBe('3D000')
  })

  test('callproc finds functions of pg_temp', () => {
    con.execute("create function pg_temp.twice(a int) returns int language sql as 'select a * 2'")
    const cursor = con.cursor()
    cursor.callproc('pg_temp.twice', [21])
    expect(cursor.fetchval()).toBe(42)
  })
})

describe('copy of a text', () => {
  test('sends and receives rows in text format, with the types of setTypes', () => {
    con.execute('create temp table ct (a int, b text, c timestamptz, d int[])')
    const cursor = con.cursor()
    const at = new Date('2024-01-01T00:00:00Z')
    const rows = [
      [1, 'x\ty\\', at, [1, null]],
      [null, '\\N', at, []],
      [2, '', null, null],
    ]
    const types = ['integer', 'character varying', 'timestamp with time zone', 'int[]']
    cursor.copy('copy ct from stdin', (copy) => {
      copy.setTypes(types)
      for (const row of rows) copy.writeRow(row)
    })
    expect(cursor.rowcount).toBe(3)
    expect(values(con.fetch('select * from ct'))).toEqual(rows)
    const back = cursor.copy('copy ct to stdout', (copy) => {
      copy.setTypes(['int4', db.STRING, db.oid(1184), 'int4[]'])
      return values(copy.rows() as never)
    })
    expect(back).toEqual(rows)
    expect(failureOf(() => cursor.copy('copy ct to stdout', (copy) => [...copy.rows()])).message).toContain(
      'call setTypes() first',
    )
  })

  test('accepts FROM STDOUT and TO STDIN, as the server does', () => {
    con.execute('create temp table words (a int)')
    const cursor = con.cursor()
    cursor.copy('copy words from stdout', (copy) => copy.write('1\n2\n'))
    expect(cursor.copy('copy words to stdin', (copy) => Buffer.concat([...copy]).toString())).toBe('1\n2\n')
  })

  test('of several statements is refused at once, and so is COPY among other statements', () => {
    con.execute('create temp table several (a int)')
    con.commit()
    const cursor = con.cursor()
    const refused = [
      () => cursor.copy('copy several from stdin; copy several from stdin', () => {}),
      () => cursor.copy('copy several to stdout; select 1', () => {}),
      () => cursor.execute('copy several to stdout; copy several from stdin'),
      () => cursor.execute('copy several from stdin; copy several to stdout'),
      () => cursor.execute('select 1; copy several to stdout; copy several to stdout; copy several from stdin'),
    ]
    for (const run of refused) {
      expect(failureOf(run)).toBeInstanceOf(db.ProgrammingError)
      con.rollback()
      expect(con.fetchval('select 1')).toBe(1)
    }
    expect(cursor.copy('copy several to stdout; ', (copy) => [...copy].length)).toBe(0)
  })
})

describe('setinputsizes', () => {
  test('gives a type to a parameter whose type the server cannot determine, by position and by name', () => {
    const cursor = con.cursor()
    expect(failureOf(() => cursor.execute('select %s is null', [[]])).sqlstate).toBe('42P18')
    con.rollback()
    cursor.setinputsizes(['jsonb'])
    expect(cursor.execute('select %s is null', [[]]).fetchval()).toBe(false)
    cursor.setinputsizes({ a: 'numeric' })
    expect(cursor.execute('select pg_typeof(%(a)s)::text', { a: '1.50' }).fetchval()).toBe('numeric')
    cursor.setinputsizes([db.oid(23)])
    expect(cursor.execute('select pg_typeof($1)::text', [1]).fetchval()).toBe('integer')
  })

  test('applies only to the next execute', () => {
    const cursor = con.cursor()
    cursor.setinputsizes(['int8'])
    expect(cursor.execute('select pg_typeof(%s)::text', [1]).fetchval()).toBe('bigint')
    expect(cursor.execute('select pg_typeof(%s)::text', [1]).fetchval()).toBe('integer')
  })

  test('takes types of the database, and arrays of them', () => {
    con.execute("create type mood as enum ('sad', 'ok')")
    const cursor = con.cursor()
    cursor.setinputsizes(['mood[]'])
    expect(cursor.execute('select pg_typeof(%s)::text', [['ok']]).fetchval()).toBe('mood[]')
    cursor.setinputsizes(['nonsense'])
    expect(failureOf(() => cursor.execute('select %s', [1])).message).toContain('there is no type "nonsense"')
  })

  test('tolerates sizes, nulls, too many and too few', () => {
    const cursor = con.cursor()
    for (const sizes of [
      [25],
      [null],
      [db.NUMBER],
      ['int', 'int', 'text'],
      [],
      null,
      [25, 25, 25],
    ] as db.InputSizes[]) {
      cursor.setinputsizes(sizes)
      expect(cursor.execute('select %s::int + %s::int', [1, 2]).fetchval()).toBe(3)
      cursor.setinputsizes(sizes)
      expect(cursor.execute('select 1').fetchval()).toBe(1)
    }
    expect(failureOf(() => cursor.setinputsizes('text' as never))).toBeInstanceOf(db.ProgrammingError)
  })

  test('declares the named type also if the value suggests another', () => {
    const cursor = con.cursor()
    cursor.setinputsizes([db.STRING])
    expect(cursor.execute('select %s', [42]).fetchval()).toBe('42')
  })

  test('applies to executemany too', () => {
    con.execute('create table t (a text)')
    const cursor = con.cursor()
    cursor.setinputsizes(['date'])
    cursor.executemany('insert into t values (pg_typeof(%s)::text)', [[db.Date(2024, 1, 1)]])
    expect(con.fetchval('select a from t')).toBe('date')
  })
})

describe('executemany', () => {
  test('with returning: each element has a result of its own', () => {
    con.execute('create table t (id int generated always as identity, a text)')
    const cursor = con.cursor()
    cursor.executemany('insert into t (a) select unnest(%s::text[]) returning id, a', [[['x']], [[]], [['y', 'z']]], {
      returning: true,
    })
    const seen = [...cursor.results()].length
    expect(seen).toBe(3)
    cursor.executemany('insert into t (a) values (%s) returning id', [['p'], ['q']], { returning: true })
    const ids: unknown[] = []
    for (const result of cursor.results()) ids.push(result.fetchval())
    expect(ids).toEqual([4, 5])
    expect(cursor.rowcount).toBe(1)
  })

  test('with returning over many chunks: results stay in step with their elements', () => {
    const words = Array.from({ length: 3000 }, (_, index) => [`${index}`.padEnd(400, '.')])
    const cursor = con.executemany('select %s::text', words, { returning: true })
    let index = 0
    for (const result of cursor.results()) expect(result.fetchval()).toBe(words[index++]?.[0])
    expect(index).toBe(3000)
  })

  test('without returning it drops the rows', () => {
    const cursor = con.executemany('select %s::int', [[1], [2]])
    expect(cursor.rowcount).toBe(2)
    expect(failureOf(() => cursor.fetchone())).toBeInstanceOf(db.ProgrammingError)
  })
})

describe('callproc', () => {
  test('a function: its row can be fetched, and the parameters come back unchanged', () => {
    const cursor = con.cursor()
    const given = ['FOO']
    const back = cursor.callproc('lower', given)
    expect([back, back === given, values(cursor.fetchall())]).toEqual([['FOO'], false, [['foo']]])
  })

  test('a function that returns a set, qualified by its schema', () => {
    con.execute(
      'create schema shop; create function shop.evens(n int) returns setof int language sql as $$ select generate_series(0, n, 2) $$',
    )
    const cursor = con.cursor()
    cursor.callproc('shop.evens', [6])
    expect(values(cursor.fetchall())).toEqual([[0], [2], [4], [6]])
  })

  test('by names', () => {
    con.execute(
      'create function power_of(base int, exponent int default 2) returns numeric language sql as $$ select base ^ exponent $$',
    )
    const cursor = con.cursor()
    expect(cursor.callproc('power_of', { exponent: 3, base: 2 })).toEqual({ exponent: 3, base: 2 })
    expect(Number(cursor.fetchval())).toBe(8)
    cursor.callproc('power_of', { base: 5 })
    expect(Number(cursor.fetchval())).toBe(25)
  })

  test.skipIf(sharedServer().major < 14)(
    'a procedure: INOUT and OUT parameters come back filled, and the row can still be fetched',
    () => {
      con.execute(`create procedure double(inout a int, in b int, out c text) language plpgsql as
      $$ begin a := a * b; c := 'done'; end $$`)
      const cursor = con.cursor()
      expect(cursor.callproc('double', [4, 5, null])).toEqual([20, 5, 'done'])
      expect(values(cursor.fetchall())).toEqual([[20, 'done']])
      expect(cursor.callproc('double', [4, 5])).toEqual([20, 5, 'done'])
      expect(cursor.callproc('double', { a: 1, b: 2 })).toEqual({ a: 2, b: 2, c: 'done' })
    },
  )

  test('a procedure without results returns its input', () => {
    con.execute('create table t (a int); create procedure add(a int) language sql as $$ insert into t values (a) $$')
    const cursor = con.cursor()
    expect(cursor.callproc('add', [7])).toEqual([7])
    expect(con.fetchval('select a from t')).toBe(7)
  })

  test('an unknown name is an error that does not fail the transaction; an aggregate is refused', () => {
    const failure = failureOf(() => con.cursor().callproc('nobody', []))
    expect(failure).toBeInstanceOf(db.UndefinedFunctionError)
    expect(failure).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => con.cursor().callproc('sum', [1])).message).toContain('aggregate')
    expect(con.info.status).not.toBe('failed')
  })

  test('a cursor that a function has opened can be read by its name', () => {
    con.execute(`create function open_it() returns refcursor language plpgsql as
      $$ declare c refcursor := 'mine'; begin open c for select generate_series(1, 3); return c; end $$`)
    const cursor = con.cursor()
    cursor.callproc('open_it')
    expect(values(con.cursor(String(cursor.fetchval())).fetchall())).toEqual([[1], [2], [3]])
  })
})

describe('options of a call', () => {
  test('timeout: the statement is cancelled, the server process idle, the connection usable', () => {
    const started = performance.now()
    const failure = failureOf(() => con.execute('select pg_sleep(30)', null, { timeout: 200 }))
    expect(performance.now() - started).toBeLessThan(5000)
    expect(failure).toBeInstanceOf(db.QueryTimeoutError)
    expect(failure).toBeInstanceOf(db.OperationalError)
    expect(failure.stack).toContain('cursor.test.ts')
    con.rollback()
    expect(con.fetchval('select 42')).toBe(42)
  })

  test('commandTimeout is the limit of all calls that set none', () => {
    using limited = db.connect(sharedServer().dsn(), { commandTimeout: 200, autocommit: true })
    expect(failureOf(() => limited.fetch('select pg_sleep(30)'))).toBeInstanceOf(db.QueryTimeoutError)
    const state = 'select state from pg_stat_activity where pid = %s'
    expect(con.fetchval(state, [limited.info.backendPid])).toBe('idle')
    expect(limited.execute('select pg_sleep(0.4), 1 as a', null, { timeout: 0 }).fetchone()?.['a']).toBe(1)
    limited.commandTimeout = 0
    expect(limited.execute('select pg_sleep(0.4), 1 as a').fetchone()?.['a']).toBe(1)
  })

  test('an invalid timeout is refused before anything is sent', () => {
    expect(failureOf(() => con.execute('select 1', null, { timeout: -1 }))).toBeInstanceOf(db.ProgrammingError)
    expect(con.info.status).toBe('idle')
  })

  test('prepare: false leaves no prepared statement behind', () => {
    for (let i = 0; i < 2; i += 1) {
      con.execute('select 1 as once', null, { prepare: false })
      con.execute('select 2 as twice')
    }
    const texts = values(con.fetch("select statement from pg_prepared_statements where statement like 'select _ as%'"))
    expect(texts).toEqual([['select 2 as twice']])
  })

  test('a query of a query builder runs with its own values', () => {
    expect(con.execute({ sql: 'select $1::int + $2', parameters: [1, 2] }).fetchval()).toBe(3)
    expect(con.fetchval({ sql: "select $1::int, '%s'", params: [1] })).toBe(1)
    expect(con.fetchval({ sql: 'select $1::text', bindings: ['x'] })).toBe('x')
    expect(con.fetchval({ text: 'select $1::text', values: ['y'] })).toBe('y')
    expect(failureOf(() => con.execute({ sql: 'select $1', parameters: [1] }, [2]))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => con.execute(7 as never))).toBeInstanceOf(db.ProgrammingError)
  })

  test('a cursor may have a paramstyle of its own', () => {
    expect(con.cursor({ paramstyle: 'qmark' }).execute('select ? + 1', [1]).fetchval()).toBe(2)
    expect(failureOf(() => con.cursor({ style: 'qmark' } as never)).message).toContain('unknown option "style"')
  })
})

describe('errorhandler', () => {
  test('is called instead of throwing, and the method returns an empty value', () => {
    const heard: unknown[][] = []
    con.errorhandler = (...args) => heard.push(args)
    const cursor = con.cursor()
    expect(cursor.execute('select nonsense')).toBe(cursor)
    expect(cursor.fetchone()).toBeNull()
    expect(cursor.fetchall()).toEqual([])
    expect(heard).toHaveLength(3)
    const [connection, failing, kind, error] = heard[0] ?? []
    expect([connection === con, failing === cursor, kind === db.UndefinedColumnError]).toEqual([true, true, true])
    expect(error).toBeInstanceOf(db.UndefinedColumnError)
    con.commit()
    expect([heard[3]?.[0] === con, heard[3]?.[1], heard[3]?.[2] === db.InFailedSQLTransactionError]).toEqual([
      true,
      null,
      true,
    ])
  })

  test('may throw the error again, and is called once', () => {
    let calls = 0
    con.errorhandler = (_con, _cur, _class, error) => {
      calls += 1
      throw error
    }
    expect(failureOf(() => con.execute('select nonsense'))).toBeInstanceOf(db.UndefinedColumnError)
    expect(calls).toBe(1)
  })
})
