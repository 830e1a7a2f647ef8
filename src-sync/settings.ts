/**
 * The transaction settings of a connection: whether it begins transactions, and with which options. They can change
 * only between transactions.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { resetQueryFor } from '../src-async/flows/reset-query.ts'
import { resetSession } from '../src-async/flows/reset-session.ts'
import { type TransactionOptions, beginStatement } from '../src-async/flows/transaction.ts'
import type { Engine, RunOptions } from './engine.ts'

export class Settings {
  readonly #engine: Engine
  #options: TransactionOptions

  constructor(engine: Engine, options: TransactionOptions) {
    this.#engine = engine
    this.#options = options
  }

  /** The options of transactions that the connection begins. */
  get options(): TransactionOptions {
    return this.#options
  }

  /** Whether a transaction is open, or a `transaction(fn)` whose BEGIN has not been sent yet. */
  get isInside(): boolean {
    const { context, session } = this.#engine
    return context.scopes.length > 0 || session.transactionStatus !== 'I'
  }

  get autocommit(): boolean {
    return this.#engine.context.begin === null
  }

  set autocommit(value: boolean) {
    if (typeof value !== 'boolean')
      throw new ProgrammingError(`autocommit: expected a boolean, got ${describeValue(value)}`)
    this.#engine.requireOpen()
    if (value === this.autocommit) return
    this.#requireOutside('autocommit')
    this.#engine.context.begin = value ? null : beginStatement(this.#options)
  }

  /** @throws ProgrammingError inside a transaction, and for an invalid value. */
  change(changes: TransactionOptions, name: string): void {
    this.#engine.requireOpen()
    const [value] = Object.values(changes) as unknown[]
    if (name !== 'isolationLevel' && value !== undefined && typeof value !== 'boolean') {
      throw new ProgrammingError(`${name}: expected a boolean, got ${describeValue(value)}`)
    }
    this.#requireOutside(name)
    const options = { ...this.#options, ...changes }
    const begin = beginStatement(options)
    this.#options = options
    if (!this.autocommit) this.#engine.context.begin = begin
  }

  reset(limits: RunOptions): void {
    const { context, session } = this.#engine
    this.#engine.run(resetSession(context, resetQueryFor(session.parameters)), limits)
  }

  #requireOutside(name: string): void {
    if (!this.isInside) return
    throw new ProgrammingError(`${name} cannot be changed inside a transaction: commit or roll back first`)
  }
}
