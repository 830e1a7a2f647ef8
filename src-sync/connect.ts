/** Opens a connection of the blocking API: resolves the options in this thread and opens the session in the worker. */
import { describeKind, describeValue } from '../src-async/errors/describe-value.ts'
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { warningFromServer } from '../src-async/errors/server-error.ts'
import { ConnectionInfo } from '../src-async/flows/connection-info.ts'
import { createFlowContext } from '../src-async/flows/flow-context.ts'
import { type TransactionOptions, beginStatement, type IsolationLevel } from '../src-async/flows/transaction.ts'
import { requireFunction } from '../src-async/options/known-options.ts'
import { placeOf } from '../src-async/options/place.ts'
import { explainMissingDsn } from '../src-async/options/missing-dsn.ts'
import { type ConnectOptions as CoreOptions, connectArguments, resolveOptions } from '../src-async/options/options.ts'
import { VALUE_OPTION_KEYS, type ValueOptions, connectionValues } from '../src-async/values/value-options.ts'
import { BlockingSession, DEFAULT_CHANNEL, MIN_RING_BYTES } from '../worker/caller/blocking-session.ts'
import type { Notification, ServerMessageFields, SessionEvents } from '../src-async/wire/operations.ts'
import { Connection } from './connection.ts'
import { isLater } from './call-options.ts'
import { Engine } from './engine.ts'
import { call } from './callers-stack.ts'
import { type ParamStyle, requireStyle } from './paramstyle/style.ts'

/** Options of `connect`. */
export interface ConnectOptions extends CoreOptions, ValueOptions {
  /**
   * True runs each statement in a transaction of its own. False, the default of PEP 249, begins a transaction with the
   * first statement, which ends with `commit` or `rollback`.
   */
  readonly autocommit?: boolean
  /** The parameter markers that the connection reads besides `$1`; `pyformat` by default. */
  readonly paramstyle?: ParamStyle
  /** The isolation level of transactions that the connection begins. */
  readonly isolationLevel?: IsolationLevel
  /** True makes the transactions that the connection begins READ ONLY. */
  readonly readOnly?: boolean
  /**
   * True makes the transactions that the connection begins wait for a snapshot with which they cannot fail. It has an
   * effect only on transactions that are `serializable` and `readOnly`.
   */
  readonly deferrable?: boolean
  /** Bytes of the shared memory in which replies arrive: a power of two from 4096; 1 MiB by default. */
  readonly ringBytes?: number
  /**
   * What Ctrl-C does while a statement runs: `'cancel'` (the default) cancels the statement; with `'none'` the driver
   * does nothing.
   */
  readonly interrupt?: 'cancel' | 'none'
}

/**
 * How often the server checks whether the client is gone. A script that is killed while it is blocked cannot cancel its
 * statement.
 */
const CONNECTION_CHECK_MS = 5000

const EXTRA_KEYS = [
  'autocommit',
  'paramstyle',
  'isolationLevel',
  'readOnly',
  'deferrable',
  'ringBytes',
  'interrupt',
  ...VALUE_OPTION_KEYS,
] as const

/**
 * Connects to PostgreSQL and blocks until it answers.
 * @param dsn a URI, a libpq `key=value` string, or `pglite:` for the embedded PostgreSQL. Options and `PG*` variables
 *   supply what the DSN does not say.
 * @throws OperationalError when no server can be reached or it refuses the login; ProgrammingError for bad options.
 * @example
 *   const con = connect('postgres://localhost/shop')
 *   for (const item of con.execute('select * from item where price < %s', [10])) console.log(item.name)
 *   con.close()
 */
export function connect(dsn?: string | ConnectOptions, options?: ConnectOptions): Connection {
  return call(connect, () => {
    const asked = connectArguments(dsn, options)
    const given: ConnectOptions = asked.options
    const resolved = resolveOptions({
      options: given,
      extraKeys: EXTRA_KEYS,
      connectionCheckMs: CONNECTION_CHECK_MS,
      ...(asked.dsn === undefined ? {} : { dsn: asked.dsn }),
    })
    const values = connectionValues(given)
    const transaction = transactionOptions(given)
    const begin = beginStatement(transaction)
    const isAutocommit = requireBoolean(given.autocommit, 'autocommit') ?? false
    const paramstyle = given.paramstyle === undefined ? 'pyformat' : requireStyle(given.paramstyle)
    const ringBytes = requireRingBytes(given.ringBytes)
    const events = new Events()
    const isInterruptible = requireInterrupt(given.interrupt) === 'cancel'
    let session: BlockingSession
    try {
      session = new BlockingSession(resolved.session, events, { ringBytes, isInterruptible, openedAt: placeOfCall() })
    } catch (error) {
      throw explainMissingDsn(error, asked.dsn, given)
    }
    const context = createFlowContext(
      session,
      resolved.statementCache,
      isAutocommit ? null : begin,
      values,
      placeOf(resolved.session),
    )
    const { commandTimeoutMs } = resolved
    events.onParameter = (name) => context.statements.noteParameter(name)
    const engine = new Engine({ session, context, paramstyle, commandTimeoutMs })
    events.connection = new Connection(engine, transaction, new ConnectionInfo(context, () => engine.isClosed))
    session.handOut()
    return events.connection
  })
}

/**
 * Connects, runs `fn` with the connection and closes it. Commits when `fn` returns, rolls back when it throws.
 * @returns what `fn` returns.
 * @example const count = withConnection(url, (con) => con.fetchval('select count(*) from item'))
 */
export function withConnection<T>(dsn: string | ConnectOptions | undefined, fn: (connection: Connection) => T): T
export function withConnection<T>(
  dsn: string | undefined,
  options: ConnectOptions,
  fn: (connection: Connection) => T,
): T
export function withConnection<T>(
  dsn: string | undefined,
  fn: (connection: Connection) => T,
  options: ConnectOptions,
): T
export function withConnection<T>(
  dsn: string | ConnectOptions | undefined,
  second: ConnectOptions | ((connection: Connection) => T),
  third?: ConnectOptions | ((connection: Connection) => T),
): T {
  const [fn, options] = typeof second === 'function' ? [second, third as ConnectOptions | undefined] : [third, second]
  const connection = call(
    withConnection,
    () => {
      requireFunction(fn, 'withConnection')
      return connect(dsn, options)
    },
    connect,
  )
  try {
    const result = (fn as (connection: Connection) => T)(connection)
    const later = isLater(fn, result)
    if (later !== null) {
      throw new ProgrammingError(
        `withConnection: the function is ${later}: the connection would be closed before its work ends`,
      )
    }
    if (!connection.closed) call(withConnection, () => connection.commit(), connection.commit)
    return result
  } finally {
    connection[Symbol.dispose]()
  }
}

/** Passes notices, notifications and parameter changes of the session to the connection. */
class Events implements SessionEvents {
  /** null until the connection exists. Messages that arrive while the session opens are dropped. */
  connection: Connection | null = null
  /** Called with the name of each server parameter that has changed. */
  onParameter: ((name: string) => void) | null = null

  notice(fields: ServerMessageFields): void {
    this.connection?.notice(warningFromServer(fields))
  }

  notification(notification: Notification): void {
    this.connection?.notification(notification)
  }

  parameter(name: string): void {
    this.onParameter?.(name)
  }
}

/** The line of the program that calls `connect` or `withConnection`, in the form of a stack: `at file:line:column`. */
function placeOfCall(): string {
  const limit = Error.stackTraceLimit
  const held: { stack?: string } = {}
  // `Reflect.set`, because `node --frozen-intrinsics` freezes `Error`.
  Reflect.set(Error, 'stackTraceLimit', 2)
  Error.captureStackTrace(held, connect)
  Reflect.set(Error, 'stackTraceLimit', limit)
  const frames = (held.stack ?? '').split('\n').slice(1)
  return (frames.find((frame) => !/\b(withConnection|call)\b/.test(frame)) ?? frames[0] ?? '').trim()
}

function transactionOptions(options: ConnectOptions): TransactionOptions {
  return {
    isolation: options.isolationLevel,
    readOnly: requireBoolean(options.readOnly, 'readOnly'),
    deferrable: requireBoolean(options.deferrable, 'deferrable'),
  }
}

function requireBoolean(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new ProgrammingError(`connect: ${name}: expected a boolean, got ${describeKind(value)}`)
}

function requireRingBytes(value: unknown): number {
  if (value === undefined) return DEFAULT_CHANNEL.ringBytes
  const isPowerOfTwo = typeof value === 'number' && Number.isSafeInteger(value) && (value & (value - 1)) === 0
  if (isPowerOfTwo && value >= MIN_RING_BYTES && value <= 1 << 30) return value
  throw new ProgrammingError(
    `connect: ringBytes: expected a power of two from ${MIN_RING_BYTES}, got ${describeValue(value)}`,
  )
}

function requireInterrupt(value: unknown): 'cancel' | 'none' {
  if (value === undefined) return 'cancel'
  if (value === 'cancel' || value === 'none') return value
  throw new ProgrammingError(`connect: interrupt: expected 'cancel' or 'none', got ${describeValue(value)}`)
}
