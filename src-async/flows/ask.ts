/**
 * Flows: the procedures that need both sides of the line, values and wire, and more than one round trip. A flow is a
 * generator that yields an operation with its request and receives the reply. It never awaits, never blocks, and does
 * not know which thread it runs on. Two runners run flows: `src-async/engine.ts` with `await`, `src-sync/engine.ts`
 * by blocking. The error of a failed operation is thrown into the flow at its `yield*`, so a flow can catch it and go
 * on.
 *
 *   function* ping(): Flow<string> { const reply = yield* ask('execute', request)   // reply is typed by the
 *   operation's name return reply.tag ?? '' }
 */
import type { OperationName, ReplyOf, RequestOf } from '../wire/operations.ts'

/** One operation of a session, with its request. */
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
