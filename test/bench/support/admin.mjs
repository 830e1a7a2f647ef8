/** A plain connection of the benchmarks' own, for tables and expected sums: by `pg`, which is a peer anyway. */
import pg from 'pg'

/** Calls `work` with a function that runs SQL and returns its rows. */
export async function admin(target, work) {
  const client = new pg.Client({ ...target, ssl: false })
  await client.connect()
  try {
    return await work(async (sql) => (await client.query(sql)).rows)
  } finally {
    await client.end()
  }
}

/** How many of the other sessions use TLS, how many do not, and how many are in a transaction though nobody works. */
export async function sessionsOf(query) {
  const [counts] = await query(`select count(*) filter (where ssl)::int as "withTls",
      count(*) filter (where not ssl)::int as "withoutTls",
      count(*) filter (where state <> 'idle')::int as "inTransaction"
    from pg_stat_activity join pg_stat_ssl using (pid)
    where backend_type = 'client backend' and pid <> pg_backend_pid()`)
  return counts
}
