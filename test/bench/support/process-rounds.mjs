/** Runs a workload that starts a new process each time, for example: start, connect, one statement, end. */
import { emptyFigures, turnsOf } from './statistics.mjs'

/**
 * The workload's `entriesFor` gives `{ name, version, run }`; `run` gives `{ elapsedMs, cpuMs, rssMb, value }`.
 * @param isWanted whether an entry of this name runs; all run by default
 */
export async function runProcessWorkload({ workload, peers, count, target, expected, isWanted = () => true }) {
  const skipped = []
  let entries = []
  const attempt = async (entry, record) => {
    try {
      const figures = await entry.run()
      if (figures.value !== undefined && figures.value !== expected.value) {
        throw new Error(`it answered ${figures.value}, expected ${expected.value}`)
      }
      record(figures)
    } catch (error) {
      skipped.push({ name: entry.name, why: error.message.split('\n')[0] })
      entries = entries.filter((other) => other !== entry)
    }
  }
  for (const { name, run } of workload.entriesFor(peers, target)) {
    if (!isWanted(name)) continue
    const entry = { name, run, version: null, kinds: null, ...emptyFigures() }
    await attempt(entry, () => entries.push(entry))
  }
  for (let round = 0; round < count; round += 1) {
    for (const entry of turnsOf(entries, round)) {
      await attempt(entry, ({ elapsedMs, cpuMs = null, rssMb = null }) => {
        entry.elapsedMs.push(elapsedMs)
        entry.cpuMs.push(cpuMs)
        if (rssMb !== null) entry.peakRssMb = Math.max(entry.peakRssMb ?? 0, rssMb)
      })
    }
  }
  return { entries, skipped }
}
