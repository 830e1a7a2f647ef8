/**
 * The process of one client for one range. The sizes take turns within a round, so what the machine does meanwhile falls on
 * all of them. Garbage is collected before each turn.
 */
import { versionOf } from './package-version.mjs'
import { WORKLOADS } from './workload-list.mjs'

/** A turn repeats short work for so long and divides. */
const TURN_MS = 40
/**
 * Before that it does the work for so long uncounted: after the other sizes had their turns, caches are cold on both sides.
 * Work that takes longer is its own warm-up.
 */
const TURN_WARM_UP_MS = 60
const WARM_UP_MS = 200
/** Work that takes longer than this is its own warm-up, and is done fewer times. */
const LONG_MS = 1500
const LONG_ROUNDS = 2

process.on('message', (job) => {
  run(job)
    .then(
      (reply) => process.send({ reply }),
      (error) => process.send({ failure: error?.stack ?? String(error) }),
    )
    .finally(() => setImmediate(() => process.disconnect()))
})

async function run({ workload: name, peer, target, points, rounds }) {
  const workload = WORKLOADS.find((known) => known.name === name)
  const adapter = await import(new URL(`../peers/${peer.adapter}`, import.meta.url).href)
  const client = await adapter.open(target, peer)
  const lacks = workload.needs.filter((method) => typeof client[method] !== 'function')
  if (lacks.length > 0) return { lacks }
  const most = workload.most?.[peer.name] ?? Infinity
  const sizes = points.map((size) => (size > most ? null : { size, ms: [] }))
  const turn = async (entry, turnMs) => {
    // What a size needs is made for its turn only: together the largest would fill the memory.
    const work = workload.work(client, entry.size)
    globalThis.gc()
    if (entry.warmMs < TURN_WARM_UP_MS) await timed(workload, client, work, TURN_WARM_UP_MS)
    const { ms, outcome } = await timed(workload, client, work, turnMs)
    requireExpected(workload, entry.size, outcome)
    return ms
  }
  const entries = sizes.filter((entry) => entry !== null)
  for (const entry of entries) entry.warmMs = await turn(entry, WARM_UP_MS)
  for (let round = 0; round < rounds; round += 1) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      if (entry.warmMs > LONG_MS && round >= LONG_ROUNDS) continue
      entry.ms.push(await turn(entry, TURN_MS))
    }
  }
  const version = client.version?.() ?? versionOf(peer)
  await client.close()
  return { lacks: [], version, msOf: sizes.map((entry) => entry?.ms ?? null) }
}

/** @returns milliseconds for one time, and what the last time gave. */
async function timed(workload, client, work, turnMs) {
  let spentMs = 0
  let times = 0
  let outcome
  do {
    await workload.before?.(client)
    const startedAtMs = performance.now()
    outcome = work()
    // Awaiting what is there already would add to the time of a client that blocks.
    if (outcome instanceof Promise) outcome = await outcome
    spentMs += performance.now() - startedAtMs
    times += 1
  } while (spentMs < turnMs)
  return { ms: spentMs / times, outcome }
}

function requireExpected({ expected }, size, outcome) {
  const wanted = expected(size)
  if (outcome !== wanted) throw new Error(`at ${size} it did other work than asked: ${outcome}, expected ${wanted}`)
}
