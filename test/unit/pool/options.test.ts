/** Which options `createPool` accepts, and how its numbers work together with the defaults. */
import { describe, expect, test } from 'vitest'
import { ProgrammingError } from '../../../src-async/errors/tree.ts'
import { createPool } from '../../../src-async/pool/create-pool.ts'
import { readConnectArguments, readPoolOptions, type PoolOptions } from '../../../src-async/pool/pool-options.ts'

describe('sizes', () => {
  test.each([
    [{}, 1, 10],
    [{ maxSize: 3 }, 1, 3],
    [{ maxSize: 1 }, 1, 1],
    [{ minSize: 0 }, 0, 10],
    [{ minSize: 4 }, 4, 10],
    [{ minSize: 25 }, 25, 25],
    [{ minSize: 2, maxSize: 2 }, 2, 2],
  ])('%j means %i to %i connections', (options, minSize, maxSize) => {
    expect(readPoolOptions(options, false)).toMatchObject({ minSize, maxSize })
  })

  test('of an embedded database are always one, and its connection is never replaced', () => {
    expect(readPoolOptions({}, true)).toMatchObject({
      minSize: 1,
      maxSize: 1,
      maxQueries: Infinity,
      maxInactiveMs: Infinity,
      maxLifetimeMs: Infinity,
    })
    expect(readPoolOptions({ minSize: 0 }, true)).toMatchObject({ minSize: 0, maxSize: 1 })
    expect(() => readPoolOptions({ maxSize: 2 }, true)).toThrow('has one connection')
  })
})

test.each(['maxQueries', 'maxInactiveLifetime', 'maxLifetime', 'acquireTimeout', 'resetTimeout', 'healthCheckAfter'])(
  '%s takes null and 0 for no limit',
  (name) => {
    expect(readPoolOptions({ [name]: null }, false)).toEqual(readPoolOptions({ [name]: 0 }, false))
    expect(Object.values(readPoolOptions({ [name]: null }, false))).toContain(Infinity)
  },
)

test.each<[object, string]>([
  [{ maxSize: 0 }, 'createPool: maxSize: expected 1 or more, got the number 0'],
  [{ minSize: 3, maxSize: 2 }, 'createPool: minSize: expected at most maxSize, which is 2, got the number 3'],
  [{ maxSize: 2.5 }, 'createPool: maxSize: expected an integer'],
  [{ minSize: -1 }, 'createPool: minSize: expected an integer, 0 or more, got the number -1'],
  [
    { maxLifetime: '1h' },
    'createPool: maxLifetime: expected milliseconds from 0, or null for no limit, got the string',
  ],
  [{ acquireTimeout: Number.NaN }, 'createPool: acquireTimeout: expected milliseconds'],
  [{ trackLeases: 1 }, 'createPool: trackLeases: expected true or false'],
  [{ maxQueries: -1 }, 'createPool: maxQueries: expected an integer, 0 or more, or null, got the number -1'],
  [{ reset: 5 }, 'createPool: reset: expected a function or null, got the number 5'],
  [{ init: 'select 1' }, 'createPool: init: expected a function, got the string'],
  [{ maxsize: 5 }, 'did you mean maxSize?'],
  [{ types: { int8: 'nummer' } }, 'nummer'],
  [{ port: 'x', prot: 1 }, 'unknown option "prot"'],
])('createPool(%j) is refused before anything is opened', async (options, words) => {
  const connect = (): never => {
    throw new Error('must not be called')
  }
  const failure = createPool({ connect, ...options } as PoolOptions)
  await expect(failure).rejects.toThrow(words)
  await expect(failure).rejects.toBeInstanceOf(ProgrammingError)
})

test('connections get all options but the pool’s own', () => {
  const given = { maxSize: 3, init: () => {}, user: 'u', timeout: 5, types: { int8: 'number' as const } }
  const { dsn, options } = readConnectArguments('postgres://h/d', given, false)
  expect([dsn, options]).toEqual(['postgres://h/d', { user: 'u', timeout: 5, types: { int8: 'number' } }])
})

test('a DSN that no connection could be opened with is refused even with minSize 0', async () => {
  await expect(createPool('postgres://h:port/d', { minSize: 0 })).rejects.toBeInstanceOf(ProgrammingError)
})

test('a password function is called only when a connection is opened', async () => {
  let asked = 0
  const password = async (): Promise<string> => `${(asked += 1)}`
  const pool = await createPool('postgres://u@h/d', { minSize: 0, password })
  await pool.close()
  expect(asked).toBe(0)
})

test('an embedded database is recognized by its DSN', () => {
  expect(readConnectArguments('pglite:', undefined, false).isEmbedded).toBe(true)
  expect(readConnectArguments({ dsn: 'pglite:' }, undefined, false).isEmbedded).toBe(true)
  expect(readConnectArguments('postgres://h/d', undefined, false).isEmbedded).toBe(false)
})
