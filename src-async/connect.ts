/** Opens a connection of the async API: resolves the options and opens the session on the event loop of this thread. */
import { describeValue } from './errors/describe-value.ts'
import { Connection, type ConnectionClass } from './connection.ts'
import { Engine } from './engine.ts'
import { errorFromFailure, failureFromError } from './errors/failure.ts'
import { ProgrammingError } from './errors/tree.ts'
import { createFlowContext } from './flows/flow-context.ts'
import {
  type ConnectOptions as CoreOptions,
  awaitPassword,
  connectArguments,
  resolveOptions,
} from './options/options.ts'
import { placeOf } from './options/place.ts'
import { explainMissingDsn } from './options/missing-dsn.ts'
import { Listeners } from './listeners.ts'
import { VALUE_OPTION_KEYS, type ValueOptions, connectionValues } from './values/value-options.ts'
import { openSession } from './wire/open-session.ts'

/** Options of `connect`: how to reach the server, and how values and rows look. */
export interface ConnectOptions extends CoreOptions, ValueOptions {
  /** Your own class for the connection, or for the connections that a pool lends out. It extends `Connection`. */
  readonly connectionClass?: ConnectionClass | undefined
  /** Stops connecting at any point. The call fails with the signal's reason. Pools do not take it. */
  readonly signal?: AbortSignal | undefined
}

/** The options that `options/` does not know. */
export const FACE_OPTION_KEYS = [...VALUE_OPTION_KEYS, 'connectionClass']

/**
 * Connects to PostgreSQL.
 * @param dsn a URI, a libpq `key=value` string, or `pglite:` for the embedded PostgreSQL. Options and `PG*` variables
 *   supply what the DSN does not say.
 * @throws OperationalError when no server can be reached or it refuses the login; ProgrammingError for bad options.
 * @example
 *   const con = await connect('postgres://localhost/shop')
 *   const rows = await con.fetch('select * from item where price < $1', [10])
 *   await con.close()
 */
export async function connect<C extends Connection>(
  dsn: string | undefined,
  options: ConnectOptions & { readonly connectionClass: ConnectionClass<C> },
): Promise<C>
export async function connect(dsn?: string | ConnectOptions, options?: ConnectOptions): Promise<Connection>
export async function connect(dsn?: string | ConnectOptions, options?: ConnectOptions): Promise<Connection> {
  const asked = connectArguments(dsn, options)
  const { signal } = asked.options as ConnectOptions
  signal?.throwIfAborted()
  const given: ConnectOptions = await abortable(awaitPassword(asked.options), signal)
  const resolved = resolveOptions({
    options: given,
    extraKeys: [...FACE_OPTION_KEYS, 'signal'],
    ...(asked.dsn === undefined ? {} : { dsn: asked.dsn }),
  })
  const values = connectionValues(given)
  const ConnectionClass = requireConnectionClass(given.connectionClass)
  const listeners = new Listeners<unknown>()
  try {
    const session = await openSession(resolved.session, listeners, signal)
    listeners.lossOf = () => session.loss
    const context = createFlowContext(session, resolved.statementCache, null, values, placeOf(resolved.session))
    listeners.onParameter = (name) => context.statements.noteParameter(name)
    const keepAlive = (isWanted: boolean): void => session.keepAlive(isWanted)
    const connection = new ConnectionClass(
      new Engine(session, context, resolved.commandTimeoutMs, listeners, keepAlive),
    )
    listeners.connection = connection
    return connection
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    throw explainMissingDsn(errorFromFailure(failureFromError(error)), asked.dsn, given)
  }
}

/**
 * Waits for work that may be slow, such as fetching a password from a vault.
 * @throws the signal's reason when the signal aborts first.
 */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    // The work itself may have aborted the signal.
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** @throws ProgrammingError for a value that is not a class extending `Connection`. */
export function requireConnectionClass(given: unknown): ConnectionClass {
  if (given === undefined || given === null || given === Connection) return Connection
  if (typeof given === 'function' && given.prototype instanceof Connection) return given as ConnectionClass
  throw new ProgrammingError(
    `connect: connectionClass: expected a class that extends Connection, got ${describeValue(given)}`,
  )
}
