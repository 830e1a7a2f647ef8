/**
 * Time limits mean the same in all calls: null, 0 and Infinity mean no limit, and undefined means the connection's
 * limit.
 */
import * as blocking from 'syncpg'
import { ProgrammingError, QueryTimeoutError, connect, createPool } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

const NONE = [null, 0, Infinity]
const WRONG = [-1, Number.NaN, '5', {}, true]
/** Longer than the connection's limit, which is 40 ms. */
const SLOW = 'select pg_sleep(0.12), 1 as one'
const commandTimeout = 40

const wrong = (timeout: unknown): object => ({ timeout })

describe('the blocking face', () => {
  test.each(NONE)('%s is no limit', (timeout) => {
    using con = blocking.connect(sharedServer().dsn(), { commandTimeout, autocommit: true })
    using statement = con.prepare(SLOW)
    expect(con.fetchval(SLOW, [], 'one', { timeout })).toBe(1)
    expect(con.execute(SLOW, [], { timeout }).rowcount).toBe(1)
    expect(statement.fetchval([], 'one', { timeout })).toBe(1)
    const rows = con.transaction(() => [...con.cursor().stream(SLOW, [], { timeout })])
    expect(rows).toHaveLength(1)
    con.ping({ timeout })
    con.reset({ timeout })
    con.commandTimeout = timeout as number
    expect(con.commandTimeout).toBe(0)
    con.close({ timeout })
  })

  test.each([{}, { timeout: undefined }])('%o is the limit of the connection', (options) => {
    using con = blocking.connect(sharedServer().dsn(), { commandTimeout, autocommit: true })
    expect(() => con.fetch('select pg_sleep(5)', [], options)).toThrow(QueryTimeoutError)
    expect(() => con.execute('select pg_sleep(5)', [], options)).toThrow(QueryTimeoutError)
  })

  test.each(WRONG)('%o is refused', (timeout) => {
    using con = blocking.connect(sharedServer().dsn())
    expect(() => con.fetch('select 1', [], wrong(timeout))).toThrow(ProgrammingError)
    expect(() => con.execute('select 1', [], wrong(timeout))).toThrow(ProgrammingError)
    expect(() => con.ping(wrong(timeout))).toThrow(ProgrammingError)
    expect(() => con.close(wrong(timeout))).toThrow(ProgrammingError)
    expect(con.fetchval('select 1')).toBe(1)
  })

  test('notifies() with 0 returns the notifications that have arrived, without waiting', () => {
    using con = blocking.connect(sharedServer().dsn(), { autocommit: true })
    con.listen('limits')
    con.execute("notify limits, 'here'")
    expect([...con.notifies({ timeout: 0 })].map(({ payload }) => payload)).toEqual(['here'])
    expect([...con.notifies({ timeout: 0 })]).toEqual([])
    con.execute("notify limits, 'again'")
    expect([...con.notifies({ timeout: null, stopAfter: 1 })]).toHaveLength(1)
  })
})

describe('the async face', () => {
  test.each(NONE)('%s is no limit', async (timeout) => {
    const con = await connect(sharedServer().dsn(), { commandTimeout, timeout })
    const statement = await con.prepare(SLOW)
    expect(await con.fetchval(SLOW, [], 'one', { timeout })).toBe(1)
    expect(await con.execute(SLOW, [], { timeout })).toBe('SELECT 1')
    expect(await statement.fetchval([], 'one', { timeout })).toBe(1)
    expect(await con.pipeline((p) => p.fetchval(SLOW, [], 'one'), { timeout })).toBe(1)
    await con.transaction(async () => {
      for await (const row of con.cursor(SLOW, [], { timeout })) expect(row['one']).toBe(1)
    })
    await con.ping({ timeout })
    await con.reset({ timeout })
    await con.close({ timeout })
    expect(con.closed).toBe(true)
  })

  test.each([{}, { timeout: undefined }])('%o is the limit of the connection', async (options) => {
    await using con = await connect(sharedServer().dsn(), { commandTimeout })
    await expect(con.fetch('select pg_sleep(5)', [], options)).rejects.toThrow(QueryTimeoutError)
    await expect(con.pipeline((p) => p.fetch('select pg_sleep(5)'), options)).rejects.toThrow(QueryTimeoutError)
  })

  test.each(WRONG)('%o is refused', async (timeout) => {
    await using con = await connect(sharedServer().dsn())
    await expect(con.fetch('select 1', [], wrong(timeout))).rejects.toThrow(ProgrammingError)
    await expect(con.ping(wrong(timeout))).rejects.toThrow(ProgrammingError)
    await expect(con.close(wrong(timeout))).rejects.toThrow(ProgrammingError)
    expect(await con.fetchval('select 1')).toBe(1)
  })
})

describe('a pool', () => {
  test.each(NONE)('waits without a limit with %s', async (timeout) => {
    await using pool = await createPool(sharedServer().dsn(), { maxSize: 1, acquireTimeout: 20, commandTimeout })
    const con = await pool.acquire({ timeout })
    const waiting = pool.acquire({ timeout })
    await con.fetch(SLOW, [], { timeout })
    await pool.release(con, { timeout })
    await pool.release(await waiting, { timeout })
    expect(await pool.fetchval(SLOW, [], 'one', { timeout })).toBe(1)
    await pool.close({ timeout })
  })

  test.each(WRONG)('refuses %o', async (timeout) => {
    await using pool = await createPool(sharedServer().dsn(), { minSize: 0 })
    await expect(pool.acquire(wrong(timeout))).rejects.toThrow(ProgrammingError)
    await expect(pool.close(wrong(timeout))).rejects.toThrow(ProgrammingError)
    expect(await pool.fetchval('select 1')).toBe(1)
  })
})
