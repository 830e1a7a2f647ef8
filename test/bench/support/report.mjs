/** A workload's result as a table. */
import { fixed, markdownTable, sizeText, spreadText } from './tables.mjs'

/**
 * @returns a table: time of a round, time and processor per operation, peak memory, and the ratios to both APIs of
 * syncpg.
 */
export function tableOf(result) {
  if (result.isRange) return rangeTable(result)
  const all = result.peers.filter(({ name }) => name.startsWith('syncpg')).map(({ name }) => name)
  const faces = result.ratiosTo ?? all
  const perOperation = result.operations > 1
  const head = [
    'client',
    'ms (least–most)',
    ...(perOperation ? [`µs/${result.unit}`, `cpu µs/${result.unit}`] : ['cpu ms']),
    'peak MB',
    ...faces.map((face) => `× ${face}'s time`),
  ]
  const lines = result.peers.map((peer) => {
    const { microsecondsPerOperation: wall, cpuMicrosecondsPerOperation: cpu } = peer
    return [
      peer.name,
      spreadText(peer.roundMs),
      ...(perOperation ? [fixed(wall), fixed(cpu)] : [fixed(cpu === null ? null : cpu / 1000)]),
      peer.peakRssMb === null ? '–' : String(peer.peakRssMb),
      ...faces.map((face) => (face === peer.name ? '1' : spreadText(peer.timesOf[face]))),
    ]
  })
  return markdownTable([head, ...lines])
}

/** A table with a line for each size: the time, and the cost of each unit beyond the first. */
function rangeTable({ workload, points, peers, unit, sizeUnit = `${unit}s` }) {
  if (workload === 'connections') return connectionsTable({ points, peers })
  const head = [sizeUnit, ...peers.flatMap(({ name }) => [`${name}: ms`, `µs/${unit}`])]
  const lines = points.map((size, i) => [
    sizeText(size),
    ...peers.flatMap(({ totalsMs, unitsUs }) => [fixed(totalsMs[i]), unitText(totalsMs[i], unitsUs[i])]),
  ])
  const bends = ['worst ÷ best', ...peers.flatMap(({ bend }) => ['', fixed(bend)])]
  return markdownTable([head, ...lines, bends])
}

function connectionsTable({ points, peers }) {
  const head = ['connections', ...peers.flatMap(({ name }) => [`${name}: ms to open each`, 'MB each', 'select 1, µs'])]
  const lines = points.map((count, i) => [
    sizeText(count),
    ...peers.flatMap(({ openMs, eachMb, selectUs }) => [openMs, eachMb, selectUs].map((list) => fixed(list[i]))),
  ])
  return markdownTable([head, ...lines])
}

function unitText(totalMs, unitUs) {
  if (totalMs === null) return '–'
  return unitUs === null ? '(call)' : significant(unitUs)
}

/** Three significant digits, because units cost from nanoseconds to milliseconds. */
function significant(us) {
  return us >= 0.1 ? fixed(us) : String(Number(us.toPrecision(2)))
}

/**
 * The clients that were left out, each with the reason. Clients that only lack a feature of the workload are not
 * listed.
 */
export function leftOut(result) {
  return result.skipped
    .filter(({ why }) => !why.startsWith('it has no '))
    .map(({ name, why }) => `Left out: ${name}: ${why}`)
}
