/**
 * Describes a text that the server may refuse because it cannot tell a parameter's type, without failing the
 * transaction. Inside a transaction, a savepoint is sent in the same request, before the text. Its release is sent
 * with the next request. If the refused request began the transaction, nothing else is in the transaction, so it is
 * begun again. The rollback after a refusal is sent with the next attempt. So none of this costs a round trip of its
 * own.
 */
import { GUARD, GUARD_AGAIN } from '../wire/guard.ts'
import type { DescribeRequest, Flight } from '../wire/operations.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, dueTimeout, flight } from './flow-context.ts'
import { TagSink } from './run-script.ts'
import { hasSavepoints } from './stale-statement.ts'

interface AttemptOptions {
  /** Whether the text has parameters. Only then may the server refuse it for missing types. */
  readonly mayBeRefused: boolean
  /** Whether the server could infer all types the last time. Then no savepoint is sent. */
  readonly isDetermined: boolean
  /** See `ResolveOptions`. */
  readonly isApart: boolean
}

export class DescribeAttempts {
  readonly #context: FlowContext
  readonly #mayBeRefused: boolean
  /** Whether a savepoint is sent before the text when a transaction is open. */
  readonly #isWorthSavepoint: boolean
  /** Whether the session undoes a refusal itself. Then this object sends no savepoint, BEGIN or rollback. */
  readonly #isApart: boolean
  /** How a refusal can be undone. */
  #guard: 'nothing' | 'savepoint' | 'begin' = 'nothing'

  constructor(context: FlowContext, { mayBeRefused, isDetermined, isApart }: AttemptOptions) {
    this.#context = context
    this.#isApart = isApart
    this.#mayBeRefused = mayBeRefused
    this.#isWorthSavepoint = !isDetermined && hasSavepoints(context)
  }

  /** The requests that are sent with the next attempt. */
  flight(): Flight & Pick<DescribeRequest, 'isApart'> {
    const context = this.#context
    if (this.#isApart) {
      const timeoutMs = dueTimeout(context)
      return { begin: null, closing: context.statements.takeClosing(), timeoutMs, isApart: true }
    }
    const { transactionStatus } = context.state
    if (!this.#mayBeRefused) return flight(context)
    if (transactionStatus === 'E' && this.#guard !== 'nothing') return { ...flight(context), begin: this.#undo }
    if (transactionStatus !== 'T' || this.#guard === 'savepoint' || !this.#isWorthSavepoint) {
      const due = flight(context)
      if (due.begin !== null && transactionStatus === 'I') this.#guard = 'begin'
      return due
    }
    this.#guard = 'savepoint'
    // Nothing has run since the savepoint that waits for its release, so it serves again.
    if (context.hasDueRelease) {
      context.hasDueRelease = false
      return { ...flight(context), begin: null }
    }
    return { ...flight(context), begin: GUARD }
  }

  /** Whether the server may refuse the next attempt without harm, because the refusal can be undone. */
  get mayFail(): boolean {
    if (!this.#mayBeRefused) return false
    return (
      this.#isApart ||
      this.#context.state.transactionStatus !== 'T' ||
      this.#guard !== 'nothing' ||
      this.#isWorthSavepoint
    )
  }

  /** Whether another attempt may follow a refused one. */
  get mayRetry(): boolean {
    const { state } = this.#context
    if (!this.#mayBeRefused || state.isClosed) return false
    return this.#isApart || state.transactionStatus !== 'E' || this.#guard !== 'nothing'
  }

  /** Called after the last attempt. If the server refused it, rolls back to before it. */
  *finish(): Flow<void> {
    const { state } = this.#context
    if (this.#guard !== 'nothing' && state.transactionStatus === 'E') {
      // `runCommand` cannot be used: the statement cache would take this ROLLBACK for one of the program.
      const limits = { timeoutMs: dueTimeout(this.#context) }
      yield* ask('simpleQuery', { sql: this.#undo, results: new TagSink(), begin: null, closing: [], ...limits })
    }
    if (this.#guard === 'savepoint' && state.transactionStatus === 'T') this.#context.hasDueRelease = true
  }

  get #undo(): string {
    return this.#guard === 'savepoint' ? GUARD_AGAIN : 'ROLLBACK AND CHAIN'
  }
}
