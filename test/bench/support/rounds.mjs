/** Runs one workload: every peer warms up, then each peer has one turn in each round. */
import { admin, sessionsOf } from './admin.mjs'
import { startPeer } from './peer-handle.mjs'
import { runProcessWorkload } from './process-rounds.mjs'
import { runRange } from './range-rounds.mjs'
import { emptyFigures, summarize, turnsOf } from './statistics.mjs'
import { targetOf, withTarget } from './target.mjs'

const FULL_ROUNDS = 9
/**
 * Each client warms up for at least this long. By then V8 has compiled its code, as in a program that has run for a
 * while. The first call of a process has its own workload.
 */
const WARM_UP_MS = 2000
/**
 * At the beginning of each turn a client works for this long without being counted. During the turns of the others V8
 * drops compiled code that is not in use, and the processor's caches fill with other data. Work that takes more than
 * a second needs no such warm-up.
 */
const TURN_WARM_UP_MS = 200
const LONG_MS = 1000
/** With several sittings each warms up for less time. A cold start then slows both builds. */
const SITTING_WARM_UP_MS = 700
const QUICK_ROUNDS = 3

/** @returns `{ workload, unit, peers: [{ name, … figures }], skipped: [{ name, why }] }`. */
export async function runWorkload({ workload, peers, server, isQuick, rounds }) {
  const size = isQuick ? workload.quickSize : workload.size
  const fullRounds = workload.rounds ?? FULL_ROUNDS
  if (workload.isRange)
    return runRangeWorkload({ workload, peers, server, isQuick, rounds: rounds ?? (isQuick ? 2 : fullRounds) })
  const count = rounds ?? (isQuick ? Math.min(QUICK_ROUNDS, fullRounds) : fullRounds)
  const measure = async (query, target) => {
    const expected = await workload.prepare(query, size)
    const context = { workload, peers: partOf(workload, peers), size, count, target, expected, query, isQuick }
    const { entries, skipped } = workload.isProcess ? await runProcessWorkload(context) : await runRounds(context)
    await workload.after?.(query)
    return {
      workload: workload.name,
      title: workload.title,
      unit: workload.unit,
      ...(workload.ratiosTo === undefined ? {} : { ratiosTo: workload.ratiosTo }),
      size,
      operations: workload.operations(size),
      rounds: count,
      measuredAt: new Date().toISOString(),
      ...summarize(entries, workload.operations(size)),
      skipped,
    }
  }
  return withTarget(server, workload.transport, (target) =>
    admin(targetOf(server, 'unix'), (query) => measure(query, target)),
  )
}

/**
 * Runs a workload several times for `--against`, each time with new processes, so that the luck of one process
 * affects one sitting only.
 * @returns `{ collected, skipped }`: for each peer a list with `{ elapsedMs, peakRssMb }` of each sitting.
 */
export async function runSittings({ workload, peers, server, isQuick, sittings, rounds }) {
  const size = isQuick ? workload.quickSize : workload.size
  const measure = async (query, target) => {
    const expected = await workload.prepare(query, size)
    const collected = new Map()
    const skipped = []
    const context = { workload, size, target, expected, query, isQuick, warmUpMs: SITTING_WARM_UP_MS }
    // A workload of whole processes starts new ones in every round anyway.
    const [times, count] = workload.isProcess ? [1, sittings * 2] : [sittings, rounds]
    for (let i = 0; i < times; i += 1) {
      const taking = i % 2 === 0 ? peers : peers.toReversed()
      const turn = { ...context, count, peers: partOf(workload, taking) }
      const result = workload.isProcess
        ? await runProcessWorkload({ ...turn, isWanted: (name) => /^syncpg|in syncpg/.test(name) })
        : await runRounds(turn)
      for (const { name, elapsedMs, peakRssMb } of result.entries) {
        collected.set(name, [...(collected.get(name) ?? []), { elapsedMs, peakRssMb }])
      }
      skipped.push(...result.skipped)
      if (result.skipped.length > 0) break
    }
    await workload.after?.(query)
    return { collected, skipped }
  }
  return withTarget(server, workload.transport, (target) =>
    admin(targetOf(server, 'unix'), (query) => measure(query, target)),
  )
}

/** Runs a workload that is a range: it gives the costs of units at several sizes, and no ratios. */
async function runRangeWorkload({ workload, peers, server, isQuick, rounds }) {
  const target = targetOf(server, workload.transport)
  await admin(target, (query) => workload.prepare(query))
  const part = partOf(workload, peers)
  const runOne = workload.run ?? runRange
  const figures = await runOne({ workload, peers: part, rounds, target, isQuick })
  const { name, title, unit, transport, sizeUnit } = workload
  const about = {
    workload: name,
    title,
    unit,
    sizeUnit,
    transport,
    isRange: true,
    rounds,
    measuredAt: new Date().toISOString(),
  }
  return { ...about, ...figures }
}

/** The server's version, as the server prints it. */
export function serverVersion(server) {
  return admin(targetOf(server, 'unix'), async (query) => (await query('show server_version'))[0].server_version)
}

function partOf({ name: workload, only, without = [], group }, peers) {
  return peers.filter(({ name, group: itsGroup, onlyIn = '' }) => {
    if (itsGroup !== group || !workload.startsWith(onlyIn)) return false
    const [base] = name.split('@')
    return (only?.includes(base) ?? true) && !without.includes(base)
  })
}

async function runRounds(context) {
  const { peers, count, workload, expected } = context
  const skipped = []
  let entries = []
  const leaveOut = (entry, error) => {
    entry.handle.kill()
    skipped.push({ name: entry.name, ...reasonOf(error) })
    entries = entries.filter((other) => other !== entry)
  }
  try {
    for (const peer of peers) {
      const entry = await enter(context, peer, skipped)
      if (entry !== null) entries.push(entry)
    }
    for (let round = 0; round < count; round += 1) {
      for (const entry of turnsOf(entries, round)) {
        const isChecked = round === count - 1
        try {
          if (!context.isQuick) await warmUp(entry)
          const reply = await entry.handle.ask({ name: 'round', isChecked })
          if (isChecked) requireSameWork(workload, reply, expected)
          entry.elapsedMs.push(reply.elapsedMs)
          entry.cpuMs.push(reply.cpuMs)
        } catch (error) {
          leaveOut(entry, error)
        }
      }
    }
    for (const entry of entries) {
      try {
        entry.peakRssMb = (await entry.handle.ask({ name: 'close' })).peakRssMb
      } catch (error) {
        leaveOut(entry, error)
      }
    }
  } finally {
    for (const entry of entries) entry.handle.kill()
  }
  return { entries, skipped }
}

async function warmUp({ handle, elapsedMs }) {
  if (elapsedMs.at(-1) > LONG_MS) return
  const untilMs = performance.now() + TURN_WARM_UP_MS
  do await handle.ask({ name: 'round', isChecked: false })
  while (performance.now() < untilMs)
}

/** Opens a peer, warms it up with the work, and checks the result of the work. */
async function enter(context, peer, skipped) {
  const { workload, size: fullSize, target, expected, query, isQuick, warmUpMs = WARM_UP_MS } = context
  const { operationsShare = 1 } = peer
  const size = operationsShare === 1 ? fullSize : (workload.shareOf?.(fullSize, operationsShare) ?? fullSize)
  const handle = startPeer(peer)
  try {
    const task = workload.task?.(size) ?? null
    const opened = await handle.ask({ name: 'open', workload: workload.name, task, size, target, peer })
    if (opened.lacks.length > 0) {
      skipped.push({ name: peer.name, why: `it has no ${opened.lacks.join(', ')}` })
      handle.kill()
      return null
    }
    let warm = null
    const warmUntilMs = performance.now() + (isQuick ? 0 : warmUpMs)
    for (let i = 0; i < (workload.warmUps ?? 1) || performance.now() < warmUntilMs; i += 1) {
      warm = await handle.ask({ name: 'round', isChecked: true })
      requireSameWork(workload, warm, expected)
    }
    await requireSameTerms({ workload, peer, handle, query, target })
    const { version } = opened
    const operations = workload.operations(size)
    return { name: peer.name, version, operations, kinds: warm?.kinds ?? null, handle, ...emptyFigures() }
  } catch (error) {
    handle.kill()
    skipped.push({ name: peer.name, ...reasonOf(error) })
    return null
  }
}

/**
 * Thrown for a client that does not do the same work as the others, or not under the same conditions. The run ends
 * with a failure.
 */
class WrongWorkError extends Error {}

function requireSameWork({ expectedKinds }, { checked, kinds }, expected) {
  const [found, wanted] = [checked, expected].map((check) => JSON.stringify(check))
  if (found !== wanted) throw new WrongWorkError(`other work than asked: ${found}, expected ${wanted}`)
  if (expectedKinds === undefined || kinds === null) return
  const odd = expectedKinds.findIndex((allowed, i) => !allowed.includes(kinds[i]))
  if (odd !== -1) throw new WrongWorkError(`column ${odd + 1} is a ${kinds[odd]}, expected ${expectedKinds[odd]}`)
}

/**
 * Checks the same conditions for all: TLS for all or none, no open transaction, and a prepared statement if the
 * client has such.
 */
async function requireSameTerms({ workload, peer, handle, query, target }) {
  const { withTls, withoutTls, inTransaction } = await sessionsOf(query)
  if (target.ssl !== false && withoutTls > 0) throw new WrongWorkError('its connection does not use TLS')
  if (target.ssl === false && withTls > 0) throw new WrongWorkError('its connection uses TLS')
  if (inTransaction > 0) throw new WrongWorkError('its connection was left in a transaction')
  const { preparedSql } = workload
  if (preparedSql === undefined || peer.isUnprepared === true || peer.host === 'pgbench') return
  const sql = `select count(*)::int4 as statements from pg_prepared_statements where statement = $$${preparedSql}$$`
  const { statements } = await handle.ask({ name: 'one', sql })
  if (statements === 0) throw new WrongWorkError('its statement is not prepared')
}

function reasonOf(error) {
  const why = String(error?.message ?? error).split('\n')[0]
  return error instanceof WrongWorkError ? { why, isWrong: true } : { why }
}
