/** Medians, and ratios of peers within the same round. */

/** The order of turns in a round: every peer begins some round, and the direction changes, so none always follows another. */
export function turnsOf(entries, round) {
  const shift = Math.floor(round / 2) % Math.max(entries.length, 1)
  const turned = [...entries.slice(shift), ...entries.slice(0, shift)]
  return round % 2 === 0 ? turned : turned.reverse()
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * @returns per peer: milliseconds per round (median, least, most), microseconds of wall clock and of processor per
 *   operation, peak memory, and how many times as long it took as each of our faces in the same round.
 */
export function summarize(entries, operations) {
  const faces = entries.filter(({ name }) => name.startsWith('syncpg'))
  return {
    peers: entries.map((entry) => ({
      name: entry.name,
      roundMs: spreadOf(entry.elapsedMs),
      microsecondsPerOperation: (median(entry.elapsedMs) * 1000) / operations,
      cpuMicrosecondsPerOperation: (median(entry.cpuMs) * 1000) / operations,
      peakRssMb: Math.round(entry.peakRssMb),
      timesOf: Object.fromEntries(faces.map((face) => [face.name, pairedRatio(entry.elapsedMs, face.elapsedMs)])),
      allRoundsMs: entry.elapsedMs,
    })),
  }
}

/** Ratio of durations round by round: above 1, the second was faster. */
function pairedRatio(durations, baseline) {
  return spreadOf(durations.map((duration, round) => duration / baseline[round]))
}

function spreadOf(values) {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}
