/**
 * `npm run bench`: compares syncpg with other clients on a real server. Peers live in processes of their own and take
 * turns, round by round, so that what the machine does meanwhile falls on all of them; results are ratios within a round.
 * docs/benchmarks.md says how to read them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startServer } from '../support/postgres-server.mjs'
import { installPeers } from './support/install-peers.mjs'
import { machineFacts } from './support/machine.mjs'
import { PEERS, peersFor } from './support/peer-list.mjs'
import { runWorkload } from './support/rounds.mjs'
import { tableOf } from './support/report.mjs'
import { WORKLOADS } from './support/workload-list.mjs'

const USAGE = `npm run bench -- [options]
  --quick             fewer rounds and smaller inputs: a look, not a measurement
  --only <workload>   may be repeated; a name or the beginning of one
  --peer <peer>       may be repeated; without it all that can be run
  --rounds <n>        counted rounds per workload
  --against <folder>  another build of syncpg (its dist folder) as further peers, to compare a change with
  --list              names of workloads and peers`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    peer: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    against: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) console.log(USAGE)
else if (options.list) {
  console.log(`workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}`)
  console.log(`peers: ${PEERS.map(({ name }) => name).join(', ')}`)
} else await main()

async function main() {
  const workloads = WORKLOADS.filter(({ name }) => options.only?.some((start) => name.startsWith(start)) ?? true)
  if (workloads.length === 0) throw new Error(`no workload is called ${options.only?.join(', ')}; see --list`)
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds: expected a number')

  await installPeers()
  const peers = peersFor(options.peer, options.against)
  const server = await startServer({ settings: { shared_buffers: '512MB', jit: 'off', autovacuum: 'off' } })
  const results = []
  try {
    for (const workload of workloads) {
      console.log(`\n${workload.title}`)
      const result = await runWorkload({ workload, peers, server, isQuick: options.quick, rounds })
      results.push(result)
      console.log(tableOf(result))
      // Written after each workload: a run that is broken off keeps what it has measured.
      save({ machine: machineFacts(), serverMajor: server.major, isQuick: options.quick, results })
    }
  } finally {
    await server.dispose()
  }
}

function save(report) {
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileURLToPath(new URL('latest.json', folder)), `${JSON.stringify(report, null, 2)}\n`)
}
