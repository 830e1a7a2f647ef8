/** Runs composed SQL, and compares the driver's quoting with the server's. */
import fc from 'fast-check'
import { ProgrammingError, connect, format, sql } from 'syncpg/async'
import { expect, test } from 'vitest'

import { sharedServer } from '../support/shared-server.ts'
import { eachFace } from './faces.ts'
import { failureOfAsync } from '../support/failure-of.ts'

eachFace('composed sql', 'create table "My table" (id int, name text, at date)', (world) => {
  test('is accepted wherever a text is', async () => {
    const { con } = world
    const table = sql.id('My table')
    await con.execute(sql`insert into ${table} values (${1}, ${'Ann'}, ${'2024-01-02'}), (${2}, ${null}, ${null})`)
    const filter = sql.join([sql`id < ${5}`, sql`name is not null`], ' and ')
    expect(await con.fetch(sql`select id, name from ${table} where ${filter}`)).toEqual([
      expect.objectContaining({ id: 1, name: 'Ann' }),
    ])
    expect(await con.fetchval(sql`select count(*) from ${table} where id in ${sql.in([1, 2, 3])}`)).toBe(2n)
    expect((await con.fetchrow(sql`select ${42} as n`))!['n']).toBe(42)
    await con.execute(sql`alter table ${table} alter name set default ${sql.lit("it's \\ ${x}")}`)
    await con.execute(sql`insert into ${table} (id) values (${3})`)
    expect(await con.fetchval(sql`select name from ${table} where id = ${3}`)).toBe("it's \\ ${x}")
  })

  test('has its own values, so a list of values is refused', async () => {
    const refused = await failureOfAsync(() => world.con.fetch(sql`select ${1}`, [2]))
    expect(refused).toBeInstanceOf(ProgrammingError)
    expect(refused.message).toMatch(/already contains its values/)
  })
})

const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'))

test('quoted names and literals mean the same to the server', { timeout: 60_000 }, async () => {
  const con = await connect(sharedServer().dsn())
  await fc.assert(
    fc.asyncProperty(word, word, async (name, text) => {
      const query = sql`select ${sql.lit(text)} as ${sql.id(name)}, ${sql.raw(format('%L = $x$%s$x$ and %1$L = %1$L', 'a', 'a'))}`
      const cut = Buffer.byteLength(name) > 63
      const [row] = await con.fetch<unknown[]>(query, [], {
        rowFactory: (columns) => (values) => [columns[0]!.name, ...values],
      })
      expect([cut ? name : row![0], row![1], row![2]]).toEqual([name, text, true])
    }),
    { numRuns: 150 },
  )
  // Now with the server's older rules for backslashes.
  await con.execute('set standard_conforming_strings = off; set escape_string_warning = off')
  for (const text of ["\\'; drop table x; --", '\\', "'\\\\''"]) {
    expect(await con.fetchval(sql`select ${sql.lit(text)}`)).toBe(text)
  }
  await con.close()
})
