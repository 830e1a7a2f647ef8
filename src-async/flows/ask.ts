/**
 * Flows: the few procedures that need both sides of the line and more than one trip. A flow is a generator that yields
 * an operation with its request and receives the reply; it never awaits, never blocks, and knows no thread. Two runners
 * step them: `src-async/run-flow.ts` with `await`, `src-sync/run-flow.ts` by blocking. A failed operation is thrown into
 * the flow at its `yield*`, so that a flow can catch it, mend what can be mended and go on.
 *
 *   function* ping(): Flow<string> {
 *     const reply = yield* ask('execute', request)   // reply is typed by the operation's name
 *     return reply.tag ?? ''
 *   }
 */
import type { OperationName, ReplyOf, RequestOf } from '../wire/operations.ts'

/** One operation to be performed, with its request. */
export interface Asked<N extends OperationName = OperationName> {
  readonly operation: N
  readonly request: RequestOf<N>
}

export type Flow<T> = Generator<Asked, T, ReplyOf<OperationName>>

/** Yields one operation and gives its reply. */
export function* ask<N extends OperationName>(operation: N, request: RequestOf<N>): Flow<ReplyOf<N>> {
  // The runner answers each operation with its own reply type; the generator's type cannot say so.
  return (yield { operation, request }) as ReplyOf<N>
}
