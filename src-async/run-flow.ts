/**
 * Runs a flow on the event loop. Each operation of the flow is awaited. The stack of an error that was made in a
 * socket's callback does not show the caller, so the error is made again here, inside the async call that failed.
 */
import { errorFromFailure, failureFromError } from './errors/failure.ts'
import { DbError } from './errors/tree.ts'
import type { Asked, Flow } from './flows/ask.ts'
import type { OperationName, Operations, ReplyOf } from './wire/operations.ts'

/** Lets the operations of a flow wait for those of other flows. A pipeline uses it. */
export interface Gate {
  /**
   * @returns null when the operation may run at once; otherwise a promise of the operation, fulfilled when it may run.
   */
  admit(asked: Asked): Promise<Asked> | null
  /** Called when the operation has been passed to the session. */
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

/** The cast is safe, because the flow's `ask` has checked that the request's type fits the operation. */
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
