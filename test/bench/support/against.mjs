/**
 * `npm run bench -- --against <build>`: compares this checkout's build with another one, workload by workload, and
 * prints for each row whether it is slower, faster or within the spread. verdict.mjs decides that.
 */
import { median } from './statistics.mjs'
import { fixed, markdownTable } from './tables.mjs'
import { confirmed, judgeRatios, MEMORY_FLOOR, TIME_FLOOR } from './verdict.mjs'

const OTHER = '@other'
const ABSENT = 'not in the other build'

/** How much is measured: pairs of processes for each row, and rounds in each pair. */
const FULL = { sittings: 9, rounds: 4 }
const QUICK = { sittings: 6, rounds: 2 }

/**
 * These workloads are left out without `--all` and `--only`, because they take long and others measure the same code.
 */
const LONG = [/^magicstack-/, /^million-rows-ms$/, /^embedded-/, /^far-20-/, /-prompt$/]

export function isMeasuredAgainst({ name, isOptIn = false, isRange = false }, { only, all }) {
  if (isRange) return false
  if (only !== undefined) return only.some((start) => name.startsWith(start))
  return !isOptIn && (all || !LONG.some((pattern) => pattern.test(name)))
}

/**
 * @param peers the clients that are builds of syncpg; each is measured with both builds
 * @param measure runs a workload: `runSittings` of rounds.mjs.
 * @returns whether no row is slower or failed.
 */
export async function compareBuilds({ workloads, peers, dist, isQuick, rounds, measure }) {
  const plan = { ...(isQuick ? QUICK : FULL), ...(rounds === undefined ? {} : { rounds }) }
  const pairs = peers.filter((peer) => peer.dist !== undefined).map((peer) => [peer, twinOf(peer, dist)])
  const rows = []
  for (const workload of workloads) {
    console.log(`\n${workload.title}`)
    const inOneGo = workload.isProcess ? [pairs.flat()] : pairs
    for (const sides of inOneGo) {
      const found = await measureRows(workload, sides, plan, measure)
      rows.push(...found)
      for (const row of found) console.log(`  ${lineOf(row)}`)
    }
  }
  console.log(`\n${tableOfRows(rows)}\n\n${summaryOf(rows)}`)
  return rows.length > 0 && rows.every(({ verdict }) => verdict !== 'slower' && verdict !== 'failed')
}

function twinOf(peer, dist) {
  return { ...peer, name: `${peer.name}${OTHER}`, dist }
}

/** A row that seems to differ is measured once more. */
async function measureRows(workload, peers, plan, measure) {
  const first = await rowsOf(workload, peers, plan, measure)
  if (!first.some(differs)) return first
  console.log('  measured again, because it seems to differ')
  const second = await rowsOf(workload, peers, plan, measure)
  return first.map((row) => {
    const again = second.find(({ what }) => what === row.what)
    return differs(row) && again !== undefined ? { ...again, ...confirmed(row, again) } : row
  })
}

function differs({ verdict }) {
  return verdict === 'slower' || verdict === 'faster'
}

async function rowsOf(workload, peers, { sittings, rounds }, measure) {
  const { collected, skipped } = await measure({ workload, peers, sittings, rounds })
  const names = [...collected.keys()].filter((name) => !name.includes(OTHER))
  const rows = names.flatMap((name) => {
    const theirs = collected.get(otherOf(collected, name))
    if (theirs === undefined) return [{ workload: workload.name, what: name, verdict: ABSENT }]
    // A build that fails in a later sitting has fewer samples.
    const ours = collected.get(name).slice(0, theirs.length)
    const time = { workload: workload.name, what: name, ...judgeRatios(samplesOf(ours, theirs, workload), TIME_FLOOR) }
    const memory = memoryRow(workload, name, ours, theirs)
    return memory === null ? [time] : [time, memory]
  })
  return [...rows, ...failures(workload, skipped)]
}

function otherOf(collected, name) {
  return [...collected.keys()].find((key) => key.includes(OTHER) && key.replace(OTHER, '') === name)
}

/** If each round is a new process, each round is a sample. Otherwise each pair of processes is one. */
function samplesOf(ours, theirs, { isProcess }) {
  const perSitting = ours.flatMap((sitting, i) => {
    const ratios = sitting.elapsedMs.map((ms, round) => ms / theirs[i].elapsedMs[round])
    return isProcess ? ratios : [median(ratios)]
  })
  return perSitting.filter((ratio) => Number.isFinite(ratio))
}

/**
 * Memory gets its own row if it differs. A workload of whole processes has one peak for all rounds, so it has no
 * samples.
 */
function memoryRow(workload, name, ours, theirs) {
  if (workload.isProcess) return null
  const ratios = ours
    .map(({ peakRssMb }, i) => peakRssMb / theirs[i].peakRssMb)
    .filter((ratio) => Number.isFinite(ratio))
  if (ratios.length === 0) return null
  const judged = judgeRatios(ratios, MEMORY_FLOOR)
  return differs(judged) ? { workload: workload.name, what: `${name}: peak memory`, ...judged } : null
}

/**
 * If a build lacks a feature that a workload needs, there is nothing to compare. Every other error of this checkout's
 * build is a failure.
 */
function failures(workload, skipped) {
  return skipped
    .filter(({ name, why }) => !why.startsWith('it has no ') && !name.includes(OTHER))
    .map(({ name, why }) => ({ workload: workload.name, what: name, verdict: 'failed', why }))
}

function lineOf({ what, ratio, low, high, verdict, why }) {
  if (ratio === undefined) return `${what}: ${verdict}${why === undefined ? '' : `: ${why}`}`
  return `${what}: ${fixed(ratio)} × the other's ${what.endsWith('memory') ? 'memory' : 'time'} (${fixed(low)}–${fixed(high)}): ${verdict}`
}

function tableOfRows(rows) {
  const lines = rows.map(({ workload, what, ratio, low, high, verdict, why }) => [
    workload,
    what,
    ratio === undefined ? '–' : `${fixed(ratio)} (${fixed(low)}–${fixed(high)})`,
    verdict === 'failed' ? `**failed**: ${why}` : verdict.replace('slower', '**slower**'),
  ])
  return markdownTable([['workload', 'client', "× the other build's", 'verdict'], ...lines])
}

function summaryOf(rows) {
  const count = (word) => rows.filter(({ verdict }) => verdict === word).length
  const failed = count('failed')
  return (
    `${count('slower')} slower, ${count('faster')} faster, ${count('within the spread')} within the spread` +
    `${count('too few') > 0 ? `, ${count('too few')} with too few samples` : ''}${failed > 0 ? `, ${failed} failed` : ''}` +
    `${count(ABSENT) > 0 ? `, ${count(ABSENT)} ${ABSENT}` : ''}.`
  )
}
