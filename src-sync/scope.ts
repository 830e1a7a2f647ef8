/** `transaction(fn)`: a transaction, or inside one a savepoint, that ends as the function ends. */
import { Rollback } from '../src-async/errors/client-errors.ts'
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { Scope } from '../src-async/flows/flow-context.ts'
import { type TransactionOptions, commitScope, openScope, rollbackScope } from '../src-async/flows/transaction.ts'
import { isLater } from './call-options.ts'
import { type Engine, call } from './engine.ts'
import type { PublicMethod } from './run-flow.ts'

/**
 * Runs `fn` in a scope.
 * @param options null for a scope that is asked nothing of.
 * @returns what `fn` returns, or what a `Rollback` it threw brings.
 */
export function runInScope<T>(engine: Engine, options: TransactionOptions, fn: () => T, method: PublicMethod): T {
  const scope = call(method, () => {
    if (typeof fn !== 'function') {
      throw new ProgrammingError('transaction: expected a function to run in it', {
        hint: 'without a function: the first statement begins a transaction, commit() or rollback() ends it',
      })
    }
    return engine.run(openScope(engine.context, options))
  })
  let result: T
  try {
    result = fn()
  } catch (error) {
    undo(engine, scope)
    if (error instanceof Rollback) return error.value as T
    throw error
  }
  call(method, () => {
    const later = isLater(fn, result)
    if (later !== null) {
      undo(engine, scope)
      throw new ProgrammingError(
        `transaction: the function is ${later}, and what it does later would be outside: it has been rolled back`,
      )
    }
    engine.run(commitScope(engine.context, scope))
  })
  return result
}

function undo(engine: Engine, scope: Scope): void {
  // A connection that is gone has rolled back by itself, and the error in flight is the news.
  if (engine.isClosed || engine.session.isClosed) return
  try {
    engine.run(rollbackScope(engine.context, scope))
  } catch (error) {
    // The rollback is what found out that the connection is gone.
    if (!engine.session.isClosed) throw error
  }
}
