/** The option `retries` of both faces: when a failed transaction is run again, and after which delay. */
import { describeValue } from '../errors/describe-value.ts'
import { DeadlockDetectedError, SerializationError } from '../errors/sqlstates.ts'
import { DbError, ProgrammingError, amend } from '../errors/tree.ts'
import { knownOptions, requireKnown } from '../options/known-options.ts'
import type { FlowContext } from './flow-context.ts'
import { TRANSACTION_NAMES, type TransactionOptions } from './transaction.ts'

/** Options of `transaction`. */
export interface RetriedTransactionOptions extends TransactionOptions {
  /**
   * How often to run the function again after a serialization failure (40001) or a deadlock (40P01), 0 by default. It
   * has no effect on a transaction inside another one. There is a short random delay before each retry; the blocking
   * API sleeps during it.
   */
  readonly retries?: number | undefined
}

const RETRIED = knownOptions<RetriedTransactionOptions>({ ...TRANSACTION_NAMES, retries: true })

/** The maximum delay before the first retry. It doubles with each retry, up to the longest. */
const FIRST_DELAY_MS = 20
const LONGEST_DELAY_MS = 1000

/** Whether a retry may succeed: after 40001 and 40P01. */
export function isWorthRetrying(error: unknown): boolean {
  return error instanceof SerializationError || error instanceof DeadlockDetectedError
}

/**
 * Watches one run of a function. A function that ended its transaction by SQL may have committed a part. A retry would do that
 * part twice.
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

  /** Whether the function may run again after this error. An error that a retry could cure gets a hint why there is none. */
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

/**
 * The delay in milliseconds. It is random, because transactions that failed together would conflict again if they
 * retried at the same time.
 */
export function retryDelayMs(attempt: number): number {
  return Math.random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt)
}

/** @throws ProgrammingError for an unknown option, and for an invalid number of retries. */
export function requireRetries(options: RetriedTransactionOptions): number {
  requireKnown(options, RETRIED, 'transaction')
  const { retries } = options
  if (retries === undefined) return 0
  const isCount = typeof retries === 'number' && retries >= 0 && (Number.isInteger(retries) || retries === Infinity)
  if (isCount) return retries
  throw new ProgrammingError(`transaction: retries: expected a whole number from 0, got ${describeValue(retries)}`)
}
