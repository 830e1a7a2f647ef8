/**
 * What every failure of a flow passes on its way up: it learns the text it is about and a hint the server cannot give,
 * and the first failure of a transaction is kept, so that "current transaction is aborted", which is all the server says
 * from then on, can name its culprit.
 */
import { hintFor, withHint } from '../errors/hints.ts'
import { DbError, amend } from '../errors/tree.ts'
import { failedStatement, failsAtCommit } from '../values/failed-statement.ts'
import { holdsSeveral } from '../values/several-statements.ts'
import type { FlowContext } from './flow-context.ts'

const IN_FAILED_SQL_TRANSACTION = '25P02'

/**
 * Records a failure.
 * @param sql the text the server saw.
 * @param done how many of its statements the server had completed.
 * @returns the error to throw.
 */
export function noteFailure(context: FlowContext, error: unknown, sql?: string, done = 0): unknown {
  const told = error instanceof DbError ? explained(context, error, sql, done) : error
  if (context.state.transactionStatus !== 'E') {
    context.firstFailure = null
    // Neither sent nor begun: what follows in the same `transaction(…)` must not run outside of one.
    if (context.state.transactionStatus === 'I' && context.scopes.length > 0) context.scopeBegin ??= context.sentBegin
    return told
  }
  if (told instanceof DbError && told.sqlstate === IN_FAILED_SQL_TRANSACTION) return withFirstFailure(context, told)
  // A savepoint rolled back to may be followed by another failure; the latest culprit is the one that counts. What the
  // client refuses once the transaction has failed is no culprit.
  if (context.firstFailure === null || isServers(told)) context.firstFailure = told
  return told
}

/** Gives the error the first failure of the transaction as its `cause`, and its words as DETAIL. */
export function withFirstFailure<E extends DbError>(context: FlowContext, error: E): E {
  const first = context.firstFailure
  if (!(first instanceof Error) || error.cause !== undefined) return error
  Object.defineProperty(error, 'cause', { value: first, enumerable: false, configurable: true, writable: true })
  const words = first instanceof DbError ? first.primaryMessage : first.message
  amend(error, { detail: `The transaction failed earlier with ${first.name}: ${words}` })
  return error
}

/** Whether a call ended without the server's word on it: Ctrl-C came when the statement had completed. */
export function isUntold(error: unknown): boolean {
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
    // In a transaction of the program's own, splitting the text would not help.
    severalStatements:
      error.sqlstate === '25001' &&
      sql !== undefined &&
      (context.begin !== null || context.state.transactionStatus === 'I') &&
      holdsSeveral(sql, isStandard),
  }
  return withHint(error, hintFor(error, circumstances))
}
