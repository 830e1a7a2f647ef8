/**
 * What is known of a connection: read from what the server has said and from what was asked for. Costs no trip, except after
 * a blocking call that was interrupted: the status waits for the end of that call.
 */
import { sealInstances } from '../options/sealed.ts'
import type { FlowContext, Place } from './flow-context.ts'

/** Whether a transaction is open; `'failed'` takes nothing but a rollback. */
export type ConnectionStatus = 'idle' | 'in-transaction' | 'failed' | 'closed'

const STATUS_WORDS = { I: 'idle', T: 'in-transaction', E: 'failed' } as const
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** What is known of a connection, as psycopg's `info` has it. */
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

  /** @param isClosed whether the program has closed the connection */
  constructor({ state, place }: FlowContext, isClosed: () => boolean) {
    this.user = place.user
    this.database = place.database
    this.#place = place
    this.#state = state
    this.#isClosed = isClosed
  }

  /** Of the server, or the folder of its socket: of the one that answered, where several were named. null when embedded. */
  get host(): string | null {
    return this.#place.host ?? this.parameter('syncpg host') ?? null
  }

  /** The port of the server that answered; null for an embedded one. */
  get port(): number | null {
    const { port } = this.#place
    if (port !== null) return port
    const found = this.parameter('syncpg port')
    return found === undefined || found === '' ? null : Number(found)
  }

  /** Protocol and cipher of TLS; null where the connection is not encrypted. */
  get tls(): { readonly protocol: string; readonly cipher: string } | null {
    const words = this.parameter('syncpg tls')
    if (words === undefined) return null
    const [protocol = '', cipher = ''] = words.split(' ')
    return { protocol, cipher }
  }

  /** Whether a transaction is open. */
  get status(): ConnectionStatus {
    if (this.#isClosed() || this.#state.isClosed) return 'closed'
    try {
      return STATUS_WORDS[this.#state.transactionStatus]
    } catch {
      // A call was interrupted, and nobody could find out what it left.
      return 'closed'
    }
  }

  /** The process id of the server's backend. */
  get backendPid(): number {
    return this.#state.backendPid
  }

  /** `18.1` */
  get serverVersion(): string {
    return this.#state.parameters.get('server_version') ?? ''
  }

  /** A run-time parameter the server reports: `server_version`, `TimeZone` …; undefined for others. */
  parameter(name: string): string | undefined {
    return this.#state.parameters.get(name)
  }

  [INSPECT](): string {
    const { user, database, status, backendPid, serverVersion } = this
    return `<ConnectionInfo ${user}@${database}, ${status}, backend ${backendPid}, PostgreSQL ${serverVersion}>`
  }
}
