/** 10,000 rows of 20 columns, five times: a report, or a page of an administration tool. */
import { kindsOf } from './value-kinds.mjs'

const KINDS = [
  ['int4', (i) => `g + ${i}`, (value) => value],
  ['text', (i) => `'value ${i} of ' || g`, (value) => value.length],
  ['float8', (i) => `g * 0.5::float8 + ${i}`, (value) => value],
  ['boolean', (i) => `(g + ${i}) % 3 = 0`, (value) => (value ? 1 : 0)],
]
const SQL_SUMS = {
  int4: 'sum(%)::float8',
  text: 'sum(length(%))::float8',
  float8: 'sum(%)',
  boolean: 'sum(%::int)::float8',
}
const SQL = 'select * from bench_wide'
const ALLOWED_KINDS = {
  int4: ['number', 'int'],
  text: ['string', 'str'],
  float8: ['number', 'float'],
  boolean: ['boolean', 'bool'],
}
const COLUMNS = Array.from({ length: 20 }, (_, i) => ({ name: `c${i}`, kind: KINDS[i % KINDS.length] }))

export const workload = {
  name: 'wide-rows',
  title: '10,000 rows × 20 columns (int4, text, float8, boolean)',
  transport: 'unix',
  unit: 'result',
  needs: ['rows'],
  size: { rows: 10_000, repeats: 5 },
  quickSize: { rows: 10_000, repeats: 2 },
  operations: ({ repeats }) => repeats,
  async prepare(query, { rows }) {
    await query('drop table if exists bench_wide')
    const columns = COLUMNS.map(({ name, kind: [, source] }, i) => `${source(i)} as ${name}`)
    await query(`create unlogged table bench_wide as select ${columns.join(', ')} from generate_series(1, ${rows}) g`)
    await query('vacuum freeze analyze bench_wide')
    const sums = COLUMNS.map(({ name, kind: [type] }) => `${SQL_SUMS[type].replace('%', name)} as ${name}`)
    return (await query(`select count(*)::int as rows, ${sums.join(', ')} from bench_wide`))[0]
  },
  task: ({ repeats }) => ({ kind: 'rows', check: 'wide', needs: ['rows'], sql: SQL, repeats }),
  async measure(client, { repeats }) {
    let list
    for (let i = 0; i < repeats; i += 1) list = await client.rows(SQL)
    return { list }
  },
  measureBlocking(client, { repeats }) {
    let list
    for (let i = 0; i < repeats; i += 1) list = client.rows(SQL)
    return { list }
  },
  expectedKinds: COLUMNS.map(({ kind: [type] }) => ALLOWED_KINDS[type]),
  kinds: ({ list: [row] }) => kindsOf(row),
  check(_client, { list }) {
    const sums = { rows: list.length }
    for (const { name, kind } of COLUMNS) {
      sums[name] = list.reduce((sum, row) => sum + kind[2](row[name]), 0)
    }
    return sums
  },
}
