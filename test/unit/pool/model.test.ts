/**
 * Compares the pool with a model. Each test runs a random sequence of events from the program and the network, and
 * after each step the pool must be in the state of the model. The model is a list of the callers that have called
 * `acquire` and not released, in order: the first `maxSize` of them have a connection, the others wait. `POOL_RUNS`
 * asks for more runs than usual.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Connection } from '../../../src-async/connection.ts'
import { InterfaceError, OperationalError } from '../../../src-async/errors/tree.ts'
import type { Pool } from '../../../src-async/pool/pool.ts'
import { FakeServer } from './support.ts'

/** A call of `acquire` whose connection is not released. */
interface Claim {
  readonly number: number
  readonly controller: AbortController
  connection: Connection | null
  failure: unknown
}

type Step = readonly [verb: keyof typeof verbs, which: number]

class World {
  readonly server = new FakeServer()
  readonly pool: Pool
  maxSize: number
  /** In the order of asking. */
  claims: Claim[] = []
  /** The numbers of the callers that got a connection, in the order in which they got it. */
  readonly served: number[] = []
  /** Attempts to connect that the server will refuse. */
  refusals = 0
  isClosing = false
  isTerminated = false
  hasClosed = false
  #asked = 0

  private constructor(pool: Pool, server: FakeServer, maxSize: number) {
    this.pool = pool
    this.server = server
    this.maxSize = maxSize
    server.refuse = () => {
      if (this.refusals === 0) return null
      this.refusals -= 1
      return new OperationalError('refused')
    }
  }

  static async open(minSize: number, maxSize: number): Promise<World> {
    const server = new FakeServer()
    const pool = await server.pool({ minSize, maxSize, acquireTimeout: null })
    return new World(pool, server, maxSize)
  }

  get held(): Claim[] {
    return this.claims.filter(({ connection }) => connection !== null)
  }

  get waiting(): Claim[] {
    return this.claims.filter(({ connection, failure }) => connection === null && failure === null)
  }

  acquire(): void {
    const claim: Claim = {
      number: (this.#asked += 1),
      controller: new AbortController(),
      connection: null,
      failure: null,
    }
    this.claims.push(claim)
    this.pool.acquire({ signal: claim.controller.signal }).then(
      (connection) => {
        claim.connection = connection
        this.served.push(claim.number)
      },
      (error: unknown) => {
        claim.failure = error
      },
    )
  }

  release(claim: Claim): void {
    this.claims = this.claims.filter((other) => other !== claim)
    void this.pool.release(claim.connection as Connection)
  }

  close(): void {
    this.isClosing = true
    void this.pool.close({ timeout: null }).then(() => {
      this.hasClosed = true
    })
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % Math.max(1, from.length)]
}

/** The events. An event does nothing if there is nothing to which it applies. */
const verbs = {
  acquire: (world: World) => world.acquire(),
  acquireThree: (world: World) => [1, 2, 3].forEach(() => world.acquire()),
  release(world: World, which: number) {
    const claim = pick(world.held, which)
    if (claim) world.release(claim)
  },
  releaseTwice(world: World, which: number) {
    const connection = pick(world.held, which)?.connection
    verbs.release(world, which)
    if (connection) void world.pool.release(connection)
  },
  giveUp(world: World, which: number) {
    const claim = pick(world.waiting, which)
    claim?.controller.abort(new RangeError('gave up'))
  },
  work(world: World, which: number) {
    pick(world.held, which)
      ?.connection?.execute('x')
      .catch(() => {})
  },
  begin(world: World, which: number) {
    pick(world.held, which)
      ?.connection?.execute('BEGIN')
      .catch(() => {})
  },
  failReset(world: World, which: number) {
    const claim = pick(world.held, which)
    if (!claim?.connection) return
    const session = world.server.session(claim.connection.backendPid)
    claim.connection.execute('x').then(
      () => {
        session.failure = new OperationalError('the reset fails')
      },
      () => {},
    )
  },
  closeHeld(world: World, which: number) {
    void pick(world.held, which)?.connection?.close()
  },
  lose(world: World, which: number) {
    pick([...world.server.open], which)?.lose()
  },
  refuseNext(world: World) {
    world.refusals += 1
  },
  expire(world: World) {
    if (!world.isClosing && !world.isTerminated) void world.pool.expireConnections()
  },
  resize(world: World, which: number) {
    if (world.isClosing || world.isTerminated) return
    world.maxSize = 1 + (which % 4)
    world.pool.resize({ minSize: 0, maxSize: world.maxSize })
  },
  close: (world: World) => world.close(),
  terminate(world: World) {
    world.isTerminated = true
    world.pool.terminate()
  },
} satisfies Record<string, (world: World, which: number) => void>

function demandModel(world: World): void {
  const { pool, server, maxSize } = world
  const isOver = world.isClosing || world.isTerminated
  for (const { failure } of world.claims) {
    if (failure === null) continue
    const isExpected = failure instanceof RangeError || failure instanceof OperationalError
    if (!isExpected && !(isOver && failure instanceof InterfaceError)) throw failure
  }
  world.claims = world.claims.filter(({ failure }) => failure === null)
  const held = world.held
  // No caller waits while there is room, nor after the pool has ended. The caller that asked first gets a connection
  // first.
  if (isOver) expect(world.waiting).toEqual([])
  else if (world.waiting.length > 0) expect(held.length).toBeGreaterThanOrEqual(maxSize)
  expect(pool.getWaitingCount()).toBe(world.waiting.length)
  expect(world.served).toEqual([...world.served].sort((a, b) => a - b))
  // Each connection has one holder at most, and the others are idle.
  const alive = held.filter(({ connection }) => connection?.isClosed === false)
  const pids = alive.map(({ connection }) => connection?.backendPid)
  expect(new Set(pids).size).toBe(pids.length)
  expect(pool.getSize()).toBe(server.open.size)
  expect(pool.getIdleSize()).toBe(server.open.size - alive.length)
  expect(server.open.size).toBeLessThanOrEqual(Math.max(maxSize, alive.length))
  expect(pool.isClosing()).toBe(isOver)
  expect([pool.getMaxSize(), pool.getMinSize() <= maxSize]).toEqual([maxSize, true])
  if (isOver) expect(pool.getIdleSize()).toBe(0)
  if (world.isTerminated) expect([server.open.size, alive]).toEqual([0, []])
  if (world.isClosing) expect(world.hasClosed).toBe(alive.length === 0)
}

const names = Object.keys(verbs) as Step[0][]
// `close` comes rarely, so that most runs have other events before it.
const usual = names.filter((name) => name !== 'close' && name !== 'terminate')
const verb = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...usual) },
  { weight: 1, arbitrary: fc.constantFrom(...names) },
)
const walk = fc.array(fc.tuple(verb, fc.nat(20)), { minLength: 5, maxLength: 40 })

test('after any sequence of calls the pool agrees with its model, and it can always be closed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.integer({ min: 1, max: 4 }), walk, async (minSize, maxSize, steps) => {
      const world = await World.open(Math.min(minSize, maxSize), maxSize)
      for (const [name, which] of steps) {
        verbs[name](world, which)
        await settle()
        demandModel(world)
      }
      world.refusals = 0
      for (const claim of world.held) world.release(claim)
      await settle()
      for (const claim of world.held) world.release(claim)
      world.close()
      for (let turn = 0; turn < 20 && !world.hasClosed; turn++) {
        await settle()
        // A waiting caller may have got a connection that was released just before the end.
        for (const claim of world.held) world.release(claim)
      }
      expect([world.hasClosed, world.server.open.size, world.pool.getSize()]).toEqual([true, 0, 0])
    }),
    { numRuns: Number(process.env['POOL_RUNS'] ?? 100) },
  )
})
