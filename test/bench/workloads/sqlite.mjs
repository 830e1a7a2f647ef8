/**
 * Compares syncpg/sqlite-shape with SQLite over a local file, to show the cost of a move. SQLite is a library in the
 * same process, so each call takes some microseconds. In syncpg/sqlite-shape each call is a round trip to a server.
 */

export const SQLITE_COLUMNS = 'id integer primary key, name text, price double precision, note text'
const ROWS = 1000

/** Rows with the ids from `first`. */
export function sqliteRows(first, count) {
  return Array.from({ length: count }, (_, i) => [
    first + i,
    `name ${first + i}`,
    (first + i) * 0.5,
    'n'.repeat(i % 30),
  ])
}

const NEW_ROWS = sqliteRows(ROWS + 1, ROWS)

const common = {
  group: 'sqlite',
  transport: 'unix',
  rounds: 9,
  async prepare(query) {
    await query('drop table if exists bench_sqlite')
    await query(`create unlogged table bench_sqlite (${SQLITE_COLUMNS})`)
    await query(`insert into bench_sqlite select g, 'name ' || g, g * 0.5, repeat('n', (g - 1) % 30)
      from generate_series(1, ${ROWS}) g`)
    await query('vacuum freeze analyze bench_sqlite')
    return { rows: ROWS, sum: (ROWS * (ROWS + 1)) / 2 }
  },
  after: (query) => query('drop table bench_sqlite'),
  check: (_client, outcome) => outcome,
}

export const workloads = [
  {
    ...common,
    name: 'sqlite-get',
    title: `sqlite-shape beside SQLite: get by key, ${ROWS} times`,
    unit: 'get',
    needs: ['getByKey'],
    size: { gets: ROWS },
    quickSize: { gets: ROWS },
    operations: ({ gets }) => gets,
    measureBlocking(client, { gets }) {
      let sum = 0
      for (let id = 1; id <= gets; id += 1) sum += client.getByKey(id).id
      return { rows: gets, sum }
    },
  },
  {
    ...common,
    name: 'sqlite-all',
    title: `sqlite-shape beside SQLite: all of ${ROWS} rows × 4`,
    unit: 'all',
    needs: ['allRows'],
    size: { repeats: 50 },
    quickSize: { repeats: 20 },
    operations: ({ repeats }) => repeats,
    measureBlocking(client, { repeats }) {
      let rows = []
      for (let i = 0; i < repeats; i += 1) rows = client.allRows()
      return { rows: rows.length, sum: rows.reduce((sum, row) => sum + row.id, 0) }
    },
  },
  {
    ...common,
    name: 'sqlite-insert',
    title: `sqlite-shape beside SQLite: ${ROWS} inserts in a transaction`,
    unit: 'insert',
    needs: ['insertAll', 'clear'],
    size: { rows: ROWS },
    quickSize: { rows: ROWS },
    operations: ({ rows }) => rows,
    before: (client) => client.clear(),
    measureBlocking(client) {
      client.insertAll(NEW_ROWS)
      return {}
    },
    check(client) {
      const { rows, sum } = client.one('select count(*) as rows, sum(id) as sum from bench_sqlite where id > 1000')
      return { rows: Number(rows), sum: Number(sum) - ROWS * ROWS }
    },
  },
]
