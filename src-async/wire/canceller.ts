/**
 * Ends what runs before it ends by itself: on request, or when its time limit passes. A cancel request names a session,
 * not a statement; so nothing new is written while one is on its way, and what has a time limit has nothing written
 * behind it. Time limits cost a timer each, and nothing where there is none.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { DbError, OperationalError } from '../errors/tree.ts'
import { requestCancel, UncertainCancelError, type CancelRoute } from './cancel.ts'
import type { Conversation } from './protocol/conversation.ts'
import type { BackendKey } from './protocol/startup.ts'

/** What a canceller needs of its session. */
export interface CancelSite {
  isOpen(): boolean
  /** Whether we are the ones who do not read: the server's silence then means nothing. */
  isPaused(): boolean
  /** Writes what may be written now. */
  proceed(): void
  giveUp(error: DbError): void
}

/** One operation's limit. */
export interface TimeLimit {
  readonly timeoutMs: number
  /** Called when the limit passes while the operation is what the server works on. */
  readonly onExpiry: (() => void) | null
  started: object | null
  timer: NodeJS.Timeout | undefined
  hasExpired: boolean
  isPursued: boolean
  /** Bytes have come since the last look. */
  hasHeard: boolean
  /** The server could not be asked to cancel. */
  isHopeless: boolean
}

/** Short enough to be one pause for a person, long enough that no healthy server is still on its way. */
const CANCEL_REPEAT_DELAYS_MS = [200, 1000, 5000]
/** How long a server may be silent after it was asked to cancel. */
const SILENCE_MS = 5000
const MAX_TIMER_MS = 2 ** 31 - 1
const QUERY_CANCELED = '57014'
const NO_KEY: BackendKey = { backendPid: 0, secret: new Uint8Array(0) }

export class Canceller {
  /** Set when start-up is over. */
  key = NO_KEY
  readonly #conversation: Conversation
  readonly #site: CancelSite
  /** null where the transport has no cancel. */
  readonly #route: CancelRoute | null
  readonly #overdue = new Set<TimeLimit>()
  #repeatTimer: NodeJS.Timeout | undefined

  constructor(conversation: Conversation, route: CancelRoute | null, site: CancelSite) {
    this.#conversation = conversation
    this.#route = route
    this.#site = site
  }

  /** False where the transport has none, though the server might have a key. */
  get hasRoute(): boolean {
    return this.#route !== null
  }

  get canCancel(): boolean {
    return this.#route !== null && this.key.secret.length > 0
  }

  /** Whether `heard` has anything to do. */
  get isChasing(): boolean {
    return this.#overdue.size > 0
  }

  /** Cancels what runs now; resolves when the server has taken the request. */
  async cancel(): Promise<void> {
    // Nothing runs, and the request could only hit what comes next.
    if (this.#route === null || this.#conversation.current === null) return
    await this.#cancelCurrent(this.#route, 0)
  }

  /**
   * Starts the clock of an operation. It must hold the line, and `end` be called when it is over.
   * @param onExpiry as in `TimeLimit`
   */
  limit(timeoutMs: number, onExpiry: (() => void) | null): TimeLimit {
    const flags = { hasExpired: false, isPursued: false, hasHeard: false, isHopeless: false }
    const limit: TimeLimit = { timeoutMs, onExpiry, started: null, timer: undefined, ...flags }
    limit.timer = setTimeout(() => this.#expire(limit), Math.min(timeoutMs, MAX_TIMER_MS))
    return limit
  }

  end(limit: TimeLimit): void {
    clearTimeout(limit.timer)
    this.#overdue.delete(limit)
  }

  /** What the operation fails with: the server's word for a cancel that was ours becomes the time limit's. */
  explain(limit: TimeLimit, error: unknown): unknown {
    const isOurs = limit.hasExpired && error instanceof DbError && error.sqlstate === QUERY_CANCELED
    if (!isOurs || error instanceof QueryTimeoutError) return error
    const { context, batchIndex } = error
    const details = {
      ...(context === undefined ? {} : { context }),
      ...(batchIndex === undefined ? {} : { batchIndex }),
      cause: error,
    }
    return new QueryTimeoutError(`the time limit of ${limit.timeoutMs} ms has passed: cancelled on the server`, details)
  }

  /** Bytes came, and what is overdue may have become what the server works on. */
  heard(): void {
    for (const limit of this.#overdue) {
      limit.hasHeard = true
      if (!limit.isPursued) this.#pursue(limit)
    }
  }

  /** The session is over. */
  stop(): void {
    clearTimeout(this.#repeatTimer)
    for (const limit of this.#overdue) clearTimeout(limit.timer)
    this.#overdue.clear()
  }

  #expire(limit: TimeLimit): void {
    const { started, timeoutMs } = limit
    if (started === null) return
    limit.hasExpired = true
    const unsent = `the time limit of ${timeoutMs} ms has passed before the statement could be sent: nothing was run`
    if (this.#conversation.withdraw(started, new QueryTimeoutError(unsent))) return
    // An embedded server runs in the thread of this timer: when it fires, what was limited is over, and stands.
    if (this.#route === null) return
    this.#overdue.add(limit)
    this.#pursue(limit)
  }

  #pursue(limit: TimeLimit): void {
    if (limit.started !== this.#conversation.current) return
    limit.isPursued = true
    limit.onExpiry?.()
    this.#awaitAnswer(limit)
    if (this.#route === null || !this.canCancel) {
      limit.isHopeless = true
      return
    }
    this.#cancelCurrent(this.#route, 0).catch(() => {
      limit.isHopeless = true
    })
  }

  #awaitAnswer(limit: TimeLimit): void {
    limit.hasHeard = false
    limit.timer = setTimeout(() => {
      const isComing = (limit.hasHeard && !limit.isHopeless) || this.#site.isPaused()
      if (isComing) return this.#awaitAnswer(limit)
      const what = limit.isHopeless ? 'it could not be cancelled' : 'the server did not answer the request to cancel it'
      const seconds = SILENCE_MS / 1000
      this.#site.giveUp(
        new OperationalError(
          `a statement exceeded its time limit of ${limit.timeoutMs} ms, and ${what} within ${seconds} s: the connection is closed`,
          { hint: 'the server, or the network on the way, hangs; whether the statement took effect is not known' },
        ),
      )
    }, SILENCE_MS)
  }

  /**
   * Sends a cancel request and lets nothing new start until the server has taken it: it must not hit a later statement.
   * The server drops a request that overtakes the statement it is meant for, so while that one is still waiting for its
   * answer the request is sent again, a few times.
   */
  async #cancelCurrent(route: CancelRoute, attempt: number): Promise<void> {
    const running = this.#conversation.current
    this.#conversation.hold()
    try {
      await requestCancel(route, this.key)
    } catch (error) {
      // It may still arrive, and then it must not find a later statement.
      if (error instanceof UncertainCancelError) this.#site.giveUp(error)
      throw error
    } finally {
      this.#conversation.release()
      this.#site.proceed()
      const delayMs = CANCEL_REPEAT_DELAYS_MS[attempt]
      clearTimeout(this.#repeatTimer)
      if (delayMs !== undefined && this.#isRunning(running)) {
        this.#repeatTimer = setTimeout(() => {
          if (this.#isRunning(running)) this.#cancelCurrent(route, attempt + 1).catch(() => {})
        }, delayMs)
      }
    }
  }

  #isRunning(exchange: object | null): boolean {
    return exchange !== null && exchange === this.#conversation.current && this.#site.isOpen()
  }
}
