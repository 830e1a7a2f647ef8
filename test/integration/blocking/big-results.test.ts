/** Results that stay on the server: named cursors and streams. And COPY, whose results are bytes. */
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const database = databaseOfFile()
let con: db.Connection
let folder: string

beforeEach(async () => {
  con = db.connect(sharedServer().dsn({ database, transport: 'unix' }))
  folder = await mkdtemp(join(tmpdir(), 'syncpg-test-'))
})
afterEach(async () => {
  con[Symbol.dispose]()
  await rm(folder, { recursive: true })
})

const values = (rows: Iterable<Iterable<unknown>>): unknown[][] => [...rows].map((row) => [...row])
const firsts = (rows: Iterable<{ [index: number]: unknown }>): unknown[] => [...rows].map((row) => row[0])
const openCursors = (): unknown[] => firsts(con.fetch("select name from pg_cursors where name <> ''"))

describe('a named cursor', () => {
  test('fetches rows in pieces for iteration, fetchone, fetchmany and fetchall', () => {
    const cursor = con.cursor('c1', { itersize: 7 })
    cursor.execute('select i from generate_series(0, %s) i', [99])
    expect([cursor.name, cursor.rowcount, cursor.rownumber, cursor.description?.[0]?.name]).toEqual(['c1', -1, 0, 'i'])
    expect(cursor.fetchone()?.[0]).toBe(0)
    expect(firsts(cursor.fetchmany(3))).toEqual([1, 2, 3])
    expect(firsts(cursor.fetchmany(10))).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    let next = 14
    for (const [i] of cursor) {
      expect(i).toBe(next++)
      if (next === 40) break
    }
    expect(cursor.rownumber).toBe(40)
    expect(cursor.fetchall()).toHaveLength(60)
    expect([cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount]).toEqual([null, [], [], 100])
  })

  test('scrolls in both directions, and keeps its position if it cannot move', () => {
    const cursor = con.cursor('c1', { scroll: true, itersize: 3 })
    cursor.execute('select i from generate_series(0, 19) i')
    cursor.scroll(10)
    expect(cursor.fetchone()?.[0]).toBe(10)
    cursor.scroll(-9)
    expect([cursor.rownumber, cursor.fetchone()?.[0]]).toEqual([2, 2])
    cursor.scroll(19, 'absolute')
    expect([cursor.fetchone()?.[0], cursor.fetchone()]).toEqual([19, null])
    cursor.scroll(0, 'absolute')
    expect(firsts(cursor.fetchmany(2))).toEqual([0, 1])
    for (const [value, mode] of [
      [20, 'absolute'],
      [-3, 'relative'],
      [18, 'relative'],
    ] as const) {
      expect(() => cursor.scroll(value, mode)).toThrow(RangeError)
      expect(cursor.rownumber).toBe(2)
    }
    expect(cursor.fetchone()?.[0]).toBe(2)
  })

  test('ends with its transaction, and later calls say so', () => {
    const cursor = con.cursor('c1')
    cursor.execute('select generate_series(1, 5000)')
    con.commit()
    const failure = failureOf(() => cursor.fetchone())
    expect([failure, failure.message]).toEqual([
      expect.any(db.InterfaceError),
      expect.stringContaining('it ended with its transaction'),
    ])
    con.autocommit = true
    expect(failureOf(() => con.cursor('c2').execute('select 1')).message).toContain('needs a transaction')
    con.transaction(() => expect(con.cursor('c3').execute('select 7').fetchval()).toBe(7))
  })

  test('with hold stays open after the transaction, until it is closed', () => {
    con.autocommit = true
    const cursor = con.cursor('kept', { hold: true, itersize: 10 })
    cursor.execute('select generate_series(1, 100)')
    expect(openCursors()).toEqual(['kept'])
    expect(cursor.fetchall()).toHaveLength(100)
    cursor.close()
    expect(openCursors()).toEqual([])
  })

  test('ends with its transaction, and so do its prefetched rows', () => {
    const cursor = con.cursor('c1', { itersize: 10 })
    cursor.execute('select generate_series(1, 100)')
    expect(cursor.fetchone()![0]).toBe(1)
    con.commit()
    for (const call of [
      () => cursor.fetchone(),
      () => cursor.fetchmany(2),
      () => cursor.fetchall(),
      () => [...cursor],
    ]) {
      expect(failureOf(call)).toMatchObject({ name: 'InterfaceError', message: expect.stringContaining('hold: true') })
    }
    expect(values(cursor.execute('select 7').fetchall())).toEqual([[7]])
  })

  test('is closed on the server by close, and by a second execute', () => {
    const cursor = con.cursor('c1')
    cursor.execute('select 1 as one')
    cursor.execute("select 'x' as x, 2.5 as y")
    expect(cursor.description?.map((column) => column.name)).toEqual(['x', 'y'])
    expect(values(cursor.fetchall())).toEqual([['x', '2.5']])
    expect(openCursors()).toEqual(['c1'])
    cursor.close()
    expect(openCursors()).toEqual([])
  })

  test('reads new columns correctly when it is executed again with another query', () => {
    const cursor = con.cursor('c1', { itersize: 2 })
    for (let round = 0; round < 3; round++) {
      expect(values(cursor.execute('select 1::int8, 2::int8').fetchall())).toEqual([[1n, 2n]])
      expect(values(cursor.execute("select 'abcdefgh', 1.5").fetchall())).toEqual([['abcdefgh', '1.5']])
    }
  })

  test('refuses executemany, nextset and callproc', () => {
    const cursor = con.cursor('c1')
    cursor.execute('select 1')
    for (const call of [
      () => cursor.nextset(),
      () => cursor.executemany('select %s', [[1]]),
      () => cursor.callproc('now'),
    ]) {
      expect(failureOf(call)).toBeInstanceOf(db.NotSupportedError)
    }
  })

  test('the error for another statement names stream(), at the place in the user’s text', () => {
    con.execute('create table t (a int)')
    const failure = failureOf(() => con.cursor('c1').execute('insert into t values (%s) returning a', [1]))
    expect([failure.line, failure.column, failure.hint]).toEqual([1, 1, expect.stringContaining('stream()')])
    con.rollback()
    expect(failureOf(() => con.cursor('c1').execute('select %s::int,\n nonsense', [1]))).toMatchObject({
      line: 2,
      column: 2,
    })
  })

  test('fetching before execute is a ProgrammingError', () => {
    expect(failureOf(() => con.cursor('c1').fetchone())).toBeInstanceOf(db.ProgrammingError)
  })
})

describe('a stream', () => {
  test('gives the rows in order, and other cursors work at the same time', () => {
    let next = 0
    for (const [i] of con.cursor().stream('select i from generate_series(0, %s) i', [2500], { size: 100 })) {
      expect(i).toBe(next++)
      if (next % 500 === 0) expect(con.fetchval('select %s::int', [next])).toBe(next)
    }
    expect(next).toBe(2501)
  })

  test('that a loop leaves half-way is closed on the server, and the connection is usable', () => {
    con.execute('create table t as select generate_series(1, 5000) as a')
    for (const _ of con.cursor().stream('select a from t', null, { size: 10 })) break
    // A portal left open would hold the table.
    con.execute('drop table t')
    con.commit()
  })

  test('may be of any statement that returns rows', () => {
    con.execute('create table t (a int)')
    const stream = con.cursor().stream('insert into t select generate_series(1, 10) returning a', null, { size: 4 })
    expect(firsts(stream)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(con.fetchval('select count(*) from t')).toBe(10n)
  })

  test('needs a transaction, rows, and parameters that fit; the stack of each error begins at the call', () => {
    expect(failureOf(() => con.cursor().stream('create table t (a int)'))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => con.cursor().stream('select %s', []))).toBeInstanceOf(db.ProgrammingError)
    con.rollback()
    con.autocommit = true
    const failure = failureOf(() => con.cursor().stream('select 1'))
    expect(failure.message).toContain('transaction')
    expect(failure.stack?.split('\n').find((line) => line.startsWith('    at'))).toContain('big-results.test.ts')
  })

  test('ends with its transaction, with an error that says so', () => {
    const stream = con.cursor().stream('select generate_series(1, 100)', null, { size: 10 })
    stream.next()
    con.commit()
    expect(failureOf(() => firsts(stream)).message).toContain('transaction')
  })

  test('ends with an error after the rows before the error', () => {
    const stream = con.cursor().stream('select 1 / (i - 15) from generate_series(0, 20) i', null, { size: 10 })
    const seen: unknown[] = []
    const failure = failureOf(() => {
      for (const [i] of stream) seen.push(i)
    })
    expect([failure, seen.length]).toEqual([expect.any(db.DivisionByZeroError), 15])
    con.rollback()
    expect(con.fetchval('select 1')).toBe(1)
  })
})

describe('COPY', () => {
  beforeEach(() => {
    con.execute('create table t (a int, b text)')
  })

  test('sends and receives chunks in a function', () => {
    const cursor = con.cursor()
    const result = cursor.copy('copy t from stdin (format csv)', (copy) => {
      copy.write('1,one\n2,')
      copy.write(Buffer.from('"t""wo"\n'))
      return 'fed'
    })
    expect([result, cursor.rowcount, cursor.statusmessage]).toEqual(['fed', 2, 'COPY 2'])
    const text = cursor.copy('copy (select * from t order by a) to stdout (format csv, header)', (copy) =>
      Buffer.concat([...copy]).toString(),
    )
    expect([text, cursor.rowcount]).toEqual(['a,b\n1,one\n2,"t""wo"\n', 2])
  })

  test('sends and receives rows in binary format', () => {
    const cursor = con.cursor()
    cursor.copy('copy t (b, a) from stdin (format binary)', (copy) => {
      for (let i = 0; i < 20_000; i++) copy.writeRow([`row ${i}`, i])
    })
    expect(cursor.rowcount).toBe(20_000)
    const rows = cursor.copy('copy t to stdout (format binary)', (copy) => values(copy.rows()))
    expect([rows.length, rows[0], rows[19_999]]).toEqual([20_000, [0, 'row 0'], [19_999, 'row 19999']])
    cursor.copy('copy (select null::date, array[1,2]) to stdout with binary', (copy) => {
      expect(values(copy.rows())).toEqual([[null, [1, 2]]])
    })
  })

  test("setTypes sets types other than the table's", () => {
    con.cursor().copy('copy t from stdin (format binary)', (copy) => {
      copy.setTypes(['int4', db.oid(25)])
      copy.writeRow([1, 'x'])
      expect(failureOf(() => copy.writeRow([1, 2, 3] as never)).message).toContain('record #1')
      copy.writeRow([2, 'y'])
    })
    expect(con.fetchval('select count(*) from t')).toBe(2n)
  })

  test('a function that throws undoes the COPY, and its own error is thrown', () => {
    con.commit()
    const own = new Error('mine')
    expect(() =>
      con.cursor().copy('copy t from stdin', (copy) => {
        copy.write('1\tx\n')
        throw own
      }),
    ).toThrow(own)
    con.rollback()
    expect(con.fetchval('select count(*) from t')).toBe(0n)
  })

  test('leaving COPY TO half-way leaves the connection usable', () => {
    con.execute("insert into t select i, repeat('x', 1000) from generate_series(1, 20000) i")
    con.commit()
    const first = con.cursor().copy('copy t to stdout', (copy) => copy.read()?.length)
    expect(first).toBeGreaterThan(0)
    con.rollback()
    expect(con.fetchval('select count(*) from t')).toBe(20_000n)
  })

  test('while it is open nothing else runs on its connection, and after its end its object refuses calls', () => {
    let kept: db.CopyStream | undefined
    con.cursor().copy('copy t from stdin', (copy) => {
      kept = copy
      expect(failureOf(() => con.execute('select 1'))).toBeInstanceOf(db.InterfaceError)
      copy.write('1\tx\n')
    })
    expect(failureOf(() => kept?.write('2\ty\n'))).toBeInstanceOf(db.InterfaceError)
    expect(con.fetchval('select count(*) from t')).toBe(1n)
  })

  test("the server's error has the line of the data", () => {
    const failure = failureOf(() => con.cursor().copy('copy t from stdin', (copy) => copy.write('x\ty\n')))
    expect([failure, failure.context]).toEqual([
      expect.any(db.InvalidTextRepresentationError),
      expect.stringContaining('line 1'),
    ])
  })

  test('execute of a COPY is an error that names the right method, and the connection stays usable', () => {
    expect(failureOf(() => con.execute('copy t from stdin'))).toBeInstanceOf(db.ProgrammingError)
    con.rollback()
    expect(con.fetchval('select 1')).toBe(1)
    expect(failureOf(() => con.cursor().copy('select 1', () => {}))).toBeInstanceOf(db.ProgrammingError)
  })

  test('reads a path, a descriptor, bytes and a generator, and writes to a path and a function', () => {
    const path = join(folder, 'in.csv')
    writeFileSync(path, '1,x\n')
    expect(con.copyToTable('t', { source: path, format: 'csv' })).toBe(1)
    expect(con.copyToTable('t', { source: openSync(path, 'r'), format: 'csv' })).toBe(1)
    expect(con.copyToTable('t', { source: Buffer.from('2\ty\n') })).toBe(1)
    const generated = (function* () {
      for (let i = 0; i < 1000; i++) yield `${i}\trow\n`
    })()
    expect(con.copyToTable('t', { source: generated, columns: ['a', 'b'] })).toBe(1000)
    const target = join(folder, 'out.csv')
    expect(con.copyFromTable('t', { output: target, format: 'csv' })).toBe(1003)
    expect(readFileSync(target, 'utf8').split('\n')).toHaveLength(1004)
    let text = ''
    const query = "select a, '%%s $1' from t where b = %s and a < %s order by a"
    expect(con.copyFromQuery(query, ['row', 2], { output: (chunk) => (text += chunk) })).toBe(2)
    expect(text).toBe('0\t%s $1\n1\t%s $1\n')
  })

  test('a source that fails loads nothing, and a path that does not exist begins nothing', () => {
    con.commit()
    const failing = (function* () {
      yield '1\tx\n'
      throw new RangeError('the source')
    })()
    expect(() => con.copyToTable('t', { source: failing })).toThrow(RangeError)
    con.rollback()
    expect(() => con.copyToTable('t', { source: join(folder, 'missing') })).toThrow(/ENOENT/)
    expect(con.info.status).toBe('idle')
    expect(con.fetchval('select count(*) from t')).toBe(0n)
  })
})
