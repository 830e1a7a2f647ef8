/**
 * pg's `client.connection`, as far as programs use it: its events and its stream. It does not speak the protocol. This is the
 * one place where the adapter meets the driver.
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

/** The server's word about the transaction. */
export type StatusLetter = 'I' | 'T' | 'E'

/** What listeners of `notification` get. */
export interface Notification {
  /** The process id of the session that sent it. */
  readonly processId: number
  /** The channel it came on. */
  readonly channel: string
  /** Its text, empty where none was sent. */
  readonly payload: string
  readonly name: 'notification'
  readonly length: number
}

type CopyEnds = { readonly source: AsyncIterable<Uint8Array> } | { readonly output: (chunk: Buffer) => Promise<void> }

/** One that uses the connection by itself: `Query`, `Cursor`, `QueryStream`. */
export interface Runnable {
  /** Starts. @returns an error where it cannot be started */
  submit(connection: Connection): Error | null | undefined | void
  handleError(error: Error, connection: Connection): void
  handleReadyForQuery(connection: Connection): void
}

/** Settings that the server tells of its own accord. */
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

/** The connection below a client, as far as programs use pg's: its stream, its events and what it prepared. */
export class Connection extends EventEmitter {
  /** Stands for pg's socket: `ref`, `unref`, `destroy`, and what is known of TLS. */
  readonly stream: ConnectionStream
  /** Texts of named statements that have run. */
  readonly parsedStatements: Record<string, string> = {}
  /** Texts of named statements under way. */
  readonly submittedNamedStatements: Record<string, string> = {}
  _connecting = false
  _ending = false
  #driver: Driver | null = null
  #feed: PipelineFeed | null = null
  #hasEnded = false
  #isBusy = false
  /** Whether a query has failed with the reason of the session's end. */
  #isLossTold = false
  #isReferenced = true
  readonly #opening = new AbortController()
  readonly #told = new Map<string, string>()

  constructor() {
    super()
    this.stream = new ConnectionStream(this)
  }

  /**
   * Opens the session; tells of it by `parameterStatus`, `backendKeyData` and `readyForQuery`, of a failure by `error` and `end`.
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
      // As with pg's socket the end is told later, so that who hears of the error can still ask something.
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
      this.#tellParameters()
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
   * Sends a query that nothing else runs beside; its end comes as `errorMessage`, `readyForQuery`.
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
   * Sends a query behind those that are under way.
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
   * Opens a cursor: the rows of a statement in pieces. Nothing else runs until it is closed.
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
   * Says that a cursor is done with the connection.
   * @internal
   */
  finish(): void {
    this.#settle(() => {})
  }

  /**
   * The same of a cursor that has failed, and takes its error back by `handleError`.
   * @internal
   */
  fail(error: unknown): void {
    this.#settleError(error)
  }

  /**
   * What a program is told of a failure: pg's error for the driver's.
   * @internal
   */
  _errorOf(error: unknown): Error {
    return databaseError(error)
  }

  /** Asks the server to cancel what runs. */
  cancel(): void {
    this.#driver?.cancel().catch(() => {})
  }

  /** `'I'` without a transaction, `'T'` in one, `'E'` in one that has failed. */
  get transactionStatus(): StatusLetter | null {
    return LETTERS[this.#driver?.transactionStatus ?? ''] ?? null
  }

  /** Says goodbye to the server, or gives connecting up. */
  end(): void {
    this._ending = true
    if (this.#driver === null) return this.giveUp(new Error('Connection terminated'))
    if (!this._connecting) return this.#end()
    this.#driver.close({ timeout: CLOSE_TIMEOUT_MS }).catch(() => {})
  }

  /** Cuts the connection. */
  destroy(error?: Error): void {
    this.stream.destroyed = true
    this.#opening.abort(error ?? new Error(UNEXPECTED_END))
    if (error !== undefined && this.#driver !== null) outside(() => this.emit('error', error))
    this.#driver?.terminate()
  }

  /** The process stays alive for it. */
  ref(): void {
    this.#isReferenced = true
    this.#driver?.ref()
  }

  /** The process need not stay alive for it. */
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
      // What runs fails with the reason first, then the rest is told.
      setImmediate(() => this.#lost(reason))
    })
  }

  #lost(reason: DbError | null): void {
    outside(() => {
      if (!this.#isBusy && !this.#isLossTold && isServerError(reason)) this.emit('errorMessage', databaseError(reason))
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

  /** One query alone, in the shortest way that means the same. */
  #sent(driver: Driver, query: Sending): Promise<TextResult> {
    const { text, values } = query
    // Bytes are for whatever type the server finds; by itself the driver would ask for the type and refuse most. A NUL is
    // for the server to refuse, because that fails the transaction.
    const isForServer = values.some((value) => (typeof value === 'string' ? value.includes('\0') : value !== null))
    if (isForServer || (query.isExtended && values.length === 0 && text.includes(';'))) {
      return driver.pipeline((pipeline) => sentWithin(pipeline, query))
    }
    const sent = driver.query<unknown>(text, valuesOf(query), query.rowsAsArrays ? AS_ARRAYS : AS_OBJECTS)
    return sent.catch((error: unknown) => refusedByServer(driver, error))
  }

  #settle(told: () => void): void {
    this.#isBusy = false
    // What comes after the connection was cut is given up with it.
    if (this.stream.destroyed) return
    outside(told)
    this.#ready()
  }

  #settleError(error: unknown): void {
    const isClosed = this.#driver?.isClosed === true
    // Of a connection that was cut, or lost without a word, `end` tells.
    if (this.stream.destroyed || (isClosed && !isServerError(error))) return
    this.#isLossTold = isClosed
    outside(() => this.emit('errorMessage', databaseError(error)))
    this.#isBusy = false
    if (!isClosed) this.#ready()
  }

  #ready(): void {
    outside(() => {
      if (this.listenerCount('parameterStatus') > 0) this.#tellParameters()
      this.emit('readyForQuery', { status: this.transactionStatus, name: 'readyForQuery', length: 5 })
    })
  }

  #tellParameters(): void {
    for (const parameterName of REPORTED) {
      const parameterValue = this.#driver?.parameter(parameterName)
      if (parameterValue === undefined || this.#told.get(parameterName) === parameterValue) continue
      this.#told.set(parameterName, parameterValue)
      this.emit('parameterStatus', { parameterName, parameterValue, name: 'parameterStatus', length: 0 })
    }
  }
}

// What speaks the protocol by itself, such as pg-copy-streams, is told that it cannot.
for (const name of ['parse', 'bind', 'describe', 'execute', 'query', 'sync', 'flush', 'close', 'sendCopyFail']) {
  Object.defineProperty(Connection.prototype, name, {
    configurable: true,
    value: () => {
      throw new Error(
        `connection.${name}: syncpg/pg does not hand out the protocol. In place of pg-copy-streams there are copyFrom and ` +
          'copyTo of syncpg/pg',
      )
    },
  })
}

/** pg's `connection.stream`: its end, and cutting it. */
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

  /** Says what it is like, for those who look: TLS, and the protocol's name for TLS without a question before it. */
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
