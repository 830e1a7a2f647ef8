/**
 * Tests the report of the benchmarks: verdicts at their limits, ratios within a round, and a document that agrees with
 * the published figures.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

interface Peer {
  readonly name: string
  readonly timesOf: Readonly<Record<string, Spread>>
  readonly microsecondsPerOperation: number
  readonly peakRssMb: number | null
}

interface Result {
  readonly workload: string
  readonly peers: readonly Peer[]
}

interface Verdict {
  readonly what: string
  readonly face: string
  readonly target: string
  readonly verdict: string
}

// The benchmarks are plain scripts without types.
const support = (file: string): string => new URL(`../../bench/support/${file}`, import.meta.url).href
const { summarize, turnsOf } = await import(support('statistics.mjs'))
const { judge } = await import(support('targets.mjs'))
const { withFigures } = await import(support('document.mjs'))
const { barChart } = await import(support('bar-chart.mjs'))
const { chartsOf } = await import(support('charts.mjs'))

const docs = new URL('../../../docs/', import.meta.url)

function resultOf(workload: string, peers: Readonly<Record<string, readonly number[]>>, operations = 1): Result {
  const entries = Object.entries(peers).map(([name, elapsedMs]) => ({
    name,
    version: `${name} 1.0`,
    kinds: null,
    elapsedMs,
    cpuMs: elapsedMs,
    peakRssMb: 70,
  }))
  const about = { workload, title: workload, unit: 'row', operations, rounds: 3, skipped: [], load: 1 }
  return { ...about, measuredAt: '2024-01-01T00:00:00Z', ...summarize(entries, operations) }
}

function verdictOf(results: readonly Result[], face: string, target: string, what = ''): string | undefined {
  const rows: Verdict[] = judge(results)
  return rows.find((row) => row.face === face && row.target === target && row.what.startsWith(what))?.verdict
}

describe('figures', () => {
  test('a ratio is taken within the round, so a round that was slow for all changes nothing', () => {
    const { peers } = resultOf('wide-rows', { syncpg: [10, 100, 10], pg: [20, 200, 20] })
    expect(peers[1]?.timesOf['syncpg']).toEqual({ median: 2, least: 2, most: 2 })
  })

  test('a client that did a hundredth of the operations is counted per operation', () => {
    const entry = { version: '', kinds: null, cpuMs: [1], peakRssMb: null }
    const entries = [
      { ...entry, name: 'syncpg', elapsedMs: [10] },
      { ...entry, name: 'psql', elapsedMs: [10], operations: 10 },
    ]
    const { peers } = summarize(entries, 1000) as Result
    expect(peers.map((peer) => peer.microsecondsPerOperation)).toEqual([10, 1000])
    expect(peers[1]?.timesOf['syncpg']?.median).toBe(100)
  })

  test('every client begins a round, and the one before it changes', () => {
    const orders = Array.from({ length: 6 }, (_, round) => (turnsOf(['a', 'b', 'c'], round) as string[]).join(''))
    expect(orders).toEqual(['abc', 'cba', 'bca', 'acb', 'cab', 'bac'])
  })
})

describe('verdicts', () => {
  const wide = (ours: readonly number[], theirs: readonly number[]): Result[] => [
    resultOf('wide-rows', { syncpg: ours, pg: theirs }),
  ]

  test.each([
    ['reached', [10, 10, 10], [25, 25, 25]],
    ['within the spread', [10, 10, 10], [24, 24, 25]],
    ['missed', [10, 10, 10], [24, 24, 24]],
  ])('at least 2.5 × is %s', (verdict, ours, theirs) => {
    expect(verdictOf(wide(ours, theirs), 'syncpg', '≥ 2.5 × pg')).toBe(verdict)
  })

  test.each([
    ['reached', [10, 10, 10], [10, 10, 10]],
    ['within the spread', [10, 11, 11], [10, 10, 10]],
    ['missed', [11, 11, 11], [10, 10, 10]],
  ])("at most pg's time is %s", (verdict, ours, theirs) => {
    const results = [resultOf('whole-process', { syncpg: ours, pg: theirs })]
    expect(verdictOf(results, 'syncpg', '≤ 1 × pg’s time')).toBe(verdict)
  })

  test('a claim without a measurement is not called reached', () => {
    expect((judge([]) as Verdict[]).every(({ verdict }) => verdict === 'not measured')).toBe(true)
    expect(verdictOf(wide([10], [25]), 'syncpg/async', '≥ 2.5 × pg')).toBe('not measured')
  })

  test('the memory of ten million rows is judged by that of one million', () => {
    const million = resultOf('million-streamed', { syncpg: [1] })
    const ten = resultOf('ten-million-streamed', { syncpg: [1] })
    const grown = { ...ten, peers: ten.peers.map((peer) => ({ ...peer, peakRssMb: 76 })) }
    const what = 'peak memory, 10M'
    expect(verdictOf([million, ten], 'syncpg', 'no more than 1M', what)).toBe('reached')
    expect(verdictOf([million, grown], 'syncpg', 'no more than 1M', what)).toBe('missed')
  })

  test('psycopg without its C parts is no proof against psycopg', () => {
    const result = resultOf('million-rows-us', { syncpg: [10], psycopg: [100] })
    const python = result.peers.map((peer) =>
      peer.name === 'psycopg' ? { ...peer, version: 'psycopg 3.1.7 (python)' } : peer,
    )
    expect(verdictOf([result], 'syncpg', '≥ 1 × psycopg')).toBe('reached')
    expect(verdictOf([{ ...result, peers: python }], 'syncpg', '≥ 1 × psycopg')).toBe(
      'reached, without psycopg’s C parts',
    )
  })
})

describe('the document', () => {
  const report = {
    machine: { node: 'v20', platform: 'linux', processors: 2, model: 'none', memoryGb: 4 },
    server: '18',
    results: [resultOf('wide-rows', { syncpg: [10], 'syncpg/async': [9], pg: [30] })],
  }
  const BEGIN = '<!-- figures: begin (written by npm run bench; do not edit) -->'
  const END = '<!-- figures: end -->'

  test('only the text between the markers is written again', () => {
    const text = withFigures(`before\n${BEGIN}\nold\n${END}\nafter\n`, report) as string
    expect(text.startsWith(`before\n${BEGIN}\n`) && text.endsWith(`${END}\nafter\n`)).toBe(true)
    expect(text).not.toContain('old')
    expect(text).toContain('| 10,000 rows × 20 | 3.00 |')
    expect(withFigures(text, report)).toBe(text)
  })

  test('without its markers it is refused rather than written over', () => {
    expect(() => withFigures('prose', report)).toThrow(/markers/)
  })

  test("a chart has a bar for each client, syncpg's in colours of their own, and names are escaped", () => {
    const bar = { label: 'a<b', kind: 'theirs', median: 2, least: 1, most: 3, figure: '2.00' }
    const svg = barChart({ title: 't', note: 'n', groups: [{ title: 'g', bars: [bar] }] }) as string
    expect(svg).toContain('a&lt;b')
    const chart = (
      chartsOf([resultOf('wide-rows', { asyncpg: [1], syncpg: [2], 'syncpg/async': [3] })]) as { svg: string }[]
    )[0]
    const kinds = [...(chart?.svg ?? '').matchAll(/<rect class="(\w+)" x="\d+" y/g)].map(([, kind]) => kind)
    expect(kinds.filter((kind) => kind !== 'ground')).toEqual(['theirs', 'blocking', 'async'])
  })

  test.skipIf(!existsSync(new URL('benchmarks.json', docs)))(
    'docs/benchmarks.md shows what docs/benchmarks.json holds',
    () => {
      const text = readFileSync(new URL('benchmarks.md', docs), 'utf8')
      const { head, results } = JSON.parse(readFileSync(new URL('benchmarks.json', docs), 'utf8'))
      const published = results.map((result: { about: object; peers: Peer[] }) => ({
        ...result.about,
        peers: result.peers,
      }))
      expect(withFigures(text, { ...head, results: published })).toBe(text)
    },
  )
})
