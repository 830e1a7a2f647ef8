/**
 * The trunk of the error tree: PEP 249's classes and the client's own. The leaves, one class per SQLSTATE, are generated
 * into `sqlstates.ts`. Both APIs throw these classes; there is no other vocabulary, and no bare `Error`.
 */

/** Everything an error may carry beside its message. Names are asyncpg's; positions are numbers. */
export interface ErrorDetails {
  readonly sqlstate?: string
  readonly severity?: string
  readonly detail?: string
  readonly hint?: string
  /** 1-based, in characters of the text the user wrote. */
  readonly position?: number
  readonly internalPosition?: number
  readonly internalQuery?: string
  readonly context?: string
  readonly schemaName?: string
  readonly tableName?: string
  readonly columnName?: string
  readonly dataTypeName?: string
  readonly constraintName?: string
  readonly serverSourceFilename?: string
  readonly serverSourceLine?: number
  readonly serverSourceFunction?: string
  /** The element of `executemany` that failed, from 0. */
  readonly batchIndex?: number
  /** The statement, for debugging; not enumerable on the error, so that logs do not print it. */
  readonly query?: string
  readonly cause?: unknown
}

/** PEP 249's `Error`, exported under that name by the doors. Its subclasses carry the server's fields as properties. */
export class DbError extends globalThis.Error {
  /** Five characters, or null when the error is the client's own. */
  readonly sqlstate: string | null = null
  declare readonly severity?: string
  declare readonly detail?: string
  declare readonly hint?: string
  declare readonly position?: number
  declare readonly internalPosition?: number
  declare readonly internalQuery?: string
  declare readonly context?: string
  declare readonly schemaName?: string
  declare readonly tableName?: string
  declare readonly columnName?: string
  declare readonly dataTypeName?: string
  declare readonly constraintName?: string
  declare readonly serverSourceFilename?: string
  declare readonly serverSourceLine?: number
  declare readonly serverSourceFunction?: string
  declare readonly batchIndex?: number
  declare readonly query?: string

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    for (const [key, value] of Object.entries(details)) {
      if (value === undefined || key === 'cause') continue
      const enumerable = key !== 'query'
      Object.defineProperty(this, key, { value, enumerable, writable: true, configurable: true })
    }
  }

  override get name(): string {
    return this.constructor.name === 'DbError' ? 'Error' : this.constructor.name
  }

  /** The SQLSTATE under the name `pg` gives it. */
  get code(): string | null {
    return this.sqlstate
  }

  /** The SQLSTATE under the name psycopg2 gives it. */
  get pgcode(): string | null {
    return this.sqlstate
  }
}

/** Misuse of the interface: a closed connection or cursor, re-entrance, calls out of order. */
export class InterfaceError extends DbError {}

/** What the database, or the way to it, has to say. */
export class DatabaseError extends DbError {}

/** A value that cannot be represented, in the server's type or in JavaScript's. */
export class DataError extends DatabaseError {}

/** A constraint was violated. */
export class IntegrityError extends DatabaseError {}

/** Trouble that is not the program's: connections, resources, shutdown, cancellation. */
export class OperationalError extends DatabaseError {}

/** The database or this client in a state it should not be in. */
export class InternalError extends DatabaseError {}

/** The program's mistake: SQL, parameters, unknown names, unknown options. */
export class ProgrammingError extends DatabaseError {}

/** Asked for something the server, the transport or this version does not have. */
export class NotSupportedError extends DatabaseError {}

/** The server broke the protocol, or what stands between did. The connection is closed. */
export class ProtocolError extends InternalError {}

/** An options argument or a DSN that cannot be understood. */
export class ClientConfigurationError extends ProgrammingError {}
