/** postgres (porsager): one connection, prepared, its types as they come (int8 as string, timestamps to the millisecond). */
import postgres from 'postgres'

export async function open(target) {
  const { user, password, database, port, host, transport, ssl } = target
  const where = transport === 'unix' ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  const sql = postgres({ ...where, user, password, database, max: 1, ssl, onnotice() {} })
  await sql`select 1`
  // Without `simple: false` it uses the simple protocol for a statement without parameters, prepared or not.
  const run = (text, values = []) => sql.unsafe(text, values, { prepare: true, simple: false })
  return {
    isBlocking: false,
    one: async (text) => (await run(text))[0],
    rows: (text) => run(text),
    query: run,
    command: (text) => sql.unsafe(text),
    async stream(text, size, take) {
      for await (const rows of run(text).cursor(size)) {
        for (const row of rows) take(row)
      }
    },
    // It pipelines queries that are not awaited.
    async manyInFlight(text, count) {
      const results = await Promise.all(Array.from({ length: count }, () => run(text)))
      return results.map(([row]) => row)
    },
    // Its own helper sends one statement with all rows. 10,000 single statements take far longer.
    insertMany(_text, records, { table, columns }) {
      const rows = records.map((record) => Object.fromEntries(columns.map((column, i) => [column, record[i]])))
      return sql`insert into ${sql(table)} ${sql(rows, ...columns)}`
    },
    inTransaction: (text, records) =>
      sql.begin(async (transaction) => {
        for (const record of records) await transaction.unsafe(text, record, { prepare: true })
      }),
    async copyRecords(table, columns, records) {
      const { writeRecords } = await import('./copy-text.mjs')
      await writeRecords(await sql.unsafe(`copy ${table} (${columns.join(', ')}) from stdin`).writable(), records)
    },
    close: () => sql.end(),
  }
}
