/**
 * The process of one peer for one workload. Its parent controls it by IPC: it opens the client, runs a round on
 * request, and reports the time. The garbage of a round is collected before the next one.
 */
import { peakRssMb } from './peak-memory.mjs'
import { versionOf } from './package-version.mjs'
import { WORKLOADS } from './workload-list.mjs'

let clients
let workload
let size

process.on('message', (message) => {
  handle(message).then(
    (reply) => process.send({ reply }),
    (error) => process.send({ failure: error?.stack ?? String(error) }),
  )
})

async function handle(message) {
  if (message.name === 'open') return open(message)
  if (message.name === 'round') return round(message.isChecked)
  if (message.name === 'one') return clients[0].one(message.sql)
  for (const client of clients) await client.close()
  // The parent asks for this before the process ends.
  setImmediate(() => process.disconnect())
  return { peakRssMb: peakRssMb() }
}

async function open(message) {
  workload = WORKLOADS.find(({ name }) => name === message.workload)
  size = message.size
  const adapter = await import(new URL(`../peers/${message.peer.adapter}`, import.meta.url).href)
  clients = []
  for (let i = 0; i < (workload.connections ?? 1); i += 1) {
    clients.push(await adapter.open(message.target, message.peer))
    const lacks = workload.needs.filter((method) => typeof clients[0][method] !== 'function')
    if (lacks.length > 0) return { lacks }
    // A blocking client cannot run a workload with several connections at once.
    if (clients[0].isBlocking && workload.connections !== undefined) return { lacks: ['async calls'] }
  }
  return { lacks: [], version: clients[0].version?.() ?? versionOf(message.peer) }
}

async function round(isChecked) {
  const [client] = clients
  await workload.before?.(client, size)
  globalThis.gc()
  const cpuBefore = process.cpuUsage()
  const startedAtMs = performance.now()
  const outcome = client.isBlocking
    ? workload.measureBlocking(client, size)
    : await workload.measure(client, size, clients)
  const elapsedMs = performance.now() - startedAtMs
  const cpu = process.cpuUsage(cpuBefore)
  const kinds = isChecked ? (workload.kinds?.(outcome) ?? null) : null
  const checked = isChecked ? await workload.check(client, outcome, size) : null
  return { elapsedMs, cpuMs: (cpu.user + cpu.system) / 1000, checked, kinds }
}
