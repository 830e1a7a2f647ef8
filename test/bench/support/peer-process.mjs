/**
 * The process of one peer for one workload. Told what to do by its parent over IPC; opens the client, runs rounds when it
 * is its turn, and says what they took. Garbage of one round is collected before the next is timed.
 */
import { WORKLOADS } from './workload-list.mjs'

let client
let workload
let size

process.on('message', (message) => {
  handle(message).then(
    (reply) => process.send({ reply }),
    (error) => process.send({ failure: error?.stack ?? String(error) }),
  )
})

async function handle(message) {
  if (message.name === 'open') {
    workload = WORKLOADS.find(({ name }) => name === message.workload)
    size = message.size
    const { open } = await import(new URL(`../peers/${message.peer.adapter}`, import.meta.url).href)
    client = await open(message.target, message.peer)
    const lacks = workload.needs.filter((method) => typeof client[method] !== 'function')
    return { lacks }
  }
  if (message.name === 'round') return round(message.isChecked)
  await client.close()
  // Asked for before the process ends: kilobytes on every platform.
  setImmediate(() => process.disconnect())
  return { peakRssMb: process.resourceUsage().maxRSS / 1024 }
}

async function round(isChecked) {
  await workload.before?.(client, size)
  globalThis.gc()
  const cpuBefore = process.cpuUsage()
  const startedAtMs = performance.now()
  const outcome = client.isBlocking ? workload.measureBlocking(client, size) : await workload.measure(client, size)
  const elapsedMs = performance.now() - startedAtMs
  const cpu = process.cpuUsage(cpuBefore)
  const checked = isChecked ? await workload.check(client, outcome, size) : null
  return { elapsedMs, cpuMs: (cpu.user + cpu.system) / 1000, checked }
}
