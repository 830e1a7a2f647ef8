/**
 * Decides whether to watch for something before going to sleep for it. To put a thread to sleep and wake it costs as much as
 * a small statement does on the server, so an answer that is due at once is watched for. A watch in vain costs processor
 * time, so the next ones are left out: one, then three, seven, up to 31.
 */
import { availableParallelism } from 'node:os'

/** The longest watch: a round trip to a server on the same machine, and some. */
export const WATCH_MS = 0.1
/** Looks between two readings of the clock. */
const LOOKS = 64
/** For a clock that stands still: more than a watch lasts. */
const MOST_TURNS = 1000
/** After so many watches in vain in a row the pauses grow no further. */
const MAX_FAILURES = 5
/** On one processor a watch would keep the other threads from their work. */
const IS_WORTHWHILE = availableParallelism() > 1

/** Whether one kind of watch has been worth it of late. */
export class Spinner {
  #failures = 0
  /** Watches still to be left out. */
  #pause = 0

  /** Whether to watch now. Asked once for each occasion; `succeed` or `fail` follows where the answer is yes. */
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

/** @returns whether the word moved within `WATCH_MS`. */
export function watchWord(words: Int32Array, index: number, seen: number, now: () => number): boolean {
  const untilMs = now() + WATCH_MS
  for (let turn = 0; turn < MOST_TURNS && now() < untilMs; turn++) {
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, index) !== seen) return true
  }
  return false
}
