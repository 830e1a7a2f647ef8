/** Opening a session: authentication, TLS, hosts, time limits, and the errors when it fails. */
import { createServer } from 'node:net'
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TargetServerAttributeNotMatched } from '../../../src-async/errors/client-errors.ts'
import { InvalidPasswordError } from '../../../src-async/errors/sqlstates.ts'
import { DbError, OperationalError, ProtocolError } from '../../../src-async/errors/tree.ts'
import type { SessionOptions, SslMode, TlsOptions } from '../../../src-async/options/session-options.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import { hasPostgres } from '../../support/postgres-binaries.ts'
import { startServer } from '../../support/postgres-server.ts'
import { TEST_ROLES } from '../../support/postgres-template.ts'
import { serverOfMajor, sharedServer } from '../../support/shared-server.ts'
import { ignoreEvents, noTls, open, optionsFor, query, tcp, unix } from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const pem = (path: string): string => readFileSync(path, 'utf8')

function tls(mode: SslMode, more: Partial<TlsOptions> = {}): TlsOptions {
  return { ...noTls, mode, ...more }
}

/** Whether a session with these options is encrypted, from the server's view. */
async function isEncrypted(options: SessionOptions): Promise<boolean> {
  await using session = await open(options)
  const [[isOn]] = (await query(session, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()')) as [[string]]
  return isOn === 't'
}

/** A server that passes its first bytes to a function of the test. */
async function fakeServer(answer: (write: (bytes: Uint8Array | null) => void) => void): Promise<SessionOptions> {
  const fake = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer((bytes) => (bytes === null ? socket.destroy() : socket.write(bytes))))
  })
  await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    fake.close()
  })
  const { port } = fake.address() as { port: number }
  return optionsFor(server, { hosts: [{ kind: 'tcp', host: '127.0.0.1', port }] })
}

describe('authentication', () => {
  const { trust, password, md5, scram, scramUnicode } = TEST_ROLES

  test.each([trust, password, md5, scram, scramUnicode])('$user logs in with the right password', async (role) => {
    await using session = await open(optionsFor(server, role))
    expect(await query(session, 'select current_user')).toEqual([[role.user]])
    expect(session.backendPid).toBeGreaterThan(0)
    expect(session.parameters.get('client_encoding')).toBe('UTF8')
  })

  test.each([password, md5, scram])('$user is refused with a wrong password', async ({ user }) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { user, password: 'wrong' }), ignoreEvents))
    expect(error).toBeInstanceOf(InvalidPasswordError)
  })

  test.each([password, md5, scram])('the error says so when $user gives no password', async ({ user }) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { user, password: null }), ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(/for a password .* none was given/)
  })

  test("passes on the server's refusal as it is", async () => {
    const error = await failureOfAsync(openSession(optionsFor(server, TEST_ROLES.reject), ignoreEvents))
    expect(error).toMatchObject({ sqlstate: '28000', severity: 'FATAL' })
  })

  test('sends the start-up parameters', async () => {
    await using session = await open(optionsFor(server, { parameters: { application_name: 'a b', work_mem: '1MB' } }))
    expect(await query(session, 'show application_name')).toEqual([['a b']])
    expect(await query(session, 'show work_mem')).toEqual([['1MB']])
  })

  test('works over a Unix socket', async () => {
    await using session = await open(optionsFor(server, { hosts: [unix(server)], tls: tls('require') }))
    expect(await query(session, 'select inet_client_addr() is null')).toEqual([['t']])
  })
})

describe('TLS', () => {
  const root = pem(server.tls!.rootCertificate)
  const foreignRoot = pem(server.tls!.foreignRootCertificate)

  test.each([
    ['disable', {}, false],
    ['allow', {}, false],
    ['prefer', {}, true],
    ['require', {}, true],
    ['verify-ca', { rootCertificates: root }, true],
    ['verify-full', { rootCertificates: root }, true],
    ['require', { rootCertificates: root, maxVersion: 'TLSv1.2' }, true],
  ] as const)('sslmode=%s %o is encrypted: %s', async (mode, more, expected) => {
    expect(await isEncrypted(optionsFor(server, { tls: tls(mode, more) }))).toBe(expected)
  })

  test.each([
    ['allow', TEST_ROLES.tlsOnly, true],
    ['prefer', TEST_ROLES.plainOnly, false],
  ] as const)('sslmode=%s tries again with or without TLS for $user', async (mode, role, expected) => {
    expect(await isEncrypted(optionsFor(server, { ...role, tls: tls(mode) }))).toBe(expected)
  })

  test.each([
    ['disable', TEST_ROLES.tlsOnly],
    ['require', TEST_ROLES.plainOnly],
  ] as const)('sslmode=%s does not try again', async (mode, role) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { ...role, tls: tls(mode) }), ignoreEvents))
    expect(error).toMatchObject({ sqlstate: '28000' })
  })

  test.each([
    ['verify-ca', { rootCertificates: foreignRoot }, /sslrootcert/],
    ['verify-full', { rootCertificates: foreignRoot }, /sslrootcert/],
    ['require', { rootCertificates: foreignRoot }, /sslrootcert/],
    ['verify-ca', {}, /sslrootcert/],
    ['verify-ca', { rootCertificates: root, certificate: 'no PEM', key: 'no PEM' }, /sslcert/],
  ] as const)('sslmode=%s refuses a certificate and names the option', async (mode, more, pattern) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { tls: tls(mode, more) }), ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(pattern)
  })

  test('verify-full refuses a host that the certificate does not name, and verify-ca accepts it', async () => {
    const hosts = [{ kind: 'tcp', host: 'example.invalid', address: server.host, port: server.port }] as const
    const options = (mode: SslMode): SessionOptions =>
      optionsFor(server, { hosts, tls: tls(mode, { rootCertificates: root }) })
    const error = await failureOfAsync(openSession(options('verify-full'), ignoreEvents))
    expect(error.message).toMatch(/example\.invalid/)
    expect(await isEncrypted(options('verify-ca'))).toBe(true)
  })

  test('authenticates the user by a client certificate', async () => {
    const { clientCertificate, clientKey } = server.tls!
    const files = { rootCertificates: root, certificate: pem(clientCertificate), key: pem(clientKey) }
    await using session = await open(optionsFor(server, { ...TEST_ROLES.certificate, tls: tls('verify-full', files) }))
    expect(await query(session, 'select current_user')).toEqual([[TEST_ROLES.certificate.user]])
  })

  test('cancels over TLS', async () => {
    await using session = await open(optionsFor(server, { tls: tls('verify-full', { rootCertificates: root }) }))
    const sleeping = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await session.cancel()
    expect(await sleeping).toMatchObject({ sqlstate: '57014' })
  })

  test('transfers rows and requests of megabytes', async () => {
    await using session = await open(optionsFor(server, { tls: tls('require') }))
    const [[size]] = (await query(session, `select length('${'x'.repeat(3_000_000)}')`)) as [[string]]
    expect(size).toBe('3000000')
    const rows = await query(session, "select repeat('y', 3000000)")
    expect(rows[0]![0]!.length).toBe(3_000_000)
  })

  test('refuses bytes smuggled in behind the answer to the request for TLS', async () => {
    const options = await fakeServer((write) => write(Buffer.from('SE')))
    const error = await failureOfAsync(openSession({ ...options, tls: tls('require') }, ignoreEvents))
    expect(error.cause).toBeInstanceOf(ProtocolError)
    expect(error.message).toMatch(/unencrypted bytes/)
  })

  test.each([
    ['no', 'N', /does not offer TLS, which sslmode=require requires/],
    ['an error', 'Exxxx', /error message/],
    ['nonsense', 'H', /is it PostgreSQL/],
  ])('fails with a clear message when the server answers %s', async (_, answer, pattern) => {
    const options = await fakeServer((write) => write(Buffer.from(answer)))
    const error = await failureOfAsync(openSession({ ...options, tls: tls('require') }, ignoreEvents))
    expect(error.message).toMatch(pattern)
  })
})

describe('a server without TLS', () => {
  test('is accepted by sslmode=prefer and refused by sslmode=require', async () => {
    const other = await startServer()
    onTestFinished(() => other.dispose())
    expect(await isEncrypted(optionsFor(other, { tls: tls('prefer') }))).toBe(false)
    const error = await failureOfAsync(openSession(optionsFor(other, { tls: tls('require') }), ignoreEvents))
    expect(error.message).toMatch(/does not offer TLS/)
  })
})

describe.each([
  ['wrong-host', /verify-full needs a certificate for "/],
  ['expired', /renew the server's certificate/],
] as const)('a certificate that is %s', (fault, pattern) => {
  test('is refused by sslmode=verify-full with a hint, and is accepted by require, which only encrypts', async () => {
    const other = await startServer({ tls: fault })
    onTestFinished(() => other.dispose())
    const root = { rootCertificates: pem(other.tls!.rootCertificate) }
    const error = await failureOfAsync(openSession(optionsFor(other, { tls: tls('verify-full', root) }), ignoreEvents))
    expect(error.message).toMatch(pattern)
    expect(await isEncrypted(optionsFor(other, { tls: tls('require') }))).toBe(true)
  })
})

describe('a server that cannot be reached', () => {
  const nobody = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const

  test.each([
    ['a closed port', nobody, 'server at "127.0.0.1", port 1 failed: connection refused'],
    [
      'an unknown host',
      { ...nobody, host: 'nonesuch.invalid' },
      /server at "nonesuch.invalid", port 1 failed: .*host name/,
    ],
    [
      'a missing socket',
      { kind: 'unix', path: '/nonesuch/.s' },
      /socket "\/nonesuch\/.s" failed: there is no such socket/,
    ],
    ['a long path', { kind: 'unix', path: `/${'x'.repeat(120)}` }, /121 bytes, and the system allows 107/],
    ['a file that is not a socket', { kind: 'unix', path: import.meta.filename }, /connection refused|not a socket/],
  ] as const)('is an error of one line: %s', async (_, host, words) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { hosts: [host] }), ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(words)
    expect(error.message).not.toContain('\n')
  })

  test('is skipped for the next one', async () => {
    await using session = await open(optionsFor(server, { hosts: [nobody, tcp(server)] }))
    expect(session.phase).toBe('ready')
  })

  test('leaves one error per attempt', async () => {
    const error = await failureOfAsync(openSession(optionsFor(server, { hosts: [nobody, nobody] }), ignoreEvents))
    expect((error.cause as AggregateError).errors).toHaveLength(2)
    expect(error).toBeInstanceOf(OperationalError)
  })

  test('is the last one that is tried if it refuses the login', async () => {
    const hosts = [tcp(server), nobody]
    const error = await failureOfAsync(
      openSession(optionsFor(server, { hosts, user: 'u_scram', password: 'wrong' }), ignoreEvents),
    )
    expect(error).toBeInstanceOf(InvalidPasswordError)
  })

  test.each(['disable', 'prefer', 'require'] as const)(
    'and stays silent fails when the time limit passes, sslmode=%s',
    async (mode) => {
      const options = await fakeServer(() => {})
      const error = await failureOfAsync(
        openSession({ ...options, connectTimeoutMs: 100, tls: tls(mode) }, ignoreEvents),
      )
      expect(error).toBeInstanceOf(OperationalError)
      expect(error.message).toMatch(/timeout expired \(100 ms/)
    },
  )

  test('and stays silent leaves time for the next one', async () => {
    const silent = await fakeServer(() => {})
    const hosts = [...silent.hosts, tcp(server)]
    await using session = await open(optionsFor(server, { hosts, connectTimeoutMs: 3000 }))
    expect(session.phase).toBe('ready')
  })

  test.each([
    ['hangs up', null],
    ['speaks another language', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('and %s is an error', async (_, answer) => {
    const options = await fakeServer((write) => write(answer))
    const error = await failureOfAsync(openSession(options, ignoreEvents))
    expect(error).toBeInstanceOf(DbError)
    expect(error.message).toMatch(/^connection to server at "127.0.0.1", port \d+ failed: /)
  })
})

describe('the kind of server', () => {
  test.each(['any', 'read-write', 'primary', 'prefer-standby'] as const)(
    '%s is a primary',
    async (targetSessionAttrs) => {
      await using session = await open(optionsFor(server, { targetSessionAttrs }))
      expect(session.phase).toBe('ready')
    },
  )

  test.each(['read-only', 'standby'] as const)('%s is not', async (targetSessionAttrs) => {
    const error = await failureOfAsync(openSession(optionsFor(server, { targetSessionAttrs }), ignoreEvents))
    expect(error).toBeInstanceOf(TargetServerAttributeNotMatched)
  })

  test.skipIf(!hasPostgres(13)).each([
    ['read-write', 'primary'],
    ['read-only', 'standby'],
  ] as const)('is asked of servers that do not tell: %s and %s', async (...kinds) => {
    const old = await serverOfMajor(13)
    const outcomes = kinds.map(async (targetSessionAttrs) => {
      await using session = await open(optionsFor(old, { targetSessionAttrs }))
      return session.phase
    })
    const expected = kinds[1] === 'primary' ? 'fulfilled' : 'rejected'
    expect((await Promise.allSettled(outcomes)).map(({ status }) => status)).toEqual([expected, expected])
  })

  test('a session with a read-only default counts as read-only', async () => {
    const parameters = { default_transaction_read_only: 'on' }
    await using session = await open(optionsFor(server, { targetSessionAttrs: 'read-only', parameters }))
    expect(session.phase).toBe('ready')
  })
})
