/**
 * A million rows of five types, all kept, as its users get them. Two kinds of timestamps, because clients treat
 * microseconds differently: most drop them, and syncpg keeps them in a subclass of Date.
 */
import { FIVE_KINDS, kindsOf } from './value-kinds.mjs'

/** Whole numbers only, and small enough to be exact: peers give int8 as bigint, string or number. */
const SUMS = `select count(*)::int as rows, sum(a)::float8 as a, sum(b)::float8 as b, sum(c) as c,
  sum(length(d))::float8 as d, sum(floor(extract(epoch from e) * 1000)::int8 % 1000000)::float8 as e`

const FIVE = 'int4, int8, float8, text, timestamptz'

function keptRows({ name, title, table, rows, quickRows, transport = 'unix', step, rounds, without }) {
  const sql = `select a, b, c, d, e from ${table}`
  return {
    name,
    title,
    transport,
    unit: 'row',
    needs: ['rows'],
    without,
    rounds,
    size: { rows },
    quickSize: { rows: quickRows },
    operations: ({ rows }) => rows,
    prepare: async (query, { rows }) => {
      await makeFiveColumns(query, table, step, rows)
      return (await query(`${SUMS} from ${table}`))[0]
    },
    task: () => ({ kind: 'rows', check: 'five', needs: ['rows'], sql, repeats: 1 }),
    async measure(client) {
      return { list: await client.rows(sql) }
    },
    measureBlocking(client) {
      return { list: client.rows(sql) }
    },
    expectedKinds: FIVE_KINDS,
    kinds: ({ list: [row] }) => kindsOf(row),
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

/** A table of the five types, without dead rows and with statistics. */
export async function makeFiveColumns(query, table, step, rows) {
  await query(`drop table if exists ${table}`)
  await query(`create unlogged table ${table} as select g::int4 as a, g::int8 * 1000 as b, g * 0.25::float8 as c,
    'row number ' || g as d, timestamptz '2024-02-03 04:05:06Z' + g * interval '${step}' as e
    from generate_series(1, ${rows}) g`)
  await query(`vacuum freeze analyze ${table}`)
}

export const MICROSECOND_STEP = '1000037 microseconds'

const MILLION = { rows: 1_000_000, quickRows: 200_000, rounds: 5 }

export const workloads = [
  keptRows({
    ...MILLION,
    name: 'million-rows-us',
    title: `1,000,000 rows × (${FIVE} with microseconds), all kept`,
    table: 'bench_rows_us',
    step: MICROSECOND_STEP,
    without: [],
  }),
  // Only the timestamps differ from the other workload, so slow clients are left out here.
  keptRows({
    ...MILLION,
    name: 'million-rows-ms',
    title: `1,000,000 rows × (${FIVE} with milliseconds), all kept`,
    table: 'bench_rows_ms',
    step: '1037 milliseconds',
    without: ['pg-native', 'synckit-bridge', 'psycopg'],
  }),
  keptRows({
    name: 'rows-tls',
    title: `200,000 rows × (${FIVE}) over TLS, all kept`,
    table: 'bench_rows_tls',
    transport: 'tls',
    rows: 200_000,
    quickRows: 50_000,
    step: MICROSECOND_STEP,
    rounds: 7,
    without: ['pg-native', 'synckit-bridge'],
  }),
]
