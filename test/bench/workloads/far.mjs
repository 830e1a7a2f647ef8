/**
 * A server that is a millisecond away (the next rack) and twenty (another region): the time depends on how often a
 * client waits for an answer. A relay delays every chunk. docs/guides/round-trips.md says how many round trips each
 * call takes.
 */
import { runNodeScript } from '../support/node-script.mjs'
import { COLUMNS, countRecords, makeRecords, prepareTable, recordsTask, truncate } from './records.mjs'

const TABLE = 'bench_far'
const SQL = `insert into ${TABLE} (id, label, amount) values ($1, $2, $3)`
const STATEMENTS = 10
const MANY = 1000
/**
 * These clients wait for an answer after each of a thousand records. That takes twenty seconds and shows no more than
 * the workload of ten statements.
 */
const WAITING = ['pg', 'pg-native', 'synckit-bridge', 'psql']

let records = null
/** Makes each text different, so that no client gets a text twice, in any round. */
let newest = 0

/** @returns the number from the server, or a promise of it */
function newText(client) {
  const rows = client.query(`select $1::int4 as one -- ${(newest += 1)}`, [1])
  return rows instanceof Promise ? rows.then(([row]) => row.one) : rows[0].one
}

function farFrom(awayMs) {
  const common = { transport: { awayMs }, rounds: awayMs > 10 ? 5 : 9 }
  const away = `${awayMs} ms away`
  const loading = {
    ...common,
    after: (query) => query(`drop table ${TABLE}`),
    async before(client, { records: count }) {
      records ??= makeRecords(MANY)
      if (records.length < count) records = makeRecords(count)
      await client.command(truncate(TABLE))
    },
    check: (client) => countRecords(client, TABLE),
    prepare: (query, size) => prepareTable(query, TABLE, size.records),
  }
  const parts = ({ records: count }) =>
    Array.from({ length: count / STATEMENTS }, (_, i) => records.slice(i * STATEMENTS, (i + 1) * STATEMENTS))

  return [
    {
      ...common,
      name: `far-${awayMs}-first-query`,
      title: `A server ${away}: from the import to the first row, in a new process`,
      isProcess: true,
      unit: 'process',
      rounds: 11,
      only: ['syncpg', 'syncpg/async', 'pg', 'postgres', 'pg-native'],
      size: {},
      quickSize: {},
      operations: () => 1,
      prepare: () => ({ value: 1 }),
      entriesFor: (peers, target) =>
        peers.map((peer) => ({
          name: peer.name,
          async run() {
            const { workMs, ...figures } = await runNodeScript(peer, target)
            return { ...figures, elapsedMs: workMs }
          },
        })),
    },
    {
      ...common,
      name: `far-${awayMs}-new-text`,
      title: `A server ${away}: a statement with a parameter that the connection has not run before`,
      unit: 'query',
      needs: ['query'],
      size: { queries: awayMs > 10 ? 20 : 200 },
      quickSize: { queries: 10 },
      operations: ({ queries }) => queries,
      prepare: () => ({ mean: 1 }),
      async measure(client, { queries }) {
        let sum = 0
        for (let i = 0; i < queries; i += 1) sum += await newText(client)
        return { sum }
      },
      measureBlocking(client, { queries }) {
        let sum = 0
        for (let i = 0; i < queries; i += 1) sum += newText(client)
        return { sum }
      },
      check: (_client, { sum }, { queries }) => ({ mean: sum / queries }),
    },
    {
      ...loading,
      name: `far-${awayMs}-transaction`,
      title: `A server ${away}: a transaction of ${STATEMENTS} statements, one after another`,
      unit: 'transaction',
      needs: ['one', 'command', 'inTransaction'],
      size: { records: STATEMENTS * (awayMs > 10 ? 3 : 20) },
      quickSize: { records: STATEMENTS * 2 },
      operations: ({ records: count }) => count / STATEMENTS,
      task: (size) => ({
        kind: 'transactions',
        needs: ['in_transaction'],
        sql: SQL,
        size: STATEMENTS,
        ...recordsTask(TABLE, size.records),
      }),
      async measure(client, size) {
        for (const part of parts(size)) await client.inTransaction(SQL, part)
      },
      measureBlocking(client, size) {
        for (const part of parts(size)) client.inTransaction(SQL, part)
      },
    },
    {
      ...loading,
      name: `far-${awayMs}-insert-many`,
      title: `A server ${away}: ${MANY} records by INSERT, all or nothing`,
      unit: 'batch',
      needs: ['one', 'command', 'insertMany'],
      without: WAITING,
      size: { records: MANY },
      quickSize: { records: MANY },
      operations: () => 1,
      task: (size) => ({ kind: 'insert', needs: ['insert_many'], sql: SQL, ...recordsTask(TABLE, size.records) }),
      measure: (client) => client.insertMany(SQL, records, { table: TABLE, columns: COLUMNS }),
      measureBlocking: (client) => client.insertMany(SQL, records, { table: TABLE, columns: COLUMNS }),
    },
    {
      ...common,
      name: `far-${awayMs}-pipeline`,
      title: `A server ${away}: ${STATEMENTS} statements in a pipeline`,
      unit: 'pipeline',
      needs: ['manyInFlight'],
      size: { repeats: awayMs > 10 ? 10 : 100 },
      quickSize: { repeats: 5 },
      operations: ({ repeats }) => repeats,
      prepare: (_query, { repeats }) => ({ sum: repeats * STATEMENTS }),
      async measure(client, { repeats }) {
        let sum = 0
        for (let i = 0; i < repeats; i += 1) {
          for (const row of await client.manyInFlight('select 1 as one', STATEMENTS)) sum += row.one
        }
        return { sum }
      },
      check: (_client, outcome) => outcome,
    },
  ]
}

export const workloads = [1, 20].flatMap(farFrom)
