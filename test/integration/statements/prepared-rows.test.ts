/** The form of a prepared statement's rows: options of the connection, of `prepare` and of the call, on both faces. */
import * as blocking from 'syncpg'
import { type PreparedStatement, type RowFactory, connect } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

const factory: RowFactory = (columns) => (values) =>
  columns.map(({ name }, at) => `${name}=${String(values[at])}`).join()

type Form = 'array' | 'object' | RowFactory
const FORMS: readonly (readonly [name: string, form: Form | undefined, row: unknown])[] = [
  ['nothing', undefined, undefined],
  ['arrays', 'array', [1, 'x']],
  ['objects', 'object', { a: 1, b: 'x' }],
  ['a function', factory, 'a=1,b=x'],
]
/**
 * Each of connection, prepare and call sets a form or none. The call counts before prepare, and prepare before the
 * connection.
 */
const COMBINATIONS = FORMS.flatMap((outer) =>
  FORMS.flatMap((own) => FORMS.map((near) => ({ outer, own, near, title: `${outer[0]}, ${own[0]}, ${near[0]}` }))),
)
const SQL = 'select a, b from (values (1, $1::text)) as t (a, b)'

const optionsOf = (form: Form | undefined): { rowFactory?: Form } => (form === undefined ? {} : { rowFactory: form })
const expected = (...rows: unknown[]): unknown => rows.filter((row) => row !== undefined).at(-1) ?? { a: 1, b: 'x' }
/** Turns a Record into a plain object, so that rows can be compared. */
const plain = (row: unknown): unknown => (row instanceof blocking.Record ? blocking.Record.toObject(row) : row)

const SERVERS = [
  ['a server', () => sharedServer().dsn()],
  ['pglite', () => 'pglite:'],
] as const

describe.each(SERVERS)('on %s', (name, dsn) => {
  // An embedded PostgreSQL starts slowly, so only the connection with a function for rows is tested there.
  const outers = name === 'pglite' ? FORMS.slice(3) : FORMS

  test.each(outers)('the blocking face, over a connection that says %s', (_name, form) => {
    using con = blocking.connect(dsn(), optionsOf(form))
    for (const { outer, own, near, title } of COMBINATIONS.filter((each) => each.outer[1] === form)) {
      using statement = con.prepare(SQL, optionsOf(own[1]) as object)
      const options = optionsOf(near[1]) as object
      const made = {
        title,
        fetch: statement.fetch(['x'], options).map(plain),
        fetchrow: plain(statement.fetchrow(['x'], options)),
        query: statement.query(['x'], options).rows.map(plain),
        fetchmany: statement.fetchmany([['x']], options).map(plain),
        fetchval: [statement.fetchval(['x'], 0, options), statement.fetchval(['x'], 'b', options)],
      }
      const row = expected(outer[2], own[2], near[2])
      expect(made).toEqual({ title, fetch: [row], fetchrow: row, query: [row], fetchmany: [row], fetchval: [1, 'x'] })
    }
  })

  test.each(outers)('the async face, over a connection that says %s', async (_name, form) => {
    await using con = await connect(dsn(), optionsOf(form))
    for (const { outer, own, near, title } of COMBINATIONS.filter((each) => each.outer[1] === form)) {
      const statement: PreparedStatement = await con.prepare(SQL, optionsOf(own[1]) as object)
      const options = optionsOf(near[1]) as object
      const made = {
        title,
        fetch: (await statement.fetch(['x'], options)).map(plain),
        fetchrow: plain(await statement.fetchrow(['x'], options)),
        query: (await statement.query(['x'], options)).rows.map(plain),
        fetchmany: (await statement.fetchmany([['x']], options)).map(plain),
        fetchval: [await statement.fetchval(['x'], 0, options), await statement.fetchval(['x'], 'b', options)],
        cursor: await con.transaction(async () => (await statement.cursor(['x'], options).open()).fetch(5)),
        iterated: [] as unknown[],
      }
      await con.transaction(async () => {
        for await (const iterated of statement.cursor(['x'], options)) made.iterated.push(iterated)
      })
      const row = expected(outer[2], own[2], near[2])
      const rows = { fetch: [row], fetchrow: row, query: [row], fetchmany: [row], cursor: [row], iterated: [row] }
      const plainly = { ...made, cursor: made.cursor.map(plain), iterated: made.iterated.map(plain) }
      expect(plainly).toEqual({ title, ...rows, fetchval: [1, 'x'] })
      await statement.close()
    }
  })
})
