/** Medians, and ratios of peers within the same round. */

/**
 * The order of turns in a round. Every peer begins some rounds, and the direction changes, so no peer always follows
 * the same other one.
 */
export function turnsOf(entries, round) {
  const shift = Math.floor(round / 2) % Math.max(entries.length, 1)
  const turned = [...entries.slice(shift), ...entries.slice(0, shift)]
  return round % 2 === 0 ? turned : turned.reverse()
}

/** The empty record for the figures of a peer's rounds. */
export function emptyFigures() {
  return { elapsedMs: [], cpuMs: [], peakRssMb: null }
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * @param operations the operations of a whole round; a peer that runs fewer reports how many, and its time is per
 *   operation
 * @returns per peer: milliseconds per round (median, least, most), microseconds of wall clock and of processor per
 * operation, peak memory, and the ratio of its time to that of each API of syncpg in the same round. Processor time
 *   and memory are null if they are unknown.
 */
export function summarize(entries, operations) {
  const scaled = entries.map((entry) => scale(entry, operations))
  const faces = scaled.filter(({ name }) => name.startsWith('syncpg'))
  return {
    peers: scaled.map(({ name, version, kinds, elapsedMs, cpuMs, peakRssMb }) => ({
      name,
      version,
      kinds,
      roundMs: spreadOf(elapsedMs),
      microsecondsPerOperation: round((median(elapsedMs) * 1000) / operations),
      cpuMicrosecondsPerOperation: cpuMs === null ? null : round((median(cpuMs) * 1000) / operations),
      peakRssMb: peakRssMb === null ? null : Math.round(peakRssMb),
      timesOf: Object.fromEntries(faces.map((face) => [face.name, pairedRatio(elapsedMs, face.elapsedMs)])),
      allRoundsMs: elapsedMs.map(round),
      allRoundsCpuMs: cpuMs?.map(round) ?? null,
    })),
  }
}

function scale(entry, operations) {
  const factor = operations / (entry.operations ?? operations)
  const cpuMs = entry.cpuMs.includes(null) ? null : entry.cpuMs.map((ms) => ms * factor)
  return { ...entry, elapsedMs: entry.elapsedMs.map((ms) => ms * factor), cpuMs }
}

/** Ratio of durations round by round: above 1, the second was faster. */
function pairedRatio(durations, baseline) {
  return spreadOf(durations.map((duration, i) => duration / baseline[i]))
}

/** @returns median, least and most. */
export function spreadOf(values) {
  return { median: round(median(values)), least: round(Math.min(...values)), most: round(Math.max(...values)) }
}

/** Geometric mean of numbers above 0. */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

/** Rounds to five significant digits, more than the measurement is exact to. */
function round(value) {
  return Number(value.toPrecision(5))
}
