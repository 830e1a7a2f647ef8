/**
 * The order of the statements in a pipeline. They are sent in the order of the calls. Some statements must be described
 * first, so an execution waits until all statements before it have been sent. In a transaction a description that may
 * fail the transaction waits until all statements before it have ended, because its error must not come before theirs.
 * `pipeline-descriptions.ts` sends descriptions earlier that cannot fail it.
 */
import type { Asked } from './flows/ask.ts'
import { isExecution } from './flows/executions.ts'
import type { Gate } from './engine.ts'
import type { ExecuteRequest } from './wire/operations.ts'

/** The state that all turns of one pipeline share. */
export interface TurnSite {
  /** Whether a transaction is open, or may be open when the next request arrives. */
  readonly isInTransaction: boolean
  /** The reason why the pipeline sends nothing more; null while it sends. */
  readonly refusal: { readonly reason: unknown } | null
  /**
   * How many requests wait, and statements whose text is described before their turn. While there are any, no prepared
   * statement may be closed, because a waiting request may name it.
   */
  held: number
}

/** The turn of one statement of a pipeline. Turns form a list in the order of the calls. */
export class Turn implements Gate {
  readonly #site: TurnSite
  #before: Turn | null
  #next: Turn | null = null
  #isSent = false
  #isEnded = false
  /** Whether this statement and all before it have been sent, or have ended without being sent. */
  #areAllSent = false
  #areAllEnded = false
  /** Whether each of this statement and those before it has ended, or cannot change what other texts mean. */
  #doAllKeepMeanings: boolean
  readonly #keepsMeanings: boolean
  #holdsStatements = false
  #resume: (() => void) | null = null

  /** @param keepsMeanings see `TextTraits` */
  constructor(site: TurnSite, before: Turn | null, keepsMeanings: boolean) {
    this.#site = site
    this.#before = before === null || before.#areAllEnded ? null : before
    this.#keepsMeanings = keepsMeanings
    this.#doAllKeepMeanings = keepsMeanings && (this.#before === null || this.#before.#doAllKeepMeanings)
    if (this.#before !== null) this.#before.#next = this
  }

  /** Waits until all statements before it have ended. @throws the reason why the pipeline sends nothing more. */
  async waitForOthers(): Promise<void> {
    await this.#waitUntil(() => this.#before === null || this.#before.#areAllEnded)
  }

  /**
   * Waits until all statements before it that may change the meaning of its text have ended.
   * @throws the reason why the pipeline sends nothing more
   */
  async waitForMeanings(): Promise<void> {
    await this.#waitUntil(() => this.#before === null || this.#before.#doAllKeepMeanings)
  }

  async #waitUntil(isReady: () => boolean): Promise<void> {
    const { refusal } = this.#site
    if (refusal !== null) throw refusal.reason
    if (!isReady()) await this.#hold(null, isReady)
  }

  /** Keeps all prepared statements open until this statement has ended. */
  holdStatements(): void {
    if (this.#holdsStatements) return
    this.#holdsStatements = true
    this.#site.held += 1
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
    Turn.#settleFrom(this)
  }

  /** The pipeline calls this when the statement has succeeded or failed. */
  end(): void {
    this.#isSent = true
    this.#isEnded = true
    if (this.#holdsStatements) this.#site.held -= 1
    Turn.#settleFrom(this)
  }

  /** Lets a waiting request go on if its condition is met. */
  wake(): void {
    this.#resume?.()
  }

  #hold<T>(asked: T, isReady: () => boolean): Promise<T> {
    const site = this.#site
    site.held += 1
    return new Promise((resolve, reject) => {
      this.#resume = () => {
        if (!isReady()) return
        this.#resume = null
        site.held -= 1
        if (site.refusal === null) resolve(asked)
        else reject(site.refusal.reason)
      }
    })
  }

  /**
   * Updates the turns behind a changed one. It is a loop and not a recursion, because thousands of turns may have
   * failed behind one that is still being described.
   */
  static #settleFrom(first: Turn): void {
    for (let turn: Turn | null = first; turn !== null && turn.#settle(); turn = turn.#next) turn.#next?.wake()
  }

  /** @returns whether something has changed for the turns behind it. */
  #settle(): boolean {
    const before = this.#before
    const areAllSent = this.#isSent && (before === null || before.#areAllSent)
    const areAllEnded = this.#isEnded && (before === null || before.#areAllEnded)
    const isMeant = this.#isEnded || this.#keepsMeanings
    const doAllKeepMeanings = isMeant && (before === null || before.#doAllKeepMeanings)
    const hasChanged =
      areAllSent !== this.#areAllSent ||
      areAllEnded !== this.#areAllEnded ||
      doAllKeepMeanings !== this.#doAllKeepMeanings
    this.#doAllKeepMeanings = doAllKeepMeanings
    this.#areAllSent = areAllSent
    this.#areAllEnded = areAllEnded
    if (areAllEnded) this.#before = null
    return hasChanged
  }
}

/** Copies the encoded arguments, because the next statement overwrites the memory that they are in. */
function ownCopy({ operation, request }: Asked): Asked {
  const execution = request as ExecuteRequest
  return { operation, request: { ...execution, bind: new Uint8Array(execution.bind) } } as Asked
}
