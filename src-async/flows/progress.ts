/** Reports the progress of a long call: `onProgress` of batches and COPY, in both faces. */
import { describeValue } from '../errors/describe-value.ts'
import { ProgrammingError } from '../errors/tree.ts'

/** The argument of `onProgress`. */
export interface Progress {
  /** Rows sent or received so far; null in a COPY of bytes, whose rows the driver does not count. */
  readonly rows: number | null
  /** Bytes sent or received so far. */
  readonly bytes: number
}

/** The progress option of calls that may take long. */
export interface ProgressOption {
  /**
   * Called with the progress at most ten times a second, and once when everything is sent or received. If it throws,
   * the call fails with that error and nothing is loaded.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const INTERVAL_MS = 100

/** Counts bytes and calls the listener at intervals. Each call has its own. */
export class ProgressReporter {
  readonly #listener: (progress: Progress) => void
  #reportedAtMs = performance.now()
  #bytes = 0

  constructor(listener: (progress: Progress) => void) {
    this.#listener = listener
  }

  /** @param rows so far, null when they are not counted. @param bytes since the last call */
  add(rows: number | null, bytes: number): void {
    this.#bytes += bytes
    const nowMs = performance.now()
    if (nowMs - this.#reportedAtMs < INTERVAL_MS) return
    this.#reportedAtMs = nowMs
    this.#listener({ rows, bytes: this.#bytes })
  }

  /** Reports the end of the call. */
  end(rows: number | null): void {
    this.#listener({ rows, bytes: this.#bytes })
  }
}

/** @returns null when the call has no `onProgress`. @throws ProgrammingError when it is not a function. */
export function progressReporter(options: ProgressOption | undefined, method: string): ProgressReporter | null {
  const listener: unknown = options?.onProgress
  if (listener === undefined || listener === null) return null
  if (typeof listener === 'function') return new ProgressReporter(listener as (progress: Progress) => void)
  throw new ProgrammingError(`${method}: onProgress: expected a function or null, got ${describeValue(listener)}`)
}
