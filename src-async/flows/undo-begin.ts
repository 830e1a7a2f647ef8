/** Undoes a BEGIN that was sent with a statement that the server refused. */
import type { Flow } from './ask.ts'
import type { FlowContext } from './flow-context.ts'
import { runCommand } from './run-script.ts'

/** @param scopeBegin the BEGIN that was due before. */
export function* undoBegin(context: FlowContext, scopeBegin: string | null): Flow<void> {
  if (context.state.transactionStatus !== 'I') yield* runCommand(context, 'ROLLBACK', false)
  context.scopeBegin = scopeBegin
}
