/** Rows of a hosted session: runs of DataRow messages go into the ring as they are, ends of results as JSON. */
import type { Column, Description, ResultSink } from '../../src-async/wire/row-sink.ts'
import { RECORD } from '../channel/layout.ts'
import type { RingWriter } from '../channel/ring.ts'

export class RingRowSink implements ResultSink {
  readonly #ring: RingWriter
  /** The request whose rows these are. */
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
