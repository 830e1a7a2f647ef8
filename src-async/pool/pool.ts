/**
 * The pool as the program sees it: acquire, release, the short forms, and the end. Which connection goes to whom is decided
 * in `keeper.ts`; what a holder may do with it in `lease.ts`.
 */
import type { Elements } from '../batch.ts'
import type { BatchOptions, ExecuteOptions, FetchOptions, ResultOptions, StatementText } from '../call-options.ts'
import type { Connection } from '../connection.ts'
import type { CopyFrom, CopyFromQuery, CopyTo } from '../copy-options.ts'
import type { CopyRecordsOptions } from '../load-records.ts'
import { PoolTimeoutError } from '../errors/client-errors.ts'
import { InterfaceError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import { knownOptions, requireKnown } from '../options/known-options.ts'
import { sealInstances } from '../options/sealed.ts'
import { readTimeLimit, timerLimit } from '../options/time-limit.ts'
import type { QueryResult } from '../flows/query.ts'
import type { CompiledStatement } from '../values/compiled-statement.ts'
import type { Row, Values } from '../values/record.ts'
import type { OtherRows } from '../values/row-options.ts'
import type { RowOf } from '../values/row-types.ts'
import { acquireTimeout, callersStack, closeTimeout } from './holders.ts'
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
   * Milliseconds for all of it: waiting, connecting and the `setup` hook; null or 0 for no limit. The pool's
   * `acquireTimeout` unless given.
   */
  readonly timeout?: number | null | undefined
  /** Gives up waiting; the call fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What `release` and `withConnection` take about the clean-up of the connection. */
export interface ResetOptions {
  /**
   * Whether the promise waits until the server has undone what the connection left behind; true unless given. Without that it
   * is undone all the same, behind the caller's back: what fails goes to `onError`.
   */
  readonly awaitReset?: boolean | undefined
}

/** How long `release` may take. */
export interface ReleaseOptions extends ResetOptions {
  /** Milliseconds to clean the connection up; after that it is dropped. The pool's `resetTimeout` unless given. */
  readonly timeout?: number | null | undefined
}

/** How long `close` waits. */
export interface PoolCloseOptions {
  /** Milliseconds to wait for connections in use, 10,000 at first; null or 0 for no limit. */
  readonly timeout?: number | null | undefined
}

/** What `resize` takes; a size that is left out stays as it is. */
export interface PoolSizes {
  /** How many connections stay open. */
  readonly minSize?: number | undefined
  /** How many there may be at once. */
  readonly maxSize?: number | undefined
}

const ACQUIRE_OPTIONS = knownOptions<AcquireOptions>({ timeout: true, signal: true })
const RELEASE_OPTIONS = knownOptions<ReleaseOptions>({ timeout: true, awaitReset: true })
const LEND_OPTIONS = knownOptions<AcquireOptions & ResetOptions>({ timeout: true, signal: true, awaitReset: true })
const CLOSE_OPTIONS = knownOptions<PoolCloseOptions>({ timeout: true })
const SIZES = knownOptions<PoolSizes>({ minSize: true, maxSize: true })

type Phase = 'open' | 'closing' | 'closed'

const DEFAULT_CLOSE_LIMIT_MS = 10_000

/** `C` is the class of its connections, `connectionClass`. */
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
   * Lends a connection out. Give it back with `release`, or take it with `await using`.
   * @throws PoolTimeoutError when none is free in time, which tells who has them; the signal's reason when it is aborted;
   *   what kept a connection from being opened; InterfaceError when the pool is closed.
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
   * Takes a connection back. What it left behind is undone: its transaction, locks, cursors, subscriptions and settings.
   * That is done on the server when the promise resolves. The connection may have been lent again by then, and what its
   * next holder asked was sent behind it. The connection, and all that was made with it, refuses to be used from the moment
   * of the call. A connection that was released or closed already is no mistake.
   * @throws InterfaceError for a connection that is not of this pool; what the `reset` hook throws.
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
   * Lends a connection to a function for as long as its promise is pending.
   * @returns what the function gives.
   * @throws what the function throws; as `acquire`, as `release`.
   * @example await pool.withConnection((con) => con.transaction(() => con.execute('update item set price = 3')))
   */
  async withConnection<T>(fn: (connection: C) => Promise<T>, options: AcquireOptions & ResetOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new ProgrammingError('pool.withConnection: expected a function')
    requireKnown(options, LEND_OPTIONS, 'pool.withConnection')
    const connection = await this.#acquire(options, this.withConnection)
    let result: T
    try {
      result = await fn(connection)
    } catch (error) {
      // The function's own error is the news.
      await this.#releaseQuietly(connection)
      throw error
    }
    const { awaitReset } = options
    await this.release(connection, awaitReset === undefined ? {} : { awaitReset })
    return result
  }

  /**
   * Runs a statement on a connection of the pool and drops its rows; see `Connection.execute`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example await pool.execute('update item set price = price + 1 where id = $1', [1])
   */
  async execute(sql: StatementText, values?: Values, options?: ExecuteOptions): Promise<string> {
    return this.#once((connection) => connection.execute(sql, values, options), this.execute)
  }

  /** Runs a statement on a connection of the pool and gives all that comes of it; see `Connection.query`. */
  async query<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<QueryResult<T>>
  async query<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<RowOf<T>>>
  async query(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<unknown>> {
    return this.#once((connection) => connection.query(sql, values, options), this.query)
  }

  /**
   * Runs a statement once for each element on a connection of the pool; see `Connection.executemany`.
   * @example await pool.executemany('insert into item (name) values ($1)', [['milk'], ['bread']])
   */
  async executemany(sql: string | CompiledStatement, elements: Elements, options?: BatchOptions): Promise<void> {
    return this.#once((connection) => connection.executemany(sql, elements, options), this.executemany)
  }

  /**
   * Runs a statement that gives rows once for each element; see `Connection.fetchmany`.
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
    return this.#once((connection) => connection.fetchmany(sql, elements, options), this.fetchmany)
  }

  /**
   * Gives all rows of a statement, run on a connection of the pool; see `Connection.fetch`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const rows = await pool.fetch('select * from item where price < $1', [5])
   */
  async fetch<T>(sql: StatementText, values: Values | undefined, options: FetchOptions & OtherRows<T>): Promise<T[]>
  async fetch<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T>[]>
  async fetch(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown[]> {
    return this.#once((connection) => connection.fetch(sql, values, options), this.fetch)
  }

  /**
   * Gives the first row of a statement, null when there is none; see `Connection.fetchrow`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const item = await pool.fetchrow('select * from item where id = $1', [1])
   */
  async fetchrow<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<T | null>
  async fetchrow<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T> | null>
  async fetchrow(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown> {
    return this.#once((connection) => connection.fetchrow(sql, values, options), this.fetchrow)
  }

  /**
   * As the method of a connection, on any.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const count = await pool.fetchval('select count(*) from item')
   */
  async fetchval<T = unknown>(
    sql: StatementText,
    values?: Values,
    column?: number | string,
    options?: FetchOptions,
  ): Promise<T | null> {
    return this.#once((connection) => connection.fetchval<T>(sql, values, column, options), this.fetchval)
  }

  /**
   * As the method of a connection, on any.
   * @example await pool.copyRecordsToTable('item', { records: [['milk', 1]], columns: ['name', 'price'] })
   */
  async copyRecordsToTable(table: string, options: CopyRecordsOptions): Promise<string> {
    return this.#once((connection) => connection.copyRecordsToTable(table, options), this.copyRecordsToTable)
  }

  /**
   * Loads COPY's own formats into a table; see `Connection.copyToTable`.
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @example await pool.copyToTable('item', { source: ['milk,1\n'], columns: ['name', 'price'], format: 'csv' })
   */
  async copyToTable(table: string, options: CopyTo): Promise<string> {
    return this.#once((connection) => connection.copyToTable(table, options), this.copyToTable)
  }

  /**
   * Writes a table out in one of COPY's formats; see `Connection.copyFromTable`.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @example await pool.copyFromTable('item', { output: (chunk) => console.log(String(chunk)) })
   */
  async copyFromTable(table: string, options: CopyFrom): Promise<string> {
    return this.#once((connection) => connection.copyFromTable(table, options), this.copyFromTable)
  }

  /**
   * Writes a query's rows out in one of COPY's formats; see `Connection.copyFromQuery`.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @example await pool.copyFromQuery('select * from item', [], { output: (chunk) => console.log(String(chunk)) })
   */
  async copyFromQuery(query: StatementText, values: Values | undefined, options: CopyFromQuery): Promise<string> {
    return this.#once((connection) => connection.copyFromQuery(query, values, options), this.copyFromQuery)
  }

  /**
   * Connections that are open.
   * @example console.log(pool.getSize(), pool.getIdleSize(), pool.getWaitingCount())
   */
  getSize(): number {
    return this.#keeper.size
  }

  /** Those of them that nobody has. */
  getIdleSize(): number {
    return this.#keeper.idleSize
  }

  /** How many connections the pool keeps open at least. */
  getMinSize(): number {
    return this.#keeper.minSize
  }

  /** How many connections the pool has at most. */
  getMaxSize(): number {
    return this.#keeper.maxSize
  }

  /** Calls of `acquire` that wait for a connection. */
  getWaitingCount(): number {
    return this.#keeper.waiting
  }

  /** Whether the pool is closing or closed. */
  isClosing(): boolean {
    return this.#phase !== 'open'
  }

  /**
   * Changes the pool's sizes. Connections beyond the new ones are closed when they are free.
   * @throws ProgrammingError for sizes that contradict each other.
   * @example pool.resize({ minSize: 2, maxSize: 20 })
   */
  resize(sizes: PoolSizes): void {
    requireKnown(sizes, SIZES, 'pool.resize')
    this.#requireOpen()
    const { minSize, maxSize } = checkSizes({
      minSize: sizes.minSize ?? this.getMinSize(),
      maxSize: sizes.maxSize ?? this.getMaxSize(),
    })
    if (this.#isEmbedded && maxSize > 1)
      throw new ProgrammingError('pool.resize: an embedded PostgreSQL has one connection')
    this.#keeper.resize(minSize, maxSize)
  }

  /** Opens connections from now on with other arguments, all of them; `expireConnections` replaces those there are. */
  setConnectArgs(dsn?: string | PoolOptions, options?: PoolOptions): void {
    this.#requireOpen()
    const connect = readConnectArguments(dsn, options, this.#settings.hooks.connect !== undefined)
    if (connect.isEmbedded !== this.#isEmbedded) {
      throw new ProgrammingError('pool.setConnectArgs: a pool of an embedded PostgreSQL and one of a server differ')
    }
    this.#keeper.connectWith(connect)
  }

  /**
   * Replaces all connections: the free ones now, those in use when they are released.
   * @throws NotSupportedError for an embedded PostgreSQL: what replaced it would be another database.
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
   * Has all connections forget statements and types they know: after a change of the schema they could not notice.
   * @example await pool.reloadSchemaState()
   */
  reloadSchemaState(): void {
    this.#keeper.forgetSchema()
  }

  /**
   * Closes the pool: who waits is refused at once, who has a connection may finish.
   * @throws PoolTimeoutError when connections were not released in time; they are terminated then.
   * @example await pool.close({ timeout: 5000 })
   */
  async close(options: PoolCloseOptions = {}): Promise<void> {
    requireKnown(options, CLOSE_OPTIONS, 'pool.close')
    const limitMs = limitOf(options.timeout, DEFAULT_CLOSE_LIMIT_MS, 'pool.close')
    this.#closing ??= this.#close(limitMs)
    return this.#closing
  }

  /**
   * Closes the pool at once: connections in use are cut.
   * @example await pool.terminate()
   */
  terminate(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#upkeep.stop()
    this.#keeper.terminate(
      () => new InterfaceError('pool is closed'),
      'the pool was terminated, and the connection with it',
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** For `createPool`: opens the first connections. When that fails nothing is left open. */
  async start(): Promise<void> {
    try {
      // The first alone, so that a wrong password is tried once and not ten times.
      if (this.#keeper.missing > 0) await this.#keeper.dial()
      const others = Array.from({ length: Math.max(0, this.#keeper.missing) }, () => this.#keeper.dial())
      const failed = (await Promise.allSettled(others)).find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    } catch (error) {
      this.#phase = 'closed'
      this.#upkeep.stop()
      await this.#keeper.close(() => new InterfaceError('pool is closed'))
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
      // It was handed over and then, before this line was reached, it was lost, or the pool terminated.
      this.#keeper.put(slot)
      return this.#acquire({ ...options, timeout: remaining(deadlineMs) }, caller)
    }
    const lease = slot.lend(this.#giveBack, place)
    this.#leases.set(lease.connection, { lease, slot })
    if (hooks.setup !== undefined) {
      const late = (): Error => new PoolTimeoutError(`pool.acquire: the setup hook did not end within ${limitMs} ms`)
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

  async #once<T>(fn: (connection: Connection) => Promise<T>, caller: (...args: never[]) => unknown): Promise<T> {
    this.#requireOpen()
    const { trackLeases, hooks, resetLimitMs } = this.#settings
    // Hooks and tracking are for leases that somebody holds.
    const slot = trackLeases || hooks.setup !== undefined ? null : this.#keeper.take()
    if (slot === null || slot.isClosed) {
      if (slot !== null) this.#keeper.put(slot)
      return this.#onceLent(fn, caller)
    }
    const lease = slot.lendForCall(this.#giveBack)
    try {
      return await fn(lease.connection)
    } finally {
      // The pool was terminated meanwhile, or a listener that was told the connection gave it back.
      if (!lease.isOver) {
        slot.endOfCall(lease)
        // The answer is there; cleaning up is not what the caller waits for.
        this.#takeBack(slot, lease, resetLimitMs)?.catch((error: unknown) => this.#report(error, 'reset'))
      }
    }
  }

  async #onceLent<T>(fn: (connection: Connection) => Promise<T>, caller: (...args: never[]) => unknown): Promise<T> {
    const connection = await this.#acquire({}, caller)
    try {
      return await fn(connection)
    } finally {
      void this.#releaseQuietly(connection)
    }
  }

  readonly #giveBack = (connection: Connection): Promise<void> => this.release(connection)

  /**
   * Does with a connection what is due at the end of its lease.
   * @returns a promise where something has to be waited for; of those, only an error of the program's own hook rejects it.
   */
  #takeBack(slot: Slot, lease: Lease, limitMs: number): Promise<void> | undefined {
    slot.statements += lease.session.statements
    if (slot.isClosed) return void this.#keeper.remove(slot)
    // One that is in the middle of something cannot be closed politely.
    if (this.#keeper.isWorn(slot) && !lease.session.isRunning) return void this.#keeper.retire(slot)
    return this.#keeper.cleanse(slot, limitMs)?.catch((error: unknown) => {
      // The connection is gone and the pool will open another. That is the program's concern only where it is the
      // program's own hook that failed; the work done on the connection is not undone by it.
      if (this.#settings.hooks.reset !== undefined) throw error
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
    const emptied = this.#keeper.close(() => new InterfaceError('pool is closing'))
    try {
      await withLimit(emptied, { limitMs, late: () => closeTimeout(limitMs, this.#keeper.occupancy.leases) })
    } catch (error) {
      const hadLeases = this.#keeper.occupancy.leases.length > 0
      this.terminate()
      // A connection that is still being opened, or slow to close, is nobody's loss.
      if (hadLeases) throw error
    }
    this.#phase = 'closed'
  }

  #requireOpen(): void {
    if (this.#phase === 'open') return
    throw new InterfaceError(this.#phase === 'closing' ? 'pool is closing' : 'pool is closed')
  }

  #report(error: unknown, during: PoolActivity): void {
    try {
      this.#settings.hooks.onError?.(error, during)
    } catch {
      // A listener for errors that throws has nobody left to be told.
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

/** What is left of a limit, for a call that reads 0 as none. */
function remaining(deadlineMs: number): number {
  return deadlineMs === Infinity ? 0 : Math.max(1, deadlineMs - performance.now())
}
