/**
 * Ends a statement before it ends by itself: on request, when its time limit passes, or when its caller gives it up. After
 * a time limit, and after a giving up, the server has a grace (`grace.ts`) to stop; then the session is closed, whatever
 * the server still sends. A cancel request names a session, not a statement. So nothing new is written while a request is
 * on its way, and nothing is written behind a statement that has a limit. A limit costs one timer.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { DbError, OperationalError } from '../errors/tree.ts'
import { requestCancel, UncertainCancelError, type CancelRoute } from './cancel.ts'
import { CANCEL_GRACE_MS, afterLook } from './grace.ts'
import type { Conversation } from './protocol/conversation.ts'
import type { BackendKey } from './protocol/startup.ts'

/** What a canceller needs of its session. */
export interface CancelSite {
  isOpen(): boolean
  /** Whether the session has stopped reading, because its rows have nowhere to go. */
  isPaused(): boolean
  /** Reads again. */
  resume(): void
  /** Writes what may be written now. */
  proceed(): void
  giveUp(error: DbError): void
}

/** One operation's limit. */
export interface TimeLimit {
  readonly timeoutMs: number
  /** How long the operation may go on after its limit has passed; 0 closes the session at once, without a cancel. */
  readonly graceMs: number
  /** Called with the error of a late operation when the limit passes and the server works on the operation. */
  readonly onExpiry: ((late: DbError) => void) | null
  started: object | null
  timer: NodeJS.Timeout | undefined
  hasExpired: boolean
  /** When the grace ends, on `performance.now`'s clock; set when the limit passes. */
  givenUpAtMs: number
  /** The server has been asked to cancel the operation. */
  isPursued: boolean
  /** What the session was closed with because of this limit. */
  givenUp: DbError | null
}

/** What its caller does not want any more: everything up to the exchange `last`. */
interface Abandoned {
  last: object
  readonly givenUpAtMs: number
  readonly timer: NodeJS.Timeout
}

/** Short enough to be one pause for a person, long enough that no healthy server is still on its way. */
const CANCEL_REPEAT_DELAYS_MS = [200, 1000, 5000]
/**
 * Bytes that may come of an operation after its limit has passed. A server that heard the cancel sends less than that
 * before it stops. Rows beyond it are dropped, so that a server that does not stop cannot fill the memory.
 */
const MOST_LATE_BYTES = 16 << 20
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
  #abandoned: Abandoned | null = null
  /** Bytes that have come since the session began to chase something. */
  #lateBytes = 0
  /** Why the last cancel request did not reach the server. */
  #obstacle: unknown = undefined
  #repeatTimer: NodeJS.Timeout | undefined
  /** Cancel requests that were begun. One that the server has taken may still strike a little later. */
  requests = 0

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

  /** Whether `heard` and `dropUnread` have anything to do. */
  get isChasing(): boolean {
    return this.#overdue.size > 0 || this.#abandoned !== null
  }

  /** Cancels what runs now; resolves when the server has taken the request. */
  async cancel(): Promise<void> {
    // When nothing runs, the request could only hit what comes next.
    if (this.#route === null || this.#conversation.current === null) return
    await this.#cancelCurrent(this.#route, 0, Infinity)
  }

  /**
   * Cancels what runs now, and closes the session when not everything written so far has ended after the grace. A second
   * call, for the next of several statements in flight, does not lengthen the grace.
   */
  async abandon(): Promise<void> {
    const { last } = this.#conversation
    if (this.#route === null || last === null) return
    if (this.#abandoned === null) {
      if (!this.isChasing) this.#beginChase()
      const end = (): void => {
        if (this.#abandoned === abandoned) this.#closeForAbandoned()
      }
      const timer = setTimeout(() => afterLook(end), CANCEL_GRACE_MS)
      const abandoned: Abandoned = { last, givenUpAtMs: performance.now() + CANCEL_GRACE_MS, timer }
      this.#abandoned = abandoned
    } else {
      this.#abandoned.last = last
    }
    this.#dropWhatIsPaused()
    if (this.canCancel) await this.#cancelCurrent(this.#route, 0, this.#abandoned.givenUpAtMs)
  }

  /**
   * Starts the clock of an operation. It must hold the line, and `end` must be called when it is over.
   * @param graceMs as in `TimeLimit`
   * @param onExpiry as in `TimeLimit`
   */
  limit(timeoutMs: number, graceMs: number, onExpiry: TimeLimit['onExpiry']): TimeLimit {
    const state = { started: null, timer: undefined, hasExpired: false, givenUpAtMs: Infinity }
    const limit: TimeLimit = { timeoutMs, graceMs, onExpiry, ...state, isPursued: false, givenUp: null }
    limit.timer = setTimeout(() => this.#expire(limit), Math.min(timeoutMs, MAX_TIMER_MS))
    return limit
  }

  end(limit: TimeLimit): void {
    clearTimeout(limit.timer)
    this.#overdue.delete(limit)
  }

  /** What the operation fails with: the server's error for a cancel that was ours becomes the time limit's. */
  explain(limit: TimeLimit, error: unknown): unknown {
    if (!limit.hasExpired || !(error instanceof DbError)) return error
    // The operation was behind another one, which got this error first.
    if (limit.givenUp !== null && error.cause === limit.givenUp) return limit.givenUp
    if (error.sqlstate !== QUERY_CANCELED || error instanceof QueryTimeoutError) return error
    const { context, batchIndex } = error
    const details = {
      ...(context === undefined ? {} : { context }),
      ...(batchIndex === undefined ? {} : { batchIndex }),
      cause: error,
    }
    return new QueryTimeoutError(`the time limit of ${limit.timeoutMs} ms has passed: cancelled on the server`, details)
  }

  /** Bytes came, and an overdue operation may have become the one the server works on. */
  heard(bytes: number): void {
    for (const limit of this.#overdue) if (!limit.isPursued) this.#pursue(limit)
    if (this.#abandoned !== null && !this.#conversation.isPending(this.#abandoned.last)) this.#forgetAbandoned()
    this.#lateBytes += bytes
    if (this.#lateBytes > MOST_LATE_BYTES) this.#dropRows()
  }

  /**
   * Called when the session is about to stop reading, because its rows have nowhere to go. What is overdue or given up
   * has its rows dropped instead: a server that waits for its client to read does not act on a cancel.
   * @returns whether the rows are dropped, so that the session reads on
   */
  dropUnread(): boolean {
    return this.#dropRows()
  }

  /** The session is over. */
  stop(): void {
    clearTimeout(this.#repeatTimer)
    for (const limit of this.#overdue) clearTimeout(limit.timer)
    this.#overdue.clear()
    this.#forgetAbandoned()
  }

  #expire(limit: TimeLimit): void {
    const { started, timeoutMs, graceMs } = limit
    if (started === null) return
    limit.hasExpired = true
    const unsent = `the time limit of ${timeoutMs} ms has passed before the statement could be sent: nothing was run`
    if (this.#conversation.withdraw(started, new QueryTimeoutError(unsent))) return
    // An embedded server runs in the thread of this timer: when it fires, the operation is over, and its result stands.
    if (this.#route === null) return
    if (!this.isChasing) this.#beginChase()
    this.#overdue.add(limit)
    if (graceMs === 0) return afterLook(() => this.#endGrace(limit))
    limit.givenUpAtMs = performance.now() + graceMs
    limit.timer = setTimeout(() => afterLook(() => this.#endGrace(limit)), graceMs)
    this.#pursue(limit)
  }

  #beginChase(): void {
    this.#lateBytes = 0
    this.#obstacle = undefined
  }

  #pursue(limit: TimeLimit): void {
    if (limit.graceMs === 0 || limit.started !== this.#conversation.current) return
    limit.isPursued = true
    limit.onExpiry?.(lateError(limit))
    this.#dropWhatIsPaused()
    if (this.#route === null || !this.canCancel) return
    this.#cancelCurrent(this.#route, 0, limit.givenUpAtMs).catch(() => {})
  }

  #dropWhatIsPaused(): void {
    if (this.#site.isPaused() && this.#dropRows()) this.#site.resume()
  }

  /** Drops the rest of what the server works on, if that is overdue or given up. @returns whether it is. */
  #dropRows(): boolean {
    const { current } = this.#conversation
    for (const limit of this.#overdue) {
      if (limit.started === current) return this.#conversation.drop(limit.started!, lateError(limit))
    }
    if (this.#abandoned === null || current === null) return false
    return this.#conversation.drop(
      current,
      new OperationalError('the statement was given up, and its rows were dropped'),
    )
  }

  #endGrace(limit: TimeLimit): void {
    if (this.#overdue.has(limit)) this.#closeFor(limit)
  }

  #closeForAbandoned(): void {
    this.#site.giveUp(this.#unstoppable('a statement was given up', CANCEL_GRACE_MS))
  }

  #closeFor(limit: TimeLimit): void {
    const { timeoutMs, graceMs } = limit
    const passed = `the time limit of ${timeoutMs} ms has passed`
    limit.givenUp =
      graceMs === 0
        ? new OperationalError(`${passed} and the server has not answered: the connection is closed`)
        : this.#unstoppable(passed, graceMs)
    this.#site.giveUp(limit.givenUp)
  }

  #unstoppable(why: string, graceMs: number): OperationalError {
    const seconds = Math.round(graceMs / 100) / 10
    const hint = this.canCancel
      ? 'the request to cancel was lost on the way (a proxy, a pooler, a tunnel), or the server hangs'
      : 'the server has sent no key for cancel requests; a pooler on the way may not have any'
    return new OperationalError(
      `${why}, and the server could not be made to stop within ${seconds} s: the connection is closed, and whether ` +
        'the statement took effect is unknown',
      this.#obstacle === undefined ? { hint } : { hint, cause: this.#obstacle },
    )
  }

  #forgetAbandoned(): void {
    clearTimeout(this.#abandoned?.timer)
    this.#abandoned = null
  }

  /**
   * Sends a cancel request and lets nothing new start until the server has taken it: it must not hit a later statement.
   * The server drops a request that overtakes the statement it is meant for, so while that one is still waiting for its
   * answer the request is sent again, a few times.
   * @param deadlineMs when the session is closed anyway, on `performance.now`'s clock
   */
  async #cancelCurrent(route: CancelRoute, attempt: number, deadlineMs: number): Promise<void> {
    const running = this.#conversation.current
    const timeoutMs = Math.min(CANCEL_GRACE_MS, deadlineMs - performance.now())
    // A late timer has called: the end of the grace is what comes next.
    if (timeoutMs <= 0) return
    this.#conversation.hold()
    this.requests += 1
    try {
      await requestCancel(route, this.key, timeoutMs)
      this.#obstacle = undefined
    } catch (error) {
      this.#obstacle = error
      // It may still arrive, and then it must not find a later statement.
      if (error instanceof UncertainCancelError) this.#closeForUncertain(error)
      throw error
    } finally {
      this.#conversation.release()
      this.#site.proceed()
      const delayMs = CANCEL_REPEAT_DELAYS_MS[attempt]
      clearTimeout(this.#repeatTimer)
      if (delayMs !== undefined && this.#isRunning(running)) {
        this.#repeatTimer = setTimeout(() => {
          if (this.#isRunning(running)) this.#cancelCurrent(route, attempt + 1, deadlineMs).catch(() => {})
        }, delayMs)
      }
    }
  }

  /** The request had all the time there was; where a limit has passed, the limit is what the caller is to hear of. */
  #closeForUncertain(error: UncertainCancelError): void {
    const [limit] = this.#overdue
    if (limit !== undefined) this.#closeFor(limit)
    else if (this.#abandoned !== null) this.#closeForAbandoned()
    // Of a class that callers know by name.
    else this.#site.giveUp(new OperationalError(error.primaryMessage, { cause: error.cause }))
  }

  #isRunning(exchange: object | null): boolean {
    return exchange !== null && exchange === this.#conversation.current && this.#site.isOpen()
  }
}

/** For an operation that completed after its limit, when its rows had been dropped. */
function lateError({ timeoutMs }: TimeLimit): QueryTimeoutError {
  return new QueryTimeoutError(
    `the time limit of ${timeoutMs} ms has passed: the statement completed after that, and its rows were dropped`,
  )
}
