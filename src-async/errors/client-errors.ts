/**
 * Error classes that only the client raises. They extend the generated ones of `sqlstates.ts`.
 * (ConnectionDoesNotExistError and TransactionResolutionUnknownError are there too, because they have SQLSTATEs.) Also
 * `Rollback`, which controls a transaction and is no database error.
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

/**
 * The result type of a prepared statement has changed, by ALTER TABLE or another search_path. Prepare the statement
 * again.
 */
export class InvalidCachedStatementError extends FeatureNotSupportedError {
  static override readonly name: string = 'InvalidCachedStatementError'
  declare protected readonly isInvalidCachedStatementError: true
}

/**
 * A type was altered after the client had learned its shape. The client has forgotten the old shape, so the next call
 * works.
 */
export class OutdatedSchemaCacheError extends InternalError {
  static override readonly name: string = 'OutdatedSchemaCacheError'
  declare protected readonly isOutdatedSchemaCacheError: true
}

/** No host of the list is a server of the kind that `targetSessionAttrs` asks for. */
export class TargetServerAttributeNotMatched extends OperationalError {
  static override readonly name: string = 'TargetServerAttributeNotMatched'
  declare protected readonly isTargetServerAttributeNotMatched: true
}

/** This client cannot do what the server or the caller asks. */
export class UnsupportedClientFeatureError extends NotSupportedError {
  static override readonly name: string = 'UnsupportedClientFeatureError'
  declare protected readonly isUnsupportedClientFeatureError: true
}

/** The connected server cannot do what the caller asks. */
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
 * Throw it in the function given to `transaction()`: `transaction` rolls back and returns `value`, without an error. It
 * does not extend PEP 249's `Error`, so a handler of database errors does not catch it.
 * @example
 *   const result = con.transaction(() => {
 *     con.execute('delete from item')
 *     throw new Rollback('nothing was deleted')
 *   })
 *   console.log(result) // nothing was deleted
 */
export class Rollback extends globalThis.Error {
  static override readonly name: string = 'Rollback'
  /** The value that `transaction()` returns. */
  readonly value: unknown

  constructor(value?: unknown) {
    super('transaction rolled back on request')
    this.value = value
  }

  override get name(): string {
    return 'Rollback'
  }
}
