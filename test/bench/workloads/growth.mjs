/**
 * How cost grows with size: each range does the same work at several sizes on one connection, from a single unit to
 * as many as PostgreSQL or the memory allows. docs/growth.md says how the cost of a unit is computed.
 *
 * `prepare` makes tables. `work(client, size)` gives a function that does the work once. Its result must equal
 * `expected(size)`. Preparations that are not timed are in `work` itself.
 */
import { COLUMNS as RECORD_COLUMNS, makeRecords } from './records.mjs'

const POWERS = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))

/** Calls `then` with a value or the value of a promise, because the clients of a range may be blocking or async. */
const after = (value, then) => (value instanceof Promise ? value.then(then) : then(value))
const firstOf = (rows) => Object.values(rows[0])[0]

const COLUMN_COUNT = 1600
const columnNames = (count) => Array.from({ length: count }, (_, i) => `c${i + 1}`).join(', ')

function columns(rows) {
  return {
    name: `growth-columns-${rows === 1 ? 'row' : 'rows'}`,
    title: `Columns: a result of ${rows === 1 ? 'one row' : `${rows} rows`} with so many columns of int4`,
    unit: 'column',
    points: [1, 10, 100, 400, 800, COLUMN_COUNT],
    needs: ['query'],
    async prepare(query) {
      const names = columnNames(COLUMN_COUNT).replaceAll(',', ' int4,')
      await query('drop table if exists bench_columns')
      await query(`create unlogged table bench_columns (${names} int4)`)
      const values = Array.from({ length: COLUMN_COUNT }, () => 'g').join(', ')
      await query(`insert into bench_columns select ${values} from generate_series(1, 100) g`)
      await query('vacuum freeze analyze bench_columns')
    },
    work(client, count) {
      const sql = `select ${columnNames(count)} from bench_columns limit ${rows}`
      return () => after(client.query(sql, []), (list) => list.length * Object.keys(list[0]).length)
    },
    expected: (count) => count * rows,
  }
}

/** Makes a text of that many bytes, a power of ten. `repeat` is faster with a thousand bytes than with one. */
const MADE = `repeat(repeat('x', least($1::int4, 1000)), greatest($1::int4 / 1000, 1))`

/** One value of so many bytes; the cost is that of a thousand. */
const BYTES = { unit: 'kB', perUnit: 1000, sizeUnit: 'bytes', points: POWERS(0, 8) }

/** A value that the server makes. */
function received(kind, title, sql) {
  return {
    ...BYTES,
    name: `growth-${kind}-received`,
    title,
    needs: ['query'],
    work: (client, bytes) => () => after(client.query(sql, [bytes]), (rows) => firstOf(rows).length),
    expected: (bytes) => bytes,
  }
}

const sent = (kind, title, sql, make) => argument({ ...BYTES, name: `growth-${kind}-sent`, title, sql, make })

/** Values that are stored, one for each size, so that the server only reads them. */
function stored({ name, title, unit, points, column, made, measure }) {
  const table = `bench_${name.replaceAll('-', '_')}`
  return {
    name,
    title,
    unit,
    points,
    needs: ['query'],
    async prepare(query) {
      await query(`drop table if exists ${table}`)
      await query(`create unlogged table ${table} (size int4 primary key, value ${column})`)
      await query(`alter table ${table} alter value set storage external`)
      for (const size of points) await query(`insert into ${table} select ${size}, ${made(size)}`)
      await query(`vacuum freeze analyze ${table}`)
    },
    work: (client, size) => () =>
      after(client.query(`select value from ${table} where size = $1`, [size]), (rows) => measure(firstOf(rows))),
    expected: (size) => size,
  }
}

/** A value that the client sends. */
function argument({ sql, make, ...workload }) {
  return {
    ...workload,
    needs: ['query'],
    work(client, size) {
      const value = make(size, client)
      return () => after(client.query(sql, [value]), (rows) => Number(firstOf(rows)))
    },
    expected: (size) => size,
  }
}

const numbers = (count) => Array.from({ length: count }, (_, i) => i)
const texts = (count) => Array.from({ length: count }, (_, i) => `item ${i}`)
const objects = (count) => Array.from({ length: count }, (_, i) => ({ id: i, name: `item ${i}`, isOpen: true }))
const lengthOf = (list) => list.length

const ARRAYS = [
  stored({
    name: 'growth-int-array-received',
    title: 'Arrays: an int4[] received',
    unit: 'element',
    points: POWERS(0, 6),
    column: 'int4[]',
    made: (size) => `array(select g::int4 from generate_series(1, ${size}) g)`,
    measure: lengthOf,
  }),
  argument({
    name: 'growth-int-array-sent',
    title: 'Arrays: an int4[] sent',
    unit: 'element',
    points: POWERS(0, 6),
    sql: 'select cardinality($1::int4[])',
    make: numbers,
  }),
  stored({
    name: 'growth-text-array-received',
    title: 'Arrays: a text[] received',
    unit: 'element',
    points: POWERS(0, 6),
    column: 'text[]',
    made: (size) => `array(select 'item ' || g from generate_series(1, ${size}) g)`,
    measure: lengthOf,
  }),
  argument({
    name: 'growth-text-array-sent',
    title: 'Arrays: a text[] sent',
    unit: 'element',
    points: POWERS(0, 6),
    sql: 'select cardinality($1::text[])',
    make: texts,
  }),
]

const JSON_VALUES = [
  stored({
    name: 'growth-json-received',
    title: 'JSON: a jsonb array of objects with three members received',
    unit: 'object',
    points: POWERS(0, 5),
    column: 'jsonb',
    made: (size) =>
      `(select jsonb_agg(jsonb_build_object('id', g, 'name', 'item ' || g, 'isOpen', true)) from generate_series(1, ${size}) g)`,
    measure: lengthOf,
  }),
  argument({
    name: 'growth-json-sent',
    title: 'JSON: a jsonb array of objects with three members sent',
    unit: 'object',
    points: POWERS(0, 5),
    sql: 'select jsonb_array_length($1::jsonb)',
    // A client that turns an array into a PostgreSQL array has to get the JSON text.
    make: (size, client) => (client.takesJsonText ? JSON.stringify(objects(size)) : objects(size)),
  }),
]

const MOST_PARAMETERS = 65_535

const parameters = {
  name: 'growth-parameters',
  title: 'Parameters: a statement with so many of int4',
  unit: 'parameter',
  // A statement with 2000 parameters is short enough to stay prepared, one with 3000 is not.
  points: [1, 10, 100, 1000, 2000, 3000, 10_000, MOST_PARAMETERS],
  needs: ['query'],
  work(client, count) {
    const markers = Array.from({ length: count }, (_, i) => `$${i + 1}`)
    const sql = `select cardinality(array[${markers.join(', ')}]::int4[])`
    const values = numbers(count)
    return () => after(client.query(sql, values), (rows) => firstOf(rows))
  },
  expected: (count) => count,
}

const script = {
  name: 'growth-script',
  title: 'Scripts: so many statements in one text, without parameters',
  unit: 'statement',
  points: POWERS(0, 4),
  needs: ['command'],
  work(client, count) {
    const sql = 'select 1; '.repeat(count)
    return () => after(client.command(sql), () => true)
  },
  expected: () => true,
}

const notices = {
  name: 'growth-notices',
  title: 'Notices: a statement that raises so many',
  unit: 'notice',
  points: POWERS(0, 5),
  needs: ['command'],
  work(client, count) {
    const sql = `do $$ begin for i in 1..${count} loop raise notice 'notice %', i; end loop; end $$`
    return () => after(client.command(sql), () => true)
  },
  expected: () => true,
}

const MOST_ROWS = 10_000_000

async function prepareRows(query) {
  await query('create unlogged table if not exists bench_growth_rows (a int4, b text)')
  const [{ count }] = await query('select count(*)::int4 as count from bench_growth_rows')
  if (count === MOST_ROWS) return
  await query('truncate bench_growth_rows')
  await query(`insert into bench_growth_rows select g, 'row ' || g from generate_series(1, ${MOST_ROWS}) g`)
  await query('vacuum freeze analyze bench_growth_rows')
}

const kept = {
  name: 'growth-rows-kept',
  title: 'Rows: a result of so many rows × (int4, text), all kept',
  unit: 'row',
  points: POWERS(0, 6),
  needs: ['query'],
  prepare: prepareRows,
  work: (client, count) => () =>
    after(client.query('select a, b from bench_growth_rows limit $1::int4', [count]), lengthOf),
  expected: (count) => count,
}

const streamed = {
  name: 'growth-rows-streamed',
  title: 'Rows: so many rows × (int4, text) one by one, 1000 a trip, none kept',
  unit: 'row',
  points: POWERS(0, 7),
  needs: ['stream'],
  prepare: prepareRows,
  work: (client, count) => () => {
    let seen = 0
    const done = client.stream(`select a, b from bench_growth_rows limit ${count}`, 1000, () => {
      seen += 1
    })
    return after(done, () => seen)
  },
  expected: (count) => count,
}

/** Loads into a table. The table is emptied before each turn, which is not timed. */
function loading({ name, title, points, needs, load, most = {}, unit = 'record' }) {
  const table = `bench_${name.replaceAll('-', '_')}`
  return {
    name,
    title,
    unit,
    points,
    most,
    needs: [...needs, 'command'],
    async prepare(query) {
      await query(`drop table if exists ${table}`)
      await query(`create unlogged table ${table} (id int4, label text, amount float8)`)
    },
    before: (client) => client.command(`truncate ${table}`),
    work(client, count) {
      const records = makeRecords(count)
      return () => after(load(client, table, records), () => true)
    },
    expected: () => true,
  }
}

const insertSql = (table) => `insert into ${table} (id, label, amount) values ($1, $2, $3)`

const LOADING = [
  loading({
    name: 'growth-insert-many',
    title: 'Records: so many by INSERT, all or nothing',
    points: POWERS(0, 5),
    most: { pg: 10_000 },
    needs: ['insertMany'],
    load: (client, table, records) => client.insertMany(insertSql(table), records, { table, columns: RECORD_COLUMNS }),
  }),
  loading({
    name: 'growth-copy',
    title: 'Records: so many by COPY',
    points: POWERS(0, 6),
    needs: ['copyRecords'],
    load: (client, table, records) => client.copyRecords(table, RECORD_COLUMNS, records),
  }),
  loading({
    name: 'growth-transaction',
    title: 'Statements: so many one after another in a transaction',
    unit: 'statement',
    points: POWERS(0, 4),
    needs: ['inTransaction'],
    load: (client, table, records) => client.inTransaction(insertSql(table), records),
  }),
]

const inFlight = {
  name: 'growth-in-flight',
  title: 'Statements: so many in a pipeline',
  unit: 'statement',
  points: POWERS(0, 4),
  needs: ['manyInFlight'],
  only: ['syncpg/async', 'pg-pipelined'],
  work: (client, count) => () => after(client.manyInFlight('select 1 as one', count), lengthOf),
  expected: (count) => count,
}

export const workloads = [
  columns(1),
  columns(100),
  received('text', 'Values: a text received', `select ${MADE}`),
  received('bytes', 'Values: a bytea received', `select convert_to(${MADE}, 'UTF8')`),
  sent('text', 'Values: a text sent', 'select octet_length($1::text)', (bytes) => 'x'.repeat(bytes)),
  sent('bytes', 'Values: a bytea sent', 'select octet_length($1::bytea)', (bytes) => Buffer.alloc(bytes, 'x')),
  ...ARRAYS,
  ...JSON_VALUES,
  parameters,
  script,
  notices,
  kept,
  streamed,
  ...LOADING,
  inFlight,
].map((range) => ({
  only: ['syncpg', 'syncpg/async', 'pg'],
  prepare: () => {},
  rounds: 5,
  ...range,
  isRange: true,
  isOptIn: true,
  transport: 'unix',
}))
