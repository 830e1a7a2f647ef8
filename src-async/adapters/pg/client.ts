/** `pg.Client`: pg's queue of queries, its events and its callbacks, over a connection of the driver. */
import { EventEmitter } from 'node:events'
import type { ConnectOptions } from '../../index.ts'
import { type ClientConfig, ConnectionParameters, type PgSslConfig, hide } from './connection-parameters.ts'
import { Connection, type Runnable, type StatusLetter } from './connection.ts'
import { UNEXPECTED_END } from './database-error.ts'
import { ForeignPortal, isPortalReader } from './foreign-portal.ts'
import { escapeIdentifier, escapeLiteral } from './escape.ts'
import { type CustomTypes, type TypeFormat, TypeOverrides, type TypeParser } from './pg-types.ts'
import { Query, type QueryCallback, type QueryConfig } from './query.ts'
import type { Result } from './result.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: rows are whatever the program says they are.
type Any = any
type ConnectCallback = (error: Error | null, client?: Any) => void

/** An object that uses the connection itself and is no `Query`: `Cursor`, `QueryStream`. */
export interface Submittable {
  /**
   * Called by the client when the queries before it have ended.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(new QueryStream('select * from big')) // calls stream.submit(client.connection)
   *   await once(stream.resume(), 'end')
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- classes of other packages declare pg's own connection here.
  submit(connection: any): unknown
}

type Submitted = Runnable & {
  name?: string | undefined
  rows?: number | undefined
  binary?: unknown
  callback?: QueryCallback | undefined
  _result?: { _types?: CustomTypes | undefined }
}

/** pg's client: one connection. */
export class Client extends EventEmitter {
  /** The class `Query`. */
  static Query: typeof Query = Query

  /** The connection options, with the values of environment variables. */
  readonly connectionParameters: ConnectionParameters
  /** The connection, with those of pg's events and methods that programs use. */
  readonly connection: Connection
  /** The role. */
  readonly user: string | undefined
  /** The database. */
  readonly database: string | undefined
  /** The port. */
  readonly port: number
  /** The host. */
  readonly host: string
  /** The password, or the function that gives it. Not enumerable. */
  declare password: string | null | (() => string | Promise<string>)
  /** Kept as it was given. */
  readonly replication: string | undefined
  /** Whether TLS is used. */
  readonly ssl: boolean | PgSslConfig
  /** Whether queries are sent without waiting for those before them. */
  readonly pipeline: boolean
  /** Kept as it was given; results come as text. */
  readonly binary: boolean
  /** The process of the server; null before the connection is made. */
  processID: number | null = null
  /** Always null: the driver does not give the key to programs. */
  readonly secretKey: null = null
  /** Whether no query runs. */
  readyForQuery = false
  /** Whether a query has run yet. */
  hasExecuted = false
  _ending = false
  _ended = false
  _connecting = false
  _connected = false
  _connectionError = false
  _queryable = true
  readonly _types: TypeOverrides
  readonly _Promise: PromiseConstructor
  _queryQueue: Submitted[] = []
  readonly _sentQueryQueue: Submitted[] = []
  _activeQuery: Submitted | null = null
  _txStatus: StatusLetter | null = null
  readonly _connectionTimeoutMillis: number
  readonly #options: ConnectOptions
  #connectCallback: ConnectCallback | null = null
  #ignoreConnecting = (): void => {}
  #connectTimer: NodeJS.Timeout | undefined

  /**
   * @param config a connection string, or pg's options. The client connects when `connect` is called.
   * @throws Error for invalid options
   * @example
   *   const client = new Client({ connectionString: 'postgres://localhost/shop' })
   *   await client.connect()
   *   const { rows } = await client.query('select * from item where price < $1', [10])
   *   await client.end()
   */
  constructor(config?: string | ClientConfig) {
    super()
    const given: ClientConfig = typeof config === 'object' && config !== null ? config : {}
    const parameters = new ConnectionParameters(config)
    this.connectionParameters = parameters
    this.user = parameters.user
    this.database = parameters.database
    this.port = parameters.port
    this.host = parameters.host
    hide(this, 'password', parameters.password)
    this.replication = parameters.replication
    this.ssl = parameters.ssl || false
    this.pipeline = Boolean(given.pipeline)
    this.binary = Boolean(given.binary ?? parameters.binary)
    this._types = new TypeOverrides(given.types)
    this._Promise = (given.Promise as PromiseConstructor | undefined) ?? Promise
    this._connectionTimeoutMillis = given.connectionTimeoutMillis ?? 0
    this.#options = given.syncpg ?? {}
    this.connection = new Connection()
    this.#attach()
  }

  /**
   * Connects. A client connects only once.
   * @throws DatabaseError when the server refuses, or Node's error of the socket, with its `code`.
   * @example
   *   const other = new Client({ connectionString: 'postgres://localhost/shop' })
   *   await other.connect()
   *   await other.end()
   */
  connect(): Promise<this>
  connect(callback: ConnectCallback): void
  connect(callback?: ConnectCallback): Promise<this> | void {
    if (callback) return this.#connect(callback)
    const connected = new this._Promise<this>((resolve, reject) => {
      this.#connect((error) => (error ? reject(error) : resolve(this)))
    })
    // After `end()` the program need not handle this rejection.
    this.#ignoreConnecting = () => void connected.catch(() => {})
    return connected
  }

  /**
   * Runs a query when those before it are done; at once with `pipeline: true`.
   * @returns a promise of the result; undefined if a callback was given; a `Query` or another submittable is returned
   *   itself
   * @throws TypeError for null, and for a callback that is no function. The promise rejects with the server's error.
   * @example const { rows } = await client.query('select name from item where price < $1', [4]) // [ { name: 'tea' } ]
   */
  query<T extends Submittable>(submittable: T): T
  query<T extends Submittable>(submittable: T, callback: QueryCallback): T
  query<R = Any>(text: string | QueryConfig, values?: readonly Any[]): Promise<Result<R>>
  query<R = Any>(text: string | QueryConfig, callback: (error: Error, result: Result<R>) => void): void
  query<R = Any>(
    text: string | QueryConfig,
    values: readonly Any[] | undefined,
    callback: (error: Error, result: Result<R>) => void,
  ): void
  query(config: string | QueryConfig | Submittable, values?: unknown, callback?: unknown): unknown {
    if (config === null || config === undefined) throw new TypeError('Client was passed a null or undefined query')
    const isOwn = typeof (config as Submittable).submit === 'function'
    const { query, result } = isOwn
      ? this.#submitted(config as Submitted, values, callback)
      : this.#made(config as QueryConfig, values, callback)
    this.#limit(query, (config as QueryConfig).query_timeout || this.connectionParameters.query_timeout)
    if (query._result && !query._result._types) query._result._types = this._types
    const refusal = this.#refusalOf(query)
    if (refusal !== null) {
      process.nextTick(() => query.handleError(new Error(refusal), this.connection))
      return result
    }
    this._queryQueue.push(query)
    this._pulseQueryQueue()
    return result
  }

  /**
   * Ends the connection. It breaks off a running query; with `pipeline: true` it waits for the queries.
   * @example await client.end()
   */
  end(): Promise<void>
  end(callback: (error?: Error) => void): void
  end(callback?: (error?: Error) => void): Promise<void> | void {
    this._ending = true
    this.#ignoreConnecting()
    const isIdle = !this.connection._connecting || this._ended
    if (isIdle) {
      // Queries of a client that never connected fail here; in pg they wait for ever.
      this.#failAll(new Error('Connection terminated'))
      return callback ? callback() : this._Promise.resolve()
    }
    this.#goodbye()
    if (callback) return void this.connection.once('end', callback)
    return new this._Promise<void>((resolve) => void this.connection.once('end', () => resolve()))
  }

  /**
   * The open connection keeps the process alive, which is the default.
   * @example client.ref()
   */
  ref(): void {
    this.connection.ref()
  }

  /**
   * The open connection does not keep the process alive.
   * @example client.unref() // the process may end while this client is open
   */
  unref(): void {
    this.connection.unref()
  }

  /**
   * `'I'` idle, `'T'` in a transaction, `'E'` in one that has failed; null before the connection is made.
   * @example
   *   await client.query('begin')
   *   console.log(client.getTransactionStatus()) // T
   */
  getTransactionStatus(): StatusLetter | null {
    return this._txStatus
  }

  /**
   * Whether there is no query and no transaction.
   * @internal
   */
  get _isIdle(): boolean {
    const isAsked = this._activeQuery !== null || this._sentQueryQueue.length > 0 || this._queryQueue.length > 0
    return !isAsked && this.connection.transactionStatus === 'I'
  }

  /**
   * Sets the parser of a type, by its OID, for this client.
   * @example
   *   client.setTypeParser(20, BigInt) // int8
   *   const { rows } = await client.query('select count(*) from item') // [ { count: 3n } ]
   */
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parse?: TypeParser): void {
    this._types.setTypeParser(oid, format as TypeFormat, parse as TypeParser)
  }

  /**
   * The parser of a type, by its OID.
   * @example client.getTypeParser(23)('7') // 7
   */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser {
    return this._types.getTypeParser(oid, format)
  }

  /**
   * A name, quoted for SQL.
   * @example client.escapeIdentifier('My table') // '"My table"'
   */
  escapeIdentifier(name: string): string {
    return escapeIdentifier(name)
  }

  /**
   * A text as a literal of SQL.
   * @example client.escapeLiteral("it's") // "'it''s'"
   */
  escapeLiteral(text: string): string {
    return escapeLiteral(text)
  }

  /**
   * Cancels a query of another client if it runs, or removes it if it waits.
   * @example
   *   import { once } from 'node:events'
   *   const slow = client.query(new Query('select pg_sleep(60)'))
   *   new Client().cancel(client, slow)
   *   const [error] = await once(slow, 'error')
   *   console.log(error.code) // 57014
   */
  cancel(client: Client, query: Any): void {
    const at = client._queryQueue.indexOf(query)
    if (client._activeQuery === query) client.connection.cancel()
    else if (at >= 0) client._queryQueue.splice(at, 1)
    else if (client._sentQueryQueue.includes(query)) query.callback = () => {}
  }

  /** The query that runs now. */
  get activeQuery(): Any {
    return this._activeQuery
  }

  /** Queries that wait. */
  get queryQueue(): Any[] {
    return this._queryQueue
  }

  #connect(callback: ConnectCallback): void {
    if (this._connecting || this._connected) {
      const error = new Error('Client has already been connected. You cannot reuse a client.')
      return process.nextTick(() => callback(error))
    }
    this._connecting = true
    this.#connectCallback = callback
    const limitMs = this._connectionTimeoutMillis
    if (limitMs > 0) {
      this.#connectTimer = setTimeout(() => this.connection.giveUp(new Error('timeout expired')), limitMs)
      this.#connectTimer.unref()
    }
    void this.connection.open(async () => {
      await this.#askPassword()
      return { ...this.connectionParameters.toOptions(), ...this.#options }
    })
  }

  /** A password function is called once, with pg's parameters. */
  async #askPassword(): Promise<void> {
    if (typeof this.password !== 'function') return
    const ask = this.password as (parameters: ConnectionParameters) => unknown
    const password = await ask(this.connectionParameters)
    if (password !== undefined && typeof password !== 'string') throw new TypeError('Password must be a string')
    this.password = password ?? null
    this.connectionParameters.password = this.password
  }

  #attach(): void {
    const { connection } = this
    connection.on('error', (error: Error) => this.#handleError(error))
    connection.on('errorMessage', (error: Error) => this.#handleErrorMessage(error))
    connection.on('readyForQuery', ({ status }: { status: StatusLetter | null }) => this.#handleReady(status))
    connection.on('backendKeyData', ({ processID }: { processID: number }) => {
      this.processID = processID
    })
    connection.on('notice', (notice: unknown) => this.emit('notice', notice))
    connection.on('notification', (notification: unknown) => this.emit('notification', notification))
    connection.once('end', () => this.#handleEnd())
  }

  #handleReady(status: StatusLetter | null): void {
    if (this._connecting) this.#connected()
    const query = this._activeQuery
    this._activeQuery = null
    this._txStatus = status
    this.readyForQuery = true
    try {
      query?.handleReadyForQuery(this.connection)
    } finally {
      this._pulseQueryQueue()
    }
  }

  #connected(): void {
    this._connecting = false
    this._connected = true
    clearTimeout(this.#connectTimer)
    this.#connectCallback?.(null, this)
    this.#connectCallback = null
    this.emit('connect')
  }

  #handleErrorMessage(error: Error): void {
    if (this._connecting) return this.#handleConnectError(error)
    const query = this._activeQuery
    if (query === null) return this.#handleError(error)
    this._activeQuery = null
    query.handleError(error, this.connection)
  }

  #handleConnectError(error: Error): void {
    if (this._connectionError) return
    this._connectionError = true
    clearTimeout(this.#connectTimer)
    if (this.#connectCallback !== null) this.#connectCallback(error)
    else if (!this._ending) this.emit('error', error)
  }

  /** Handles an error after which the connection cannot be used any more. */
  #handleError(error: Error): void {
    if (this._connecting) return this.#handleConnectError(error)
    this._queryable = false
    this.#failAll(error)
    this.emit('error', error)
  }

  #handleEnd(): void {
    const error = new Error(this._ending ? 'Connection terminated' : UNEXPECTED_END)
    clearTimeout(this.#connectTimer)
    this.#failAll(error)
    this._ended = true
    process.nextTick(() => this.emit('end'))
    if (!this._ending && !this._connectionError) this.#handleError(error)
  }

  #failAll(error: Error): void {
    const active = this._activeQuery === null ? [] : [this._activeQuery]
    this._activeQuery = null
    const queries = [...active, ...this._sentQueryQueue.splice(0), ...this._queryQueue.splice(0)]
    for (const query of queries) process.nextTick(() => query.handleError(error, this.connection))
  }

  #goodbye(): void {
    const { connection } = this
    const isUnderWay = this._activeQuery !== null
    if (!this._queryable) return connection.destroy()
    if (!this.pipeline) return isUnderWay ? connection.destroy() : connection.end()
    const waits = isUnderWay || this._sentQueryQueue.length > 0 || this._queryQueue.length > 0
    if (waits) this.once('drain', () => connection.end())
    else connection.end()
  }

  #submitted(query: Submitted, values: unknown, callback: unknown): { query: Submitted; result: unknown } {
    const given = typeof values === 'function' ? values : callback
    if (!query.callback && given) query.callback = given as QueryCallback
    return { query, result: query }
  }

  #made(config: string | QueryConfig, values: unknown, callback: unknown): { query: Query; result: unknown } {
    const query = new Query(config, values, callback)
    if (query.callback) {
      if (typeof query.callback !== 'function') throw new TypeError('callback is not a function')
      return { query, result: undefined }
    }
    const result = new this._Promise((resolve, reject) => {
      query.callback = (error, answer) => (error ? reject(error) : resolve(answer))
    }).catch((error: Error) => {
      // With this the stack shows the program and not the socket's event.
      Error.captureStackTrace(error)
      throw error
    })
    return { query, result }
  }

  /** Starts the time limit. After `limitMs` the query fails, and the server is asked to cancel it. */
  #limit(query: Submitted, limitMs: number | false | undefined): void {
    if (!limitMs) return
    const report = query.callback ?? (() => {})
    const timer = setTimeout(() => {
      const error = new Error('Query read timeout')
      process.nextTick(() => query.handleError(error, this.connection))
      report(error, undefined)
      query.callback = () => {}
      const at = this._queryQueue.indexOf(query)
      if (at >= 0) this._queryQueue.splice(at, 1)
      else if (this.pipeline) return this.connection.destroy()
      else if (this._activeQuery === query) this.connection.cancel()
      this._pulseQueryQueue()
    }, limitMs)
    query.callback = (error, answer) => {
      clearTimeout(timer)
      report(error, answer)
    }
  }

  #refusalOf(query: Submitted): string | null {
    if (this.pipeline) {
      const isOther = !(query instanceof Query)
      const what = isOther ? 'Custom query classes such as pg-cursor and pg-query-stream are' : 'The `rows` option is'
      if (isOther || query.rows) return `${what} not supported in pipeline mode`
    }
    // A connection that could not be made has ended too, and nothing would take the query from the queue.
    const isLost = !this._queryable || (this._ended && !this._ending)
    if (isLost) return 'Client has encountered a connection error and is not queryable'
    return this._ending ? 'Client was closed and is not queryable' : null
  }

  /** Starts the waiting queries that can start now. */
  _pulseQueryQueue(): void {
    if (this.pipeline) return this.#pulsePipeline()
    if (!this.readyForQuery) return
    const query = this._queryQueue.shift() ?? null
    this._activeQuery = query
    if (query === null) {
      if (this.hasExecuted) this.emit('drain')
      return
    }
    this.readyForQuery = false
    this.hasExecuted = true
    const error = submit(query, this.connection, false)
    if (error === null) return
    process.nextTick(() => {
      this._activeQuery = null
      query.handleError(error, this.connection)
      this.readyForQuery = true
      this._pulseQueryQueue()
    })
  }

  #pulsePipeline(): void {
    if (!this._connected || !this._queryable) return
    for (let query = this._queryQueue.shift(); query !== undefined; query = this._queryQueue.shift()) {
      this.hasExecuted = true
      // The query is queued first, because a failed connection answers before `submit` returns.
      this._sentQueryQueue.push(query)
      const error = submit(query, this.connection, true)
      if (error === null) continue
      this._sentQueryQueue.pop()
      const refused = query
      process.nextTick(() => refused.handleError(error, this.connection))
    }
    if (this.readyForQuery && this._activeQuery === null && this._sentQueryQueue.length > 0) {
      this._activeQuery = this._sentQueryQueue.shift() ?? null
      this.readyForQuery = false
    }
    const isDrained = this._activeQuery === null && this._sentQueryQueue.length === 0
    if (isDrained && this.hasExecuted) this.emit('drain')
  }
}

function submit(query: Submitted, connection: Connection, isBehind: boolean): Error | null {
  try {
    if (query instanceof Query) return query.submit(connection, isBehind)
    // Cursors of the npm packages pg-cursor and pg-query-stream need pg's messages. Our own classes do not.
    const site = isPortalReader(query) ? new ForeignPortal(connection, query) : connection
    return query.submit(site as Connection) ?? null
  } catch (error) {
    return error as Error
  }
}
