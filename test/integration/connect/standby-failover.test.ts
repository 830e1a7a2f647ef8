/**
 * A primary and its hot standby: which of them a session connects to, and what a pool does when the standby becomes the
 * primary.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import * as blocking from 'syncpg'
import { type Connection, OperationalError, ReadOnlySQLTransactionError, connect, createPool } from 'syncpg/async'

import type { TestServer } from '../../support/postgres-server.ts'
import { type ReplicatedServers, startReplicatedServers } from '../../support/standby.ts'

type Role = 'primary' | 'standby'

const PORT = 'select inet_server_port()'

describe('targetSessionAttrs', () => {
  let servers: ReplicatedServers
  beforeAll(async () => {
    servers = await startReplicatedServers()
  })
  afterAll(() => servers.dispose())

  /** A DSN with both hosts, in this order. */
  function dsn(first: Role, second: Role): string {
    const { user, password, database } = servers.primary
    const hosts = [servers[first], servers[second]].map(({ host, port }) => `${host}:${port}`).join(',')
    return `postgresql://${user}:${password}@${hosts}/${database}`
  }

  // The first two columns are the hosts in order. The last one is the expected host.
  test.for([
    ['standby', 'primary', 'any', 'standby'],
    ['primary', 'standby', 'any', 'primary'],
    ['standby', 'primary', 'primary', 'primary'],
    ['standby', 'primary', 'read-write', 'primary'],
    ['primary', 'standby', 'standby', 'standby'],
    ['primary', 'standby', 'read-only', 'standby'],
    ['primary', 'standby', 'prefer-standby', 'standby'],
    ['primary', 'primary', 'prefer-standby', 'primary'],
  ] as const)('of %s,%s: %s takes the %s', async ([first, second, targetSessionAttrs, taken]) => {
    const con = await connect(dsn(first, second), { targetSessionAttrs })
    expect(await con.fetchval(PORT)).toBe(servers[taken].port)
    await con.close()
    const blockingCon = blocking.connect(dsn(first, second), { targetSessionAttrs })
    expect(blockingCon.fetchval(PORT)).toBe(servers[taken].port)
    blockingCon.close()
  })

  test.for([
    ['standby', 'primary'],
    ['standby', 'read-write'],
    ['primary', 'standby'],
    ['primary', 'read-only'],
  ] as const)('of %s only: %s is an error', async ([role, targetSessionAttrs]) => {
    await expect(connect(dsn(role, role), { targetSessionAttrs })).rejects.toThrow(OperationalError)
  })

  test('of a DSN means the same as the option', async () => {
    const con = await connect(`${dsn('standby', 'primary')}?target_session_attrs=primary`)
    expect(await con.fetchval('select pg_is_in_recovery()')).toBe(false)
    await con.close()
  })

  test('a read-only default makes a primary read-only, but no standby', async () => {
    const options = { serverSettings: { default_transaction_read_only: 'on' } }
    const con = await connect(dsn('primary', 'primary'), { ...options, targetSessionAttrs: 'read-only' })
    expect(await con.fetchval('select pg_is_in_recovery()')).toBe(false)
    await con.close()
    await expect(connect(dsn('primary', 'primary'), { ...options, targetSessionAttrs: 'read-write' })).rejects.toThrow(
      OperationalError,
    )
  })

  test('a write on the standby throws the class for read-only transactions', async () => {
    const con = await connect(dsn('standby', 'primary'))
    await expect(con.execute('create table never (n int)')).rejects.toThrow(ReadOnlySQLTransactionError)
    await con.close()
  })
})

describe('the primary is gone and the standby is promoted', () => {
  let servers: ReplicatedServers
  beforeEach(async () => {
    servers = await startReplicatedServers()
  })
  afterEach(() => servers.dispose())

  /** Tries until a query succeeds. The errors before that must be of the tree. */
  async function eventually<T>(work: () => Promise<T>, limitMs: number): Promise<T> {
    for (const deadlineMs = Date.now() + limitMs; ;) {
      try {
        return await work()
      } catch (error) {
        expect(error).toBeInstanceOf(OperationalError)
        if (Date.now() > deadlineMs) throw error
      }
    }
  }

  async function takeOver(primary: TestServer): Promise<void> {
    await primary.stop('immediate')
    await servers.promote()
  }

  test('a pool for the primary uses the promoted server within seconds', async () => {
    const pool = await createPool(servers.dsn, { minSize: 3, maxSize: 5, targetSessionAttrs: 'primary' })
    await pool.execute('create table survivor (n int)')
    await pool.execute('insert into survivor values (1)')
    expect(await pool.fetchval(PORT)).toBe(servers.primary.port)
    await replayed(servers, 'survivor')

    await takeOver(servers.primary)
    await eventually(() => pool.execute('insert into survivor values (2)'), 5000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => pool.fetchval(PORT)))
    expect(new Set(answers)).toEqual(new Set([servers.standby.port]))
    expect(await pool.fetchval('select array_agg(n order by n) from survivor')).toEqual([1, 2])
    await pool.close()
  })

  test('callers that wait for a connection during a failover get one, or an error of syncpg', async () => {
    const pool = await createPool(servers.dsn, { maxSize: 2, targetSessionAttrs: 'primary', acquireTimeout: 15_000 })
    let isOver = false
    const ports = new Set<unknown>()
    ports.add(await pool.fetchval(PORT))
    const callers = Array.from({ length: 6 }, async () => {
      while (!isOver) {
        await pool.fetchval(PORT).then(
          (port) => ports.add(port),
          (error: unknown) => expect(error).toBeInstanceOf(OperationalError),
        )
        // Without a pause, immediate failures would leave no processor time for the servers.
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    await takeOver(servers.primary)
    await eventually(() => pool.execute('create table after_all (n int)'), 5000)
    isOver = true
    await Promise.all(callers)
    // The new primary answers, and no other server ever did.
    ports.add(await pool.fetchval(PORT))
    expect(ports).toEqual(new Set([servers.primary.port, servers.standby.port]))
    const con: Connection = await connect(servers.dsn, { targetSessionAttrs: 'primary' })
    expect(await con.fetchval("select to_regclass('after_all') is not null")).toBe(true)
    await con.close()
    await pool.close()
  })

  test('a connection to the lost primary ends with an error, and connecting again finds the promoted one', async () => {
    const con = await connect(servers.dsn, { targetSessionAttrs: 'read-write' })
    const sleeping = con.execute('select pg_sleep(30)').catch((error: unknown) => error)
    await takeOver(servers.primary)
    expect(await sleeping).toBeInstanceOf(OperationalError)
    expect(con.isClosed).toBe(true)
    const next = await connect(servers.dsn, { targetSessionAttrs: 'read-write' })
    expect(await next.fetchval(PORT)).toBe(servers.standby.port)
    await next.close()
  })
})

/** Resolves when the standby knows the table and has its first row. */
async function replayed(servers: ReplicatedServers, table: string): Promise<void> {
  const con = await connect(servers.dsn, { targetSessionAttrs: 'standby' })
  try {
    while (!(await con.fetchval('select to_regclass($1) is not null', [table]))) continue
    while (!(await con.fetchval(`select count(*) > 0 from ${table}`))) continue
  } finally {
    await con.close()
  }
}
