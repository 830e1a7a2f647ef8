/** Runs one workload: every peer warm, then round after round in which each peer has one turn. */
import { admin } from './admin.mjs'
import { startPeer } from './peer-handle.mjs'
import { runProcessWorkload } from './process-rounds.mjs'
import { summarize, turnsOf } from './statistics.mjs'

const FULL_ROUNDS = 9
const QUICK_ROUNDS = 3

/** @returns `{ workload, unit, peers: [{ name, … figures }], skipped: [{ name, why }] }`. */
export async function runWorkload({ workload, peers, server, isQuick, rounds }) {
  const size = isQuick ? workload.quickSize : workload.size
  const count = rounds ?? (isQuick ? QUICK_ROUNDS : (workload.rounds ?? FULL_ROUNDS))
  const target = targetOf(server, workload.transport)
  const expected = await admin(targetOf(server, 'unix'), (query) => workload.prepare(query, size))
  const context = { workload, peers, size, count, target, expected }
  const { entries, skipped } = workload.isProcess ? await runProcessWorkload(context) : await runRounds(context)
  return {
    workload: workload.name,
    title: workload.title,
    unit: workload.unit,
    operations: workload.operations(size),
    rounds: count,
    ...summarize(entries, workload.operations(size)),
    skipped,
  }
}

/** The server as plain data, in the forms clients want it. */
function targetOf(server, transport) {
  const { user, password, database, port } = server
  const host = transport === 'unix' ? server.socketDirectory : server.host
  return { transport, dsn: server.dsn({ transport }), host, port, user, password, database }
}

async function runRounds({ workload, peers, size, count, target, expected }) {
  const skipped = []
  const entries = []
  try {
    for (const peer of peers) {
      const entry = await enter({ peer, workload, size, target, expected, skipped })
      if (entry !== null) entries.push(entry)
    }
    for (let round = 0; round < count; round += 1) {
      for (const entry of turnsOf(entries, round)) {
        const isChecked = round === count - 1
        const { elapsedMs, cpuMs, checked } = await entry.handle.ask({ name: 'round', isChecked })
        if (isChecked) requireSame(entry.name, checked, expected)
        entry.elapsedMs.push(elapsedMs)
        entry.cpuMs.push(cpuMs)
      }
    }
    for (const entry of entries) entry.peakRssMb = (await entry.handle.ask({ name: 'close' })).peakRssMb
  } finally {
    for (const entry of entries) entry.handle.kill()
  }
  return { entries, skipped }
}

/** Opens a peer, lets it do the work once for its warm-up, and checks that the work is the right one. */
async function enter({ peer, workload, size, target, expected, skipped }) {
  let handle
  try {
    handle = startPeer(peer)
    const { lacks } = await handle.ask({ name: 'open', workload: workload.name, size, target, peer })
    if (lacks.length > 0) {
      skipped.push({ name: peer.name, why: `it has no ${lacks.join(', ')}` })
      handle.kill()
      return null
    }
    const { checked } = await handle.ask({ name: 'round', isChecked: true })
    requireSame(peer.name, checked, expected)
    return { name: peer.name, handle, elapsedMs: [], cpuMs: [], peakRssMb: 0 }
  } catch (error) {
    handle?.kill()
    if (error instanceof WrongWorkError) throw error
    skipped.push({ name: peer.name, why: firstLine(error) })
    return null
  }
}

class WrongWorkError extends Error {}

function requireSame(name, found, expected) {
  const [foundText, expectedText] = [found, expected].map((check) => JSON.stringify(check))
  if (foundText === expectedText) return
  throw new WrongWorkError(`${name} did other work than asked: ${foundText}, expected ${expectedText}`)
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0]
}
