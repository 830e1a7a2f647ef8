/**
 * Turns errors into plain data (a Failure) and back, so that they can cross between threads. The built error has the
 * same class and fields as the first one, whose stack is kept as text. `failureFromError` never throws: it describes
 * any thrown value.
 */
import { clientErrors } from './client-errors.ts'
import { builtInClass, registeredClass } from './server-error.ts'
import { sqlstateErrors } from './sqlstate-tables.ts'
import {
  ClientConfigurationError,
  DatabaseError,
  DataError,
  DbError,
  DETAIL_NAMES,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  ProtocolError,
  type ErrorClass,
  type ErrorDetails,
} from './tree.ts'

/** Properties of Node's own errors. */
const SYSTEM_NAMES = ['code', 'errno', 'syscall', 'address', 'port', 'path', 'hostname', 'reason', 'library'] as const

/** An error as JSON-able data. */
export interface Failure {
  /** `tree`: a class of the tree; `foreign`: any other error; `value`: a thrown value that is not an error. */
  readonly kind: 'tree' | 'foreign' | 'value'
  /** The name of the class. */
  readonly name: string
  /**
   * For errors of the tree this is the primary message: place, DETAIL and HINT are added again when the error is built.
   */
  readonly message: string
  readonly details?: Omit<ErrorDetails, 'cause'>
  /** `code`, `errno`, `syscall` … of a Node error. */
  readonly system?: Readonly<Record<string, string | number>>
  readonly stack?: string
  readonly cause?: Failure
  /** Of an AggregateError. */
  readonly errors?: readonly Failure[]
}

// Limits, because a chain of causes may be a cycle.
const DEPTH_LIMIT = 8
const WIDTH_LIMIT = 64

const foreignClasses: Readonly<Record<string, new (message: string) => globalThis.Error>> = {
  TypeError,
  RangeError,
  ReferenceError,
  SyntaxError,
  URIError,
  EvalError,
}

/** All classes by name. The map is made when the first error crosses. */
let classesByName: Map<string, ErrorClass> | null = null

function classByName(name: string): ErrorClass | undefined {
  classesByName ??= new Map(
    [
      DbError,
      InterfaceError,
      DatabaseError,
      DataError,
      IntegrityError,
      OperationalError,
      InternalError,
      ProgrammingError,
      NotSupportedError,
      ProtocolError,
      ClientConfigurationError,
      ...clientErrors,
      ...sqlstateErrors().map(([, errorClass]) => errorClass),
    ].map((errorClass) => [errorClass.name, errorClass]),
  )
  return classesByName.get(name)
}

/**
 * Describes any thrown value. A native TypeError, RangeError or the like that is not an error of the tree is a bug of
 * this library. It becomes an InternalError that says so, with the original as its cause.
 */
export function failureFromError(error: unknown): Failure {
  const failure = describe(error, 0)
  if (failure.kind === 'tree') return failure
  if (failure.kind === 'foreign' && foreignClasses[failure.name] === undefined) return failure
  return describe(bugReport(failure.name, failure.message, error), 0)
}

function bugReport(name: string, message: string, cause: unknown): InternalError {
  return new InternalError(`a bug in syncpg, please report it: ${name}: ${message}`, { cause })
}

function describe(error: unknown, depth: number): Failure {
  if (!(error instanceof globalThis.Error)) return describeThrown(error)
  const { cause } = error
  const isTree = error instanceof DbError
  const failure: Failure = {
    kind: isTree ? 'tree' : 'foreign',
    // The other thread does not have the user's own classes, but it may know a class for their SQLSTATE.
    name: isTree ? error.constructor.name : textOf(error.name, 'Error'),
    message: isTree ? error.primaryMessage : textOf(error.message, ''),
    ...(typeof error.stack === 'string' ? { stack: error.stack } : {}),
    ...(isTree ? { details: detailsOf(error) } : systemOf(error)),
  }
  if (depth >= DEPTH_LIMIT) return failure
  return {
    ...failure,
    ...(cause === undefined ? {} : { cause: describe(cause, depth + 1) }),
    ...(error instanceof AggregateError
      ? { errors: error.errors.slice(0, WIDTH_LIMIT).map((each: unknown) => describe(each, depth + 1)) }
      : {}),
  }
}

function describeThrown(value: unknown): Failure {
  let text: string
  try {
    text = typeof value === 'string' ? value : String(value)
  } catch {
    text = typeof value
  }
  return { kind: 'value', name: `a thrown ${value === null ? 'null' : typeof value}`, message: text.slice(0, 1000) }
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

/** The details with which an error was built, as plain data, without `cause`. */
export function detailsOf(error: DbError): Omit<ErrorDetails, 'cause'> {
  const entries = DETAIL_NAMES.map((key) => [key, error[key]] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null))
}

function systemOf(error: globalThis.Error): { system?: Readonly<Record<string, string | number>> } {
  const system: Record<string, string | number> = {}
  for (const key of SYSTEM_NAMES) {
    const value: unknown = Reflect.get(error, key)
    if (typeof value === 'string' || typeof value === 'number') system[key] = value
  }
  return Object.keys(system).length === 0 ? {} : { system }
}

/**
 * Builds an error from a Failure. Its stack is that of the caller. `remoteStack`, which is not enumerable, has the
 * stack of the other thread. Causes keep their first stacks.
 */
export function errorFromFailure(failure: Failure): globalThis.Error {
  const error = build(failure)
  if (failure.stack !== undefined) hide(error, 'remoteStack', failure.stack)
  return error
}

function build(failure: Failure): globalThis.Error {
  if (failure.kind === 'tree') return buildTree(failure)
  if (failure.kind === 'value') return bugReport(failure.name, failure.message, failure.message)
  const errors = failure.errors?.map(buildWithStack)
  const foreignClass = foreignClasses[failure.name] ?? globalThis.Error
  const error = errors === undefined ? new foreignClass(failure.message) : new AggregateError(errors, failure.message)
  if (error.name !== failure.name) hide(error, 'name', failure.name)
  if (failure.cause !== undefined) hide(error, 'cause', buildCause(failure.cause))
  for (const [key, value] of Object.entries(failure.system ?? {})) {
    Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true })
  }
  if (errors !== undefined || failure.system !== undefined) printShort(error)
  return error
}

function buildTree(failure: Failure): DbError {
  const cause = failure.cause === undefined ? {} : { cause: buildCause(failure.cause) }
  return new (classOf(failure))(failure.message, { ...failure.details, ...cause })
}

/**
 * User classes are registered in the user's thread only. So if the other thread chose the class by the SQLSTATE, the
 * class is looked up again here.
 */
function classOf(failure: Failure): ErrorClass {
  const byName = classByName(failure.name)
  const sqlstate = failure.details?.sqlstate
  if (sqlstate === undefined) return byName ?? DatabaseError
  const builtIn = builtInClass(sqlstate)
  if (byName === undefined || byName === builtIn) return registeredClass(sqlstate) ?? builtIn
  return byName
}

function buildCause(failure: Failure): unknown {
  return failure.kind === 'value' ? failure.message : buildWithStack(failure)
}

function buildWithStack(failure: Failure): globalThis.Error {
  const error = build(failure)
  // An error with a clear message is printed without syncpg's own stack frames. For a bug these frames are needed.
  const hasClearMessage = error instanceof DbError && !(error instanceof InternalError)
  const isKnown = hasClearMessage || failure.system !== undefined || failure.errors !== undefined
  const stack = isKnown ? `${error.name}: ${error.message}` : failure.stack
  if (stack !== undefined) hide(error, 'stack', stack)
  return error
}

/**
 * Makes an error short to print. It is the cause of another error whose message already says everything, and without
 * this an uncaught error would fill the screen with syncpg's stack frames and with connection attempts. All properties
 * stay readable. (Node does not use a custom inspection function when it prints causes.)
 */
export function printShort(error: globalThis.Error): void {
  hide(error, 'stack', `${error.name}: ${error.message}`)
  for (const [key, value] of Object.entries(error)) if (key !== 'code' && key !== 'batchIndex') hide(error, key, value)
  if (!(error instanceof AggregateError)) return
  const { errors } = error
  // Node prints a list of errors in full, but a getter only as `[Getter]`.
  Object.defineProperty(error, 'errors', { get: (): unknown => errors, enumerable: false, configurable: true })
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: false, writable: true, configurable: true })
}
