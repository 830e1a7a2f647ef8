/**
 * The options of `connect()` as the program writes them: their types, their check, and what they are as keywords. An
 * option that is unknown or of the wrong type is refused, never ignored.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { clip, type Layer, refuseEmpty } from './keywords.ts'
import { nearest } from './nearest.ts'
import type { ChannelBinding, ProtocolVersion, SslMode, TargetSessionAttrs } from './session-options.ts'
import type { SslSettings } from './tls-options.ts'

/** Options of `connect()`. Each is stronger than the DSN, and the DSN than the service file and the environment. */
export interface ConnectOptions {
  /** The DSN, where it is not the first argument. */
  readonly dsn?: string
  /**
   * A name, an address, or the directory of a Unix socket; several, in a list or with commas, are tried in order.
   * Default: the usual sockets, then localhost.
   */
  readonly host?: string | readonly string[]
  /** IP addresses to connect to in place of looking `host` up. */
  readonly hostaddr?: string
  /** One for all hosts or one for each. Default 5432. */
  readonly port?: number | string | readonly (number | string)[]
  /** Default: the name of the operating system's user. */
  readonly user?: string
  /** The password, or a function that gives it anew for each connection. */
  readonly password?: string | (() => string | Promise<string>)
  /** Default: the name of the user. */
  readonly database?: string
  /** Password file, read when no password is given. Default `~/.pgpass`. */
  readonly passfile?: string
  /** Section of the service file. */
  readonly service?: string
  /** Default `~/.pg_service.conf`. */
  readonly serviceFile?: string
  /** Milliseconds for the whole of connecting, all hosts together; null or 0 for no limit. Default 60,000. */
  readonly timeout?: number | null
  /** Milliseconds for each statement; null or 0 for no limit, which is the default. */
  readonly commandTimeout?: number | null
  /**
   * Milliseconds after which a server that runs a statement for a program that is gone notices, and ends it; 0 or null leaves
   * the server as it is. PostgreSQL 14 and later. Default 5,000 for blocking connections, 0 for others.
   */
  readonly clientConnectionCheckInterval?: number | null
  /** Most prepared statements kept for reuse. 0 prepares none, as poolers may need. Default 100. */
  readonly statementCacheSize?: number
  /** Milliseconds a prepared statement is kept; 0 for no limit. Default 300,000. */
  readonly maxCachedStatementLifetime?: number
  /** Longest statement, in characters, that is kept; 0 for no limit. Default 15,360. */
  readonly maxCacheableStatementSize?: number
  /**
   * true: TLS, verified against the authorities Node trusts; false: none; or a mode of libpq, or an object with
   * certificates, which are PEM texts or paths.
   */
  readonly ssl?: boolean | SslMode | SslSettings
  /** As libpq's keyword; not together with `ssl`. Default prefer. */
  readonly sslmode?: SslMode
  /** Path of trusted roots, or `system`. */
  readonly sslrootcert?: string
  /** Path of the client's certificate. */
  readonly sslcert?: string
  /** Path of the client's key. */
  readonly sslkey?: string
  /** Passphrase of the key. */
  readonly sslpassword?: string
  /** Path of revoked certificates. */
  readonly sslcrl?: string
  /** `direct` begins with TLS without asking first: PostgreSQL 17 and later, sslmode require or stronger. */
  readonly sslnegotiation?: 'postgres' | 'direct'
  /**
   * Whether SCRAM authentication is tied to the TLS connection, so that nobody in between can pass it on. Default prefer.
   */
  readonly channelBinding?: ChannelBinding
  /** Methods the server may ask for, `scram-sha-256,none`, or may not, `!password,!md5`. Default: any. */
  readonly requireAuth?: string
  /** Oldest protocol to accept. Default 3.0. */
  readonly minProtocolVersion?: ProtocolVersion | 'latest'
  /** Newest protocol to ask for; 3.2 has longer cancel keys, and poolers may refuse it. Default 3.0. */
  readonly maxProtocolVersion?: ProtocolVersion | 'latest'
  /** Name of the service in the server's Kerberos principal, `postgres/host@REALM`. Default postgres. */
  readonly krbsrvname?: string
  /** Whether the server gets Kerberos credentials to act for the user elsewhere. Default false. */
  readonly gssDelegation?: boolean
  /** A bearer token for servers that ask for OAuth, or a function that gets one anew for each connection. */
  readonly oauthToken?: string | (() => string | Promise<string>)
  /** Server settings for the session, sent at its start; they are what RESET goes back to. */
  readonly serverSettings?: Readonly<Record<string, string | number | boolean>>
  /** What `pg_stat_activity` shows. */
  readonly applicationName?: string
  /** Which server of several is wanted. Default any. */
  readonly targetSessionAttrs?: TargetSessionAttrs
  /** `random` tries the hosts in random order. Default disable. */
  readonly loadBalanceHosts?: 'disable' | 'random'
}

type Check = (value: unknown, name: string) => unknown

/** Each option: its check, and the keyword it is, if it is one. */
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

/** Names of other clients for what has another name here. */
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

const SETTING = "a setting of the server's goes into serverSettings: { name: value }"

/** Names of other clients that need more words than a name. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  connect_timeout: 'it is timeout, in milliseconds',
  connectTimeout: 'it is timeout, in milliseconds',
  connectionTimeoutMillis: 'it is timeout, in milliseconds; for a pool see acquireTimeout too',
  query_timeout: 'it is commandTimeout, in milliseconds',
  statement_timeout:
    "it is serverSettings: { statement_timeout: '5s' }, or commandTimeout in milliseconds, which this client keeps",
  lock_timeout: SETTING,
  idle_in_transaction_session_timeout: SETTING,
  idle_session_timeout: SETTING,
  search_path: SETTING,
  schema: "it is serverSettings: { search_path: '…' }",
  timezone: SETTING,
  client_encoding: 'text goes as UTF-8, always',
  options: 'it is serverSettings: { name: value }, or options=-c name=value in the DSN',
  max: 'of a pool it is maxSize',
  min: 'of a pool it is minSize',
  idleTimeoutMillis: 'of a pool it is maxInactiveLifetime, in milliseconds',
  max_lifetime: 'of a pool it is maxLifetime, in milliseconds',
  maxLifetimeSeconds: 'of a pool it is maxLifetime, in milliseconds',
  maxUses: 'of a pool it is maxQueries',
  allowExitOnIdle: 'it is con.unref()',
  keepAlive: 'sockets are kept alive by themselves; keepalives_idle in the DSN says after how many seconds',
  cursor_factory: "it is rowFactory: 'record', 'array', 'object' or a function",
  isolation_level: 'it is isolationLevel, in lower case: serializable',
}

/** Null means the default; where it means "no limit" it is kept. */
const NULL_IS_A_VALUE: readonly string[] = ['timeout', 'commandTimeout', 'clientConnectionCheckInterval']

/**
 * The options that are set, checked one by one.
 * @param extraKeys keys that somebody else checks
 * @throws ProgrammingError naming the option, what was expected and what was found
 */
export function checkOptions(options: ConnectOptions, extraKeys: readonly string[]): ConnectOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ProgrammingError(`connect(): expected an object of options, found ${kindOf(options)}`)
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
    throw new ProgrammingError('options ssl and sslmode are both given: they say the same thing, keep one')
  }
  return checked as ConnectOptions
}

function unknownOption(name: string, extraKeys: readonly string[]): ProgrammingError {
  const known = [...Object.keys(OPTIONS), ...extraKeys]
  if (Object.hasOwn(OTHER_WORDS, name)) {
    return new ProgrammingError(`connect(): unknown option ${JSON.stringify(name)}`, { hint: OTHER_WORDS[name] ?? '' })
  }
  const meant = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : nearest(name, known)
  const hint = meant === null || meant === undefined ? `known options: ${known.join(', ')}` : `did you mean ${meant}?`
  return new ProgrammingError(`connect(): unknown option ${JSON.stringify(clip(name))}`, { hint })
}

/** The options that are keywords of libpq. */
export function optionsLayer(options: ConnectOptions): Layer {
  const values = new Map<string, string>()
  for (const [name, [, keyword]] of Object.entries(OPTIONS)) {
    const value = options[name as keyof ConnectOptions]
    if (value === '' && keyword !== undefined) refuseEmpty(keyword, `option ${name}`)
    if (keyword === undefined || value === undefined || value === '' || typeof value === 'function') continue
    values.set(keyword, String(value))
  }
  return { source: 'the options', values }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/** Says the kind of a wrong value, never the value: it may be a password under the wrong name. */
function wrong(name: string, expected: string, value: unknown): ProgrammingError {
  const number = typeof value === 'number' ? ` ${value}` : ''
  return new ProgrammingError(`option ${name}: expected ${expected}, found ${kindOf(value)}${number}`)
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
  if (list.length === 0) throw new ProgrammingError(`option ${name}: the list of hosts is empty`)
  for (const each of list) if (typeof each !== 'string') throw wrong(name, 'a string or a list of strings', each)
  return value
}

function portList(value: unknown, name: string): unknown {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new ProgrammingError(`option ${name}: the list of ports is empty`)
  for (const each of list) {
    const isNumber = typeof each === 'number' && Number.isInteger(each) && each >= 1 && each <= 65535
    if (!isNumber && typeof each !== 'string') throw wrong(name, 'a number from 1 to 65535', each)
  }
  return value
}

function milliseconds(value: unknown, name: string): unknown {
  if (value === null || value === Infinity) return 0
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw wrong(name, 'milliseconds, 0 or more', value)
}

function count(value: unknown, name: string): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw wrong(name, 'an integer, 0 or more', value)
}

/** Only the kind; `tls-options.ts` knows the rest. */
function sslOption(value: unknown, name: string): unknown {
  if (['boolean', 'string', 'object'].includes(typeof value)) return value
  throw wrong(name, 'true, false, a mode or an object', value)
}

/** Parameters of the startup message that are not settings, or that the client itself decides. */
const RESERVED: readonly string[] = ['user', 'database', 'replication', 'client_encoding']

function settings(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object', value)
  const entries = Object.entries(value).filter(([, setting]) => setting !== undefined)
  return Object.fromEntries(
    entries.map(([key, setting]) => {
      const lower = key.toLowerCase()
      if (key === '') throw new ProgrammingError(`option ${name}: a setting without a name`)
      if (lower === 'client_encoding' && /^(utf-?8|unicode)$/i.test(String(setting))) return [key, 'UTF8']
      if (RESERVED.includes(lower) || lower.startsWith('_pq_.')) {
        throw new ProgrammingError(`option ${name}: ${clip(key)} cannot be set here`, {
          hint: lower === 'client_encoding' ? 'strings travel as UTF8' : 'it has an option of its own, or none',
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
