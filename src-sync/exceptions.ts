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
  declare readonly Error: typeof DbError
  declare readonly Warning: typeof Warning
  declare readonly InterfaceError: typeof InterfaceError
  declare readonly DatabaseError: typeof DatabaseError
  declare readonly DataError: typeof DataError
  declare readonly OperationalError: typeof OperationalError
  declare readonly IntegrityError: typeof IntegrityError
  declare readonly InternalError: typeof InternalError
  declare readonly ProgrammingError: typeof ProgrammingError
  declare readonly NotSupportedError: typeof NotSupportedError
}

// They are on the prototype and not enumerable, so that printing a connection does not show them.
for (const [name, value] of Object.entries(EXCEPTIONS)) {
  Object.defineProperty(ExceptionBearer.prototype, name, { value, enumerable: false, configurable: true })
}
