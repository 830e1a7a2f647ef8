/**
 * Who wants to hear what a connection says unasked: notifications by channel, notices, its end, and its queries. A
 * listener that throws harms nobody else: its error is raised outside, as an uncaught one.
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
 * @param reason what ended the session; null where the program closed it.
 */
export type TerminationListener<C> = (connection: C, reason: DbError | null) => void

/** One per session; `C` is the connection its listeners are handed. */
export class Listeners<C> implements SessionEvents {
  readonly #channels = new Map<string, Set<NotificationListener<C>>>()
  /** Those who hear of every channel. */
  readonly #notifications = new Set<NotificationListener<C>>()
  readonly #notices = new Set<NoticeListener<C>>()
  readonly #terminations = new Set<TerminationListener<C>>()
  readonly #loggers = new QueryLoggers()
  #hasEnded = false
  /** Channels whose LISTEN was sent in a transaction that is still open. */
  readonly unsettled = new Set<string>()
  /** What listeners are handed; set once the connection is made. */
  connection: C | null = null
  /** Who hears of everything in this one's place for a while: the listeners of a pool's lease. */
  deputy: Listeners<unknown> | null = null
  /** Told of each parameter that has another value now. */
  onParameter: ((name: string) => void) | null = null
  /** Gives the reason of the session's end, null where it was closed; set once the session is there. */
  lossOf: (() => DbError | null) | null = null

  /** @returns whether it is the channel's first, so that LISTEN is due. */
  add(channel: string, listener: NotificationListener<C>): boolean {
    const listeners = this.#channels.get(channel)
    if (listeners !== undefined) {
      listeners.add(listener)
      return false
    }
    this.#channels.set(channel, new Set([listener]))
    return true
  }

  /** @returns whether it was the channel's last, so that UNLISTEN is due. */
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

  /** Channels somebody listens to. */
  get channels(): string[] {
    return [...this.#channels.keys()]
  }

  /** Forgets all but those who wait for the end: what a reset does. */
  clear(): void {
    this.#channels.clear()
    this.#notifications.clear()
    this.unsettled.clear()
    this.#notices.clear()
    this.#loggers.clear()
  }

  /** Listeners for a lease of this connection: those for notices and queries are with them from the start. */
  lend(connection: unknown): Listeners<unknown> {
    const deputy = new Listeners<unknown>()
    deputy.connection = connection
    for (const listener of this.#notices) deputy.notices.add(listener as NoticeListener<unknown>)
    this.#loggers.addTo(deputy.loggers)
    this.deputy = deputy
    return deputy
  }

  notice(fields: ServerMessageFields): void {
    if (this.deputy !== null) return this.deputy.notice(fields)
    const { connection } = this
    if (connection === null || this.#notices.size === 0) return
    const notice = warningFromServer(fields)
    for (const listener of [...this.#notices]) call(() => listener(connection, notice))
  }

  notification(notification: Notification): void {
    if (this.deputy !== null) return this.deputy.notification(notification)
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

  /** The session is over, by whatever cause. Told once. */
  closed(reason: DbError | null = this.lossOf?.() ?? null): void {
    const { connection } = this
    if (connection === null || this.#hasEnded) return
    this.#hasEnded = true
    this.deputy?.closed(reason)
    for (const listener of [...this.#terminations]) call(() => listener(connection, reason))
  }

  log(query: LoggedQuery): void {
    this.#loggers.log(query, call)
  }
}

/** Calls a listener; what it throws is nobody's here, and is raised where the process hears it. */
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
