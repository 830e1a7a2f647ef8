/**
 * Decodes rows as they arrive, while the rest is still on its way. A sink must not throw: the first failure is kept and
 * the rows after it are dropped.
 */
import { InternalError } from '../errors/tree.ts'
import type { Row } from './record.ts'
import type { RowReader } from './row-decoder.ts'
import type { RowSink } from '../wire/row-sink.ts'

const NO_ROWS: Row[] = []

export class DecodingSink implements RowSink {
  rows: Row[] = []
  /** What the first row that could not be decoded raised, else null. */
  failure: unknown = null
  readonly #decoder: RowReader

  constructor(decoder: RowReader) {
    this.#decoder = decoder
  }

  /** Gives the rows away. */
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
