/** COPY … PROGRAM in the embedded server: the statement fails, it does not hang, and the connection is not lost. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import * as db from 'syncpg'
import { connect } from 'syncpg/async'
import { failureOfAsync } from '../../support/failure-of.ts'

const REFUSED = {
  name: 'FeatureNotSupportedError',
  sqlstate: '0A000',
  message: expect.stringContaining('cannot run programs'),
}

let session: Awaited<ReturnType<typeof connect>>

beforeAll(async () => {
  session = await connect('pglite:')
  await session.execute('create table t (a text)')
})
afterAll(() => session.close())
beforeEach(() => session.execute('truncate t'))

const count = (): Promise<unknown> => session.fetchval('select count(*)::int from t')

describe('a COPY with PROGRAM', () => {
  test.each([
    `copy t from program 'echo 1'`,
    `copy t to program 'cat'`,
    `copy (select 1) to program 'cat > /dev/null' with (format csv)`,
    `/* copy */ copy t from -- to stdout\n program 'locale -a | sort'`,
    `copy t from program $$echo 1$$`,
    `do $do$ begin execute 'copy t from ' || 'program ''echo 1'''; end $do$`,
  ])('is refused, and the connection stays usable: %s', async (sql) => {
    for (const attempt of [() => session.execute(sql), () => session.fetch(sql)]) {
      expect(await failureOfAsync(attempt())).toMatchObject(REFUSED)
      expect(await count()).toBe(0)
    }
  })

  test('among several statements rolls them all back, as any failed statement does', async () => {
    const sql = `insert into t values (1); copy t from program 'echo 2'; insert into t values (3)`
    expect(await failureOfAsync(session.execute(sql))).toMatchObject(REFUSED)
    expect(await count()).toBe(0)
  })

  test('makes its transaction fail, and a rollback to a savepoint repairs the transaction', async () => {
    await session.execute(`begin; insert into t values (1); savepoint s`)
    expect(await failureOfAsync(session.execute(`copy t from program 'echo 2'`))).toMatchObject(REFUSED)
    expect(await failureOfAsync(session.execute('select 1'))).toMatchObject({ sqlstate: '25P02' })
    await session.execute('rollback to s; commit')
    expect(await count()).toBe(1)
  })

  test('can be caught by a function in the database', async () => {
    await session.execute(`do $do$ begin
        begin copy t to program 'cat'; exception when feature_not_supported then insert into t values (sqlerrm); end;
      end $do$`)
    expect(await session.fetchval('select a from t')).toBe('the embedded PostgreSQL cannot run programs')
  })

  test('costs no memory, however often it is tried', async () => {
    for (let i = 0; i < 3000; i++) await failureOfAsync(session.execute(`copy t to program 'cat'`))
    expect(await session.fetchval(`select length(repeat('x', 1000000))`)).toBe(1_000_000)
  })
})

test('text that only looks like such a COPY is not refused', async () => {
  await session.execute(`insert into t values ('copy t to program ''cat'''); -- copy t to program 'cat'
    create temp table program (program text); insert into program select a as program from t`)
  expect(await session.fetchval('select program from program')).toBe(`copy t to program 'cat'`)
})

test('the list of locales, for which the server calls a program, still exists', async () => {
  expect(await session.fetchval(`select pg_import_system_collations('pg_catalog') >= 0`)).toBe(true)
})

test('COPY with PROGRAM is refused in the blocking API as well', () => {
  using con = db.connect('pglite:', { autocommit: true })
  con.execute('create table t (a text)')
  for (const sql of [`copy t from program 'echo 1'`, `select 1; copy t to program 'cat'; select 2`]) {
    let failure: unknown
    try {
      con.execute(sql)
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(db.NotSupportedError)
    expect(failure).toMatchObject(REFUSED)
    expect([...con.execute('select count(*)::int from t').fetchone()!]).toEqual([0])
  }
})
