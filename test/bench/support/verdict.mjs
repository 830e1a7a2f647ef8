/**
 * Whether one build is slower than another, judged by the spread of paired measurements. Pure functions: tests give them
 * samples (test/unit/project/bench-against.test.ts).
 *
 * A sample is one ratio: the time of the build under test divided by the time of the other build, both measured beside each
 * other in fresh processes. Processes of the same build differ by some percent for as long as they live (V8 optimizes a
 * little differently each time), so the rounds of one pair of processes give one sample, their median.
 *
 * The interval is the sign interval of the median: from the k-th smallest to the k-th largest sample, with the largest k for
 * which it holds the true median in at least 95 of 100 measurements. It assumes nothing about the noise except that the
 * samples are independent. Six samples are the fewest that have one (the least and the most: 97 of 100); nine leave out one
 * outlier on each side (96 of 100).
 */
import { median } from './statistics.mjs'

/** A smaller difference is no failure, even if it is certain. */
export const TIME_FLOOR = 0.03
/** The peak of a process depends on when the garbage collector ran. */
export const MEMORY_FLOOR = 0.1

const COVERAGE = 0.95
export const FEWEST_SAMPLES = 6

/**
 * @param ratios one per pair of processes; above 1, the build under test took more.
 * @param floor the least difference that counts, such as 0.03.
 * @returns `{ ratio, low, high, verdict }`. `verdict` is `'slower'` when the whole interval lies above 1 and the median above
 *   1 + floor, `'faster'` when the interval lies below 1 and the median below 1 / (1 + floor), otherwise
 *   `'within the spread'`; `'too few'` when there are fewer than six samples.
 */
export function judgeRatios(ratios, floor = TIME_FLOOR) {
  const sorted = ratios.toSorted((a, b) => a - b)
  const ratio = median(sorted)
  if (sorted.length < FEWEST_SAMPLES) return { ratio, low: sorted[0], high: sorted.at(-1), verdict: 'too few' }
  const leftOut = leftOutOnEachSide(sorted.length)
  const [low, high] = [sorted[leftOut], sorted[sorted.length - 1 - leftOut]]
  if (low > 1 && ratio > 1 + floor) return { ratio, low, high, verdict: 'slower' }
  if (high < 1 && ratio < 1 / (1 + floor)) return { ratio, low, high, verdict: 'faster' }
  return { ratio, low, high, verdict: 'within the spread' }
}

/**
 * The verdict after a second measurement of a row that seemed slower or faster. Among a hundred rows some differ by
 * chance, but hardly any differs twice in the same direction.
 */
export function confirmed(first, second) {
  return first.verdict === second.verdict ? second : { ...second, verdict: 'within the spread' }
}

/** How many samples the sign interval leaves out on each side. */
function leftOutOnEachSide(count) {
  // The probability that at most `k` of `count` samples lie below the true median is that of `k` heads in coin tosses.
  let probability = 0.5 ** count
  let cumulative = probability
  let leftOut = 0
  while (2 * cumulative <= 1 - COVERAGE) {
    leftOut += 1
    probability *= (count - leftOut + 1) / leftOut
    cumulative += probability
  }
  return Math.max(0, leftOut - 1)
}
