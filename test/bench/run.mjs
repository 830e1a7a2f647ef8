/**
 * `npm run bench`: compares syncpg with other clients on a real server. Each client (peer) has a process of its own.
 * The clients take turns in each round, so that other work on the machine slows all of them. The results are ratios
 * within a round. docs/benchmarks.md says how to read them, and a whole run writes its figures there.
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startServer } from '../support/postgres-server.mjs'
import { compareBuilds, isMeasuredAgainst } from './support/against.mjs'
import { installPeers } from './support/install-peers.mjs'
import { machineFacts } from './support/machine.mjs'
import { findBuild } from './support/other-build.mjs'
import { PEERS, peersFor } from './support/peer-list.mjs'
import { publish, republish, saveLatest } from './support/results-file.mjs'
import { leftOut, tableOf } from './support/report.mjs'
import { WORKLOADS } from './support/workload-list.mjs'

const USAGE = `npm run bench -- [options]
  --quick             fewer rounds and smaller inputs: a look, not a measurement
  --all               with the workloads that are only run when asked for
  --only <workload>   may be repeated; a name or the beginning of one
  --peer <peer>       may be repeated; without it all that can be run
  --rounds <n>        counted rounds per workload
  --against <build>   compares this checkout's build with another one and says of each row whether it is slower, faster or
                      within the spread; ends with 1 when one is slower. A version on npm, a .tgz, a package's folder or
                      its dist folder. Writes nothing
  --write             writes docs/benchmarks.md, its pictures and its JSON, as a whole run does by itself; what was not
                      measured stays there as it was
  --report            only writes them anew, from docs/benchmarks.json
  --list              names of workloads and peers`

const SERVER = {
  tls: true,
  settings: { shared_buffers: '512MB', jit: 'off', autovacuum: 'off', max_connections: '600' },
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    peer: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    against: { type: 'string' },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) console.log(USAGE)
else if (options.list) {
  console.log(`workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}`)
  console.log(`peers: ${PEERS.map(({ name }) => name).join(', ')}`)
} else if (options.report) republish()
else if (options.against !== undefined) await against()
else await main()

/** Compares with another build. It imports modules only after their packages are installed. */
async function against() {
  const workloads = WORKLOADS.filter((workload) => isMeasuredAgainst(workload, options))
  if (workloads.length === 0) throw new Error(`no workload is called ${options.only?.join(', ')}; see --list`)
  const { quick: isQuick, peer } = options
  const build = findBuild(options.against)
  try {
    await installPeers()
    const server = await startServer(SERVER)
    try {
      const { runSittings } = await import('./support/rounds.mjs')
      const measure = (part) => runSittings({ ...part, server, isQuick })
      const common = { workloads, peers: peersFor(peer), dist: build.dist, isQuick, rounds: roundsAsked(), measure }
      if (!(await compareBuilds(common))) process.exitCode = 1
    } finally {
      await server.dispose()
    }
  } finally {
    build.dispose()
  }
}

function roundsAsked() {
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds: expected a number')
  return rounds
}

async function main() {
  const workloads = WORKLOADS.filter(isWanted)
  if (workloads.length === 0) throw new Error(`no workload is called ${options.only?.join(', ')}; see --list`)
  const rounds = roundsAsked()
  const { quick: isQuick, only, peer, write } = options
  const isWhole = !isQuick && [only, peer, rounds].every((option) => option === undefined)

  await installPeers()
  const peers = peersFor(peer)
  const server = await startServer(SERVER)
  // This import comes after the installation of the packages that it needs.
  const { runWorkload, serverVersion } = await import('./support/rounds.mjs')
  const report = { machine: machineFacts(), server: await serverVersion(server), results: [] }
  const startedAtMs = performance.now()
  try {
    for (const workload of workloads) {
      console.log(`\n${workload.title}`)
      const result = {
        isQuick,
        load: loadavg()[0],
        ...(await runWorkload({ workload, peers, server, isQuick, rounds })),
      }
      report.results.push(result)
      console.log([tableOf(result), ...leftOut(result)].join('\n'))
      // The results are saved after each workload, so an aborted run keeps them.
      saveLatest(report)
    }
  } finally {
    await server.dispose()
  }
  console.log(`\n${Math.round((performance.now() - startedAtMs) / 1000)} s`)
  if (isWhole || write) publish(report)
  const wrong = report.results.flatMap(({ workload, skipped }) =>
    skipped.filter(({ isWrong }) => isWrong).map(({ name, why }) => `${workload}: ${name}: ${why}`),
  )
  if (wrong.length === 0) return
  console.error(`\nClients that did not do the work:\n${wrong.join('\n')}`)
  process.exitCode = 1
}

function isWanted({ name, isOptIn = false }) {
  return options.only?.some((start) => name.startsWith(start)) ?? (options.all || !isOptIn)
}
