/** Runs one small prepared statement after another on one connection, to measure the cost of a round trip. */

const SQL = 'select 1 as one'

const TRANSPORTS = { unix: 'Unix socket', tcp: 'TCP on the loopback', tls: 'TLS, the certificate checked' }

function selectOne(transport) {
  return {
    name: `select-one-${transport}`,
    title: `SELECT 1, prepared, ${TRANSPORTS[transport]}`,
    transport,
    unit: 'query',
    needs: ['one'],
    preparedSql: SQL,
    rounds: 11,
    // psql would make a TLS connection for each statement.
    without: transport === 'tls' ? ['psql'] : [],
    size: { queries: 3000 },
    quickSize: { queries: 1000 },
    shareOf: ({ queries }, share) => ({ queries: Math.round(queries * share) }),
    operations: ({ queries }) => queries,
    prepare: () => ({ mean: 1 }),
    task: ({ queries }) => ({ kind: 'one', check: 'one', needs: ['repeat_one'], sql: SQL, queries }),
    async measure(client, { queries }) {
      let sum = 0
      for (let i = 0; i < queries; i += 1) sum += (await client.one(SQL)).one
      return { sum }
    },
    measureBlocking(client, { queries }) {
      let sum = 0
      for (let i = 0; i < queries; i += 1) sum += client.one(SQL).one
      return { sum }
    },
    check: (_client, { sum }, { queries }) => ({ mean: sum / queries }),
  }
}

export const workloads = [selectOne('unix'), selectOne('tcp'), selectOne('tls')]
