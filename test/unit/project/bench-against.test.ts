/** Tests how `npm run bench -- --against` judges: samples in, verdict out, and which builds it finds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'

interface Judged {
  readonly ratio: number
  readonly low: number
  readonly high: number
  readonly verdict: string
}

// The benchmarks are plain scripts without types.
const support = (file: string): string => new URL(`../../bench/support/${file}`, import.meta.url).href
const { judgeRatios, confirmed } = await import(support('verdict.mjs'))
const { findBuild } = await import(support('other-build.mjs'))

const judge = (ratios: readonly number[], floor?: number): Judged => judgeRatios(ratios, floor)

describe('a verdict', () => {
  test.each([
    ['slower', 'all samples lie above 1 and the median above the floor', [1.04, 1.05, 1.06, 1.05, 1.04, 1.07]],
    ['slower', 'one of nine samples is an outlier', [1.08, 1.07, 1.09, 1.06, 1.08, 1.1, 1.07, 1.08, 0.7]],
    ['faster', 'all samples lie below 1 and the median below the floor', [0.94, 0.95, 0.9, 0.93, 0.95, 0.94]],
    ['within the spread', 'two of nine samples say the opposite', [1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 0.95, 0.94]],
    ['within the spread', 'the difference is sure but below the floor', [1.02, 1.02, 1.02, 1.02, 1.02, 1.02]],
    ['within the spread', 'one of six samples says the opposite', [1.2, 1.2, 1.2, 1.2, 1.2, 0.99]],
    ['within the spread', 'both builds are the same', [1, 0.97, 1.03, 1.01, 0.99, 1, 1.02, 0.98, 1]],
    ['too few', 'there are five samples', [2, 2, 2, 2, 2]],
  ])('is "%s" when %s', (verdict, _reason, ratios) => {
    expect(judge(ratios).verdict).toBe(verdict)
  })

  test('is the opposite if the builds are swapped', () => {
    const ratios = [1.2, 1.3, 1.25, 1.21, 1.22, 1.31, 1.19]
    expect(judge(ratios).verdict).toBe('slower')
    expect(judge(ratios.map((ratio) => 1 / ratio)).verdict).toBe('faster')
  })

  test('takes the smallest difference that counts from its argument', () => {
    const ratios = [1.05, 1.06, 1.05, 1.06, 1.05, 1.06]
    expect([judge(ratios, 0.03).verdict, judge(ratios, 0.1).verdict]).toEqual(['slower', 'within the spread'])
  })

  test('names the interval that holds the median in 95 of 100 measurements', () => {
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
    const intervals = [6, 8, 9, 12, 18, 25].map((count) => {
      const { low, high } = judge(upTo(count))
      return [low, high]
    })
    // The values are those of the tables of the sign test.
    expect(intervals).toEqual([
      [1, 6],
      [1, 8],
      [2, 8],
      [3, 10],
      [5, 14],
      [8, 18],
    ])
  })

  test('about a workload that differs counts only if a second measurement agrees', () => {
    const slower = judge([1.1, 1.1, 1.1, 1.1, 1.1, 1.1])
    const same = judge([1, 1, 1, 1, 1, 1])
    const faster = judge([0.8, 0.8, 0.8, 0.8, 0.8, 0.8])
    const verdicts = [slower, same, faster].map((second) => (confirmed(slower, second) as Judged).verdict)
    expect(verdicts).toEqual(['slower', 'within the spread', 'within the spread'])
  })
})

describe('the other build', () => {
  test('is a checkout or a dist folder; any other path is refused', () => {
    const folder = temporaryFolder('against')
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist', 'async.js'), '')
    const dist = pathToFileURL(join(folder, 'dist', '/')).href
    expect([findBuild(folder).dist, findBuild(join(folder, 'dist')).dist]).toEqual([dist, dist])
    expect(() => findBuild(join(folder, 'nowhere'))).toThrow(/which does not exist/)
    expect(() => findBuild(temporaryFolder('empty'))).toThrow(/holds no build of syncpg; run "npm run build"/)
  })
})
