/** The records that the loading workloads send, and the check that they arrived. */

export const COLUMNS = ['id', 'label', 'amount']
const COUNTS = ['records', 'ids', 'letters', 'amounts']

export function makeRecords(count) {
  return Array.from({ length: count }, (_, i) => [i, `record number ${i}`, i * 0.25])
}

/** Makes an empty table. @returns the result that `countRecords` must give after a round */
export async function prepareTable(query, table, records) {
  await query(`drop table if exists ${table}`)
  await query(`create unlogged table ${table} (id int4, label text, amount float8)`)
  const ids = (records * (records - 1)) / 2
  const letters = makeRecords(records).reduce((sum, record) => sum + record[1].length, 0)
  return { records, ids, letters, amounts: ids * 0.25 }
}

export async function countRecords(client, table) {
  const row = await client.one(countSql(table))
  return Object.fromEntries(COUNTS.map((name) => [name, row[name]]))
}

/** The task for clients outside of Node: the records to load, and the query that checks them. */
export function recordsTask(table, records) {
  return { check: 'records', before: truncate(table), records, countSql: countSql(table), countNames: COUNTS }
}

export function truncate(table) {
  return `truncate ${table}`
}

function countSql(table) {
  return `select count(*)::int4 as records, sum(id)::float8 as ids, sum(length(label))::float8 as letters,
    sum(amount) as amounts from ${table}`
}
