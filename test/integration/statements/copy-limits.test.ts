/**
 * The time limit of a COPY holds for the whole COPY, whether the server, the source or the output is slow. After it
 * nothing is loaded, and the connection is usable.
 */
import * as db from 'syncpg'
import { type Connection, QueryTimeoutError, connect } from 'syncpg/async'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

const LIMIT = { timeout: 100 }
const SLOW_TABLE = `create temporary table quick (a text);
create temporary table slow (a text);
create function pg_temp.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return new; end $$;
create trigger dawdle before insert on slow for each row execute function pg_temp.dawdle()`
const ENDLESS = "select repeat('x', 1000) from generate_series(1, 2000000000)"
const SLOW_QUERY = 'select pg_sleep(0.1) from generate_series(1, 600)'
const LINES = 'x\n'.repeat(600)
const RECORDS = Array.from({ length: 600 }, () => ['x'])

function* endless<T>(value: T): Generator<T> {
  for (;;) yield value
}

describe('a COPY of the blocking API ends with its time limit', () => {
  let con: db.Connection
  beforeEach(() => {
    con = db.connect(sharedServer().dsn({ transport: 'unix' }), { autocommit: true })
    con.execute(SLOW_TABLE)
  })
  afterEach(() => con.close())

  const nap = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

  test.each<[string, () => unknown]>([
    ['chunks into a slow table', () => con.copyToTable('slow', { source: [LINES], ...LIMIT })],
    ['chunks from an endless source', () => con.copyToTable('quick', { source: endless(LINES), ...LIMIT })],
    ['records into a slow table', () => con.copyRecordsToTable('slow', { records: RECORDS, ...LIMIT })],
    ['records without end', () => con.copyRecordsToTable('quick', { records: endless(['x']), ...LIMIT })],
    ['a slow query', () => con.copyFromQuery(SLOW_QUERY, null, { output() {}, ...LIMIT })],
    ['an endless query', () => con.copyFromQuery(ENDLESS, null, { output() {}, ...LIMIT })],
    [
      'an endless query with a slow output',
      () => con.copyFromQuery(ENDLESS, null, { output: () => nap(10), ...LIMIT }),
    ],
    [
      'writes by a function',
      () =>
        con.cursor().copy(
          'copy quick from stdin',
          (copy) => {
            for (;;) copy.write(LINES)
          },
          LIMIT,
        ),
    ],
    [
      'a function that sleeps',
      () =>
        con.cursor().copy(
          'copy quick from stdin',
          (copy) => {
            copy.write(LINES)
            nap(200)
          },
          LIMIT,
        ),
    ],
    ['reads by a function', () => con.cursor().copy(`copy (${ENDLESS}) to stdout`, (copy) => [...copy].length, LIMIT)],
  ])('%s', (_what, call) => {
    expect(call).toThrow(QueryTimeoutError)
    expect([con.info.status, con.fetchval('select count(*)::int from quick')]).toEqual(['idle', 0])
  })

  test('that commandTimeout sets', () => {
    con.commandTimeout = LIMIT.timeout
    expect(() => con.copyToTable('quick', { source: endless(LINES) })).toThrow(QueryTimeoutError)
    expect(con.fetchval('select count(*)::int from quick')).toBe(0)
  })

  test('a COPY that is quick enough is not ended', () => {
    expect(con.copyToTable('quick', { source: [LINES], timeout: 30_000 })).toBe(600)
    expect(
      con.cursor().copy('copy quick to stdout', (copy) => Buffer.concat([...copy]).length, { timeout: 30_000 }),
    ).toBe(1200)
  })
})

describe('a COPY of the async API ends with its time limit, and with its signal', () => {
  let con: Connection
  beforeEach(async () => {
    con = await connect(sharedServer().dsn({ transport: 'unix' }))
    await con.execute(SLOW_TABLE)
  })
  afterEach(() => con.close())

  const never = new Promise<never>(() => {})

  async function* stuck<T>(value: T): AsyncGenerator<T> {
    yield value
    await never
  }

  const CALLS: [string, (limit: { timeout?: number; signal?: AbortSignal }) => Promise<unknown>][] = [
    ['chunks into a slow table', (limit) => con.copyToTable('slow', { source: [LINES], ...limit })],
    [
      'chunks from a source that gives no more',
      (limit) => con.copyToTable('quick', { source: stuck(LINES), ...limit }),
    ],
    ['records into a slow table', (limit) => con.copyRecordsToTable('slow', { records: RECORDS, ...limit })],
    ['records that come no more', (limit) => con.copyRecordsToTable('quick', { records: stuck(['x']), ...limit })],
    ['a slow query', (limit) => con.copyFromQuery(SLOW_QUERY, [], { output() {}, ...limit })],
    ['an output that takes no more', (limit) => con.copyFromQuery(ENDLESS, [], { output: () => never, ...limit })],
  ]

  test.each(CALLS)('%s', async (_what, call) => {
    await expect(call(LIMIT)).rejects.toThrow(QueryTimeoutError)
    expect(await con.fetchval('select count(*)::int from quick')).toBe(0)
    const reason = new Error('enough')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 50)
    await expect(call({ signal: controller.signal })).rejects.toBe(reason)
    expect(await con.fetchval('select count(*)::int from quick')).toBe(0)
  })

  test('a COPY that is quick enough is not ended', async () => {
    const limit = { timeout: 30_000, signal: new AbortController().signal }
    const records = (async function* () {
      yield* RECORDS
    })()
    expect(await con.copyRecordsToTable('quick', { records, ...limit })).toBe('COPY 600')
    expect(await con.copyToTable('quick', { source: [LINES], ...limit })).toBe('COPY 600')
  })

  test('records that are no iterable are refused before anything is sent', async () => {
    await expect(con.copyRecordsToTable('quick', {} as never)).rejects.toThrow('expected { records }')
    expect(await con.fetchval('select 42')).toBe(42)
  })
})
