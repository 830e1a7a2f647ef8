/** What happens to a released connection, and to the cursors, listeners and statements that were made with it. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ConnectionDoesNotExistError } from '../../../src-async/errors/sqlstates.ts'
import { InterfaceError, OperationalError } from '../../../src-async/errors/tree.ts'
import { resetQueryFor } from '../../../src-async/flows/reset-query.ts'
import { FakeServer } from './support.ts'

const RESET = resetQueryFor(new Map())
const RELEASED = 'the connection has been released back to the pool'

let server: FakeServer
beforeEach(() => {
  server = new FakeServer()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a connection that was released', () => {
  test('refuses every use, from the moment of the call', async () => {
    const pool = await server.pool()
    const con = await pool.acquire()
    await con.execute('something')
    const released = pool.release(con)
    await expect(con.execute('more')).rejects.toThrow(new InterfaceError(RELEASED))
    await released
    expect(con.isClosed).toBe(true)
    for (const use of [
      () => con.execute('x'),
      () => con.fetch('x'),
      () => con.fetchrow('x'),
      () => con.fetchval('x'),
      () => con.executemany('x', []),
      () => con.prepare('x'),
      () => con.transaction(async () => {}),
      () => con.copyRecordsToTable('x', { records: [] }),
      () => con.addListener('x', () => {}),
      () => con.pipeline(async () => {}),
    ]) {
      await expect(use()).rejects.toThrow(RELEASED)
    }
    expect(server.session(1).queries).toEqual(['something', RESET])
  })

  test('can neither close nor terminate the connection for its next holder', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const former = await pool.acquire()
    await pool.release(former)
    const con = await pool.acquire()
    await former.close()
    former.terminate()
    expect([con.isClosed, con.backendPid]).toEqual([false, 1])
    await con.execute('works')
  })

  test('may be released again, which does nothing', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const former = await pool.acquire()
    await pool.release(former)
    const con = await pool.acquire()
    await pool.release(former)
    await con.execute('works')
    expect(pool.getIdleSize()).toBe(0)
  })

  test('removes its listeners', async () => {
    const heard: string[] = []
    const pool = await server.pool({ maxSize: 1 })
    const con = await pool.acquire()
    con.addTerminationListener(() => void heard.push('the end'))
    con.addQueryLogger(({ query }) => void heard.push(query))
    await con.execute('one')
    await pool.release(con)
    await pool.execute('two')
    server.session(1).lose()
    expect(heard).toEqual(['one'])
  })
})

test('a transaction of a former lease cannot end the transaction of the next holder', async () => {
  const pool = await server.pool({ maxSize: 1 })
  const former = await pool.acquire()
  let leave = (): void => {}
  const transaction = former.transaction(async () => {
    await former.execute('BEGIN')
    await new Promise<void>((resolve) => {
      leave = resolve
    })
  })
  await vi.waitUntil(() => server.session(1).transactionStatus === 'T')
  await pool.release(former)
  const con = await pool.acquire()
  await con.execute('BEGIN')
  leave()
  await expect(transaction).rejects.toThrow(RELEASED)
  expect(con.isInTransaction).toBe(true)
  expect(server.session(1).queries).toEqual(['BEGIN', `ROLLBACK; ${RESET}`, 'BEGIN'])
})

test('a connection of another pool or of no pool is refused by release', async () => {
  const [pool, other] = [await server.pool(), await server.pool()]
  const con = await other.acquire()
  await expect(pool.release(con)).rejects.toThrow('is not a member of this pool')
  await expect(pool.release(await server.connect())).rejects.toThrow('is not a member of this pool')
  await con.execute('still works')
})

test('leaving an `await using` scope gives the connection back and does not close it', async () => {
  const pool = await server.pool({ maxSize: 1 })
  {
    await using con = await pool.acquire()
    await con.execute('something')
    expect(pool.getIdleSize()).toBe(0)
  }
  expect([pool.getIdleSize(), server.open.size]).toEqual([1, 1])
})

describe('the reset', () => {
  test('is one round trip, begins with ROLLBACK in a transaction, and is left out when nothing was sent', async () => {
    const pool = await server.pool({ maxSize: 1 })
    await pool.withConnection(async () => {})
    await pool.withConnection((con) => con.execute('one'))
    await pool.withConnection((con) => con.execute('BEGIN'))
    expect(server.session(1).queries).toEqual(['one', RESET, 'BEGIN', `ROLLBACK; ${RESET}`])
  })

  test('that fails closes the connection and goes to onError, and release does not throw', async () => {
    const reports: unknown[] = []
    const pool = await server.pool({
      maxSize: 1,
      onError: (error, during) => void reports.push([(error as Error).message, during]),
    })
    const result = await pool.withConnection(async (con) => {
      await con.execute('work')
      server.session(1).failure = new OperationalError('no reset today')
      return 'done'
    })
    expect([result, reports]).toEqual(['done', [['no reset today', 'reset']]])
    expect(server.session(1).isClosed).toBe(true)
    expect((await pool.acquire()).backendPid).toBe(2)
  })

  test('that does not end closes the connection, within the limit of release or of the pool', async () => {
    vi.useFakeTimers()
    const pool = await server.pool({ maxSize: 2, resetTimeout: 1000 })
    for (const [options, limitMs] of [
      [{}, 1000],
      [{ timeout: 100 }, 100],
    ] as const) {
      const con = await pool.acquire()
      await con.execute('work')
      const session = server.session(con.backendPid)
      session.isFrozen = true
      const released = pool.release(con, options)
      await vi.advanceTimersByTimeAsync(limitMs - 1)
      expect(session.isClosed).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      await released
      expect(session.isClosed).toBe(true)
    }
  })

  test('cancels a running statement, and its caller gets an error', async () => {
    const pool = await server.pool({ maxSize: 1 })
    const con = await pool.acquire()
    server.session(1).isFrozen = true
    const running = con.execute('long')
    server.session(1).isFrozen = false
    await pool.release(con)
    await expect(running).rejects.toThrow('canceled')
    expect((await pool.acquire()).backendPid).toBe(1)
    expect(server.session(1).queries).toEqual(['long', RESET])
  })

  test('of a connection in the middle of COPY closes it', async () => {
    const pool = await server.pool({ maxSize: 1, onError: () => {} })
    const con = await pool.acquire()
    const source = (async function* () {
      yield await new Promise<never>(() => {})
    })()
    void con.copyToTable('t', { source }).catch(() => {})
    await vi.waitUntil(() => server.session(1).queries.length === 0)
    await pool.release(con)
    expect((await pool.acquire()).backendPid).toBe(2)
  })

  test('sends a server that is not PostgreSQL only the commands that it supports', () => {
    expect(RESET).toBe(
      'SELECT pg_catalog.pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL',
    )
    expect(resetQueryFor(new Map([['crdb_version', 'v26']]))).toBe('RESET ALL')
    expect(resetQueryFor(new Map([['mz_version', '1']]))).toBe('')
  })
})

describe('the reset hook', () => {
  test('takes the reset query’s place, after the ROLLBACK', async () => {
    const pool = await server.pool({ maxSize: 1, reset: (con) => con.execute('DISCARD ALL') })
    await pool.withConnection((con) => con.execute('BEGIN'))
    await pool.withConnection((con) => con.execute('work'))
    expect(server.session(1).queries).toEqual(['BEGIN', 'ROLLBACK', 'DISCARD ALL', 'work', 'DISCARD ALL'])
  })

  test('that fails closes the connection, and release throws its error', async () => {
    const pool = await server.pool({
      maxSize: 1,
      reset: () => {
        throw new Error('hook failed')
      },
    })
    const con = await pool.acquire()
    await expect(pool.release(con)).rejects.toThrow('hook failed')
    expect(server.session(1).isClosed).toBe(true)
    await expect(pool.withConnection(async () => 1)).rejects.toThrow('hook failed')
    const own = pool.withConnection(() => Promise.reject(new Error('the work failed')))
    await expect(own).rejects.toThrow('the work failed')
  })
})

describe('the short forms', () => {
  test('do not wait for the reset, and the next one does not need another connection', async () => {
    vi.useFakeTimers()
    const pool = await server.pool()
    server.delayMs = 10
    for (let count = 1; count <= 3; count++) {
      const done = pool.execute(`work ${count}`)
      await vi.advanceTimersByTimeAsync(20)
      await done
    }
    expect([server.attempts, pool.getSize()]).toEqual([1, 1])
  })

  test('open another connection when a reset takes too long', async () => {
    vi.useFakeTimers()
    const pool = await server.pool()
    await pool.withConnection(async (con) => {
      await con.execute('work')
      server.session(1).isFrozen = true
      void pool.release(con)
    })
    const next = pool.execute('more')
    await vi.advanceTimersByTimeAsync(249)
    expect(server.attempts).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    await next
    expect(server.session(2).queries[0]).toBe('more')
  })

  test('give the connection back when they fail', async () => {
    const pool = await server.pool({ maxSize: 1 })
    server.session(1).failure = new OperationalError('no')
    await expect(pool.execute('work')).rejects.toThrow('no')
    await pool.execute('more')
    expect(server.attempts).toBe(1)
  })
})

describe('a connection that ends while it is lent out', () => {
  test.each([
    ['closed by its holder', (con: { close(): Promise<void> }) => con.close()],
    ['lost', async () => server.session(1).lose()],
  ])('%s, makes room for another at once', async (_, end) => {
    const pool = await server.pool({ maxSize: 1 })
    const con = await pool.acquire()
    const waiting = pool.acquire()
    await end(con)
    expect((await waiting).backendPid).toBe(2)
    await expect(con.execute('x')).rejects.toThrow('connection is closed')
    await pool.release(con)
    expect(pool.getSize()).toBe(1)
  })

  test('tells the termination listeners of its holder', async () => {
    const pool = await server.pool()
    const con = await pool.acquire()
    const told: unknown[] = []
    con.addTerminationListener((which) => void told.push(which))
    server.session(1).lose()
    expect(told).toEqual([con])
  })

  test('fails the call that runs on it', async () => {
    const pool = await server.pool()
    server.session(1).isFrozen = true
    const running = pool.execute('long')
    await vi.waitUntil(() => server.session(1).queries.length === 1)
    server.session(1).lose()
    await expect(running).rejects.toBeInstanceOf(ConnectionDoesNotExistError)
  })
})
