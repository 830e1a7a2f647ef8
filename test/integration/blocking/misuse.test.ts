/** Wrong arguments: the error names the argument, and nothing is sent. */
import * as db from 'syncpg'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

let con: db.Connection

beforeEach(() => {
  con = db.connect(sharedServer().dsn({ transport: 'unix' }))
})
afterEach(() => con[Symbol.dispose]())

// oxlint-disable-next-line no-explicit-any -- what compiles nowhere else.
const no = (value: unknown): any => value

test.each<[string, () => unknown, string]>([
  ['a misspelled limit', () => con.execute('select 1', [], no({ timeOut: 5 })), 'execute: unknown option "timeOut"'],
  [
    'a number for options',
    () => con.execute('select 1', [], no(5)),
    'execute: expected an object of options, got the number 5',
  ],
  ['null for options', () => con.execute('select 1', [], no(null)), 'execute: expected an object of options, got null'],
  [
    'an option of executemany',
    () => con.execute('select 1', [], no({ returning: true })),
    'unknown option "returning"',
  ],
  ['an option of execute', () => con.executemany('select 1', [], no({ prepare: false })), 'unknown option "prepare"'],
  ['an unknown option of fetch', () => con.fetch('select 1', [], no({ limit: 5 })), 'fetch: unknown option "limit"'],
  [
    'an unknown option of fetchval',
    () => con.fetchval('select 1', [], 0, no({ limit: 5 })),
    'fetchval: unknown option "limit"',
  ],
  [
    'an unknown option of prepare',
    () => con.prepare('select 1', no({ names: 'x' })),
    'prepare: unknown option "names"',
  ],
  [
    'an unknown option of copy',
    () => con.cursor().copy('copy t from stdin', () => 1, no({ time: 1 })),
    'unknown option "time"',
  ],
  [
    'a number for a cursor',
    () => con.cursor(no(5)),
    'cursor: expected a name or an object of options, got the number 5',
  ],
  ['options in place of parameters', () => con.execute('select 1', { timeout: 50 }), 'execute(sql, null, { timeout })'],
  ['options for fetch', () => con.fetch('select 1', { rowFactory: 'array' }), 'has no markers, but got { rowFactory }'],
  ['a property in snake case', () => (no(con).isolation_level = 1), 'did you mean isolationLevel?'],
  ['a property in camel case', () => (no(con).autoCommit = true), 'did you mean autocommit?'],
  ['a property of another driver', () => (no(con).row_factory = 1), 'use the option rowFactory'],
  ['a property that no driver has', () => (no(con).whatever = 1), 'Connection: there is no property "whatever" to set'],
  ['a name of another driver', () => no(con).set_session({}), 'con.isolationLevel'],
  ['another spelling', () => no(con.cursor()).rowCount, 'did you mean rowcount?'],
  ['another spelling of a method', () => no(con.cursor()).fetchOne(), 'did you mean fetchone?'],
  ['an unknown property of info', () => no(con.info).transaction_status, 'use status'],
  [
    'parameters that are not in an array',
    () => no(con).execute('select %s + %s', 1, 2),
    'execute(sql, [first, second])',
  ],
  ['a savepoint with a name', () => no(con).transaction('sp', () => 1), 'is a savepoint'],
  ['a cursor whose name is an option', () => con.cursor(no({ name: 'c' })), "cursor('name', {"],
  ['a property of a cursor', () => (no(con.cursor()).arraySize = 1), 'did you mean arraysize?'],
  [
    'a name for columns',
    () => con.copyRecordsToTable('t', no({ records: [], columns: 'a' })),
    'expected an array of names',
  ],
  [
    'a number for a listener',
    () => con.addNoticeListener(no(5)),
    'addNoticeListener: expected a function, got the number 5',
  ],
  [
    'a number for a handler',
    () => (con.errorhandler = no(5)),
    'errorhandler: expected a function or null, got the number 5',
  ],
  [
    'a number for a handler of a cursor',
    () => (con.cursor().errorhandler = no(5)),
    'errorhandler: expected a function or null, got the number 5',
  ],
])('%s is a ProgrammingError, and the connection stays usable', (_what, call, message) => {
  const error = caught(call)
  expect(error).toBeInstanceOf(db.ProgrammingError)
  expect(error.message).toContain(message)
  expect(con.info.status).toBe('idle')
  expect(con.fetchval('select 42')).toBe(42)
})

test('a generator function is refused by transaction(fn), withConnection and copy, and does not run', () => {
  const generator = function* (): Generator {
    yield con.execute('create temporary table lost ()')
  }
  expect(() => con.transaction(generator)).toThrow('transaction: the function is a generator')
  expect(con.info.status).toBe('idle')
  expect(() => db.withConnection(sharedServer().dsn(), generator)).toThrow('the function is a generator')
  con.execute('create temporary table t (a int)')
  expect(() => con.cursor().copy('copy t from stdin', generator)).toThrow('copy: the function is a generator')
})

function caught(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

test('an object for a statement without markers is ignored if its keys are not call options', () => {
  expect(con.execute('select 1', { name: 'x' }).fetchone()?.toArray()).toEqual([1])
})

test('the objects of a connection take no new properties', () => {
  const made = { QueryResult: con.query('select 1'), PreparedStatement: con.prepare('select 1') }
  for (const [name, each] of Object.entries(made)) {
    expect(() => Object.assign(each, { timeOut: 5 })).toThrow(`${name}: there is no property "timeOut" to set`)
  }
  expect(() => Object.assign(con.cursor().stream('select 1'), { size: 5 })).toThrow('RowStream: there is no property')
  expect(() => no(made.QueryResult).fields).toThrow('use columns')
  con.rollback()
})
