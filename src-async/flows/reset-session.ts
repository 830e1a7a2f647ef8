/** Takes back what was done to a session: its transaction, and what the reset query of its server undoes. */
import type { Flow } from './ask.ts'
import { type FlowContext, pendingBegin } from './flow-context.ts'
import { runCommand } from './run-script.ts'
import { rollback } from './transaction.ts'

/**
 * Rolls back, then runs the reset query.
 * @param sql what `resetQueryFor` gives for the server, or a query of the program's own; `''` runs none
 */
export function* resetSession(context: FlowContext, sql: string): Flow<void> {
  context.scopes.length = 0
  yield* rollback(context)
  // It must not begin a transaction, which a blocking connection outside autocommit does otherwise.
  if (sql !== '') yield* runCommand(context, sql, pendingBegin(context) === null)
  if (/\breset all\b/i.test(sql)) context.statements.settingsWereReset()
}

/** Forgets the prepared statements that the driver keeps, and the types that the connection has learned. */
export function forgetSchema(context: FlowContext): void {
  context.statements.clear()
  context.registry.forget()
}
