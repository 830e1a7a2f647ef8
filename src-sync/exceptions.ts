/**
 * PEP 249's optional extension: every connection has the exception classes as attributes. They are the module's
 * classes.
 */
import {
  DataError,
  DatabaseError,
  DbError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  Warning,
} from '../src-async/errors/tree.ts'

const EXCEPTIONS = {
  Error: DbError,
  Warning,
  InterfaceError,
  DatabaseError,
  DataError,
  OperationalError,
  IntegrityError,
  InternalError,
  ProgrammingError,
  NotSupportedError,
}

/** The base class that gives connections these attributes. */
export class ExceptionBearer {
  /** PEP 249's `Error`, the class of all errors of the driver and of the server: `DbError`. */
  declare readonly Error: typeof DbError
  /** The class of notices and warnings of the server. */
  declare readonly Warning: typeof Warning
  /** The class of errors in the use of the driver, such as a call on a closed connection. */
  declare readonly InterfaceError: typeof InterfaceError
  /** The class of errors that concern the database, and the parent of the classes below. */
  declare readonly DatabaseError: typeof DatabaseError
  /** The class of errors in values, such as a number out of range or a division by zero. */
  declare readonly DataError: typeof DataError
  /** The class of errors in the operation of the server, such as a lost connection or a cancelled statement. */
  declare readonly OperationalError: typeof OperationalError
  /** The class of violated constraints, such as a duplicate key. */
  declare readonly IntegrityError: typeof IntegrityError
  /** The class of internal errors of the server, and of states that a statement does not fit. */
  declare readonly InternalError: typeof InternalError
  /** The class of errors of the program, such as wrong SQL or a missing table. */
  declare readonly ProgrammingError: typeof ProgrammingError
  /** The class of errors for what the server or the driver does not support. */
  declare readonly NotSupportedError: typeof NotSupportedError
}

// They are on the prototype and not enumerable, so that printing a connection does not show them.
for (const [name, value] of Object.entries(EXCEPTIONS)) {
  Object.defineProperty(ExceptionBearer.prototype, name, { value, enumerable: false, configurable: true })
}
