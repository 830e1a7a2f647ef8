/** Sets `client_encoding` back to UTF8 after SQL has set another. */
import { isUtf8, unseenEncoding } from '../values/client-encoding.ts'
import type { Statement } from '../values/statement.ts'
import type { Flow } from './ask.ts'
import { type FlowContext, otherEncoding } from './flow-context.ts'
import { runCommand } from './run-script.ts'

/** Whether the server has said that the encoding is another since this was asked last, and it can be set now. */
export function hasOtherEncoding(context: FlowContext): boolean {
  const encoding = context.state.parameters.get('client_encoding')
  // In a failed transaction nothing can be set: its ROLLBACK takes the setting back.
  if (encoding === context.encoding || context.state.isClosed || context.state.transactionStatus === 'E') return false
  context.encoding = encoding
  return encoding !== undefined && !isUtf8(encoding)
}

/**
 * For a statement that has run, and may have called a function that sets the encoding.
 * @param tag null where there may be more rows
 * @throws NotSupportedError where nobody can tell what its text was.
 */
export function requireUtf8Rows(context: FlowContext, statement: Statement, tag: string | null): void {
  const { callsUnknown, encodingUse } = statement.traits
  if (!callsUnknown || encodingUse === 'last' || encodingUse === 'lone call' || tag?.endsWith(' 0') === true) return
  const encoding = otherEncoding(context)
  if (encoding === null || !statement.columnCodecs.some((_, column) => statement.isTextColumn(column))) return
  throw unseenEncoding(encoding, 'its text is not given')
}

/** Runs after the flow that set it, in the transaction that is open, so that a rollback leaves UTF-8 as well. */
export function* restoreEncoding(context: FlowContext): Flow<void> {
  yield* runCommand(context, "SET client_encoding TO 'UTF8'", false)
  context.encoding = context.state.parameters.get('client_encoding')
}
