/**
 * The options of `connect()` as the program writes them: their types, their checks, and the keywords of libpq that they
 * stand for. An unknown option, or one of the wrong type, is refused and never ignored.
 */
import { clip, describeKind } from '../errors/describe-value.ts'
import { ProgrammingError } from '../errors/tree.ts'
import { type Layer, refuseEmpty } from './keywords.ts'
import { isPlainObject } from './known-options.ts'
import { nearest } from './nearest.ts'
import { TIME_LIMIT_WANTED } from './time-limit.ts'
import type { ChannelBinding, ProtocolVersion, SslMode, TargetSessionAttrs } from './session-options.ts'
import type { SslSettings } from './tls-options.ts'

/** Options of `connect()`. An option overrides the DSN, and the DSN overrides the service file and the environment. */
export interface ConnectOptions {
  /** The DSN, if it is not the first argument. */
  readonly dsn?: string
  /**
   * A name, an address, or the directory of a Unix socket. Several, in an array or separated by commas, are tried in
   * order. Default: the usual sockets, then localhost.
   */
  readonly host?: string | readonly string[]
  /** IP addresses to connect to; then `host` is not looked up. */
  readonly hostaddr?: string
  /** One port for all hosts, or one for each. Default 5432. */
  readonly port?: number | string | readonly (number | string)[]
  /** Default: the name of the operating system's user. */
  readonly user?: string
  /** The password, or a function that returns it and is called for each connection. */
  readonly password?: string | (() => string | Promise<string>)
  /** Default: the name of the user. */
  readonly database?: string
  /** Password file, read when no password is given. Default `~/.pgpass`. */
  readonly passfile?: string
  /** Section of the service file. */
  readonly service?: string
  /** Default `~/.pg_service.conf`. */
  readonly serviceFile?: string
  /** Time limit for connecting, in milliseconds, for all hosts together; null or 0 for no limit. Default 60,000. */
  readonly timeout?: number | null
  /** Time limit for each statement, in milliseconds; null or 0 for no limit, which is the default. */
  readonly commandTimeout?: number | null
  /**
   * How often the server checks, while it runs a statement, that this program is still there, in milliseconds; it ends
   * the statement when the program is gone. 0 or null leaves the server's own setting. PostgreSQL 14 and later. Default
   * 5,000 for blocking connections, 0 for others.
   */
  readonly clientConnectionCheckInterval?: number | null
  /** How many prepared statements are kept for reuse. 0 prepares none; some poolers need that. Default 100. */
  readonly statementCacheSize?: number
  /** How long a prepared statement is kept, in milliseconds; 0 for no limit. Default 300,000. */
  readonly maxCachedStatementLifetime?: number
  /** The longest statement that is kept, in characters; 0 for no limit. Default 15,360. */
  readonly maxCacheableStatementSize?: number
  /**
   * true: TLS, verified against the authorities that Node trusts. false: no TLS. Or a mode of libpq, or an object with
   * certificates, each a PEM text or a path.
   */
  readonly ssl?: boolean | SslMode | SslSettings
  /** A mode of libpq: `disable`, `require`, `verify-full` … Not together with `ssl`. Default prefer. */
  readonly sslmode?: SslMode
  /** Path of a file with the trusted root certificates, or `system`. */
  readonly sslrootcert?: string
  /** Path of the client's certificate. */
  readonly sslcert?: string
  /** Path of the client's key. */
  readonly sslkey?: string
  /** Passphrase of the key. */
  readonly sslpassword?: string
  /** Path of a file with a list of revoked certificates. */
  readonly sslcrl?: string
  /**
   * `direct` begins with TLS and does not ask the server first. PostgreSQL 17 and later, with sslmode require or
   * stronger.
   */
  readonly sslnegotiation?: 'postgres' | 'direct'
  /**
   * Whether the SCRAM login is bound to the TLS connection, so that nobody in between can pass it on. Default prefer.
   */
  readonly channelBinding?: ChannelBinding
  /**
   * Authentication methods that the server may use (`scram-sha-256,none`), or may not use (`!password,!md5`). Default:
   * any.
   */
  readonly requireAuth?: string
  /** Oldest protocol to accept. Default 3.0. */
  readonly minProtocolVersion?: ProtocolVersion | 'latest'
  /** Newest protocol to ask for. 3.2 has longer cancel keys, but poolers may refuse it. Default 3.0. */
  readonly maxProtocolVersion?: ProtocolVersion | 'latest'
  /** Name of the service in the server's Kerberos principal, `postgres/host@REALM`. Default postgres. */
  readonly krbsrvname?: string
  /** Whether the server gets Kerberos credentials to act for the user elsewhere. Default false. */
  readonly gssDelegation?: boolean
  /**
   * A bearer token for servers that ask for OAuth, or a function that returns one and is called for each connection.
   */
  readonly oauthToken?: string | (() => string | Promise<string>)
  /** Server settings for the session, sent at its start. RESET goes back to them. */
  readonly serverSettings?: Readonly<Record<string, string | number | boolean>>
  /** The name that `pg_stat_activity` shows. */
  readonly applicationName?: string
  /** Which kind of server is accepted, when there are several hosts. Default any. */
  readonly targetSessionAttrs?: TargetSessionAttrs
  /** `random` tries the hosts in random order. Default disable. */
  readonly loadBalanceHosts?: 'disable' | 'random'
}

type Check = (value: unknown, name: string) => unknown

/** Each option: its check, and the keyword of libpq that it stands for, if any. */
const OPTIONS: Readonly<Record<keyof ConnectOptions, readonly [Check, keyword?: string]>> = {
  dsn: [text],
  host: [hostList, 'host'],
  hostaddr: [text, 'hostaddr'],
  port: [portList, 'port'],
  user: [text, 'user'],
  password: [textOrFunction, 'password'],
  database: [text, 'dbname'],
  passfile: [text, 'passfile'],
  service: [text, 'service'],
  serviceFile: [text, 'servicefile'],
  timeout: [milliseconds],
  commandTimeout: [milliseconds],
  clientConnectionCheckInterval: [milliseconds],
  statementCacheSize: [count],
  maxCachedStatementLifetime: [milliseconds],
  maxCacheableStatementSize: [count],
  ssl: [sslOption],
  sslmode: [text, 'sslmode'],
  sslrootcert: [text, 'sslrootcert'],
  sslcert: [text, 'sslcert'],
  sslkey: [text, 'sslkey'],
  sslpassword: [text, 'sslpassword'],
  sslcrl: [text, 'sslcrl'],
  sslnegotiation: [text, 'sslnegotiation'],
  channelBinding: [text, 'channel_binding'],
  requireAuth: [text, 'require_auth'],
  minProtocolVersion: [text, 'min_protocol_version'],
  maxProtocolVersion: [text, 'max_protocol_version'],
  krbsrvname: [text, 'krbsrvname'],
  gssDelegation: [zeroOrOne, 'gssdelegation'],
  oauthToken: [textOrFunction],
  serverSettings: [settings],
  applicationName: [text, 'application_name'],
  targetSessionAttrs: [text, 'target_session_attrs'],
  loadBalanceHosts: [text, 'load_balance_hosts'],
}

/** Names of options in other clients, and their names here. */
const OTHER_NAMES: Readonly<Record<string, keyof ConnectOptions>> = {
  dbname: 'database',
  db: 'database',
  username: 'user',
  hostname: 'host',
  connectionString: 'dsn',
  url: 'dsn',
  server_settings: 'serverSettings',
  prepare: 'statementCacheSize',
}

const SETTING = 'pass settings of the server as serverSettings: { name: value }'

/** Names of options in other clients that need an explanation, not only another name. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  connect_timeout: 'use timeout, in milliseconds',
  connectTimeout: 'use timeout, in milliseconds',
  connectionTimeoutMillis: 'use timeout, in milliseconds; for a pool see acquireTimeout too',
  query_timeout: 'use commandTimeout, in milliseconds',
  statement_timeout:
    "use serverSettings: { statement_timeout: '5s' }, or commandTimeout in milliseconds, which this client enforces",
  lock_timeout: SETTING,
  idle_in_transaction_session_timeout: SETTING,
  idle_session_timeout: SETTING,
  search_path: SETTING,
  schema: "use serverSettings: { search_path: '…' }",
  timezone: SETTING,
  client_encoding: 'text is always sent as UTF-8',
  options: 'use serverSettings: { name: value }, or options=-c name=value in the DSN',
  max: 'for a pool use maxSize',
  min: 'for a pool use minSize',
  idleTimeoutMillis: 'for a pool use maxInactiveLifetime, in milliseconds',
  max_lifetime: 'for a pool use maxLifetime, in milliseconds',
  maxLifetimeSeconds: 'for a pool use maxLifetime, in milliseconds',
  maxUses: 'for a pool use maxQueries',
  allowExitOnIdle: 'use con.unref()',
  keepAlive: 'keepalive is always on; keepalives_idle in the DSN is the number of idle seconds before the first probe',
  cursor_factory: "use rowFactory: 'record', 'array', 'object' or a function",
  isolation_level: 'use isolationLevel, in lower case: serializable',
}

/** Options for which null means "no limit". For all others null means the default. */
const NULL_IS_A_VALUE: readonly string[] = ['timeout', 'commandTimeout', 'clientConnectionCheckInterval']

/**
 * Checks the options one by one.
 * @returns those that are set
 * @param extraKeys names of options that another function checks
 * @throws ProgrammingError naming the option, what was expected and what was found
 */
export function checkOptions(options: ConnectOptions, extraKeys: readonly string[]): ConnectOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ProgrammingError(`connect: expected an object of options, got ${describeKind(options)}`)
  }
  if (!isPlainObject(options)) {
    throw new ProgrammingError('connect: expected a plain object of options, got one that inherits properties')
  }
  const checked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (extraKeys.includes(name)) continue
    if (!Object.hasOwn(OPTIONS, name)) throw unknownOption(name, extraKeys)
    if (value === undefined || (value === null && !NULL_IS_A_VALUE.includes(name))) continue
    const [check] = OPTIONS[name as keyof ConnectOptions]
    checked[name] = check(value, name)
  }
  if (checked['ssl'] !== undefined && checked['sslmode'] !== undefined) {
    throw new ProgrammingError('options ssl and sslmode are both given: they mean the same, give only one')
  }
  return checked as ConnectOptions
}

function unknownOption(name: string, extraKeys: readonly string[]): ProgrammingError {
  const known = [...Object.keys(OPTIONS), ...extraKeys]
  if (Object.hasOwn(OTHER_WORDS, name)) {
    return new ProgrammingError(`connect: unknown option ${JSON.stringify(name)}`, { hint: OTHER_WORDS[name] ?? '' })
  }
  const meant = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : nearest(name, known)
  const hint = meant === null || meant === undefined ? `known options: ${known.join(', ')}` : `did you mean ${meant}?`
  return new ProgrammingError(`connect: unknown option ${JSON.stringify(clip(name))}`, { hint })
}

/** The options that stand for keywords of libpq, as a layer. */
export function optionsLayer(options: ConnectOptions): Layer {
  const values = new Map<string, string>()
  for (const [name, [, keyword]] of Object.entries(OPTIONS)) {
    const value = options[name as keyof ConnectOptions]
    if (value === '' && keyword !== undefined) refuseEmpty(keyword, `connect: ${name}`)
    if (keyword === undefined || value === undefined || value === '' || typeof value === 'function') continue
    values.set(keyword, String(value))
  }
  return { source: 'the options', values }
}

/** The error for a wrong value. It names the type and never the value, which may be a password under a wrong name. */
function wrong(name: string, expected: string, value: unknown): ProgrammingError {
  return new ProgrammingError(`connect: ${name}: expected ${expected}, got ${describeKind(value)}`)
}

function text(value: unknown, name: string): unknown {
  if (typeof value !== 'string') throw wrong(name, 'a string', value)
  return value
}

function textOrFunction(value: unknown, name: string): unknown {
  if (typeof value !== 'string' && typeof value !== 'function') throw wrong(name, 'a string or a function', value)
  return value
}

/** A boolean as libpq writes it. */
function zeroOrOne(value: unknown, name: string): unknown {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false', value)
  return value ? '1' : '0'
}

function hostList(value: unknown, name: string): unknown {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new ProgrammingError(`connect: ${name}: the list of hosts is empty`)
  for (const each of list) if (typeof each !== 'string') throw wrong(name, 'a string or a list of strings', each)
  return value
}

function portList(value: unknown, name: string): unknown {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new ProgrammingError(`connect: ${name}: the list of ports is empty`)
  for (const each of list) {
    const isNumber = typeof each === 'number' && Number.isInteger(each) && each >= 1 && each <= 65535
    if (!isNumber && typeof each !== 'string') throw wrong(name, 'a number from 1 to 65535', each)
  }
  return value
}

function milliseconds(value: unknown, name: string): unknown {
  if (value === null || value === Infinity) return 0
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw wrong(name, NULL_IS_A_VALUE.includes(name) ? TIME_LIMIT_WANTED : 'milliseconds from 0', value)
}

function count(value: unknown, name: string): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw wrong(name, 'an integer, 0 or more', value)
}

/** Checks only the type; `tls-options.ts` checks the rest. */
function sslOption(value: unknown, name: string): unknown {
  if (['boolean', 'string', 'object'].includes(typeof value)) return value
  throw wrong(name, 'true, false, a mode or an object', value)
}

/** Parameters of the startup message that are no settings, or that the client sets itself. */
const RESERVED: readonly string[] = ['user', 'database', 'replication', 'client_encoding']

function settings(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object', value)
  const entries = Object.entries(value).filter(([, setting]) => setting !== undefined)
  return Object.fromEntries(
    entries.map(([key, setting]) => {
      const lower = key.toLowerCase()
      if (key === '') throw new ProgrammingError(`connect: ${name}: a setting without a name`)
      if (lower === 'client_encoding' && /^(utf-?8|unicode)$/i.test(String(setting))) return [key, 'UTF8']
      if (RESERVED.includes(lower) || lower.startsWith('_pq_.')) {
        throw new ProgrammingError(`connect: ${name}: ${clip(key)} cannot be set here`, {
          hint:
            lower === 'client_encoding' ? 'strings are always sent as UTF-8' : 'use the option for it, if there is one',
        })
      }
      return [key, settingText(setting, `${name}.${clip(key)}`)]
    }),
  )
}

function settingText(setting: unknown, name: string): string {
  if (typeof setting === 'string') return setting
  if (typeof setting === 'boolean') return setting ? 'on' : 'off'
  if (typeof setting === 'number' && Number.isFinite(setting)) return String(setting)
  throw wrong(name, 'a string, number or boolean', setting)
}
