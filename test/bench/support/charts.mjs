/** The charts, and the results that each one shows. */
import { MAGICSTACK_CONNECTIONS, MAGICSTACK_NAMES } from '../workloads/magicstack.mjs'
import { barChart } from './bar-chart.mjs'
import { fixed } from './tables.mjs'

const NOTE =
  'Shorter is faster. Bars are medians, thin lines the least and the most of the rounds. Each group has its own scale.'
const MEMORY_NOTE = 'Less is better. The most memory the client’s process held.'

const CHARTS = [
  {
    file: 'bench-round-trips.svg',
    title: 'One small statement',
    groups: [
      ['select-one-unix', 'select 1 one after another, Unix socket'],
      ['select-one-tcp', 'select 1 one after another, TCP'],
      ['in-flight', 'select 1, 100 in flight'],
    ],
    // psql starts a process for each statement. Beside its long bar the other bars would be too short to see.
    without: ['psql'],
  },
  {
    file: 'bench-rows.svg',
    title: 'Rows in bulk',
    groups: [
      ['million-rows-us', '1,000,000 rows × 5, all kept'],
      ['million-streamed', '1,000,000 rows × 5, one by one'],
      ['wide-rows', '10,000 rows × 20 columns'],
    ],
    without: [],
  },
  {
    file: 'bench-memory.svg',
    title: 'Peak memory',
    groups: [
      ['million-rows-us', '1,000,000 rows × 5, all kept'],
      ['million-streamed', '1,000,000 rows × 5, one by one'],
      ['ten-million-streamed', '10,000,000 rows × 5, one by one'],
    ],
    without: [],
    shows: 'memory',
  },
  {
    file: 'bench-loading.svg',
    title: 'Writing many records',
    groups: [
      ['insert-many', '10,000 records by INSERT'],
      ['copy-records', '1,000,000 records by COPY'],
    ],
    without: [],
  },
  ...MAGICSTACK_CONNECTIONS.map((count) => ({
    file: `bench-magicstack-${count}.svg`,
    title: `MagicStack’s seven workloads, ${count === 1 ? 'one connection' : `${count} connections at once`}`,
    groups: MAGICSTACK_NAMES.map((name) => [`magicstack-${name}-${count}`, name]),
    without: [],
  })),
  {
    file: 'bench-starting.svg',
    title: 'Starting',
    groups: [
      ['whole-process', 'process start, connect, select 1, end'],
      ['embedded-first-row', 'embedded PostgreSQL to its first row'],
      ['command-line-answer', '-c "select 1" on the command line'],
      ['command-line-prompt', 'first prompt in a terminal'],
    ],
    without: [],
  },
]

/** @returns `[{ file, title, svg, workloads }]` for the measured workloads */
export function chartsOf(results) {
  const figures = new Map(results.map((result) => [result.workload, result]))
  return CHARTS.flatMap(({ file, title, groups, without, shows = 'time' }) => {
    const measured = groups.filter(([workload]) => figures.has(workload))
    if (measured.length === 0) return []
    const drawn = measured.map(([workload, heading]) => groupOf(figures.get(workload), { heading, without, shows }))
    const note = shows === 'time' ? NOTE : MEMORY_NOTE
    const svg = barChart({ title, note, groups: drawn })
    return [{ file, title, svg, workloads: measured.map(([workload]) => workload) }]
  })
}

function groupOf(result, { heading, without, shows }) {
  const peers = result.peers.filter(({ name }) => !without.includes(name))
  const perOperation = result.operations > 1 && result.unit !== 'row' && result.unit !== 'record'
  const unit = shows === 'memory' ? 'MB' : perOperation ? `µs per ${result.unit}` : 'ms'
  const bars = peers
    .filter(({ peakRssMb }) => shows === 'time' || peakRssMb !== null)
    .map((peer) => {
      const factor = perOperation ? 1000 / result.operations : 1
      const { median, least, most } = shows === 'memory' ? same(peer.peakRssMb) : scaled(peer.roundMs, factor)
      return { label: peer.name, kind: kindOf(peer.name), median, least, most, figure: fixed(median) }
    })
  return { title: `${heading} (${unit})`, bars: bars.toSorted((a, b) => a.median - b.median) }
}

function kindOf(name) {
  if (name.startsWith('syncpg/async')) return 'async'
  return /(^|\s)syncpg/.test(name) ? 'blocking' : 'theirs'
}

function same(value) {
  return { median: value, least: value, most: value }
}

function scaled({ median, least, most }, factor) {
  return { median: median * factor, least: least * factor, most: most * factor }
}
