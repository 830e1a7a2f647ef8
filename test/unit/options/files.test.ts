import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClientConfigurationError, DbError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import type { ConnectOptions } from '../../../src-async/options/connect-options.ts'
import { resolveOptions } from '../../../src-async/options/options.ts'
import { failureOf } from '../../support/failure-of.ts'

let home: string

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'options-'))
})
afterAll(() => rmSync(home, { recursive: true }))
beforeEach(() => {
  rmSync(home, { recursive: true })
  mkdirSync(home, { mode: 0o700 })
})

function write(name: string, text: string, mode = 0o600): string {
  const path = join(home, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

function resolveSession(dsn: string, options: ConnectOptions = {}, variables: Record<string, string> = {}) {
  return resolveOptions({ dsn, options }, { HOME: home, PGUSER: 'u', ...variables }).session
}

const host = (...args: Parameters<typeof resolveSession>) => resolveSession(...args).hosts[0]
const pem = (what: string) => `-----BEGIN CERTIFICATE-----\n${what}\n-----END CERTIFICATE-----\n`
const privateKey = '-----BEGIN PRIVATE KEY-----\nTr0ub4dor\n-----END PRIVATE KEY-----\n'
const tls = (dsn: string, options: ConnectOptions = {}, variables: Record<string, string> = {}) =>
  resolveSession(dsn, options, variables).tls

const failure = (call: () => unknown): DbError => failureOf(call, DbError)

describe('the password file', () => {
  const text = [
    '# a comment: with colons: and: more: of them',
    '',
    'h1:1111:db:u:exact',
    'h1:*:*:other:of other',
    'h2:*:db:u:colons:in:it',
    'h3:*:d\\:b:u:escaped\\:colon\\\\and backslash',
    'localhost:5432:*:u:of the socket',
    '/run/named:*:*:u:of the directory',
    '\\:\\:1:*:*:u:of IPv6',
    'h4:*:*:u:  blanks  ',
    'h5:*:*:u:',
    'not a line',
    '*:*:*:fallback:for all hosts',
  ].join('\n')

  test.each([
    ['postgres://h1:1111/db', 'exact'],
    ['postgres://h1:2222/db', null],
    ['postgres://other@h1/x', 'of other'],
    ['postgres://h2/db', 'colons:in:it'],
    ['postgres://h3/d:b', 'escaped:colon\\and backslash'],
    ['postgres:///db?host=/var/somewhere', 'of the socket'],
    ['postgres:///db?host=/run/named&port=1', 'of the directory'],
    ['postgres://[::1]/x', 'of IPv6'],
    ['postgres://h4/x', '  blanks  '],
    ['postgres://h5/x', ''],
    ['postgres://fallback@anything/x', 'for all hosts'],
    ['postgres://unknown,h2/db', 'colons:in:it'],
    ['postgres:///x', 'of the socket'],
  ])('%s finds %j', (dsn, expected) => {
    write('.pgpass', text)
    expect(resolveSession(dsn).password).toBe(expected)
  })

  test('a file with the line ends of Windows gives no carriage return', () => {
    write('.pgpass', '*:*:*:*:secret\r\n')
    expect(resolveSession('postgres://h').password).toBe('secret')
  })

  test('the path of the file is that of the option, else of the DSN, else of the variable, else of the home directory', () => {
    write('.pgpass', '*:*:*:*:home')
    const [option, dsn, variable] = ['option', 'dsn', 'variable'].map((name) => write(name, `*:*:*:*:${name}`))
    const variables = { PGPASSFILE: variable ?? '' }
    expect(resolveSession('postgres://h').password).toBe('home')
    expect(resolveSession('postgres://h', {}, variables).password).toBe('variable')
    expect(resolveSession(`postgres://h?passfile=${dsn}`, {}, variables).password).toBe('dsn')
    expect(resolveSession(`postgres://h?passfile=${dsn}`, { passfile: option ?? '' }, variables).password).toBe(
      'option',
    )
  })

  test('a password from any other source overrides the file', () => {
    write('.pgpass', '*:*:*:*:file')
    expect(resolveSession('postgres://h', {}, { PGPASSWORD: 'variable' }).password).toBe('variable')
    expect(resolveSession('postgres://h', { password: () => 'function' }).password).toBe('function')
  })

  test.each([
    ['open to the group', 0o640],
    ['open to all', 0o604],
  ])('a file %s is ignored with a warning', (_what, mode) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    write('.pgpass', '*:*:*:*:secret', mode)
    expect(resolveSession('postgres://h').password).toBeNull()
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('has group or world access'), 'SyncpgWarning')
    warn.mockRestore()
  })

  test('a directory in its place is ignored with a warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    mkdirSync(join(home, '.pgpass'))
    expect(resolveSession('postgres://h').password).toBeNull()
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('is not a plain file'), 'SyncpgWarning')
    warn.mockRestore()
  })

  test('a missing file gives no password', () => {
    expect(resolveSession('postgres://h', { passfile: '/nonexistent' }).password).toBeNull()
  })
})

describe('the service file', () => {
  const text =
    '# services\n[first]\nhost=h1\nport = 1111\nuser=su\ndbname=sd\npassword=sp\napplication_name=sa\n\n[second]\nhost=h2\n'
  const first = { hosts: [{ kind: 'tcp', host: 'h1', port: 1111 }], user: 'su', database: 'sd', password: 'sp' }

  test.each<[string, string, ConnectOptions, Record<string, string>]>([
    ['the DSN', 'postgres:///?service=first', {}, {}],
    ['pairs', 'service=first', {}, {}],
    ['an option', '', { service: 'first' }, {}],
    ['a variable', '', {}, { PGSERVICE: 'first' }],
    ['an option over a variable', '', { service: 'first' }, { PGSERVICE: 'second' }],
  ])('a service is named by %s', (_what, dsn, options, variables) => {
    write('.pg_service.conf', text)
    expect(resolveSession(dsn, options, variables)).toMatchObject({ ...first, parameters: { application_name: 'sa' } })
  })

  test('the DSN and options override the file, and the file overrides the environment', () => {
    write('.pg_service.conf', text)
    const session = resolveSession('postgres:///d?service=first', { port: 9 }, { PGHOST: 'eh', PGPASSWORD: 'ep' })
    expect(session).toMatchObject({ hosts: [{ host: 'h1', port: 9 }], database: 'd', password: 'sp' })
  })

  test('a section ends where the next begins', () => {
    write('.pg_service.conf', text)
    expect(resolveSession('service=second')).toMatchObject({ hosts: [{ host: 'h2', port: 5432 }], user: 'u' })
  })

  test('the path of the file is that of the option, else of the DSN, the variable, the home directory, the system', () => {
    const [option, dsn, variable] = ['a', 'b', 'c'].map((name) => write(name, `[s]\nhost=${name}`))
    write('system/pg_service.conf', '[s]\nhost=system')
    const system = { PGSYSCONFDIR: join(home, 'system') }
    expect(host('service=s', {}, system)).toMatchObject({ host: 'system' })
    write('.pg_service.conf', '[s]\nhost=home')
    expect(host('service=s', {}, system)).toMatchObject({ host: 'home' })
    const variables = { ...system, PGSERVICEFILE: variable ?? '' }
    expect(host('service=s', {}, variables)).toMatchObject({ host: 'c' })
    expect(host(`service=s servicefile=${dsn}`, {}, variables)).toMatchObject({ host: 'b' })
    expect(host(`service=s servicefile=${dsn}`, { serviceFile: option ?? '' }, variables)).toMatchObject({ host: 'a' })
  })

  test.each([
    ['an unknown service', '[other]\nhost=h', /service "s" not found/],
    ['an unknown keyword', '[s]\nhots=h', /line 2: unknown keyword "hots"/],
    ['a line without =', '[s]\nhost=h\nTr0ub4dor', /line 3: expected keyword=value/],
    ['a service within a service', '[s]\nservice=t', /line 2: a service cannot name another/],
  ])('%s is an error', (_what, content, message) => {
    write('.pg_service.conf', content)
    const error = failure(() => resolveSession('service=s'))
    expect(error).toBeInstanceOf(ClientConfigurationError)
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('Tr0ub4dor')
  })

  test('a file that is named but missing is an error with the name of the file', () => {
    expect(failure(() => resolveSession('service=s servicefile=/nonexistent')).message).toContain('"/nonexistent"')
    expect(failure(() => resolveSession('service=s')).hint).toContain(join(home, '.pg_service.conf'))
  })
})

describe('TLS', () => {
  const crl = '-----BEGIN X509 CRL-----\nx\n-----END X509 CRL-----\n'

  test.each<[string, string, ConnectOptions, Record<string, string>, string]>([
    ['nothing said', 'postgres://h', {}, {}, 'prefer'],
    ['sockets only', 'postgres:///d?host=/tmp&sslmode=verify-full', {}, {}, 'disable'],
    ['a socket and a name', 'postgres:///d?host=/tmp,h', {}, {}, 'prefer'],
    ['the variable', 'postgres://h', {}, { PGSSLMODE: 'require' }, 'require'],
    ['the DSN over the variable', 'postgres://h?sslmode=allow', {}, { PGSSLMODE: 'require' }, 'allow'],
    ['sslmode over the DSN', 'postgres://h?sslmode=allow', { sslmode: 'disable' }, {}, 'disable'],
    ['ssl over the DSN', 'postgres://h?sslmode=disable', { ssl: true }, {}, 'verify-full'],
    ['no ssl over the DSN', 'postgres://h?sslmode=require', { ssl: false }, {}, 'disable'],
    ['a mode as ssl', 'postgres://h?sslmode=disable', { ssl: 'require' }, {}, 'require'],
    ['an empty object', 'postgres://h', { ssl: {} }, {}, 'verify-full'],
    ['an object with a mode', 'postgres://h', { ssl: { mode: 'require' } }, {}, 'require'],
    ["JDBC's spelling", 'postgres://h?ssl=true', {}, {}, 'require'],
    ["libpq's old keyword", 'postgres://h?requiressl=1', {}, {}, 'require'],
    ["libpq's old variable", 'postgres://h', {}, { PGREQUIRESSL: '1' }, 'require'],
    ['root certificates of the system', 'postgres://h?sslrootcert=system', {}, {}, 'verify-full'],
  ])('%s', (_what, dsn, options, variables, mode) => {
    expect(tls(dsn, options, variables).mode).toBe(mode)
  })

  test('sslmode=require verifies against root certificates if there are any, as in libpq', () => {
    const path = write('.postgresql/root.crt', pem('root'))
    expect(tls('postgres://h?sslmode=require')).toMatchObject({ mode: 'verify-ca', rootCertificates: pem('root') })
    expect(tls(`postgres://h?sslmode=require&sslrootcert=${path}`)).toMatchObject({ mode: 'verify-ca' })
  })

  test('files at home are found, and their absence is no error', () => {
    expect(tls('postgres://h?sslmode=require')).toMatchObject({
      rootCertificates: null,
      certificate: null,
      key: null,
      revocationList: null,
    })
    write('.postgresql/root.crt', pem('root'))
    write('.postgresql/root.crl', crl)
    write('.postgresql/postgresql.crt', pem('client'))
    write('.postgresql/postgresql.key', privateKey)
    expect(tls('postgres://h?sslmode=verify-ca&sslpassword=pp')).toEqual({
      mode: 'verify-ca',
      rootCertificates: pem('root'),
      certificate: pem('client'),
      key: privateKey,
      keyPassphrase: 'pp',
      revocationList: crl,
      minVersion: 'TLSv1.2',
      maxVersion: null,
      negotiation: 'postgres',
      sendsServerName: true,
      usesSystemRoots: false,
      keyLogFile: null,
    })
    expect(tls('postgres://h?sslcertmode=disable')).toMatchObject({ certificate: null, key: null })
  })

  test('files are named in the DSN, in options and in the environment', () => {
    const named = write('a', pem('named'))
    const listFile = write('l', crl)
    const keyFile = write('k', privateKey)
    const expected = {
      rootCertificates: pem('named'),
      certificate: pem('named'),
      key: privateKey,
      revocationList: crl,
    }
    expect(
      tls(
        `postgres://h?sslmode=verify-full&sslrootcert=${named}&sslcert=${named}&sslkey=${keyFile}&sslcrl=${listFile}`,
      ),
    ).toMatchObject(expected)
    const names = { sslrootcert: named, sslcert: named, sslkey: keyFile, sslcrl: listFile }
    expect(tls('postgres://h', { sslmode: 'verify-full', ...names })).toMatchObject(expected)
    expect(
      tls(
        'postgres://h',
        { ssl: 'verify-full' },
        { PGSSLROOTCERT: named, PGSSLCERT: named, PGSSLKEY: keyFile, PGSSLCRL: listFile },
      ),
    ).toMatchObject(expected)
  })

  test('an object takes PEM texts, bytes, lists and paths', () => {
    const path = write('root.pem', pem('file'))
    const ssl = {
      ca: [pem('one'), path, Buffer.from(pem('two'))],
      cert: Buffer.from(pem('c')),
      key: privateKey,
      passphrase: 'pp',
      crl,
    }
    expect(tls('postgres://h', { ssl })).toMatchObject({
      mode: 'verify-full',
      rootCertificates: [pem('one'), pem('file'), pem('two')].join('\n'),
      certificate: pem('c'),
      key: privateKey,
      keyPassphrase: 'pp',
      revocationList: crl,
    })
  })

  test('a file in the home directory does not change the authorities of ssl: true', () => {
    write('.postgresql/root.crt', pem('root'))
    expect(tls('postgres://h', { ssl: true })).toMatchObject({ mode: 'verify-full', rootCertificates: null })
  })

  test('a directory of revocation lists is read', () => {
    write('crls/a', crl)
    write('crls/b', crl)
    write('crls/readme', 'not a list')
    write('.postgresql/root.crl', `${crl}of those who name none`)
    expect(tls(`postgres://h?sslcrldir=${join(home, 'crls')}`).revocationList).toBe(`${crl}\n${crl}`)
  })

  test("sslrootcert=system takes the files that OpenSSL's variables name, if they name any", () => {
    const file = write('bundle.pem', pem('in the file'))
    write('certs/0a1b2c3d.0', pem('in the directory'))
    symlinkSync('0a1b2c3d.0', join(home, 'certs/again.pem'))
    symlinkSync('nonexistent', join(home, 'certs/dangling.pem'))
    const roots = (variables: Record<string, string>): unknown => tls('postgres://h?sslrootcert=system', {}, variables)
    expect(roots({})).toMatchObject({ mode: 'verify-full', rootCertificates: null, usesSystemRoots: true })
    expect(roots({ SSL_CERT_FILE: file })).toMatchObject({ rootCertificates: pem('in the file') })
    const both = { SSL_CERT_FILE: file, SSL_CERT_DIR: join(home, 'certs') }
    expect(roots(both)).toMatchObject({ rootCertificates: `${pem('in the file')}\n${pem('in the directory')}` })
    expect(failure(() => roots({ SSL_CERT_FILE: '/nonexistent' })).message).toMatch(/SSL_CERT_FILE: file/)
    expect(failure(() => roots({ SSL_CERT_DIR: '/nonexistent' })).message).toMatch(/SSL_CERT_DIR: directory/)
    // `./system` is a path and not the word `system`.
    expect(failure(() => tls('postgres://h?sslmode=require&sslrootcert=./system')).message).toMatch(/"\.\/system"/)
  })

  test('an option against TLS overrides root certificates from other places', () => {
    expect(tls('postgres://h', { ssl: false }, { PGSSLROOTCERT: 'system' }).mode).toBe('disable')
  })

  test.each([['verify-ca'], ['verify-full']])(
    '%s without root certificates is refused, and the error says where they belong',
    (mode) => {
      const error = failure(() => tls(`postgres://h?sslmode=${mode}`))
      expect(error).toBeInstanceOf(ClientConfigurationError)
      expect(error.message).toContain(join(home, '.postgresql/root.crt'))
      expect(error.hint).toContain('sslrootcert=system')
    },
  )

  test.each<[string, string, ConnectOptions, RegExp]>([
    [
      'a weak mode with the root certificates of the system',
      'postgres://h?sslrootcert=system&sslmode=require',
      {},
      /too weak/,
    ],
    [
      'no TLS with the root certificates of the system',
      'postgres://h?sslrootcert=system&sslmode=disable',
      {},
      /too weak/,
    ],
    ['a log of keys that cannot be written', 'postgres://h?sslkeylogfile=/nonexistent/x', {}, /sslkeylogfile: file/],
    [
      'a file of root certificates that is named but missing',
      'postgres://h?sslmode=require&sslrootcert=/nonexistent',
      {},
      /sslrootcert: file "\/nonexistent"/,
    ],
    ['a certificate that is named but missing', 'postgres://h?sslcert=/nonexistent', {}, /sslcert: file/],
    ['a missing directory of revocation lists', 'postgres://h?sslcrldir=/nonexistent', {}, /sslcrldir/],
    ['a certificate without a key', 'postgres://h', { ssl: { cert: pem('c') } }, /no private key/],
    ['a key without a certificate', 'postgres://h', { ssl: { key: privateKey } }, /no certificate/],
    ['an unknown mode', 'postgres://h', { ssl: 'on' as never }, /connect: ssl: expected one of disable.*, got "on"/],
    [
      'an unknown key',
      'postgres://h',
      { ssl: { rejectUnauthorized: false } as never },
      /ssl.rejectUnauthorized: unknown/,
    ],
    [
      'a key of the wrong type',
      'postgres://h',
      { ssl: { ca: 1 } as never },
      /ssl.ca: expected a string, got the number 1/,
    ],
    ['ssl of the wrong type', 'postgres://h', { ssl: 1 as never }, /connect: ssl: expected true, false/],
    ['ssl as a list', 'postgres://h', { ssl: [] as never }, /connect: ssl: expected true, false/],
    ['ssl and sslmode', 'postgres://h', { ssl: true, sslmode: 'require' }, /both given/],
    ['an old version', 'postgres://h?ssl_min_protocol_version=SSLv3', {}, /expected one of TLSv1.*, got "SSLv3"/],
    [
      'a minimum version above the maximum',
      'postgres://h?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2',
      {},
      /is above/,
    ],
  ])('%s is refused', (_what, dsn, options, message) => {
    const error = failure(() => tls(dsn, options))
    expect(error).toBeInstanceOf(ProgrammingError)
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('Tr0ub4dor')
  })

  test('TLS versions come from keywords, variables and the object, and the default minimum is 1.2', () => {
    expect(tls('postgres://h')).toMatchObject({ minVersion: 'TLSv1.2', maxVersion: null })
    expect(tls('postgres://h?ssl_min_protocol_version=tlsv1&ssl_max_protocol_version=TLSv1.3')).toMatchObject({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.3',
    })
    expect(tls('postgres://h?ssl_max_protocol_version=TLSv1.1')).toMatchObject({
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
    })
    expect(tls('postgres://h', { ssl: { minVersion: 'TLSv1.3' } })).toMatchObject({ minVersion: 'TLSv1.3' })
    expect(tls('postgres://h', {}, { PGSSLMINPROTOCOLVERSION: 'TLSv1.3' })).toMatchObject({ minVersion: 'TLSv1.3' })
  })

  test('nothing is read when TLS is off', () => {
    expect(tls('postgres://h?sslmode=disable&sslrootcert=/nonexistent').mode).toBe('disable')
  })
})

describe('files that libpq does not take', () => {
  test.each([
    ['nothing', ''],
    ['a key', privateKey],
    ['words', 'no certificate at all'],
  ])('a file of root certificates with %s is refused', (_, text) => {
    const path = write('roots.pem', text)
    const error = failure(() => tls(`postgres://h?sslmode=verify-ca&sslrootcert=${path}`))
    expect(error).toBeInstanceOf(ClientConfigurationError)
    expect(error.message).toBe(`root certificate file ${JSON.stringify(path)} holds no certificate in PEM form`)
  })

  test('a root.crt at home without a certificate is refused if the server must be verified', () => {
    write('.postgresql/root.crt', 'empty')
    expect(failure(() => tls('postgres://h?sslmode=verify-full')).message).toContain('holds no certificate')
    expect(failure(() => tls('postgres://h?sslmode=require')).message).toContain('holds no certificate')
    expect(() => tls('postgres://h?sslmode=prefer')).not.toThrow()
  })

  test.each([
    ['sslmode', 'postgres://h?sslmode=', {}, {}],
    ['sslmode', "host=h sslmode=''", {}, {}],
    ['connect_timeout', 'postgres://h?connect_timeout=', {}, {}],
    ['channel_binding', 'postgres://h?channel_binding=', {}, {}],
    ['PGSSLMODE', 'postgres://h', {}, { PGSSLMODE: '' }],
    ['connect: sslmode', 'postgres://h', { sslmode: '' }, {}],
    ['sslmode', 'host=/tmp sslmode=', {}, {}],
  ] as const)('an empty %s of %s', (name, dsn, options, variables) => {
    const error = failure(() => resolveSession(dsn, options as ConnectOptions, variables))
    expect([error.message, error.hint]).toEqual([
      `${name}: the value is empty\nHINT:  give it a value, or leave it out`,
      'give it a value, or leave it out',
    ])
  })

  test.each([
    ['sslmode=no-verify', 'host=/tmp sslmode=no-verify', {}],
    ['rejectUnauthorized', 'host=/tmp', { ssl: { rejectUnauthorized: false } }],
  ])('%s on a Unix socket', (_, dsn, options) => {
    expect(failure(() => resolveSession(dsn, options as unknown as ConnectOptions))).toBeInstanceOf(ProgrammingError)
  })
})
