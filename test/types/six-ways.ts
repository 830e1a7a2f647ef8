/**
 * Tests each value in six ways: read and written in binary, read and written as text, in an array, and as NULL. The
 * expected text comes from the server: a value that is sent must give the same text as the literal.
 */
import { connect as connectAsync } from 'syncpg/async'
import * as db from 'syncpg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { PostgresMajor } from '../support/postgres-binaries.ts'
import { askServer, createDatabase, serverOfMajor } from '../support/shared-server.ts'
import { TYPES_SQL, type TypeRow, VALUE_TABLE } from './value-table.ts'

type Maybe<T> = T | Promise<T>

/** The calls of one API that these tests use. */
interface Face {
  rows(sql: string, values?: readonly unknown[]): Maybe<unknown[][]>
  run(sql: string): Maybe<unknown>
  copy(table: string, records: unknown[][]): Maybe<unknown>
  close(): Maybe<void>
}

async function openFace(face: 'async' | 'blocking', dsn: string): Promise<Face> {
  if (face === 'async') {
    const con = await connectAsync(dsn)
    const array = { rowFactory: 'array' } as const
    return {
      rows: (sql, values) => con.fetch<unknown[]>(sql, values, array),
      run: (sql) => con.execute(sql),
      copy: (table, records) => con.copyRecordsToTable(table, { records }),
      close: () => con.close(),
    }
  }
  const con = db.connect(dsn, { autocommit: true, rowFactory: 'array' })
  return {
    rows: (sql, values) => con.execute<unknown[]>(sql, values).fetchall(),
    run: (sql) => con.execute(sql),
    copy: (table, records) => con.copyRecordsToTable(table, { records }),
    close: () => con.close(),
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Turns rows into plain objects, so that rows of different classes can be compared. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof db.Record) {
    return Object.fromEntries([...db.Record.entries(value)].map(([name, item]) => [name, plain(item)]))
  }
  return value
}

/** Declares the tests of one API with one major version. */
export function sixWays(face: 'async' | 'blocking', major: PostgresMajor): void {
  const database = `types_${face}_${major}_${process.pid}`
  let driver: Face

  describe(`${face}, PostgreSQL ${major}`, () => {
    beforeAll(async () => {
      const server = await serverOfMajor(major)
      await createDatabase(server, database)
      await askServer(server, TYPES_SQL, [], database)
      driver = await openFace(face, server.dsn({ database }))
      await driver.rows("select set_config('timezone', 'UTC', false), set_config('lc_monetary', 'C', false)")
    })
    afterAll(async () => {
      await driver.close()
      await askServer(await serverOfMajor(major), `drop database ${database} with (force)`)
    })

    const rows = VALUE_TABLE.filter(({ since = 0 }) => major >= since)
    describe.each(
      rows.map((row) => [`${row.type}${row.since === undefined ? '' : ` since ${row.since}`}`, row] as const),
    )('%s', (_name, row) => {
      waysOf(() => driver, row, face)
    })
  })
}

function waysOf(db: () => Face, { type, samples }: TypeRow, face: string): void {
  const values = samples.map(([, value]) => value)
  const literals = samples.map(([text]) => `${quote(text)}::${type}`)
  /** The server's text for the literals. */
  const printed = async (): Promise<unknown[]> =>
    (await db().rows(`select ${literals.map((l) => `${l}::text`).join(', ')}`))[0]!
  const holder = `six_${type.replaceAll(/\W/g, '_')}`

  test('is read in binary', async () => {
    const [row] = await db().rows(`select ${literals.join(', ')}`)
    expect(plain(row)).toEqual(values)
  })

  test('is read as text, in a composite type that is sent as text', async () => {
    await db().run(`drop type if exists ${holder}; create type ${holder} as (t tsvector, v ${type})`)
    const [row] = await db().rows(`select ${literals.map((l) => `row('x', ${l})::${holder}`).join(', ')}`)
    expect(plain(row)).toEqual(values.map((v) => ({ t: "'x'", v })))
  })

  // The async API does not return the rows of a text with several statements.
  test.each(face === 'blocking' ? ['text'] : [])('is read as %s, in a text of several statements', async () => {
    expect(plain((await db().rows(`select ${literals.join(', ')}; select 1`))[0])).toEqual(values)
  })

  test('is written in binary', async () => {
    const markers = values.map((_, i) => `$${i + 1}::${type}::text`)
    expect((await db().rows(`select ${markers.join(', ')}`, values))[0]).toEqual(await printed())
  })

  test('is written as text, in a composite type that is sent as text', async () => {
    await db().run(`drop type if exists ${holder}; create type ${holder} as (t tsvector, v ${type})`)
    const markers = values.map((_, i) => `(($${i + 1}::${holder}).v)::text`)
    expect(
      (
        await db().rows(
          `select ${markers.join(', ')}`,
          values.map((v) => ({ v })),
        )
      )[0],
    ).toEqual(await printed())
  })

  test('is read and written in an array', async () => {
    const array = `array[${literals.join(', ')}, null]::${type}[]`
    const [row] = await db().rows(`select ${array}, ${array}::text`)
    expect(plain(row![0])).toEqual([...values, null])
    expect(await db().rows(`select $1::${type}[]::text`, [[...values, null]])).toEqual([[row![1]]])
  })

  // json is left out, because there a string means a JSON string.
  test.skipIf(/^jsonb?\b/.test(type))(
    'can be passed as a string, which the server reads: alone, in arrays and in COPY of records',
    async () => {
      const texts = samples.map(([text]) => text)
      const wanted = await printed()
      const markers = values.map((_, i) => `$${i + 1}::${type}::text`)
      expect((await db().rows(`select ${markers.join(', ')}`, texts))[0]).toEqual(wanted)
      const [list] = await db().rows(`select array[${literals.join(', ')}, null]::${type}[]::text`)
      if (!type.endsWith('[]')) {
        expect(await db().rows(`select $1::${type}[]::text`, [[...texts, null]])).toEqual([list])
      }
      const table = `${holder}_rows`
      await db().run(`drop table if exists ${table}; create table ${table} (i int, v ${type})`)
      await db().copy(
        table,
        [...texts, null].map((text, i) => [i, text]),
      )
      const rows = await db().rows(`select v::text from ${table} order by i`)
      expect(rows.map(([text]) => text)).toEqual([...wanted, null])
    },
  )

  test('is read and written as NULL', async () => {
    expect(await db().rows(`select null::${type}, $1::${type} is null, $1::${type}`, [null])).toEqual([
      [null, true, null],
    ])
  })
}
