/**
 * Errors as plain data and back, to cross from one thread to another. What arrives is an instance of the same class
 * with the same fields; the far stack is kept as text. Never fails itself: whatever was thrown becomes a Failure.
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

/** What Node puts on its own errors. */
const SYSTEM_NAMES = ['code', 'errno', 'syscall', 'address', 'port', 'path', 'hostname', 'reason', 'library'] as const

/** An error as JSON-able data. */
export interface Failure {
  /** A class of the tree, any other error, or a thrown thing that is no error. */
  readonly kind: 'tree' | 'foreign' | 'value'
  /** The name of the class. */
  readonly name: string
  /** Of the tree: without place, DETAIL and HINT, which are composed again. */
  readonly message: string
  readonly details?: Omit<ErrorDetails, 'cause'>
  /** `code`, `errno`, `syscall` … of a Node error. */
  readonly system?: Readonly<Record<string, string | number>>
  readonly stack?: string
  readonly cause?: Failure
  /** Of an AggregateError. */
  readonly errors?: readonly Failure[]
}

// Bounds, so that a chain that bites its tail ends too.
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

/** Every class by name; made when the first error crosses. */
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
 * Describes anything thrown. A native TypeError, RangeError or the like that nobody turned into an error of the tree is
 * a bug of this library and becomes an InternalError that says so, with the original as its cause.
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
  if (!(error instanceof globalThis.Error)) return describeValue(error)
  const { cause } = error
  const isTree = error instanceof DbError
  const failure: Failure = {
    kind: isTree ? 'tree' : 'foreign',
    // A class of the user's below a known one is not known by name on the other side; its SQLSTATE may be.
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

function describeValue(value: unknown): Failure {
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

/** The details an error was built with, as plain data; `cause` is not among them. */
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
 * Builds the error again. Its stack is that of the caller; where it was thrown is in `remoteStack`, not enumerable.
 * Causes keep the stacks they had.
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

/** The user's classes are registered in the user's thread only, so a class that went by SQLSTATE is looked up again. */
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
  // What has words of its own needs no frames of ours; those of a bug are all there is to go by.
  const isTold = error instanceof DbError && !(error instanceof InternalError)
  const isKnown = isTold || failure.system !== undefined || failure.errors !== undefined
  const stack = isKnown ? `${error.name}: ${error.message}` : failure.stack
  if (stack !== undefined) hide(error, 'stack', stack)
  return error
}

/**
 * Makes an error short to print: it is the cause of an error that says all of it in words, and an uncaught error would fill the screen
 * with our frames and with attempts. Programs find all its properties. (Node does not ask for a custom inspection there.)
 */
export function printShort(error: globalThis.Error): void {
  hide(error, 'stack', `${error.name}: ${error.message}`)
  for (const [key, value] of Object.entries(error)) if (key !== 'code' && key !== 'batchIndex') hide(error, key, value)
  if (!(error instanceof AggregateError)) return
  const { errors } = error
  // Node shows an accessor as such, and a list of errors whole.
  Object.defineProperty(error, 'errors', { get: (): unknown => errors, enumerable: false, configurable: true })
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: false, writable: true, configurable: true })
}
