/**
 * Opens and ends transactions, and reports how they really ended. PostgreSQL answers the COMMIT of a failed transaction
 * with the tag ROLLBACK and no error, so the tag is checked. When the connection is lost during COMMIT, the outcome is
 * unknown, and that is an error class of its own.
 */
import { type DbError, OperationalError, ProgrammingError } from '../errors/tree.ts'
import { InFailedSQLTransactionError, TransactionResolutionUnknownError } from '../errors/sqlstates.ts'
import { type OptionNames, knownOptions, requireKnown, FLAG } from '../options/known-options.ts'
import { RECORD_ROWS } from '../values/row-options.ts'
import type { Flow } from './ask.ts'
import { withFirstFailure } from './failed-transaction.ts'
import { fetchRows } from './run-statement.ts'
import { type FlowContext, type Scope, pendingBegin } from './flow-context.ts'
import { runCommand } from './run-script.ts'

/**
 * The isolation level of a transaction: how much it sees of others that run at the same time. PostgreSQL's default is
 * `read committed`.
 */
export type IsolationLevel = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable'

/** Options of a transaction. */
export interface TransactionOptions {
  /** The isolation level; by default the server's `default_transaction_isolation`. */
  readonly isolation?: IsolationLevel | undefined
  /** true for READ ONLY, false for READ WRITE; by default the session's setting. */
  readonly readOnly?: boolean | undefined
  /**
   * Whether BEGIN waits for a snapshot with which the transaction cannot fail. Only for transactions that are
   * `serializable` and `readOnly`.
   */
  readonly deferrable?: boolean | undefined
}

const ISOLATION_LEVELS: readonly string[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']

/** The names of these options. Methods with more options build their own lists from these. */
export const TRANSACTION_NAMES: OptionNames<Required<TransactionOptions>> = {
  isolation: true,
  readOnly: FLAG,
  deferrable: FLAG,
}
const TRANSACTION_OPTIONS = knownOptions<TransactionOptions>(TRANSACTION_NAMES)

/** @throws ProgrammingError for an unknown isolation level and for invalid options. */
export function beginStatement(options: TransactionOptions): string {
  requireKnown(options, TRANSACTION_OPTIONS, 'transaction')
  const { isolation, readOnly, deferrable } = options
  let sql = 'BEGIN'
  if (isolation !== undefined) {
    if (!ISOLATION_LEVELS.includes(isolation)) {
      throw new ProgrammingError(
        `transaction: unknown isolation level ${JSON.stringify(isolation)}; one of ${ISOLATION_LEVELS.join(', ')}`,
      )
    }
    sql += ` ISOLATION LEVEL ${isolation.toUpperCase()}`
  }
  if (readOnly !== undefined) sql += readOnly ? ' READ ONLY' : ' READ WRITE'
  if (deferrable !== undefined) sql += deferrable ? ' DEFERRABLE' : ' NOT DEFERRABLE'
  return sql
}

/**
 * Commits the open transaction. Does nothing when none is open.
 * @throws InFailedSQLTransactionError when the transaction had failed. It has been rolled back then.
 * @throws TransactionResolutionUnknownError when the connection was lost before the answer came.
 */
export function* commit(context: FlowContext): Flow<void> {
  const status = context.state.transactionStatus
  if (status === 'I') return
  if (status === 'E') {
    const failure = withFirstFailure(context, rolledBack())
    yield* rollback(context)
    throw failure
  }
  let tag: string
  try {
    tag = yield* runCommand(context, 'COMMIT', false)
  } catch (error) {
    throw isLost(context, error) ? outcomeUnknown(error) : error
  }
  if (tag === 'ROLLBACK') throw rolledBack()
}

/** Rolls back the open transaction. Does nothing when none is open. */
export function* rollback(context: FlowContext): Flow<void> {
  context.firstFailure = null
  context.scopeBegin = null
  context.sentBegin = null
  if (context.state.transactionStatus === 'I') return
  yield* runCommand(context, 'ROLLBACK', false)
}

/**
 * Opens a scope. The outermost is a transaction, those inside it are savepoints. The outermost sends nothing: its BEGIN
 * is sent with the first statement.
 * @param isFunctions whether the scope ends with a function.
 * @throws ProgrammingError when the options of an inner scope differ from those of its transaction.
 */
export function* openScope(context: FlowContext, options: TransactionOptions, isFunctions = true): Flow<Scope> {
  const begin = beginStatement(options)
  const { scopes } = context
  let savepoint: string | null = null
  if (scopes.length === 0 && context.state.transactionStatus === 'I') {
    context.scopeBegin = begin
  } else {
    if (begin !== 'BEGIN') yield* requireSameKind(context, options)
    savepoint = `syncpg_${scopes.length}`
    yield* runCommand(context, `SAVEPOINT ${savepoint}`)
  }
  const scope = { savepoint, isFunctions }
  scopes.push(scope)
  return scope
}

/** Whether the scope is open: neither it nor a scope around it has ended. */
export function isOpenScope(context: FlowContext, scope: Scope): boolean {
  return context.scopes.includes(scope)
}

/** The scopes that were opened inside this one and have not ended. */
export function openInside(context: FlowContext, scope: Scope): readonly Scope[] {
  return context.scopes.slice(context.scopes.indexOf(scope) + 1)
}

/**
 * Commits a scope. The caller has checked that no scope inside it is open.
 * @throws the errors of `commit`; ProgrammingError when SQL or a reset has ended the transaction inside the scope.
 */
export function* commitScope(context: FlowContext, scope: Scope): Flow<void> {
  const isOpen = closeScope(context, scope)
  const { savepoint } = scope
  if (!isOpen || context.state.transactionStatus === 'I') {
    const wasNeeded = !isOpen || context.scopeBegin === null
    context.scopeBegin = null
    if (!wasNeeded) return
    throw new ProgrammingError(
      'transaction: SQL or a reset has ended it meanwhile: whether its work was committed is unknown',
    )
  }
  if (savepoint === null) {
    yield* commit(context)
  } else if (context.state.transactionStatus === 'E') {
    const failure = withFirstFailure(context, rolledBack())
    yield* rollbackTo(context, savepoint)
    throw failure
  } else {
    yield* runCommand(context, `RELEASE SAVEPOINT ${savepoint}`, false)
  }
}

/** Rolls back a scope and those inside it: undoes everything since it was opened. */
export function* rollbackScope(context: FlowContext, scope: Scope): Flow<void> {
  if (!closeScope(context, scope)) return
  if (scope.savepoint === null) yield* rollback(context)
  else if (context.state.transactionStatus !== 'I') yield* rollbackTo(context, scope.savepoint)
}

/** Removes the scope and all scopes inside it. @returns whether it was open. */
function closeScope({ scopes }: FlowContext, scope: Scope): boolean {
  const index = scopes.indexOf(scope)
  if (index < 0) return false
  scopes.length = index
  return true
}

/** Sends a BEGIN that is due and waits for its answer. Then a pipeline may send statements without waiting. */
export function* beginNow(context: FlowContext): Flow<void> {
  const begin = pendingBegin(context)
  if (begin === null) return
  yield* runCommand(context, begin, false)
  context.scopeBegin = null
}

const KIND_OF_TRANSACTION = `select pg_catalog.current_setting('transaction_isolation'),
  pg_catalog.current_setting('transaction_read_only') = 'on', pg_catalog.current_setting('transaction_deferrable') = 'on'`

/**
 * Checks that the options of an inner transaction match the outer one. Equal options are allowed, so that a function
 * with its own `transaction(…)` can be called inside another.
 */
function* requireSameKind(context: FlowContext, options: TransactionOptions): Flow<void> {
  const request = { sql: KIND_OF_TRANSACTION, values: [], rowLimit: 0, rows: RECORD_ROWS }
  const [row] = (yield* fetchRows(context, request)).rows
  const [isolation, readOnly, deferrable] = [...(row as Iterable<unknown>)]
  for (const [name, outer] of Object.entries({ isolation, readOnly, deferrable })) {
    const inner = options[name as keyof TransactionOptions]
    if (inner === undefined || inner === outer) continue
    throw new ProgrammingError(
      `transaction: one inside another is a savepoint of the same kind: ${name} is ${String(outer)} and cannot become ${String(inner)}`,
    )
  }
}

function* rollbackTo(context: FlowContext, savepoint: string): Flow<void> {
  context.firstFailure = null
  yield* runCommand(context, `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`, false)
}

function rolledBack(): DbError {
  return new InFailedSQLTransactionError('the transaction had failed: nothing was committed, it has been rolled back', {
    sqlstate: '25P02',
  })
}

function isLost(context: FlowContext, error: unknown): boolean {
  return error instanceof OperationalError && context.state.isClosed
}

function outcomeUnknown(cause: unknown): DbError {
  return new TransactionResolutionUnknownError(
    'the connection was lost during COMMIT: whether the transaction was committed is unknown',
    { sqlstate: '08007', cause },
  )
}
