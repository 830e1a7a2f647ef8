/**
 * node-postgres: named prepared statements, its types as they come (int8 as string, timestamps to the millisecond).
 * Two peers: with its defaults, and with `pipeline: true`, which sends queries before the answers of earlier ones.
 * That mode refuses cursors and COPY, so the second peer has neither. Modules that `select 1` does not need are
 * loaded on use.
 */
import pg from 'pg'

export async function open(target, { isPipelined = false }) {
  const client = new pg.Client({ ...target, pipeline: isPipelined })
  await client.connect()
  const names = new Map()
  const named = (text, values) => {
    let name = names.get(text)
    if (name === undefined) {
      name = `bench_${names.size}`
      names.set(text, name)
    }
    return client.query({ name, text, values })
  }
  const common = {
    isBlocking: false,
    // It turns an array into a PostgreSQL array, for every parameter type.
    takesJsonText: true,
    one: async (sql) => (await named(sql)).rows[0],
    command: (sql) => client.query(sql),
    close: () => client.end(),
  }
  if (isPipelined) return { ...common, ...pipelined(client, named) }
  return {
    ...common,
    rows: async (sql) => (await named(sql)).rows,
    query: async (sql, values) => (await named(sql, values)).rows,
    async stream(sql, size, take) {
      const { default: Cursor } = await import('pg-cursor')
      const cursor = client.query(new Cursor(sql))
      for (;;) {
        const rows = await cursor.read(size)
        if (rows.length === 0) return
        for (const row of rows) take(row)
      }
    },
    insertMany: (sql, records) => oneByOne(client, named, sql, records),
    inTransaction: (sql, records) => oneByOne(client, named, sql, records),
    async copyRecords(table, columns, records) {
      const [{ from }, { writeRecords }] = await Promise.all([import('pg-copy-streams'), import('./copy-text.mjs')])
      await writeRecords(client.query(from(`copy ${table} (${columns.join(', ')}) from stdin`)), records)
    },
  }
}

async function oneByOne(client, named, sql, records) {
  await client.query('begin')
  for (const record of records) await named(sql, record)
  await client.query('commit')
}

function pipelined(client, named) {
  return {
    async manyInFlight(sql, count) {
      const results = await Promise.all(Array.from({ length: count }, () => named(sql)))
      return results.map(({ rows }) => rows[0])
    },
    async insertMany(sql, records) {
      const begun = client.query('begin')
      const inserted = records.map((record) => named(sql, record))
      await Promise.all([begun, ...inserted, client.query('commit')])
    },
  }
}
