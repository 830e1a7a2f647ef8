/** Time limits, abort signals, retries and listeners of the async API, against a real server. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import {
  type Connection,
  InFailedSQLTransactionError,
  ProgrammingError,
  QueryTimeoutError,
  Rollback,
  connect,
} from 'syncpg/async'

import { askServer, sharedServer } from '../../support/shared-server.ts'

let con: Connection
beforeEach(async () => {
  con = await connect(sharedServer().dsn())
})
afterEach(() => con.close())

/** The state of the connection's session, from the server. */
async function stateOf(connection: Connection): Promise<string | undefined> {
  const rows = await askServer<{ state: string }>(sharedServer(), 'select state from pg_stat_activity where pid = $1', [
    connection.backendPid,
  ])
  return rows[0]?.state
}

describe('a time limit', () => {
  test('cancels the statement on the server and leaves the connection usable', async () => {
    await expect(con.fetch('select pg_sleep(30)', [], { timeout: 80 })).rejects.toThrow(QueryTimeoutError)
    expect(await stateOf(con)).toBe('idle')
    expect(await con.fetchval('select 42')).toBe(42)
  })

  test('of the connection applies to every call, and a call may remove it', async () => {
    const limited = await connect(sharedServer().dsn(), { commandTimeout: 100 })
    await expect(limited.execute('select pg_sleep(30)')).rejects.toThrow(QueryTimeoutError)
    expect(await limited.fetchval('select 1 from pg_sleep(0.2)', [], 0, { timeout: 0 })).toBe(1)
    await limited.close()
  })

  test('in a transaction makes the transaction fail', async () => {
    await expect(
      con.transaction(async () => {
        await expect(con.execute('select pg_sleep(30)', [], { timeout: 50 })).rejects.toThrow(QueryTimeoutError)
        await con.fetchval('select 1')
      }),
    ).rejects.toThrow(InFailedSQLTransactionError)
    expect(con.isInTransaction).toBe(false)
  })

  test('that races the end of the statement never gives the next query another answer', async () => {
    for (let i = 0; i < 100; i++) {
      const timeout = 1 + (i % 4)
      await con
        .fetchval(`select 'late' from pg_sleep(${timeout / 1000})`, [], 0, { timeout })
        .catch((error: unknown) => {
          expect(error).toBeInstanceOf(QueryTimeoutError)
        })
      expect(await con.fetchval('select $1::int', [i])).toBe(i)
    }
  })

  test.each([-1, Number.NaN, '5'])('of %s is refused', async (timeout) => {
    await expect(con.fetch('select 1', [], { timeout: timeout as number })).rejects.toThrow(ProgrammingError)
  })
})

describe('an abort signal', () => {
  test('cancels the statement; the call fails with its reason', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const query = con.fetch('select pg_sleep(30)', [], { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    await expect(query).rejects.toBe(reason)
    expect(await con.fetchval('select 42')).toBe(42)
  })

  test('that is aborted already sends nothing', async () => {
    await expect(con.fetch('select 1', [], { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    expect(await con.fetchval('select 42')).toBe(42)
  })
})

describe('a transaction', () => {
  test('that conflicted with another runs again if the program asks for that', async () => {
    await con.execute('drop table if exists retried; create table retried (n int); insert into retried values (0)')
    const other = await connect(sharedServer().dsn())
    let attempts = 0
    await con.transaction({ isolation: 'serializable', retries: 3 }, async () => {
      attempts += 1
      const n = await con.fetchval<number>('select n from retried')
      if (attempts === 1) await other.execute('update retried set n = n + 10')
      await con.execute('update retried set n = $1', [(n ?? 0) + 1])
    })
    expect([attempts, await con.fetchval('select n from retried')]).toEqual([2, 11])
    await other.close()
    await con.execute('drop table retried')
  })

  test('is rolled back without an error by a Rollback', async () => {
    await con.execute('create temp table quiet (a int)')
    const value = await con.transaction(async () => {
      await con.execute('insert into quiet values (1)')
      throw new Rollback('given up')
    })
    expect([value, await con.fetchval('select count(*) from quiet')]).toEqual(['given up', 0n])
  })

  test('left with an operation running is not committed', async () => {
    await con.execute('drop table if exists left_running; create table left_running (a int)')
    let running: Promise<unknown> = Promise.resolve()
    await expect(
      con.transaction(async () => {
        await con.execute('insert into left_running values (1)')
        running = con.execute('select pg_sleep(10)').catch(() => {})
      }),
    ).rejects.toThrow('left an operation running')
    await running
    expect(await askServer(sharedServer(), 'select * from left_running')).toEqual([])
    await askServer(sharedServer(), 'drop table left_running')
  })
})

describe('listeners', () => {
  test('get notifications on channels of any name, each once', async () => {
    const heard: unknown[] = []
    const listener = (
      connection: Connection,
      { channel, payload, backendPid }: { channel: string; payload: string; backendPid: number },
    ) => heard.push([connection === con, channel, payload, backendPid])
    await con.addListener('Kanal "ä"', listener)
    await con.addListener('Kanal "ä"', listener)
    await con.fetch('select pg_notify($1, $2)', ['Kanal "ä"', 'x'])
    expect(heard).toEqual([[true, 'Kanal "ä"', 'x', con.backendPid]])
    await con.removeListener('Kanal "ä"', listener)
    await con.fetch('select pg_notify($1, $2)', ['Kanal "ä"', 'y'])
    expect(heard).toHaveLength(1)
  })

  test('get notifications that arrive while nothing runs', async () => {
    const heard = new Promise((resolve) => {
      void con.addListener('idle', (_, { payload }) => resolve(payload))
    })
    await con.fetchval('select 1').catch(() => {})
    await expect
      .poll(() => askServer(sharedServer(), `select pg_notify('idle', 'now')`).then(() => Promise.race([heard, null])))
      .toBe('now')
  })

  test.each(['commit', 'rollback'])('added in a transaction get notifications after its %s', async (end) => {
    const heard: string[] = []
    await con.execute('begin')
    await con.addListener('settled', (_connection, { payload }) => void heard.push(payload))
    await con.execute("notify settled, 'in the transaction'")
    await con.execute(end)
    await con.execute("notify settled, 'after it'")
    expect(heard).toEqual(end === 'commit' ? ['in the transaction', 'after it'] : ['after it'])
  })

  test('get notices in order with the results', async () => {
    const order: string[] = []
    con.addLogListener((_, notice) => order.push(notice.message))
    for (let i = 0; i < 3; i++) {
      await con.execute(`do $$ begin raise notice 'n${i}'; end $$`)
      order.push(`done ${i}`)
    }
    expect(order).toEqual(['n0', 'done 0', 'n1', 'done 1', 'n2', 'done 2'])
  })

  test('are called when the server has ended the connection', async () => {
    const ended = new Promise((resolve) => con.addTerminationListener(resolve))
    await askServer(sharedServer(), 'select pg_terminate_backend($1)', [con.backendPid])
    expect(await ended).toBe(con)
    expect(con.isClosed).toBe(true)
  })

  test('of queries get text, time and error, and no internal statement', async () => {
    const told: string[] = []
    con.addQueryLogger(({ query, elapsed, error }) => told.push(`${query} ${elapsed > 0} ${error instanceof Error}`))
    await con.transaction(() => con.fetch('select 1'))
    await con.fetch('select 1/0').catch(() => {})
    expect(told).toEqual(['select 1 true false', 'select 1/0 true true'])
  })

  test('of queries get each statement of a pipeline', async () => {
    const told: unknown[] = []
    con.addQueryLogger(({ query, rowCount, error }) => told.push([query, rowCount, error instanceof Error]))
    await con.pipeline((p) => Promise.all([p.fetch('select 1'), p.execute('select 1/0').catch(() => {})]))
    expect(told).toEqual([
      ['select 1', 1, false],
      ['select 1/0', null, true],
    ])
  })

  test('of a wrong kind are refused before LISTEN is sent', async () => {
    await expect(con.addListener('never', 'no function' as never)).rejects.toThrow('expected a function')
    expect(await con.fetch('select pg_listening_channels()')).toEqual([])
  })
})

describe('reset', () => {
  test('ends transactions, settings, locks and listeners', async () => {
    const heard: string[] = []
    await con.addListener('after_reset', () => heard.push('x'))
    await con.execute(
      "set application_name to 'changed'; select pg_advisory_lock(771); begin; create temp table gone (a int)",
    )
    await con.reset()
    expect(con.isInTransaction).toBe(false)
    expect(con.parameter('application_name')).not.toBe('changed')
    expect(
      await con.fetchval('select count(*) from pg_locks where pid = pg_backend_pid() and locktype = $1', ['advisory']),
    ).toBe(0n)
    await con.execute("notify after_reset, 'x'")
    expect([heard, await con.fetch('select pg_listening_channels()')]).toEqual([[], []])
  })
})
