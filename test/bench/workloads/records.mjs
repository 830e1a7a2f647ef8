/** The records that the loading workloads send, and the check that they arrived. */

export const COLUMNS = ['id', 'label', 'amount']

export function makeRecords(count) {
  return Array.from({ length: count }, (_, i) => [i, `record number ${i}`, i * 0.25])
}

/** Makes an empty table. @returns what `countRecords` must find after a round. */
export async function prepareTable(query, table, records) {
  await query(`drop table if exists ${table}`)
  await query(`create unlogged table ${table} (id int4, label text, amount float8)`)
  const ids = (records * (records - 1)) / 2
  const letters = makeRecords(records).reduce((sum, record) => sum + record[1].length, 0)
  return { records, ids, letters, amounts: ids * 0.25 }
}

export async function countRecords(client, table) {
  const sql = `select count(*)::int4 as records, sum(id)::float8 as ids, sum(length(label))::float8 as letters,
    sum(amount) as amounts from ${table}`
  const { records, ids, letters, amounts } = await client.one(sql)
  return { records, ids, letters, amounts }
}
