/**
 * Ends transactions and says truly how they ended. PostgreSQL answers the COMMIT of a failed transaction with the tag
 * ROLLBACK and no error, so every tag is looked at; a connection lost during COMMIT leaves the outcome unknown, which is
 * an error class of its own.
 */
import { type DbError, OperationalError, ProgrammingError } from '../errors/tree.ts'
import { InFailedSQLTransactionError, TransactionResolutionUnknownError } from '../errors/sqlstates.ts'
import type { Flow } from './ask.ts'
import { withFirstFailure } from './failed-transaction.ts'
import type { FlowContext } from './flow-context.ts'
import { runCommand } from './run-script.ts'

export type IsolationLevel = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable'

export interface TransactionOptions {
  readonly isolation?: IsolationLevel | undefined
  /** true READ ONLY, false READ WRITE, undefined the session's default. */
  readonly readOnly?: boolean | undefined
  readonly deferrable?: boolean | undefined
}

const ISOLATION_LEVELS: readonly string[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']

/** @throws ProgrammingError for an isolation level PostgreSQL does not have. */
export function beginStatement(options: TransactionOptions): string {
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
 * Commits what is open; nothing when nothing is.
 * @throws InFailedSQLTransactionError when the transaction had failed: it has been rolled back.
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

/** Rolls back what is open; nothing when nothing is. */
export function* rollback(context: FlowContext): Flow<void> {
  context.firstFailure = null
  context.scopeBegin = null
  if (context.state.transactionStatus === 'I') return
  yield* runCommand(context, 'ROLLBACK', false)
}

/** A `transaction(fn)` that is open: the outermost is a transaction, the inner ones are savepoints. */
export interface Scope {
  readonly savepoint: string | null
}

/**
 * Opens a scope. The outermost sends nothing: its BEGIN leaves with the first statement.
 * @throws ProgrammingError for options that only a whole transaction can have.
 */
export function* openScope(context: FlowContext, options: TransactionOptions): Flow<Scope> {
  const begin = beginStatement(options)
  if (context.scopeDepth === 0 && context.state.transactionStatus === 'I') {
    context.scopeBegin = begin
    context.scopeDepth = 1
    return { savepoint: null }
  }
  if (begin !== 'BEGIN') {
    throw new ProgrammingError(
      'transaction: a transaction is open already; a nested one is a savepoint and takes no options',
    )
  }
  const savepoint = `syncpg_${context.scopeDepth}`
  yield* runCommand(context, `SAVEPOINT ${savepoint}`)
  context.scopeDepth += 1
  return { savepoint }
}

/** Ends a scope well. @throws as `commit`; ProgrammingError when the transaction was ended by SQL inside the scope. */
export function* commitScope(context: FlowContext, scope: Scope): Flow<void> {
  context.scopeDepth -= 1
  const { savepoint } = scope
  if (context.state.transactionStatus === 'I') {
    const wasNeeded = context.scopeBegin === null
    context.scopeBegin = null
    if (!wasNeeded) return
    throw new ProgrammingError(
      'transaction: it was ended inside its own function, by SQL; its outcome is not ours to tell',
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

/** Ends a scope badly: everything since it was opened is undone. */
export function* rollbackScope(context: FlowContext, scope: Scope): Flow<void> {
  context.scopeDepth -= 1
  if (scope.savepoint === null) yield* rollback(context)
  else if (context.state.transactionStatus !== 'I') yield* rollbackTo(context, scope.savepoint)
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
