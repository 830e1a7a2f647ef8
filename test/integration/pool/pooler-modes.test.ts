/**
 * PgBouncer in front of the server, in its three modes. The version of Debian 12 (1.18) does not know prepared
 * statements. The tests reproduce the failure, check the hint of the error, and show that `statementCacheSize: 0`
 * avoids it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import {
  type Connection,
  DbError,
  InvalidSQLStatementNameError,
  OperationalError,
  QueryTimeoutError,
  connect,
  createPool,
} from 'syncpg/async'

import { missingPgbouncer, type Pgbouncer, type PoolMode, startPgbouncer } from '../../support/pgbouncer.ts'
import { runScript } from '../../support/run-script.ts'
import { sharedServer } from '../../support/shared-server.ts'

const missing = missingPgbouncer()
const UNPREPARED = { statementCacheSize: 0 }
const CLIENTS = 8

let pooler: Pgbouncer

/** Starts a pooler for the tests of a block, or skips them and says why. */
function behind(mode: PoolMode, serverConnections: number): void {
  beforeAll(async () => {
    if (missing === null) pooler = await startPgbouncer(sharedServer(), { mode, serverConnections })
  })
  afterAll(async () => {
    if (missing === null) await pooler.dispose()
  })
  beforeEach((context) => {
    context.skip(missing !== null, missing ?? '')
  })
}

/** Opens this many connections, and closes them in any case. */
async function withClients<T>(count: number, options: object, work: (clients: Connection[]) => Promise<T>): Promise<T> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(pooler.dsn(), options)))
  try {
    return await work(clients)
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
}

/** Runs many statements with arguments on all clients at once. Each must get its own answer. @returns the failures */
async function crowd(clients: readonly Connection[], rounds: number): Promise<unknown[]> {
  const failures: unknown[] = []
  await Promise.all(
    clients.map(async (client, index) => {
      for (let round = 0; round < rounds; round += 1) {
        const mark = index * 1000 + round
        try {
          const row = await client.fetchrow(`select $1::int as a, $2::text as b${' '.repeat(round % 5)}`, [mark, 'ż'])
          expect([...(row ?? [])]).toEqual([mark, 'ż'])
        } catch (error) {
          failures.push(error)
        }
      }
    }),
  )
  return failures
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

describe('session pooling', () => {
  behind('session', CLIENTS)

  test('works with prepared statements', async () => {
    await withClients(CLIENTS, {}, async (clients) => {
      expect(await crowd(clients, 30)).toEqual([])
      // The next client gets the server connection without the statements that were prepared on it.
      await clients[0]?.close()
      const next = await connect(pooler.dsn())
      expect(await crowd([next], 10)).toEqual([])
      await next.close()
    })
  })

  test('supports settings, LISTEN, COPY and cursors', async () => {
    await withClients(2, {}, async ([con, other]) => {
      if (!con || !other) throw new Error('no clients')
      await con.execute("set application_name = 'behind a pooler'")
      expect(await con.fetchval('show application_name')).toBe('behind a pooler')
      const { promise: heard, resolve: hear } = deferred<string>()
      await con.addListener('pooled', (_con, { payload }) => hear(payload))
      await other.execute("notify pooled, 'x'")
      expect(await heard).toBe('x')
      await con.execute('create temp table loaded (n int)')
      expect(await con.copyRecordsToTable('loaded', { records: [[1], [2]] })).toBe('COPY 2')
      await con.transaction(async () => {
        const rows = []
        for await (const row of con.cursor('select n from loaded order by n')) rows.push(row['n'])
        expect(rows).toEqual([1, 2])
      })
    })
  })

  test('carries the cancel request of a time limit to the server', async () => {
    await withClients(1, {}, async ([con]) => {
      await expect(con?.execute('select pg_sleep(30)', [], { timeout: 100 })).rejects.toThrow(QueryTimeoutError)
      expect(await con?.fetchval('select 42')).toBe(42)
    })
  })
})

test('the client sends no startup parameter that the pooler does not know, and the error names one that the program sets', async (context) => {
  context.skip(missing !== null, missing ?? '')
  const strict = await startPgbouncer(sharedServer(), { mode: 'transaction' })
  try {
    // A pooler that ignores no parameter accepts the default startup parameters and application_name.
    const con = await connect(strict.dsn(), { applicationName: 'welcome', ...UNPREPARED })
    expect(await con.fetchval('show application_name')).toBe('welcome')
    await con.close()
    const refused = connect(strict.dsn(), { serverSettings: { statement_timeout: '1000' } })
    await expect(refused).rejects.toThrow(OperationalError)
    await expect(refused).rejects.toThrow(/unsupported startup parameter.*statement_timeout/)
    await expect(refused).rejects.toThrow('connect directly to the server')
  } finally {
    await strict.dispose()
  }
})

describe('transaction pooling', () => {
  behind('transaction', 2)

  /** Keeps the first server connection busy during the work, so that the work runs on the second one. */
  async function elsewhere(holder: Connection, work: () => Promise<unknown>): Promise<void> {
    await holder.transaction(async () => {
      await holder.execute('select 1')
      await work()
    })
  }

  test('that loses a prepared statement inside a transaction costs neither the statement nor the transaction', async () => {
    await withClients(2, {}, async ([con, holder]) => {
      if (!con || !holder) throw new Error('no clients')
      const sql = 'select $1::int + 1'
      expect(await con.fetchval(sql, [1])).toBe(2)
      await elsewhere(holder, async () => {
        await con.transaction(async () => {
          const before = await con.fetchval('select txid_current()')
          expect(await con.fetchval(sql, [2])).toBe(3)
          expect(await con.fetchval('select txid_current()')).toBe(before)
        })
      })
    })
  })

  test('loses what prepare() has prepared: the error says what to do', async () => {
    await withClients(2, {}, async ([con, holder]) => {
      if (!con || !holder) throw new Error('no clients')
      const sql = 'select $1::int + 1'
      const prepared = await con.prepare(sql)
      expect(await prepared.fetchval([1])).toBe(2)
      let failure: unknown
      await elsewhere(holder, async () => {
        failure = await con
          .transaction(async () => {
            await con.execute('select 1')
            return prepared.fetchval([2])
          })
          .catch((error: unknown) => error)
      })
      expect(failure).toBeInstanceOf(InvalidSQLStatementNameError)
      expect(failure).toMatchObject({ sqlstate: '26000', query: sql })
      expect((failure as DbError).hint).toMatch(/A pooler such as PgBouncer in transaction or.*statementCacheSize: 0/s)
      // The transaction was rolled back, and the connection goes on.
      expect(await con.fetchval(sql, [3])).toBe(4)
    })
  })

  test('that loses a prepared statement outside a transaction is not noticed: it is prepared once more', async () => {
    await withClients(2, {}, async ([con, holder]) => {
      if (!con || !holder) throw new Error('no clients')
      expect(await con.fetchval('select $1::int + 1', [1])).toBe(2)
      await elsewhere(holder, async () => {
        expect(await con.fetchval('select $1::int + 1', [2])).toBe(3)
      })
    })
  })

  test('with prepared statements fails in no other way, however many clients there are', async () => {
    const failures = await withClients(CLIENTS, {}, (clients) => crowd(clients, 30))
    for (const failure of failures) {
      expect(['26000', '42P05']).toContain((failure as DbError).sqlstate)
      expect((failure as DbError).hint).toContain('statementCacheSize: 0')
    }
  })

  test('without prepared statements every statement of many clients gets its answer', async () => {
    const failures = await withClients(CLIENTS, UNPREPARED, (clients) => crowd(clients, 60))
    expect(failures).toEqual([])
  })

  test('without prepared statements transactions, batches, COPY, cursors and time limits work', async () => {
    await withClients(6, UNPREPARED, async (clients) => {
      const setup = clients[0]
      await setup?.execute('drop table if exists pooled; create table pooled (who int, n int)')
      await Promise.all(
        clients.map(async (con, who) => {
          await con.transaction(async () => {
            await con.executemany(
              'insert into pooled values ($1, $2)',
              Array.from({ length: 20 }, (_, n) => [who, n]),
            )
            let count = 0
            for await (const _ of con.cursor('select n from pooled where who = $1', [who])) count += 1
            expect(count).toBe(20)
          })
          await con.copyRecordsToTable('pooled', { records: [[who, 20]] })
          await expect(con.execute('select pg_sleep(30)', [], { timeout: 100 })).rejects.toThrow(QueryTimeoutError)
          expect(await con.fetchval('select count(*)::int from pooled where who = $1', [who])).toBe(21)
        }),
      )
      await setup?.execute('drop table pooled')
    })
  })

  test.each([
    ['kept', {}],
    ['not kept', UNPREPARED],
  ])("no reset of syncpg's pool fails when its statements are %s", async (_name, options) => {
    const reports: unknown[] = []
    const onError = (error: unknown): void => void reports.push(error)
    const pool = await createPool(pooler.dsn(), { minSize: 6, maxSize: 6, onError, ...options })
    // These are scripts, because the pooler may lose a kept statement.
    const work = (n: number): Promise<unknown> =>
      n % 3 === 0
        ? pool.withConnection((con) => con.transaction(() => con.execute('select 1')))
        : pool.execute('select 1')
    await Promise.all(Array.from({ length: 200 }, (_, n) => work(n)))
    expect(reports).toEqual([])
    await pool.close()
  })

  test("syncpg's pool works without prepared statements", async () => {
    const pool = await createPool(pooler.dsn(), { maxSize: 6, ...UNPREPARED })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => pool.fetchval('select $1::int', [n])))
    expect(answers).toEqual(Array.from({ length: 100 }, (_, n) => n))
    await pool.close()
  })
})

describe('statement pooling', () => {
  behind('statement', 2)

  test('works without prepared statements', async () => {
    await withClients(CLIENTS, UNPREPARED, async (clients) => {
      expect(await crowd(clients, 30)).toEqual([])
    })
  })

  test("refuses transactions, with the pooler's own message", async () => {
    await withClients(1, UNPREPARED, async ([con]) => {
      const attempt = con?.transaction(() => con.execute('select 1'))
      await expect(attempt).rejects.toThrow(DbError)
      await expect(attempt).rejects.toThrow(/statement pooling mode/)
    })
  })
})

describe('the blocking API', () => {
  const PROGRAM = `
import * as db from 'syncpg'
const options = JSON.parse(process.env.OPTIONS)
const clients = Array.from({ length: 4 }, () => db.connect(process.env.DSN, options))
const failures = []
for (let round = 0; round < 50; round++) {
  for (const con of clients) {
    const mark = con.info.backendPid + round
    try {
      if (con.execute('select %s::bigint', [mark]).fetchone()[0] !== BigInt(mark)) failures.push('wrong answer')
      if (!options.autocommit && round % 3 === 0) con.commit()
    } catch (error) {
      failures.push([error.sqlstate, error.hint])
      con.rollback()
    }
  }
  if (options.autocommit) continue
  for (const con of clients) con.commit()
}
for (const con of clients) con.close()
console.log(JSON.stringify(failures))
`

  // The holder's transaction occupies the server connection on which the statement was prepared.
  const LOSING_PROGRAM = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
const holder = db.connect(process.env.DSN)
con.fetchval('select %s::int + 1', [1])
con.commit()
holder.execute('select 1')
const before = con.fetchval('select txid_current()')
const after = con.fetchval('select %s::int + 1', [2])
console.log(after, con.fetchval('select txid_current()') === before)
con.close()
holder.close()
`

  test.for([
    ['session', 4, {}],
    ['transaction', 4, UNPREPARED],
    ['transaction', 2, { ...UNPREPARED, autocommit: true }],
    ['statement', 2, { ...UNPREPARED, autocommit: true }],
  ] as const)(
    'works through %s pooling, %i server connections, with %j',
    async ([mode, serverConnections, options], context) => {
      context.skip(missing !== null, missing ?? '')
      const own = await startPgbouncer(sharedServer(), { mode, serverConnections })
      try {
        const run = await runScript(PROGRAM, { env: { DSN: own.dsn(), OPTIONS: JSON.stringify(options) } })
        expect([run.stdout, run.stderr, run.status]).toEqual(['[]\n', '', 0])
      } finally {
        await own.dispose()
      }
    },
  )

  test('continues its transaction when transaction pooling has lost a prepared statement', async (context) => {
    context.skip(missing !== null, missing ?? '')
    const own = await startPgbouncer(sharedServer(), { mode: 'transaction', serverConnections: 2 })
    try {
      const run = await runScript(LOSING_PROGRAM, { env: { DSN: own.dsn() } })
      expect([run.stdout, run.stderr, run.status]).toEqual(['3 true\n', '', 0])
    } finally {
      await own.dispose()
    }
  })
})
