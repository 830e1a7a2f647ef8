/**
 * Which errors may be the cache's own doing: the statement was described at another time, and something has changed since.
 * Only what the server refused before it began counts, so that nothing is ever run twice.
 */
import { DataError, DbError, ProgrammingError } from '../errors/tree.ts'
import type { Statement } from '../values/statement.ts'
import { GUARD, GUARD_AGAIN, RUN_GUARD, RUN_GUARD_AGAIN, type GuardKind } from '../wire/guard.ts'
import { type FlowContext, dueBegin } from './flow-context.ts'

const FEATURE_NOT_SUPPORTED = '0A000'
const INVALID_SQL_STATEMENT_NAME = '26000'
const DUPLICATE_PREPARED_STATEMENT = '42P05'

/**
 * Reported by servers that speak the protocol without being PostgreSQL: Redshift, CrateDB, Materialize, CockroachDB. Their
 * savepoints are others, or none.
 */
const RELATIVES: readonly string[] = ['padb_version', 'crate_version', 'mz_version', 'crdb_version']

/** What the server says at Bind of parameters, columns and names that are no longer what they were at Parse. */
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

/** Whether the statement, described anew, may run where this error came. */
export function isStale(error: unknown, isRemembered: boolean): boolean {
  if (!(error instanceof DbError) || error.notStarted !== true || error.sqlstate === null) return false
  if (error.sqlstate === INVALID_SQL_STATEMENT_NAME || error.sqlstate === DUPLICATE_PREPARED_STATEMENT) return true
  if (error.serverSourceFunction === 'RevalidateCachedQuery') return true
  return isRemembered && STALE_STATES.has(error.sqlstate)
}

/** Whether a refusal is this side's own, by the types that are remembered. */
export function isRefusalByType(error: unknown): boolean {
  return (error instanceof DataError || error instanceof ProgrammingError) && error.severity === undefined
}

/** Whether the server has lost its half of a statement: then the others are most likely lost too. */
export function isLost(error: unknown): boolean {
  return error instanceof DbError && error.sqlstate === INVALID_SQL_STATEMENT_NAME
}

/**
 * Whether a savepoint has to go before the statement. Outside a transaction the statement is alone, and what was accepted
 * in this transaction holds the locks that keep everybody from changing tables.
 */
export function needsGuard(context: FlowContext, statement: Statement, isRemembered: boolean): boolean {
  const { state, statements, isPipelining } = context
  if (!isRemembered || isPipelining || state.transactionStatus !== 'T') return false
  const { traits, holdsLocks, provenIn, name } = statement
  if ((holdsLocks && provenIn === statements.proof) || !traits.isGuardable || name === '') return false
  return hasSavepoints(context)
}

/** Whether the server has the savepoints of PostgreSQL. */
export function hasSavepoints({ state }: FlowContext): boolean {
  return !RELATIVES.some((parameter) => state.parameters.has(parameter))
}

/**
 * The savepoint for the flight about to leave. One of `DescribeAttempts` that waits for its release has seen nothing run
 * since, so it serves.
 * @param kind 'bind' for a statement with a name; 'run' for one that reads only
 */
export function dueGuard(context: FlowContext, kind: GuardKind = 'bind'): string {
  const { hasDueRelease } = context
  dueBegin(context)
  if (kind === 'bind') return hasDueRelease ? GUARD_AGAIN : GUARD
  return hasDueRelease ? RUN_GUARD_AGAIN : RUN_GUARD
}
