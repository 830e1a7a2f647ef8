/**
 * Notice listeners run in the middle of a statement. They may not use the connection, and an error that they throw
 * ends the statement.
 */
import * as db from 'syncpg'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { sharedServer } from '../support/shared-server.ts'
import { failureOf } from '../support/failure-of.ts'

let con: db.Connection
beforeEach(() => {
  con = db.connect(sharedServer().dsn({ transport: 'unix' }), { autocommit: true })
})
afterEach(() => con[Symbol.dispose]())

const LOUD = "do $$ begin raise notice 'first'; perform pg_sleep(0.05); raise notice 'second'; end $$"
const LOUD_AND_LONG = "do $$ begin raise notice 'loud'; perform pg_sleep(30); end $$"

test.each([
  ['execute', () => con.execute('select 1')],
  ['close', () => con.close()],
  ['dispose', () => con[Symbol.dispose]()],
  ['commit', () => con.commit()],
  ['poll', () => con.poll()],
])('%s inside a listener is refused, and the statement goes on', (_name, use) => {
  const refusals: Error[] = []
  con.addNoticeListener(() => refusals.push(failureOf(use)))
  con.execute(LOUD)
  expect(refusals.map((error) => error.name)).toEqual(['InterfaceError', 'InterfaceError'])
  expect([con.closed, con.fetchval('select 42')]).toEqual([false, 42])
})

test.each(['pglite:', 'server'])('a refused close leaves the connection open: %s', (where) => {
  const own = where === 'server' ? con : db.connect('pglite:', { autocommit: true })
  let refusal: Error | null = null
  own.addNoticeListener(() => (refusal = failureOf(() => own.close())))
  own.execute("do $$ begin raise notice 'x'; end $$")
  expect(refusal).toBeInstanceOf(db.InterfaceError)
  expect(own.fetchval('select 42')).toBe(42)
  own.close()
  expect(own.closed).toBe(true)
})

test('a listener that throws ends its statement at once, and the call throws its error', () => {
  const thrown = new Error('the listener has had enough')
  con.addNoticeListener(() => {
    throw thrown
  })
  const startedMs = performance.now()
  expect(failureOf(() => con.execute(LOUD_AND_LONG))).toBe(thrown)
  expect(performance.now() - startedMs).toBeLessThan(10_000)
  const sql = "select count(*)::int from pg_stat_activity where pid = pg_backend_pid() and query like '%pg_sleep(30)%'"
  expect(con.fetchval(`/* other */ ${sql} and query not like '%other%'`)).toBe(0)
})

test('a listener that throws as the statement ends has the same outcome', () => {
  const thrown = new Error('enough')
  con.addNoticeListener(() => {
    throw thrown
  })
  for (let i = 0; i < 50; i++) {
    expect(failureOf(() => con.execute(`do $$ begin raise notice '%', ${i}; end $$`))).toBe(thrown)
    expect(con.fetchval('select %s::int', [i])).toBe(i)
  }
})

test("of two listeners that throw, the call throws the first one's error", () => {
  const [first, second] = [new Error('first'), new Error('second')]
  con.addNoticeListener((notice) => {
    throw notice.message === 'first' ? first : second
  })
  expect(failureOf(() => con.execute(LOUD))).toBe(first)
  expect(con.fetchval('select 42')).toBe(42)
})

test('a listener that throws during a COPY ends the COPY, its locks too, and the connection goes on', () => {
  const thrown = new Error('enough')
  con.execute('create temporary table loud (a int)')
  con.execute(
    "create function pg_temp.say() returns trigger language plpgsql as $$ begin raise notice 'n'; return new; end $$",
  )
  con.execute('create trigger say before insert on loud for each row execute function pg_temp.say()')
  con.addNoticeListener(() => {
    throw thrown
  })
  for (let i = 0; i < 40; i++) {
    const records = Array.from({ length: 1 + i * 50 }, (_, row) => [row])
    expect(failureOf(() => con.copyRecordsToTable('loud', { schema: 'pg_temp', records }))).toBe(thrown)
    const copying = "select count(*)::int from pg_locks where pid = pg_backend_pid() and relation = 'loud'::regclass"
    expect([con.info.status, con.fetchval('select %s::int', [i]), con.fetchval(copying)]).toEqual(['idle', i, 0])
  }
})

test('a listener that throws during a COPY TO ends it', () => {
  const thrown = new Error('enough')
  con.execute(
    "create function pg_temp.loud(i int) returns int language plpgsql as $$ begin raise notice 'n'; return i; end $$",
  )
  con.addNoticeListener(() => {
    throw thrown
  })
  for (let i = 0; i < 20; i++) {
    const copy = (): unknown =>
      con.copyFromQuery('select pg_temp.loud(i) from generate_series(1, 2000) i', null, { output() {} })
    expect(failureOf(copy)).toBe(thrown)
    expect(con.fetchval('select %s::int', [i])).toBe(i)
  }
})

test('a listener that uses another connection makes the worker serve it, also when the ring is full', () => {
  const log = db.connect(sharedServer().dsn(), { autocommit: true })
  log.execute('create temp table log (line text)')
  con.addNoticeListener((notice) => log.execute('insert into log values (%s)', [notice.primaryMessage]))
  // Two megabytes; the ring has room for one. With 20 ms for each notice this would take forty seconds.
  con.execute("do $$ begin for i in 1..2000 loop raise notice '%', repeat('q', 1000); end loop; end $$")
  expect(log.fetchval('select count(distinct line)::int * count(*)::int from log')).toBe(2000)
  log.close()
}, 20_000)
