/**
 * Transactions of the blocking face: they begin in the flight of the first statement, and the reported outcome is
 * always the real one.
 */
import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'
import { failureOf } from '../../support/failure-of.ts'

const database = databaseOfFile()
let con: db.Connection
let watcher: db.Connection

beforeEach(() => {
  const dsn = sharedServer().dsn({ database })
  con = db.connect(dsn)
  watcher = db.connect(dsn, { autocommit: true })
  watcher.execute('create table t (a int primary key)')
})
afterEach(() => {
  con[Symbol.dispose]()
  watcher[Symbol.dispose]()
})

/** The state of the tested connection's session, from the server. */
function stateOnServer(): unknown {
  return watcher.fetchval('select state from pg_stat_activity where pid = %s', [con.info.backendPid])
}

const countRows = (): unknown => watcher.fetchval('select count(*) from t')

describe('the implicit BEGIN', () => {
  test('comes with the first statement, not before it and not with commit or rollback', () => {
    expect(stateOnServer()).toBe('idle')
    con.commit()
    con.rollback()
    expect([stateOnServer(), con.info.status]).toEqual(['idle', 'idle'])
    con.execute('select 1')
    expect([stateOnServer(), con.info.status]).toEqual(['idle in transaction', 'in-transaction'])
    con.commit()
    expect([stateOnServer(), con.info.status]).toEqual(['idle', 'idle'])
  })

  test('opens one transaction for all that follows', () => {
    const id = con.fetchval('select pg_current_xact_id()::text')
    con.execute('insert into t values (1)')
    con.executemany('insert into t values (%s)', [[2], [3]])
    con.copyRecordsToTable('t', { records: [[4]] })
    con.execute('insert into t values (5); insert into t values (6)')
    expect(con.fetchval('select pg_current_xact_id()::text')).toBe(id)
    expect(countRows()).toBe(0n)
    con.commit()
    expect(countRows()).toBe(6n)
  })

  test.each([
    ['executemany', (it: db.Connection) => it.executemany('insert into t values (%s)', [[1]])],
    ['COPY', (it: db.Connection) => it.copyRecordsToTable('t', { records: [[1]] })],
    ['a script', (it: db.Connection) => it.execute('insert into t values (1); select 1')],
    ['fetch', (it: db.Connection) => it.fetch('insert into t values (1) returning a')],
  ])('also comes with %s', (_name, call) => {
    call(con)
    expect([stateOnServer(), countRows()]).toEqual(['idle in transaction', 0n])
    con.rollback()
    expect(countRows()).toBe(0n)
  })

  test('has the isolation level and the read-only mode of the connection', () => {
    const strict = db.connect(sharedServer().dsn(), { isolationLevel: 'serializable', readOnly: true })
    try {
      const sql = "select current_setting('transaction_isolation'), current_setting('transaction_read_only')"
      expect([...(strict.execute(sql).fetchone() ?? [])]).toEqual(['serializable', 'on'])
    } finally {
      strict.close()
    }
  })
})

describe('a failed transaction', () => {
  test('each further statement says why it fails, and rollback() ends that state', () => {
    con.execute('insert into t values (1)')
    const first = failureOf(() => con.execute('insert into t values (1)'))
    expect(first).toBeInstanceOf(db.UniqueViolationError)
    expect(con.info.status).toBe('failed')
    for (const call of [
      () => con.execute('select 1'),
      () => con.fetch('select 2'),
      () => con.executemany('insert into t values (%s)', [[2]]),
      () => con.copyRecordsToTable('t', { records: [[3]] }),
      () => con.execute('select 1; select 2'),
    ]) {
      const failure = failureOf(call)
      expect(failure).toBeInstanceOf(db.InFailedSQLTransactionError)
      expect(failure.detail).toContain('duplicate key')
      expect(failure.cause).toMatchObject({ sqlstate: '23505', tableName: 't' })
    }
    con.rollback()
    expect(con.info.status).toBe('idle')
    expect(con.fetchval('select 1')).toBe(1)
  })

  test('commit() throws with the first error as cause, and has rolled back', () => {
    con.execute('insert into t values (1)')
    failureOf(() => con.execute('select 1/0'))
    const failure = failureOf(() => con.commit())
    expect(failure).toBeInstanceOf(db.InFailedSQLTransactionError)
    expect(failure.message.split('\n')[0]).toContain('rolled back')
    expect(failure.cause).toMatchObject({ sqlstate: '22012' })
    expect([con.info.status, countRows()]).toEqual(['idle', 0n])
    con.commit()
  })

  test('a COMMIT by SQL of a failed transaction throws too', () => {
    con.execute('insert into t values (1)')
    failureOf(() => con.execute('select 1/0'))
    expect(con.execute('commit').statusmessage).toBe('ROLLBACK')
    expect([con.info.status, countRows()]).toEqual(['idle', 0n])
  })

  test('rolling back to a savepoint by SQL ends the failed state', () => {
    con.execute('insert into t values (1)')
    con.execute('savepoint fixture')
    failureOf(() => con.execute('select 1/0'))
    con.execute('rollback to fixture')
    expect(con.info.status).toBe('in-transaction')
    const second = failureOf(() => con.execute('select nothing'))
    expect(second).toBeInstanceOf(db.UndefinedColumnError)
    expect(failureOf(() => con.execute('select 1')).cause).toMatchObject({ sqlstate: '42703' })
    con.execute('rollback to fixture')
    con.commit()
    expect(countRows()).toBe(1n)
  })

  test('a deferred constraint fails commit() itself, and the transaction is over', () => {
    con.execute('create table c (a int references t deferrable initially deferred)')
    con.execute('insert into c values (99)')
    expect(failureOf(() => con.commit())).toBeInstanceOf(db.ForeignKeyViolationError)
    expect(con.info.status).toBe('idle')
    expect(con.fetchval("select to_regclass('c')::text")).toBeNull()
  })

  test('an error of the client leaves the transaction as it was', () => {
    con.execute('insert into t values (1)')
    expect(failureOf(() => con.execute('insert into t values (%s)', ['x']))).toBeInstanceOf(db.DataError)
    expect(failureOf(() => con.execute('insert into t values (%s)', []))).toBeInstanceOf(db.ProgrammingError)
    expect(con.info.status).toBe('in-transaction')
    con.commit()
    expect(countRows()).toBe(1n)
  })
})

describe('autocommit', () => {
  test('each statement is its own transaction', () => {
    con.autocommit = true
    con.execute('insert into t values (1)')
    expect([countRows(), stateOnServer(), con.autocommit]).toEqual([1n, 'idle', true])
    con.setautocommit(false)
    con.execute('insert into t values (2)')
    expect([countRows(), con.autocommit]).toEqual([1n, false])
  })

  test('cannot be changed inside a transaction; setting the present value is allowed', () => {
    con.execute('select 1')
    expect(failureOf(() => con.setautocommit(true))).toBeInstanceOf(db.ProgrammingError)
    expect(failureOf(() => (con.autocommit = true))).toBeInstanceOf(db.ProgrammingError)
    expect(con.autocommit).toBe(false)
    con.autocommit = false
    con.commit()
    con.autocommit = true
    expect(failureOf(() => con.setautocommit(1 as unknown as boolean))).toBeInstanceOf(db.ProgrammingError)
  })

  test('the stack of a refusal begins at the line that assigns', () => {
    con.execute('select 1')
    const refusals = [
      failureOf(() => (con.autocommit = true)),
      failureOf(() => con.setautocommit(true)),
      failureOf(() => (con.paramstyle = 'odd' as 'qmark')),
    ]
    for (const { stack = '' } of refusals) {
      expect(stack.split('\n').find((line) => /^ +at /.test(line))).toContain('transactions.test.ts')
    }
  })

  test('BEGIN by SQL and commit() work together', () => {
    con.autocommit = true
    con.execute('begin')
    con.execute('insert into t values (1)')
    expect([con.info.status, countRows()]).toEqual(['in-transaction', 0n])
    con.commit()
    expect(countRows()).toBe(1n)
  })

  test('a script that fails leaves no changes', () => {
    con.autocommit = true
    expect(failureOf(() => con.execute('insert into t values (1); insert into t values (1)'))).toBeInstanceOf(
      db.UniqueViolationError,
    )
    expect([countRows(), con.info.status]).toEqual([0n, 'idle'])
  })

  test('a long batch that fails late leaves no changes', () => {
    con.autocommit = true
    const elements = Array.from({ length: 60_000 }, (_, index) => [index === 59_999 ? 0 : index])
    const failure = failureOf(() => con.executemany('insert into t values (%s)', elements))
    expect(failure).toMatchObject({ name: 'UniqueViolationError', batchIndex: 59_999 })
    expect([countRows(), con.info.status]).toEqual([0n, 'idle'])
  })
})

describe('statements that refuse a transaction', () => {
  test.each([
    'vacuum t',
    'create database never_made',
    'alter system set work_mem = default',
    'drop database if exists never_made',
  ])('%s gets the hint, and runs with autocommit', (sql) => {
    const failure = failureOf(() => con.execute(sql))
    expect(failure).toBeInstanceOf(db.ActiveSQLTransactionError)
    expect(failure.hint).toMatch(/autocommit/)
    con.rollback()
    con.autocommit = true
    if (!sql.startsWith('create database')) expect(con.execute(sql).statusmessage).toBeTruthy()
  })

  test('a procedure that commits gets the hint, and runs with autocommit', () => {
    watcher.execute('create procedure p() language plpgsql as $$ begin insert into t values (1); commit; end $$')
    const failure = failureOf(() => con.execute('call p()'))
    expect([failure.sqlstate, failure.hint]).toEqual(['2D000', expect.stringMatching(/autocommit/)])
    con.rollback()
    con.autocommit = true
    con.execute('call p()')
    expect(countRows()).toBe(1n)
  })

  test('outside of a transaction that the client began there is no hint', () => {
    con.autocommit = true
    con.execute('begin')
    expect(failureOf(() => con.execute('vacuum t')).hint ?? '').not.toMatch(/autocommit/)
  })
})

describe('transaction(fn)', () => {
  test('rolls back without an error for a Rollback, and returns its value', () => {
    const value = con.transaction(() => {
      con.execute('insert into t values (1)')
      throw new db.Rollback('undone')
    })
    expect([value, countRows(), con.info.status]).toEqual(['undone', 0n, 'idle'])
  })

  test('refuses an async function, and has rolled back', async () => {
    let later: Promise<void> | undefined
    const failure = failureOf(() =>
      // @ts-expect-error it does not compile either
      con.transaction(() => {
        con.execute('insert into t values (1)')
        later = Promise.resolve()
        return later
      }),
    )
    expect(failure).toBeInstanceOf(db.ProgrammingError)
    await later
    expect([countRows(), con.info.status]).toEqual([0n, 'idle'])
  })

  test('refuses commit() and rollback() inside, and rolls back when that error is not caught', () => {
    for (const call of [() => con.commit(), () => con.rollback()]) {
      const failure = failureOf(() =>
        con.transaction(() => {
          con.execute('insert into t values (1)')
          call()
        }),
      )
      expect(failure).toBeInstanceOf(db.ProgrammingError)
      expect([countRows(), con.info.status]).toEqual([0n, 'idle'])
    }
  })

  test('inside an open implicit transaction it is a savepoint, and the caller still has to commit', () => {
    con.execute('insert into t values (1)')
    con.transaction(() => con.execute('insert into t values (2)'))
    failureOf(() =>
      con.transaction(() => {
        con.execute('insert into t values (3)')
        throw new Error('undo')
      }),
    )
    expect([countRows(), con.info.status]).toEqual([0n, 'in-transaction'])
    con.commit()
    expect(countRows()).toBe(2n)
  })

  test("keeps the connection's isolation level if the call sets none", () => {
    const strict = db.connect(sharedServer().dsn(), { isolationLevel: 'serializable' })
    const settings = (): unknown[] => [
      ...(strict.fetchrow(
        "select current_setting('transaction_isolation'), current_setting('transaction_read_only')",
      ) ?? []),
    ]
    try {
      expect(strict.transaction({ readOnly: true }, settings)).toEqual(['serializable', 'on'])
      expect(strict.transaction({ isolation: 'repeatable read' }, settings)).toEqual(['repeatable read', 'off'])
    } finally {
      strict.close()
    }
  })

  test('autocommit cannot be changed inside', () => {
    con.transaction(() => {
      expect(failureOf(() => con.setautocommit(true))).toBeInstanceOf(db.ProgrammingError)
      con.execute('insert into t values (1)')
    })
    expect(countRows()).toBe(1n)
  })

  test('throws the error of a lost connection, and not that of the rollback', () => {
    const failure = failureOf(() =>
      con.transaction(() => {
        con.execute('insert into t values (1)')
        watcher.execute('select pg_terminate_backend(%s)', [con.info.backendPid])
        con.execute('insert into t values (2)')
      }),
    )
    // The message depends on which of the two threads notices the loss first. In both cases it has the server's text.
    expect(failure.message).toContain('terminating connection due to administrator command')
    expect([con.closed, countRows()]).toEqual([true, 0n])
  })
})

test('options may follow the function; a value that is not an object of options is refused', () => {
  const isolation = (): unknown => con.fetchval('show transaction_isolation')
  expect(con.transaction(isolation, { isolation: 'serializable' })).toBe('serializable')
  let runs = 0
  const lose = (): void => {
    runs += 1
    con.execute("do $$ begin raise 'lost' using errcode = '40001'; end $$")
  }
  expect(failureOf(() => con.transaction(lose, { retries: 2 })).sqlstate).toBe('40001')
  expect(runs).toBe(3)
  expect(failureOf(() => con.transaction(lose, { isolaton: 'serializable' } as object)).hint).toBe(
    'did you mean isolation?',
  )
  for (const wrong of [null, 5, lose]) {
    expect(failureOf(() => con.transaction(lose, wrong as unknown as object)).message).toContain(
      'transaction: expected',
    )
  }
  expect(runs).toBe(3)
  const dsn = sharedServer().dsn({ database })
  expect(db.withConnection(dsn, ({ autocommit }) => autocommit, { autocommit: true })).toBe(true)
})
