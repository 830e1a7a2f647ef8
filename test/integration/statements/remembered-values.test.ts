/**
 * The driver remembers facts about a text's parameters: which of them need a type, and which places of a name were
 * joined. It must forget them with the text's statement. One savepoint must serve for describing and for running. On
 * both faces.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { connect } from 'syncpg/async'
import * as blocking from 'syncpg'

import { type Driver, openDriver } from '../../parity/driver.ts'
import { databaseOfFile, sharedServer } from '../../support/shared-server.ts'

const database = databaseOfFile()
const dsn = (): string => sharedServer().dsn({ database })

describe.each(['async', 'blocking'] as const)('%s:', (face) => {
  let con: Driver
  let dba: Driver

  beforeEach(async () => {
    con = await openDriver(face, dsn())
    dba = await openDriver('async', dsn())
  })
  afterEach(async () => {
    await con.close()
    await dba.close()
  })

  const polymorphic = 'create function told(anyelement) returns text language sql as $$ select pg_typeof($1)::text $$'
  const plain = 'create function told(int8) returns text language sql as $$ select pg_typeof($1)::text $$'

  test.each([
    ['own', false],
    ['own', true],
    ['other', false],
    ['other', true],
  ])(
    'a parameter whose type had to be declared is inferred when its function takes one type (%s, %s)',
    async (by, isInside) => {
      await dba.execute(`create table log (n int); ${polymorphic}`)
      const read = 'select told($1)'
      for (let i = 0; i < 3; i += 1) expect(await con.fetchval(read, ['5'])).toBe('text')
      const replacement = `drop function told(anyelement); ${plain}`
      if (by === 'other') await dba.execute(replacement)
      if (isInside) await con.execute('begin; insert into log values (1)')
      if (by === 'own') await con.execute(replacement)
      for (let i = 0; i < 3; i += 1) expect(await con.fetchval(read, ['5'])).toBe('bigint')
      if (isInside) await con.execute('commit')
      expect(await dba.fetchval('select count(*)::int from log')).toBe(isInside ? 1 : 0)
    },
  )

  test("a statement that is stale by another session's change runs after one that was only described", async () => {
    await dba.execute('create table t (v int); create table log (n int)')
    const insert = 'insert into t values ($1)'
    const read = 'select * from t'
    await con.execute(insert, [1])
    await con.rows(read)
    await dba.execute('alter table t alter v type text')
    await con.execute('begin; insert into log values (1)')
    // The statement was described after a savepoint and refused before it ran. The next flight releases the savepoint.
    await expect(Promise.resolve().then(() => con.fetchval('select $1::int + 1', ['none']))).rejects.toThrow('none')
    expect(await con.rows(read)).toEqual([['1']])
    await con.execute(insert, [2])
    await con.execute(insert, ['three'])
    // No savepoint of the driver's is left.
    await con.execute('savepoint mine')
    const release = Promise.resolve().then(() => con.execute('release savepoint syncpg_guard'))
    await expect(release).rejects.toMatchObject({ sqlstate: '3B001' })
    await con.execute('rollback to mine')
    await con.execute('commit')
    expect(await dba.rows('select v from t order by 1')).toEqual([['1'], ['2'], ['three']])
    expect(await dba.fetchval('select count(*)::int from log')).toBe(1)
  })
})

describe('composites that another session has altered', () => {
  test('are written by copyFromQuery with their new fields', async () => {
    const dba = await connect(dsn())
    const con = await connect(dsn())
    const sync = blocking.connect(dsn(), { autocommit: true })
    try {
      await dba.execute('create type pair as (a int, b int)')
      const copied = async (given: unknown[]): Promise<string[]> => {
        const chunks: Buffer[] = []
        const output = (chunk: Uint8Array): void => void chunks.push(Buffer.from(chunk))
        await con.copyFromQuery('select $1::pair', [given], { output })
        sync.copyFromQuery('select %s::pair', [given], { output })
        return Buffer.concat(chunks).toString().trim().split('\n')
      }
      expect(await copied([1, 2])).toEqual(['(1,2)', '(1,2)'])
      await dba.execute('alter type pair add attribute c text')
      expect(await copied([1, 2, 'x'])).toEqual(['(1,2,x)', '(1,2,x)'])
    } finally {
      sync.close()
      await con.close()
      await dba.close()
    }
  })
})

describe('markers of one name that were joined to one parameter', () => {
  const read = 'select v + :n as w, count(*)::int from t group by v + :n order by 1'

  test.each([false, true])(
    'stay joined when another session has altered the column (in a transaction: %s)',
    async (isInside) => {
      const dba = await connect(dsn())
      const con = blocking.connect(dsn(), { autocommit: true, paramstyle: 'named' })
      try {
        await dba.execute('create table t (v int); insert into t values (1), (1); create table log (n int)')
        expect(con.fetch(read, { n: 1 }).map((row) => [...row])).toEqual([[2, 2]])
        expect(con.fetch(read, { n: 1 }).map((row) => [...row])).toEqual([[2, 2]])
        await dba.execute('alter table t alter v type numeric')
        if (isInside) con.execute('begin; insert into log values (1)')
        expect(con.fetch(read, { n: '0.5' }).map((row) => [...row].map(String))).toEqual([['1.5', '2']])
        if (isInside) con.execute('commit')
        con.execute('alter table t alter v type int8')
        expect(con.fetch(read, { n: 1n }).map((row) => [...row])).toEqual([[2n, 2]])
        expect(con.fetchval('select count(*)::int from log')).toBe(isInside ? 1 : 0)
      } finally {
        con.close()
        await dba.close()
      }
    },
  )
})
