/**
 * pg's `client.connection`, with the events and the stream that programs use. It does not speak the protocol. Only this
 * file of the adapter calls the driver.
 */
import { EventEmitter } from 'node:events'
import { type Connection as Driver, type ConnectOptions, type DbError, connect } from '../../index.ts'
import { UNEXPECTED_END, connectError, databaseError, isServerError, noticeMessage } from './database-error.ts'
import { outside } from './outside.ts'
import { PipelineFeed } from './pipeline-feed.ts'
import type { Prepared } from './prepare-value.ts'
import {
  AS_ARRAYS,
  AS_OBJECTS,
  type Sending,
  type TextResult,
  refusedByServer,
  sentWithin,
  valuesOf,
  wellFormed,
} from './sending.ts'
import { TextCursor } from './text-cursor.ts'

/** The transaction's status: idle, in a transaction, or in a failed one. */
export type StatusLetter = 'I' | 'T' | 'E'

/** The argument of listeners of `notification`. */
export interface Notification {
  /** The process id of the session that sent it. */
  readonly processId: number
  /** The channel. */
  readonly channel: string
  /** The text; empty if none was sent. */
  readonly payload: string
  readonly name: 'notification'
  readonly length: number
}

type CopyEnds = { readonly source: AsyncIterable<Uint8Array> } | { readonly output: (chunk: Buffer) => Promise<void> }

/** An object that uses the connection: `Query`, `Cursor`, `QueryStream`. */
export interface Runnable {
  /** Starts it. @returns an error if it cannot start */
  submit(connection: Connection): Error | null | undefined | void
  handleError(error: Error, connection: Connection): void
  handleReadyForQuery(connection: Connection): void
}

/** Settings whose values the server reports without being asked. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'application_name',
  'default_transaction_read_only',
  'in_hot_standby',
  'is_superuser',
  'session_authorization',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
  'search_path',
  'scram_iterations',
] as const

const LETTERS: Readonly<Record<string, StatusLetter>> = { idle: 'I', 'in-transaction': 'T', failed: 'E' }
const CLOSE_TIMEOUT_MS = 5000

/**
 * The connection of a client, with those parts of pg's that programs use: its stream, its events and its prepared
 * texts.
 */
export class Connection extends EventEmitter {
  /** Stands for pg's socket: `ref`, `unref`, `destroy`, and properties about TLS. */
  readonly stream: ConnectionStream
  /** Texts of named statements that have run. */
  readonly parsedStatements: Record<string, string> = {}
  /** Texts of named statements that were sent and have not ended. */
  readonly submittedNamedStatements: Record<string, string> = {}
  _connecting = false
  _ending = false
  #driver: Driver | null = null
  #feed: PipelineFeed | null = null
  #hasEnded = false
  #isBusy = false
  /** Whether a query has already failed with the error that ended the session. */
  #isLossReported = false
  #isReferenced = true
  readonly #opening = new AbortController()
  readonly #emittedParameters = new Map<string, string>()

  /** @example client.connection instanceof Connection // true: the client makes it */
  constructor() {
    super()
    this.stream = new ConnectionStream(this)
  }

  /**
   * Opens the session. Emits `parameterStatus`, `backendKeyData` and `readyForQuery`, or `error` and `end` if it fails.
   * @internal
   */
  async open(optionsOf: () => ConnectOptions | Promise<ConnectOptions>): Promise<void> {
    this._connecting = true
    let driver: Driver
    try {
      const options = await optionsOf()
      driver = await connect({ ...options, signal: this.#opening.signal })
      this.stream.describe(options)
    } catch (error) {
      outside(() => this.emit('error', connectError(error)))
      // As in pg, the event `end` comes after the error's listeners have run, so that they can still use the
      // connection.
      return void setImmediate(() => this.#end())
    }
    if (this.#opening.signal.aborted) {
      driver.terminate()
      return this.#end()
    }
    this.#driver = driver
    this.#listen(driver)
    if (!this.#isReferenced) driver.unref()
    outside(() => {
      this.#emitParameters()
      this.emit('backendKeyData', { processID: driver.backendPid, secretKey: null })
      this.#ready()
    })
  }

  /**
   * Cancels connecting.
   * @internal
   */
  giveUp(reason: Error): void {
    this.#opening.abort(reason)
  }

  /**
   * Sends a query while no other runs. Emits `errorMessage` if it fails, and `readyForQuery` at its end.
   * @internal
   */
  send(query: Sending, take: (result: TextResult) => void): void {
    this.#isBusy = true
    this.#sent(this.#require(), wellFormed(query)).then(
      (result) => this.#settle(() => take(result)),
      (error: unknown) => this.#settleError(error),
    )
  }

  /**
   * Sends a query without waiting for the queries before it.
   * @internal
   */
  sendBehind(query: Sending, take: (result: TextResult) => void): void {
    this.#isBusy = true
    this.#feed ??= new PipelineFeed({
      openPipeline: (work) => this.#require().pipeline(work),
      alone: (each) => this.#sent(this.#require(), each),
      within: (pipeline, each) => sentWithin(pipeline, each),
    })
    this.#feed.send(
      wellFormed(query),
      (result) => this.#settle(() => take(result)),
      (error) => this.#settleError(error),
    )
  }

  /**
   * Opens a cursor, which gives the rows of a statement in pieces. No other query runs until it is closed.
   * @internal
   */
  async openCursor(text: string, values: readonly Prepared[], rowsAsArrays: boolean): Promise<TextCursor> {
    this.#isBusy = true
    return TextCursor.open(this.#require(), wellFormed({ text, values, rowsAsArrays }))
  }

  /**
   * Runs a COPY between the server and a stream.
   * @internal
   */
  copy(text: string, ends: CopyEnds, take: (rowCount: number) => void): void {
    this.#isBusy = true
    const driver = this.#require()
    driver
      .copy(text, ends)
      .catch((error: unknown) => refusedByServer(driver, error))
      .then(
        (tag) => this.#settle(() => take(Number(tag.split(' ').at(-1)))),
        (error: unknown) => this.#settleError(error),
      )
  }

  /**
   * A cursor calls this when it no longer needs the connection.
   * @internal
   */
  finish(): void {
    this.#settle(() => {})
  }

  /**
   * A failed cursor calls this when it no longer needs the connection. The client passes the error to its
   * `handleError`.
   * @internal
   */
  fail(error: unknown): void {
    this.#settleError(error)
  }

  /**
   * Turns an error of the driver into the one that pg throws.
   * @internal
   */
  _errorOf(error: unknown): Error {
    return databaseError(error)
  }

  /**
   * Asks the server to cancel the running statement.
   * @example
   *   const slow = client.query('select pg_sleep(60)').catch((error) => error.code)
   *   client.connection.cancel()
   *   console.log(await slow) // 57014
   */
  cancel(): void {
    this.#driver?.cancel().catch(() => {})
  }

  /** `'I'` without a transaction, `'T'` in one, `'E'` in one that has failed. */
  get transactionStatus(): StatusLetter | null {
    return LETTERS[this.#driver?.transactionStatus ?? ''] ?? null
  }

  /**
   * Closes the connection, or stops connecting.
   * @example
   *   client.on('error', () => console.log('closed'))
   *   client.connection.end()
   */
  end(): void {
    this._ending = true
    if (this.#driver === null) return this.giveUp(new Error('Connection terminated'))
    if (!this._connecting) return this.#end()
    this.#driver.close({ timeout: CLOSE_TIMEOUT_MS }).catch(() => {})
  }

  /**
   * Closes the socket at once, without telling the server.
   * @example
   *   client.on('error', (error) => console.log(error.message)) // out of time
   *   client.connection.destroy(new Error('out of time'))
   */
  destroy(error?: Error): void {
    this.stream.destroyed = true
    this.#opening.abort(error ?? new Error(UNEXPECTED_END))
    if (error !== undefined && this.#driver !== null) outside(() => this.emit('error', error))
    this.#driver?.terminate()
  }

  /**
   * The open connection keeps the process alive.
   * @example client.connection.ref()
   */
  ref(): void {
    this.#isReferenced = true
    this.#driver?.ref()
  }

  /**
   * The open connection does not keep the process alive.
   * @example client.connection.unref()
   */
  unref(): void {
    this.#isReferenced = false
    this.#driver?.unref()
  }

  #require(): Driver {
    if (this.#driver === null) throw new Error('the connection is not open')
    return this.#driver
  }

  #listen(driver: Driver): void {
    driver.addNotificationListener((_, { backendPid, channel, payload }) => {
      this.emit('notification', { processId: backendPid, channel, payload, name: 'notification', length: 0 })
    })
    driver.addLogListener((_, notice) => {
      this.emit('notice', noticeMessage(notice))
    })
    driver.addTerminationListener((_, reason) => {
      // The running query fails first, with the reason. Then the events follow.
      setImmediate(() => this.#lost(reason))
    })
  }

  #lost(reason: DbError | null): void {
    outside(() => {
      if (!this.#isBusy && !this.#isLossReported && isServerError(reason))
        this.emit('errorMessage', databaseError(reason))
    })
    this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    outside(() => {
      this.stream.emit('end')
      this.stream.emit('close')
      this.emit('end')
    })
  }

  /** Runs one query alone, through the driver's fastest call that gives pg's result. */
  #sent(driver: Driver, query: Sending): Promise<TextResult> {
    const { text, values } = query
    // Bytes may be for a parameter of any type. `driver.query` would ask for the type and refuse most types. A NUL is left for
    // the server to refuse, because that fails the transaction.
    const isForServer = values.some((value) => (typeof value === 'string' ? value.includes('\0') : value !== null))
    if (isForServer || (query.isExtended && values.length === 0 && text.includes(';'))) {
      return driver.pipeline((pipeline) => sentWithin(pipeline, query))
    }
    const sent = driver.query<unknown>(text, valuesOf(query), query.rowsAsArrays ? AS_ARRAYS : AS_OBJECTS)
    return sent.catch((error: unknown) => refusedByServer(driver, error))
  }

  #settle(report: () => void): void {
    this.#isBusy = false
    // After `destroy()` results are dropped.
    if (this.stream.destroyed) return
    outside(report)
    this.#ready()
  }

  #settleError(error: unknown): void {
    const isClosed = this.#driver?.isClosed === true
    // When the connection was destroyed, or lost without an error of the server, the event `end` reports it.
    if (this.stream.destroyed || (isClosed && !isServerError(error))) return
    this.#isLossReported = isClosed
    outside(() => this.emit('errorMessage', databaseError(error)))
    this.#isBusy = false
    if (!isClosed) this.#ready()
  }

  #ready(): void {
    outside(() => {
      if (this.listenerCount('parameterStatus') > 0) this.#emitParameters()
      this.emit('readyForQuery', { status: this.transactionStatus, name: 'readyForQuery', length: 5 })
    })
  }

  #emitParameters(): void {
    for (const parameterName of REPORTED) {
      const parameterValue = this.#driver?.parameter(parameterName)
      if (parameterValue === undefined || this.#emittedParameters.get(parameterName) === parameterValue) continue
      this.#emittedParameters.set(parameterName, parameterValue)
      this.emit('parameterStatus', { parameterName, parameterValue, name: 'parameterStatus', length: 0 })
    }
  }
}

// Packages that send protocol messages themselves, such as pg-copy-streams, get an error that says what to use.
for (const name of ['parse', 'bind', 'describe', 'execute', 'query', 'sync', 'flush', 'close', 'sendCopyFail']) {
  Object.defineProperty(Connection.prototype, name, {
    configurable: true,
    value: () => {
      throw new Error(
        `connection.${name}: syncpg/pg gives no access to the protocol. In place of pg-copy-streams use copyFrom and ` +
          'copyTo of syncpg/pg',
      )
    },
  })
}

/** pg's `connection.stream`: events and methods about the end of the connection. */
export class ConnectionStream extends EventEmitter {
  destroyed = false
  encrypted: boolean | undefined
  alpnProtocol: string | undefined
  readonly #connection: Connection

  constructor(connection: Connection) {
    super()
    this.#connection = connection
    this.on('error', (error: Error) => this.#connection.emit('error', error))
  }

  /** Sets the properties about TLS. `alpnProtocol` is set for TLS that begins without asking the server first. */
  describe({ ssl, sslnegotiation }: ConnectOptions): void {
    if (ssl === undefined || ssl === false) return
    this.encrypted = true
    if (sslnegotiation === 'direct') this.alpnProtocol = 'postgresql'
  }

  destroy(error?: Error): this {
    this.#connection.destroy(error)
    return this
  }

  end(): this {
    this.#connection.end()
    return this
  }

  ref(): this {
    this.#connection.ref()
    return this
  }

  unref(): this {
    this.#connection.unref()
    return this
  }
}
