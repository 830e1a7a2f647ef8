/** Puts the rows of a hosted session into the ring: DataRow messages as they are, the ends of results as JSON. */
import type { Column, Description, ResultSink } from '../../src-async/wire/row-sink.ts'
import { RECORD } from '../channel/layout.ts'
import type { RingWriter } from '../channel/ring.ts'

export class RingRowSink implements ResultSink {
  readonly #ring: RingWriter
  /** Number of the request that the rows belong to. */
  requestId = 0

  constructor(ring: RingWriter) {
    this.#ring = ring
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    this.#ring.write(RECORD.rows, this.requestId, bytes, start, end)
  }

  describe(description: Description): void {
    const json = Buffer.from(JSON.stringify(description))
    this.#ring.write(RECORD.description, this.requestId, json, 0, json.length)
  }

  complete(columns: readonly Column[] | null, tag: string): void {
    const json = Buffer.from(JSON.stringify({ columns, tag }))
    this.#ring.write(RECORD.result, this.requestId, json, 0, json.length)
  }
}
