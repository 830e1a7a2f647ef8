/** Reads a million rows one by one, 1000 in each round trip, and keeps none. Measures time and memory. */
import { makeFiveColumns, MICROSECOND_STEP } from './million-rows.mjs'

const BATCH = 1000

function streamed({ name, title, table, rows, quickRows, rounds, ...more }) {
  const sql = `select a, b, c, d, e from ${table}`
  return {
    name,
    title,
    transport: 'unix',
    unit: 'row',
    needs: ['stream'],
    rounds,
    ...more,
    size: { rows },
    quickSize: { rows: quickRows },
    operations: ({ rows }) => rows,
    prepare: async (query, { rows }) => {
      await makeFiveColumns(query, table, MICROSECOND_STEP, rows)
      return { rows, sum: (rows * (rows + 1)) / 2 }
    },
    after: (query) => query(`drop table ${table}`),
    task: () => ({ kind: 'stream', check: 'stream', needs: ['stream'], sql, batch: BATCH }),
    async measure(client) {
      const tally = { rows: 0, sum: 0 }
      await client.stream(sql, BATCH, (row) => add(tally, row))
      return tally
    },
    measureBlocking(client) {
      const tally = { rows: 0, sum: 0 }
      client.stream(sql, BATCH, (row) => add(tally, row))
      return tally
    },
    check: (_client, outcome) => outcome,
  }
}

function add(tally, row) {
  tally.rows += 1
  tally.sum += row.a
}

export const workloads = [
  streamed({
    name: 'million-streamed',
    title: '1,000,000 rows × 5 types, one by one, not kept',
    table: 'bench_streamed',
    rows: 1_000_000,
    quickRows: 200_000,
    rounds: 5,
    without: ['psycopg'],
  }),
  // This workload measures memory. Only the clients with a memory target run it, and only once.
  streamed({
    name: 'ten-million-streamed',
    title: '10,000,000 rows × 5 types, one by one, not kept',
    table: 'bench_ten_million',
    rows: 10_000_000,
    quickRows: 2_000_000,
    rounds: 1,
    warmUps: 0,
    isOptIn: true,
    only: ['syncpg', 'syncpg/async'],
  }),
]
