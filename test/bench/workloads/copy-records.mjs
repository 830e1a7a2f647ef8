/** 100,000 records into a table by COPY. Clients without a COPY of records write the text format by hand, as their users do. */
import { COLUMNS, countRecords, makeRecords, prepareTable } from './records.mjs'

const TABLE = 'bench_copy'
let records = null

export const workload = {
  name: 'copy-records',
  title: '100,000 records (20,000 when quick) by COPY',
  transport: 'unix',
  unit: 'record',
  needs: ['one', 'command', 'copyRecords'],
  rounds: 7,
  size: { records: 100_000 },
  quickSize: { records: 20_000 },
  operations: (size) => size.records,
  prepare: (query, size) => prepareTable(query, TABLE, size.records),
  async before(client, size) {
    records ??= makeRecords(size.records)
    await client.command(`truncate ${TABLE}`)
  },
  measure: (client) => client.copyRecords(TABLE, COLUMNS, records),
  measureBlocking: (client) => client.copyRecords(TABLE, COLUMNS, records),
  check: (client) => countRecords(client, TABLE),
}
