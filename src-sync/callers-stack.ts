/**
 * Gives an error the stack of the program's call: the frames of this library are cut off, so that the stack begins with
 * the line of the program that made the call.
 */
import { DbError } from '../src-async/errors/tree.ts'

/** A public method of this library. Stack frames up to and including it are cut off. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any method, whatever its parameters.
export type PublicMethod = Function

/**
 * For each error, the public method at whose caller its stack begins. An error that passes through a callback of the
 * user keeps the stack of the inner call.
 */
const placed = new WeakMap<object, PublicMethod>()

/**
 * Sets an error's stack to that of the caller of `method`. Changes only errors of this library.
 * @param inner a public method that `method` itself calls. If the stack of an error begins at the call of `inner`, it
 *   is changed to begin at the call of `method`
 */
export function onCallersStack(error: unknown, method: PublicMethod, inner?: PublicMethod): unknown {
  if (!(error instanceof DbError)) return error
  const before = placed.get(error)
  if (before !== undefined && before !== inner) return error
  placed.set(error, method)
  Error.captureStackTrace(error, method)
  return error
}

/**
 * Runs the body of a public method. Its errors get the stack of the method's caller.
 * @param inner the public method that the body calls, if there is one.
 */
export function call<T>(method: PublicMethod, body: () => T, inner?: PublicMethod): T {
  try {
    return body()
  } catch (error) {
    throw onCallersStack(error, method, inner)
  }
}
