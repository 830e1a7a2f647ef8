/**
 * The base of the error tree: PEP 249's classes and the client's own. Below them is one class for each SQLSTATE,
 * generated into `sqlstates.ts`. Both APIs throw only these classes, never a bare `Error`. Each class has its name as a
 * static property, so that users see the same name when a bundler renames classes.
 */
import { type TextPlace, locate, showPlace } from './position.ts'

/** The properties that an error may have beside its message. The names are those of asyncpg; positions are numbers. */
export interface ErrorDetails {
  readonly sqlstate?: string
  /** `ERROR`, `FATAL` or `PANIC`; for warnings `WARNING`, `NOTICE` … */
  readonly severity?: string
  /** The server's DETAIL: more about what happened. */
  readonly detail?: string
  /** Advice on what to do. */
  readonly hint?: string
  /** 1-based, in characters of the text the user wrote. */
  readonly position?: number
  /** Where in `internalQuery` the error is: 1-based, in characters. */
  readonly internalPosition?: number
  /** The statement that failed inside a function. */
  readonly internalQuery?: string
  /** Where it happened: the functions, the trigger, or the line of a COPY. */
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
  /** The file of PostgreSQL's source that raised the error. */
  readonly serverSourceFilename?: string
  /** The line of that file. */
  readonly serverSourceLine?: number
  /** The function in that file. */
  readonly serverSourceFunction?: string
  /** The element of `executemany` that failed, from 0. */
  readonly batchIndex?: number
  /** Which statement of the text failed, from 0. Not enumerable; `line` and `column` are not either. */
  readonly statementIndex?: number
  /** Where that statement begins: 1-based, in characters of the text the user wrote. Not enumerable. */
  readonly statementPosition?: number
  /** Ctrl-C ended the statement. */
  readonly interrupted?: boolean
  /**
   * Nothing of the call has run: the server refused its statement before it began, or the call was refused before it sent
   * anything, because its connection or pool was known to be closed or lost. Not enumerable.
   */
  readonly notStarted?: boolean
  /** The statement, for debugging; not enumerable on the error, so that logs do not print it. */
  readonly query?: string
  readonly cause?: unknown
}

/** The names of all `ErrorDetails` except `cause`, which is no plain data. */
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

/** A class of the tree, or a user's class that extends one: its constructor takes a message and details. */
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
  // No other field says which line of the data failed. The server writes it in its own language, and the data in it may
  // be long.
  if (context?.startsWith('COPY ') === true) message += `\nCONTEXT:  ${firstLine(context)}`
  return message
}

/** The most characters of a line of CONTEXT that the message shows. */
const SHOWN_CONTEXT = 200

function firstLine(context: string): string {
  const [line = ''] = context.split('\n', 1)
  return line.length <= SHOWN_CONTEXT ? line : `${line.slice(0, SHOWN_CONTEXT)}...`
}

/** Properties that are not enumerable on an error, so that logs do not print them. */
const QUIET_NAMES: ReadonlySet<string> = new Set(['query', 'notStarted', 'statementIndex', 'statementPosition'])

/** Sets the details as properties of an error. `primaryMessage` and the quiet names are not enumerable. */
function assignDetails(target: object, primary: string, details: ErrorDetails): void {
  for (const key of DETAIL_NAMES) {
    const value = details[key]
    if (value === undefined) continue
    // `defineProperty` takes much longer than an assignment.
    if (QUIET_NAMES.has(key)) Object.defineProperty(target, key, { value, writable: true, configurable: true })
    else (target as Record<string, unknown>)[key] = value
  }
  Object.defineProperty(target, 'primaryMessage', { value: primary, writable: true, configurable: true })
}

function causeOf(details: ErrorDetails): ErrorOptions | undefined {
  return 'cause' in details ? { cause: details.cause } : undefined
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- `assignDetails` gives what is declared here.
export interface DbError extends Omit<ErrorDetails, 'sqlstate' | 'cause'> {}

/**
 * PEP 249's `Error`. Both entry points of the package export it under that name. Its subclasses have the server's
 * fields as properties.
 */
export class DbError extends globalThis.Error {
  static override readonly name: string = 'DbError'
  /** The SQLSTATE an instance has when none is given. */
  static readonly sqlstate: string | null = null

  /** Five characters, or null for an error of the client that has no SQLSTATE. */
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
   * The line of `position` in the text, from 1. If the server sent no position, as for a unique violation, the line
   * where the failed statement begins. Undefined when neither is known.
   */
  get line(): number | undefined {
    return placeOf(this)?.line
  }

  /** The column in that line, in characters from 1; undefined when the line is unknown. */
  get column(): number | undefined {
    return placeOf(this)?.column
  }
}

function placeOf({ query, position, statementPosition }: DbError): TextPlace | null {
  const at = position ?? statementPosition
  return query === undefined || at === undefined ? null : locate(query, at)
}

/**
 * Adds or changes details of an error and composes its message again. Callers use it for details that only they know,
 * such as the text that the user wrote.
 */
export function amend(
  error: DbError,
  changes: Omit<ErrorDetails, 'cause'>,
  primaryMessage = error.primaryMessage,
): void {
  assignDetails(error, primaryMessage, changes)
  error.message = composeMessage(primaryMessage, error as ErrorDetails)
}

/** Misuse of the interface: a closed connection or cursor, a call inside another call, calls in the wrong order. */
export class InterfaceError extends DbError {
  static override readonly name: string = 'InterfaceError'
  // A brand, here and in the classes below. Without it TypeScript takes classes of one shape for the same class, and
  // `instanceof` narrows to never.
  declare protected readonly isInterfaceError: true
}

/**
 * Properties that users of psycopg expect. They throw an error that says what to write, because
 * `error.diag.constraint_name` on undefined would throw a TypeError that hides the database error.
 */
for (const [name, hint] of Object.entries({
  diag: 'the fields are properties of the error: error.constraintName, error.detail, error.hint',
  pgerror: 'use error.message',
})) {
  Object.defineProperty(DbError.prototype, name, {
    get(this: DbError): never {
      throw new ProgrammingError(`${this.name}: there is no property "${name}"`, { hint, cause: this })
    },
  })
}

/** An error of the database or of the connection to it. */
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

/** An error that is not the program's fault: connections, resources, shutdown, cancellation. */
export class OperationalError extends DatabaseError {
  static override readonly name: string = 'OperationalError'
  declare protected readonly isOperationalError: true
}

/** The database or this client is in a state in which it should not be. */
export class InternalError extends DatabaseError {
  static override readonly name: string = 'InternalError'
  declare protected readonly isInternalError: true
}

/** The program's mistake: SQL, parameters, unknown names, unknown options. */
export class ProgrammingError extends DatabaseError {
  static override readonly name: string = 'ProgrammingError'
  declare protected readonly isProgrammingError: true
}

/** The caller asked for a feature that the server, the transport or this version does not have. */
export class NotSupportedError extends DatabaseError {
  static override readonly name: string = 'NotSupportedError'
  declare protected readonly isNotSupportedError: true
}

/** The server, or something between it and the client, broke the protocol. The connection is closed. */
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

/**
 * PEP 249's `Warning`. It is never thrown: `messages` collects warnings, and notice listeners get them. It does not
 * extend PEP 249's `Error`.
 */
export class Warning extends globalThis.Error {
  static override readonly name: string = 'Warning'
  /** The SQLSTATE an instance has when none is given. */
  static readonly sqlstate: string | null = null

  /** Five characters, or null when the server sent none. */
  declare readonly sqlstate: string | null
  /** The message alone, without the line of the statement, DETAIL and HINT. Not enumerable. */
  declare readonly primaryMessage: string

  constructor(message: string, details: ErrorDetails = {}) {
    const composed = composeMessage(message, details)
    const cause = causeOf(details)
    // A warning is never thrown, so a stack would only make its printed form long. Collecting one takes three times as
    // long as the rest, and a statement can raise 100,000 notices. `Reflect.set`, because
    // `node --frozen-intrinsics` freezes `Error`.
    const limit = Error.stackTraceLimit
    Reflect.set(Error, 'stackTraceLimit', 0)
    super(composed, cause)
    Reflect.set(Error, 'stackTraceLimit', limit)
    const sqlstate = details.sqlstate ?? new.target.sqlstate
    Object.defineProperty(this, 'sqlstate', { value: sqlstate, enumerable: true, writable: true, configurable: true })
    assignDetails(this, message, details)
    this.stack = `${this.name}: ${this.message}`
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** A message that the server sends beside the answer: NOTICE, INFO, LOG or DEBUG. WARNING has a subclass. */
export class PostgresLogMessage extends Warning {
  static override readonly name: string = 'PostgresLogMessage'
  declare protected readonly isPostgresLogMessage: true
}
