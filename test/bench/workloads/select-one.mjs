/** One small prepared statement after another on one connection: what a round trip costs. */

const SQL = 'select 1 as one'

function selectOne(transport) {
  return {
    name: `select-one-${transport}`,
    title: `SELECT 1, prepared, ${transport === 'unix' ? 'Unix socket' : 'TCP on the loopback'}`,
    transport,
    unit: 'query',
    needs: ['one'],
    rounds: 11,
    size: { queries: 4000 },
    quickSize: { queries: 1500 },
    operations: ({ queries }) => queries,
    prepare: (_query, { queries }) => ({ sum: queries }),
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
    check: (_client, outcome) => outcome,
  }
}

export const workloads = [selectOne('unix'), selectOne('tcp')]
