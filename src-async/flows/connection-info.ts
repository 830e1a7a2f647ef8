/**
 * Facts about a connection: what the server has reported and which server was asked for. Reading them sends nothing.
 * Only the status may wait: after an interrupted blocking call, until that call has ended.
 */
import { sealInstances } from '../options/sealed.ts'
import type { FlowContext, Place } from './flow-context.ts'

/** The state of a connection's transaction. In a `'failed'` one the server accepts only a rollback. */
export type ConnectionStatus = 'idle' | 'in-transaction' | 'failed' | 'closed'

const STATUS_WORDS = { I: 'idle', T: 'in-transaction', E: 'failed' } as const
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** Facts about a connection, like psycopg's `info`. */
export class ConnectionInfo {
  static {
    sealInstances(this)
  }
  /** The role of the session. */
  readonly user: string
  /** The database of the session. */
  readonly database: string
  readonly #place: Place
  readonly #state: FlowContext['state']
  readonly #isClosed: () => boolean

  /** Made by its connection. @param isClosed whether the program has closed the connection */
  constructor({ state, place }: FlowContext, isClosed: () => boolean) {
    this.user = place.user
    this.database = place.database
    this.#place = place
    this.#state = state
    this.#isClosed = isClosed
  }

  /**
   * The host of the server, or the folder of its Unix socket. When several hosts were named, the one that answered.
   * null for an embedded server.
   */
  get host(): string | null {
    return this.#place.host ?? this.parameter('syncpg host') ?? null
  }

  /** The port of the server that answered; null for an embedded server. */
  get port(): number | null {
    const { port } = this.#place
    if (port !== null) return port
    const found = this.parameter('syncpg port')
    return found === undefined || found === '' ? null : Number(found)
  }

  /** Protocol and cipher of TLS; null when the connection is not encrypted. */
  get tls(): { readonly protocol: string; readonly cipher: string } | null {
    const words = this.parameter('syncpg tls')
    if (words === undefined) return null
    const [protocol = '', cipher = ''] = words.split(' ')
    return { protocol, cipher }
  }

  /** The state of the transaction; `'closed'` for a closed connection. */
  get status(): ConnectionStatus {
    if (this.#isClosed() || this.#state.isClosed) return 'closed'
    try {
      return STATUS_WORDS[this.#state.transactionStatus]
    } catch {
      // A call was interrupted, and asking the server about its outcome failed.
      return 'closed'
    }
  }

  /** The process id of the backend that serves this connection. */
  get backendPid(): number {
    return this.#state.backendPid
  }

  /** The version of the server, such as `18.1`. */
  get serverVersion(): string {
    return this.#state.parameters.get('server_version') ?? ''
  }

  /**
   * The value of a parameter that the server reports, such as `server_version` or `TimeZone`; undefined for others.
   * @example console.log(con.info.parameter('server_encoding')) // UTF8
   */
  parameter(name: string): string | undefined {
    return this.#state.parameters.get(name)
  }

  [INSPECT](): string {
    const { user, database, status, backendPid, serverVersion } = this
    return `<ConnectionInfo ${user}@${database}, ${status}, backend ${backendPid}, PostgreSQL ${serverVersion}>`
  }
}

/** A connection as `console.log` shows it. */
export function shownConnection({ status, backendPid }: ConnectionInfo): string {
  return `<Connection ${status}${status === 'closed' ? '' : `, backend ${backendPid}`}>`
}
