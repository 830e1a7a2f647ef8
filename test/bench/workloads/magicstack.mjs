/**
 * The seven workloads by which asyncpg's makers compare clients (github.com/MagicStack/pgbench, its folder `queries`), on
 * one connection and on ten at once. There each runs for thirty seconds after five seconds of warm-up. Here the
 * number of operations is fixed, so that all clients do the same work in a round.
 */

const SEVEN_COLUMNS = '(a int, b int, c int, d text, e float, f int, g text)'
const COLUMNS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const ROW = [10, 11, 10, 'TESTTESTTEST', 10.333, 12341234, '123412341234']

/** `weight` is the sum of `weigh` over the first column of a query's rows. */
const QUERIES = [
  {
    name: 'pg_type',
    title: 'rows of pg_type',
    operations: 60,
    sql: `select typname, typnamespace, typowner, typlen, typbyval, typcategory, typispreferred, typisdefined,
      typdelim, typrelid, typelem, typarray from pg_type where typtypmod = $1 and typisdefined = $2`,
    values: [-1, true],
    expected: `select count(*)::int as rows, sum(length(typname::text))::int as weight
      from pg_type where typtypmod = -1 and typisdefined`,
  },
  {
    name: 'generate_series',
    title: '1000 rows of generate_series',
    operations: 150,
    sql: 'select i from generate_series(1, $1) as i',
    values: [1000],
    expected: 'select 1000 as rows, 500500 as weight',
  },
  {
    name: 'bytes',
    title: '100 blobs of 1 kB',
    operations: 300,
    setup: `create unlogged table bench_bytes as select repeat('a', 1000)::bytea as b from generate_series(1, 100)`,
    table: 'bench_bytes',
    sql: 'select * from bench_bytes',
    values: [],
    expected: 'select 100 as rows, 100000 as weight',
  },
  {
    name: 'arrays',
    title: '100 arrays of 100 int4',
    operations: 100,
    setup: `create unlogged table bench_arrays as
      select (select array_agg(i) from generate_series(1, 100) i) as a from generate_series(1, 100)`,
    table: 'bench_arrays',
    sql: 'select * from bench_arrays',
    values: [],
    expected: 'select 100 as rows, 505000 as weight',
  },
  { name: 'copy', title: 'COPY of 10,000 rows', operations: 10, kind: 'copies', table: 'bench_seven', records: 10_000 },
  {
    name: 'batch',
    title: 'a batch of 1000 INSERTs',
    operations: 10,
    kind: 'batches',
    table: 'bench_seven',
    records: 1000,
    sql: `insert into bench_seven (${COLUMNS.join(', ')}) values ($1, $2, $3, $4, $5, $6, $7)`,
  },
  {
    name: 'one_plus_one',
    title: 'SELECT 1+1',
    operations: 1000,
    sql: 'select 1+1',
    values: [],
    expected: 'select 1 as rows, 2 as weight',
  },
]

export const MAGICSTACK_NAMES = QUERIES.map(({ name }) => name)
export const MAGICSTACK_CONNECTIONS = [1, 10]

const WAYS = {
  copies: {
    needs: ['command', 'one', 'copyRecords'],
    operate: ({ table }, client, records) => client.copyRecords(table, COLUMNS, records),
  },
  batches: {
    needs: ['command', 'one', 'insertMany'],
    operate: ({ sql, table }, client, records) => client.insertMany(sql, records, { table, columns: COLUMNS }),
  },
  queries: { needs: ['query'], operate: ({ sql, values }, client) => client.query(sql, values) },
}

function magicStack(query, connections) {
  const { name, title, operations, kind = 'queries', table } = query
  const way = WAYS[kind]
  const loads = kind !== 'queries'
  const countSql = `select count(*)::int4 as records from ${table}`
  const truncate = `truncate ${table}`
  const records = loads ? Array.from({ length: query.records }, () => ROW) : null
  // Ten connections keep all cores busy with the server's processes, so a round has more operations.
  const size = { each: connections === 1 ? operations : Math.ceil((2 * operations) / connections) }
  return {
    name: `magicstack-${name}-${connections}`,
    title: `MagicStack: ${title}, ${connections === 1 ? 'one connection' : `${connections} connections at once`}`,
    transport: 'unix',
    unit: 'operation',
    connections,
    needs: way.needs,
    preparedSql: loads ? undefined : query.sql,
    warmUps: 3,
    rounds: 7,
    size,
    quickSize: { each: Math.max(1, Math.ceil(size.each / 5)) },
    operations: ({ each }) => each * connections,
    async prepare(run, { each }) {
      if (table !== undefined) await run(`drop table if exists ${table}`)
      if (loads) {
        await run(`create unlogged table ${table} ${SEVEN_COLUMNS}`)
        return { records: each * connections * query.records }
      }
      if (query.setup !== undefined) await run(query.setup)
      const [expected] = await run(query.expected)
      return Array.from({ length: connections }, () => expected)
    },
    async before(client) {
      if (loads) await client.command(truncate)
    },
    async measure(_client, { each }, clients) {
      const oneByOne = async (client) => {
        let rows = []
        for (let i = 0; i < each; i += 1) rows = await way.operate(query, client, records)
        return rows
      }
      return Promise.all(clients.map(oneByOne))
    },
    async check(client, outcome) {
      if (loads) return { records: (await client.one(countSql)).records }
      return outcome.map((rows) => ({ rows: rows.length, weight: rows.reduce((sum, row) => sum + weighFirst(row), 0) }))
    },
    task: ({ each }) => ({
      kind,
      needs: ['at_once'],
      connections,
      each,
      sql: query.sql,
      values: query.values,
      check: loads ? 'records' : 'weights',
      ...(loads ? { before: truncate, table, columns: COLUMNS, row: ROW, count: query.records } : {}),
      ...(loads ? { countSql, countNames: ['records'] } : {}),
    }),
  }
}

function weighFirst(row) {
  for (const name in row) return weigh(row[name])
  return 0
}

/** A number for each value: the length of text and bytes, the sum of an array, a number itself. */
function weigh(value) {
  if (typeof value === 'number') return value
  return Array.isArray(value) ? value.reduce((sum, item) => sum + item, 0) : value.length
}

export const workloads = MAGICSTACK_CONNECTIONS.flatMap((connections) =>
  QUERIES.map((query) => magicStack(query, connections)),
)
