/**
 * Checks the options of `createPool`. The pool's own options are checked here, those of each connection by `options/`.
 * The default of `minSize` depends on `maxSize`, and that of `maxSize` on `minSize`, so that an option never
 * contradicts the default of the other one.
 */
import { describeValue } from '../errors/describe-value.ts'
import { FACE_OPTION_KEYS, type ConnectOptions, requireConnectionClass } from '../connect.ts'
import type { Connection } from '../connection.ts'
import { ProgrammingError } from '../errors/tree.ts'
import { checkOptions } from '../options/connect-options.ts'
import { resolveOptions } from '../options/options.ts'
import { readTimeLimit, timerLimit } from '../options/time-limit.ts'
import { connectionValues } from '../values/value-options.ts'

/** The pool's own activity in which an error occurred. */
export type PoolActivity = 'connect' | 'health check' | 'reset'

/** Functions of the program that the pool calls. */
export interface PoolHooks {
  /** Opens a connection, in place of `connect`: for cloud connectors and short-lived credentials. */
  readonly connect?: (dsn: string | undefined, options: ConnectOptions) => Promise<Connection>
  /** Called once with each new connection: codecs, types. Settings made here last only one lease: use `serverSettings`. */
  readonly init?: (connection: Connection) => unknown
  /** Called with the connection at each acquire, before it is handed out. */
  readonly setup?: (connection: Connection) => unknown
  /**
   * Called at each release, after the ROLLBACK of an open transaction, in place of the reset query. With null nothing is
   * reset, as in pg's pool: open transactions are rolled back, but settings, advisory locks and LISTENs
   * stay with the connection, and its next holder has them. That saves the server's work for the reset, which is
   * about a quarter of a short query.
   */
  readonly reset?: ((connection: Connection) => unknown) | null
  /** Called with failures that no call of the program reports; the pool has already dealt with them. */
  readonly onError?: (error: unknown, during: PoolActivity) => void
}

/** Options of `createPool`; all others are those of `connect`. Times are in milliseconds; null or 0 means no limit. */
export interface PoolOptions extends ConnectOptions, PoolHooks {
  /** Connections that the pool opens at the start and keeps open. Default 1, or `maxSize` if that is less. */
  readonly minSize?: number
  /** Most connections at a time. Default 10, or `minSize` if that is more. */
  readonly maxSize?: number
  /** A connection is replaced after this many statements; null or 0: never. Default 50,000. */
  readonly maxQueries?: number | null
  /** Time unused after which a connection above `minSize` is closed. Default 300,000. */
  readonly maxInactiveLifetime?: number | null
  /** Age at which a connection is replaced as soon as it is free, shortened at random by up to a tenth. Default 3,600,000. */
  readonly maxLifetime?: number | null
  /** Time unused after which a connection gets a health check before it is handed out. Default 30,000. */
  readonly healthCheckAfter?: number | null
  /** Time limit of the health check. Default 2,000. */
  readonly healthCheckTimeout?: number | null
  /** Time limit of `acquire`: waiting, connecting and the `setup` hook together. Default 30,000. */
  readonly acquireTimeout?: number | null
  /** Time limit of the reset after `release`; a connection that takes longer is dropped. Default 10,000. */
  readonly resetTimeout?: number | null
  /** Remembers where each connection was acquired, so that timeout errors can list the holders. Default false. */
  readonly trackLeases?: boolean
}

/** The pool's options with all defaults filled in; Infinity means no limit. */
export interface PoolSettings {
  readonly minSize: number
  readonly maxSize: number
  readonly maxQueries: number
  readonly maxInactiveMs: number
  readonly maxLifetimeMs: number
  readonly healthCheckAfterMs: number
  readonly healthCheckLimitMs: number
  readonly acquireLimitMs: number
  readonly resetLimitMs: number
  readonly trackLeases: boolean
  readonly hooks: PoolHooks
}

/** How to open a connection. */
export interface ConnectArguments {
  readonly dsn: string | undefined
  readonly options: ConnectOptions
  /**
   * The server runs in this process and ends with its connection. So there can be only one connection, and the pool
   * must not replace it.
   */
  readonly isEmbedded: boolean
}

/** Each of the pool's own options and its check. */
const CHECKS = {
  minSize: count,
  maxSize: count,
  maxQueries: countOrNull,
  maxInactiveLifetime: checkLimit,
  maxLifetime: checkLimit,
  healthCheckAfter: checkLimit,
  healthCheckTimeout: checkLimit,
  acquireTimeout: checkLimit,
  resetTimeout: checkLimit,
  trackLeases: flag,
  connect: hook,
  init: hook,
  setup: hook,
  reset: (value, name) => value === null || hook(value, name, 'a function or null'),
  onError: hook,
} satisfies Record<Exclude<keyof PoolOptions, keyof ConnectOptions>, (value: unknown, name: string) => void>

const POOL_KEYS = Object.keys(CHECKS)

/**
 * Checks the pool's own options and fills in the defaults.
 * @throws ProgrammingError naming the option.
 */
export function readPoolOptions(options: PoolOptions, isEmbedded: boolean): PoolSettings {
  for (const [name, check] of Object.entries(CHECKS)) {
    const value = options[name as keyof typeof CHECKS]
    if (value !== undefined) check(value, `createPool: ${name}`)
  }
  const { connect, init, setup, reset, onError } = options
  return {
    ...(isEmbedded ? embeddedSizes(options) : { ...checkSizes(options, 'createPool'), ...readLifetimes(options) }),
    healthCheckAfterMs: limit(options.healthCheckAfter, 30_000),
    healthCheckLimitMs: limit(options.healthCheckTimeout, 2_000),
    acquireLimitMs: limit(options.acquireTimeout, 30_000),
    resetLimitMs: limit(options.resetTimeout, 10_000),
    trackLeases: options.trackLeases ?? false,
    hooks: {
      ...(connect && { connect }),
      ...(init && { init }),
      ...(setup && { setup }),
      ...(reset !== undefined && { reset }),
      ...(onError && { onError }),
    },
  }
}

/** Limits on the number and the lifetime of connections. */
type Bounds = Pick<PoolSettings, 'minSize' | 'maxSize' | 'maxQueries' | 'maxInactiveMs' | 'maxLifetimeMs'>

function readLifetimes(options: PoolOptions): Omit<Bounds, 'minSize' | 'maxSize'> {
  return {
    maxQueries: limit(options.maxQueries, 50_000),
    maxInactiveMs: limit(options.maxInactiveLifetime, 300_000),
    maxLifetimeMs: limit(options.maxLifetime, 3_600_000),
  }
}

/** An embedded database lives in its connection: a second connection would open another database, a new one an empty one. */
function embeddedSizes({ minSize = 1, maxSize = 1 }: PoolOptions): Bounds {
  if (minSize > 1 || maxSize !== 1) {
    throw new ProgrammingError('createPool: an embedded PostgreSQL (pglite:) has one connection: maxSize can be 1 only')
  }
  return { minSize, maxSize, maxQueries: Infinity, maxInactiveMs: Infinity, maxLifetimeMs: Infinity }
}

/**
 * Checks the two sizes and fills in the missing one.
 * @throws ProgrammingError when the two contradict each other.
 */
export function checkSizes(
  sizes: Pick<PoolOptions, 'minSize' | 'maxSize'>,
  method: string,
): { minSize: number; maxSize: number } {
  const { minSize, maxSize } = sizes
  if (minSize !== undefined) count(minSize, `${method}: minSize`)
  if (maxSize !== undefined) count(maxSize, `${method}: maxSize`)
  if (maxSize === 0) throw wrong(`${method}: maxSize`, '1 or more', maxSize)
  const most = maxSize ?? Math.max(10, minSize ?? 0)
  const least = minSize ?? Math.min(1, most)
  if (least > most) {
    throw wrong(`${method}: minSize`, `at most maxSize, which is ${most}`, least)
  }
  return { minSize: least, maxSize: most }
}

/**
 * Reads the arguments of `createPool` and `setConnectArgs` that concern the connections.
 * @throws ProgrammingError for options and DSNs that no connection could be opened with.
 */
export function readConnectArguments(
  dsn: string | PoolOptions | undefined,
  more: PoolOptions | undefined,
  hasConnectHook: boolean,
): ConnectArguments {
  const given = (typeof dsn === 'string' ? more : (dsn ?? more)) ?? {}
  checkOptions(given, [...POOL_KEYS, ...FACE_OPTION_KEYS])
  requireConnectionClass(given.connectionClass)
  connectionValues(given)
  const entries = Object.entries(given).filter(([name]) => !POOL_KEYS.includes(name))
  const options = Object.fromEntries(entries) as ConnectOptions
  const text = typeof dsn === 'string' ? dsn : undefined
  return { dsn: text, options, isEmbedded: !hasConnectHook && isEmbedded(text, options) }
}

function isEmbedded(dsn: string | undefined, options: ConnectOptions): boolean {
  // A password or token that is given as a function is asked for only when a connection is opened.
  const { password, oauthToken } = options
  const known = {
    ...options,
    ...(typeof password === 'function' ? { password: '' } : {}),
    ...(typeof oauthToken === 'function' ? { oauthToken: '' } : {}),
  }
  const { session } = resolveOptions({
    options: known,
    extraKeys: FACE_OPTION_KEYS,
    ...(dsn === undefined ? {} : { dsn }),
  })
  return session.hosts.some(({ kind }) => kind === 'pglite')
}

/** An option's limit as a number that can be compared: null and 0 become Infinity. */
export function limit(value: number | null | undefined, preset: number): number {
  if (value === undefined) return preset
  return value === null ? Infinity : timerLimit(value)
}

/** @throws ProgrammingError when the value is not a time limit. */
export function checkLimit(value: unknown, name: string): void {
  readTimeLimit(value, name)
}

function count(value: unknown, name: string, expected = 'an integer, 0 or more'): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(name, expected, value)
  }
}

function countOrNull(value: unknown, name: string): void {
  if (value !== null) count(value, name, 'an integer, 0 or more, or null')
}

function flag(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false', value)
}

function hook(value: unknown, name: string, expected = 'a function'): void {
  if (typeof value !== 'function') throw wrong(name, expected, value)
}

function wrong(name: string, expected: string, value: unknown): ProgrammingError {
  return new ProgrammingError(`${name}: expected ${expected}, got ${describeValue(value)}`)
}
