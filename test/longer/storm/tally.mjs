/**
 * The counts of a walk. Each thread has a tally. The figures of a run are the sums of all, or the largest for figures
 * that are maxima.
 */

/** Every one of these must be 0 at the end. */
export const FAULTS = {
  wrong: 'wrong answers',
  unexpected: 'errors nobody had reason to expect',
  lost: 'connections lost though not killed',
  untold: 'kills that were not told as documented',
  missed: 'notifications missed',
  doubled: 'notifications doubled or out of order',
  noticeFaults: 'notices missed or doubled',
  outlived: 'sessions on the server 2 s after their close',
}

const COUNTED = {
  calls: 0,
  fast: 0,
  begunHere: 0,
  byWorker: 0,
  connects: 0,
  kills: 0,
  tears: 0,
  lostByTear: 0,
  limits: 0,
  cancels: 0,
  heard: 0,
  committed: 0,
  rolledBack: 0,
  unknown: 0,
  collected: 0,
}

export function newTally() {
  const faults = Object.fromEntries(Object.keys(FAULTS).map((name) => [name, 0]))
  return { ...COUNTED, faults, acts: {}, longestMs: 0, longestCall: '', reports: [], rssEarlyMb: 0, rssMb: 0 }
}

export function addTally(total, tally) {
  for (const name of Object.keys(COUNTED)) total[name] += tally[name]
  for (const name of Object.keys(FAULTS)) total.faults[name] += tally.faults[name]
  for (const [name, count] of Object.entries(tally.acts)) total.acts[name] = (total.acts[name] ?? 0) + count
  total.reports.push(...tally.reports)
  if (tally.longestMs > total.longestMs) {
    total.longestMs = tally.longestMs
    total.longestCall = tally.longestCall
  }
}

/** A failed check. `kind` is one of `FAULTS`. */
export class Fault extends Error {
  constructor(kind, message) {
    super(message)
    this.kind = kind
  }
}
