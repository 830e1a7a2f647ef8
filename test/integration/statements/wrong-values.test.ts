/** Every method that takes values refuses what is no list of values, with the same error in both APIs. */
import * as blocking from 'syncpg'
import * as asynchronous from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { failureOrNull } from '../../support/failure-of.ts'
import { sharedServer } from '../../support/shared-server.ts'

let con: blocking.Connection
let asyncCon: asynchronous.Connection

beforeAll(async () => {
  const dsn = sharedServer().dsn()
  con = blocking.connect(dsn, { autocommit: true })
  asyncCon = await asynchronous.connect(dsn)
  for (const each of [con, asyncCon]) await each.execute('create temp table pair (first text, last text)')
})
afterAll(async () => {
  con.close()
  await asyncCon.close()
})

// oxlint-disable-next-line no-explicit-any -- the values compile nowhere.
type Any = any

const INSERT = 'insert into pair values ($1, $2)'
const wrong: readonly (readonly [string, unknown])[] = [
  ['a string', 'AB'],
  ['a number', 5],
  ['a boolean', true],
  ['an object', { first: 'x', last: 'y' }],
  ['a Buffer', Buffer.from('hi')],
  ['a Set', new Set(['x', 'y'])],
  ['a Map', new Map([['first', 'x']])],
  ['a function', (first: unknown, last: unknown) => [first, last]],
]

/** The methods of both APIs that take a list of values. */
const listed: Readonly<Record<string, (on: Any, values: unknown) => unknown>> = {
  execute: (on, values) => on.execute(INSERT, values),
  query: (on, values) => on.query(INSERT, values),
  fetch: (on, values) => on.fetch(INSERT, values),
  fetchrow: (on, values) => on.fetchrow(INSERT, values),
  fetchval: (on, values) => on.fetchval(INSERT, values),
  copyFromQuery: (on, values) => on.copyFromQuery('select $1::text, $2::text', values, { output: () => {} }),
}
const prepared = ['execute', 'query', 'fetch', 'fetchrow', 'fetchval', 'explain']

async function refusal(call: () => unknown): Promise<string> {
  const error = await failureOrNull(call)
  return error instanceof asynchronous.ProgrammingError
    ? error.message.split('\n')[0]!
    : `not refused: ${String(error)}`
}

describe.each(wrong)('%s as the values of', (_name, values) => {
  test.each(Object.keys(listed))('%s', async (method) => {
    for (const on of [con, asyncCon]) expect(await refusal(() => listed[method]!(on, values))).toMatch(/expected/)
    expect(await con.fetchval('select count(*) from pair')).toBe(0n)
  })

  test.each(prepared)('%s of a prepared statement', async (method) => {
    const both: string[] = []
    for (const on of [con, asyncCon] as Any[]) {
      const statement = await on.prepare(INSERT)
      both.push(await refusal(() => statement[method](values)))
      both.push((await refusal(() => statement[method](null))).replace('null', ''))
      await statement.close()
    }
    expect(both.slice(0, 2)).toEqual(both.slice(2))
    expect(both[0]).toMatch(new RegExp(`^${method}: expected the arguments as an array, got .*: wrap them in \\[\\]`))
  })

  test.each(['executemany', 'fetchmany'])('an element of %s', async (method) => {
    for (const on of [con, asyncCon] as Any[]) {
      const statement = await on.prepare(INSERT)
      const place = new RegExp(`^element #1 of ${method}: .*expected`)
      expect(await refusal(() => on[method](INSERT, [['x', 'y'], values]))).toMatch(place)
      expect(await refusal(() => statement[method]([['x', 'y'], values]))).toMatch(place)
      await statement.close()
      expect(await on.fetchval('select count(*) from pair')).toBe(0n)
    }
  })

  test('cursor, stream, callproc and pipelines', async () => {
    expect(await refusal(() => con.cursor().stream(INSERT, values as Any))).toMatch(/expected/)
    const statement = await asyncCon.prepare(INSERT)
    expect(await refusal(() => asyncCon.cursor(INSERT, values as Any))).toMatch(/^cursor: expected/)
    expect(await refusal(() => statement.cursor(values as Any))).toMatch(/^cursor: expected/)
    await statement.close()
    const inPipeline = asyncCon.pipeline((p) => p.fetch(INSERT, values as Any))
    expect(await refusal(() => inPipeline)).toMatch(/^fetch: expected/)
    const isNamed = values instanceof Map || Object.getPrototypeOf(values) === Object.prototype
    if (!isNamed)
      expect(await refusal(() => con.cursor().callproc('upper', values as Any))).toMatch(/^callproc: expected/)
  })
})

test('options of connect must be a plain object', async () => {
  for (const { connect } of [blocking, asynchronous] as Any[]) {
    for (const options of [Object.create({ rowFactory: 'array' }), new Map()]) {
      expect(await refusal(() => connect(sharedServer().dsn(), options))).toMatch(/expected/)
    }
  }
})

test('a query logger must be a function, and options must not be an array', async () => {
  for (const on of [con, asyncCon] as Any[]) {
    expect(await refusal(() => on.addQueryLogger('x'))).toBe('addQueryLogger: expected a function, got the string "x"')
    expect(await refusal(() => on.transaction([], async () => {}))).toMatch(/^transaction: expected/)
    expect(await refusal(() => on.fetch('select 1', [], { timeout: '5' }))).toBe(
      'fetch: timeout: expected milliseconds from 0, or null for no limit, got the string "5"',
    )
    expect(await refusal(() => on.fetchmany('select $1::int', [['x']]))).toMatch(
      /^not refused: DataError: element #0 of fetchmany: /,
    )
    expect(on[Symbol.for('nodejs.util.inspect.custom')]()).toMatch(/^<Connection idle, backend \d+>$/)
  }
})
