/**
 * Transactions of the async API, in two forms: a function that runs in a transaction, and an object that the program
 * starts and ends. Both are scopes of `flows/transaction.ts`, which keeps the nesting. This file checks which
 * transaction may end when.
 */
import { sealInstances } from './options/sealed.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from './engine.ts'
import { Rollback } from './errors/client-errors.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import type { FlowContext, Scope } from './flows/flow-context.ts'
import { type RetriedTransactionOptions, RetryWatch, requireRetries, retryDelayMs } from './flows/retry.ts'
import {
  type TransactionOptions,
  beginStatement,
  commitScope,
  isOpenScope,
  openInside,
  openScope,
  rollbackScope,
} from './flows/transaction.ts'

/** The state of a `Transaction` object. */
type Phase = 'new' | 'started' | 'committed' | 'rolled back' | 'failed'

const REFUSALS: Readonly<Record<Phase, string>> = {
  new: 'it is not yet started',
  started: 'it is already started',
  committed: 'it is already committed',
  'rolled back': 'it is already rolled back',
  failed: 'it ended with an error: nothing was committed',
}

/**
 * A transaction that you start and end yourself. Inside another transaction it is a savepoint. An object can be started
 * once. Leaving an `await using` scope rolls back a transaction that was not committed.
 * @example
 *   await using transaction = await con.transaction({ isolation: 'serializable' }).start()
 *   await con.execute('insert into item (name) values ($1)', ['milk'])
 *   await transaction.commit()
 */
export class Transaction {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #options: TransactionOptions
  #scope: Scope | null = null
  #phase: Phase = 'new'

  /** Made by `Connection.transaction`. @throws ProgrammingError for invalid options. */
  constructor(engine: Engine, options: TransactionOptions) {
    beginStatement(options)
    this.#engine = engine
    this.#options = options
  }

  /**
   * Starts the transaction. BEGIN is sent with the first statement.
   * @returns the transaction itself.
   * @throws InterfaceError when it was started before; ProgrammingError when it is inside another transaction and their
   *   options differ.
   * @example
   *   const transaction = await con.transaction().start()
   *   await con.execute('update item set price = 1')
   *   await transaction.commit()
   */
  async start(): Promise<this> {
    this.#require('start', 'new')
    this.#scope = await this.#engine.run(openScope(this.#engine.context, this.#options, false))
    this.#phase = 'started'
    return this
  }

  /**
   * Commits the transaction.
   * @throws InterfaceError when the transaction is not open, or one inside it still is. InFailedSQLTransactionError
   *   when a statement had failed; then the transaction is rolled back. The server's error when the commit itself
   *   fails.
   * @example
   *   const transaction = await con.transaction().start()
   *   await con.execute('update item set price = 1')
   *   await transaction.commit()
   */
  async commit(): Promise<void> {
    const scope = this.#requireStarted('commit')
    const { context } = this.#engine
    if (openInside(context, scope).length > 0) {
      throw new InterfaceError('Transaction.commit(): a transaction inside it is still open: end that one first')
    }
    await this.#end(commitScope(context, scope), 'committed')
  }

  /**
   * Rolls back the transaction and all transactions inside it. Does nothing after a failed `commit`, which has rolled
   * back already, so a `catch` may always call it.
   * @throws InterfaceError when the transaction is not open, or a `transaction(fn)` inside it runs.
   * @example
   *   const transaction = await con.transaction().start()
   *   await con.execute('update item set price = 1')
   *   await transaction.rollback()
   */
  async rollback(): Promise<void> {
    if (this.#phase === 'failed') return
    const scope = this.#requireStarted('rollback')
    const { context } = this.#engine
    if (openInside(context, scope).some(({ isFunctions }) => isFunctions)) {
      throw new InterfaceError('Transaction.rollback(): a transaction(fn) inside it runs: throw there to undo')
    }
    await this.#end(rollbackScope(context, scope), 'rolled back')
  }

  /**
   * Rolls back a transaction that was started and not ended.
   * @example
   *   await using transaction = await con.transaction({ isolation: 'serializable' }).start()
   *   await con.execute('delete from item') // undone at the end of the scope, because nothing commits it
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#phase === 'started' && this.#isOpen && !this.#engine.isClosed) await this.rollback()
  }

  get #isOpen(): boolean {
    return this.#scope !== null && isOpenScope(this.#engine.context, this.#scope)
  }

  async #end(flow: Flow<void>, phase: Phase): Promise<void> {
    // On a busy connection the call is refused before anything changes, and the transaction stays open.
    this.#engine.requireReady()
    this.#phase = 'failed'
    await this.#engine.run(flow)
    this.#phase = phase
  }

  #requireStarted(method: string): Scope {
    this.#require(method, 'started')
    const scope = this.#scope as Scope
    if (this.#isOpen) return scope
    this.#phase = 'rolled back'
    throw new InterfaceError(`Transaction.${method}(): the transaction around it, or a reset, has ended it`)
  }

  #require(method: string, phase: Phase): void {
    if (this.#phase === phase) return
    throw new InterfaceError(`Transaction.${method}(): ${REFUSALS[this.#phase]}`)
  }
}

/** The connection that `transaction(fn)` runs on. */
export interface TransactionSite {
  readonly engine: Engine
  /** Closes the connection. That rolls back a transaction that cannot be ended in another way. */
  terminate(): void
  /** Called when the function has thrown, before the rollback. */
  readonly onThrow?: () => void
}

/**
 * Runs `fn` in a transaction. After a serialization failure or a deadlock it runs `fn` again, up to `retries` times.
 * @throws the errors of `fn`, except `Rollback`; the errors of `commitScope`.
 */
export async function transact<T>(
  site: TransactionSite,
  asked: RetriedTransactionOptions,
  fn: () => Promise<T>,
): Promise<T> {
  const retries = requireRetries(asked)
  const { retries: _, ...options } = asked
  const { session, context } = site.engine
  const mayRetry = context.scopes.length === 0 && session.transactionStatus === 'I'
  for (let attempt = 0; ; attempt++) {
    const watch = new RetryWatch(context)
    try {
      return await transactOnce({ ...site, onThrow: watch.look }, options, fn)
    } catch (error) {
      if (!mayRetry || attempt >= retries || site.engine.isClosed || !watch.allows(error)) throw error
      await delay(retryDelayMs(attempt))
    }
  }
}

async function transactOnce<T>(site: TransactionSite, options: TransactionOptions, fn: () => Promise<T>): Promise<T> {
  const { engine } = site
  const { context } = engine
  const scope = await engine.run(openScope(context, options))
  let result: T
  try {
    result = await fn()
  } catch (error) {
    site.onThrow?.()
    // The caller gets the function's own error. When the rollback cannot be sent, because the connection is lost or
    // busy with a call that the function did not await, closing the session rolls back.
    if (engine.isClosed) throw error
    if (isSharedWithAnother(context, scope)) site.terminate()
    else await engine.run(rollbackScope(context, scope)).catch(() => site.terminate())
    if (error instanceof Rollback) return error.value as T
    throw error
  }
  const leftOpen = engine.isBusy
    ? 'an operation running'
    : openInside(context, scope).length > 0
      ? 'a transaction open'
      : null
  if (leftOpen !== null) {
    site.terminate()
    throw new InterfaceError(
      `transaction: the function left ${leftOpen}: nothing is committed, the connection is closed`,
    )
  }
  await engine.goOn(commitScope(context, scope))
  return result
}

/**
 * Whether the transaction of another function was opened inside this one and still runs. After a rollback its
 * statements would run outside any transaction.
 */
function isSharedWithAnother(context: FlowContext, scope: Scope): boolean {
  return openInside(context, scope).some(({ isFunctions }) => isFunctions)
}

/**
 * Reads the arguments of `Connection.transaction`. Options may stand before or after the function.
 * @throws ProgrammingError for other arguments.
 */
export function transactionArguments<T>(args: readonly unknown[]): {
  readonly options: RetriedTransactionOptions
  readonly fn: (() => Promise<T>) | null
} {
  const [first, second] = args
  if (args.length === 0) return { options: {}, fn: null }
  if (typeof first === 'function') {
    const options = second === undefined ? {} : second
    if (options === null || typeof options !== 'object') throw notArguments()
    return { options, fn: first as () => Promise<T> }
  }
  const isObject = first !== null && typeof first === 'object'
  if (!isObject || (args.length > 1 && typeof second !== 'function')) throw notArguments()
  if (args.length === 1 && 'retries' in first) {
    throw new ProgrammingError('transaction: retries: only a function can be run again: pass one')
  }
  return { options: first, fn: args.length > 1 ? (second as () => Promise<T>) : null }
}

function notArguments(): ProgrammingError {
  return new ProgrammingError('transaction: expected a function to run in it, options and a function, or options')
}
