/** Sets `client_encoding` back to UTF8 after SQL has set another. */
import { isUtf8 } from '../values/client-encoding.ts'
import type { Flow } from './ask.ts'
import type { FlowContext } from './flow-context.ts'
import { runCommand } from './run-script.ts'

/** Whether the server has said that the encoding is another since this was asked last, and it can be set now. */
export function hasOtherEncoding(context: FlowContext): boolean {
  const encoding = context.state.parameters.get('client_encoding')
  // In a failed transaction nothing can be set: its ROLLBACK takes the setting back.
  if (encoding === context.encoding || context.state.isClosed || context.state.transactionStatus === 'E') return false
  context.encoding = encoding
  return encoding !== undefined && !isUtf8(encoding)
}

/** Runs after the flow that set it, in the transaction that is open, so that a rollback leaves UTF-8 as well. */
export function* restoreEncoding(context: FlowContext): Flow<void> {
  yield* runCommand(context, "SET client_encoding TO 'UTF8'", false)
  context.encoding = context.state.parameters.get('client_encoding')
}
