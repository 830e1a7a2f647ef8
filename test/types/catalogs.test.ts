/** All tables of the system catalogs can be read, and the driver learns types fast even if there are many. */
import { connect } from 'syncpg/async'
import * as db from 'syncpg'
import { describe, expect, test } from 'vitest'

import { typeRecordsSql } from '../../src-async/values/type-records.ts'
import { type PostgresMajor, hasPostgres } from '../support/postgres-binaries.ts'
import { askServer, freshDatabase, serverOfMajor, sharedServer } from '../support/shared-server.ts'

const CATALOGS = `
  select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v', 'm') order by 1`

const majors = new Set<PostgresMajor>([13, sharedServer().major])

describe.each([...majors].filter(hasPostgres))('PostgreSQL %s', (major) => {
  test('every table and view of the catalogs can be read, by both APIs', { timeout: 120_000 }, async () => {
    const server = await serverOfMajor(major)
    const database = await freshDatabase(server)
    // Statistics have columns of the type anyarray, and so has a default that came with its column.
    await askServer(
      server,
      'create table t (a int, b text[]); insert into t values (1, null); analyze; alter table t add c text default $$x$$',
      [],
      database,
    )
    const con = await connect(server.dsn({ database }))
    const blocking = db.connect(server.dsn({ database }), { autocommit: true })
    const relations = (await con.fetch<[string]>(CATALOGS)).map(([name]) => name)
    expect(relations.length).toBeGreaterThan(180)
    const unreadable: string[] = []
    for (const relation of relations) {
      try {
        const rows = await con.fetch(`select * from ${relation}`)
        const others = blocking.fetch(`select * from ${relation} limit 50`)
        // Views of what other sessions do right now may have become empty in between.
        const isLost = rows.length > 0 && others.length === 0 && !relation!.includes('pg_stat_progress_')
        if (isLost) unreadable.push(`${relation}: nothing`)
      } catch (error) {
        unreadable.push(`${relation}: ${String(error)}`)
      }
    }
    // The only error left is about something that the server cannot read on such a machine.
    expect(unreadable.filter((line) => !line.includes('NUMA is not supported'))).toEqual([])
    const missing = await con.fetchval('select attmissingval from pg_attribute where attmissingval is not null')
    expect(missing).toEqual(['x'])
    await con.close()
    blocking.close()
  })

  test('every type that a value can be of resolves, and the value can be read, alone and in an array', async () => {
    const con = await connect((await serverOfMajor(major)).dsn())
    const types = await con.fetch<[string, number]>(
      "select format_type(oid, null), typarray from pg_type where typtype in ('b', 'r', 'm', 'd', 'e') and typcategory <> 'A' and oid < 16384 order by oid",
    )
    expect(types.length).toBeGreaterThan(70)
    for (const [type, array] of types) {
      const arrays = array === 0 ? '' : `, array[null]::${type}[]`
      const [row] = await con.fetch<unknown[]>(`select null::${type}${arrays}`, [], { rowFactory: 'array' })
      expect([type, ...row!]).toEqual(array === 0 ? [type, null] : [type, null, [null]])
    }
    await con.close()
  })
})

describe('a schema of 1,000 tables with 50 columns each', () => {
  const SETUP = `do $$
    declare cols text := (select string_agg(format('c%s %s', i, (array['int4', 'text', 'timestamptz', 'numeric'])[1 + i % 4]), ', ')
      from generate_series(1, 49) i);
    begin
      for i in 1..1000 loop execute format('create table t%s (id int4, %s)', i, cols); end loop;
    end $$;
    create type mood as enum ('a'); analyze pg_class; analyze pg_attribute; analyze pg_type`

  test('does not slow down the learning of one type or of all', { timeout: 120_000 }, async () => {
    const database = await freshDatabase()
    await askServer(sharedServer(), SETUP, [], database)
    const con = await connect(sharedServer().dsn({ database }))
    await con.fetch('select 1')
    const times: number[] = []
    for (const columns of [
      'null::t7, null::mood[]',
      Array.from({ length: 1000 }, (_, i) => `null::t${i + 1}`).join(),
    ]) {
      const begun = performance.now()
      await con.fetch(`select ${columns}`)
      times.push(performance.now() - begun)
    }
    // On an idle machine it takes 10 and 100 ms.
    expect(times[0]).toBeLessThan(250)
    expect(times[1]).toBeLessThan(1500)
    // What makes it slow elsewhere is the server's compiler, which it asks for at a cost of 100,000.
    for (const count of [1, 1000]) {
      const oids = await con.fetchval(
        `select array_agg(oid) from (select oid from pg_type where typrelid <> 0 limit ${count}) t`,
      )
      const plan = (await con.fetchval(`explain (format json) ${typeRecordsSql(sharedServer().major >= 14)}`, [
        oids,
      ])) as {
        Plan: { 'Total Cost': number }
      }[]
      expect(plan[0]!.Plan['Total Cost']).toBeLessThan(50_000)
    }
    await con.close()
  })
})
