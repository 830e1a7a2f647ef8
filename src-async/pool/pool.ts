/**
 * The public class of the pool: acquire, release, methods that run one call on any connection, and close. `keeper.ts`
 * decides which connection a caller gets. `lease.ts` is the connection as a caller sees it until release.
 */
import type { Elements } from '../batch.ts'
import {
  type BatchOptions,
  type CallOptions,
  type ExecuteOptions,
  type FetchOptions,
  type ResultOptions,
  SIGNAL,
  type StatementText,
} from '../call-options.ts'
import type { Connection } from '../connection.ts'
import type { CopyFrom, CopyFromQuery, CopyTo } from '../copy-options.ts'
import type { CopyRecordsOptions } from '../load-records.ts'
import { PoolTimeoutError } from '../errors/client-errors.ts'
import { InterfaceError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import { knownOptions, requireFunction, requireKnown, FLAG, TIME_LIMIT } from '../options/known-options.ts'
import { sealInstances } from '../options/sealed.ts'
import { readTimeLimit, timerLimit } from '../options/time-limit.ts'
import type { QueryResult } from '../flows/query.ts'
import type { CompiledStatement } from '../values/compiled-statement.ts'
import type { Row, Values } from '../values/record.ts'
import type { OtherRows } from '../values/row-options.ts'
import type { RowOf } from '../values/row-types.ts'
import { acquireTimeout, callersStack, closeTimeout } from './holders.ts'
import { CallLimit } from './call-limit.ts'
import { Keeper } from './keeper.ts'
import type { Lease } from './lease.ts'
import {
  checkSizes,
  type ConnectArguments,
  type PoolActivity,
  type PoolOptions,
  type PoolSettings,
  readConnectArguments,
} from './pool-options.ts'
import type { Slot } from './slot.ts'
import { withLimit } from '../with-limit.ts'
import { Upkeep } from './upkeep.ts'

/** How long `acquire` waits for a connection. */
export interface AcquireOptions {
  /**
   * Milliseconds for waiting, connecting and the `setup` hook together; null or 0 for no limit. The default is the
   * pool's `acquireTimeout`.
   */
  readonly timeout?: number | null | undefined
  /** Ends the wait. The call fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `release` and `withConnection` for the reset of the connection. */
export interface ResetOptions {
  /**
   * Whether the promise waits until the server has reset the connection, true by default. With false the reset runs in
   * the background and its errors go to `onError`.
   */
  readonly awaitReset?: boolean | undefined
}

/** Options of `release`. */
export interface ReleaseOptions extends ResetOptions {
  /**
   * Milliseconds for the reset of the connection; after that the pool closes it. null or 0 for no limit. The default is
   * the pool's `resetTimeout`.
   */
  readonly timeout?: number | null | undefined
}

/** Options of `close`. */
export interface PoolCloseOptions {
  /** Milliseconds to wait for connections in use, 10,000 by default; null or 0 for no limit. */
  readonly timeout?: number | null | undefined
}

/** Options of `resize`. A size that you leave out stays as it is. */
export interface PoolSizes {
  /** How many connections the pool keeps open at least. */
  readonly minSize?: number | undefined
  /** How many connections the pool may have at once. */
  readonly maxSize?: number | undefined
}

const ACQUIRE_OPTIONS = knownOptions<AcquireOptions>({ timeout: TIME_LIMIT, signal: SIGNAL })
const RELEASE_OPTIONS = knownOptions<ReleaseOptions>({ timeout: TIME_LIMIT, awaitReset: FLAG })
const LEND_OPTIONS = knownOptions<AcquireOptions & ResetOptions>({
  timeout: TIME_LIMIT,
  signal: SIGNAL,
  awaitReset: FLAG,
})
const CLOSE_OPTIONS = knownOptions<PoolCloseOptions>({ timeout: TIME_LIMIT })
const SIZES = knownOptions<PoolSizes>({ minSize: true, maxSize: true })

type Phase = 'open' | 'closing' | 'closed'

const DEFAULT_CLOSE_LIMIT_MS = 10_000

/**
 * A pool of connections, made by `createPool`. `C` is the class of its connections; see the option `connectionClass`.
 * The `timeout` and the `signal` of a call that runs a statement cover the wait for a connection too.
 */
export class Pool<C extends Connection = Connection> {
  static {
    sealInstances(this)
  }

  readonly #settings: PoolSettings
  readonly #keeper: Keeper
  readonly #upkeep: Upkeep
  readonly #leases = new WeakMap<Connection, { readonly lease: Lease; readonly slot: Slot }>()
  readonly #isEmbedded: boolean
  #phase: Phase = 'open'
  #closing: Promise<void> | null = null

  /** Made by `createPool`. */
  constructor(settings: PoolSettings, connect: ConnectArguments) {
    if (connect === undefined) {
      throw new ProgrammingError('a pool is made by createPool', {
        hint: 'const pool = await createPool(dsn, options)',
      })
    }
    this.#settings = settings
    this.#isEmbedded = connect.isEmbedded
    const report = (error: unknown, during: PoolActivity): void => this.#report(error, during)
    this.#keeper = new Keeper(settings, connect, report, () => this.#upkeep.refill())
    const shortestLifeMs = Math.min(settings.maxInactiveMs, settings.maxLifetimeMs)
    this.#upkeep = new Upkeep(this.#keeper, shortestLifeMs, (error) => report(error, 'connect'))
  }

  /**
   * Lends a connection to the caller. Give it back with `release`, or declare it with `await using`.
   * @throws PoolTimeoutError when no connection is free in time; with the option `trackLeases` it says where the others
   *   are used. The signal's reason when it aborts. The error of connecting, when a new connection cannot be opened.
   *   InterfaceError when the pool is closed.
   * @example
   *   const con = await pool.acquire({ timeout: 1000 })
   *   try {
   *     await con.fetch('select 1')
   *   } finally {
   *     await pool.release(con)
   *   }
   */
  async acquire(options: AcquireOptions = {}): Promise<C> {
    requireKnown(options, ACQUIRE_OPTIONS, 'pool.acquire')
    return this.#acquire(options, this.acquire)
  }

  /**
   * Gives a connection back to the pool. The pool resets it: it undoes the open transaction, locks, cursors, LISTENs
   * and settings. When the promise resolves, the server has done that. By then the connection may be lent again: its
   * next caller's statements are sent after the reset. From the moment of this call you cannot use the connection, nor
   * its statements and cursors. Releasing a connection that was released or closed before does nothing.
   * @throws InterfaceError for a connection that is not of this pool; the error of the `reset` hook.
   * @example
   *   const con = await pool.acquire()
   *   await pool.release(con)
   */
  async release(connection: Connection, options: ReleaseOptions = {}): Promise<void> {
    requireKnown(options, RELEASE_OPTIONS, 'pool.release')
    const lent = this.#leases.get(connection)
    if (lent === undefined) {
      throw new InterfaceError('pool.release: the connection is not a member of this pool')
    }
    const limitMs = limitOf(options.timeout, this.#settings.resetLimitMs, 'pool.release')
    const { lease, slot } = lent
    if (lease.isOver) return
    lease.end()
    const reset = this.#takeBack(slot, lease, limitMs)
    if (options.awaitReset === false) reset?.catch((error: unknown) => this.#report(error, 'reset'))
    else await reset
  }

  /**
   * Lends a connection to a function until its promise settles, then releases it.
   * @returns the function's result.
   * @throws the function's error; the errors of `acquire` and `release`.
   * @example await pool.withConnection((con) => con.transaction(() => con.execute('update item set price = 3')))
   */
  async withConnection<T>(fn: (connection: C) => Promise<T>, options: AcquireOptions & ResetOptions = {}): Promise<T> {
    requireFunction(fn, 'pool.withConnection')
    requireKnown(options, LEND_OPTIONS, 'pool.withConnection')
    const connection = await this.#acquire(options, this.withConnection)
    let result: T
    try {
      result = await fn(connection)
    } catch (error) {
      // The caller gets the function's own error. An error of the release goes to `onError`.
      await this.#releaseQuietly(connection)
      throw error
    }
    await this.release(connection, { awaitReset: options.awaitReset })
    return result
  }

  /**
   * Runs a statement on a connection of the pool and drops its rows; see `Connection.execute`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`; PoolTimeoutError when no connection is free by then, or within `acquireTimeout`
   * @example await pool.execute('update item set price = price + 1 where id = $1', [1])
   */
  async execute(sql: StatementText, values?: Values, options?: ExecuteOptions): Promise<string> {
    return this.#once((connection, rest) => connection.execute(sql, values, rest), options, this.execute)
  }

  /**
   * Runs a statement on a connection of the pool and returns its rows, their columns, the command tag and the row
   * count; see `Connection.query`.
   * @example
   *   const { rows, columns, tag } = await pool.query('select name from item where price < $1', [5])
   *   console.log(rows.length, columns[0].name, tag) // 2 name SELECT 2
   */
  async query<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<QueryResult<T>>
  async query<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<RowOf<T>>>
  async query(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<unknown>> {
    return this.#once((connection, rest) => connection.query(sql, values, rest), options, this.query)
  }

  /**
   * Runs a statement once for each element on a connection of the pool; see `Connection.executemany`.
   * @example await pool.executemany('insert into item (name) values ($1)', [['milk'], ['bread']])
   */
  async executemany(sql: string | CompiledStatement, elements: Elements, options?: BatchOptions): Promise<void> {
    return this.#once((connection, rest) => connection.executemany(sql, elements, rest), options, this.executemany)
  }

  /**
   * Runs a statement that returns rows once for each element, on a connection of the pool; see `Connection.fetchmany`.
   * @example const ids = await pool.fetchmany('insert into item (name) values ($1) returning id', [['milk'], ['bread']])
   */
  async fetchmany<T>(
    sql: string | CompiledStatement,
    elements: Elements,
    options: ResultOptions & OtherRows<T>,
  ): Promise<T[]>
  async fetchmany<T = Row>(
    sql: string | CompiledStatement,
    elements: Elements,
    options?: ResultOptions,
  ): Promise<RowOf<T>[]>
  async fetchmany(sql: string | CompiledStatement, elements: Elements, options?: ResultOptions): Promise<unknown[]> {
    return this.#once((connection, rest) => connection.fetchmany(sql, elements, rest), options, this.fetchmany)
  }

  /**
   * Runs a statement on a connection of the pool and returns all its rows; see `Connection.fetch`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`; PoolTimeoutError when no connection is free by then, or within `acquireTimeout`
   * @example const rows = await pool.fetch('select * from item where price < $1', [5])
   */
  async fetch<T>(sql: StatementText, values: Values | undefined, options: FetchOptions & OtherRows<T>): Promise<T[]>
  async fetch<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T>[]>
  async fetch(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown[]> {
    return this.#once((connection, rest) => connection.fetch(sql, values, rest), options, this.fetch)
  }

  /**
   * Runs a statement on a connection of the pool and returns its first row; null when there is none. See
   * `Connection.fetchrow`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`; PoolTimeoutError when no connection is free by then, or within `acquireTimeout`
   * @example const item = await pool.fetchrow('select * from item where id = $1', [1])
   */
  async fetchrow<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<T | null>
  async fetchrow<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T> | null>
  async fetchrow(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown> {
    return this.#once((connection, rest) => connection.fetchrow(sql, values, rest), options, this.fetchrow)
  }

  /**
   * Runs a statement on a connection of the pool and returns one value of its first row; null when there is no row. See
   * `Connection.fetchval`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`; PoolTimeoutError when no connection is free by then, or within `acquireTimeout`
   * @example const count = await pool.fetchval('select count(*) from item')
   */
  async fetchval<T = unknown>(
    sql: StatementText,
    values?: Values,
    column?: number | string,
    options?: FetchOptions,
  ): Promise<T | null> {
    return this.#once((connection, rest) => connection.fetchval<T>(sql, values, column, rest), options, this.fetchval)
  }

  /**
   * Loads records into a table, on a connection of the pool; see `Connection.copyRecordsToTable`.
   * @example await pool.copyRecordsToTable('item', { records: [['milk', 1]], columns: ['name', 'price'] })
   */
  async copyRecordsToTable(table: string, options: CopyRecordsOptions): Promise<string> {
    return this.#once(
      (connection, rest) => connection.copyRecordsToTable(table, rest),
      options,
      this.copyRecordsToTable,
    )
  }

  /**
   * Loads data in one of COPY's formats into a table, on a connection of the pool; see `Connection.copyToTable`.
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @example await pool.copyToTable('item', { source: ['milk,1\n'], columns: ['name', 'price'], format: 'csv' })
   */
  async copyToTable(table: string, options: CopyTo): Promise<string> {
    return this.#once((connection, rest) => connection.copyToTable(table, rest), options, this.copyToTable)
  }

  /**
   * Writes the rows of a table to an output, on a connection of the pool; see `Connection.copyFromTable`.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @example await pool.copyFromTable('item', { output: (chunk) => console.log(String(chunk)) })
   */
  async copyFromTable(table: string, options: CopyFrom): Promise<string> {
    return this.#once((connection, rest) => connection.copyFromTable(table, rest), options, this.copyFromTable)
  }

  /**
   * Writes the rows of a query to an output, on a connection of the pool; see `Connection.copyFromQuery`.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @example await pool.copyFromQuery('select * from item', [], { output: (chunk) => console.log(String(chunk)) })
   */
  async copyFromQuery(query: StatementText, values: Values | undefined, options: CopyFromQuery): Promise<string> {
    return this.#once((connection, rest) => connection.copyFromQuery(query, values, rest), options, this.copyFromQuery)
  }

  /**
   * How many connections are open.
   * @example console.log(pool.getSize(), pool.getIdleSize(), pool.getWaitingCount())
   */
  getSize(): number {
    return this.#keeper.size
  }

  /**
   * How many open connections are free.
   * @example
   *   await pool.fetch('select 1')
   *   console.log(pool.getIdleSize(), 'of', pool.getSize(), 'are free')
   */
  getIdleSize(): number {
    return this.#keeper.idleSize
  }

  /**
   * How many connections the pool keeps open at least.
   * @example
   *   pool.resize({ minSize: 1 })
   *   console.log(pool.getMinSize()) // 1
   */
  getMinSize(): number {
    return this.#keeper.minSize
  }

  /**
   * How many connections the pool has at most.
   * @example
   *   pool.resize({ maxSize: 20 })
   *   console.log(pool.getMaxSize()) // 20
   */
  getMaxSize(): number {
    return this.#keeper.maxSize
  }

  /**
   * How many calls wait for a connection.
   * @example console.log(pool.getWaitingCount()) // 0
   */
  getWaitingCount(): number {
    return this.#keeper.waiting
  }

  /**
   * Whether the pool is closing or closed.
   * @example
   *   await pool.close()
   *   console.log(pool.isClosing()) // true
   */
  isClosing(): boolean {
    return this.#phase !== 'open'
  }

  /**
   * Changes the sizes of the pool. When there are more connections than the new `maxSize`, the pool closes them as they
   * become free.
   * @throws ProgrammingError for sizes that contradict each other.
   * @example pool.resize({ minSize: 2, maxSize: 20 })
   */
  resize(sizes: PoolSizes): void {
    requireKnown(sizes, SIZES, 'pool.resize')
    this.#requireOpen()
    const { minSize, maxSize } = checkSizes(
      {
        minSize: sizes.minSize ?? this.getMinSize(),
        maxSize: sizes.maxSize ?? this.getMaxSize(),
      },
      'pool.resize',
    )
    if (this.#isEmbedded && maxSize > 1)
      throw new ProgrammingError('pool.resize: an embedded PostgreSQL has one connection')
    this.#keeper.resize(minSize, maxSize)
  }

  /**
   * Sets the arguments that new connections are opened with. They replace all old ones. `expireConnections` replaces
   * the connections that are open.
   * @example
   *   pool.setConnectArgs('postgres://localhost/shop', { applicationName: 'shop' })
   *   await pool.expireConnections()
   *   console.log(await pool.fetchval('show application_name')) // shop
   */
  setConnectArgs(dsn?: string | PoolOptions, options?: PoolOptions): void {
    this.#requireOpen()
    const connect = readConnectArguments(dsn, options, this.#settings.hooks.connect !== undefined)
    if (connect.isEmbedded !== this.#isEmbedded) {
      throw new ProgrammingError(
        'pool.setConnectArgs: a pool cannot change between an embedded PostgreSQL and a server',
      )
    }
    this.#keeper.connectWith(connect)
  }

  /**
   * Replaces all connections: free ones now, the others when they are released.
   * @throws NotSupportedError for an embedded PostgreSQL, because a new connection would have another, empty database.
   * @example await pool.expireConnections()
   */
  async expireConnections(): Promise<void> {
    this.#requireOpen()
    if (this.#isEmbedded) {
      throw new NotSupportedError('pool.expireConnections: an embedded PostgreSQL ends with its connection')
    }
    await this.#keeper.expire()
  }

  /**
   * Makes all connections forget cached statements and types. Call it after a change of the schema that the driver
   * cannot notice.
   * @example await pool.reloadSchemaState()
   */
  reloadSchemaState(): void {
    this.#keeper.forgetSchema()
  }

  /**
   * Closes the pool. Calls that wait for a connection fail at once. Connections in use stay open until they are
   * released, at most for `timeout` ms.
   * @throws PoolTimeoutError when connections were not released in time. They are terminated then.
   * @example await pool.close({ timeout: 5000 })
   */
  async close(options: PoolCloseOptions = {}): Promise<void> {
    requireKnown(options, CLOSE_OPTIONS, 'pool.close')
    const limitMs = limitOf(options.timeout, DEFAULT_CLOSE_LIMIT_MS, 'pool.close')
    this.#closing ??= this.#close(limitMs)
    return this.#closing
  }

  /**
   * Closes the pool and all its connections at once. Calls that run fail.
   * @example await pool.terminate()
   */
  terminate(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#upkeep.stop()
    this.#keeper.terminate(() => refusal('pool is closed'), 'the pool was terminated, and the connection with it')
  }

  /**
   * Closes the pool at the end of an `await using` scope; see `close`.
   * @example
   *   await using shop = await createPool('postgres://localhost/shop', { minSize: 1 })
   *   console.log(await shop.fetchval('select 1')) // 1
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Opens the first connections. Called by `createPool`. When one fails, all are closed.
   * @internal
   */
  async start(): Promise<void> {
    try {
      // The first connection is opened alone, so that a wrong password is tried once and not ten times.
      if (this.#keeper.missing > 0) await this.#keeper.dial()
      const others = Array.from({ length: Math.max(0, this.#keeper.missing) }, () => this.#keeper.dial())
      const failed = (await Promise.allSettled(others)).find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    } catch (error) {
      this.#phase = 'closed'
      this.#upkeep.stop()
      await this.#keeper.close(() => refusal('pool is closed'))
      throw error
    }
    this.#upkeep.start()
  }

  async #acquire(options: AcquireOptions, caller: (...args: never[]) => unknown): Promise<C> {
    this.#requireOpen()
    const { signal } = options
    const limitMs = limitOf(options.timeout, this.#settings.acquireLimitMs, 'pool.acquire')
    signal?.throwIfAborted()
    const { trackLeases, hooks } = this.#settings
    const place = trackLeases ? callersStack(caller) : null
    const deadlineMs = performance.now() + limitMs
    const late = (): Error => acquireTimeout(limitMs, this.#keeper.occupancy, trackLeases)
    const slot = this.#keeper.take() ?? (await this.#keeper.wait({ limitMs, late, signal }))
    if (slot.isClosed) {
      // After the keeper chose the slot and before this line ran, the connection was lost or the pool was terminated.
      this.#keeper.put(slot)
      return this.#acquire({ ...options, timeout: remaining(deadlineMs) }, caller)
    }
    const lease = slot.lend(this.#giveBack, place)
    this.#leases.set(lease.connection, { lease, slot })
    if (hooks.setup !== undefined) {
      const late = (): Error =>
        new PoolTimeoutError(`pool.acquire: the setup hook did not end within ${limitMs} ms`, { notStarted: true })
      const limit = { limitMs: Math.max(1, deadlineMs - performance.now()), late, signal }
      await this.#setUp(slot, lease, withLimit(callHook(hooks.setup, lease.connection), limit))
    }
    return lease.connection as C
  }

  async #setUp(slot: Slot, lease: Lease, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      lease.end()
      this.#keeper.destroy(slot)
      throw error
    }
  }

  /** Runs one call on a connection of the pool. The time limit and the signal in its options cover the wait for one too. */
  async #once<T, O extends CallOptions | undefined>(
    fn: (connection: Connection, options: O) => Promise<T>,
    options: O,
    caller: (...args: never[]) => unknown,
  ): Promise<T> {
    this.#requireOpen()
    const { trackLeases, hooks, resetLimitMs } = this.#settings
    // With a `setup` hook or `trackLeases` the call needs a full lease, so it takes the way of `acquire`.
    const slot = trackLeases || hooks.setup !== undefined ? null : this.#keeper.take()
    if (slot === null || slot.isClosed) {
      if (slot !== null) this.#keeper.put(slot)
      return this.#onceLent(fn, options, caller)
    }
    const lease = slot.lendForCall(this.#giveBack)
    try {
      return await fn(lease.connection, options)
    } finally {
      // The lease is over when the pool was terminated meanwhile, or when a listener has released the connection.
      if (!lease.isOver) {
        slot.endOfCall(lease)
        // The result is there, so the caller does not wait for the reset.
        this.#takeBack(slot, lease, resetLimitMs)?.catch((error: unknown) => this.#report(error, 'reset'))
      }
    }
  }

  async #onceLent<T, O extends CallOptions | undefined>(
    fn: (connection: Connection, options: O) => Promise<T>,
    options: O,
    caller: (...args: never[]) => unknown,
  ): Promise<T> {
    const limit = new CallLimit(options, caller.name)
    const timeout = Math.min(limit.limitMs, this.#settings.acquireLimitMs)
    const connection = await this.#acquire({ timeout, signal: limit.signal }, caller)
    try {
      return await fn(connection, limit.rest(options))
    } finally {
      void this.#releaseQuietly(connection)
    }
  }

  readonly #giveBack = (connection: Connection): Promise<void> => this.release(connection)

  /**
   * Decides what happens to a connection at the end of its lease: it is removed, retired or reset.
   * @returns a promise when the caller may have to wait. It rejects only with an error of the program's `reset` hook.
   */
  #takeBack(slot: Slot, lease: Lease, limitMs: number): Promise<void> | undefined {
    slot.statements += lease.session.statements
    if (slot.isClosed) return void this.#keeper.remove(slot)
    // A connection on which a call still runs cannot be closed with a Terminate message, so it is reset and not
    // retired.
    if (this.#keeper.isWorn(slot) && !lease.session.isRunning) return void this.#keeper.retire(slot)
    return this.#keeper.cleanse(slot, limitMs)?.catch((error: unknown) => {
      // The connection is closed and the pool will open another one. The work done on it stays done, so the call fails
      // only when the program's own hook has failed.
      if (typeof this.#settings.hooks.reset === 'function') throw error
      this.#report(error, 'reset')
    })
  }

  async #releaseQuietly(connection: Connection): Promise<void> {
    try {
      await this.release(connection)
    } catch (error) {
      this.#report(error, 'reset')
    }
  }

  async #close(limitMs: number): Promise<void> {
    if (this.#phase === 'closed') return
    this.#phase = 'closing'
    this.#upkeep.stop()
    const emptied = this.#keeper.close(() => refusal('pool is closing'))
    try {
      await withLimit(emptied, { limitMs, late: () => closeTimeout(limitMs, this.#keeper.occupancy.leases) })
    } catch (error) {
      const hadLeases = this.#keeper.occupancy.leases.length > 0
      this.terminate()
      // Without leases, the pool only waited for connections that were being opened or were slow to close. No caller
      // loses anything, so this is no error.
      if (hadLeases) throw error
    }
    this.#phase = 'closed'
  }

  #requireOpen(): void {
    if (this.#phase === 'open') return
    throw refusal(this.#phase === 'closing' ? 'pool is closing' : 'pool is closed')
  }

  #report(error: unknown, during: PoolActivity): void {
    try {
      this.#settings.hooks.onError?.(error, during)
    } catch {
      // The listener for errors has thrown. There is no other place to report its error to.
    }
  }
}

async function callHook(hook: (connection: Connection) => unknown, connection: Connection): Promise<void> {
  await hook(connection)
}

function limitOf(timeout: unknown, presetMs: number, method: string): number {
  const limitMs = readTimeLimit(timeout, `${method}: timeout`)
  return limitMs === undefined ? presetMs : timerLimit(limitMs)
}

/** The rest of a limit in milliseconds; 0 for no limit. */
function remaining(deadlineMs: number): number {
  return deadlineMs === Infinity ? 0 : Math.max(1, deadlineMs - performance.now())
}

/** The error of a call that the pool refuses: it got no connection, so it has sent nothing. */
function refusal(why: string): InterfaceError {
  return new InterfaceError(why, { notStarted: true })
}
