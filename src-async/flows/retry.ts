/** When a transaction that lost against others is run again, and how long after: what both faces' `retries` share. */
import { DeadlockDetectedError, SerializationError } from '../errors/sqlstates.ts'
import { DbError, ProgrammingError, amend } from '../errors/tree.ts'
import { knownOptions, requireKnown } from '../options/known-options.ts'
import type { FlowContext } from './flow-context.ts'
import { TRANSACTION_NAMES, type TransactionOptions } from './transaction.ts'

/** What `transaction` takes beside its function. */
export interface RetriedTransactionOptions extends TransactionOptions {
  /**
   * How often to run the function again when the transaction lost against others (40001 serialization failure, 40P01
   * deadlock); 0 at first. Only for a transaction that is not within another. A short random time passes before each run; the
   * blocking API sleeps for that time.
   */
  readonly retries?: number | undefined
}

const RETRIED = knownOptions<RetriedTransactionOptions>({ ...TRANSACTION_NAMES, retries: true })

/** The first retry waits at most this long, each further one twice as long, up to the longest. */
const FIRST_DELAY_MS = 20
const LONGEST_DELAY_MS = 1000

/** Whether running the transaction again may help: 40001 and 40P01. */
export function isWorthRetrying(error: unknown): boolean {
  return error instanceof SerializationError || error instanceof DeadlockDetectedError
}

/**
 * Watches one run of a function. A function that ended its transaction by SQL may have committed: to run it again would do that part
 * twice.
 */
export class RetryWatch {
  readonly #context: FlowContext
  readonly #commits: number
  #hasEnded = false

  /** @param context of the connection, before the transaction is begun */
  constructor(context: FlowContext) {
    this.#context = context
    this.#commits = context.statements.commits
  }

  /** To be called when the function has thrown, before the transaction is rolled back. */
  readonly look = (): void => {
    const { state, scopeBegin, statements } = this.#context
    const isGone = state.transactionStatus === 'I' && scopeBegin === null
    this.#hasEnded = isGone || statements.commits !== this.#commits
  }

  /** Whether the function may run again after this error. An error that only a retry would help is told why there is none. */
  allows(error: unknown): boolean {
    if (!isWorthRetrying(error)) return false
    if (this.#hasEnded && error instanceof DbError) {
      const hint =
        'not run again, because the function ended the transaction by SQL: a part of it may be committed already'
      if (error.hint === undefined) amend(error, { hint })
    }
    return !this.#hasEnded
  }
}

/** Milliseconds to wait. Those who lost against each other would meet again if they came back together. */
export function retryDelayMs(attempt: number): number {
  return Math.random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt)
}

/** @throws ProgrammingError for an unknown option, and for what is no number of retries. */
export function requireRetries(options: RetriedTransactionOptions): number {
  requireKnown(options, RETRIED, 'transaction')
  const { retries } = options
  if (retries === undefined) return 0
  const isCount = typeof retries === 'number' && retries >= 0 && (Number.isInteger(retries) || retries === Infinity)
  if (isCount) return retries
  throw new ProgrammingError(
    `transaction: retries: expected a whole number from 0, got ${String(retries).slice(0, 40)}`,
  )
}
