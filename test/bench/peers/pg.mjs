/** node-postgres: named prepared statements, its types as they come (int8 as string, timestamps to the millisecond). */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Client } from 'pg'
import { copyChunks } from './copy-text.mjs'

export async function open(target) {
  const client = new Client({ ...target, ssl: false })
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
  return {
    isBlocking: false,
    one: async (sql) => (await named(sql)).rows[0],
    rows: async (sql) => (await named(sql)).rows,
    command: (sql) => client.query(sql),
    async insertMany(sql, records) {
      await client.query('begin')
      for (const record of records) await named(sql, record)
      await client.query('commit')
    },
    async copyRecords(table, columns, records) {
      const { from } = await import('pg-copy-streams')
      const stream = client.query(from(`copy ${table} (${columns.join(', ')}) from stdin`))
      await pipeline(Readable.from(copyChunks(records)), stream)
    },
    close: () => client.end(),
  }
}
