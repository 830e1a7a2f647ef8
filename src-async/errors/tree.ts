/**
 * The trunk of the error tree: PEP 249's classes and the client's own. The leaves, one class per SQLSTATE, are
 * generated into `sqlstates.ts`. Both APIs throw these classes; there is no other vocabulary, and no bare `Error`.
 * Each class states its name as a static property, so that a bundler's renaming does not change what users read.
 */
import { type TextPlace, locate, showPlace } from './position.ts'

/** Everything an error may carry beside its message. Names are asyncpg's; positions are numbers. */
export interface ErrorDetails {
  readonly sqlstate?: string
  /** `ERROR`, `FATAL` or `PANIC`; for warnings `WARNING`, `NOTICE` … */
  readonly severity?: string
  /** What the server adds to its message. */
  readonly detail?: string
  /** What to do about it. */
  readonly hint?: string
  /** 1-based, in characters of the text the user wrote. */
  readonly position?: number
  /** Like `position`, in `internalQuery`. */
  readonly internalPosition?: number
  /** The statement that a function ran, where that one failed. */
  readonly internalQuery?: string
  /** Where in functions, triggers or a COPY it happened. */
  readonly context?: string
  /** The schema that the error is about. */
  readonly schemaName?: string
  /** The table that the error is about. */
  readonly tableName?: string
  /** The column that the error is about. */
  readonly columnName?: string
  /** The data type that the error is about. */
  readonly dataTypeName?: string
  /** The constraint that was violated. */
  readonly constraintName?: string
  /** The file of PostgreSQL's source. */
  readonly serverSourceFilename?: string
  /** The line of that file. */
  readonly serverSourceLine?: number
  /** The function there. */
  readonly serverSourceFunction?: string
  /** The element of `executemany` that failed, from 0. */
  readonly batchIndex?: number
  /** Which statement of the text failed, from 0. Not enumerable, as `line` and `column` are not. */
  readonly statementIndex?: number
  /** Where that statement begins: 1-based, in characters of the text the user wrote. Not enumerable. */
  readonly statementPosition?: number
  /** Ctrl-C ended the statement. */
  readonly interrupted?: boolean
  /** The server refused the statement before it began: nothing of it has run. Not enumerable. */
  readonly notStarted?: boolean
  /** The statement, for debugging; not enumerable on the error, so that logs do not print it. */
  readonly query?: string
  readonly cause?: unknown
}

/** The names of `ErrorDetails` that are plain data: all but `cause`. */
export const DETAIL_NAMES = [
  'sqlstate',
  'severity',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'context',
  'schemaName',
  'tableName',
  'columnName',
  'dataTypeName',
  'constraintName',
  'serverSourceFilename',
  'serverSourceLine',
  'serverSourceFunction',
  'batchIndex',
  'statementIndex',
  'statementPosition',
  'interrupted',
  'notStarted',
  'query',
] as const satisfies readonly Exclude<keyof ErrorDetails, 'cause'>[]

/** A class of the tree, or a user's own below it: anything built from a message and details. */
export type ErrorClass = (new (message: string, details?: ErrorDetails) => DbError) & { readonly name: string }

/** A class of warning. */
export type WarningClass = (new (message: string, details?: ErrorDetails) => Warning) & { readonly name: string }

/** The message in the form of psql: what happened, the line of the statement, DETAIL and HINT. */
function composeMessage(primary: string, details: ErrorDetails): string {
  let message = primary
  const { query, position, internalQuery, internalPosition, detail, hint, context } = details
  const place =
    query !== undefined && position !== undefined
      ? showPlace(query, position)
      : internalQuery !== undefined && internalPosition !== undefined
        ? showPlace(internalQuery, internalPosition)
        : ''
  if (place !== '') message += `\n${place}`
  if (detail !== undefined && detail !== '') message += `\nDETAIL:  ${detail}`
  if (hint !== undefined && hint !== '') message += `\nHINT:  ${hint}`
  // Which line of the data it was is nowhere else. The words are the server's in any language; the data of the line may be long.
  if (context?.startsWith('COPY ') === true) message += `\nCONTEXT:  ${firstLine(context)}`
  return message
}

/** Most characters of a line of CONTEXT to show. */
const SHOWN_CONTEXT = 200

function firstLine(context: string): string {
  const [line = ''] = context.split('\n', 1)
  return line.length <= SHOWN_CONTEXT ? line : `${line.slice(0, SHOWN_CONTEXT)}...`
}

/** Kept out of logs: not enumerable on an error. */
const QUIET_NAMES: ReadonlySet<string> = new Set(['query', 'notStarted', 'statementIndex', 'statementPosition'])

/** Puts the details on an error as properties. `query` and the bare message stay out of logs. */
function assignDetails(target: object, primary: string, details: ErrorDetails): void {
  for (const key of DETAIL_NAMES) {
    const value = details[key]
    if (value === undefined) continue
    Object.defineProperty(target, key, { value, enumerable: !QUIET_NAMES.has(key), writable: true, configurable: true })
  }
  Object.defineProperty(target, 'primaryMessage', { value: primary, writable: true, configurable: true })
}

function causeOf(details: ErrorDetails): ErrorOptions | undefined {
  return 'cause' in details ? { cause: details.cause } : undefined
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- `assignDetails` gives what is declared here.
export interface DbError extends Omit<ErrorDetails, 'sqlstate' | 'cause'> {}

/** PEP 249's `Error`, exported under that name by the doors. Its subclasses carry the server's fields as properties. */
export class DbError extends globalThis.Error {
  static override readonly name: string = 'DbError'
  /** The SQLSTATE an instance has when none is given. */
  static readonly sqlstate: string | null = null

  /** Five characters, or null when the error is the client's own. */
  declare readonly sqlstate: string | null
  /** The message alone, without the line of the statement, DETAIL and HINT. Not enumerable. */
  declare readonly primaryMessage: string

  /** @param message what happened; the error's `message` adds the place in the statement, DETAIL and HINT, like psql */
  constructor(message: string, details: ErrorDetails = {}) {
    super(composeMessage(message, details), causeOf(details))
    const sqlstate = details.sqlstate ?? new.target.sqlstate
    Object.defineProperty(this, 'sqlstate', { value: sqlstate, enumerable: true, writable: true, configurable: true })
    assignDetails(this, message, details)
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

  /** The constraint under the name `pg` gives it. */
  get constraint(): string | undefined {
    return this.constraintName
  }

  /** The table under the name `pg` gives it. */
  get table(): string | undefined {
    return this.tableName
  }

  /** The schema under the name `pg` gives it. */
  get schema(): string | undefined {
    return this.schemaName
  }

  /**
   * The line of the text, from 1: of `position`, and of the failed statement's beginning where the server gave no position, as for
   * a unique violation. Undefined where neither is known.
   */
  get line(): number | undefined {
    return placeOf(this)?.line
  }

  /** The column in that line, in characters from 1; undefined where it is unknown. */
  get column(): number | undefined {
    return placeOf(this)?.column
  }
}

function placeOf({ query, position, statementPosition }: DbError): TextPlace | null {
  const at = position ?? statementPosition
  return query === undefined || at === undefined ? null : locate(query, at)
}

/**
 * Adds to what an error carries, or changes it, and composes its message again: for what is known only on the way up,
 * such as the text the user wrote.
 */
export function amend(
  error: DbError,
  changes: Omit<ErrorDetails, 'cause'>,
  primaryMessage = error.primaryMessage,
): void {
  assignDetails(error, primaryMessage, changes)
  error.message = composeMessage(primaryMessage, error as ErrorDetails)
}

/** Misuse of the interface: a closed connection or cursor, re-entrance, calls out of order. */
export class InterfaceError extends DbError {
  static override readonly name: string = 'InterfaceError'
  // A brand, here and below: without it classes of one shape are one to TypeScript, and `instanceof` narrows to never.
  declare protected readonly isInterfaceError: true
}

/** What psycopg's users ask an error for. Undefined would be worse: `error.diag.constraint_name` hides the error itself. */
for (const [name, hint] of Object.entries({
  diag: 'the fields are properties of the error: error.constraintName, error.detail, error.hint',
  pgerror: 'it is error.message',
})) {
  Object.defineProperty(DbError.prototype, name, {
    get(this: DbError): never {
      throw new ProgrammingError(`${this.name}: there is no property "${name}"`, { hint, cause: this })
    },
  })
}

/** What the database, or the way to it, has to say. */
export class DatabaseError extends DbError {
  static override readonly name: string = 'DatabaseError'
  declare protected readonly isDatabaseError: true
}

/** A value that cannot be represented, in the server's type or in JavaScript's. */
export class DataError extends DatabaseError {
  static override readonly name: string = 'DataError'
  declare protected readonly isDataError: true
}

/** A constraint was violated. */
export class IntegrityError extends DatabaseError {
  static override readonly name: string = 'IntegrityError'
  declare protected readonly isIntegrityError: true
}

/** Trouble that is not the program's: connections, resources, shutdown, cancellation. */
export class OperationalError extends DatabaseError {
  static override readonly name: string = 'OperationalError'
  declare protected readonly isOperationalError: true
}

/** The database or this client in a state it should not be in. */
export class InternalError extends DatabaseError {
  static override readonly name: string = 'InternalError'
  declare protected readonly isInternalError: true
}

/** The program's mistake: SQL, parameters, unknown names, unknown options. */
export class ProgrammingError extends DatabaseError {
  static override readonly name: string = 'ProgrammingError'
  declare protected readonly isProgrammingError: true
}

/** Asked for something the server, the transport or this version does not have. */
export class NotSupportedError extends DatabaseError {
  static override readonly name: string = 'NotSupportedError'
  declare protected readonly isNotSupportedError: true
}

/** The server broke the protocol, or what stands between did. The connection is closed. */
export class ProtocolError extends InternalError {
  static override readonly name: string = 'ProtocolError'
  declare protected readonly isProtocolError: true
}

/** An options argument or a DSN that cannot be understood. */
export class ClientConfigurationError extends ProgrammingError {
  static override readonly name: string = 'ClientConfigurationError'
  declare protected readonly isClientConfigurationError: true
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- `assignDetails` gives what is declared here.
export interface Warning extends Omit<
  ErrorDetails,
  'sqlstate' | 'cause' | 'batchIndex' | 'statementIndex' | 'statementPosition' | 'interrupted' | 'notStarted'
> {}

/** PEP 249's `Warning`: never thrown, collected in `messages`, given to notice listeners. Not under PEP's `Error`. */
export class Warning extends globalThis.Error {
  static override readonly name: string = 'Warning'
  /** The SQLSTATE an instance has when none is given. */
  static readonly sqlstate: string | null = null

  /** Five characters, or null when the server says none. */
  declare readonly sqlstate: string | null
  /** The message alone, without the line of the statement, DETAIL and HINT. Not enumerable. */
  declare readonly primaryMessage: string

  constructor(message: string, details: ErrorDetails = {}) {
    super(composeMessage(message, details), causeOf(details))
    const sqlstate = details.sqlstate ?? new.target.sqlstate
    Object.defineProperty(this, 'sqlstate', { value: sqlstate, enumerable: true, writable: true, configurable: true })
    assignDetails(this, message, details)
    // Nobody threw it: where it was made is of no interest, and would be most of what is printed.
    this.stack = `${this.name}: ${this.message}`
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** What the server says unasked: NOTICE, INFO, LOG, DEBUG, and WARNING through its subclass. */
export class PostgresLogMessage extends Warning {
  static override readonly name: string = 'PostgresLogMessage'
  declare protected readonly isPostgresLogMessage: true
}
