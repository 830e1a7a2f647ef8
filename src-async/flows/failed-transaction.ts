/**
 * Every error of a flow passes through here, and gets the SQL text and hints that the server cannot give. The first
 * error of a transaction is kept: after it the server only says "current transaction is aborted", so those errors get
 * the first one as their cause.
 */
import { hintFor, withHint } from '../errors/hints.ts'
import { DbError, amend } from '../errors/tree.ts'
import { failedStatement, failsAtCommit } from '../values/failed-statement.ts'
import { holdsSeveral } from '../values/several-statements.ts'
import { ask, type Flow } from './ask.ts'
import type { FlowContext } from './flow-context.ts'

const IN_FAILED_SQL_TRANSACTION = '25P02'

/**
 * Adds what is known to an error, and keeps the first error of a transaction.
 * @param sql the text that the server received.
 * @param done how many of its statements the server has completed.
 * @returns the error to throw.
 */
export function noteFailure(context: FlowContext, error: unknown, sql?: string, done = 0): unknown {
  const noted = error instanceof DbError ? explained(context, error, sql, done) : error
  if (context.state.transactionStatus !== 'E') {
    context.firstFailure = null
    // The BEGIN had no effect, so it is due again. Without it the next statement of the same `transaction(…)` would run
    // outside a transaction.
    if (context.state.transactionStatus === 'I' && context.scopes.length > 0) context.scopeBegin ??= context.sentBegin
    return noted
  }
  if (noted instanceof DbError && noted.sqlstate === IN_FAILED_SQL_TRANSACTION) return withFirstFailure(context, noted)
  // After a rollback to a savepoint the transaction may fail again, so the latest error of the server counts. An error
  // of the client after the transaction has failed is not its cause.
  if (context.firstFailure === null || isServers(noted)) context.firstFailure = noted
  return noted
}

/** Sets the first error of the transaction as the error's `cause`, and its message as DETAIL. */
export function withFirstFailure<E extends DbError>(context: FlowContext, error: E): E {
  const first = context.firstFailure
  if (!(first instanceof Error) || error.cause !== undefined) return error
  Object.defineProperty(error, 'cause', { value: first, enumerable: false, configurable: true, writable: true })
  const words = first instanceof DbError ? first.primaryMessage : first.message
  amend(error, { detail: `The transaction failed earlier with ${first.name}: ${words}` })
  return error
}

/** Makes the open transaction fail, as it would have failed if the server had not gone back to a savepoint. */
export function* failTransaction({ state }: FlowContext): Flow<void> {
  if (state.isClosed || state.transactionStatus !== 'T') return
  const ignored = { take(): void {}, complete(): void {} }
  const sql = 'ROLLBACK TO SAVEPOINT syncpg_cancelled'
  try {
    yield* ask('simpleQuery', { sql, results: ignored, begin: null, closing: [], timeoutMs: 0 })
  } catch {
    // There is no such savepoint.
  }
}

/**
 * Whether the server did not report how the call ended: the error is not the server's, or Ctrl-C interrupted the call
 * when the statement may have completed.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return !(error instanceof DbError) || error.interrupted === true
}

function isServers(error: unknown): boolean {
  return error instanceof DbError && error.severity !== undefined
}

const AT_COMMIT = {
  hint: 'a deferred constraint was checked at the commit after the last statement, so no statement is named',
}

/** Whether a violation belongs to no statement of the text. One in a function has a context, which names it. */
function isOfCommit(error: DbError, sql: string, isStandard: boolean, done: number): boolean {
  const isViolation = error.sqlstate?.startsWith('23') === true && error.constraintName !== undefined
  if (!isViolation || error.context !== undefined || error.position !== undefined) return false
  return failsAtCommit(sql, isStandard, done)
}

function explained(context: FlowContext, error: DbError, sql: string | undefined, done: number): DbError {
  if (!isServers(error)) return error
  if (sql !== undefined && error.query === undefined) amend(error, { query: sql })
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  if (sql !== undefined && error.query === sql && error.statementIndex === undefined) {
    amend(
      error,
      isOfCommit(error, sql, isStandard, done) ? AT_COMMIT : failedStatement(sql, isStandard, done, error.position),
    )
  }
  const circumstances = {
    implicitTransaction: context.begin !== null,
    cachedStatement: true,
    // In a transaction that the program has begun, splitting the text would not help.
    severalStatements:
      error.sqlstate === '25001' &&
      sql !== undefined &&
      (context.begin !== null || context.state.transactionStatus === 'I') &&
      holdsSeveral(sql, isStandard),
  }
  return withHint(error, hintFor(error, circumstances))
}
