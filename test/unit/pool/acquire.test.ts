/** Which caller gets which connection, and when; and the errors of callers that get none. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PoolTimeoutError } from '../../../src-async/errors/client-errors.ts'
import { InterfaceError, OperationalError } from '../../../src-async/errors/tree.ts'
import { FakeServer, isSettled } from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

let server: FakeServer
beforeEach(() => {
  server = new FakeServer()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('at the start', () => {
  test('the first connection is opened alone, then the others together', async () => {
    vi.useFakeTimers()
    server.connectMs = 10
    const opening = server.pool({ minSize: 5 })
    await vi.advanceTimersByTimeAsync(9)
    expect(server.attempts).toBe(1)
    await vi.advanceTimersByTimeAsync(2)
    expect(server.attempts).toBe(5)
    await vi.advanceTimersByTimeAsync(10)
    const pool = await opening
    expect([pool.getSize(), pool.getIdleSize(), pool.getMinSize(), pool.getMaxSize()]).toEqual([5, 5, 5, 10])
  })

  test('createPool throws the error of the first connection, and opens no other', async () => {
    server.refuse = () => new OperationalError('wrong password')
    await expect(server.pool({ minSize: 5 })).rejects.toThrow('wrong password')
    expect(server.attempts).toBe(1)
  })

  test('when a later connection fails, those that were opened are closed', async () => {
    server.refuse = (attempt) => (attempt === 3 ? new OperationalError('too many') : null)
    await expect(server.pool({ minSize: 4 })).rejects.toThrow('too many')
    expect([server.attempts, server.open.size]).toEqual([4, 0])
  })

  test('with minSize 0 nothing is opened', async () => {
    const pool = await server.pool({ minSize: 0 })
    expect([server.attempts, pool.getSize()]).toEqual([0, 0])
  })

  test('the connect hook must return a new connection', async () => {
    const wrong = (async () => ({})) as never
    await expect(server.pool({ connect: wrong })).rejects.toThrow('expected the connect hook to give a Connection')
    const one = await server.connect()
    await expect(server.pool({ minSize: 2, connect: async () => one })).rejects.toThrow('in a pool already')
  })
})

describe('acquire', () => {
  test('takes the connection that was used last', async () => {
    const pool = await server.pool({ minSize: 3 })
    const [a, b, c] = [await pool.acquire(), await pool.acquire(), await pool.acquire()]
    await pool.release(b)
    await pool.release(c)
    await pool.release(a)
    const next = [await pool.acquire(), await pool.acquire()]
    expect(next.map((con) => con.backendPid)).toEqual([a.backendPid, c.backendPid])
  })

  test('opens a connection where none is free, up to maxSize, and then waits', async () => {
    const pool = await server.pool({ minSize: 0, maxSize: 2 })
    const first = await pool.acquire()
    await pool.acquire()
    const third = pool.acquire()
    expect(await isSettled(third)).toBe(false)
    expect([server.attempts, pool.getWaitingCount()]).toEqual([2, 1])
    await pool.release(first)
    expect((await third).backendPid).toBe(first.backendPid)
    expect(first).not.toBe(await third)
  })

  test('serves waiters in their order, also before a caller that releases and acquires again', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const order: string[] = []
    const greedy = await pool.acquire()
    const waiting = ['a', 'b'].map(async (name) => {
      const con = await pool.acquire()
      order.push(name)
      await pool.release(con)
    })
    await pool.release(greedy)
    const again = pool.acquire().then(() => order.push('greedy'))
    await Promise.all([...waiting, again])
    expect(order).toEqual(['a', 'b', 'greedy'])
  })

  test('a connection opened for one waiter serves another that has waited longer', async () => {
    vi.useFakeTimers()
    server.connectMs = 50
    const pool = await server.pool({ minSize: 0, maxSize: 2 })
    const got: string[] = []
    const a = pool.acquire().then((con) => (got.push('a'), con))
    const b = pool.acquire().then((con) => (got.push('b'), con))
    const c = pool.acquire().then(() => got.push('c'))
    await vi.advanceTimersByTimeAsync(60)
    await Promise.all([a, b])
    expect(got).toEqual(['a', 'b'])
    await pool.release(await b)
    await c
    expect(got).toEqual(['a', 'b', 'c'])
  })

  test('fails with the error of connecting, and the next attempt is a new one', async () => {
    const pool = await server.pool({ minSize: 0 })
    server.refuse = (attempt) => (attempt === 1 ? new OperationalError('not now') : null)
    await expect(pool.acquire()).rejects.toThrow('not now')
    expect((await pool.acquire()).backendPid).toBe(1)
  })

  test('one failed attempt fails one waiter', async () => {
    const pool = await server.pool({ minSize: 0, maxSize: 1 })
    server.refuse = (attempt) => (attempt <= 2 ? new OperationalError(`refused ${attempt}`) : null)
    const outcomes = await Promise.allSettled([pool.acquire(), pool.acquire(), pool.acquire()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  })

  test('a connection that was opened for a waiter that gave up becomes idle', async () => {
    vi.useFakeTimers()
    server.connectMs = 100
    const pool = await server.pool({ minSize: 0 })
    const late = failureOfAsync(pool.acquire({ timeout: 50 }))
    await vi.advanceTimersByTimeAsync(120)
    expect(await late).toBeInstanceOf(PoolTimeoutError)
    expect([pool.getSize(), pool.getIdleSize(), pool.getWaitingCount()]).toEqual([1, 1, 0])
  })

  test('replaces a connection that was lost while it was idle', async () => {
    const pool = await server.pool()
    server.session(1).lose()
    expect((await pool.acquire()).backendPid).toBe(2)
  })

  test("fails with the signal's reason if the signal is aborted before or while it waits", async () => {
    const pool = await server.pool({ maxSize: 1 })
    const reason = new Error('enough')
    await expect(pool.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const con = await pool.acquire()
    const controller = new AbortController()
    const waiting = pool.acquire({ signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(pool.getWaitingCount()).toBe(0)
    await pool.release(con)
    await pool.release(await pool.acquire())
  })

  test('passes the connection to the next waiter, whenever the signal is aborted', async () => {
    const outcomes = new Set<string>()
    for (let turns = 0; turns < 40; turns++) {
      const pool = await server.pool({ maxSize: 1 })
      const con = await pool.acquire()
      // The session has something to reset, so the next caller gets the connection later than the release.
      await con.execute('select 1')
      const controller = new AbortController()
      const first = pool.acquire({ signal: controller.signal })
      const second = pool.acquire()
      const released = pool.release(con)
      // The abort comes before, during and after the connection is handed to the caller, one turn of the event loop
      // later each time.
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      controller.abort(new Error('enough'))
      const [outcome] = await Promise.allSettled([first])
      outcomes.add(outcome.status)
      if (outcome.status === 'fulfilled') await pool.release(outcome.value)
      await pool.release(await second)
      await released
      expect([pool.getSize(), pool.getIdleSize()]).toEqual([1, 1])
    }
    expect(outcomes).toEqual(new Set(['rejected', 'fulfilled']))
  })
})

test('a waiter never gets a connection that was lost after its release', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const seen: boolean[] = []
    const pool = await server.pool({ maxSize: 1, setup: (con) => void seen.push(con.isClosed) })
    const con = await pool.acquire()
    const waiting = pool.acquire()
    const released = pool.release(con)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    server.session(con.backendPid).lose()
    await Promise.all([waiting, released])
    expect(seen).toEqual([false, false])
  }
})

test('a signal that many acquires share does not accumulate listeners', async () => {
  const { signal } = new AbortController()
  const pool = await server.pool({ maxSize: 1, setup: () => {} })
  await Promise.all(Array.from({ length: 8 }, async () => pool.release(await pool.acquire({ signal }))))
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

describe('the error of a waiter whose time is up', () => {
  test('tells how many are in use and for how long, and what to do', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 2, acquireTimeout: 500 })
    await pool.acquire()
    await vi.advanceTimersByTimeAsync(1000)
    await pool.acquire()
    const waiting = Promise.allSettled([pool.acquire(), pool.acquire()])
    await vi.advanceTimersByTimeAsync(500)
    const [first, second] = await waiting
    const words =
      'pool.acquire: no connection became free within 500 ms: 2 of at most 2 connections are in use, the longest for 1.5 s'
    expect(first).toMatchObject({ status: 'rejected', reason: { primaryMessage: `${words}, 1 others wait` } })
    expect(second).toMatchObject({ reason: { primaryMessage: words, hint: expect.stringContaining('trackLeases') } })
  })

  test('tells where each was acquired when leases are tracked', async () => {
    const pool = await server.pool({ maxSize: 3, trackLeases: true })
    await pool.acquire()
    void pool.withConnection(async function holdsItForEver() {
      await new Promise(() => {})
    })
    await pool.acquire()
    const failure: unknown = await pool.acquire({ timeout: 5 }).catch((caught: unknown) => caught)
    expect(failure).toBeInstanceOf(PoolTimeoutError)
    const { detail = '' } = failure as PoolTimeoutError
    expect(detail.match(/backend \d+: in use for \d\.\d s, idle, acquired\n\s+at /g)).toHaveLength(3)
    expect(detail).toContain('pool/acquire.test.ts')
    expect(detail).not.toContain('src-async/pool')
  })

  test('tells why no connection could be opened', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 1, minSize: 0 })
    server.refuse = (attempt) => (attempt === 1 ? new OperationalError('the host is on fire') : null)
    await expect(pool.acquire()).rejects.toThrow('on fire')
    server.connectMs = 1000
    const waiting = pool.acquire({ timeout: 100 })
    const told = failureOfAsync(waiting)
    await vi.advanceTimersByTimeAsync(100)
    expect((await told).message).toMatch(/1 being opened, the last attempt to connect failed: .*on fire/)
  })
})

describe('hooks', () => {
  test('init is called once with each connection, setup at each acquire', async () => {
    const calls: string[] = []
    const pool = await server.pool({
      maxSize: 1,
      init: async (con) => void calls.push(`init ${await con.execute('one')}`),
      setup: async (con) => void calls.push(`setup ${await con.execute('two')}`),
    })
    await pool.withConnection(async () => {})
    await pool.withConnection(async () => {})
    expect(calls).toEqual(['init one', 'setup two', 'setup two'])
  })

  test('a connection is closed when init fails, and the failure is that of acquire', async () => {
    let attempts = 0
    const pool = await server.pool({
      minSize: 0,
      init: () => {
        if ((attempts += 1) === 1) throw new Error('init failed')
      },
    })
    await expect(pool.acquire()).rejects.toThrow('init failed')
    expect([server.open.size, pool.getSize()]).toEqual([0, 0])
    expect((await pool.acquire()).backendPid).toBe(2)
  })

  test('a connection is closed when setup fails, and the failure is that of acquire', async () => {
    let attempts = 0
    const pool = await server.pool({
      maxSize: 1,
      setup: () => {
        if ((attempts += 1) === 1) throw new Error('setup failed')
      },
    })
    await expect(pool.acquire()).rejects.toThrow('setup failed')
    expect(server.session(1).isClosed).toBe(true)
    expect((await pool.acquire()).backendPid).toBe(2)
  })

  test('the time limit of acquire also ends a setup that hangs', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 1, setup: () => new Promise(() => {}) })
    const late = failureOfAsync(pool.acquire({ timeout: 100 }))
    await vi.advanceTimersByTimeAsync(100)
    expect((await late).message).toContain('setup hook did not end within 100 ms')
    expect(server.session(1).isClosed).toBe(true)
  })

  test('the signal also ends a setup that hangs, whenever it is aborted', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const pool = await server.pool({ minSize: 0, maxSize: 1, setup: () => new Promise(() => {}) })
      const controller = new AbortController()
      const failure = failureOfAsync(pool.acquire({ signal: controller.signal, timeout: null }))
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      controller.abort(new Error('enough'))
      expect((await failure).message).toBe('enough')
    }
  })

  test('an init that hangs occupies its place only until its time limit', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ minSize: 0, maxSize: 1, timeout: 1000, init: () => new Promise(() => {}) })
    const late = failureOfAsync(pool.acquire())
    await vi.advanceTimersByTimeAsync(1000)
    expect((await late).message).toContain('init hook did not end within 1000 ms')
    expect(server.open.size).toBe(0)
  })

  test('a hook cannot keep its connection, nor leave a transaction open', async () => {
    const kept: { execute(sql: string): Promise<string> }[] = []
    await server.pool({ init: (con) => void kept.push(con) })
    await expect(kept[0]?.execute('later')).rejects.toThrow('lent to the init hook until it ended')
    await expect(server.pool({ init: (con) => con.execute('BEGIN') })).rejects.toThrow('left a transaction open')
    expect(server.open.size).toBe(1)
  })

  test('loggers given to init stay with the connection and do not hear of the pool’s own queries', async () => {
    const logged: string[] = []
    const pool = await server.pool({
      maxSize: 1,
      init: (con) => con.addQueryLogger(({ query }) => void logged.push(query)),
    })
    await pool.execute('first')
    await pool.withConnection((con) => con.execute('second'))
    expect(logged).toEqual(['first', 'second'])
    expect(server.session(1).queries).toHaveLength(4)
  })
})

describe('the health check', () => {
  test('checks a connection that was unused for long, and no other', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 1, healthCheckAfter: 5000 })
    await vi.advanceTimersByTimeAsync(4000)
    await pool.release(await pool.acquire())
    expect(server.session(1).queries).toEqual([])
    await vi.advanceTimersByTimeAsync(5000)
    await pool.release(await pool.acquire())
    expect(server.session(1).queries).toEqual([''])
  })

  test('replaces a connection that does not answer, and reports it', async () => {
    vi.useFakeTimers()
    const reports: unknown[] = []
    const pool = await server.pool({
      maxSize: 1,
      healthCheckTimeout: 300,
      onError: (error, during) => void reports.push([(error as Error).message, during]),
    })
    await vi.advanceTimersByTimeAsync(60_000)
    server.session(1).loseSilently()
    const acquired = pool.acquire()
    await vi.advanceTimersByTimeAsync(300)
    expect((await acquired).backendPid).toBe(2)
    expect(reports).toEqual([['an idle connection of the pool did not answer within 300 ms', 'health check']])
    expect(server.session(1).isClosed).toBe(true)
  })

  test('that takes long does not delay acquire if another connection can be opened', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 2, healthCheckTimeout: 60_000 })
    await vi.advanceTimersByTimeAsync(60_000)
    server.session(1).loseSilently()
    const acquired = pool.acquire()
    await vi.advanceTimersByTimeAsync(250)
    expect((await acquired).backendPid).toBe(2)
  })
})

test('a closed pool lends nothing', async () => {
  const pool = await server.pool()
  await pool.close()
  await expect(pool.acquire()).rejects.toThrow(new InterfaceError('pool is closed'))
  await expect(pool.fetch('select 1')).rejects.toThrow('pool is closed')
})
