/** Resets a session: rolls back its transaction and runs the reset query of its server. */
import type { Flow } from './ask.ts'
import { type FlowContext, pendingBegin } from './flow-context.ts'
import { runCommand } from './run-script.ts'
import { rollback } from './transaction.ts'

/**
 * Rolls back, then runs the reset query.
 * @param sql the result of `resetQueryFor` for the server, or SQL of the program; `''` runs nothing
 */
export function* resetSession(context: FlowContext, sql: string): Flow<void> {
  context.scopes.length = 0
  yield* rollback(context)
  // The reset query must not run in a transaction. On a blocking connection without autocommit, runCommand would
  // begin one.
  if (sql !== '') yield* runCommand(context, sql, pendingBegin(context) === null)
  if (/\breset all\b/i.test(sql)) context.statements.settingsWereReset()
}

/** Forgets the cached statements and the types that the connection has learned. */
export function forgetSchema(context: FlowContext): void {
  context.statements.clear()
  context.registry.forget()
}
