/**
 * Stores results. Every run writes `results/latest.json`. A run that publishes also writes `docs/benchmarks.json`,
 * the pictures, and the figures in `docs/benchmarks.md` and `docs/growth.md`. Figures that the run has not measured
 * stay there unchanged.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chartsOf } from './charts.mjs'
import { withFigures, withGrowth } from './document.mjs'
import { WORKLOADS } from './workload-list.mjs'

const LATEST = new URL('../results/latest.json', import.meta.url)
const DOCS = new URL('../../../docs/', import.meta.url)
const PUBLISHED = new URL('benchmarks.json', DOCS)
const DOCUMENT = new URL('benchmarks.md', DOCS)
const GROWTH = new URL('growth.md', DOCS)

export function saveLatest(report) {
  mkdirSync(new URL('.', LATEST), { recursive: true })
  writeFileSync(LATEST, jsonOf(report))
}

/** Merges a run into the published results, and writes the documents, pictures and JSON. */
export function publish(report) {
  const before = existsSync(PUBLISHED) ? readPublished().results : []
  const measured = new Map([...before, ...report.results].map((result) => [result.workload, result]))
  const results = WORKLOADS.flatMap(({ name }) => measured.get(name) ?? [])
  const whole = { ...report, results }
  writeFileSync(PUBLISHED, jsonOf(whole))
  writeDocument(whole)
}

/** Writes the documents and pictures again from the published results. */
export function republish() {
  writeDocument(readPublished())
}

function readPublished() {
  const { head, results } = JSON.parse(readFileSync(PUBLISHED, 'utf8'))
  return { ...head, results: results.map(({ about, peers }) => ({ ...about, peers })) }
}

function writeDocument(report) {
  writeFileSync(DOCUMENT, withFigures(readFileSync(DOCUMENT, 'utf8'), report))
  writeFileSync(GROWTH, withGrowth(readFileSync(GROWTH, 'utf8'), report))
  for (const { file, svg } of chartsOf(report.results)) writeFileSync(new URL(`pictures/${file}`, DOCS), svg)
}

/** A line for each client of a workload, so that a change of figures is a change of lines and not of a whole page. */
function jsonOf({ results, ...head }) {
  const lines = results.map(({ peers, ...result }) => {
    const clients = peers.map((peer) => JSON.stringify(peer)).join(',\n    ')
    return `  {"about": ${JSON.stringify(result)},\n   "peers": [\n    ${clients}]}`
  })
  return `{"head": ${JSON.stringify(head)},\n "results": [\n${lines.join(',\n')}\n]}\n`
}
