/** The connection options of pg, and their translation into the driver's options. */
import process from 'node:process'
import { parse } from 'pg-connection-string'
import type { ConnectOptions } from '../../index.ts'
import { type Defaults, defaults } from './defaults.ts'
import type { CustomTypes } from './pg-types.ts'

/** Those options of Node's `tls.connect` that the driver supports. */
export interface PgSslConfig {
  /** False takes any certificate of the server. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Certificates of the authorities that are trusted, as PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** The client's certificate, as PEM. */
  readonly cert?: string | Buffer | undefined
  /** The client's key, as PEM. */
  readonly key?: string | Buffer | undefined
  /** The passphrase of the key. */
  readonly passphrase?: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- Node has more, and pg takes all.
  readonly [name: string]: any
}

/** The options of `new Client()`. */
export interface ClientConfig {
  /** The role; the system user's name unless given. */
  readonly user?: string | undefined
  /** The database; the user's name unless given. */
  readonly database?: string | undefined
  /** The password, or a function that returns it and is called for each connection. */
  readonly password?: string | null | (() => string | Promise<string>) | undefined
  /** The port, 5432 unless given. */
  readonly port?: number | string | undefined
  /** A name, an address, or the directory of a Unix socket. */
  readonly host?: string | undefined
  /** A URL, or `pglite:` for the embedded PostgreSQL. Its values override the other options. */
  readonly connectionString?: string | undefined
  /** Whether the socket sends probes when nothing else is sent. */
  readonly keepAlive?: boolean | undefined
  /** Milliseconds before the first probe. */
  readonly keepAliveInitialDelayMillis?: number | undefined
  /** The server's time limit for a statement, in milliseconds. */
  readonly statement_timeout?: false | number | undefined
  /** The client's time limit for a query, in milliseconds. After it the statement is cancelled on the server. */
  readonly query_timeout?: number | false | undefined
  /** Milliseconds that a statement may wait for a lock: the server's setting. */
  readonly lock_timeout?: number | false | undefined
  /** Milliseconds that a transaction may be idle: the server's setting. */
  readonly idle_in_transaction_session_timeout?: number | false | undefined
  /** true, false, or an object with certificates: see `PgSslConfig`. */
  readonly ssl?: boolean | string | PgSslConfig | undefined
  /** `'direct'` begins with TLS at once, which PostgreSQL 17 and later understand. */
  readonly sslnegotiation?: string | undefined
  /** The name that `pg_stat_activity` shows. */
  readonly application_name?: string | undefined
  /** The name that is used if no `application_name` is given. */
  readonly fallback_application_name?: string | undefined
  /** The session's encoding. */
  readonly client_encoding?: string | undefined
  /** Time limit for connecting, in milliseconds; 0 for no limit, which is the default. */
  readonly connectionTimeoutMillis?: number | undefined
  /** Parsers for this client. */
  readonly types?: CustomTypes | undefined
  /** Command line options of the server, `-c geqo=off`. */
  readonly options?: string | undefined
  /** Accepted and not used: results come as text. */
  readonly binary?: boolean | undefined
  /** Sends queries without waiting for the ones before them. */
  readonly pipeline?: boolean | undefined
  /** The class of the promises that calls return. */
  readonly Promise?: PromiseConstructorLike | undefined
  /**
   * Options of `syncpg/async` that pg does not have, for instance `{ statementCacheSize: 0 }`. They override all
   * others.
   */
  readonly syncpg?: ConnectOptions | undefined
}

type Setting = Exclude<keyof Defaults & keyof Given, 'parseInt8'>
type Given = Partial<Record<keyof ClientConfig | 'replication', unknown>>

/** pg's `client.connectionParameters`. */
export class ConnectionParameters {
  user: string | undefined
  database: string | undefined
  port: number
  host: string
  declare password: string | null | (() => string | Promise<string>)
  readonly binary: unknown
  readonly options: string | undefined
  ssl: boolean | PgSslConfig
  readonly sslnegotiation: string | undefined
  readonly client_encoding: string | undefined
  readonly replication: string | undefined
  readonly isDomainSocket: boolean
  readonly application_name: string | undefined
  readonly fallback_application_name: string | undefined
  readonly statement_timeout: number | false
  readonly lock_timeout: number | false
  readonly idle_in_transaction_session_timeout: number | false
  readonly query_timeout: number | false
  readonly connect_timeout: number
  /** A DSN of the embedded PostgreSQL, which has no host. */
  readonly embedded: string | null

  /** @throws Error for an unknown `sslnegotiation` */
  constructor(config?: string | ClientConfig) {
    const given = flattened(config)
    this.embedded = embeddedIn(config)
    this.user = pick(given, 'user')
    this.database = pick(given, 'database') ?? this.user
    this.port = Number.parseInt(String(pick(given, 'port')), 10)
    this.host = pick<string>(given, 'host') as string
    hide(this, 'password', pick(given, 'password'))
    this.binary = pick(given, 'binary')
    this.options = pick(given, 'options')
    this.ssl = sslOf(given.ssl)
    this.sslnegotiation = pick(given, 'sslnegotiation')
    requireNegotiation(this.sslnegotiation, this.ssl)
    this.client_encoding = pick(given, 'client_encoding')
    this.replication = (given.replication as string) || process.env['PGREPLICATION'] || undefined
    this.isDomainSocket = (this.host ?? '').startsWith('/')
    this.application_name = pick(given, 'application_name', 'PGAPPNAME')
    this.fallback_application_name = pick(given, 'fallback_application_name', null)
    this.statement_timeout = pick<number>(given, 'statement_timeout', null) ?? false
    this.lock_timeout = pick<number>(given, 'lock_timeout', null) ?? false
    this.idle_in_transaction_session_timeout = pick<number>(given, 'idle_in_transaction_session_timeout', null) ?? false
    this.query_timeout = pick<number>(given, 'query_timeout', null) ?? false
    const limit = given.connectionTimeoutMillis as number | undefined
    this.connect_timeout =
      limit === undefined ? Number(process.env['PGCONNECT_TIMEOUT'] ?? 0) : Math.floor(limit / 1000)
  }

  /** The driver's options. @throws Error for options that the driver does not support */
  toOptions(): ConnectOptions {
    const serverSettings = this.#serverSettings()
    if (this.embedded !== null) return { dsn: this.embedded, serverSettings, timeout: null }
    if (this.replication !== undefined) throw new Error('syncpg/pg has no replication connections')
    const { user, database, host, port, password, ssl } = this
    const name = this.application_name ?? this.fallback_application_name
    return {
      ...(this.options === undefined ? {} : { dsn: `options=${quotedKeyword(this.options)}` }),
      host,
      ...(Number.isNaN(port) ? {} : { port }),
      ...(user === undefined ? {} : { user }),
      ...(database === undefined ? {} : { database }),
      ...(typeof password === 'string' && password !== '' ? { password } : {}),
      ssl: driverSsl(ssl, this.isDomainSocket),
      ...(this.sslnegotiation === 'direct' ? { sslnegotiation: 'direct' as const } : {}),
      ...(name === undefined ? {} : { applicationName: name }),
      serverSettings,
      timeout: null,
    }
  }

  #serverSettings(): Record<string, string> {
    const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const
    const set = names.filter((name) => this[name])
    return Object.fromEntries(set.map((name) => [name, String(Number.parseInt(String(this[name]), 10))]))
  }
}

/** The options as one object. The values of a connection string override the options beside it. */
function flattened(config: string | ClientConfig | undefined): Given {
  if (config === undefined || config === null || embeddedIn(config) !== null) return {}
  if (typeof config === 'string') return parse(config) as Given
  if (!config.connectionString) return config
  return { ...config, ...(parse(config.connectionString) as Given) }
}

/** Whether a client of these options is an embedded PostgreSQL, which lives and ends with the client. */
export function isEmbedded(config: ClientConfig | undefined): boolean {
  return embeddedIn(config) !== null
}

function embeddedIn(config: string | ClientConfig | undefined): string | null {
  const text = typeof config === 'string' ? config : config?.connectionString
  return typeof text === 'string' && text.startsWith('pglite:') ? text : null
}

/**
 * The given value, or that of the environment variable, or the default.
 * @param variable null for a setting without one
 */
function pick<T = string>(
  given: Given,
  name: Setting,
  variable: string | null = `PG${name.toUpperCase()}`,
): T | undefined {
  const own = given[name]
  if (own) return own as T
  const fromEnvironment = variable === null ? undefined : process.env[variable]
  return (fromEnvironment || defaults[name] || (name === 'password' ? null : undefined)) as T | undefined
}

/** Sets a property that is not enumerable, so that logs do not print it. */
export function hide(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, enumerable: false, writable: true })
}

function sslOf(given: unknown): boolean | PgSslConfig {
  const ssl = given === undefined ? sslOfEnvironment() : given
  if (ssl === 'true') return true
  if (ssl === 'no-verify') return { rejectUnauthorized: false }
  if (ssl !== null && typeof ssl === 'object' && 'key' in ssl) hide(ssl, 'key', ssl.key)
  return ssl as boolean | PgSslConfig
}

function sslOfEnvironment(): boolean | PgSslConfig {
  switch (process.env['PGSSLMODE']) {
    case 'disable':
      return false
    case 'prefer':
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return true
    case 'no-verify':
      return { rejectUnauthorized: false }
    default:
      return defaults.ssl
  }
}

function requireNegotiation(negotiation: string | undefined, ssl: unknown): void {
  if (negotiation === undefined) return
  if (negotiation !== 'postgres' && negotiation !== 'direct') {
    throw new Error(`Invalid sslnegotiation value: "${negotiation}". Valid values are "postgres" and "direct".`)
  }
  if (negotiation === 'direct' && !ssl) throw new Error('sslnegotiation=direct requires SSL to be enabled')
}

/**
 * TLS options that decide which servers are trusted and that the driver does not have. They are refused, because
 * ignoring them would trust other servers.
 */
const REFUSED = ['pfx', 'secureContext', 'servername', 'pskCallback', 'ciphers'] as const
const KNOWN = ['ca', 'cert', 'key', 'passphrase', 'crl', 'minVersion', 'maxVersion'] as const

/** @throws Error for options that the driver cannot apply */
function driverSsl(ssl: boolean | PgSslConfig, isSocketFile: boolean): NonNullable<ConnectOptions['ssl']> {
  if (!ssl || isSocketFile) return false
  if (typeof ssl !== 'object') return true
  const refused = REFUSED.find((name) => ssl[name] !== undefined)
  if (refused !== undefined) throw new Error(`syncpg/pg has no ssl.${refused}: see docs/guides/pg.md`)
  const settings: Record<string, unknown> = { mode: modeOf(ssl) }
  for (const name of KNOWN) if (ssl[name] !== undefined && ssl[name] !== null) settings[name] = ssl[name]
  return settings
}

function modeOf({ rejectUnauthorized, checkServerIdentity }: PgSslConfig): string {
  if (rejectUnauthorized === false) return 'require'
  if (checkServerIdentity === undefined) return 'verify-full'
  // pg-connection-string turns sslmode=verify-ca into an empty function, which accepts every name.
  if (/\{\s*\}$/.test(String(checkServerIdentity))) return 'verify-ca'
  throw new Error('syncpg/pg has no ssl.checkServerIdentity: see docs/guides/pg.md')
}

function quotedKeyword(text: string): string {
  return `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`
}
