/**
 * The script of workloads that are a whole process: an environment variable says what to do, and the times are
 * printed to standard output.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { peakRssMb } from '../support/peak-memory.mjs'

const { peer, target } = JSON.parse(process.env.SYNCPG_BENCH_JOB)

let value
const startedAtMs = performance.now()
if (peer?.load !== undefined) {
  const { imported, required } = peer.load
  if (required === undefined) await import(imported)
  else createRequire(import.meta.url)(required.startsWith('file:') ? fileURLToPath(required) : required)
} else if (peer !== null) {
  const { open } = await import(new URL(`../peers/${peer.adapter}`, import.meta.url).href)
  const client = await open(target, peer)
  value = (await client.one('select 1 as one')).one
  await client.close()
}
const workMs = performance.now() - startedAtMs
process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  const figures = { value, workMs, cpuMs: (userCPUTime + systemCPUTime) / 1000, rssMb: peakRssMb() }
  process.stdout.write(JSON.stringify(figures))
})
