/** The hints of errors, in both APIs, on a server and in `pglite:`. */
import * as db from 'syncpg'
import * as syncpg from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const database = `hints_${process.pid}`

/** The statement, its values, and the text of the hint; null if it has none. */
const STATEMENTS: readonly (readonly [sql: string, values: readonly unknown[] | undefined, words: string | null])[] = [
  ['select 1 where 1 in ($1)', [[1, 2]], 'x = any(…)'],
  ['select 1 where 1 in $1', [[1, 2]], '= any(…)'],
  ['select * from $1', ['t'], 'quoteIdentifier(name)'],
  ['select interval $1', ['1 day'], 'cast(… as interval)'],
  ['set work_mem = $1', ['4MB'], 'set_config'],
  ['notify c, $1', ['x'], 'pg_notify'],
  ['create role r password $1', ['x'], "format('… %L', value)"],
  ['create table t (a text default $1)', ['x'], "format('… %L', value)"],
  ['insert into pg_class values $1', [[1]], 'executemany'],
  ["select 'a' like $1%", ['a'], 'is a part of the value'],
  ['vacuum; select 1', undefined, 'splitStatements'],
  ['execute nosuch', undefined, null],
  ['select array[]', undefined, 'ARRAY[]::'],
]

const message = (error: unknown): string => (error as Error).message

describe.each(['server', 'pglite'] as const)('on %s', (place) => {
  let blocking: db.Connection
  let async: syncpg.Connection
  beforeAll(async () => {
    if (place === 'server') await createDatabase(sharedServer(), database)
    const dsn = place === 'server' ? sharedServer().dsn({ database, transport: 'unix' }) : 'pglite:'
    blocking = db.connect(dsn, { autocommit: true })
    async = await syncpg.connect(dsn)
  }, 60_000)
  afterAll(async () => {
    blocking.close()
    await async.close()
    if (place === 'server') await askServer(sharedServer(), `drop database if exists ${database} with (force)`)
  })

  /** Runs a statement in both APIs. @returns the two messages. */
  async function messages(
    run: (con: db.Connection | syncpg.Connection) => unknown,
  ): Promise<readonly [string, string]> {
    const found: string[] = []
    for (const con of [blocking, async]) {
      try {
        await run(con)
        found.push('')
      } catch (error) {
        found.push(message(error))
      }
    }
    return found as unknown as readonly [string, string]
  }

  test.each(STATEMENTS)('%s', async (sql, values, words) => {
    for (const said of await messages((con) => (con as syncpg.Connection).query(sql, values as unknown[]))) {
      expect(said).not.toBe('')
      if (words === null) expect(said).not.toContain('HINT')
      else expect(said).toContain(words)
    }
  })

  test('a parameter whose type the server cannot determine', async () => {
    for (const said of await messages((con) =>
      (con as syncpg.Connection).prepare('select $1 is null or $1 is not null'),
    )) {
      expect(said).toContain('cast it, for example $1::text')
    }
  })

  test('a failed transaction', async () => {
    const said = await messages(async (con) => {
      try {
        await con.execute('begin')
        await Promise.resolve(con.execute('selct')).catch(() => {})
      } catch {
        // The blocking call throws at once.
      }
      await con.execute('select 1')
    })
    await messages((con) => con.execute('rollback'))
    for (const each of said) expect(each).toContain('roll back first')
  })

  test('a line of COPY that the server cannot read', async () => {
    await messages((con) => con.execute('create temp table loaded (a int)'))
    for (const said of await messages((con) => con.copyToTable('loaded', { source: Buffer.from('1\n2\nx\n') }))) {
      expect(said).toContain('CONTEXT:  COPY loaded, line 3, column a')
    }
  })

  test('a schema and a table in one string', async () => {
    const records = [[1]]
    for (const said of await messages((con) => con.copyRecordsToTable('shop.item', { records }))) {
      expect(said).toContain("{ schema: 'shop' }")
    }
  })
})
