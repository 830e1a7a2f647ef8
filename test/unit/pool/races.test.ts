/** Thousands of orders of events: no connection has two holders, none is lost, and no caller waits forever. */
import { expect, test } from 'vitest'
import { PoolTimeoutError } from '../../../src-async/errors/client-errors.ts'
import { OperationalError } from '../../../src-async/errors/tree.ts'
import { FakeServer } from './support.ts'

/** Random numbers that are the same in each run, so that a failure can be repeated. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * sides)
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('three thousand acquires that are aborted at any moment leak no connection', async () => {
  const server = new FakeServer()
  const roll = dice(1)
  const pool = await server.pool({ maxSize: 3, acquireTimeout: null })
  const inUse = new Set<number>()
  let aborted = 0
  let served = 0
  await Promise.all(
    Array.from({ length: 3000 }, async () => {
      await turns(roll(200))
      const controller = new AbortController()
      const acquired = pool.acquire({ signal: controller.signal })
      if (roll(2) === 0) void turns(roll(60)).then(() => controller.abort(new Error('gave up')))
      try {
        const con = await acquired
        expect(inUse.has(con.backendPid)).toBe(false)
        inUse.add(con.backendPid)
        if (roll(3) > 0) await con.execute('x')
        await turns(roll(10))
        inUse.delete(con.backendPid)
        served += 1
        await pool.release(con)
      } catch (error) {
        expect((error as Error).message).toBe('gave up')
        aborted += 1
      }
    }),
  )
  await settle()
  expect([served > 500, aborted > 500]).toEqual([true, true])
  expect([pool.getIdleSize(), pool.getSize(), pool.getWaitingCount()]).toEqual([3, 3, 0])
  expect(server.peak).toBe(3)
  await pool.close()
  expect(server.open.size).toBe(0)
})

test('two thousand acquires with very short time limits leak no connection', async () => {
  const server = new FakeServer()
  const roll = dice(2)
  const pool = await server.pool({ minSize: 0, maxSize: 2, setup: () => turns(roll(5)) })
  let late = 0
  await Promise.all(
    Array.from({ length: 2000 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, roll(40)))
      try {
        const con = await pool.acquire({ timeout: 1 + roll(2) })
        if (roll(2) === 0) await new Promise((resolve) => setImmediate(resolve))
        await pool.release(con)
      } catch (error) {
        expect(error).toBeInstanceOf(PoolTimeoutError)
        late += 1
      }
    }),
  )
  await settle()
  expect(late).toBeGreaterThan(10)
  expect(pool.getSize()).toBe(pool.getIdleSize())
  expect([server.peak <= 2, pool.getWaitingCount()]).toEqual([true, 0])
  await pool.release(await pool.acquire())
  await pool.close()
})

test('the pool can always open maxSize connections again, whenever the server refused, dropped or failed some', async () => {
  const server = new FakeServer()
  const roll = dice(3)
  server.refuse = () => (roll(4) === 0 ? new OperationalError('refused') : null)
  const pool = await server.pool({ minSize: 0, maxSize: 4, acquireTimeout: 5000 })
  const outcomes = { fine: 0, failed: 0 }
  await Promise.all(
    Array.from({ length: 2000 }, async () => {
      await turns(roll(400))
      try {
        await pool.withConnection(async (con) => {
          const session = server.session(con.backendPid)
          const fate = roll(8)
          if (fate === 0) session.lose()
          if (fate === 1) session.failure = new OperationalError('no')
          if (fate === 2) await con.close()
          if (fate === 3) void turns(roll(20)).then(() => session.lose())
          if (fate === 4) void con.execute('left running').catch(() => {})
          await con.execute(fate === 5 ? 'BEGIN' : 'x')
        })
        outcomes.fine += 1
      } catch (error) {
        expect(error).not.toBeInstanceOf(PoolTimeoutError)
        outcomes.failed += 1
      }
    }),
  )
  await settle()
  expect([outcomes.fine > 500, outcomes.failed > 200, server.peak <= 4]).toEqual([true, true, true])
  expect([pool.getSize(), pool.getWaitingCount()]).toEqual([pool.getIdleSize(), 0])
  server.refuse = () => null
  const all = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()])
  expect(new Set(all.map((con) => con.backendPid)).size).toBe(4)
  await Promise.all(all.map((con) => pool.release(con)))
  await pool.close()
  expect(server.open.size).toBe(0)
})

test('a pool that is closed under load settles every call and leaves nothing open', async () => {
  for (let seed = 10; seed < 210; seed++) {
    const server = new FakeServer()
    const roll = dice(seed)
    const pool = await server.pool({ maxSize: 3, acquireTimeout: null })
    const calls = Array.from({ length: 20 }, async () => {
      await turns(roll(60))
      return pool.withConnection((con) => con.execute('x'))
    })
    const all = Promise.allSettled(calls)
    await turns(roll(100))
    if (roll(2) === 0) pool.terminate()
    else await pool.close()
    await all
    await settle()
    expect([server.open.size, pool.getSize(), pool.getWaitingCount()]).toEqual([0, 0, 0])
  }
})
