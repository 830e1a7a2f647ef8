/**
 * Turns the server's ErrorResponse and NoticeResponse into instances of the tree. Knows the class of each SQLSTATE,
 * including the classes that the user registers. Source of truth: PostgreSQL manual, "Error and Notice Message Fields"
 * and appendix A.
 */
import { describeValue } from './describe-value.ts'
import { InvalidCachedStatementError } from './client-errors.ts'
import { sqlstateErrors, sqlstateWarnings } from './sqlstate-tables.ts'
import { PostgresWarning } from './sqlstates.ts'
import {
  DatabaseError,
  DbError,
  PostgresLogMessage,
  ProgrammingError,
  type ErrorClass,
  type ErrorDetails,
  type Warning,
  type WarningClass,
} from './tree.ts'

/** The fields of a server message, as the wire reads them. */
export interface ServerFields extends Omit<
  ErrorDetails,
  'cause' | 'query' | 'batchIndex' | 'interrupted' | 'statementIndex' | 'statementPosition'
> {
  readonly severity: string
  readonly sqlstate: string
  readonly message: string
}

export interface ServerErrorContext {
  /** The text to which positions refer. The message shows its line, and the error keeps it as `query`. */
  readonly query?: string
  /** The element of an `executemany` that failed, from 0. */
  readonly batchIndex?: number
}

const userClasses = new Map<string, ErrorClass>()
// Made at the first error, so that a program without errors does not pay for it.
let builtInClasses: Map<string, ErrorClass> | null = null
let warningClasses: Map<string, WarningClass> | null = null

/**
 * Sets the error class of a SQLSTATE, for instance of one that a function raises with `using errcode = 'MY001'`. It
 * holds for this thread.
 * @param sqlstate five digits or capital letters
 * @param errorClass extends a class of the tree and takes `(message, details)` as they do
 * @example registerSqlstate('MY001', class OutOfStock extends DatabaseError {})
 */
export function registerSqlstate(sqlstate: string, errorClass: ErrorClass): void {
  if (!/^[0-9A-Z]{5}$/.test(sqlstate)) {
    throw new ProgrammingError(
      `registerSqlstate: expected a SQLSTATE of five digits or capital letters, got ${describeValue(sqlstate)}`,
    )
  }
  if (typeof errorClass !== 'function' || !(errorClass.prototype instanceof DbError)) {
    throw new ProgrammingError(`registerSqlstate: ${sqlstate}: the class must extend db.Error or a class below it`)
  }
  userClasses.set(sqlstate, errorClass)
}

/** The class the user registered for a SQLSTATE, if any. */
export function registeredClass(sqlstate: string): ErrorClass | undefined {
  return userClasses.get(sqlstate)
}

/**
 * The built-in class of a SQLSTATE: its own class, or else the class of its first two characters, or else
 * DatabaseError.
 */
export function builtInClass(sqlstate: string): ErrorClass {
  builtInClasses ??= new Map(sqlstateErrors())
  return builtInClasses.get(sqlstate) ?? builtInClasses.get(`${sqlstate.slice(0, 2)}000`) ?? generalClass(sqlstate)
}

/** The class for an unknown SQLSTATE of a group that has no general class. For group 10, PostgreSQL has no `10000`. */
function generalClass(sqlstate: string): ErrorClass {
  return sqlstate.startsWith('10') ? ProgrammingError : DatabaseError
}

/**
 * Builds the error for an ErrorResponse. An unknown SQLSTATE gets the class of its first two characters, then
 * DatabaseError; `sqlstate` is always what the server sent.
 */
export function errorFromServer(fields: ServerFields, context: ServerErrorContext = {}): DbError {
  const errorClass = registeredClass(fields.sqlstate) ?? specialClass(fields) ?? builtInClass(fields.sqlstate)
  return new errorClass(fields.message, { ...fields, ...context })
}

function specialClass(fields: ServerFields): ErrorClass | undefined {
  // The message may be translated, so the routine decides.
  const isStalePlan = fields.sqlstate === '0A000' && fields.serverSourceFunction === 'RevalidateCachedQuery'
  return isStalePlan ? InvalidCachedStatementError : undefined
}

/**
 * Builds the object for a NoticeResponse. A SQLSTATE that has a warning class gives that class. Otherwise severity
 * WARNING gives PostgresWarning, and NOTICE, INFO, LOG and DEBUG give PostgresLogMessage. These objects are never
 * thrown.
 */
export function warningFromServer(fields: ServerFields, context: ServerErrorContext = {}): Warning {
  warningClasses ??= new Map(sqlstateWarnings())
  const general = fields.severity === 'WARNING' ? PostgresWarning : PostgresLogMessage
  const warningClass = warningClasses.get(fields.sqlstate) ?? general
  return new warningClass(fields.message, { ...fields, ...context })
}
