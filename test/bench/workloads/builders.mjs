/**
 * Query builders over pg and over syncpg. They compare the drivers below the builder, because building the query
 * costs the same on both.
 */

const ROWS = 1000
const COLUMNS = `id int primary key, name text, price float8, is_open bool, made_at timestamptz, count int, note text, tags jsonb`
const FILLED = `insert into bench_builders
  select g, 'name ' || g, g * 0.5, g % 2 = 0, timestamptz '2020-01-01' + g * interval '1 hour', 0, repeat('n', g % 30), '["a", 1]'
  from generate_series(1, ${ROWS}) g`

const common = {
  group: 'builders',
  transport: 'unix',
  async prepare(query, { queries }) {
    await query('drop table if exists bench_builders')
    await query(`create unlogged table bench_builders (${COLUMNS})`)
    await query(FILLED)
    await query('vacuum freeze analyze bench_builders')
    return { mean: meanOf(queries) }
  },
  after: (query) => query('drop table bench_builders'),
  operations: ({ queries }) => queries,
  rounds: 9,
}

const keyOf = (i) => (i % ROWS) + 1

function meanOf(queries) {
  let sum = 0
  for (let i = 0; i < queries; i += 1) sum += keyOf(i)
  return sum / queries
}

/** One call after the other; each gives a row with its key. */
function oneByOne({ name, title, needs, queries, quickQueries, ask }) {
  return {
    ...common,
    name: `builders-${name}`,
    title,
    unit: name === 'transaction' ? 'transaction' : 'query',
    needs: [needs],
    size: { queries },
    quickSize: { queries: quickQueries },
    async measure(client, size) {
      let sum = 0
      for (let i = 0; i < size.queries; i += 1) sum += (await ask(client, keyOf(i))).id
      return { sum }
    },
    measureBlocking(client, size) {
      let sum = 0
      for (let i = 0; i < size.queries; i += 1) sum += ask(client, keyOf(i)).id
      return { sum }
    },
    check: (_client, { sum }, size) => ({ mean: sum / size.queries }),
  }
}

/** Makes each text different, so that no client gets a text twice, in any round. */
let newest = 0

const oneRow = oneByOne({
  name: 'one-row',
  title: 'Query builders: a row by its key',
  needs: 'byKey',
  queries: 2000,
  quickQueries: 500,
  ask: (client, key) => client.byKey(key),
})

const newText = oneByOne({
  name: 'new-text',
  title: 'Query builders: a row by its key, each time by a text the server has not seen',
  needs: 'newText',
  queries: 1500,
  quickQueries: 500,
  ask: (client, key) => client.newText(key, (newest += 1)),
})

const transaction = oneByOne({
  name: 'transaction',
  title: 'Query builders: a transaction of a SELECT and two UPDATEs',
  needs: 'transfer',
  queries: 500,
  quickQueries: 200,
  ask: (client, key) => client.transfer(key, (key % ROWS) + 1),
})

const thousandRows = {
  ...common,
  name: 'builders-thousand-rows',
  title: `Query builders: ${ROWS} rows × 8 columns`,
  unit: 'result',
  needs: ['upTo'],
  size: { queries: 100 },
  quickSize: { queries: 30 },
  async measure(client, { queries }) {
    let list
    for (let i = 0; i < queries; i += 1) list = await client.upTo(ROWS)
    return { list }
  },
  measureBlocking(client, { queries }) {
    let list
    for (let i = 0; i < queries; i += 1) list = client.upTo(ROWS)
    return { list }
  },
  async prepare(query, size) {
    await common.prepare(query, size)
    return { sum: (ROWS * (ROWS + 1)) / 2, tags: 'a', years: 2020 }
  },
  check: (_client, { list }) => ({
    sum: list.reduce((sum, row) => sum + row.id, 0),
    tags: list[0].tags[0],
    years: (list[0].made_at ?? list[0].madeAt).getUTCFullYear(),
  }),
}

const AT_ONCE = 10

const parallel = {
  ...common,
  name: 'builders-parallel',
  title: `Query builders: a row by its key, ${AT_ONCE} at once`,
  unit: 'query',
  needs: ['byKey'],
  // A blocking client cannot run several queries at once.
  without: ['syncpg/kysely, blocking', 'syncpg/drizzle, blocking'],
  size: { queries: 3000 },
  quickSize: { queries: 1000 },
  async measure(client, { queries }) {
    let sum = 0
    for (let i = 0; i < queries; i += AT_ONCE) {
      const rows = await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => client.byKey(keyOf(i + j))))
      for (const row of rows) sum += row.id
    }
    return { sum }
  },
  check: (_client, { sum }, { queries }) => ({ mean: sum / queries }),
}

export const workloads = [oneRow, thousandRows, newText, transaction, parallel]
