/** Many small statements at once on one connection, to measure the effect of pipelining. */

const SQL = 'select 1 as one'
const AT_ONCE = 100

export const workload = {
  name: 'in-flight',
  title: `SELECT 1, prepared, ${AT_ONCE} in flight on one connection`,
  transport: 'unix',
  unit: 'query',
  needs: ['manyInFlight'],
  preparedSql: SQL,
  size: { repeats: 50 },
  quickSize: { repeats: 10 },
  operations: ({ repeats }) => repeats * AT_ONCE,
  prepare: (_query, { repeats }) => ({ sum: repeats * AT_ONCE }),
  task: () => null,
  async measure(client, { repeats }) {
    let sum = 0
    for (let i = 0; i < repeats; i += 1) {
      const rows = await client.manyInFlight(SQL, AT_ONCE)
      for (const row of rows) sum += row.one
    }
    return { sum }
  },
  check: (_client, outcome) => outcome,
}
