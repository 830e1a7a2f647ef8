/**
 * Cancels statements: on request, when a time limit passes, or when the caller gives a statement up. After a time limit, and
 * after a caller gave up, the server has a grace time (`grace.ts`) to stop. Then the session is closed, even if the server
 * still sends rows. A cancel request names a session, not a statement. So no request is written while a cancel request is on
 * its way, and none is written behind a statement with a time limit. A time limit costs one timer.
 */
import { QueryTimeoutError } from '../errors/client-errors.ts'
import { DbError, OperationalError } from '../errors/tree.ts'
import { requestCancel, UncertainCancelError, type CancelRoute } from './cancel.ts'
import { CANCEL_GRACE_MS, afterPoll } from './grace.ts'
import type { Conversation } from './protocol/conversation.ts'
import type { BackendKey } from './protocol/startup.ts'

/** The part of a session that its canceller uses. */
export interface CancelSite {
  isOpen(): boolean
  /** Whether the session has stopped reading, because no reader takes its rows. */
  isPaused(): boolean
  /** Starts reading again. */
  resume(): void
  /** Sends the requests that waited for the end of a cancel request. */
  proceed(): void
  giveUp(error: DbError): void
}

/** The time limit of one operation. */
export interface TimeLimit {
  readonly timeoutMs: number
  /** How long the server has to stop after the limit has passed; 0 closes the session at once, without a cancel. */
  readonly graceMs: number
  /** Called when the limit has passed while the server works on the operation. `late` is the error if it still completes. */
  readonly onExpiry: ((late: DbError) => void) | null
  started: object | null
  timer: NodeJS.Timeout | undefined
  hasExpired: boolean
  /** When the grace time ends, by `performance.now`. Set when the limit passes. */
  givenUpAtMs: number
  /** Whether a cancel request was sent for the operation. */
  isCancelSent: boolean
  /** The error with which the session was closed because of this limit. */
  givenUp: DbError | null
}

/** The statements that were given up: all exchanges up to `last`. */
interface Abandoned {
  last: object
  readonly givenUpAtMs: number
  readonly timer: NodeJS.Timeout
}

/** When a cancel request is sent again. A person hardly notices the first delay; a healthy server reacts sooner. */
const CANCEL_REPEAT_DELAYS_MS = [200, 1000, 5000]
/**
 * How many bytes of an operation are kept after its limit has passed. A server that got the cancel request sends less before
 * it stops. Further rows are dropped, so that a server that does not stop cannot fill the memory.
 */
const MOST_LATE_BYTES = 16 << 20
const MAX_TIMER_MS = 2 ** 31 - 1
const QUERY_CANCELED = '57014'
const NO_KEY: BackendKey = { backendPid: 0, secret: new Uint8Array(0) }

export class Canceller {
  /** The server's cancel key. Set at the end of start-up. */
  key = NO_KEY
  readonly #conversation: Conversation
  readonly #site: CancelSite
  /** null when the transport cannot cancel (PGlite). */
  readonly #route: CancelRoute | null
  readonly #overdue = new Set<TimeLimit>()
  #abandoned: Abandoned | null = null
  /** Bytes that have come since the session began to wait for a statement to stop. */
  #lateBytes = 0
  /** The error of the last cancel request, if it did not reach the server. */
  #cancelError: unknown = undefined
  #repeatTimer: NodeJS.Timeout | undefined
  /** How many cancel requests were begun. The server may act on a request a little later than it takes it. */
  requests = 0

  constructor(conversation: Conversation, route: CancelRoute | null, site: CancelSite) {
    this.#conversation = conversation
    this.#route = route
    this.#site = site
  }

  /** Whether the transport can cancel, even if the server has sent no key. */
  get hasRoute(): boolean {
    return this.#route !== null
  }

  get canCancel(): boolean {
    return this.#route !== null && this.key.secret.length > 0
  }

  /** Whether a late or given-up operation has not stopped yet. Otherwise `received` and `dropUnread` need no call. */
  get isWaitingForStop(): boolean {
    return this.#overdue.size > 0 || this.#abandoned !== null
  }

  /** Cancels the running statement. Resolves when the server has taken the request. */
  async cancel(): Promise<void> {
    // When no statement runs, a cancel request could only hit the next one.
    if (this.#route === null || this.#conversation.current === null) return
    await this.#cancelCurrent(this.#route, 0, Infinity)
  }

  /**
   * Cancels the running statement, and closes the session if some of the requests written so far have not ended after the
   * grace time. A second call, for a later one of these requests, does not lengthen the grace time.
   */
  async abandon(): Promise<void> {
    const { last } = this.#conversation
    if (this.#route === null || last === null) return
    if (this.#abandoned === null) {
      if (!this.isWaitingForStop) this.#beginStop()
      const end = (): void => {
        if (this.#abandoned === abandoned) this.#closeForAbandoned()
      }
      const timer = setTimeout(() => afterPoll(end), CANCEL_GRACE_MS)
      const abandoned: Abandoned = { last, givenUpAtMs: performance.now() + CANCEL_GRACE_MS, timer }
      this.#abandoned = abandoned
    } else {
      this.#abandoned.last = last
    }
    this.#dropWhatIsPaused()
    if (this.canCancel) await this.#cancelCurrent(this.#route, 0, this.#abandoned.givenUpAtMs)
  }

  /**
   * Starts the timer of an operation. The exchange of the operation must be exclusive. Call `end` when it is over.
   * @param graceMs see `TimeLimit`
   * @param onExpiry see `TimeLimit`
   */
  limit(timeoutMs: number, graceMs: number, onExpiry: TimeLimit['onExpiry']): TimeLimit {
    const state = { started: null, timer: undefined, hasExpired: false, givenUpAtMs: Infinity }
    const limit: TimeLimit = { timeoutMs, graceMs, onExpiry, ...state, isCancelSent: false, givenUp: null }
    limit.timer = setTimeout(() => this.#expire(limit), Math.min(timeoutMs, MAX_TIMER_MS))
    return limit
  }

  end(limit: TimeLimit): void {
    clearTimeout(limit.timer)
    this.#overdue.delete(limit)
  }

  /** The error for a failed operation. If the time limit cancelled it, the server's 57014 becomes a QueryTimeoutError. */
  explain(limit: TimeLimit, error: unknown): unknown {
    if (!limit.hasExpired || !(error instanceof DbError)) return error
    // An operation before this one got `limit.givenUp` itself, and this one an error with `limit.givenUp` as its cause.
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

  /** Called when bytes have come: an overdue operation may be the one that the server works on by now. */
  received(bytes: number): void {
    for (const limit of this.#overdue) if (!limit.isCancelSent) this.#cancelOverdue(limit)
    if (this.#abandoned !== null && !this.#conversation.isPending(this.#abandoned.last)) this.#forgetAbandoned()
    this.#lateBytes += bytes
    if (this.#lateBytes > MOST_LATE_BYTES) this.#dropRows()
  }

  /**
   * Called before the session stops reading, because no reader takes its rows. The rows of an operation that is overdue or
   * given up are dropped instead, because a server that waits for its client to read does not act on a cancel.
   * @returns whether the rows are dropped, so that the session goes on reading
   */
  dropUnread(): boolean {
    return this.#dropRows()
  }

  /** Stops all timers. Called when the session has ended. */
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
    // An embedded server runs in the thread of this timer. When it fires, the operation is over, and its result is kept.
    if (this.#route === null) return
    if (!this.isWaitingForStop) this.#beginStop()
    this.#overdue.add(limit)
    if (graceMs === 0) return afterPoll(() => this.#endGrace(limit))
    limit.givenUpAtMs = performance.now() + graceMs
    limit.timer = setTimeout(() => afterPoll(() => this.#endGrace(limit)), graceMs)
    this.#cancelOverdue(limit)
  }

  #beginStop(): void {
    this.#lateBytes = 0
    this.#cancelError = undefined
  }

  #cancelOverdue(limit: TimeLimit): void {
    if (limit.graceMs === 0 || limit.started !== this.#conversation.current) return
    limit.isCancelSent = true
    limit.onExpiry?.(lateError(limit))
    this.#dropWhatIsPaused()
    if (this.#route === null || !this.canCancel) return
    this.#cancelCurrent(this.#route, 0, limit.givenUpAtMs).catch(() => {})
  }

  #dropWhatIsPaused(): void {
    if (this.#site.isPaused() && this.#dropRows()) this.#site.resume()
  }

  /** Drops the rows of the running statement if it is overdue or given up. @returns whether it is. */
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
      `${why}, and the server did not stop within ${seconds} s: the connection is closed, and whether ` +
        'the statement took effect is unknown',
      this.#cancelError === undefined ? { hint } : { hint, cause: this.#cancelError },
    )
  }

  #forgetAbandoned(): void {
    clearTimeout(this.#abandoned?.timer)
    this.#abandoned = null
  }

  /**
   * Sends a cancel request. No request is written until the server has taken it, or it could hit a later statement. A cancel
   * request may reach the server before the statement does, and the server then ignores it. So it is sent again, a few times,
   * while the statement is still running.
   * @param deadlineMs when the session is closed anyway, by `performance.now`
   */
  async #cancelCurrent(route: CancelRoute, attempt: number, deadlineMs: number): Promise<void> {
    const running = this.#conversation.current
    const timeoutMs = Math.min(CANCEL_GRACE_MS, deadlineMs - performance.now())
    // The timer was late, and the grace time has ended: the session is closed next.
    if (timeoutMs <= 0) return
    this.#conversation.hold()
    this.requests += 1
    try {
      await requestCancel(route, this.key, timeoutMs)
      this.#cancelError = undefined
    } catch (error) {
      this.#cancelError = error
      // The request may still arrive, and must not hit a later statement then.
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

  /** Closes the session after an uncertain cancel request. If a time limit has passed, the error names that limit. */
  #closeForUncertain(error: UncertainCancelError): void {
    const [limit] = this.#overdue
    if (limit !== undefined) this.#closeFor(limit)
    else if (this.#abandoned !== null) this.#closeForAbandoned()
    // Callers know OperationalError, but not UncertainCancelError, which is internal.
    else this.#site.giveUp(new OperationalError(error.primaryMessage, { cause: error.cause }))
  }

  #isRunning(exchange: object | null): boolean {
    return exchange !== null && exchange === this.#conversation.current && this.#site.isOpen()
  }
}

/** The error for an operation that completed after its limit, when its rows had been dropped. */
function lateError({ timeoutMs }: TimeLimit): QueryTimeoutError {
  return new QueryTimeoutError(
    `the time limit of ${timeoutMs} ms has passed: the statement completed after that, and its rows were dropped`,
  )
}
