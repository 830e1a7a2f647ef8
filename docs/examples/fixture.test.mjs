// Tests that leave nothing behind: one transaction for all of them, never committed, and a savepoint for each.
// `node --test fixture.test.mjs`, with PGHOST and its like in the environment, or DATABASE_URL.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, it } from 'node:test'

import * as db from 'syncpg'

let con
before(() => {
  con = db.connect(process.env.DATABASE_URL)
  con.execute('create temporary table person (mail text unique, name text)')
})
beforeEach(() => con.execute('savepoint fixture'))
afterEach(() => con.execute('rollback to fixture'))
after(() => con[Symbol.dispose]())

it('rejects duplicates', () => {
  con.executemany('insert into person (mail) values (%s)', [['a@x'], ['b@x']])
  assert.throws(() => con.execute('insert into person (mail) values (%s)', ['a@x']), db.UniqueViolationError)
})

it('begins every test with an empty table, the one after a failure too', () => {
  assert.equal(con.fetchval('select count(*) from person'), 0n)
})
