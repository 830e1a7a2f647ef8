/** The end of a pool: no caller waits forever, no connection stays open, and no error is lost. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PoolTimeoutError } from '../../../src-async/errors/client-errors.ts'
import { InterfaceError } from '../../../src-async/errors/tree.ts'
import { FakeServer, isSettled } from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

let server: FakeServer
beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('close', () => {
  test('refuses waiters at once, and waits for connections in use', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const con = await pool.acquire()
    const waiting = Promise.allSettled([pool.acquire(), pool.acquire()])
    const closed = pool.close()
    const outcomes = await waiting
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual([
      new InterfaceError('pool is closing'),
      new InterfaceError('pool is closing'),
    ])
    await expect(pool.acquire()).rejects.toThrow('pool is closing')
    expect(pool.isClosing()).toBe(true)
    await con.execute('the rest of the work')
    expect(await isSettled(closed)).toBe(false)
    await pool.release(con)
    await closed
    expect([server.open.size, pool.getSize()]).toEqual([0, 0])
    await expect(pool.acquire()).rejects.toThrow('pool is closed')
  })

  test('waits no longer than its limit, then closes the connections and lists their holders', async () => {
    const pool = await server.pool({ maxSize: 2, trackLeases: true })
    const con = await pool.acquire()
    const closed = pool.close({ timeout: 500 })
    const told = failureOfAsync(closed)
    await vi.advanceTimersByTimeAsync(500)
    expect((await told).message).toContain('1 connection was not released within 500 ms and terminated')
    await expect(closed).rejects.toBeInstanceOf(PoolTimeoutError)
    await expect(closed).rejects.toMatchObject({ detail: expect.stringContaining('pool/close.test.ts') })
    expect(server.open.size).toBe(0)
    await expect(con.execute('x')).rejects.toThrow('the pool was terminated')
    await pool.release(con)
  })

  test('waits ten seconds by default, and without a limit with null', async () => {
    const [pool, patient] = [await server.pool(), await server.pool()]
    await pool.acquire()
    await patient.acquire()
    const told = failureOfAsync(pool.close())
    const closed = patient.close({ timeout: null })
    await vi.advanceTimersByTimeAsync(10_000)
    expect((await told).message).toContain('within 10000 ms')
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect(await isSettled(closed)).toBe(false)
    patient.terminate()
    await closed
  })

  test('may be called several times, and all calls end together', async () => {
    const pool = await server.pool()
    const con = await pool.acquire()
    const both = Promise.all([pool.close(), pool.close()])
    await pool.release(con)
    await both
    await pool.close()
    pool.terminate()
  })

  test('does not wait for a connection that cannot be opened, and closes it when it is', async () => {
    const pool = await server.pool({ minSize: 0 })
    server.connectMs = 60_000
    const refused = failureOfAsync(pool.acquire())
    const closed = pool.close({ timeout: 100 })
    expect((await refused).message).toContain('pool is closing')
    await vi.advanceTimersByTimeAsync(100)
    await closed
    await vi.advanceTimersByTimeAsync(60_000)
    expect([server.sessions.length, server.open.size]).toEqual([1, 0])
  })

  test('waits for resets that are under way', async () => {
    const pool = await server.pool()
    server.delayMs = 50
    const done = pool.execute('work')
    await vi.advanceTimersByTimeAsync(50)
    await done
    const closed = pool.close()
    expect(await isSettled(closed)).toBe(false)
    await vi.advanceTimersByTimeAsync(50)
    await closed
    expect(server.session(1).queries).toHaveLength(2)
  })

  test('stops the pool from opening connections', async () => {
    const pool = await server.pool({ minSize: 3 })
    await pool.close()
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect([server.attempts, vi.getTimerCount()]).toEqual([3, 0])
  })

  test('runs at the end of an `await using` scope', async () => {
    {
      await using pool = await server.pool()
      await pool.execute('work')
    }
    expect(server.open.size).toBe(0)
  })
})

describe('terminate', () => {
  test('closes all connections and refuses all waiters', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const con = await pool.acquire()
    server.session(1).isFrozen = true
    const running = con.execute('long')
    const waiting = pool.acquire()
    pool.terminate()
    await expect(waiting).rejects.toThrow('pool is closed')
    await expect(running).rejects.toThrow('lost')
    expect([server.open.size, pool.getSize(), server.attempts]).toEqual([0, 0, 1])
    await expect(con.execute('x')).rejects.toThrow('the pool was terminated')
  })

  test('closes connections that are being opened as soon as they are open', async () => {
    const pool = await server.pool({ minSize: 0 })
    server.connectMs = 100
    const refused = failureOfAsync(pool.acquire())
    pool.terminate()
    expect((await refused).message).toContain('pool is closed')
    await vi.advanceTimersByTimeAsync(100)
    expect([server.sessions.length, server.open.size, vi.getTimerCount()]).toEqual([1, 0, 0])
  })
})
