/**
 * Decides whether to *watch* for an answer (to look again and again) before sleeping. Putting a thread to sleep and waking it
 * costs as much as a small statement costs on the server, so watching pays off for an answer that comes at once. A watch that
 * sees nothing wastes processor time. So after each failure in a row more of the next watches are skipped: one, then
 * three, seven, up to 31.
 */
import { availableParallelism } from 'node:os'

/** The longest watch: a little more than a round trip to a server on the same machine. */
export const WATCH_MS = 0.1
/** How often the word is read between two readings of the clock. */
const LOOKS = 64
/** This limit ends the loop if a test has stopped the clock. It is higher than a watch ever needs. */
const MOST_TURNS = 1000
/** The number of skipped watches grows only up to this many failures in a row. */
const MAX_FAILURES = 5
/** With one processor a watch would only keep the other threads from running. */
const IS_WORTHWHILE = availableParallelism() > 1

/** Remembers whether the last watches of one kind saw what they waited for. */
export class Spinner {
  #failures = 0
  /** How many of the next watches are skipped. */
  #pause = 0

  /** Whether to watch now. Call it once for each wait; after a yes, call `succeed` or `fail`. */
  shouldWatch(): boolean {
    if (!IS_WORTHWHILE) return false
    if (this.#pause === 0) return true
    this.#pause -= 1
    return false
  }

  succeed(): void {
    this.#failures = 0
  }

  fail(): void {
    this.#failures = Math.min(this.#failures + 1, MAX_FAILURES)
    this.#pause = (1 << this.#failures) - 1
  }
}

/** @returns whether the word changed within `WATCH_MS`. */
export function watchWord(words: Int32Array, index: number, seen: number, now: () => number): boolean {
  const untilMs = now() + WATCH_MS
  for (let turn = 0; turn < MOST_TURNS && now() < untilMs; turn++) {
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, index) !== seen) return true
  }
  return false
}
