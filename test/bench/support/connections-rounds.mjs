/** Rounds of the workload `connections`: a process for each client and number of connections (connections-process.mjs). */
import { fileURLToPath } from 'node:url'
import { runToEnd } from './run-process.mjs'
import { median } from './statistics.mjs'

const PROCESS = fileURLToPath(new URL('connections-process.mjs', import.meta.url))
/** Each connection needs a socket, and each thread some more descriptors. Many systems allow only 1024. */
const DESCRIPTORS = 4096

/** @returns `{ points, peers, skipped }`, with the medians of each peer's rounds */
export async function runConnections({ workload, peers, rounds, target, isQuick }) {
  const points = isQuick ? workload.points.filter((count) => count <= 100) : workload.points
  const found = new Map(peers.map(({ name }) => [name, { version: null, rounds: points.map(() => []) }]))
  const skipped = []
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, count] of points.entries()) {
      for (const peer of peers.filter(({ name }) => found.has(name))) {
        try {
          const { version, ...figures } = await measure({ peer, target, count })
          const entry = found.get(peer.name)
          entry.version = version
          entry.rounds[i].push(figures)
        } catch (error) {
          skipped.push({ name: peer.name, why: `at ${count} connections: ${error.message.split('\n')[0]}` })
          found.delete(peer.name)
        }
      }
    }
  }
  return { points, peers: [...found].map(([name, entry]) => summaryOf(name, entry, points)), skipped }
}

function summaryOf(name, { version, rounds }, points) {
  const medians = (figure) => rounds.map((list) => round(median(list.map((figures) => figures[figure]))))
  const rssMb = medians('rssMb')
  const selectUs = medians('selectUs')
  return {
    name,
    version,
    openMs: medians('openMs'),
    rssMb,
    eachMb: rssMb.map((mb, i) => (i === 0 ? null : round((mb - rssMb[0]) / (points[i] - points[0])))),
    selectUs,
    allRounds: rounds,
  }
}

/** The shell raises the limit of file descriptors as far as it is allowed to. */
async function measure(job) {
  const script = `ulimit -n ${DESCRIPTORS} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"`
  const { output } = await runToEnd('sh', ['-c', script, process.execPath, '--expose-gc', PROCESS], {
    SYNCPG_BENCH_JOB: JSON.stringify(job),
  })
  return JSON.parse(output)
}

function round(value) {
  return Number(value.toPrecision(4))
}
