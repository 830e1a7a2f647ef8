/** Runs a range: each client in a process of its own, its sizes in turn, round after round (range-process.mjs). */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { growthOf } from './growth.mjs'

const PROCESS = fileURLToPath(new URL('range-process.mjs', import.meta.url))
const TIMEOUT_MS = 300_000
/** The largest results need more memory than Node's default limit on a small machine. */
const NODE_OPTIONS = ['--expose-gc', '--max-old-space-size=4096']

/** @returns `{ peers, skipped }`: the figures of each client over the range. */
export async function runRange({ workload, peers, rounds, target, isQuick }) {
  const points = isQuick ? workload.points.filter((size) => size <= QUICK_MOST) : workload.points
  const measured = []
  const skipped = []
  // The clients run one after another, because a client at its largest size would disturb the others at their
  // smallest.
  for (const peer of peers) {
    try {
      const reply = await measure({ workload: workload.name, peer, target, points, rounds })
      if (reply.lacks.length > 0) skipped.push({ name: peer.name, why: `it has no ${reply.lacks.join(', ')}` })
      else measured.push(growthOf({ name: peer.name, ...reply }, points, workload.perUnit))
    } catch (error) {
      skipped.push({ name: peer.name, why: error.message.split('\n')[0], isWrong: error.message.includes('expected') })
    }
  }
  return { points, peers: measured, skipped }
}

const QUICK_MOST = 100_000

function measure(job) {
  return new Promise((resolve, reject) => {
    const child = fork(PROCESS, { execArgv: NODE_OPTIONS, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    let complaint = ''
    child.stderr.on('data', (text) => (complaint = `${complaint}${text}`.slice(-4000)))
    child.on('message', ({ reply, failure }) => (failure === undefined ? resolve(reply) : reject(new Error(failure))))
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`its process ended (${signal ?? code}) ${complaint.trimEnd().split('\n').at(-1)}`))
    })
    child.send(job)
  })
}
