/**
 * Reads a DSN: a URI, a string of `keyword=value` pairs as libpq takes, or `pglite:`. Returns keywords and hosts as
 * written, without defaults. An error never quotes the DSN, because parts of a password may stand anywhere in a
 * malformed one. Source of truth: PostgreSQL manual, "Connection Strings".
 */
import { clip } from '../errors/describe-value.ts'
import { ClientConfigurationError } from '../errors/tree.ts'
import { type HostSpec, parseHostSpec } from './hosts.ts'
import { addPair, KEYWORDS, keywordOf } from './keywords.ts'
import { nearest } from './nearest.ts'

export interface Dsn {
  readonly values: ReadonlyMap<string, string>
  /** Hosts of a URI's authority, in order; null where it has none. */
  readonly hosts: readonly HostSpec[] | null
  /** The directory of a `pglite:` DSN as written, or null for a database in memory. Undefined for a server. */
  readonly pgliteDirectory?: string | null
}

const FORMS =
  'a DSN is postgresql://user:password@host:port/database?keyword=value, or host=… dbname=… pairs, or pglite:directory'
const ENCODE =
  'in a URI, write special characters of user and password percent-encoded: @ is %40, / is %2F, : is %3A, % is %25'
const MAX_HOSTS = 1000

/** @throws ClientConfigurationError when the text is no DSN or names a keyword that libpq does not have. */
export function parseDsn(text: string): Dsn {
  if (text.includes('\0')) throw new ClientConfigurationError('the DSN holds a zero byte')
  if (/^postgres(?:ql)?:\/\//.test(text)) return parseUri(text.slice(text.indexOf('://') + 3))
  if (text.startsWith('pglite:')) return parsePglite(text.slice('pglite:'.length))
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]
  if (scheme !== undefined && !text.slice(0, scheme.length + 1).includes('=')) {
    // The text before a colon may be a user name, with the password after it. So the message names a scheme only if
    // `://` follows it.
    const named = text.startsWith(`${scheme}://`) ? ` (found the scheme ${JSON.stringify(clip(scheme))})` : ''
    throw new ClientConfigurationError(`invalid DSN: neither a PostgreSQL URI nor keyword=value pairs${named}`, {
      hint: FORMS,
    })
  }
  return { values: parsePairs(text), hosts: null }
}

function parseUri(rest: string): Dsn {
  const values = new Map<string, string>()
  const authorityEnd = rest.search(/[/?]/)
  // The userinfo ends at the first @ before the path; a slash or question mark in a password has to be encoded.
  let authority = authorityEnd < 0 ? rest : rest.slice(0, authorityEnd)
  let tail = authorityEnd < 0 ? '' : rest.slice(authorityEnd)
  const at = /^[^@/]*@/.exec(rest)
  if (at !== null) {
    const userInfo = rest.slice(0, at[0].length - 1)
    const afterUser = rest.slice(at[0].length)
    const end = afterUser.search(/[/?]/)
    authority = end < 0 ? afterUser : afterUser.slice(0, end)
    tail = end < 0 ? '' : afterUser.slice(end)
    const colon = userInfo.indexOf(':')
    addPair(values, 'user', 'user', decode(colon < 0 ? userInfo : userInfo.slice(0, colon), 'user name'))
    if (colon >= 0) addPair(values, 'password', 'password', decode(userInfo.slice(colon + 1), 'password'))
  }
  if (authority.includes('@')) {
    throw new ClientConfigurationError('invalid DSN: more than one @ before the host', { hint: ENCODE })
  }
  const queryStart = tail.indexOf('?')
  const path = queryStart < 0 ? tail : tail.slice(0, queryStart)
  addPair(values, 'dbname', 'dbname', decode(path.slice(1), 'database name'))
  // The query overrides the part before it, as in libpq: hosted databases put the folder of a socket there.
  const fromQuery = parseQuery(queryStart < 0 ? '' : tail.slice(queryStart + 1))
  for (const [keyword, value] of fromQuery) values.set(keyword, value)
  if (authority === '') return { values, hosts: null }
  let hosts = splitAuthority(authority).map((spec) => parseAuthorityHost(spec))
  if (fromQuery.has('port')) hosts = hosts.map(({ host }) => ({ host, port: null }))
  if (fromQuery.has('host')) {
    if (hosts.some(({ port }) => port !== null)) values.set('port', hosts.map(({ port }) => port ?? '').join(','))
    return { values, hosts: null }
  }
  if (hosts.length === 1 && hosts[0]?.host === '') {
    // `postgres://:5433/` has a port and no host.
    if (hosts[0].port !== null) values.set('port', hosts[0].port)
    return { values, hosts: null }
  }
  return { values, hosts }
}

/**
 * Splits hosts at commas, except inside the brackets of an IPv6 address.
 * @throws ClientConfigurationError for more than 1000 hosts.
 */
function splitAuthority(authority: string): string[] {
  const parts = authority.includes('[') ? splitOutsideBrackets(authority) : authority.split(',', MAX_HOSTS + 1)
  if (parts.length <= MAX_HOSTS) return parts
  throw new ClientConfigurationError(`host: there are more than ${MAX_HOSTS} hosts`)
}

function splitOutsideBrackets(authority: string): string[] {
  const parts: string[] = []
  let start = 0
  let isInBrackets = false
  for (let index = 0; index < authority.length && parts.length < MAX_HOSTS; index++) {
    const character = authority[index]
    if (character === '[') isInBrackets = true
    else if (character === ']') isInBrackets = false
    else if (character === ',' && !isInBrackets) {
      parts.push(authority.slice(start, index))
      start = index + 1
    }
  }
  parts.push(authority.slice(start))
  return parts
}

function parseAuthorityHost(spec: string): HostSpec {
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(spec)
  if (match === null) {
    throw new ClientConfigurationError('invalid DSN: a host is neither a name, an IPv4 address nor an [IPv6 address]', {
      hint: `write IPv6 addresses in brackets; ${ENCODE}`,
    })
  }
  const name = match[1] ?? ''
  const host = decode(name.startsWith('[') ? name.slice(1, -1) : name, 'host')
  const port = decode(match[2] ?? '', 'port')
  if (port !== '' && !/^\d{1,5}$/.test(port)) {
    // The message does not quote the text: if the password has a slash, the text that looks like the port is the
    // password.
    throw new ClientConfigurationError('invalid DSN: the port is not a number', { hint: ENCODE })
  }
  return { host, port: port === '' ? null : port }
}

function parseQuery(query: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const item of query.split('&')) {
    if (item === '') continue
    const equals = item.indexOf('=')
    if (equals < 0) {
      throw new ClientConfigurationError('invalid DSN: a query parameter has no "="', {
        hint: 'write ?keyword=value&keyword=value',
      })
    }
    const name = decode(item.slice(0, equals), 'query parameter')
    const value = decode(item.slice(equals + 1), `query parameter ${JSON.stringify(clip(name))}`)
    // JDBC's spelling, which libpq accepts too.
    const [known, known_value] = name === 'ssl' && value === 'true' ? ['sslmode', 'require'] : [name, value]
    addPair(values, known, requireKeyword(known), known_value)
  }
  return values
}

/** Keywords of other libraries' connection strings, and what to use here. */
const HABITS: ReadonlyMap<string, string> = new Map([
  [
    'pgbouncer',
    'leave it out: prepared statements work behind PgBouncer 1.21 and later; before that, the option statementCacheSize: 0 of connect',
  ],
  ['connection_limit', 'leave it out: set the size of a pool with createPool(dsn, { maxSize })'],
  ['pool_timeout', 'leave it out: set the time to wait for a connection with createPool(dsn, { acquireTimeout })'],
  ['uselibpqcompat', 'leave it out: sslmode means the same here as in libpq'],
  ['sslaccept', 'write sslmode=require to encrypt without verifying, or sslmode=verify-full to verify'],
  ['schema', "leave it out and write options=-c search_path=…, or serverSettings: { search_path: '…' }"],
])

/** The keyword for a name, or an error that says what to write instead. */
function requireKeyword(name: string, quotable = true): string {
  const keyword = keywordOf(name)
  if (keyword !== undefined) return keyword
  const habit = HABITS.get(name)
  if (habit !== undefined) throw new ClientConfigurationError(`invalid DSN: unknown keyword "${name}"`, { hint: habit })
  const meant = nearest(name, KEYWORDS.keys())
  const suggestion = meant === null ? '' : `did you mean ${meant}? `
  const found = quotable && /^[\w.-]+$/.test(name) ? ` ${JSON.stringify(clip(name))}` : ''
  throw new ClientConfigurationError(`invalid DSN: unknown keyword${found}`, {
    hint:
      (quotable ? suggestion : 'quote a password that holds spaces; ') +
      'a server setting goes into serverSettings, or into the DSN as options=-c name=value',
  })
}

/** Percent-decoding of UTF-8, as libpq does it: `+` is a plus sign. */
function decode(text: string, what: string): string {
  if (!text.includes('%')) return text
  try {
    const decoded = decodeURIComponent(text)
    if (!decoded.includes('\0')) return decoded
  } catch {
    // The error below replaces this one, because its message would quote the text.
  }
  throw new ClientConfigurationError(`invalid DSN: malformed percent-encoding in the ${what}`, { hint: ENCODE })
}

/**
 * Reads `host=localhost user = 'a b' password=a\'b`: there may be blanks around `=`, quotes, and a backslash before any
 * character.
 */
function parsePairs(text: string): Map<string, string> {
  const values = new Map<string, string>()
  const pattern = /\s*([^\s=]+)\s*(=?)\s*(?:'((?:[^'\\]|\\[^])*)'(?=\s|$)|('?(?:[^\s\\]|\\[^])*\\?))/y
  let isAfterBarePassword = false
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const match = pattern.exec(text)
    if (match === null || match[2] !== '=') {
      throw new ClientConfigurationError('invalid DSN: a keyword without "=" and value', {
        hint: `${FORMS}; quote values that hold spaces: password='a b'`,
      })
    }
    const [, name = '', , quoted, bare = ''] = match
    if (quoted === undefined && bare.startsWith("'")) {
      throw new ClientConfigurationError('invalid DSN: a quoted value does not end', {
        hint: "write ' inside quotes as \\'",
      })
    }
    // After a password without quotes, the text that looks like the next keyword may be the rest of the password, so an
    // error must not quote it.
    const keyword = requireKeyword(name, !isAfterBarePassword)
    isAfterBarePassword = keyword === 'password' && quoted === undefined
    addPair(values, name, keyword, (quoted ?? bare).replaceAll(/\\([^]?)/g, '$1'))
  }
  return values
}

function parsePglite(rest: string): Dsn {
  const queryStart = rest.indexOf('?')
  const path = decode(queryStart < 0 ? rest : rest.slice(0, queryStart), 'data directory').replace(
    /^\/\/(?=[^/]|\/|$)/,
    '',
  )
  const isMemory = path === '' || path === 'memory' || path === 'memory://'
  return {
    values: parseQuery(queryStart < 0 ? '' : rest.slice(queryStart + 1)),
    hosts: null,
    pgliteDirectory: isMemory ? null : path,
  }
}

/** Reads the value of a `host` keyword or variable: hosts separated by commas, each in a form of `parseHostSpec`. */
export function parseHostList(text: string): HostSpec[] {
  return splitAuthority(text).map((spec) => parseHostSpec(spec.trim()))
}
