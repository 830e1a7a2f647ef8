/**
 * A short look before a sleep. Putting a thread to sleep and waking it costs as much as a small statement does on the
 * server, so the answer to one is watched for; what takes longer than a moment is slept for. A watch that was in vain
 * is not repeated at once: where answers take their time, or other work needs the processors, hardly any is made.
 */
import { availableParallelism } from 'node:os'
import { now } from './clock.ts'

/** A round trip to a server on the same machine, and some. */
export const WATCH_MS = 0.1
/** Looks between two readings of the clock. */
const LOOKS = 64
/** For a clock that stands still: more than the watch lasts. */
const MOST_TURNS = 1000
/** After so many watches in vain in a row the pauses grow no further. */
const MAX_FAILURES = 5
/** On one processor the watch would keep the worker from its work. */
const IS_WORTHWHILE = availableParallelism() > 1

export class Spinner {
  #failures = 0
  /** Sleeps to come that no watch is made before. */
  #pause = 0

  /** Whether watching has been worth it of late. */
  get isHopeful(): boolean {
    return IS_WORTHWHILE && this.#failures === 0
  }

  /** Whether the word moved while it was watched. */
  sees(words: Int32Array, index: number, seen: number): boolean {
    if (!IS_WORTHWHILE) return false
    if (this.#pause > 0) {
      this.#pause -= 1
      return false
    }
    const untilMs = now() + WATCH_MS
    for (let turn = 0; turn < MOST_TURNS && now() < untilMs; turn++) {
      for (let i = 0; i < LOOKS; i++) {
        if (Atomics.load(words, index) !== seen) {
          this.#failures = 0
          return true
        }
      }
    }
    this.giveUp()
    return false
  }

  /** A watch of `WATCH_MS` was in vain. */
  giveUp(): void {
    this.#failures = Math.min(this.#failures + 1, MAX_FAILURES)
    this.#pause = (1 << this.#failures) - 1
  }
}
