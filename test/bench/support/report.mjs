/** A workload's result as a table. */
import { fixed, markdownTable, spreadText } from './tables.mjs'

/** @returns a table: time of a round, time and processor per operation, peak memory, and the ratios to our faces. */
export function tableOf(result) {
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

/** Who took no part, and why; without those that only lack what the workload needs. */
export function leftOut(result) {
  return result.skipped
    .filter(({ why }) => !why.startsWith('it has no '))
    .map(({ name, why }) => `Left out: ${name}: ${why}`)
}
