/**
 * The listeners of a connection. They listen for notifications (of one channel or of all), for notices, for queries,
 * and for the end of the connection. An error that a listener throws does not reach the connection or other listeners.
 * It becomes an uncaught exception.
 */
import { warningFromServer } from './errors/server-error.ts'
import type { DbError, Warning } from './errors/tree.ts'
import { type LoggedQuery, QueryLoggers } from './flows/query-log.ts'
import type { Notification, ServerMessageFields, SessionEvents } from './wire/operations.ts'

/** Called with each notification of a channel. */
export type NotificationListener<C> = (connection: C, notification: Notification) => void
/** Called with each notice of the server. */
export type NoticeListener<C> = (connection: C, notice: Warning) => void
/**
 * Called once, when the connection has ended.
 * @param reason the error that ended the session; null if the program closed it.
 */
export type TerminationListener<C> = (connection: C, reason: DbError | null) => void

/** The listeners of one session. `C` is the type of the connection that they are called with. */
export class Listeners<C> implements SessionEvents {
  readonly #channels = new Map<string, Set<NotificationListener<C>>>()
  /** Listeners for notifications of every channel. */
  readonly #notifications = new Set<NotificationListener<C>>()
  readonly #notices = new Set<NoticeListener<C>>()
  readonly #terminations = new Set<TerminationListener<C>>()
  readonly #loggers = new QueryLoggers()
  #hasEnded = false
  /** Channels whose LISTEN was sent in a transaction that is still open. */
  readonly unsettled = new Set<string>()
  /** The connection that listeners are called with; set when it exists. */
  connection: C | null = null
  /**
   * The listeners of the current lease; null when the connection is not leased. They get the notices and notifications
   * instead of these.
   */
  override: Listeners<unknown> | null = null
  /** Called with the name of each server parameter that has changed. */
  onParameter: ((name: string) => void) | null = null
  /** Gives the reason why the session ended; null when the program closed it. Set when the session exists. */
  lossOf: (() => DbError | null) | null = null

  /** @returns whether it is the channel's first listener, so that the caller must send LISTEN. */
  add(channel: string, listener: NotificationListener<C>): boolean {
    const listeners = this.#channels.get(channel)
    if (listeners !== undefined) {
      listeners.add(listener)
      return false
    }
    this.#channels.set(channel, new Set([listener]))
    return true
  }

  /** @returns whether it was the channel's last listener, so that the caller must send UNLISTEN. */
  remove(channel: string, listener: NotificationListener<C>): boolean {
    const listeners = this.#channels.get(channel)
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return false
    this.unsettled.delete(channel)
    return this.#channels.delete(channel)
  }

  get notifications(): Set<NotificationListener<C>> {
    return this.#notifications
  }

  get notices(): Set<NoticeListener<C>> {
    return this.#notices
  }

  get terminations(): Set<TerminationListener<C>> {
    return this.#terminations
  }

  get loggers(): QueryLoggers {
    return this.#loggers
  }

  /** Channels that have a listener. */
  get channels(): string[] {
    return [...this.#channels.keys()]
  }

  /** Removes all listeners except those for the end of the connection. Called by a reset. */
  clear(): void {
    this.#channels.clear()
    this.#notifications.clear()
    this.unsettled.clear()
    this.#notices.clear()
    this.#loggers.clear()
  }

  /**
   * Creates the listeners for a lease of this connection. The listeners for notices and the query loggers are copied
   * into it.
   */
  lend(connection: unknown): Listeners<unknown> {
    const override = new Listeners<unknown>()
    override.connection = connection
    for (const listener of this.#notices) override.notices.add(listener as NoticeListener<unknown>)
    this.#loggers.addTo(override.loggers)
    this.override = override
    return override
  }

  notice(fields: ServerMessageFields): void {
    if (this.override !== null) return this.override.notice(fields)
    const { connection } = this
    if (connection === null || this.#notices.size === 0) return
    const notice = warningFromServer(fields)
    for (const listener of [...this.#notices]) call(() => listener(connection, notice))
  }

  notification(notification: Notification): void {
    if (this.override !== null) return this.override.notification(notification)
    const { connection } = this
    if (connection === null) return
    const listeners = this.#channels.get(notification.channel)
    for (const listener of [...(listeners ?? []), ...this.#notifications]) {
      call(() => listener(connection, notification))
    }
  }

  parameter(name: string): void {
    this.onParameter?.(name)
  }

  /** Tells the listeners that the session has ended, for any reason. Later calls do nothing. */
  closed(reason: DbError | null = this.lossOf?.() ?? null): void {
    const { connection } = this
    if (connection === null || this.#hasEnded) return
    this.#hasEnded = true
    this.override?.closed(reason)
    for (const listener of [...this.#terminations]) call(() => listener(connection, reason))
  }

  log(query: LoggedQuery): void {
    this.#loggers.log(query, call)
  }
}

/** Calls a listener. An error that it throws becomes an uncaught exception of the process. */
function call(listener: () => unknown): void {
  try {
    const result = listener()
    if (result instanceof Promise) result.catch(raise)
  } catch (error) {
    raise(error)
  }
}

function raise(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}
