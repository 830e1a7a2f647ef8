/**
 * Reads a portal one trip ahead of whoever iterates over it, so that the server works while the rows of the last trip are
 * looked at. Begins when two trips follow each other with nothing asked in between: a loop that asks other things of the
 * connection would wait for rows it does not want yet, and hear of their errors too early.
 */
import type { ExecuteReply, FetchPortalRequest } from './operations.ts'
import type { RowSink } from './row-sink.ts'

/** Memory for the rows of a trip that is kept for the next one. */
const KEPT_BYTES = 1 << 20

export class ReadAhead {
  readonly #perform: (request: FetchPortalRequest) => Promise<ExecuteReply>
  /** Trips that nobody has asked for yet, by portal. */
  readonly #trips = new Map<string, Trip>()
  /** The portal of the last trip. */
  #portal = ''
  #isInterrupted = false
  /** Memory of a trip that has been handed over. */
  #spare: RowStore | null = null

  constructor(perform: (request: FetchPortalRequest) => Promise<ExecuteReply>) {
    this.#perform = perform
  }

  /** Whether rows are on their way, or here, that nobody has asked for. */
  get isActive(): boolean {
    return this.#trips.size > 0
  }

  /** Something else is asked of the session. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /** The portal is about to be closed. */
  drop(portal: string): void {
    this.#trips.delete(portal)
  }

  /** The portals are gone with their transaction. */
  forget(): void {
    this.#trips.clear()
  }

  /** @param mayGoOn whether the next trip may be made ahead, if this one follows the one before it at once */
  async fetch(request: FetchPortalRequest, mayGoOn: boolean): Promise<ExecuteReply> {
    const { portal, rows } = request
    const isSteady = mayGoOn && this.#portal === portal && !this.#isInterrupted
    const trip = this.#trips.get(portal)
    this.#portal = portal
    const reply = trip === undefined ? await this.#perform(request) : await this.#hand(portal, trip, rows)
    if (isSteady && reply.tag === null && this.#portal === portal) this.#start(request)
    this.#isInterrupted = false
    return reply
  }

  async #hand(portal: string, { reply, rows }: Trip, sink: RowSink): Promise<ExecuteReply> {
    this.#trips.delete(portal)
    const ended = await reply
    rows.giveTo(sink)
    this.#spare = rows
    return ended
  }

  #start({ portal, rowLimit }: FetchPortalRequest): void {
    const rows = this.#spare ?? new RowStore()
    this.#spare = null
    rows.clear()
    const request = { portal, open: null, rowLimit, rows, begin: null, closing: [], timeoutMs: 0 }
    const reply = this.#perform(request)
    // Who asks for it hears of its failure, and nobody else has to.
    reply.catch(() => {})
    this.#trips.set(portal, { reply, rows })
  }
}

interface Trip {
  readonly reply: Promise<ExecuteReply>
  readonly rows: RowStore
}

/** Keeps rows as the bytes they came in. */
class RowStore implements RowSink {
  #bytes = Buffer.alloc(0)
  #length = 0

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.alloc(0)
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(bytes.subarray(start, end), this.#length)
    this.#length = length
  }

  giveTo(sink: RowSink): void {
    if (this.#length > 0) sink.take(this.#bytes, 0, this.#length)
  }
}
