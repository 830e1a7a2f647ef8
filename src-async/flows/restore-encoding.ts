/** Sets `client_encoding` back to UTF8 after SQL has set another. */
import { isUtf8, unseenEncoding } from '../values/client-encoding.ts'
import type { Statement } from '../values/statement.ts'
import type { Flow } from './ask.ts'
import { type FlowContext, otherEncoding } from './flow-context.ts'
import { runCommand } from './run-script.ts'

/**
 * Whether the server has reported another encoding than UTF-8 since the last call of this function, and it can be set
 * back now.
 */
export function hasOtherEncoding(context: FlowContext): boolean {
  const encoding = context.state.parameters.get('client_encoding')
  // In a failed transaction SET is refused. The ROLLBACK undoes the setting.
  if (encoding === context.encoding || context.state.isClosed || context.state.transactionStatus === 'E') return false
  context.encoding = encoding
  return encoding !== undefined && !isUtf8(encoding)
}

/**
 * Called after a statement has run that may have called a function which sets the encoding.
 * @param tag null when more rows may follow
 * @throws NotSupportedError when the encoding of its text cannot be known.
 */
export function requireUtf8Rows(context: FlowContext, statement: Statement, tag: string | null): void {
  const { callsUnknown, encodingUse } = statement.traits
  if (!callsUnknown || encodingUse === 'last' || encodingUse === 'lone call' || tag?.endsWith(' 0') === true) return
  const encoding = otherEncoding(context)
  if (encoding === null || !statement.columnCodecs.some((_, column) => statement.isTextColumn(column))) return
  throw unseenEncoding(encoding, 'its text is not returned')
}

/**
 * Sets UTF-8 after the flow that set another encoding, in the open transaction. Both settings are undone by a rollback,
 * which leaves UTF-8 too.
 */
export function* restoreEncoding(context: FlowContext): Flow<void> {
  yield* runCommand(context, "SET client_encoding TO 'UTF8'", false)
  context.encoding = context.state.parameters.get('client_encoding')
}
