/**
 * Decides whether a stale cache entry may have caused an error: whether a table, a type or a name may have changed
 * since the statement was described. It considers only errors from before the statement started, so a retry cannot
 * run a statement twice.
 */
import { DataError, DbError, ProgrammingError } from '../errors/tree.ts'
import type { Statement } from '../values/statement.ts'
import { GUARD, GUARD_AGAIN, RUN_GUARD, RUN_GUARD_AGAIN, type GuardKind } from '../wire/guard.ts'
import { type FlowContext, dueBegin } from './flow-context.ts'

const FEATURE_NOT_SUPPORTED = '0A000'
const INVALID_SQL_STATEMENT_NAME = '26000'
const DUPLICATE_PREPARED_STATEMENT = '42P05'

/**
 * Parameters that only these other servers report: Redshift, CrateDB, Materialize, CockroachDB. They have no
 * savepoints, or different ones.
 */
const RELATIVES: readonly string[] = ['padb_version', 'crate_version', 'mz_version', 'crdb_version']

/** Errors at Bind that a change of parameters, columns or names since Parse can cause. */
const STALE_STATES: ReadonlySet<string> = new Set([
  FEATURE_NOT_SUPPORTED,
  '42804', // datatype mismatch
  '42883', // undefined function
  '42846', // cannot coerce
  '42P18', // indeterminate datatype
  '42P01', // undefined table
  '42703', // undefined column
  '42704', // undefined object
  '42725', // ambiguous function
  '42809', // wrong object type
  '22P02', // invalid text representation
  '22P03', // invalid binary representation
  '22003', // numeric value out of range
  '08P01', // protocol violation: a message of another shape
  'XX000', // cache lookup failed
])

/** Whether the statement may succeed after it is described again. */
export function isStale(error: unknown, isRemembered: boolean): boolean {
  if (!(error instanceof DbError) || error.notStarted !== true || error.sqlstate === null) return false
  if (error.sqlstate === INVALID_SQL_STATEMENT_NAME || error.sqlstate === DUPLICATE_PREPARED_STATEMENT) return true
  if (error.serverSourceFunction === 'RevalidateCachedQuery') return true
  return isRemembered && STALE_STATES.has(error.sqlstate)
}

/** Whether the driver itself refused a value by the types that it has cached. */
export function isRefusalByType(error: unknown): boolean {
  return (error instanceof DataError || error instanceof ProgrammingError) && error.severity === undefined
}

/** Whether the server no longer has the prepared statement. Then it has most likely lost the others too. */
export function isLost(error: unknown): boolean {
  return error instanceof DbError && error.sqlstate === INVALID_SQL_STATEMENT_NAME
}

/**
 * Whether a savepoint must be sent before the statement, so that a refusal does not abort the transaction. Outside a
 * transaction there is nothing to protect. A statement that the server has already accepted in this transaction needs
 * no savepoint either: it holds locks, so no other session can change its tables.
 */
export function needsGuard(context: FlowContext, statement: Statement, isRemembered: boolean): boolean {
  const { state, statements, isPipelining } = context
  if (!isRemembered || isPipelining || state.transactionStatus !== 'T') return false
  const { traits, holdsLocks, provenIn, name } = statement
  if ((holdsLocks && provenIn === statements.proof) || !traits.isGuardable || name === '') return false
  return hasSavepoints(context)
}

/** Whether the server supports savepoints as PostgreSQL does. */
export function hasSavepoints({ state }: FlowContext): boolean {
  return !RELATIVES.some((parameter) => state.parameters.has(parameter))
}

/**
 * The savepoint for the next request. If a savepoint of `DescribeAttempts` is not released yet, no statement has run
 * since it was set, so the request uses it again.
 * @param kind 'bind' for a named statement; 'run' for one that only reads
 */
export function dueGuard(context: FlowContext, kind: GuardKind = 'bind'): string {
  const { hasDueRelease } = context
  dueBegin(context)
  if (kind === 'bind') return hasDueRelease ? GUARD_AGAIN : GUARD
  return hasDueRelease ? RUN_GUARD_AGAIN : RUN_GUARD
}
