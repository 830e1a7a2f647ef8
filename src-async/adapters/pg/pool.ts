/** `pg.Pool`: the package pg-pool with the clients of `syncpg/pg`. */
import type { EventEmitter } from 'node:events'
import PgPool from 'pg-pool'
import { Client } from './client.ts'
import { type ClientConfig, isEmbedded } from './connection-parameters.ts'
import type { QueryCallback, QueryConfig } from './query.ts'
import type { Result } from './result.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: rows are whatever the program says they are.
type Any = any

/** The options of `new Pool()`: those of a client and these. */
export interface PoolConfig extends ClientConfig {
  /** The most clients at a time. Default 10. */
  readonly max?: number | undefined
  /** How many idle clients are always kept. */
  readonly min?: number | undefined
  /** Milliseconds after which an idle client is closed. Default 10,000. */
  readonly idleTimeoutMillis?: number | undefined
  /** Called with messages about the pool's work, for debugging. */
  readonly log?: ((...messages: Any[]) => void) | undefined
  /** Whether the process may end while the pool has idle clients. */
  readonly allowExitOnIdle?: boolean | undefined
  /** How often a client is used before it is replaced. */
  readonly maxUses?: number | undefined
  /** Seconds after which a client is replaced, 0 for never. */
  readonly maxLifetimeSeconds?: number | undefined
  /** The class of the clients. */
  readonly Client?: (new (config?: string | ClientConfig) => Client) | undefined
  /** Called with each new client before the pool lends it. */
  readonly onConnect?: ((client: Client) => void | Promise<void>) | undefined
  /** Called with each new client before the pool lends it; an error given to the callback closes the client. */
  readonly verify?: ((client: Client, callback: (error?: Error) => void) => void) | undefined
}

/** A client that a pool has lent. */
export interface PoolClient extends Client {
  /**
   * Gives the client back to the pool. With an error or true the client is closed.
   * @example
   *   const lent = await pool.connect()
   *   lent.release()
   */
  release(error?: Error | boolean): void
}

/** The public members of pg-pool's class. */
interface PoolBase extends EventEmitter {
  readonly options: PoolConfig
  readonly Client: typeof Client
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly expiredCount: number
  readonly ending: boolean
  readonly ended: boolean
  /**
   * @example
   *   const lent = await pool.connect()
   *   try {
   *     await lent.query('select * from item')
   *   } finally {
   *     lent.release()
   *   }
   */
  connect(): Promise<PoolClient>
  connect(
    callback: (error: Error | undefined, client: PoolClient | undefined, done: (release?: Any) => void) => void,
  ): void
  /** @example const { rows } = await pool.query('select name from item where price < $1', [4]) // [ { name: 'tea' } ] */
  query<R = Any>(text: string | QueryConfig, values?: readonly Any[]): Promise<Result<R>>
  query<R = Any>(text: string | QueryConfig, callback: (error: Error, result: Result<R>) => void): void
  query<R = Any>(
    text: string | QueryConfig,
    values: readonly Any[] | undefined,
    callback: (error: Error, result: Result<R>) => void,
  ): void
  query(text: Any, values?: Any, callback?: QueryCallback): Any
  /** @example await pool.end() */
  end(): Promise<void>
  end(callback: () => void): void
}

type PoolConstructor = new (options: PoolConfig | undefined, client: typeof Client) => PoolBase

const Base = PgPool as unknown as PoolConstructor

type IdleListener = (error: Error) => void
type Release = (client: Client, idleListener: IdleListener, error?: Error | boolean) => void
const { _release: release } = Base.prototype as unknown as { readonly _release: Release }

/**
 * An embedded database lives in its client: a second client would be another database, and the data is lost when the
 * client closes.
 */
const EMBEDDED = { max: 1, min: 1, idleTimeoutMillis: 0, maxUses: 0, maxLifetimeSeconds: 0 } as const

/**
 * A pool of clients. Over `pglite:` it has one client and keeps it until the pool ends, whatever the options and the errors of
 * queries say. Events: `connect`, `acquire`, `release`, `remove`, and `error`, which needs a listener.
 * @example
 *   const pool = new Pool({ connectionString: 'postgres://localhost/shop' })
 *   const { rows } = await pool.query('select * from item where price < $1', [10])
 */
export class Pool extends Base {
  readonly #isEmbedded: boolean

  constructor(options?: PoolConfig) {
    const embedded = isEmbedded(options)
    super(embedded ? { ...options, ...EMBEDDED } : options, Client)
    this.#isEmbedded = embedded
  }

  /**
   * Called by pg-pool when a client is given back; with an error it closes the client.
   * @internal
   */
  _release(client: Client, idleListener: IdleListener, error?: Error | boolean): void {
    const giveBack = (reason?: Error | boolean): void => release.call(this, client, idleListener, reason)
    const isUsable = client._queryable && !client._ending && !client._ended
    if (!error || !this.#isEmbedded || !isUsable) return giveBack(error)
    // A client that is not closed must not keep a transaction or a running query for its next user.
    if (client._isIdle) giveBack()
    else client.query('rollback', () => giveBack())
  }
}
