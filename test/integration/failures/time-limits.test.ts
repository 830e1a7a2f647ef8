/**
 * A time limit that passes in the middle of a call of several round trips. The call must leave neither half of its work
 * nor an open transaction.
 */
import { type Connection, QueryTimeoutError, connect } from 'syncpg/async'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

// The limit is long enough for the first chunks on a busy machine. The last element sleeps much longer.
const LIMIT_MS = 1500
const INSERT = 'insert into t select $1::int, $2::text where pg_sleep($3) is not null'

/** Several chunks of quick elements and one that is too slow. */
function* elements(): Generator<readonly unknown[]> {
  for (let index = 0; index < 1000; index++) yield [index, 'x'.repeat(1000), 0]
  yield [-1, 'slow', 30]
}

describe('a batch that is too slow', () => {
  let con: Connection

  beforeEach(async () => {
    con = await connect(sharedServer().dsn(), { commandTimeout: LIMIT_MS })
    await con.execute('create temporary table t (a int, b text)')
  })
  afterEach(() => con.close())

  test('is cancelled and rolled back, and leaves no transaction', async () => {
    const failure: unknown = await con.executemany(INSERT, elements()).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(QueryTimeoutError)
    expect((failure as Error).message).not.toContain('before the statement was sent')
    expect(con.isInTransaction).toBe(false)
    expect(await con.fetchval('select count(*) from t')).toBe(0n)
  })

  test('inside a transaction makes it fail, and the whole transaction is rolled back', async () => {
    const work = con.transaction(async () => {
      await con.execute("insert into t values (-2, 'before')")
      await con.executemany(INSERT, elements())
    })
    expect(await work.catch((error: unknown) => error)).toBeInstanceOf(QueryTimeoutError)
    expect([con.isInTransaction, await con.fetchval('select count(*) from t')]).toEqual([false, 0n])
  })

  test('with a source that is too slow for the time limit is rolled back as well', async () => {
    function* dawdling(): Generator<readonly unknown[]> {
      for (let index = 0; index < 600; index++) yield [index, 'x'.repeat(1000), 0]
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIMIT_MS)
      yield [-1, 'late', 0]
    }
    expect(await con.executemany(INSERT, dawdling()).catch((error: unknown) => error)).toBeInstanceOf(QueryTimeoutError)
    expect([con.isInTransaction, await con.fetchval('select count(*) from t')]).toEqual([false, 0n])
  })
})
