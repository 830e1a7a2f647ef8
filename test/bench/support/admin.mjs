/** A plain connection of the benchmarks' own, for tables and expected sums: by `pg`, which is a peer anyway. */
import { Client } from 'pg'

/** Calls `work` with a function that runs SQL and returns its rows. */
export async function admin(target, work) {
  const client = new Client({ ...target, ssl: false })
  await client.connect()
  try {
    return await work(async (sql) => (await client.query(sql)).rows)
  } finally {
    await client.end()
  }
}
