/** Computes the cost of a unit at each size of a range, and how much it differs over the range. Pure functions. */
import { median } from './statistics.mjs'

/** A time below this many times the fixed cost is mostly the cost of the call and not of the units. */
export const COUNTED_FROM = 3
/** The target: the worst cost of a unit may be this many times the best. */
export const GROWTH_LIMIT = 1.5

/**
 * @param peer `{ name, version, msOf }`: the rounds at each size, or null for a size that this peer does not run
 * @returns the peer with `unitsUs`: microseconds for each unit beyond the first, so the fixed cost of a call is left
 *   out; null if that cost is more than a third of the time. `bend` is the worst of them divided by the best; null if
 *   there are fewer than two.
 */
export function growthOf({ name, version, msOf }, points, perUnit = 1) {
  const medians = msOf.map((rounds) => (rounds === null ? null : median(rounds)))
  const [fixedMs] = medians
  const unitsUs = medians.map((ms, i) => {
    if (ms === null || ms < COUNTED_FROM * fixedMs) return null
    return round(((ms - fixedMs) * 1000 * perUnit) / (points[i] - points[0]))
  })
  const counted = unitsUs.filter((us) => us !== null)
  const bend = counted.length < 2 ? null : round(Math.max(...counted) / Math.min(...counted))
  return {
    name,
    version,
    totalsMs: medians.map((ms) => (ms === null ? null : round(ms))),
    unitsUs,
    bend,
    allRoundsMs: msOf.map((rounds) => rounds?.map(round) ?? null),
  }
}

function round(value) {
  return Number(value.toPrecision(4))
}
