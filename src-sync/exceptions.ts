/** PEP 249: the exceptions as attributes of every connection, the same objects as the module's. */
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

/** What a connection inherits them from. */
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

// On the prototype, where they are not enumerated.
for (const [name, value] of Object.entries(EXCEPTIONS)) {
  Object.defineProperty(ExceptionBearer.prototype, name, { value, enumerable: false, configurable: true })
}
