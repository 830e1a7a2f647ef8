import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DbError,
  NotSupportedError,
  ProgrammingError,
  ClientConfigurationError,
} from '../../../src-async/errors/tree.ts'
import type { ConnectOptions } from '../../../src-async/options/connect-options.ts'
import { awaitPassword, resolveOptions } from '../../../src-async/options/options.ts'
import type { HostAddress } from '../../../src-async/options/session-options.ts'
import { failureOf } from '../../support/failure-of.ts'

/** No files in this home, so that the machine's own do not matter. */
const NOWHERE = { HOME: '/nonexistent/home' }

function resolveSession(dsn: string | undefined, options: ConnectOptions = {}, variables: Record<string, string> = {}) {
  return resolveOptions({ ...(dsn === undefined ? {} : { dsn }), options }, { ...NOWHERE, ...variables }).session
}

/** `user:password@host,host/database`, for short tables. */
function brief(session: ReturnType<typeof resolveSession>): string {
  const hosts = session.hosts.map((host: HostAddress) => {
    if (host.kind === 'unix') return host.path
    if (host.kind === 'pglite') return `pglite(${host.dataDirectory ?? 'memory'})`
    return `${host.host}:${host.port}${host.address === undefined ? '' : `=${host.address}`}`
  })
  return `${session.user}:${session.password ?? '-'}@${hosts.join(',')}/${session.database}`
}

const failure = (call: () => unknown): DbError => failureOf(call, DbError)

const env = { PGUSER: 'u' }

type Case = readonly [
  what: string,
  dsn: string | undefined,
  options: ConnectOptions,
  variables: Record<string, string>,
  expected: string,
]

const cases: readonly Case[] = [
  ['all parts', 'postgres://user:pw@host:99/db', {}, {}, 'user:pw@host:99/db'],
  ['the other scheme', 'postgresql://user@host/db', {}, {}, 'user:-@host:5432/db'],
  [
    'everything from the environment',
    undefined,
    {},
    { PGUSER: 'user', PGDATABASE: 'db', PGPASSWORD: 'pw', PGHOST: 'host', PGPORT: '123' },
    'user:pw@host:123/db',
  ],
  [
    'options over the environment',
    undefined,
    { user: 'u2', database: 'd2', password: 'p2', host: 'h2', port: 456 },
    { PGUSER: 'u', PGDATABASE: 'd', PGPASSWORD: 'p', PGHOST: 'h', PGPORT: '123' },
    'u2:p2@h2:456/d2',
  ],
  [
    'the DSN over the environment',
    'postgres://u3:p3@h3:789/d3',
    {},
    { PGUSER: 'u', PGDATABASE: 'd', PGPASSWORD: 'p', PGHOST: 'h', PGPORT: '123' },
    'u3:p3@h3:789/d3',
  ],
  [
    'options over the DSN',
    'postgres://u3:p3@h3:789/d3',
    { user: 'u2', database: 'd2', password: 'p2', host: 'h2', port: 456 },
    {},
    'u2:p2@h2:456/d2',
  ],
  ['the database is the user by default', 'postgres://user@host', {}, {}, 'user:-@host:5432/user'],
  ['an empty path is no database', 'postgres://user@host/', {}, {}, 'user:-@host:5432/user'],
  ['query parameters', 'postgres:///?user=user&password=pw&host=host&port=99&dbname=db', {}, {}, 'user:pw@host:99/db'],
  ['no slash before the query', 'postgres://?host=host&user=user', {}, {}, 'user:-@host:5432/user'],
  ['the database under its other name', 'postgres://user@host?database=db', {}, {}, 'user:-@host:5432/db'],
  ['dbname over database', 'postgres://user@host?dbname=a&database=b', {}, {}, 'user:-@host:5432/a'],
  ['the last of a repeated parameter', 'postgres://host?user=a&user=b', {}, {}, 'b:-@host:5432/b'],
  [
    'the query over what stands before it',
    'postgres://a:pa@host:1/da?user=b&password=pb&host=hb&port=2&dbname=db',
    {},
    {},
    'b:pb@hb:2/db',
  ],
  [
    'a host in the query keeps the port of the authority',
    'postgres://u@h:7/d?host=/run/db',
    {},
    {},
    'u:-@/run/db/.s.PGSQL.7/d',
  ],
  ['a port in the query is for the hosts of the authority', 'postgres://u@h1:1,h2/d?port=9', {}, {}, 'u:-@h1:9,h2:9/d'],
  ['an empty value is no value', 'postgres://host?user=&dbname=', {}, env, 'u:-@host:5432/u'],
  [
    'percent-encoding everywhere',
    'postgres://us%65r:p%40ss%2F%3A%25@h%6Fst:543%33/d%62',
    {},
    {},
    'user:p@ss/:%@host:5433/db',
  ],
  ['a plus is a plus', 'postgres://a+b@host/c+d', {}, {}, 'a+b:-@host:5432/c+d'],
  ['UTF-8 in percent-encoding', 'postgres://u%C3%A4@host', {}, {}, 'uä:-@host:5432/uä'],
  ['a colon in the password', 'postgres://user:a:b@host', {}, {}, 'user:a:b@host:5432/user'],
  ['a question mark in the password', 'postgres://user:a?b@host/db', {}, {}, 'user:a?b@host:5432/db'],
  ['several hosts', 'postgres://user@h1,h2/db', {}, {}, 'user:-@h1:5432,h2:5432/db'],
  ['several hosts with ports', 'postgres://user@h1:1111,h2:2222/db', {}, {}, 'user:-@h1:1111,h2:2222/db'],
  ['some with ports', 'postgres://user@h1:1111,h2/db', {}, { PGPORT: '3333' }, 'user:-@h1:1111,h2:3333/db'],
  ['IPv6', 'postgres://user@[::1]:1/db', {}, {}, 'user:-@::1:1/db'],
  ['IPv6 without a port', 'postgres://user@[2001:db8::1234]/db', {}, {}, 'user:-@2001:db8::1234:5432/db'],
  ['IPv6 with a zone', 'postgres://user@[fe80::1%25eth0]/db', {}, {}, 'user:-@fe80::1%eth0:5432/db'],
  [
    'several, with IPv6',
    'postgres://user@[::1]:1,127.0.0.1:2,[::2]/db',
    {},
    {},
    'user:-@::1:1,127.0.0.1:2,::2:5432/db',
  ],
  ['IPv6 in the query', 'postgres://user@/db?host=[::1]:5,[::2]', {}, { PGPORT: '7' }, 'user:-@::1:5,::2:7/db'],
  [
    'a socket directory in the authority',
    'postgres://user@%2Fvar%2Flib:77/db',
    {},
    {},
    'user:-@/var/lib/.s.PGSQL.77/db',
  ],
  ['a socket directory in the query', 'postgres://user@/db?host=/var/lib', {}, {}, 'user:-@/var/lib/.s.PGSQL.5432/db'],
  [
    'a socket directory with colons',
    'postgres://user@/db?host=/cloudsql/project:region:instance',
    {},
    {},
    'user:-@/cloudsql/project:region:instance/.s.PGSQL.5432/db',
  ],
  ['sockets and names in order', 'postgres://user@/db?host=/tmp,h:4&port=9', {}, {}, 'user:-@/tmp/.s.PGSQL.9,h:4/db'],
  ['a socket file as it is', undefined, { host: '/x/.s.PGSQL.6' }, env, 'u:-@/x/.s.PGSQL.6/u'],
  ['a trailing slash of the directory', undefined, { host: '/x/' }, env, 'u:-@/x/.s.PGSQL.5432/u'],
  ['an abstract socket', undefined, { host: '@abstract' }, env, 'u:-@\0abstract/.s.PGSQL.5432/u'],
  ['a list of hosts', undefined, { host: ['h1', 'h2'], port: [1, '2'] }, env, 'u:-@h1:1,h2:2/u'],
  ['one port for all hosts', undefined, { host: ['h1', 'h2'], port: 6 }, env, 'u:-@h1:6,h2:6/u'],
  ['hosts with commas', undefined, { host: 'h1,h2', port: '1,2' }, env, 'u:-@h1:1,h2:2/u'],
  ['an IPv6 address as option', undefined, { host: '::1', port: 1 }, env, 'u:-@::1:1/u'],
  ['host and port in PGHOST', undefined, {}, { ...env, PGHOST: 'h1:99,h2', PGPORT: '5' }, 'u:-@h1:99,h2:5/u'],
  ['a port option over a port in PGHOST', undefined, { port: 7 }, { ...env, PGHOST: 'h:99' }, 'u:-@h:7/u'],
  ['ports of the environment, one each', undefined, {}, { ...env, PGHOST: 'h1,h2', PGPORT: '1,2' }, 'u:-@h1:1,h2:2/u'],
  ['an empty port in a list', undefined, {}, { ...env, PGHOST: 'h1,h2', PGPORT: '1,' }, 'u:-@h1:1,h2:5432/u'],
  ['a port without a host', 'postgres://:77/db', { host: 'h' }, env, 'u:-@h:77/db'],
  ['a port of the query for a host without', 'postgres://user@host/db?port=77', {}, {}, 'user:-@host:77/db'],
  [
    'no host at all',
    undefined,
    {},
    env,
    'u:-@/run/postgresql/.s.PGSQL.5432,/var/run/postgresql/.s.PGSQL.5432,/tmp/.s.PGSQL.5432,/private/tmp/.s.PGSQL.5432,localhost:5432/u',
  ],
  [
    'a port without any host',
    undefined,
    { port: 9 },
    env,
    'u:-@/run/postgresql/.s.PGSQL.9,/var/run/postgresql/.s.PGSQL.9,/tmp/.s.PGSQL.9,/private/tmp/.s.PGSQL.9,localhost:9/u',
  ],
  ['an address for a name', 'host=db.example hostaddr=10.0.0.1 user=u', {}, {}, 'u:-@db.example:5432=10.0.0.1/u'],
  [
    'an address without a name',
    'hostaddr=10.0.0.1,10.0.0.2 user=u port=1,2',
    {},
    {},
    'u:-@10.0.0.1:1=10.0.0.1,10.0.0.2:2=10.0.0.2/u',
  ],
  [
    'an address from the environment',
    undefined,
    {},
    { ...env, PGHOST: 'h', PGHOSTADDR: '10.0.0.1' },
    'u:-@h:5432=10.0.0.1/u',
  ],
  ['pairs', 'host=h port=1 user=user password=pw dbname=db', {}, {}, 'user:pw@h:1/db'],
  [
    'pairs with blanks and quotes',
    "  host = h\tuser= 'a b'\npassword ='it\\'s \\\\ here' dbname=d\\ b ",
    {},
    {},
    "a b:it's \\ here@h:5432/d b",
  ],
  ['pairs with an empty value', "host=h user='' dbname=db", {}, env, 'u:-@h:5432/db'],
  ['pairs without a blank after quotes', "host='h' user='u'", {}, {}, 'u:-@h:5432/u'],
  ['an equals sign in a value', 'host=h user=u password=a=b', {}, {}, 'u:a=b@h:5432/u'],
  ['a slash in a value', 'host=/tmp user=u password=a://b', {}, {}, 'u:a://b@/tmp/.s.PGSQL.5432/u'],
  ['nothing in the DSN', '', { host: 'h' }, env, 'u:-@h:5432/u'],
  ['PGlite in memory', 'pglite:', {}, {}, 'postgres:-@pglite(memory)/postgres'],
  ['PGlite in memory by name', 'pglite:memory', {}, {}, 'postgres:-@pglite(memory)/postgres'],
  ['PGlite in a directory', 'pglite:/data/x', {}, {}, 'postgres:-@pglite(/data/x)/postgres'],
  ['PGlite with slashes', 'pglite:///data/x%20y', {}, {}, 'postgres:-@pglite(/data/x y)/postgres'],
  ['PGlite in a relative directory', 'pglite:./data', {}, {}, `postgres:-@pglite(${process.cwd()}/data)/postgres`],
  [
    'PGlite in a relative directory without a dot',
    'pglite:data',
    {},
    {},
    `postgres:-@pglite(${process.cwd()}/data)/postgres`,
  ],
  [
    'PGlite does not hear of servers',
    'pglite:',
    {},
    { PGUSER: 'u', PGHOST: 'h', PGDATABASE: 'd', PGPASSWORD: 'p', PGSERVICE: 's', PGSSLMODE: 'verify-full' },
    'postgres:-@pglite(memory)/postgres',
  ],
  ['PGlite with a database', 'pglite:?dbname=db', { user: 'u' }, {}, 'u:-@pglite(memory)/db'],
]

describe('host, user and database', () => {
  test.each(cases)('%s', (_what, dsn, options, variables, expected) => {
    expect(brief(resolveSession(dsn, options, variables))).toBe(expected)
  })

  test('the user of the operating system is the user by default', () => {
    expect(resolveSession('postgres://host').user).not.toBe('')
  })

  test('load_balance_hosts=random keeps the order of the hosts here, because the session shuffles them', () => {
    const { hosts, isLoadBalanced } = resolveSession('', { host: 'a,b', user: 'u', loadBalanceHosts: 'random' })
    expect(hosts.map((host) => (host.kind === 'tcp' ? host.host : ''))).toEqual(['a', 'b'])
    expect(isLoadBalanced).toBe(true)
    expect(resolveSession('postgres://u@h').isLoadBalanced).toBe(false)
  })
})

const SECRET = 'Tr0ub4dor'

/** Each has the secret at a wrong place. */
const badDsns: readonly (readonly [what: string, dsn: string, message: RegExp])[] = [
  ['another scheme', `mysql://u:${SECRET}@h/d`, /neither a PostgreSQL URI nor/],
  ['no scheme', `u:${SECRET}@h/d`, /neither a PostgreSQL URI nor/],
  ['a word', SECRET, /without "="/],
  ['an unencoded @ in the password', `postgres://u:p@${SECRET}@h/d`, /more than one @/],
  ['an unencoded / in the password', `postgres://u:${SECRET}/x@h/d`, /port is not a number/],
  ['a malformed percent-encoding', `postgres://u:${SECRET}%zz@h/d`, /percent-encoding in the password/],
  ['a percent-encoding that is not UTF-8', `postgres://u:${SECRET}%ff@h/d`, /percent-encoding in the password/],
  ['an encoded zero byte', `postgres://u:${SECRET}%00@h/d`, /percent-encoding in the password/],
  ['a zero byte', `postgres://u:${SECRET}\0@h/d`, /zero byte/],
  ['a bracket that does not close', `postgres://u:${SECRET}@[::1/d`, /host is neither/],
  ['text after the bracket', `postgres://u:${SECRET}@[::1]x/d`, /host is neither/],
  ['IPv6 without brackets', `postgres://u:${SECRET}@::1/d`, /port is not a number/],
  ['a port that is no number', `postgres://u:${SECRET}@h:x/d`, /port is not a number/],
  ['a port too large', `postgres://u:${SECRET}@h:65536/d`, /from 1 to 65535/],
  ['port zero', `postgres://u:${SECRET}@h:0/d`, /from 1 to 65535/],
  ['too many hosts', `postgres://u:${SECRET}@${'h,'.repeat(1000)}/d`, /more than 1000 hosts/],
  ['too many hosts, of IPv6', `host=${'[::1],'.repeat(1000)} password=${SECRET}`, /more than 1000 hosts/],
  ['too many ports', `postgres://u:${SECRET}@/d?host=h&port=1,2`, /could not match 2 port numbers to 1 hosts/],
  ['too few ports', `host=a,b,c port=1,2 password=${SECRET}`, /could not match 2 port numbers to 3 hosts/],
  ['too few addresses', `host=a,b hostaddr=1.1.1.1 password=${SECRET}`, /could not match 1 hostaddr values to 2 hosts/],
  ['a query parameter without =', `postgres://h?${SECRET}`, /no "="/],
  ['an unknown query parameter', `postgres://u:${SECRET}@h?aplication_name=x`, /unknown keyword "aplication_name"/],
  ['an unknown keyword', `host=h password=${SECRET} usr=u`, /unknown keyword/],
  ['blanks in a password without quotes', `host=h password=my ${SECRET}`, /without "="/],
  ['blanks and = in a password without quotes', `host=h password=my ${SECRET}=x`, /unknown keyword/],
  ['a quote that does not end', `host=h password='${SECRET}`, /quoted value does not end/],
  ['a quote that ends too early', `host=h password='a'${SECRET}`, /does not end|without "="/],
  [
    'an unknown sslmode',
    `postgres://u:${SECRET}@h?sslmode=on`,
    /sslmode: expected one of disable, allow, prefer.*, got "on"/,
  ],
  [
    'a timeout that is no number',
    `postgres://u:${SECRET}@h?connect_timeout=soon`,
    /connect_timeout: expected an integer/,
  ],
  ['a host for PGlite', `pglite:?host=h&password=${SECRET}`, /pglite: DSN cannot have host/],
]

describe('texts that cannot be read', () => {
  test.each(badDsns)('%s is refused, and the error does not contain the password', (_what, dsn, message) => {
    const error = failure(() => resolveSession(dsn, {}, env))
    expect(error).toBeInstanceOf(ProgrammingError)
    expect(error.message).toMatch(message)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET)
    expect(error.stack).not.toContain(SECRET)
  })

  test.each([
    ['pgbouncer=true', 'statementCacheSize: 0'],
    ['schema=shop', 'search_path'],
  ])('%s of another library is refused, and the error names what to use instead', (pair, words) => {
    expect(failure(() => resolveSession(`postgres://h/x?${pair}`)).hint).toContain(words)
  })

  test('an unknown keyword is an error that suggests the right one, and says where settings go', () => {
    const error = failure(() => resolveSession('postgres://h?aplication_name=x'))
    expect(error).toBeInstanceOf(ClientConfigurationError)
    expect(error.hint).toContain('did you mean application_name?')
    expect(error.hint).toContain('serverSettings')
    expect(error.hint).toContain('options=-c name=value')
  })

  test("another client's no-verify is explained", () => {
    expect(failure(() => resolveSession('postgres://h?sslmode=no-verify')).hint).toContain('require')
  })
})

describe('libpq keywords', () => {
  /** An accepted value for each keyword. */
  const accepted: Readonly<Record<string, string>> = {
    passfile: '/nonexistent',
    connect_timeout: '3',
    application_name: 'a',
    fallback_application_name: 'b',
    options: '-c geqo=off',
    client_encoding: 'auto',
    target_session_attrs: 'any',
    load_balance_hosts: 'disable',
    sslmode: 'require',
    sslnegotiation: 'postgres',
    sslcertmode: 'allow',
    sslsni: '1',
    sslcompression: '0',
    sslkeylogfile: '/dev/null',
    requiressl: '0',
    ssl_min_protocol_version: 'TLSv1.2',
    ssl_max_protocol_version: 'TLSv1.3',
    min_protocol_version: '3.0',
    max_protocol_version: 'latest',
    channel_binding: 'prefer',
    gssencmode: 'prefer',
    krbsrvname: 'postgres',
    gsslib: 'gssapi',
    gssdelegation: '0',
    keepalives: '1',
    keepalives_idle: '5',
    keepalives_interval: '5',
    keepalives_count: '5',
    tcp_user_timeout: '1000',
    replication: 'false',
    sslpassword: 'x',
    host: 'h',
    hostaddr: '10.0.0.1',
    port: '1',
    user: 'u',
    password: 'p',
    dbname: 'd',
  }

  test.each(Object.entries(accepted))('%s=%s is accepted in both kinds of DSN', (keyword, value) => {
    const hostAndUser = keyword === 'host' ? '' : 'host=h '
    expect(resolveSession(`${hostAndUser}${keyword}='${value}'`, {}, env).hosts).toHaveLength(1)
    expect(
      resolveSession(`postgres:///?${keyword}=${encodeURIComponent(value)}`, {}, { ...env, PGHOST: 'h' }).hosts,
    ).toHaveLength(1)
  })

  test.each([
    ['gssencmode', 'require', 'PGGSSENCMODE'],
    ['sslcertmode', 'require', 'PGSSLCERTMODE'],
    ['replication', 'database', null],
    ['scram_client_key', 'c2VjcmV0', null],
    ['scram_server_key', 'c2VjcmV0', null],
    ['oauth_issuer', 'https://issuer', null],
    ['oauth_client_id', 'id', null],
    ['oauth_client_secret', 'c2VjcmV0', null],
    ['oauth_scope', 'scope', null],
  ])('%s=%s, which the client cannot do, is refused by name', (keyword, value, variable) => {
    const error = failure(() => resolveSession(`postgres://u@h?${keyword}=${encodeURIComponent(value)}`))
    expect(error).toBeInstanceOf(NotSupportedError)
    expect(error.message).toMatch(new RegExp(`^${keyword}=.* is not supported: \\w`))
    expect(error.message).not.toContain('c2VjcmV0')
    if (variable === null) return
    expect(error.hint).toContain(variable)
    expect(failure(() => resolveSession('postgres://u@h', {}, { [variable]: value }))).toBeInstanceOf(NotSupportedError)
  })

  test('settings for another kind of host are ignored', () => {
    const peer = { PGREQUIREPEER: 'postgres' }
    expect(resolveSession('postgres://u@h', {}, peer).hosts).toHaveLength(1)
    for (const host of ['/tmp', '/tmp,h']) {
      const error = failure(() => resolveSession(`host=${host} user=u`, {}, peer))
      expect(error).toBeInstanceOf(NotSupportedError)
      expect(error.message).toMatch(/requirepeer="postgres" is not supported: Node.js cannot ask/)
      expect(error.hint).toContain('PGREQUIREPEER')
    }
    expect(resolveSession('host=/tmp user=u gssencmode=require').hosts).toHaveLength(1)
    expect(resolveSession('postgres://u@h?replication=FALSE').hosts).toHaveLength(1)
  })

  test.each([
    ['gssencmode', 'maybe'],
    ['channel_binding', 'on'],
    ['gsslib', 'other'],
    ['gssdelegation', 'yes'],
    ['load_balance_hosts', 'yes'],
    ['sslnegotiation', 'late'],
    ['sslcertmode', 'x'],
    ['sslsni', 'yes'],
    ['min_protocol_version', '3.1'],
    ['max_protocol_version', '2.0'],
    ['target_session_attrs', 'Primary'],
  ])('%s=%s is refused because the keyword has no such value', (keyword, value) => {
    const error = failure(() => resolveSession(`postgres://u@h?${keyword}=${value}`))
    expect(error).toBeInstanceOf(ClientConfigurationError)
    expect(error.message).toMatch(new RegExp(`^${keyword}: expected one of .*, got "${value}"`))
  })

  test.each([
    ['channel_binding=require', { channelBinding: 'require' }],
    ['channel_binding=disable', { channelBinding: 'disable' }],
    ['', { channelBinding: 'prefer', requireAuth: null, minProtocolVersion: '3.0', maxProtocolVersion: '3.0' }],
    ['require_auth=scram-sha-256', { requireAuth: { methods: ['scram-sha-256'], isNegated: false } }],
    ['require_auth=md5, none', { requireAuth: { methods: ['md5', 'none'], isNegated: false } }],
    ['require_auth=!password,!md5', { requireAuth: { methods: ['password', 'md5'], isNegated: true } }],
    ['min_protocol_version=3.2', { minProtocolVersion: '3.2', maxProtocolVersion: '3.2' }],
    ['max_protocol_version=latest', { minProtocolVersion: '3.0', maxProtocolVersion: '3.2' }],
    ['', { gss: { serviceName: 'postgres', isDelegated: false } }],
    ['krbsrvname=pg&gssdelegation=1', { gss: { serviceName: 'pg', isDelegated: true } }],
    ['sslmode=require&sslnegotiation=direct', { tls: { negotiation: 'direct' } }],
    ['sslmode=require&sslsni=0', { tls: { sendsServerName: false } }],
  ] as const)('requirements for the server are passed on: %s', (query, expected) => {
    expect(resolveSession(`postgres://u@h?${query}`)).toMatchObject(expected)
  })

  test.each([
    ['require_auth=kerberos', /require_auth: expected password, md5.*, got "kerberos"/],
    ['require_auth=md5,!none', /require_auth: "md5,!none" mixes/],
    ['require_auth=!md5,none', /mixes/],
    ['require_auth=md5,md5', /"md5" is given more than once/],
    ['require_auth=md5,', /got ""/],
    ['min_protocol_version=3.2&max_protocol_version=3.0', /3\.2 is above max_protocol_version 3\.0/],
    ['sslnegotiation=direct', /sslmode prefer is too weak for sslnegotiation=direct/],
    ['sslnegotiation=direct&sslmode=disable', /sslmode disable is too weak/],
  ])('a value that makes no sense is refused: %s', (query, pattern) => {
    const error = failure(() => resolveSession(`postgres://u@h?${query}`))
    expect(error).toBeInstanceOf(ClientConfigurationError)
    expect(error.message).toMatch(pattern)
  })

  test('oauthToken is a string or a function, and its value is never printed', async () => {
    for (const oauthToken of ['t0ken', () => 't0ken']) {
      const session = resolveSession('postgres://u@h', { oauthToken })
      expect(session.oauthToken).toBe('t0ken')
      expect(inspect(session)).not.toContain('t0ken')
    }
    const settled = await awaitPassword({ oauthToken: async () => 't0ken', password: async () => 'p' })
    expect(resolveSession('postgres://u@h', settled)).toMatchObject({ oauthToken: 't0ken', password: 'p' })
    expect(failure(() => resolveSession('postgres://u@h', { oauthToken: async () => 'x' })).message).toMatch(
      /^connect: oauthToken: expected a function that gives a string, got a promise/,
    )
    expect(resolveSession('postgres://u@h').oauthToken).toBeNull()
  })

  test.each(['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const)(
    'target_session_attrs=%s comes from the DSN, the options or the environment',
    (wanted) => {
      expect(resolveSession(`postgres://h?target_session_attrs=${wanted}`).targetSessionAttrs).toBe(wanted)
      expect(resolveSession('postgres://h', { targetSessionAttrs: wanted }).targetSessionAttrs).toBe(wanted)
      expect(resolveSession('postgres://h', {}, { PGTARGETSESSIONATTRS: wanted }).targetSessionAttrs).toBe(wanted)
    },
  )

  test('parameters of the session come from keywords, variables and options', () => {
    const dsn = 'postgres://u@h?options=-c%20geqo%3Doff&fallback_application_name=f'
    expect(resolveSession(dsn).parameters).toEqual({ options: '-c geqo=off', application_name: 'f' })
    expect(resolveSession(dsn, { applicationName: 'a' }).parameters['application_name']).toBe('a')
    expect(resolveSession(dsn, {}, { PGAPPNAME: 'e' }).parameters['application_name']).toBe('e')
    expect(
      resolveSession('', {}, { PGTZ: 'UTC', PGDATESTYLE: 'ISO', PGGEQO: 'off', PGOPTIONS: '-c a.b=c' }).parameters,
    ).toEqual({ TimeZone: 'UTC', DateStyle: 'ISO', geqo: 'off', options: '-c a.b=c' })
    const serverSettings = { search_path: 'a, b', jit: false, work_mem: 1024, TimeZone: 'CET' }
    expect(resolveSession('', { serverSettings }, { PGTZ: 'UTC' }).parameters).toEqual({
      search_path: 'a, b',
      jit: 'off',
      work_mem: '1024',
      TimeZone: 'CET',
    })
  })

  test.each([
    ['postgres://h', {}, {}, 60_000],
    ['postgres://h?connect_timeout=3', {}, {}, 3000],
    ['postgres://h?connect_timeout=0', {}, {}, 0],
    ['postgres://h?connect_timeout=-1', {}, {}, 0],
    ['postgres://h', {}, { PGCONNECT_TIMEOUT: '7' }, 7000],
    ['postgres://h?connect_timeout=3', {}, { PGCONNECT_TIMEOUT: '7' }, 3000],
    ['postgres://h?connect_timeout=3', { timeout: 250 }, {}, 250],
    ['postgres://h?connect_timeout=3', { timeout: null }, {}, 0],
    ['pglite:?connect_timeout=3', {}, {}, 3000],
  ])('%s with %o and %o gives up after %d ms', (dsn, options, variables, expected) => {
    expect(resolveSession(dsn, options, variables).connectTimeoutMs).toBe(expected)
  })

  test.each([
    ['', 0],
    ['?keepalives=0', null],
    ['?keepalives_idle=30', 30_000],
    ['?keepalives=0&keepalives_idle=30', null],
  ])('keepalives of postgres://h%s', (query, expected) => {
    expect(resolveSession(`postgres://h${query}`).keepAliveMs).toBe(expected)
  })
})

test('session options reach a worker complete, and print without their secrets', () => {
  const session = resolveSession(`postgres://u:${SECRET}@h/d`, {
    ssl: { key: `-----BEGIN KEY----- ${SECRET}`, cert: '-----BEGIN X-----', passphrase: SECRET },
  })
  expect(structuredClone(session)).toEqual({ ...session })
  expect(structuredClone(session).password).toBe(SECRET)
  expect(JSON.parse(JSON.stringify(session)).password).toBe(SECRET)
  expect(inspect(session, { depth: 10 })).not.toContain(SECRET)
  expect(inspect({ nested: { session } }, { depth: 10 })).not.toContain(SECRET)
})

test.each(['h', '[::1]'])('a DSN may have a thousand hosts: %s', (host) => {
  const hosts = Array.from({ length: 1000 }, () => host).join()
  expect(resolveSession(`postgres://u@${hosts}/d`).hosts).toHaveLength(1000)
})

describe('hostile text', () => {
  /** Pieces with a meaning in a DSN, so that random text gets past the first character. */
  const piece = fc.oneof(
    fc.constantFrom(
      'postgres://',
      'pglite:',
      '@',
      ':',
      '/',
      '?',
      '&',
      '=',
      '%',
      '%2',
      '%00',
      '[',
      ']',
      ',',
      "'",
      '\\',
      ' ',
    ),
    fc.constantFrom(
      'host',
      'port',
      'user',
      'password',
      'sslmode',
      'require',
      '5432',
      '::1',
      '\0',
      'ä',
      '\u{1d11e}',
      '\ud800',
    ),
    fc.string({ maxLength: 5 }),
  )
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))

  test('any DSN is either understood or refused with an error of the tree', () => {
    fc.assert(
      fc.property(text, (dsn) => {
        try {
          const { hosts, user } = resolveSession(dsn, {}, env)
          expect(hosts.length).toBeGreaterThan(0)
          expect(user).not.toContain('\0')
        } catch (error) {
          expect(error).toBeInstanceOf(DbError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('a password may have any characters, encoded in a URI or quoted in a pair', () => {
    const password = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'))
    fc.assert(
      fc.property(password, (value) => {
        expect(resolveSession(`postgres://u:${encodeURIComponent(value)}@h`).password).toBe(value)
        const quoted = value.replaceAll(/[\\']/g, '\\$&')
        expect(resolveSession(`host=h user=u password='${quoted}' dbname=d`)).toMatchObject({
          password: value,
          database: 'd',
        })
      }),
    )
  })

  test.each([['x'], ["'"], ['\\'], ['[::'], ['%'], ['a='], [' '], [',']])(
    'a megabyte of %j is read or refused at once',
    (unit) => {
      const long = unit.repeat(1_000_000 / unit.length)
      // CPU time, because other work on the machine does not increase it.
      const started = process.cpuUsage()
      for (const dsn of [
        long,
        `postgres://${long}`,
        `postgres://u@h/?host=${long}`,
        `host=${long}`,
        `password='${long}`,
      ]) {
        try {
          resolveSession(dsn, {}, env)
        } catch (error) {
          expect(error).toBeInstanceOf(DbError)
        }
      }
      const { user, system } = process.cpuUsage(started)
      expect((user + system) / 1000).toBeLessThan(5_000)
    },
  )
})
