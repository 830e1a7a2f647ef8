/**
 * Lets the server refuse a text for want of types without costing the transaction. Inside a transaction a savepoint
 * travels in the same flight before the text, and its release with the flight after it. A transaction that the flight
 * itself began holds nothing else, so it is begun again. What goes back after a refusal travels with the next attempt:
 * none of this takes a trip of its own.
 */
import { GUARD, GUARD_AGAIN } from '../wire/guard.ts'
import type { Flight } from '../wire/operations.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, dueTimeout, flight } from './flow-context.ts'
import { TagSink } from './run-script.ts'
import { hasSavepoints } from './stale-statement.ts'

interface AttemptOptions {
  /** Whether the text has parameters, whose types the server may miss. */
  readonly mayBeRefused: boolean
  /** Whether the server could tell them the last time: then no savepoint is spent on the text. */
  readonly isDetermined: boolean
}

export class DescribeAttempts {
  readonly #context: FlowContext
  readonly #mayBeRefused: boolean
  /** Whether a savepoint goes before the text inside a transaction. */
  readonly #isWorthSavepoint: boolean
  /** What a refusal can be undone by. */
  #guard: 'nothing' | 'savepoint' | 'begin' = 'nothing'

  constructor(context: FlowContext, { mayBeRefused, isDetermined }: AttemptOptions) {
    this.#context = context
    this.#mayBeRefused = mayBeRefused
    this.#isWorthSavepoint = !isDetermined && hasSavepoints(context)
  }

  /** What the next attempt brings along. */
  flight(): Flight {
    const context = this.#context
    const { transactionStatus } = context.state
    if (!this.#mayBeRefused) return flight(context)
    if (transactionStatus === 'E' && this.#guard !== 'nothing') return { ...flight(context), begin: this.#undo }
    if (transactionStatus !== 'T' || this.#guard === 'savepoint' || !this.#isWorthSavepoint) {
      const due = flight(context)
      if (due.begin !== null && transactionStatus === 'I') this.#guard = 'begin'
      return due
    }
    this.#guard = 'savepoint'
    // A savepoint that waits for its release has seen nothing run since.
    if (context.hasDueRelease) {
      context.hasDueRelease = false
      return { ...flight(context), begin: null }
    }
    return { ...flight(context), begin: GUARD }
  }

  /** Whether the server may refuse the next attempt, because that can be taken back. */
  get mayFail(): boolean {
    if (!this.#mayBeRefused) return false
    return this.#context.state.transactionStatus !== 'T' || this.#guard !== 'nothing' || this.#isWorthSavepoint
  }

  /** Whether another attempt may follow the one that was refused. */
  get mayGoOn(): boolean {
    const { state } = this.#context
    if (!this.#mayBeRefused || state.isClosed) return false
    return state.transactionStatus !== 'E' || this.#guard !== 'nothing'
  }

  /** The statement is found. Takes the last refusal back where no attempt followed it. */
  *finish(): Flow<void> {
    const { state } = this.#context
    if (this.#guard !== 'nothing' && state.transactionStatus === 'E') {
      // Not `runCommand`: to the statement cache its ROLLBACK would be one of the program's.
      const limits = { timeoutMs: dueTimeout(this.#context) }
      yield* ask('simpleQuery', { sql: this.#undo, results: new TagSink(), begin: null, closing: [], ...limits })
    }
    if (this.#guard === 'savepoint' && state.transactionStatus === 'T') this.#context.hasDueRelease = true
  }

  get #undo(): string {
    return this.#guard === 'savepoint' ? GUARD_AGAIN : 'ROLLBACK AND CHAIN'
  }
}
