/**
 * The process of one client for one range. The sizes take turns within a round, so other work on the machine slows
 * all of them. Garbage is collected before each turn.
 */
import { versionOf } from './package-version.mjs'
import { WORKLOADS } from './workload-list.mjs'

/** A turn repeats short work for this long and takes the mean. */
const TURN_MS = 40
/**
 * Before that a turn does the work for this long without counting it, because the caches are cold after the turns of
 * other sizes. Work that takes longer needs no other warm-up.
 */
const TURN_WARM_UP_MS = 60
const WARM_UP_MS = 200
/** Work that takes longer than this gets no warm-up and fewer repetitions. */
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
    // The data of a size is made for its turn only, because the data of all sizes would fill the memory.
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

/** @returns milliseconds for one repetition, and the result of the last one */
async function timed(workload, client, work, turnMs) {
  let spentMs = 0
  let times = 0
  let outcome
  do {
    await workload.before?.(client)
    const startedAtMs = performance.now()
    outcome = work()
    // Without this check an `await` would add to the time of a blocking client.
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
