/** A workload's result as a table for people. */

export function tableOf(result) {
  const faces = result.peers.filter(({ name }) => name.startsWith('syncpg')).map(({ name }) => name)
  const perOperation = result.operations > 1
  const head = [
    'peer',
    'ms (min–max)',
    ...(perOperation ? [`µs/${result.unit}`] : []),
    perOperation ? `cpu µs/${result.unit}` : 'cpu ms',
    'peak MB',
    ...faces.map((face) => `${face} is × as fast`),
  ]
  const lines = result.peers.map((peer) => [
    peer.name,
    `${fixed(peer.roundMs.median)} (${fixed(peer.roundMs.least)}–${fixed(peer.roundMs.most)})`,
    ...(perOperation ? [fixed(peer.microsecondsPerOperation)] : []),
    perOperation ? fixed(peer.cpuMicrosecondsPerOperation) : fixed(peer.cpuMicrosecondsPerOperation / 1000),
    String(peer.peakRssMb),
    ...faces.map((face) => (face === peer.name ? '1' : ratio(peer.timesOf[face]))),
  ])
  const skipped = result.skipped.map(({ name, why }) => `left out: ${name}: ${why}`)
  return [markdownTable([head, ...lines]), ...skipped].join('\n')
}

function markdownTable([head, ...lines]) {
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column].length)))
  const row = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [row(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(row)].join('\n')
}

function ratio({ median, least, most }) {
  return `${median.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`
}

function fixed(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
