/**
 * PEP 249's `errorhandler`: called instead of throwing. Where none is set, which is everywhere at first, errors are
 * thrown, with the stack of whoever called the public method.
 */
import { DbError } from '../src-async/errors/tree.ts'
import { requireFunction } from './call-options.ts'
import { type PublicMethod, onCallersStack } from './run-flow.ts'

/** Gets the connection, the cursor where one is concerned, the error's class and the error. What it returns is ignored. */
export type ErrorHandler = (
  connection: unknown,
  cursor: unknown,
  errorClass: new (...args: never[]) => Error,
  error: Error,
) => void

/** Whose method it is that failed. */
export interface Failing {
  readonly connection: unknown
  readonly cursor: unknown
  readonly handler: ErrorHandler | null
}

/** @throws ProgrammingError for what cannot be called and is not null. */
export function requireHandler(handler: ErrorHandler | null): ErrorHandler | null {
  if (handler !== null) requireFunction(handler, 'errorhandler')
  return handler
}

/** Errors a handler has seen and thrown on: an outer method does not ask again. */
const seen = new WeakSet<object>()

/**
 * What becomes of an error: thrown, or told to the handler.
 * @returns `otherwise`, when a handler took it and returned.
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
