/** The same steps over `pg` and over `syncpg/pg`: what becomes of queries that cannot run. */
import { once } from 'node:events'
import * as realPg from 'pg'
import pg, { type Client, type ClientConfig } from 'syncpg/pg'
import { describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../support/shared-server.ts'

const database = databaseOfFile()

function config(more: ClientConfig = {}): ClientConfig {
  const { host, port, user, password } = sharedServer()
  return { host, port, user, password, database, ...more }
}

/** Runs the steps over `pg` and over `syncpg/pg`. */
async function beside<T>(options: ClientConfig, steps: (client: Client) => Promise<T>): Promise<[theirs: T, ours: T]> {
  const told: T[] = []
  for (const { Client } of [realPg.default as unknown as typeof pg, pg]) {
    const client = new Client(options)
    client.on('error', () => {})
    told.push(await steps(client))
    await client.end()
  }
  return told as [T, T]
}

const words = (error: Error): string => error.message
const asked = (client: Client): Promise<unknown> => client.query('select 1 as a').then(({ rows }) => rows, words)

describe.each([false, true])('with pipeline: %s a query settles', (pipeline) => {
  const nowhere = [
    ['a closed port', () => ({ host: '127.0.0.1', port: 1, pipeline })],
    ['no such database', () => config({ database: 'nonexistent', pipeline })],
  ] as const

  test.each(nowhere)('while connecting fails, and in the handler of that: %s', async (_, options) => {
    const [theirs, ours] = await beside(options(), async (client) => {
      const connecting = client.connect().catch(() => asked(client))
      return [await asked(client), await connecting]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(Array.from({ length: 2 }, () => 'Connection terminated unexpectedly'))
  })

  test.each(nowhere)('before the end of a client that could not connect, and after: %s', async (_, options) => {
    const [theirs, ours] = await beside(options(), async (client) => {
      await client.connect().catch(() => {})
      const before = asked(client)
      await client.end()
      return [await before, await asked(client)]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(['Connection terminated', 'Client was closed and is not queryable'])
  })

  test.each(nowhere)('long after connecting has failed, where in pg it waits for ever: %s', async (_, options) => {
    const client = new pg.Client(options())
    const end = once(client, 'end')
    await client.connect().catch(() => {})
    await end
    const calledBack = new Promise((resolve) => void client.query('select 1', (error) => resolve(error.message)))
    const refusal = 'Client has encountered a connection error and is not queryable'
    expect([await asked(client), await calledBack]).toEqual([refusal, refusal])
    await expect(client.connect()).rejects.toThrow('cannot reuse')
    expect(await asked(client)).toBe(refusal)
    await client.end()
  })

  test('on a client that has ended without connecting, and connects then', async () => {
    const [theirs, ours] = await beside(config({ pipeline }), async (client) => {
      await client.end()
      const before = await asked(client)
      const connecting = client.connect()
      const during = await asked(client)
      await connecting
      return [before, during, await asked(client)]
    })
    expect(ours).toEqual(theirs)
    expect(ours).toEqual(Array.from({ length: 3 }, () => 'Client was closed and is not queryable'))
  })

  test('that was asked before the end of a client that never connected, where in pg it waits for ever', async () => {
    const client = new pg.Client(config({ pipeline }))
    const waiting = asked(client)
    await client.end()
    expect(await waiting).toBe('Connection terminated')
  })

  test('that was asked before connecting', async () => {
    const [theirs, ours] = await beside(config({ pipeline }), async (client) => {
      const waiting = asked(client)
      await client.connect()
      return waiting
    })
    expect([ours, theirs]).toEqual([[{ a: 1 }], [{ a: 1 }]])
  })
})
