/** How long a pool keeps connections, and how many it has. The clock is a fake one. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { OperationalError } from '../../../src-async/errors/tree.ts'
import type { Pool } from '../../../src-async/pool/pool.ts'
import { FakeServer } from './support.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let server: FakeServer
beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
})
afterEach(() => {
  vi.useRealTimers()
})

async function useAtOnce(pool: Pool, count: number): Promise<void> {
  const all = await Promise.all(Array.from({ length: count }, () => pool.acquire()))
  await Promise.all(all.map((con) => pool.release(con)))
}

describe('unused connections', () => {
  test('are closed after maxInactiveLifetime, but not below minSize', async () => {
    const pool = await server.pool({ minSize: 2, maxInactiveLifetime: 5 * MINUTE, maxLifetime: null })
    await useAtOnce(pool, 6)
    await vi.advanceTimersByTimeAsync(5 * MINUTE - 1000)
    expect(pool.getSize()).toBe(6)
    await vi.advanceTimersByTimeAsync(2000)
    expect([pool.getSize(), server.open.size]).toEqual([2, 2])
    await vi.advanceTimersByTimeAsync(10 * HOUR)
    expect([pool.getSize(), server.attempts]).toEqual([2, 6])
  })

  test('are never closed while they are in use', async () => {
    const pool = await server.pool({ minSize: 0, maxInactiveLifetime: 1000, maxLifetime: 1000 })
    const con = await pool.acquire()
    await vi.advanceTimersByTimeAsync(HOUR)
    await con.execute('still there')
    await pool.release(con)
    // The connection had reached its age limit by then.
    await vi.advanceTimersByTimeAsync(0)
    expect(pool.getSize()).toBe(0)
  })

  test('are closed although the pool is in use, when it needs fewer than it has', async () => {
    const pool = await server.pool({ minSize: 0, maxInactiveLifetime: 10_000, maxLifetime: null })
    await useAtOnce(pool, 3)
    for (let second = 0; second < 20; second++) {
      await vi.advanceTimersByTimeAsync(1000)
      await pool.execute('one at a time')
    }
    expect([pool.getSize(), server.attempts]).toEqual([1, 3])
  })

  test('stay when there is no limit', async () => {
    const pool = await server.pool({ maxInactiveLifetime: null, maxLifetime: null })
    await useAtOnce(pool, 5)
    await vi.advanceTimersByTimeAsync(10 * HOUR)
    expect(pool.getSize()).toBe(5)
  })
})

describe('old connections', () => {
  test('are replaced at maxLifetime, or up to a tenth before, and not all at once', async () => {
    const pool = await server.pool({ minSize: 10, maxLifetime: HOUR })
    await vi.advanceTimersByTimeAsync(0.9 * HOUR - 1000)
    expect(server.attempts).toBe(10)
    await vi.advanceTimersByTimeAsync(0.05 * HOUR)
    const halfway = server.attempts
    await vi.advanceTimersByTimeAsync(0.05 * HOUR + 3000)
    expect(server.attempts).toBe(20)
    expect(halfway).toBeLessThan(20)
    expect([pool.getSize(), server.open.size, server.peak]).toEqual([10, 10, 10])
  })

  test('are replaced after maxQueries', async () => {
    const pool = await server.pool({ maxSize: 1, maxQueries: 2 })
    for (let count = 1; count <= 5; count++) await pool.withConnection((con) => con.execute(`${count}`))
    expect(server.sessions.map(({ queries }) => queries.filter((sql) => sql.length === 1))).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5'],
    ])
  })

  test('a maxQueries of 1 does not stop the pool', async () => {
    const pool = await server.pool({ maxSize: 1, maxQueries: 1 })
    await Promise.all(Array.from({ length: 50 }, () => pool.execute('x')))
    expect([server.attempts >= 50, server.peak]).toEqual([true, 1])
  })
})

describe('minSize', () => {
  test('is restored when connections are lost', async () => {
    const pool = await server.pool({ minSize: 3 })
    for (const session of [...server.open]) session.lose()
    expect(pool.getIdleSize()).toBe(0)
    await vi.advanceTimersByTimeAsync(0)
    expect([pool.getSize(), server.attempts]).toEqual([3, 6])
  })

  test('is tried again after longer and longer pauses while the server is away, and nothing is thrown', async () => {
    const reports: unknown[] = []
    const pool = await server.pool({ minSize: 1, onError: (_, during) => void reports.push(during) })
    server.refuse = () => new OperationalError('down')
    server.session(1).lose()
    await vi.advanceTimersByTimeAsync(10 * MINUTE)
    const attempts = server.attempts - 1
    expect(attempts).toBeGreaterThan(20)
    expect(attempts).toBeLessThan(40)
    expect(reports).toEqual(Array.from({ length: attempts }, () => 'connect'))
    await expect(pool.acquire()).rejects.toThrow('down')
    server.refuse = () => null
    await vi.advanceTimersByTimeAsync(30_000)
    expect(pool.getIdleSize()).toBe(1)
  })

  test('a failed attempt to connect is replaced by another one for the waiters', async () => {
    const pool = await server.pool({ minSize: 1, maxSize: 1 })
    server.refuse = (attempt) => (attempt === 2 ? new OperationalError('down') : null)
    server.connectMs = 100
    server.session(1).lose()
    const waiting = pool.acquire()
    await vi.advanceTimersByTimeAsync(200)
    expect((await waiting).backendPid).toBe(2)
  })
})

describe('expireConnections', () => {
  test('replaces the free ones now and the others when they are released', async () => {
    const pool = await server.pool({ minSize: 2, maxSize: 2 })
    const con = await pool.acquire()
    await pool.expireConnections()
    await con.execute('still works')
    expect(server.session(con.backendPid).isClosed).toBe(false)
    await pool.release(con)
    await vi.advanceTimersByTimeAsync(0)
    expect(server.sessions.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false])
    expect(server.peak).toBe(2)
  })

  test('also replaces connections that were being opened', async () => {
    const pool = await server.pool({ minSize: 0, maxSize: 1 })
    server.connectMs = 100
    const waiting = pool.acquire()
    await pool.expireConnections()
    await vi.advanceTimersByTimeAsync(200)
    expect((await waiting).backendPid).toBe(2)
  })
})

test('setConnectArgs applies to new connections, and checks its arguments', async () => {
  const seen: unknown[] = []
  const pool = await server.pool({
    connect: (dsn, options) => {
      seen.push([dsn, options])
      return server.connect()
    },
    user: 'one',
  })
  pool.setConnectArgs('postgres://h/d', { user: 'two' })
  await pool.expireConnections()
  await vi.advanceTimersByTimeAsync(0)
  expect(seen).toEqual([
    [undefined, { user: 'one' }],
    ['postgres://h/d', { user: 'two' }],
  ])
  expect(() => pool.setConnectArgs({ usr: 'x' } as never)).toThrow('did you mean user?')
})

describe('resize', () => {
  test('to a larger maxSize serves the waiters', async () => {
    const pool = await server.pool({ maxSize: 1 })
    await pool.acquire()
    const waiting = Promise.all([pool.acquire(), pool.acquire()])
    pool.resize({ maxSize: 3 })
    expect((await waiting).map((con) => con.backendPid)).toEqual([2, 3])
  })

  test('to a smaller maxSize closes free connections now and the others when they are released', async () => {
    const pool = await server.pool({ maxSize: 4 })
    const all = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()])
    await pool.release(all[0]!)
    pool.resize({ maxSize: 2 })
    await vi.advanceTimersByTimeAsync(0)
    expect(pool.getSize()).toBe(3)
    await pool.release(all[1]!)
    await vi.advanceTimersByTimeAsync(0)
    expect(pool.getSize()).toBe(2)
    await pool.release(all[2]!)
    expect([pool.getSize(), pool.getIdleSize()]).toEqual([2, 1])
  })

  test('opens minSize connections, and refuses a contradiction', async () => {
    const pool = await server.pool()
    pool.resize({ minSize: 4 })
    await vi.advanceTimersByTimeAsync(0)
    expect(pool.getIdleSize()).toBe(4)
    expect(() => pool.resize({ maxSize: 3 })).toThrow(
      'pool.resize: minSize: expected at most maxSize, which is 3, got the number 4',
    )
  })
})

test('no timer of an idle pool keeps the process alive', async () => {
  vi.useRealTimers()
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const pool = await server.pool({ minSize: 3 })
  await pool.execute('work')
  await pool.release(await pool.acquire())
  expect(timers()).toBeLessThanOrEqual(before)
  await pool.close()
})
