/**
 * Runs a flow by blocking. Each error gets the caller's stack: the frames of this library are cut off, so that the
 * stack begins with the line of the program that made the call.
 */
import { DbError } from '../src-async/errors/tree.ts'
import type { Asked, Flow } from '../src-async/flows/ask.ts'
import type { BlockingOperations, OperationName, ReplyOf } from '../src-async/wire/operations.ts'

type Performer = (request: unknown) => ReplyOf<OperationName>

/** A public method of this library. Stack frames up to and including it are cut off. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any method, whatever its parameters.
export type PublicMethod = Function

/**
 * The public method that each error's stack begins at. An error that passes through a callback of the user keeps the
 * stack of the inner call.
 */
const placed = new WeakMap<object, PublicMethod>()

export function runFlow<T>(flow: Flow<T>, session: BlockingOperations): T {
  let step = flow.next()
  while (step.done !== true) {
    const asked: Asked = step.value
    let reply: ReplyOf<OperationName>
    try {
      // The cast is safe, because the flow's `ask` has checked that the request's type fits the operation.
      reply = (session[asked.operation] as Performer).call(session, asked.request)
    } catch (error) {
      step = flow.throw(error)
      continue
    }
    step = flow.next(reply)
  }
  return step.value
}

/**
 * Sets an error's stack to that of the caller of `method`. Changes only errors of this library.
 * @param inner a public method that `method` itself calls. An error whose stack begins at its caller gets the stack of
 *   the caller of `method`.
 */
export function onCallersStack(error: unknown, method: PublicMethod, inner?: PublicMethod): unknown {
  if (!(error instanceof DbError)) return error
  const before = placed.get(error)
  if (before !== undefined && before !== inner) return error
  placed.set(error, method)
  Error.captureStackTrace(error, method)
  return error
}
