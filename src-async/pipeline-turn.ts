/**
 * The order of a pipeline. Statements are sent in the order in which they were asked for, though some have to be described
 * before: an execution waits until all before it have been sent. In a transaction a description waits until all before it
 * have ended, because it may bring a savepoint along and its refusal must not come too early.
 */
import type { Asked } from './flows/ask.ts'
import { isExecution } from './flows/executions.ts'
import type { Gate } from './run-flow.ts'
import type { ExecuteRequest } from './wire/operations.ts'

/** What the turns of one pipeline share. */
export interface TurnSite {
  /** Whether a transaction is open, or may be by the time that a request arrives. */
  readonly isInTransaction: boolean
  /** Why nothing more is sent; null while the pipeline goes on. */
  readonly refusal: { readonly reason: unknown } | null
  /** How many requests wait: while there are any, no statement may be closed that one of them names. */
  held: number
}

/** One statement of a pipeline. */
export class Turn implements Gate {
  readonly #site: TurnSite
  #before: Turn | null
  #next: Turn | null = null
  #isSent = false
  #isEnded = false
  /** Whether this and all before it have been sent, or have ended without. */
  #areAllSent = false
  #areAllEnded = false
  #goOn: (() => void) | null = null

  constructor(site: TurnSite, before: Turn | null) {
    this.#site = site
    this.#before = before === null || before.#areAllEnded ? null : before
    if (this.#before !== null) this.#before.#next = this
  }

  /** Waits until all before it have ended. @throws the reason why nothing more is sent. */
  async come(): Promise<void> {
    const isReady = (): boolean => this.#before === null || this.#before.#areAllEnded
    if (!isReady()) await this.#hold(null, isReady)
  }

  admit(asked: Asked): Promise<Asked> | null {
    if (this.#isSent) return null
    const isRun = isExecution(asked.request)
    const { refusal } = this.#site
    if (isRun && refusal !== null) return Promise.reject(refusal.reason as Error)
    if (this.#before === null) return null
    if (!isRun && !this.#site.isInTransaction) return null
    const isReady = (): boolean => {
      const before = this.#before
      return before === null || (isRun ? before.#areAllSent : before.#areAllEnded)
    }
    return isReady() ? null : this.#hold(isRun ? ownCopy(asked) : asked, isReady)
  }

  performed(asked: Asked): void {
    if (this.#isSent || !isExecution(asked.request)) return
    this.#isSent = true
    Turn.#tellAfter(this)
  }

  /** The statement is done, or has failed. */
  end(): void {
    this.#isSent = true
    this.#isEnded = true
    Turn.#tellAfter(this)
  }

  /** Goes on, if what is waited for has come. */
  wake(): void {
    this.#goOn?.()
  }

  #hold<T>(asked: T, isReady: () => boolean): Promise<T> {
    const site = this.#site
    site.held += 1
    return new Promise((resolve, reject) => {
      this.#goOn = () => {
        if (!isReady()) return
        this.#goOn = null
        site.held -= 1
        if (site.refusal === null) resolve(asked)
        else reject(site.refusal.reason)
      }
    })
  }

  /** A loop, not a recursion: thousands may have failed behind one that is still being described. */
  static #tellAfter(first: Turn): void {
    for (let turn: Turn | null = first; turn !== null && turn.#settle(); turn = turn.#next) turn.#next?.wake()
  }

  /** @returns whether something has changed for those behind it. */
  #settle(): boolean {
    const before = this.#before
    const areAllSent = this.#isSent && (before === null || before.#areAllSent)
    const areAllEnded = this.#isEnded && (before === null || before.#areAllEnded)
    const hasChanged = areAllSent !== this.#areAllSent || areAllEnded !== this.#areAllEnded
    this.#areAllSent = areAllSent
    this.#areAllEnded = areAllEnded
    if (areAllEnded) this.#before = null
    return hasChanged
  }
}

/** The arguments lie in memory that the next statement overwrites. */
function ownCopy({ operation, request }: Asked): Asked {
  const execution = request as ExecuteRequest
  return { operation, request: { ...execution, bind: new Uint8Array(execution.bind) } } as Asked
}
