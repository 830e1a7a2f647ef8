/**
 * Classes that only the client raises, below the generated ones of `sqlstates.ts` (where ConnectionDoesNotExistError
 * and TransactionResolutionUnknownError are, since they have SQLSTATEs), and the control-flow class that is no error.
 */
import { FeatureNotSupportedError, QueryCanceledError } from './sqlstates.ts'
import { InternalError, NotSupportedError, OperationalError, type ErrorClass } from './tree.ts'

/** A time limit of the client passed; the statement was cancelled on the server. */
export class QueryTimeoutError extends QueryCanceledError {
  static override readonly name: string = 'QueryTimeoutError'
  declare protected readonly isQueryTimeoutError: true
}

/** No connection of a pool became free in time, or a pool's connections did not come back in time. */
export class PoolTimeoutError extends OperationalError {
  static override readonly name: string = 'PoolTimeoutError'
  declare protected readonly isPoolTimeoutError: true
}

/** A prepared statement's result type changed under it: ALTER TABLE, another search_path. Prepare it again. */
export class InvalidCachedStatementError extends FeatureNotSupportedError {
  static override readonly name: string = 'InvalidCachedStatementError'
  declare protected readonly isInvalidCachedStatementError: true
}

/** A type was altered while its old shape was known to the client. What is known is dropped; the next call works. */
export class OutdatedSchemaCacheError extends InternalError {
  static override readonly name: string = 'OutdatedSchemaCacheError'
  declare protected readonly isOutdatedSchemaCacheError: true
}

/** No host of the list has the `targetSessionAttrs` asked for. */
export class TargetServerAttributeNotMatched extends OperationalError {
  static override readonly name: string = 'TargetServerAttributeNotMatched'
  declare protected readonly isTargetServerAttributeNotMatched: true
}

/** This client cannot do what the server or the caller asks. */
export class UnsupportedClientFeatureError extends NotSupportedError {
  static override readonly name: string = 'UnsupportedClientFeatureError'
  declare protected readonly isUnsupportedClientFeatureError: true
}

/** The server connected to cannot do what the caller asks. */
export class UnsupportedServerFeatureError extends NotSupportedError {
  static override readonly name: string = 'UnsupportedServerFeatureError'
  declare protected readonly isUnsupportedServerFeatureError: true
}

/** The client's own classes, so that errors can be built again from their names. */
export const clientErrors: readonly ErrorClass[] = [
  QueryTimeoutError,
  PoolTimeoutError,
  InvalidCachedStatementError,
  OutdatedSchemaCacheError,
  TargetServerAttributeNotMatched,
  UnsupportedClientFeatureError,
  UnsupportedServerFeatureError,
]

/**
 * Thrown by the function given to `transaction()` to undo the transaction without failing: `transaction` rolls back and
 * returns `value`. Not under PEP 249's `Error`, so that a handler for database errors does not swallow it.
 */
export class Rollback extends globalThis.Error {
  static override readonly name: string = 'Rollback'
  /** What `transaction()` returns. */
  readonly value: unknown

  constructor(value?: unknown) {
    super('transaction rolled back on request')
    this.value = value
  }

  override get name(): string {
    return 'Rollback'
  }
}
