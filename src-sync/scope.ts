/** `transaction(fn)` of the blocking API: a transaction, or a savepoint inside one, that ends with the function. */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { Rollback } from '../src-async/errors/client-errors.ts'
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { Scope } from '../src-async/flows/flow-context.ts'
import { type TransactionOptions, commitScope, openScope, rollbackScope } from '../src-async/flows/transaction.ts'
import { type RetriedTransactionOptions, RetryWatch, requireRetries, retryDelayMs } from '../src-async/flows/retry.ts'
import { isLater } from './call-options.ts'
import type { Engine } from './engine.ts'
import { type PublicMethod, call } from './callers-stack.ts'

/**
 * Makes a function that returns a promise a compile error, because its later work would run outside the transaction. If
 * your own function passes on a `() => T` of any type, write `fn as (() => T) & NotAsync<T>`.
 */
export type NotAsync<T> = [T] extends [never]
  ? unknown
  : T extends PromiseLike<unknown>
    ? 'transaction: the function may not be async'
    : unknown

/**
 * Runs `fn` in a transaction. After a serialization failure or a deadlock it runs `fn` again, up to `retries` times.
 * @throws the errors of `runInScope`.
 */
export function transact<T>(engine: Engine, asked: RetriedTransactionOptions, fn: () => T, method: PublicMethod): T {
  const retries = call(method, () => requireRetries(asked))
  const { retries: _, ...options } = asked
  const { context, session } = engine
  const mayRetry = retries > 0 && context.scopes.length === 0 && context.state.transactionStatus === 'I'
  for (let attempt = 0; ; attempt++) {
    const watch = new RetryWatch(context)
    try {
      return runInScope(engine, options, fn, method, watch.look)
    } catch (error) {
      if (!mayRetry || attempt >= retries || engine.isClosed || session.isClosed || !watch.allows(error)) throw error
      sleep(retryDelayMs(attempt))
    }
  }
}

/** @throws ProgrammingError for a value that is not an object of options, such as a savepoint's name, or for faulty ones. */
export function requireTransactionOptions(options: unknown): void {
  if (options === undefined) return
  if (typeof options === 'object' && options !== null) {
    requireRetries(options)
    return
  }
  throw new ProgrammingError(
    `transaction: expected a function, or options and a function, got ${describeValue(options)}`,
    {
      hint: 'a transaction inside another is a savepoint, and has a name of its own',
    },
  )
}

const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4))

function sleep(ms: number): void {
  Atomics.wait(NEVER_NOTIFIED, 0, 0, ms)
}

/**
 * Runs `fn` in a scope.
 * @param onThrow called when `fn` has thrown, before the rollback.
 * @returns the result of `fn`, or the value of a `Rollback` that it threw.
 */
export function runInScope<T>(
  engine: Engine,
  options: TransactionOptions,
  fn: () => T,
  method: PublicMethod,
  onThrow?: () => void,
): T {
  const scope = call(method, () => {
    if (typeof fn !== 'function') {
      throw new ProgrammingError('transaction: expected a function to run in it', {
        hint: 'to work without a function: the first statement begins a transaction, commit() or rollback() ends it',
      })
    }
    return engine.begin(openScope(engine.context, options))
  })
  let result: T
  try {
    result = fn()
  } catch (error) {
    onThrow?.()
    undo(engine, scope)
    if (error instanceof Rollback) return error.value as T
    throw error
  }
  call(method, () => {
    const later = isLater(fn, result)
    if (later !== null) {
      undo(engine, scope)
      throw new ProgrammingError(
        `transaction: the function is ${later}, so its later work would run outside the transaction, which has been rolled back`,
      )
    }
    engine.run(commitScope(engine.context, scope))
  })
  return result
}

function undo(engine: Engine, scope: Scope): void {
  // If the connection was lost, the server has rolled back, and the caller gets the error that is being thrown.
  if (engine.isClosed || engine.session.isClosed) return
  try {
    engine.run(rollbackScope(engine.context, scope))
  } catch (error) {
    // The rollback has found that the connection is lost. Then the server rolls back too.
    if (!engine.session.isClosed) throw error
  }
}
