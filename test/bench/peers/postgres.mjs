/** postgres (porsager): one connection, prepared, its types as they come (int8 as string, timestamps to the millisecond). */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import postgres from 'postgres'
import { copyChunks } from './copy-text.mjs'

export async function open(target) {
  const { user, password, database, port, host, transport } = target
  const where = transport === 'unix' ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  const sql = postgres({ ...where, user, password, database, max: 1, ssl: false, onnotice() {} })
  await sql`select 1`
  const run = (text, values = []) => sql.unsafe(text, values, { prepare: true })
  return {
    isBlocking: false,
    one: async (text) => (await run(text))[0],
    rows: (text) => run(text),
    command: (text) => sql.unsafe(text),
    // Its own helper: one statement with all the rows. Awaiting 10,000 single ones takes far longer.
    insertMany(_text, records, { table, columns }) {
      const rows = records.map((record) => Object.fromEntries(columns.map((column, i) => [column, record[i]])))
      return sql`insert into ${sql(table)} ${sql(rows, ...columns)}`
    },
    async copyRecords(table, columns, records) {
      const stream = await sql.unsafe(`copy ${table} (${columns.join(', ')}) from stdin`).writable()
      await pipeline(Readable.from(copyChunks(records)), stream)
    },
    close: () => sql.end(),
  }
}
