/** A million records into a table by COPY. Clients without a COPY of records write the text format by hand, as their users do. */
import { COLUMNS, countRecords, makeRecords, prepareTable, recordsTask, truncate } from './records.mjs'

const TABLE = 'bench_copy'
let records = null

export const workload = {
  name: 'copy-records',
  title: '1,000,000 records by COPY',
  transport: 'unix',
  unit: 'record',
  needs: ['one', 'command', 'copyRecords'],
  rounds: 5,
  size: { records: 1_000_000 },
  quickSize: { records: 50_000 },
  operations: (size) => size.records,
  prepare: (query, size) => prepareTable(query, TABLE, size.records),
  after: (query) => query(`drop table ${TABLE}`),
  task: (size) => ({
    kind: 'copy',
    needs: ['copy_records'],
    table: TABLE,
    columns: COLUMNS,
    ...recordsTask(TABLE, size.records),
  }),
  async before(client, size) {
    records ??= makeRecords(size.records)
    await client.command(truncate(TABLE))
  },
  measure: (client) => client.copyRecords(TABLE, COLUMNS, records),
  measureBlocking: (client) => client.copyRecords(TABLE, COLUMNS, records),
  check: (client) => countRecords(client, TABLE),
}
