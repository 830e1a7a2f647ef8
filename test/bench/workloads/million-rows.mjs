/**
 * A million rows of five types, all kept, as its users get them. Two kinds of timestamps, because clients differ in what
 * they make of microseconds: most drop them, syncpg keeps them in a subclass of Date.
 */

/** Whole numbers only, and small enough to be exact: peers give int8 as bigint, string or number. */
const SUMS = `select count(*)::int as rows, sum(a)::float8 as a, sum(b)::float8 as b, sum(c) as c,
  sum(length(d))::float8 as d, sum(floor(extract(epoch from e) * 1000)::int8 % 1000000)::float8 as e`

function millionRows(kind, step) {
  const table = `bench_rows_${kind}`
  return {
    name: `million-rows-${kind}`,
    title: `A million rows (200,000 when quick) × (int4, int8, float8, text, timestamptz with ${kind === 'us' ? 'micro' : 'milli'}seconds), all kept`,
    transport: 'unix',
    unit: 'row',
    needs: ['rows'],
    rounds: 5,
    size: { rows: 1_000_000 },
    quickSize: { rows: 200_000 },
    operations: ({ rows }) => rows,
    async prepare(query, { rows }) {
      await query(`drop table if exists ${table}`)
      await query(`create unlogged table ${table} as select g::int4 as a, g::int8 * 1000 as b, g * 0.25::float8 as c,
        'row number ' || g as d, timestamptz '2024-02-03 04:05:06Z' + g * interval '${step}' as e
        from generate_series(1, ${rows}) g`)
      await query(`vacuum freeze analyze ${table}`)
      return (await query(`${SUMS} from ${table}`))[0]
    },
    async measure(client) {
      return { list: await client.rows(`select a, b, c, d, e from ${table}`) }
    },
    measureBlocking(client) {
      return { list: client.rows(`select a, b, c, d, e from ${table}`) }
    },
    check(_client, outcome) {
      const sums = { rows: outcome.list.length, a: 0, b: 0, c: 0, d: 0, e: 0 }
      for (const row of outcome.list) {
        sums.a += row.a
        sums.b += Number(row.b)
        sums.c += row.c
        sums.d += row.d.length
        sums.e += row.e.getTime() % 1_000_000
      }
      outcome.list = null
      return sums
    },
  }
}

export const workloads = [millionRows('us', '1000037 microseconds'), millionRows('ms', '1037 milliseconds')]
