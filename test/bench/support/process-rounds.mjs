/** Rounds of a workload that is a whole process each time: start, connect, one statement, end. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { turnsOf } from './statistics.mjs'

const TIMEOUT_MS = 30_000
const SCRIPT = fileURLToPath(new URL('../workloads/whole-process-script.mjs', import.meta.url))

export async function runProcessWorkload({ peers, count, target, expected }) {
  const skipped = []
  const entries = []
  for (const peer of [{ name: 'empty node', adapter: '' }, ...peers]) {
    // What a Python needs to start says nothing about a client of Node.
    if (peer.host === 'python') continue
    try {
      await runOnce(peer, target, expected)
      entries.push({ name: peer.name, peer, elapsedMs: [], cpuMs: [], peakRssMb: 0 })
    } catch (error) {
      skipped.push({ name: peer.name, why: error.message.split('\n')[0] })
    }
  }
  for (let round = 0; round < count; round += 1) {
    for (const entry of turnsOf(entries, round)) {
      const { elapsedMs, cpuMs, rssMb } = await runOnce(entry.peer, target, expected)
      entry.elapsedMs.push(elapsedMs)
      entry.cpuMs.push(cpuMs)
      entry.peakRssMb = Math.max(entry.peakRssMb, rssMb)
    }
  }
  return { entries, skipped }
}

function runOnce(peer, target, expected) {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now()
    const child = spawn(process.execPath, [SCRIPT], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      env: { ...process.env, SYNCPG_BENCH_JOB: JSON.stringify({ peer, target }) },
    })
    let output = ''
    let complaint = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (complaint += text))
    child.on('error', reject)
    child.on('close', (code) => {
      const elapsedMs = performance.now() - startedAtMs
      if (code !== 0)
        return reject(new Error(complaint.split('\n').find((line) => line.includes('Error')) ?? complaint))
      const { value, cpuMs, rssMb } = JSON.parse(output)
      if (peer.adapter !== '' && value !== expected.value) return reject(new Error(`it answered ${value}`))
      resolve({ elapsedMs, cpuMs, rssMb })
    })
  })
}
