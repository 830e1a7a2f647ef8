/** Transactions that are started and ended by hand: which calls are allowed when, and what is committed. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'

import {
  type Connection,
  ForeignKeyViolationError,
  InFailedSQLTransactionError,
  InterfaceError,
  ProgrammingError,
  type Transaction,
  connect,
  createPool,
} from 'syncpg/async'

import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const database = `async_transactions_${process.pid}`
let con: Connection
beforeAll(async () => {
  await createDatabase(sharedServer(), database)
  con = await connect(sharedServer().dsn({ database }))
  return async () => {
    await con.close()
    await askServer(sharedServer(), `drop database ${database} with (force)`)
  }
})
beforeEach(async () => {
  if (con.isClosed) con = await connect(sharedServer().dsn({ database }))
  await con.reset()
  await con.execute('drop table if exists c, t; create table t (a int primary key)')
})

const insert = (a: number): Promise<string> => con.execute('insert into t values ($1)', [a])

/** The rows that another session sees. */
async function kept(): Promise<number[]> {
  const rows = await askServer<{ a: number }>(sharedServer(), 'select a from t order by a', [], database)
  return rows.map(({ a }) => a)
}

function started(options = {}): Promise<Transaction> {
  return con.transaction(options).start()
}

describe('a transaction by hand', () => {
  test('stores only committed changes', async () => {
    const first = con.transaction()
    await first.start()
    await insert(1)
    expect([con.isInTransaction, await kept()]).toEqual([true, []])
    await first.commit()
    const second = await started()
    await insert(2)
    await second.rollback()
    expect([con.isInTransaction, await kept()]).toEqual([false, [1]])
  })

  test.each(['read uncommitted', 'read committed', 'repeatable read', 'serializable'] as const)(
    'begins %s, read-only and deferrable as asked',
    async (isolation) => {
      const transaction = await started({ isolation, readOnly: true, deferrable: true })
      const settings = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable']
      const row = await con.fetch(`select ${settings.map((name) => `current_setting('${name}')`).join()}`)
      expect([...(row[0] as Iterable<unknown>)]).toEqual([isolation, 'on', 'on'])
      await transaction.commit()
    },
  )

  test('inside another one is a savepoint, which can be rolled back alone', async () => {
    const outer = await started()
    await insert(1)
    const inner = await started()
    await insert(2)
    await inner.rollback()
    const next = await started()
    await insert(3)
    await next.commit()
    await outer.commit()
    expect(await kept()).toEqual([1, 3])
  })

  test('an inner one that failed can be rolled back, and the outer one continues', async () => {
    const outer = await started()
    await insert(1)
    const inner = await started()
    await expect(insert(1)).rejects.toMatchObject({ sqlstate: '23505' })
    await inner.rollback()
    await insert(2)
    await outer.commit()
    expect(await kept()).toEqual([1, 2])
  })

  test('works together with transaction(fn), one inside the other', async () => {
    const outer = await started()
    await con.transaction(async () => {
      await insert(1)
      const inner = await started()
      await insert(2)
      await inner.rollback()
    })
    await outer.commit()
    expect(await kept()).toEqual([1])
  })

  test('that starts and ends without a statement sends nothing', async () => {
    await con.execute("select 'the last word'")
    await (await started()).commit()
    await (await started()).rollback()
    const sql = 'select query from pg_stat_activity where pid = $1'
    expect(await askServer(sharedServer(), sql, [con.backendPid])).toEqual([{ query: "select 'the last word'" }])
  })

  test('the end of an `await using` scope rolls back changes that were not committed', async () => {
    const abandoned = await started()
    await insert(1)
    await abandoned[Symbol.asyncDispose]()
    const done = await started()
    await insert(2)
    await done.commit()
    await done[Symbol.asyncDispose]()
    await con.transaction()[Symbol.asyncDispose]()
    expect([con.isInTransaction, await kept()]).toEqual([false, [2]])
  })
})

describe('transactions by hand that start or end in the wrong order', () => {
  test('a second start, and an end before the start or after the end, are refused by name', async () => {
    const transaction = con.transaction()
    await expect(transaction.commit()).rejects.toThrow('not yet started')
    await expect(transaction.rollback()).rejects.toThrow('not yet started')
    await transaction.start()
    await expect(transaction.start()).rejects.toThrow('already started')
    await insert(1)
    await transaction.commit()
    await expect(transaction.start()).rejects.toThrow('already committed')
    await expect(transaction.commit()).rejects.toThrow('already committed')
    await expect(transaction.rollback()).rejects.toThrow('already committed')
    const undone = await started()
    await undone.rollback()
    await expect(undone.rollback()).rejects.toThrow('already rolled back')
    await expect(undone.commit()).rejects.toThrow(InterfaceError)
    expect(await kept()).toEqual([1])
  })

  test('the outer one cannot be committed while an inner one is open', async () => {
    const outer = await started()
    await insert(1)
    const inner = await started()
    await insert(2)
    await expect(outer.commit()).rejects.toThrow('inside it is still open')
    await inner.commit()
    await outer.commit()
    expect(await kept()).toEqual([1, 2])
  })

  test('a rollback of the outer one rolls back the inner one, whose calls then throw', async () => {
    const outer = await started()
    const inner = await started()
    await insert(1)
    await outer.rollback()
    await expect(inner.commit()).rejects.toThrow('has ended it')
    await expect(inner.rollback()).rejects.toThrow(InterfaceError)
    expect([con.isInTransaction, await kept()]).toEqual([false, []])
  })

  test('one around a running transaction(fn) cannot be rolled back from inside', async () => {
    const outer = await started()
    await con.transaction(async () => {
      await insert(1)
      await expect(outer.rollback()).rejects.toThrow('transaction(fn)')
    })
    await outer.commit()
    expect(await kept()).toEqual([1])
  })

  test('a function that leaves a transaction open commits nothing', async () => {
    await expect(
      con.transaction(async () => {
        await insert(1)
        await started()
      }),
    ).rejects.toThrow('left a transaction open')
    expect([con.isClosed, await kept()]).toEqual([true, []])
  })

  test('two functions at once on one connection are an error, and nothing is kept', async () => {
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => (letGo = resolve))
    const first = con.transaction(async () => {
      await insert(1)
      await held
      throw new RangeError('the first gives up')
    })
    first.catch(() => {})
    const second = con.transaction(async () => {
      await expect(first).rejects.toThrow(RangeError)
      await insert(2)
    })
    letGo()
    await expect(second).rejects.toThrow(InterfaceError)
    await expect(first).rejects.toThrow(RangeError)
    expect(await kept()).toEqual([])
  })

  test('a start that is refused leaves nothing behind', async () => {
    const running = con.execute('select pg_sleep(0.05)')
    const transaction = con.transaction()
    await expect(transaction.start()).rejects.toThrow('another operation is in progress')
    await running
    await insert(1)
    expect(await kept()).toEqual([1])
    await transaction.start()
    await insert(2)
    await transaction.commit()
    expect(await kept()).toEqual([1, 2])
  })

  test('an end that is refused because a statement runs can be called again', async () => {
    const transaction = await started()
    await insert(1)
    const running = con.execute('select pg_sleep(0.05)')
    await expect(transaction.commit()).rejects.toThrow('another operation is in progress')
    await running
    await transaction.commit()
    expect(await kept()).toEqual([1])
  })

  test.each([
    ['an unknown isolation level', () => con.transaction({ isolation: 'strict' as 'serializable' })],
    ['an unknown option', () => con.transaction({ readonly: true } as object)],
    ['retries without a function', () => con.transaction({ retries: 2 } as object)],
    ['a value that is neither a function nor options', () => con.transaction(undefined as unknown as object)],
  ])('%s is refused at once', (_name, ask) => {
    expect(ask).toThrow(ProgrammingError)
  })
})

describe('a transaction by hand that fails', () => {
  test('at its commit is rolled back, and a rollback then does nothing', async () => {
    await con.execute('create table c (a int references t deferrable initially deferred)')
    const transaction = await started()
    await con.execute('insert into c values (99)')
    await expect(transaction.commit()).rejects.toThrow(ForeignKeyViolationError)
    await transaction.rollback()
    await expect(transaction.commit()).rejects.toThrow('nothing was committed')
    expect(con.isInTransaction).toBe(false)
  })

  test('before its commit throws when it is committed', async () => {
    const transaction = await started()
    await insert(1)
    await expect(con.execute('select 1/0')).rejects.toMatchObject({ sqlstate: '22012' })
    await expect(transaction.commit()).rejects.toThrow(InFailedSQLTransactionError)
    expect([con.isInTransaction, await kept()]).toEqual([false, []])
  })

  test('throws if SQL or a reset has ended it', async () => {
    const bySql = await started()
    await insert(1)
    await con.execute('commit')
    await expect(bySql.commit()).rejects.toThrow('has ended it meanwhile')
    const byReset = await started()
    await insert(2)
    await con.reset()
    await expect(byReset.commit()).rejects.toThrow('a reset, has ended it')
    expect([con.isInTransaction, await kept()]).toEqual([false, [1]])
  })

  test('refuses calls after its connection was lost, and the end of its scope is no error', async () => {
    const transaction = await started()
    await insert(1)
    con.terminate()
    await expect(transaction.commit()).rejects.toThrow(InterfaceError)
    await transaction[Symbol.asyncDispose]()
    expect(await kept()).toEqual([])
  })

  test("refuses calls after its lease, and does not affect the next lease's transaction", async () => {
    const pool = await createPool(sharedServer().dsn({ database }), { maxSize: 1 })
    const first = await pool.acquire()
    const former = await first.transaction().start()
    await first.execute('insert into t values (1)')
    await pool.release(first)
    const second = await pool.acquire()
    const own = await second.transaction().start()
    await second.execute('insert into t values (2)')
    await expect(former.commit()).rejects.toThrow('released back to the pool')
    await former[Symbol.asyncDispose]()
    await own.commit()
    await pool.release(second)
    await pool.close()
    expect(await kept()).toEqual([2])
  })
})

test('options may follow the function; a value that is not an object of options is refused', async () => {
  const isolation = (): Promise<unknown> => con.fetchval('show transaction_isolation')
  expect(await con.transaction(isolation, { isolation: 'serializable' })).toBe('serializable')
  let runs = 0
  const lose = (): Promise<unknown> => {
    runs += 1
    return con.execute("do $$ begin raise 'lost' using errcode = '40001'; end $$")
  }
  await expect(con.transaction(lose, { retries: 2 })).rejects.toMatchObject({ sqlstate: '40001' })
  expect(runs).toBe(3)
  await expect(con.transaction(lose, { isolaton: 'serializable' } as object)).rejects.toMatchObject({
    hint: 'did you mean isolation?',
  })
  for (const wrong of [null, 5, lose]) {
    expect(() => con.transaction(lose, wrong as unknown as object)).toThrow('transaction: expected')
  }
  expect(runs).toBe(3)
})
