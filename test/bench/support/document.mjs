/**
 * The figures section of docs/benchmarks.md, written from results: the targets, a table of ratios for each face, the
 * charts, and a table for each workload. The text outside of the markers is written by hand and does not change.
 */
import { MAGICSTACK_CONNECTIONS } from '../workloads/magicstack.mjs'
import { chartsOf } from './charts.mjs'
import { GROWTH_LIMIT } from './growth.mjs'
import { leftOut, tableOf } from './report.mjs'
import { fixed, markdownTable, spreadText } from './tables.mjs'
import { judge, magicStackRatio, ratioOf } from './targets.mjs'

const BEGIN = '<!-- figures: begin (written by npm run bench; do not edit) -->'
const END = '<!-- figures: end -->'

const RATIO_ROWS = [
  ['select-one-unix', 'select 1, Unix socket'],
  ['select-one-tcp', 'select 1, TCP'],
  ['select-one-tls', 'select 1, TLS'],
  ['in-flight', 'select 1, 100 in flight'],
  ['wide-rows', '10,000 rows × 20'],
  ['million-rows-us', '1M rows kept, µs'],
  ['million-rows-ms', '1M rows kept, ms'],
  ['rows-tls', '200,000 rows kept, TLS'],
  ['million-streamed', '1M rows one by one'],
  ['insert-many', 'insert 10,000'],
  ['copy-records', 'COPY 1M'],
  ...[1, 20].flatMap((ms) => [
    [`far-${ms}-first-query`, `${ms} ms away: first query`],
    [`far-${ms}-new-text`, `${ms} ms away: new text`],
    [`far-${ms}-transaction`, `${ms} ms away: ten in a transaction`],
    [`far-${ms}-insert-many`, `${ms} ms away: insert 1000`],
    [`far-${ms}-pipeline`, `${ms} ms away: ten in a pipeline`],
  ]),
  ['whole-process', 'whole process'],
]

const CONNECTIONS = { 1: 'one connection', 10: 'ten connections' }

/** @returns the text of docs/benchmarks.md with its figures replaced. @throws Error when the markers are not there. */
export function withFigures(text, report) {
  return replaced(text, figuresOf(report), 'docs/benchmarks.md')
}

/** @returns the text of docs/growth.md with its figures replaced. @throws Error when the markers are not there. */
export function withGrowth(text, report) {
  return replaced(text, growthOf(report), 'docs/growth.md')
}

function replaced(text, figures, page) {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`${page}: the markers ${BEGIN} and ${END} are gone`)
  return `${text.slice(0, from)}${BEGIN}\n\n${figures}\n\n${text.slice(to)}`
}

function isGrowth({ workload }) {
  return workload.startsWith('growth-')
}

function growthOf({ machine, server, results: all }) {
  const results = all.filter(isGrowth)
  if (results.length === 0) return 'Not measured yet.'
  const names = [...new Set(results.flatMap(({ peers }) => peers.map(({ name }) => name)))]
  const rows = results.map(({ title, peers }) => [
    title,
    ...names.map((name) => {
      const peer = peers.find((candidate) => candidate.name === name)
      if (peer === undefined) return ''
      return peer.bend > GROWTH_LIMIT && name.startsWith('syncpg') ? `**${fixed(peer.bend)}**` : fixed(peer.bend)
    }),
  ])
  return [
    machineText(machine, server, results),
    '### The worst cost of a unit divided by the best',
    markdownTable([['range', ...names], ...rows]),
    '### Each range',
    ...results.map((result) =>
      [`**${result.title}** (\`${result.workload}\`)`, tableOf(result), ...leftOut(result)].join('\n\n'),
    ),
  ].join('\n\n')
}

function figuresOf({ machine, server, results: all }) {
  const results = all.filter((result) => !isGrowth(result))
  // The targets include those about growth.
  const sections = [machineText(machine, server, results), targetsTable(all)]
  for (const face of ['syncpg', 'syncpg/async']) {
    const table = ratioTable(results, face)
    if (table !== null) sections.push(table)
  }
  sections.push(...chartsOf(results).map(({ file, title }) => `![${title}](pictures/${file})`))
  sections.push(clientsTable(results), '### Each workload')
  for (const result of results) {
    const heading = `**${result.title}** (\`${result.workload}\`, ${result.rounds} ${result.rounds === 1 ? 'round' : 'rounds'})`
    sections.push([heading, tableOf(result), ...leftOut(result)].join('\n\n'))
  }
  return sections.join('\n\n')
}

function machineText(machine, server, results) {
  const days = results.map(({ measuredAt }) => measuredAt.slice(0, 16).replace('T', ' ')).toSorted()
  const loads = results.map(({ load }) => load)
  const load = `load average ${fixed(Math.min(...loads))}–${fixed(Math.max(...loads))}, the benchmark's own work included`
  return [
    `Node ${machine.node}, PostgreSQL ${server}, ${machine.platform}, ${machine.processors} × ${machine.model},`,
    `${machine.memoryGb} GB; ${load}. Measured from ${days[0]} to ${days.at(-1)} UTC.`,
    'All rounds of it: [benchmarks.json](benchmarks.json).',
  ].join('\n')
}

function targetsTable(results) {
  const rows = judge(results).map(({ what, face, target, reached, unit, verdict }) => [
    what,
    face,
    target,
    reached === null ? '–' : `${spreadText(reached)}${unit}`,
    verdict.replace('missed', '**missed**'),
  ])
  const count = (word) => rows.filter((row) => row[4].startsWith(word)).length
  const total =
    `${count('reached')} of ${rows.length} reached, ${count('within the spread')} within the spread, ` +
    `${count('**missed**')} missed, ${count('not measured')} not measured.`
  return [
    '### What is to be reached, and what is',
    `${total} \`1.8 × pg\` means that \`pg\` takes 1.8 times as long in the same round. "Within the spread": not the median, but a round of it.`,
    markdownTable([['workload', 'face', 'target', 'reached', 'verdict'], ...rows]),
  ].join('\n\n')
}

function ratioTable(results, face) {
  const figures = new Map(results.map((result) => [result.workload, result]))
  const isThere = (name) => results.some(({ peers }) => peers.some((peer) => peer.name === name))
  if (!isThere(face)) return null
  const names = [...new Set(results.flatMap(({ peers }) => peers.map(({ name }) => name)))]
  const measured = RATIO_ROWS.filter(([workload]) => ratioOf(figures, workload, face, face) !== null)
  const clients = names.filter(
    (name) =>
      !name.startsWith('syncpg') && measured.some(([workload]) => ratioOf(figures, workload, name, face) !== null),
  )
  const cell = (spread) => (spread === null ? '' : spreadText(spread))
  const rows = measured.map(([workload, title]) => [
    title,
    ...clients.map((client) => cell(ratioOf(figures, workload, client, face))),
  ])
  if (face === 'syncpg/async') {
    for (const count of MAGICSTACK_CONNECTIONS) {
      const means = clients.map((client) => cell(magicStackRatio(figures, client, [count])))
      if (means.some((text) => text !== '')) rows.push([`MagicStack's seven, ${CONNECTIONS[count]}`, ...means])
    }
  }
  return [
    `### \`${face}\` beside the others`,
    `How many times as long each takes as \`${face}\`: above 1, \`${face}\` is faster.`,
    markdownTable([['', ...clients], ...rows]),
  ].join('\n\n')
}

function clientsTable(results) {
  const versions = new Map()
  for (const { peers } of results) {
    for (const { name, version } of peers) if (version) versions.set(name, version)
  }
  const kinds = results.find(({ workload }) => workload === 'million-rows-us')?.peers ?? []
  const rows = [...versions].map(([name, version]) => [
    name,
    version,
    kinds.find((peer) => peer.name === name)?.kinds?.join(', ') ?? '',
  ])
  return [
    '### The clients',
    'The last column: what each makes of int4, int8, float8, text and timestamptz.',
    markdownTable([['client', 'version', 'values'], ...rows]),
  ].join('\n\n')
}
