/**
 * Reads a portal one trip ahead of a loop over its rows, so that the server works while the loop looks at the rows of the
 * last trip. Begins when two trips follow each other with nothing asked in between: a loop that asks other things of the
 * connection would wait for rows it does not want yet, and hear of their errors too early.
 *
 * Reading ahead has no effect of its own. A savepoint travels before each trip that nobody has asked for yet. Where the
 * loop is left, everything since the savepoint is rolled back; where another statement comes in between, a trip that
 * failed is rolled back, and its error waits until somebody asks for its rows. The rows before the one that failed are given
 * first; a loop that is left among them has not failed its transaction.
 */
import { DbError } from '../errors/tree.ts'
import type { ExecuteReply, FetchPortalRequest } from './operations.ts'
import type { RowSink } from './row-sink.ts'

const NAME = 'syncpg_read_ahead'
export const AHEAD_SAVEPOINT = `SAVEPOINT ${NAME}`
export const AHEAD_RELEASE = `RELEASE SAVEPOINT ${NAME}`
const QUERY_CANCELED = '57014'
const UNDO = `ROLLBACK TO SAVEPOINT ${NAME}; ${AHEAD_RELEASE}`

/** Memory for the rows of a trip that is kept for the next one. */
const KEPT_BYTES = 1 << 20

/** What the session does for it. */
export interface ReadAheadSite {
  /** Makes a trip that somebody waits for. */
  fetch(request: FetchPortalRequest): Promise<ExecuteReply>
  /** Makes a trip ahead, behind a savepoint. @param releases whether the savepoint of the last one ends first */
  fetchAhead(request: FetchPortalRequest, releases: boolean): Promise<ExecuteReply>
  /** Sends SQL before anything else that is asked from now on. */
  sendFirst(sql: string): void
}

export class ReadAhead {
  readonly #site: ReadAheadSite
  /** Trips that nobody has asked for yet, by portal. */
  readonly #trips = new Map<string, Trip>()
  /** The trip whose savepoint is open. */
  #guarded: Trip | null = null
  /** The portal of the last trip. */
  #portal = ''
  #isInterrupted = false
  /** Memory of a trip that has been handed over. */
  #spare: RowStore | null = null

  constructor(site: ReadAheadSite) {
    this.#site = site
  }

  /** Whether rows are on their way, or here, that nobody has asked for, or a savepoint is open. */
  get isActive(): boolean {
    return this.#trips.size > 0 || this.#guarded !== null
  }

  /** Whether the transaction may have failed by rows that nobody has asked for: nobody else has to know. */
  get mayHideFailure(): boolean {
    return this.#guarded?.isAsked === false
  }

  /** Whether what is asked now has to wait for `settle`. */
  get mustSettle(): boolean {
    return this.#guarded?.outcome === 'pending'
  }

  /** Something else is asked of the session. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /**
   * Ends the savepoint before something else is sent.
   * @returns null when it may be sent at once; else what to wait for, because how the trip ends decides.
   */
  settle(): Promise<void> | null {
    const trip = this.#guarded
    if (trip === null) return null
    const end = (): void => {
      if (this.#guarded !== trip) return
      this.#guarded = null
      // A failure that was told is the program's: its transaction has failed.
      if (trip.outcome === 'done') this.#site.sendFirst(AHEAD_RELEASE)
      else if (!trip.isAsked) this.#site.sendFirst(UNDO)
    }
    if (trip.outcome === 'pending') return trip.reply.then(end, end)
    end()
    return null
  }

  /** The portal is about to be closed: what was read of it ahead and not asked for is undone, whatever became of it. */
  drop(portal: string): void {
    const trip = this.#trips.get(portal)
    this.#trips.delete(portal)
    if (trip === undefined || trip !== this.#guarded) return
    this.#guarded = null
    this.#site.sendFirst(UNDO)
  }

  /** The portals are gone with their transaction. */
  forget(): void {
    this.#trips.clear()
    this.#guarded = null
  }

  /** @param mayGoOn whether the next trip may be made ahead, if this one follows the one before it at once */
  async fetch(request: FetchPortalRequest, mayGoOn: boolean): Promise<ExecuteReply> {
    const { portal, rows } = request
    const isSteady = mayGoOn && this.#portal === portal && !this.#isInterrupted
    const trip = this.#trips.get(portal)
    this.#portal = portal
    const reply = trip === undefined ? await this.#site.fetch(request) : await this.#hand(portal, trip, rows)
    if (isSteady && reply.tag === null && this.#portal === portal && !this.#trips.has(portal)) this.#start(request)
    this.#isInterrupted = false
    return reply
  }

  async #hand(portal: string, trip: Trip, sink: RowSink): Promise<ExecuteReply> {
    this.#trips.delete(portal)
    trip.isAsked = true
    try {
      const ended = await trip.reply
      trip.rows.giveTo(sink)
      this.#spare = trip.rows
      return ended
    } catch (error) {
      // The rows before the one that failed are given. Nobody has heard of the failure yet.
      if (trip.rows.isEmpty || !isOfRow(error)) throw error
      trip.rows.giveTo(sink)
      trip.rows.clear()
      trip.isAsked = false
      this.#trips.set(portal, trip)
      return { tag: null }
    }
  }

  #start({ portal, rowLimit }: FetchPortalRequest): void {
    const rows = this.#spare ?? new RowStore()
    this.#spare = null
    rows.clear()
    const request = { portal, open: null, rowLimit, rows, begin: null, closing: [], timeoutMs: 0 }
    const reply = this.#site.fetchAhead(request, this.#guarded !== null)
    const trip: Trip = { reply, rows, isAsked: false, outcome: 'pending' }
    reply.then(
      () => {
        trip.outcome = 'done'
      },
      // The next one to ask for it hears of its failure, and nobody else has to.
      () => {
        trip.outcome = 'failed'
      },
    )
    this.#trips.set(portal, trip)
    this.#guarded = trip
  }
}

/** Whether the server could not make a row, and is ready for more. */
function isOfRow(error: unknown): boolean {
  return error instanceof DbError && error.severity === 'ERROR' && error.sqlstate !== QUERY_CANCELED
}

interface Trip {
  readonly reply: Promise<ExecuteReply>
  readonly rows: RowStore
  isAsked: boolean
  outcome: 'pending' | 'done' | 'failed'
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

  get isEmpty(): boolean {
    return this.#length === 0
  }

  giveTo(sink: RowSink): void {
    if (this.#length > 0) sink.take(this.#bytes, 0, this.#length)
  }
}
