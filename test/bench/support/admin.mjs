/**
 * A connection of the benchmark itself, which makes tables and computes expected sums. It uses `pg`, which is
 * installed as a client anyway.
 */
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

/** How many of the other sessions use TLS, how many do not, and how many are in an idle transaction. */
export async function sessionsOf(query) {
  const [counts] = await query(`select count(*) filter (where ssl)::int as "withTls",
      count(*) filter (where not ssl)::int as "withoutTls",
      count(*) filter (where state <> 'idle')::int as "inTransaction"
    from pg_stat_activity join pg_stat_ssl using (pid)
    where backend_type = 'client backend' and pid <> pg_backend_pid()`)
  return counts
}
