/**
 * Fetches the next page of a portal before a loop asks for it, so that the server works while the loop uses the rows of the
 * last page. A *page* is the rows of one Execute. Fetching ahead begins when a loop asks for two pages with no other operation
 * in between. A loop that also runs other statements would have to wait for rows that it does not need yet, and would
 * get their errors too early. So such a loop gets no page ahead.
 *
 * Fetching ahead must have no visible effect. So a savepoint is sent before each page that is fetched ahead. When the loop
 * ends early, the session rolls back to the savepoint. When another statement comes in between and the page has failed, the
 * session rolls back too, and the error is kept until the loop asks for the page. The rows before the failed one are given
 * first. If the loop ends among those rows, its transaction has not failed.
 */
import { DbError } from '../errors/tree.ts'
import type { ExecuteReply, FetchPortalRequest } from './operations.ts'
import type { RowSink } from './row-sink.ts'

const NAME = 'syncpg_read_ahead'
export const AHEAD_SAVEPOINT = `SAVEPOINT ${NAME}`
export const AHEAD_RELEASE = `RELEASE SAVEPOINT ${NAME}`
const QUERY_CANCELED = '57014'
const UNDO = `ROLLBACK TO SAVEPOINT ${NAME}; ${AHEAD_RELEASE}`

/** Memory up to this size is kept for the rows of the next page. */
const KEPT_BYTES = 1 << 20

/** What `ReadAhead` uses of its session. */
export interface ReadAheadSite {
  /** Fetches a page that a call waits for. */
  fetch(request: FetchPortalRequest): Promise<ExecuteReply>
  /** Fetches a page ahead, after a savepoint. @param releases whether it releases the savepoint of the last page first */
  fetchAhead(request: FetchPortalRequest, releases: boolean): Promise<ExecuteReply>
  /** Sends SQL before the next operation. */
  sendFirst(sql: string): void
}

export class ReadAhead {
  readonly #site: ReadAheadSite
  /** Pages that were fetched ahead and not asked for yet, by portal. */
  readonly #pages = new Map<string, Page>()
  /** The page whose savepoint is open. */
  #guarded: Page | null = null
  /** The portal of the last page. */
  #portal = ''
  #isInterrupted = false
  /** Memory of a page whose rows were given. The next page uses it. */
  #spare: RowStore | null = null

  constructor(site: ReadAheadSite) {
    this.#site = site
  }

  /** Whether a page was fetched ahead and not asked for, or a savepoint is open. */
  get isActive(): boolean {
    return this.#pages.size > 0 || this.#guarded !== null
  }

  /**
   * Whether a page that the program has not asked for may have failed the transaction. The program must not see that
   * status.
   */
  get mayHideFailure(): boolean {
    return this.#guarded?.isAsked === false
  }

  /** Whether the next operation has to wait for `endSavepoint`. */
  get mustWait(): boolean {
    return this.#guarded?.outcome === 'pending'
  }

  /** Notes that another operation came in between. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /**
   * Ends the savepoint before another operation is sent: releases it when the page came, rolls back when it failed.
   * @returns null when the operation may be sent at once; otherwise a promise to wait for, because the page is still on its way
   */
  endSavepoint(): Promise<void> | null {
    const page = this.#guarded
    if (page === null) return null
    const end = (): void => {
      if (this.#guarded !== page) return
      this.#guarded = null
      // If the program has asked for the failed page, it has got the error, and its transaction stays failed.
      if (page.outcome === 'done') this.#site.sendFirst(AHEAD_RELEASE)
      else if (!page.isAsked) this.#site.sendFirst(UNDO)
    }
    if (page.outcome === 'pending') return page.reply.then(end, end)
    end()
    return null
  }

  /** Called before the portal is closed: undoes the page that was fetched ahead and not asked for. */
  drop(portal: string): void {
    const page = this.#pages.get(portal)
    this.#pages.delete(portal)
    if (page === undefined || page !== this.#guarded) return
    this.#guarded = null
    this.#site.sendFirst(UNDO)
  }

  /** Forgets all pages, because the transaction has ended and closed the portals. */
  forget(): void {
    this.#pages.clear()
    this.#guarded = null
  }

  /** @param mayGoOn whether the next page may be fetched ahead, if no other operation came since the last page */
  async fetch(request: FetchPortalRequest, mayGoOn: boolean): Promise<ExecuteReply> {
    const { portal, rows } = request
    const isSteady = mayGoOn && this.#portal === portal && !this.#isInterrupted
    const page = this.#pages.get(portal)
    this.#portal = portal
    const reply = page === undefined ? await this.#site.fetch(request) : await this.#hand(portal, page, rows)
    if (isSteady && reply.tag === null && this.#portal === portal && !this.#pages.has(portal)) this.#start(request)
    this.#isInterrupted = false
    return reply
  }

  async #hand(portal: string, page: Page, sink: RowSink): Promise<ExecuteReply> {
    this.#pages.delete(portal)
    page.isAsked = true
    try {
      const ended = await page.reply
      page.rows.giveTo(sink)
      this.#spare = page.rows
      return ended
    } catch (error) {
      // Gives the rows before the failed one. The program gets the error when it asks for the next page.
      if (page.rows.isEmpty || !isOfRow(error)) throw error
      page.rows.giveTo(sink)
      page.rows.clear()
      page.isAsked = false
      this.#pages.set(portal, page)
      return { tag: null }
    }
  }

  #start({ portal, rowLimit }: FetchPortalRequest): void {
    const rows = this.#spare ?? new RowStore()
    this.#spare = null
    rows.clear()
    const request = { portal, open: null, rowLimit, rows, begin: null, closing: [], timeoutMs: 0 }
    const reply = this.#site.fetchAhead(request, this.#guarded !== null)
    const page: Page = { reply, rows, isAsked: false, outcome: 'pending' }
    reply.then(
      () => {
        page.outcome = 'done'
      },
      // The call that asks for the page gets the error. This handler prevents an unhandled rejection before that.
      () => {
        page.outcome = 'failed'
      },
    )
    this.#pages.set(portal, page)
    this.#guarded = page
  }
}

/** Whether the error comes from a row, and the session can go on. */
function isOfRow(error: unknown): boolean {
  return error instanceof DbError && error.severity === 'ERROR' && error.sqlstate !== QUERY_CANCELED
}

interface Page {
  readonly reply: Promise<ExecuteReply>
  readonly rows: RowStore
  isAsked: boolean
  outcome: 'pending' | 'done' | 'failed'
}

/** Keeps rows as undecoded bytes. */
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
