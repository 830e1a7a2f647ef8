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
const { growthOf } = await import(support('growth.mjs'))
const { tableOf } = await import(support('report.mjs'))
const { withFigures, withGrowth } = await import(support('document.mjs'))
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
  test('a ratio is taken within a round, so a round that was slow for all clients changes nothing', () => {
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

  test('every client is first in some round, and its predecessor changes', () => {
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

  test('a verdict says that psycopg was measured without its C parts', () => {
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

describe('ranges of sizes', () => {
  const points = [1, 10, 100, 1000]
  const rangeOf = (syncpg: readonly (number | null)[]): Result => {
    const msOf = syncpg.map((ms) => (ms === null ? null : [ms]))
    const peers = [growthOf({ name: 'syncpg', version: 'syncpg 1.0', msOf }, points)]
    return {
      workload: 'growth-x',
      title: 'x',
      unit: 'row',
      isRange: true,
      points,
      peers,
      skipped: [],
    } as unknown as Result
  }
  const bendOf = (result: Result): number | null => (result.peers[0] as unknown as { bend: number | null }).bend

  test('the cost of a unit does not include the cost of a call with one unit', () => {
    // 1 ms for the call, and 1 µs for each unit.
    const [peer] = rangeOf([1, 1.009, 1.099, 1.999].map((ms) => ms * 1)).peers as unknown as { unitsUs: unknown }[]
    expect(peer?.unitsUs).toEqual([null, null, null, null])
    const [larger] = rangeOf([0.1, 0.109, 0.199, 1.099]).peers as unknown as { unitsUs: unknown }[]
    expect(larger?.unitsUs).toEqual([null, null, null, 1])
  })

  test('the spread is the highest cost divided by the lowest, without sizes that were not measured', () => {
    expect(bendOf(rangeOf([0.001, 0.01, 0.1, 1]))).toBe(1)
    expect(bendOf(rangeOf([0.001, 0.01, 0.1, 2]))).toBeCloseTo(2, 1)
    expect(bendOf(rangeOf([0.001, 0.01, null, null]))).toBeNull()
  })

  test('the target takes the range with the largest spread', () => {
    const straight = { ...rangeOf([0.001, 0.01, 0.1, 1]), workload: 'growth-a' }
    const bent = { ...rangeOf([0.001, 0.01, 0.1, 2]), workload: 'growth-b' }
    expect(verdictOf([straight], 'syncpg', '≤ 1.5 × its best')).toBe('reached')
    expect(verdictOf([straight, bent], 'syncpg', '≤ 1.5 × its best')).toBe('missed')
  })

  test('the table marks sizes at which the cost of a unit cannot be measured', () => {
    const lines = (tableOf(rangeOf([0.1, 0.109, 0.199, 1.099])) as string).split('\n')
    expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      '| rows | syncpg: ms | µs/row |',
      expect.stringMatching(/^\|-/),
      '| 1 | 0.10 | (call) |',
      '| 10 | 0.11 | (call) |',
      '| 100 | 0.20 | (call) |',
      '| 1,000 | 1.10 | 1.00 |',
      '| worst ÷ best | | – |',
    ])
  })
})

describe('connections', () => {
  const round = (selectUs: number): object => ({ openMs: 1, rssMb: 50, selectUs })
  const connections = (eachMb: number, hundred: number): Result => {
    const figures = { openMs: [1, 1, 1], selectUs: [40, 41, hundred], rssMb: [50, 51, 60], eachMb: [null, 0.1, eachMb] }
    const allRounds = [[round(40)], [round(41)], [round(hundred)]]
    const peers = [{ name: 'syncpg', version: 'syncpg 1.0', ...figures, allRounds }]
    return { workload: 'connections', isRange: true, points: [1, 10, 100], peers } as unknown as Result
  }

  test.each([
    ['reached', 0.5, 48],
    ['missed', 0.51, 49],
  ])('are %s at half a megabyte and 1.2 times the time', (verdict, eachMb, hundred) => {
    const results = [connections(eachMb, hundred)]
    const verdicts = ['≤ 0.5 MB', '≤ 1.2 × that of one'].map((target) => verdictOf(results, 'syncpg', target))
    expect(verdicts).toEqual([verdict, verdict])
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

  test('only the text between the markers is replaced', () => {
    const text = withFigures(`before\n${BEGIN}\nold\n${END}\nafter\n`, report) as string
    expect(text.startsWith(`before\n${BEGIN}\n`) && text.endsWith(`${END}\nafter\n`)).toBe(true)
    expect(text).not.toContain('old')
    expect(text).toContain('| 10,000 rows × 20 | 3.00 |')
    expect(withFigures(text, report)).toBe(text)
  })

  test('ranges stand on a page of their own', () => {
    const points = [1, 1000]
    const peer = growthOf({ name: 'syncpg', version: 'syncpg 1.0', msOf: [[0.001], [1]] }, points)
    const about = { workload: 'growth-x', title: 'a range', unit: 'row', isRange: true, load: 1, skipped: [] }
    const growth = { ...about, measuredAt: '2024-01-01T00:00:00Z', points, peers: [peer] }
    const both = { ...report, results: [...report.results, growth] }
    const empty = `${BEGIN}\n${END}\n`
    expect(withFigures(empty, both)).not.toContain('a range')
    expect(withGrowth(empty, both)).toContain('**a range** (`growth-x`)')
    expect(withGrowth(empty, report)).toContain('Not measured yet.')
  })

  test('a page without the markers is refused and stays unchanged', () => {
    expect(() => withFigures('prose', report)).toThrow(/markers/)
  })

  test("a chart has a bar for each client, syncpg's bars have their own colours, and names are escaped", () => {
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
    'docs/benchmarks.md and docs/growth.md show what docs/benchmarks.json holds',
    () => {
      const [text, growth] = ['benchmarks.md', 'growth.md'].map((page) => readFileSync(new URL(page, docs), 'utf8'))
      const { head, results } = JSON.parse(readFileSync(new URL('benchmarks.json', docs), 'utf8'))
      const published = results.map((result: { about: object; peers: Peer[] }) => ({
        ...result.about,
        peers: result.peers,
      }))
      expect(withFigures(text, { ...head, results: published })).toBe(text)
      expect(withGrowth(growth, { ...head, results: published })).toBe(growth)
    },
  )
})
