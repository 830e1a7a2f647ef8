/**
 * A connection that the server ended while it was idle. The first call throws the server's reason with its class and
 * SQLSTATE, always an OperationalError. Later calls throw that the connection is closed, with the reason as the cause.
 * Both faces are tested.
 */
import { setTimeout as pause } from 'node:timers/promises'
import * as db from 'syncpg'
import * as async from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type FaultProxy, startProxy } from '../../support/proxy.ts'
import { runScript } from '../../support/run-script.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const dsn = (): string => sharedServer().dsn({ transport: 'unix' })
const terminate = (pid: number): Promise<unknown> => askServer(sharedServer(), 'select pg_terminate_backend($1)', [pid])

/** The last statement before the session is idle sets the limit: a busy machine must not reach it any sooner. */
const CASES = [
  { sqlstate: '57P01', last: 'select 1', isInTransaction: false, least: 13 },
  { sqlstate: '25P03', last: "set idle_in_transaction_session_timeout = '50ms'", isInTransaction: true, least: 13 },
  { sqlstate: '57P05', last: "set idle_session_timeout = '50ms'", isInTransaction: false, least: 14 },
] as const

describe.each(CASES.filter(({ least }) => sharedServer().major >= least))(
  '$sqlstate',
  ({ sqlstate, last, isInTransaction }) => {
    test.each([0, 5, 300])('in the blocking API, %i ms later', async (pauseMs) => {
      const con = db.connect(dsn())
      con.execute(last)
      if (!isInTransaction) con.commit()
      if (sqlstate === '57P01') await terminate(con.info.backendPid)
      else await pause(60)
      await pause(pauseMs)
      expect(firstFailure(() => con.execute('select 2'))).toMatchObject({ sqlstate, isOperational: true })
      const later = failureOf(() => con.execute('select 3'))
      expect(later).toBeInstanceOf(db.InterfaceError)
      expect(later).toMatchObject({ cause: { sqlstate } })
      expect(con.closed).toBe(true)
      con[Symbol.dispose]()
    })

    test.each([0, 300])('in the async API, %i ms later', async (pauseMs) => {
      const con = await async.connect(dsn())
      if (isInTransaction) await con.transaction().start()
      await con.execute(last)
      if (sqlstate === '57P01') await terminate(con.backendPid)
      else await pause(60)
      await pause(pauseMs)
      const first = await con.execute('select 2').catch((error: unknown) => error)
      expect(first).toBeInstanceOf(async.OperationalError)
      expect(first).toMatchObject({ sqlstate })
      const later = await con.execute('select 3').catch((error: unknown) => error)
      expect(later).toBeInstanceOf(async.InterfaceError)
      expect(later).toMatchObject({ cause: { sqlstate } })
      await con.close()
    })
  },
)

describe('a network that breaks while the connection is idle is 08006', () => {
  async function behindProxy(use: (dsn: string, proxy: FaultProxy) => Promise<void>): Promise<void> {
    const proxy = await startProxy(sharedServer())
    const server = sharedServer()
    const given = server.dsn({ parameters: { sslmode: 'disable' } })
    try {
      await use(given.replace(`:${server.port}/`, `:${proxy.port}/`), proxy)
    } finally {
      await proxy.close()
    }
  }

  test('in the blocking API', () =>
    // The proxy lives in this thread, so the program that blocks is another process.
    behindProxy(async (given, proxy) => {
      const program = `import { setTimeout as pause } from 'node:timers/promises'
        import * as db from 'syncpg'
        const con = db.connect(process.env.DSN, { autocommit: true })
        con.fetchval('select 1')
        console.log('ready')
        while (!con.closed) await pause(5)
        for (let i = 0; i < 2; i++) {
          try { con.execute('select 2') } catch (error) {
            console.log(error instanceof db.OperationalError, error instanceof db.InterfaceError, error.sqlstate)
          }
        }`
      const onLine = (line: string): void => {
        if (line === 'ready') void proxy.close()
      }
      const { stdout, stderr } = await runScript(program, { env: { DSN: given }, onLine })
      expect([stdout, stderr]).toEqual(['ready\ntrue false 08006\nfalse true null\n', ''])
    }))

  test('in the async API', () =>
    behindProxy(async (given, proxy) => {
      const con = await async.connect(given)
      await con.fetchval('select 1')
      await proxy.close()
      await expect.poll(() => con.isClosed).toBe(true)
      const first = await con.execute('select 2').catch((error: unknown) => error)
      expect(first).toBeInstanceOf(async.OperationalError)
      expect(first).toMatchObject({ sqlstate: '08006' })
      await expect(con.execute('select 3')).rejects.toBeInstanceOf(async.InterfaceError)
    }))
})

test('a running call throws why the connection was lost; the next one throws that it is closed', () => {
  const con = db.connect(dsn(), { autocommit: true })
  const pid = con.info.backendPid
  const first = failureOf(() => con.execute('select pg_terminate_backend(%s)', [pid]))
  expect(first).toMatchObject({ sqlstate: '57P01' })
  expect(failureOf(() => con.execute('select 3'))).toBeInstanceOf(db.InterfaceError)
  con[Symbol.dispose]()
})

function firstFailure(run: () => unknown): { readonly sqlstate: unknown; readonly isOperational: boolean } {
  const error = failureOf(run)
  return { sqlstate: (error as db.DbError).sqlstate, isOperational: error instanceof db.OperationalError }
}
