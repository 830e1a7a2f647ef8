/**
 * A stream of notifications that outlives its connections. It has a connection of its own that LISTENs; when the connection
 * is lost, the stream opens another one and LISTENs again. PostgreSQL does not deliver what was sent in between; `onGap`
 * tells the program that there was a gap, so that it can look at its tables.
 */
import { describeValue } from './errors/describe-value.ts'
import { sealInstances } from './options/sealed.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from './connect.ts'
import type { Connection } from './connection.ts'
import { InterfaceError, OperationalError, ProgrammingError } from './errors/tree.ts'
import { NotificationLog } from './flows/notification-log.ts'
import { NotificationReader } from './notification-reader.ts'
import { type ConnectOptions, connectArguments } from './options/options.ts'
import { quoteChannel } from './values/sql.ts'
import type { Notification } from './wire/operations.ts'

/** Options of `listen`: those of `connect`, and what to listen to. */
export interface NotificationStreamOptions extends ConnectOptions {
  /** Channels to listen to from the start. */
  readonly channels?: readonly string[]
  /** Called after each reconnect. Notifications sent in between are lost. */
  readonly onGap?: (gap: NotificationGap) => void
  /**
   * How many notifications the stream keeps in memory, 100,000 by default. When more arrive that no loop has read, the
   * stream is closed. A loop that is further behind the fastest loop ends alone. In both cases the loop throws
   * OperationalError.
   */
  readonly maxQueued?: number
}

/** A time without a connection, which `onGap` gets. Notifications of that time are lost. */
export interface NotificationGap {
  /** Milliseconds without a connection. */
  readonly elapsed: number
  /** The error that ended the connection, or the last failed attempt to reconnect. */
  readonly reason: unknown
}

const DEFAULT_MAX_QUEUED = 100_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 10_000

/**
 * Opens a stream of notifications.
 * @throws OperationalError when the first connection cannot be opened; ProgrammingError for bad options and for a
 *   channel name of more than 63 bytes.
 * @example
 *   await using jobs = await listen('postgres://localhost/shop', { channels: ['job'] })
 *   for await (const { payload } of jobs) await work(payload)
 */
export async function listen(
  dsn?: string | NotificationStreamOptions,
  options?: NotificationStreamOptions,
): Promise<NotificationStream> {
  const asked = connectArguments(dsn, options)
  const {
    channels = [],
    onGap,
    maxQueued = DEFAULT_MAX_QUEUED,
    ...connectOptions
  }: NotificationStreamOptions = asked.options
  if (!Number.isSafeInteger(maxQueued) || maxQueued < 1) {
    throw new ProgrammingError(`listen: maxQueued: expected a positive integer, got ${describeValue(maxQueued)}`)
  }
  for (const channel of channels) quoteChannel(channel, 'listen')
  const open = (): Promise<Connection> =>
    asked.dsn === undefined ? connect(connectOptions) : connect(asked.dsn, connectOptions)
  const stream = new NotificationStream(open, maxQueued, onGap ?? null)
  await stream.start(channels)
  return stream
}

/** A stream of notifications, made by `listen`. Iterate over it. */
export class NotificationStream implements AsyncIterable<Notification> {
  static {
    sealInstances(this)
  }

  readonly #open: () => Promise<Connection>
  readonly #maxQueued: number
  readonly #onGap: ((gap: NotificationGap) => void) | null
  readonly #channels = new Set<string>()
  readonly #stopped = new AbortController()
  readonly #log: NotificationLog<Notification>
  readonly #readers = new Set<NotificationReader>()
  #connection: Connection | null = null
  #failure: unknown = null

  /** Made by `listen`. */
  constructor(open: () => Promise<Connection>, maxQueued: number, onGap: ((gap: NotificationGap) => void) | null) {
    this.#open = open
    this.#maxQueued = maxQueued
    this.#log = new NotificationLog(maxQueued)
    this.#onGap = onGap
  }

  /** The channels that the stream listens to. */
  get channels(): string[] {
    return [...this.#channels]
  }

  /** True after `close`. */
  get isClosed(): boolean {
    return this.#stopped.signal.aborted
  }

  /**
   * Connects for the first time. Called by `listen`.
   * @internal
   */
  async start(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.add(channel)
    await this.#connect()
  }

  /**
   * Listens to one more channel.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example
   *   await using jobs = await listen('postgres://localhost/shop')
   *   await jobs.add('job')
   *   console.log(jobs.channels) // [ 'job' ]
   */
  async add(channel: string): Promise<void> {
    quoteChannel(channel, 'add')
    if (this.isClosed) throw new InterfaceError('the stream of notifications is closed')
    this.#channels.add(channel)
    // While there is no connection, nothing is sent: the next connection listens to all channels.
    await this.#connection?.addListener(channel, this.#take)
  }

  /**
   * Stops listening to a channel.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example
   *   await using jobs = await listen('postgres://localhost/shop', { channels: ['job', 'mail'] })
   *   await jobs.remove('mail')
   *   console.log(jobs.channels) // [ 'job' ]
   */
  async remove(channel: string): Promise<void> {
    quoteChannel(channel, 'remove')
    if (this.#channels.delete(channel)) await this.#connection?.removeListener(channel, this.#take)
  }

  /**
   * Gives the notifications as they arrive. Several loops may run: each gets every notification that arrives while it
   * is open. A new loop first gets the notifications that no loop has read. Leaving a loop does not disturb the others.
   * All loops end when the stream is closed.
   * @throws OperationalError when the loop is too slow, see `maxQueued`.
   * @example
   *   await using jobs = await listen('postgres://localhost/shop', { channels: ['job'] })
   *   for await (const { channel, payload } of jobs) {
   *     console.log(channel, payload)
   *     break // leaves the loop; the stream still collects
   *   }
   */
  [Symbol.asyncIterator](): AsyncGenerator<Notification, void, undefined> {
    const reader = new NotificationReader(this.#log.open(), {
      maxQueued: this.#maxQueued,
      hasEnded: () => {
        if (this.#failure !== null) throw this.#failure
        return this.isClosed
      },
      onLeft: () => this.#readers.delete(reader),
    })
    this.#readers.add(reader)
    return reader
  }

  /**
   * Closes the stream and its connection.
   * @example
   *   const jobs = await listen('postgres://localhost/shop', { channels: ['job'] })
   *   await jobs.close()
   *   console.log(jobs.isClosed) // true
   */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.#stopped.abort()
    this.#wake()
    await this.#connection?.close()
  }

  /**
   * Closes the stream at the end of an `await using` scope; see `close`.
   * @example
   *   await using jobs = await listen('postgres://localhost/shop', { channels: ['job'] })
   *   console.log(jobs.isClosed) // false
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #take = (_connection: Connection, notification: Notification): void => {
    if (this.isClosed) return
    if (this.#log.untakenCount < this.#maxQueued) {
      this.#log.add(notification)
      this.#wake()
    } else this.#fail(new OperationalError(`more than ${this.#maxQueued} notifications are waiting to be read`))
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake()
  }

  async #connect(): Promise<void> {
    const connection = await this.#open()
    try {
      for (const channel of this.#channels) await connection.addListener(channel, this.#take)
    } catch (error) {
      connection.terminate()
      throw error
    }
    if (this.isClosed) {
      await connection.close()
      return
    }
    this.#connection = connection
    connection.addTerminationListener(() => {
      this.#connection = null
      if (!this.isClosed) this.#reconnect().catch((error: unknown) => this.#fail(error))
    })
  }

  /** Tries to connect until it succeeds or the stream is closed. */
  async #reconnect(): Promise<void> {
    const lostAtMs = performance.now()
    let reason: unknown = new OperationalError('the connection was lost')
    for (let waitMs = FIRST_RETRY_MS; !this.isClosed; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        await this.#connect()
        this.#onGap?.({ elapsed: performance.now() - lostAtMs, reason })
        return
      } catch (error) {
        reason = error
        // The pause is random, so that not all clients of a restarted server connect at the same time.
        const pause = waitMs * (0.5 + Math.random())
        await delay(pause, undefined, { signal: this.#stopped.signal }).catch(() => {})
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure = error
    void this.close()
  }
}
