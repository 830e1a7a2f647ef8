/**
 * Steps a flow by blocking, and gives every error the caller's stack: the frames of this library are cut off, so that
 * the first line of a stack is the line of the program that asked.
 */
import { DbError } from '../src-async/errors/tree.ts'
import type { Asked, Flow } from '../src-async/flows/ask.ts'
import type { BlockingOperations, OperationName, ReplyOf } from '../src-async/wire/operations.ts'

type Performer = (request: unknown) => ReplyOf<OperationName>

/** A public method of ours: frames up to and including it are cut from stacks. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any method, whatever its parameters.
export type PublicMethod = Function

/** The method each error was placed at: one that comes through a callback of the user's keeps the inner caller's. */
const placed = new WeakMap<object, PublicMethod>()

export function runFlow<T>(flow: Flow<T>, session: BlockingOperations): T {
  let step = flow.next()
  while (step.done !== true) {
    const asked: Asked = step.value
    let reply: ReplyOf<OperationName>
    try {
      // Each operation takes its own request type, which the flow's `ask` has checked.
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
 * The error, with the stack of whoever called `method`. Errors that are not ours are left alone.
 * @param inner a public method that `method` itself calls: what was placed at its caller is placed anew.
 */
export function onCallersStack(error: unknown, method: PublicMethod, inner?: PublicMethod): unknown {
  if (!(error instanceof DbError)) return error
  const before = placed.get(error)
  if (before !== undefined && before !== inner) return error
  placed.set(error, method)
  Error.captureStackTrace(error, method)
  return error
}
