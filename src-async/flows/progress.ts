/** How far a long call is: `onProgress` of batches and COPY, in both faces. */
import { ProgrammingError } from '../errors/tree.ts'

/** What `onProgress` is told. */
export interface Progress {
  /** Rows sent, or received; null while a COPY carries bytes that only the server takes apart. */
  readonly rows: number | null
  /** Bytes sent, or received. */
  readonly bytes: number
}

/** The option of calls that take long: somebody is told how far they are. */
export interface ProgressOption {
  /**
   * Told how far the call is: at most ten times a second, and once more when everything is sent or received. What it throws
   * ends the call as a source's error does: nothing is loaded.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const INTERVAL_MS = 100

/** Counts, and tells now and then. One a call. */
export class ProgressTeller {
  readonly #listener: (progress: Progress) => void
  #toldMs = performance.now()
  #bytes = 0

  constructor(listener: (progress: Progress) => void) {
    this.#listener = listener
  }

  /** @param rows so far, null where they are not known. @param bytes more than at the last call */
  add(rows: number | null, bytes: number): void {
    this.#bytes += bytes
    const nowMs = performance.now()
    if (nowMs - this.#toldMs < INTERVAL_MS) return
    this.#toldMs = nowMs
    this.#listener({ rows, bytes: this.#bytes })
  }

  /** The last word. */
  end(rows: number | null): void {
    this.#listener({ rows, bytes: this.#bytes })
  }
}

/** @returns null where nobody asked. @throws ProgrammingError for what is no function. */
export function progressTeller(options: ProgressOption | undefined, method: string): ProgressTeller | null {
  const listener: unknown = options?.onProgress
  if (listener === undefined || listener === null) return null
  if (typeof listener === 'function') return new ProgressTeller(listener as (progress: Progress) => void)
  throw new ProgrammingError(`${method}: onProgress: expected a function, got ${typeof listener}`)
}
