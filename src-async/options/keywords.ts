/**
 * All connection keywords of libpq, with their environment variables, and what this client does with keywords that it
 * cannot apply. If ignoring a keyword would weaken security or change the session, the keyword is refused; others are
 * ignored. Source of truth: PostgreSQL manual, "Parameter Key Words" and "Environment Variables".
 */
import { clip } from '../errors/describe-value.ts'
import { ClientConfigurationError, NotSupportedError } from '../errors/tree.ts'

/** One source of settings, such as the DSN. Values are as written there, never empty. */
export interface Layer {
  /** For messages: `the DSN`, `the environment`. */
  readonly source: string
  readonly values: ReadonlyMap<string, string>
}

/** Looks a keyword up in the layers, in order of precedence. */
export type Lookup = (keyword: string) => string | undefined

/** Keywords and their environment variables; null for a keyword that has none. */
export const KEYWORDS: ReadonlyMap<string, string | null> = new Map(
  Object.entries({
    service: 'PGSERVICE',
    servicefile: 'PGSERVICEFILE',
    host: 'PGHOST',
    hostaddr: 'PGHOSTADDR',
    port: 'PGPORT',
    dbname: 'PGDATABASE',
    user: 'PGUSER',
    password: 'PGPASSWORD',
    passfile: 'PGPASSFILE',
    connect_timeout: 'PGCONNECT_TIMEOUT',
    application_name: 'PGAPPNAME',
    fallback_application_name: null,
    options: 'PGOPTIONS',
    client_encoding: 'PGCLIENTENCODING',
    target_session_attrs: 'PGTARGETSESSIONATTRS',
    load_balance_hosts: 'PGLOADBALANCEHOSTS',
    sslmode: 'PGSSLMODE',
    sslnegotiation: 'PGSSLNEGOTIATION',
    sslrootcert: 'PGSSLROOTCERT',
    sslcert: 'PGSSLCERT',
    sslkey: 'PGSSLKEY',
    sslpassword: null,
    sslcertmode: 'PGSSLCERTMODE',
    sslcrl: 'PGSSLCRL',
    sslcrldir: 'PGSSLCRLDIR',
    sslsni: 'PGSSLSNI',
    sslcompression: 'PGSSLCOMPRESSION',
    sslkeylogfile: null,
    requiressl: 'PGREQUIRESSL',
    ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
    ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
    min_protocol_version: 'PGMINPROTOCOLVERSION',
    max_protocol_version: 'PGMAXPROTOCOLVERSION',
    channel_binding: 'PGCHANNELBINDING',
    require_auth: 'PGREQUIREAUTH',
    requirepeer: 'PGREQUIREPEER',
    gssencmode: 'PGGSSENCMODE',
    krbsrvname: 'PGKRBSRVNAME',
    gsslib: 'PGGSSLIB',
    gssdelegation: 'PGGSSDELEGATION',
    keepalives: null,
    keepalives_idle: null,
    keepalives_interval: null,
    keepalives_count: null,
    tcp_user_timeout: null,
    replication: null,
    scram_client_key: null,
    scram_server_key: null,
    oauth_issuer: null,
    oauth_client_id: null,
    oauth_client_secret: null,
    oauth_scope: null,
  }),
)

/** Other spellings that a DSN may have, from asyncpg. */
const ALIASES: Readonly<Record<string, string>> = { database: 'dbname' }

/** The keyword for a name in a DSN or service file, or undefined. */
export function keywordOf(name: string): string | undefined {
  if (KEYWORDS.has(name)) return name
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
}

/**
 * Keywords for which libpq refuses an empty value. `?sslmode=$MODE` has one when `MODE` is not set; it would mean a
 * weaker mode.
 */
const NEVER_EMPTY: ReadonlySet<string> = new Set([
  'sslmode',
  'sslnegotiation',
  'sslcertmode',
  'channel_binding',
  'gssencmode',
  'target_session_attrs',
  'load_balance_hosts',
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
])

/**
 * @param source where the empty value stands, for the message
 * @throws ClientConfigurationError for a keyword that must have a value.
 */
export function refuseEmpty(keyword: string, source: string): void {
  if (!NEVER_EMPTY.has(keyword)) return
  throw new ClientConfigurationError(`${source}: the value is empty`, { hint: 'give it a value, or leave it out' })
}

/**
 * Adds one pair of a DSN. The last value of a repeated keyword counts, an alias never replaces the value of the name
 * itself, and an empty value counts as no value.
 * @throws ClientConfigurationError for an empty value that libpq refuses.
 */
export function addPair(values: Map<string, string>, name: string, keyword: string, value: string): void {
  if (value === '') refuseEmpty(keyword, name)
  if (value === '' || (name !== keyword && values.has(keyword))) return
  values.set(keyword, value)
}

/** The allowed values of keywords that take one word of a list. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  channel_binding: ['disable', 'prefer', 'require'],
  gssencmode: ['disable', 'prefer', 'require'],
  gsslib: ['gssapi', 'sspi'],
  gssdelegation: ['0', '1'],
  load_balance_hosts: ['disable', 'random'],
  sslcertmode: ['disable', 'allow', 'require'],
  sslnegotiation: ['postgres', 'direct'],
  sslsni: ['0', '1'],
  min_protocol_version: ['3.0', '3.2', 'latest'],
  max_protocol_version: ['3.0', '3.2', 'latest'],
  target_session_attrs: ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'],
}

/** A keyword that this client cannot apply. */
interface Refusal {
  /** Values that ask for nothing special, so they are accepted. */
  readonly harmless: readonly string[]
  readonly reason: string
  /** The only kind of connection to which the keyword applies. */
  readonly over?: 'tcp' | 'unix'
}

const NO_TOKENS: Refusal = {
  harmless: [],
  reason: 'this client does not get tokens by itself; pass one, or a function that gets one, as the option oauthToken',
}
const NO_KEYS: Refusal = { harmless: [], reason: 'this client logs in with a password, not with keys made of one' }

const REFUSED: Readonly<Record<string, Refusal>> = {
  gssencmode: {
    harmless: ['disable', 'prefer'],
    reason: 'this client authenticates by GSSAPI and does not encrypt by it; sslmode encrypts',
    over: 'tcp',
  },
  sslcertmode: {
    harmless: ['disable', 'allow'],
    reason: 'Node.js does not tell whether the server asked for a certificate',
  },
  replication: {
    harmless: ['0', 'off', 'no', 'false'],
    reason: 'this client does not speak the replication protocol',
  },
  requirepeer: {
    harmless: [],
    reason: 'Node.js cannot ask the system who is at the other end of a socket',
    over: 'unix',
  },
  scram_client_key: NO_KEYS,
  scram_server_key: NO_KEYS,
  oauth_issuer: NO_TOKENS,
  oauth_client_id: NO_TOKENS,
  oauth_client_secret: NO_TOKENS,
  oauth_scope: NO_TOKENS,
}

/** Keywords whose values are secret and never shown. */
const SECRETS = new Set(['password', 'sslpassword', 'scram_client_key', 'scram_server_key', 'oauth_client_secret'])

/** A value for a message: clipped and in quotes, or hidden if it is a secret. */
export function shown(keyword: string, value: string): string {
  return SECRETS.has(keyword) ? '(hidden)' : JSON.stringify(clip(value))
}

/** @throws ClientConfigurationError for a value that its keyword does not allow. */
export function checkChoices(lookup: Lookup): void {
  for (const [keyword, choices] of Object.entries(CHOICES)) {
    const value = lookup(keyword)
    if (value === undefined || choices.includes(value)) continue
    throw new ClientConfigurationError(
      `${keyword}: expected one of ${choices.join(', ')}, got ${shown(keyword, value)}`,
    )
  }
}

/**
 * Refuses keywords that this client cannot apply.
 * @param kinds the kinds of the hosts; keywords for other kinds are ignored
 * @throws NotSupportedError with the keyword and the reason
 */
export function refuseKeywords(lookup: Lookup, kinds: readonly string[]): void {
  for (const [keyword, { harmless, reason, over }] of Object.entries(REFUSED)) {
    const value = lookup(keyword)
    if (value === undefined || harmless.includes(value.toLowerCase())) continue
    if (over !== undefined && !kinds.includes(over)) continue
    const instead = harmless.length === 0 ? '' : `, or set it to ${harmless.join(' or ')}`
    throw new NotSupportedError(`${keyword}=${shown(keyword, value)} is not supported: ${reason}`, {
      hint: `leave ${keyword}${variableHint(keyword)} out${instead}`,
    })
  }
}

function variableHint(keyword: string): string {
  const variable = KEYWORDS.get(keyword)
  return variable === null || variable === undefined ? '' : ` (or ${variable})`
}
