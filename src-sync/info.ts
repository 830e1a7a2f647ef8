/**
 * What is known of a connection: read from what the server has said and from what was asked for. Costs no trip, unless a call
 * was torn off before: the status waits for the end of that one.
 */
import { inspect } from 'node:util'
import type { SessionOptions } from '../src-async/options/session-options.ts'
import type { Engine } from './engine.ts'

/** Whether a transaction is open; `'failed'` takes nothing but a rollback. */
export type ConnectionStatus = 'idle' | 'in-transaction' | 'failed' | 'closed'

const STATUS_WORDS = { I: 'idle', T: 'in-transaction', E: 'failed' } as const

/** What is known of a connection, as psycopg's `info` has it. */
export class ConnectionInfo {
  readonly #engine: Engine
  /** The role of the session. */
  readonly user: string
  /** The database of the session. */
  readonly database: string
  readonly #host: string | null
  readonly #port: number | null

  constructor(engine: Engine, options: SessionOptions) {
    this.#engine = engine
    this.user = options.user
    this.database = options.database
    const only = options.hosts.length === 1 ? options.hosts[0] : undefined
    const socket = only?.kind === 'unix' ? /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(only.path) : null
    this.#host = only?.kind === 'tcp' ? only.host : (socket?.[1] ?? null)
    this.#port = only?.kind === 'tcp' ? only.port : socket === null ? null : Number(socket[2])
  }

  /** Of the server, or the folder of its socket: of the one that answered, where several were named. null when embedded. */
  get host(): string | null {
    return this.#host ?? this.parameter('syncpg host') ?? null
  }

  /** The port of the server that answered; null for an embedded one. */
  get port(): number | null {
    if (this.#port !== null) return this.#port
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
    const { isClosed, session } = this.#engine
    if (isClosed || session.isClosed) return 'closed'
    try {
      return STATUS_WORDS[session.transactionStatus]
    } catch {
      // A call was torn off, and what it left could not be settled.
      return 'closed'
    }
  }

  /** The process id of the server's backend. */
  get backendPid(): number {
    return this.#engine.session.backendPid
  }

  /** `18.1` */
  get serverVersion(): string {
    return this.#engine.session.parameters.get('server_version') ?? ''
  }

  /** A run-time parameter the server reports: `server_version`, `TimeZone` …; undefined for others. */
  parameter(name: string): string | undefined {
    return this.#engine.session.parameters.get(name)
  }

  [inspect.custom](): string {
    const { user, database, status, backendPid, serverVersion } = this
    return `<ConnectionInfo ${user}@${database}, ${status}, backend ${backendPid}, PostgreSQL ${serverVersion}>`
  }
}
