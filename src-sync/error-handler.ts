/**
 * PEP 249's `errorhandler`. When one is set, it is called with the error, and the method does not throw. By default
 * none is set, and errors are thrown with the stack of the public method's caller.
 */
import { DbError } from '../src-async/errors/tree.ts'
import { type PublicMethod, onCallersStack } from './callers-stack.ts'
import { requireFunction } from '../src-async/options/known-options.ts'

/**
 * Called with the connection, the cursor (null for errors of a connection's method), the error's class and the error.
 * Its result is ignored.
 */
export type ErrorHandler = (
  connection: unknown,
  cursor: unknown,
  errorClass: new (...args: never[]) => Error,
  error: Error,
) => void

/** The objects that an error handler is called with, and the handler. */
export interface Failing {
  readonly connection: unknown
  readonly cursor: unknown
  readonly handler: ErrorHandler | null
}

/** @throws ProgrammingError for a value that is neither a function nor null. */
export function requireHandler(handler: ErrorHandler | null): ErrorHandler | null {
  if (handler !== null) requireFunction(handler, 'errorhandler', 'a function or null')
  return handler
}

/**
 * Errors that a handler has received. If the handler throws such an error again, an outer method does not call the
 * handler a second time.
 */
const seen = new WeakSet<object>()

/**
 * Throws an error, or passes it to the handler if there is one.
 * @returns `otherwise` when a handler was called and returned.
 */
export function handled<R>(
  error: unknown,
  method: PublicMethod,
  failing: Failing,
  otherwise: R,
  inner?: PublicMethod,
): R {
  const placed = onCallersStack(error, method, inner)
  const { handler, connection, cursor } = failing
  if (handler === null || !(placed instanceof DbError) || seen.has(placed)) throw placed
  seen.add(placed)
  handler(connection, cursor, placed.constructor as new (...args: never[]) => Error, placed)
  return otherwise
}
