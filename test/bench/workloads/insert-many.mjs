/**
 * 10,000 rows by INSERT with parameters, all or nothing, in the fastest ready-made way of each client: a batch, many
 * rows in one statement, or, if it has neither, one statement after another.
 */
import { COLUMNS, countRecords, makeRecords, prepareTable, recordsTask, truncate } from './records.mjs'

const TABLE = 'bench_insert'
const SQL = `insert into ${TABLE} (id, label, amount) values ($1, $2, $3)`
let records = null

export const workload = {
  name: 'insert-many',
  title: '10,000 records by INSERT, all or nothing',
  transport: 'unix',
  unit: 'record',
  needs: ['one', 'command', 'insertMany'],
  rounds: 7,
  size: { records: 10_000 },
  quickSize: { records: 2000 },
  operations: (size) => size.records,
  prepare: (query, size) => prepareTable(query, TABLE, size.records),
  task: (size) => ({ kind: 'insert', needs: ['insert_many'], sql: SQL, ...recordsTask(TABLE, size.records) }),
  async before(client, size) {
    records ??= makeRecords(size.records)
    await client.command(truncate(TABLE))
  },
  measure: (client) => client.insertMany(SQL, records, { table: TABLE, columns: COLUMNS }),
  measureBlocking: (client) => client.insertMany(SQL, records, { table: TABLE, columns: COLUMNS }),
  check: (client) => countRecords(client, TABLE),
}
