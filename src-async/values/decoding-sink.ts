/**
 * Decodes rows as they arrive, before the rest has arrived. A sink (a receiver of rows) must not throw, so it keeps the
 * first error and drops the rows after it.
 */
import { InternalError } from '../errors/tree.ts'
import type { Row } from './record.ts'
import type { RowReader } from './row-decoder.ts'
import type { RowSink } from '../wire/row-sink.ts'

const NO_ROWS: Row[] = []

export class DecodingSink implements RowSink {
  rows: Row[] = []
  /** The error of the first row that could not be decoded; otherwise null. */
  failure: unknown = null
  readonly #decoder: RowReader

  constructor(decoder: RowReader) {
    this.#decoder = decoder
  }

  /** Returns the rows and forgets them. */
  release(): Row[] {
    const { rows } = this
    this.rows = NO_ROWS
    return rows
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    if (this.failure !== null) return
    try {
      this.#decoder.decodeRun(bytes, start, end, this.rows)
    } catch (error) {
      this.failure = error ?? new InternalError('a codec threw null instead of an error')
    }
  }
}
