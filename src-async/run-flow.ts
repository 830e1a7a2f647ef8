/**
 * Steps a flow with `await`, and gives every error a stack that begins in the caller's code: an error made in a socket's
 * callback knows nothing of who asked, so it is made again here, inside the async call that failed.
 */
import { errorFromFailure, failureFromError } from './errors/failure.ts'
import { DbError } from './errors/tree.ts'
import type { Asked, Flow } from './flows/ask.ts'
import type { OperationName, Operations, ReplyOf } from './wire/operations.ts'

/** Lets operations of a flow wait for those of others. */
export interface Gate {
  /** @returns null where the operation may be performed at once; else what to perform, when it may. */
  admit(asked: Asked): Promise<Asked> | null
  /** The operation has been handed to the session. */
  performed(asked: Asked): void
}

type Performer = (request: unknown) => Promise<ReplyOf<OperationName>>

export async function runFlow<T>(flow: Flow<T>, session: Operations, gate: Gate | null = null): Promise<T> {
  try {
    let step = flow.next()
    while (step.done !== true) {
      const asked: Asked = step.value
      let reply: ReplyOf<OperationName>
      try {
        if (gate === null) reply = await perform(session, asked)
        else {
          const admission = gate.admit(asked)
          const answer = perform(session, admission === null ? asked : await admission)
          gate.performed(asked)
          reply = await answer
        }
      } catch (error) {
        step = flow.throw(error)
        continue
      }
      step = flow.next(reply)
    }
    return step.value
  } catch (error) {
    throw onCallersStack(error)
  }
}

/** Each operation takes its own request type, which the flow's `ask` has checked. */
function perform(session: Operations, { operation, request }: Asked): Promise<ReplyOf<OperationName>> {
  return (session[operation] as Performer)(request)
}

function onCallersStack(error: unknown): unknown {
  if (!(error instanceof DbError)) return error
  const { cause } = error
  const again = errorFromFailure(failureFromError(error))
  Error.captureStackTrace(again, onCallersStack)
  if (cause !== undefined) {
    Object.defineProperty(again, 'cause', { value: cause, enumerable: false, configurable: true, writable: true })
  }
  return again
}
