/** Opens a connection of the async API: resolves the options, opens the session on this thread's event loop. */
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

/** What `connect` takes: how to reach the server, and how values and rows shall look. */
export interface ConnectOptions extends CoreOptions, ValueOptions {
  /** A class of one's own for the connection, and for those a pool lends out. */
  readonly connectionClass?: ConnectionClass | undefined
  /** Gives connecting up, whatever it waits for; the call fails with the signal's reason. Not for pools. */
  readonly signal?: AbortSignal | undefined
}

/** The keys of these options that are not `options/`'s. */
export const FACE_OPTION_KEYS = [...VALUE_OPTION_KEYS, 'connectionClass']

/**
 * Connects to PostgreSQL.
 * @param dsn a URI, a libpq `key=value` string, or `pglite:` for the embedded PostgreSQL; options and `PG*` variables
 *   fill in what it leaves open.
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
    listeners.onParameter = (name) => context.statements.heedParameter(name)
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

/** Waits for what may take its time, such as a password from a vault, until the signal says otherwise. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    // The work may have aborted it itself.
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** @throws ProgrammingError for what is no class of connections. */
export function requireConnectionClass(given: unknown): ConnectionClass {
  if (given === undefined || given === null || given === Connection) return Connection
  if (typeof given === 'function' && given.prototype instanceof Connection) return given as ConnectionClass
  throw new ProgrammingError('option connectionClass: expected a class that extends Connection')
}
