/**
 * Requirements that a program can set for TLS, authentication and the protocol, with servers that meet them and
 * servers that do not.
 */
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as db from 'syncpg'
import { connect } from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { OperationalError } from '../../../src-async/errors/tree.ts'
import { parseRequiredAuth } from '../../../src-async/options/auth-options.ts'
import type { SessionOptions, TlsOptions } from '../../../src-async/options/session-options.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import { hasPostgres } from '../../support/postgres-binaries.ts'
import { createAuthority, createLeaf } from '../../support/certificates.ts'
import { startServer, type TestServer } from '../../support/postgres-server.ts'
import { TEST_ROLES } from '../../support/postgres-template.ts'
import { serverOfMajor, sharedServer } from '../../support/shared-server.ts'
import { ignoreEvents, noTls, open, optionsFor, query } from './support.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const pem = (path: string): string => readFileSync(path, 'utf8')
const root = pem(server.tls!.rootCertificate)
const verified: TlsOptions = { ...noTls, mode: 'verify-full', rootCertificates: root }

function thrownBy(fn: () => unknown): Error {
  try {
    fn()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a failure, and there was none')
}

async function whoAmI(options: SessionOptions): Promise<string> {
  await using session = await open(options)
  const [[user]] = (await query(session, 'select current_user')) as [[string]]
  return user
}

describe('channel_binding=require', () => {
  test.each([
    ['rsa-sha256', 'rsa-sha256'],
    ['rsa-sha384', 'rsa-sha384'],
    ['ecdsa-sha256', 'ecdsa-sha256'],
    ['ecdsa-sha384', 'ecdsa-sha384'],
    // The authority's signature counts, and not the kind of the certificate's key.
    ['rsa-sha256', 'ed25519'],
  ] as const)('binds to a certificate signed with %s, of a key for %s', async (tlsSignature, tlsKey) => {
    const other = await startServer({ tls: true, tlsSignature, tlsKey })
    onTestFinished(() => other.dispose())
    const tls = { ...verified, rootCertificates: pem(other.tls!.rootCertificate) }
    const options = optionsFor(other, { ...TEST_ROLES.scram, tls, channelBinding: 'require' })
    expect(await whoAmI(options)).toBe('u_scram')
  })

  test('throws a clear error if the certificate is signed with Ed25519, for which prefer uses no binding', async () => {
    const other = await startServer({ tls: true, tlsSignature: 'ed25519' })
    onTestFinished(() => other.dispose())
    const tls: TlsOptions = { ...noTls, mode: 'require' }
    const error = await failureOfAsync(openSession(optionsFor(other, { tls, channelBinding: 'require' }), ignoreEvents))
    expect(error.message).toMatch(/channel_binding=require.*Ed25519/)
    expect(await whoAmI(optionsFor(other, { ...TEST_ROLES.scram, tls }))).toBe('u_scram')
  })

  test.each([
    ['no TLS', {}, /there is no TLS/],
    ['a server that asks for md5', { ...TEST_ROLES.md5, tls: verified }, /md5 authentication, which cannot be bound/],
    ['a server that asks for nothing', { ...TEST_ROLES.trust, tls: verified }, /without authentication/],
  ] as const)('refuses %s', async (_, more, pattern) => {
    const error = await failureOfAsync(
      openSession(optionsFor(server, { ...more, channelBinding: 'require' }), ignoreEvents),
    )
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(pattern)
  })

  test('is not required by the server: prefer and disable log in too', async () => {
    for (const channelBinding of ['prefer', 'disable'] as const) {
      expect(await whoAmI(optionsFor(server, { ...TEST_ROLES.scram, tls: verified, channelBinding }))).toBe('u_scram')
    }
  })
})

describe('require_auth', () => {
  const { scram, md5, password, trust } = TEST_ROLES

  test.each([
    ['scram-sha-256', scram],
    ['md5', md5],
    ['password', password],
    ['none', trust],
    ['!password,!none', scram],
  ])('%s lets $user log in', async (text, role) => {
    expect(await whoAmI(optionsFor(server, { ...role, requireAuth: parseRequiredAuth(text) }))).toBe(role.user)
  })

  test.each([
    ['scram-sha-256', md5, /asks for md5/],
    ['scram-sha-256', password, /asks for password/],
    ['scram-sha-256', trust, /without authentication/],
    ['!scram-sha-256', scram, /asks for scram-sha-256/],
    ['none', password, /asks for password/],
  ])('%s refuses the login of $user, and shows no password', async (text, role, pattern) => {
    const options = optionsFor(server, { ...role, requireAuth: parseRequiredAuth(text) })
    const error = await failureOfAsync(openSession(options, ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(pattern)
    expect(error.message).toContain(`require_auth=${text}`)
    if (role.password !== '') expect(error.message).not.toContain(role.password)
  })

  test('does not try the next host after a refusal', async () => {
    const options = optionsFor(server, { ...md5, requireAuth: parseRequiredAuth('none') })
    const hosts = [...options.hosts, { kind: 'tcp', host: '127.0.0.1', port: 1 } as const]
    const error = await failureOfAsync(openSession({ ...options, hosts }, ignoreEvents))
    expect(error.message).toMatch(/asks for md5/)
    expect(error.message).not.toMatch(/port 1 /)
  })
})

describe('sslnegotiation=direct', () => {
  const direct: TlsOptions = { ...verified, negotiation: 'direct' }

  test.skipIf(server.major < 17)('encrypts from the first byte, also for cancel requests', async () => {
    await using session = await open(optionsFor(server, { tls: direct, channelBinding: 'require' }))
    expect(await query(session, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toEqual([['t']])
    const sleeping = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await session.cancel()
    expect(await sleeping).toMatchObject({ sqlstate: '57014' })
  })

  test.skipIf(!hasPostgres(13))('is an error if the server is too old', async () => {
    const old = await serverOfMajor(13)
    const tls: TlsOptions = { ...noTls, mode: 'require', negotiation: 'direct' }
    const error = await failureOfAsync(openSession(optionsFor(old, { tls }), ignoreEvents))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(/sslnegotiation=direct needs PostgreSQL 17/)
  })
})

describe('protocol 3.2', () => {
  test.skipIf(server.major < 18)('is used with PostgreSQL 18, and its longer keys cancel', async () => {
    await using session = await open(optionsFor(server, { minProtocolVersion: '3.2', maxProtocolVersion: '3.2' }))
    const sleeping = failureOfAsync(query(session, 'select pg_sleep(30)'))
    await session.cancel()
    expect(await sleeping).toMatchObject({ sqlstate: '57014' })
  })

  test.skipIf(!hasPostgres(13))('falls back with an older server, unless it is required', async () => {
    const old = await serverOfMajor(13)
    {
      await using session = await open(optionsFor(old, { maxProtocolVersion: '3.2' }))
      const sleeping = failureOfAsync(query(session, 'select pg_sleep(30)'))
      await session.cancel()
      expect(await sleeping).toMatchObject({ sqlstate: '57014' })
    }
    const strict = optionsFor(old, { minProtocolVersion: '3.2', maxProtocolVersion: '3.2' })
    const error = await failureOfAsync(openSession(strict, ignoreEvents))
    expect(error.message).toMatch(/speaks protocol 3\.0 only, and min_protocol_version=3\.2/)
  })
})

describe('a client certificate', () => {
  const { clientCertificate, clientKey } = server.tls!
  const certificate = pem(clientCertificate)
  const encrypted = createPrivateKey(pem(clientKey)).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'key-secret',
  }) as string
  const withKey = (keyPassphrase: string | null): SessionOptions =>
    optionsFor(server, {
      ...TEST_ROLES.certificate,
      tls: { ...verified, certificate, key: encrypted, keyPassphrase },
    })

  test('authenticates the user with an encrypted key', async () => {
    expect(await whoAmI(withKey('key-secret'))).toBe('u_cert')
  })

  test('and its passphrase can be in a DSN, and no error shows them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncpg-key-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const sslkey = join(folder, 'client.key')
    writeFileSync(sslkey, encrypted, { mode: 0o600 })
    const dsn = (sslpassword: string): string => {
      const parameters = { sslcert: clientCertificate, sslkey, sslpassword }
      return server.dsn({ transport: 'tls', ...TEST_ROLES.certificate, parameters })
    }
    const con = db.connect(dsn('key-secret'))
    expect(con.fetchval('select current_user::text')).toBe('u_cert')
    con.close()
    const other = await connect(dsn('key-secret'))
    expect(await other.fetchval('select current_user::text')).toBe('u_cert')
    await other.close()
    for (const error of [await failureOfAsync(connect(dsn('wr0ng'))), thrownBy(() => db.connect(dsn('wr0ng')))]) {
      expect(error.message).toMatch(/sslpassword/)
      expect(inspect(error)).not.toContain('wr0ng')
    }
  })

  test('authenticates the user with require_auth=none too, because no message asks for it', async () => {
    const options = { ...withKey('key-secret'), requireAuth: parseRequiredAuth('none') }
    expect(await whoAmI(options)).toBe('u_cert')
  })

  test.each([['wrong-secret'], [null]])(
    'with the passphrase %s gives an error that names the option and does not contain the passphrase',
    async (phrase) => {
      const error = await failureOfAsync(openSession(withKey(phrase), ignoreEvents))
      expect(error).toBeInstanceOf(OperationalError)
      expect(error.message).toMatch(/sslpassword/)
      expect(error.message).not.toContain('wrong-secret')
    },
  )

  test.each([['TLSv1.2'], ['TLSv1.3']] as const)(
    'of a foreign authority gives an error that names its option, with %s',
    async (version) => {
      const foreign = createLeaf(createAuthority('foreign'), { commonName: 'u_cert', usage: 'client' })
      const { certificatePem, keyPem } = foreign
      const tls = { ...verified, certificate: certificatePem, key: keyPem, minVersion: version, maxVersion: version }
      const error = await failureOfAsync(
        openSession(optionsFor(server, { ...TEST_ROLES.certificate, tls }), ignoreEvents),
      )
      expect(error.message).toMatch(
        /failed: the server refused the client certificate: unknown ca\nHINT: {2}look at sslcert/,
      )
    },
  )

  test("that is missing gives the server's error", async () => {
    const error = await failureOfAsync(
      openSession(optionsFor(server, { ...TEST_ROLES.certificate, tls: verified }), ignoreEvents),
    )
    expect(error).toMatchObject({ sqlstate: '28000' })
  })
})

test('TLS versions that do not overlap give an error that names their options', async () => {
  const other = await startServer({ tls: true, settings: { ssl_min_protocol_version: 'TLSv1.3' } })
  onTestFinished(() => other.dispose())
  const tls: TlsOptions = { ...noTls, mode: 'require', maxVersion: 'TLSv1.2' }
  const error = await failureOfAsync(openSession(optionsFor(other, { tls }), ignoreEvents))
  expect(error.message).toMatch(/no TLS version in common: .*ssl_max_protocol_version/s)
})

describe('a server in trouble', () => {
  let starting: TestServer

  beforeAll(async () => {
    starting = await startServer({ settings: { scram_iterations: '2000000' } })
  })
  afterAll(() => starting.dispose())

  test('that asks for millions of iterations does not block the thread, and the time limit ends it', async () => {
    await using session = await open(optionsFor(starting))
    await query(session, "create role slow login password 'slow-secret'")
    let turns = 0
    const turning = setInterval(() => turns++, 10)
    const slow = optionsFor(starting, { user: 'slow', password: 'slow-secret', connectTimeoutMs: 150 })
    const error = await failureOfAsync(openSession(slow, ignoreEvents))
    clearInterval(turning)
    expect(error.message).toMatch(/timeout expired \(150 ms/)
    expect(turns).toBeGreaterThan(5)
  })
})

test('hosts are tried in random order when load is to be balanced', async () => {
  const nobody = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const
  const others = Array.from({ length: 6 }, (_, i) => ({ ...nobody, port: i + 1 }))
  const orders = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const error = await failureOfAsync(
      openSession(optionsFor(server, { hosts: others, isLoadBalanced: true }), ignoreEvents),
    )
    orders.add(error.message)
  }
  expect(orders.size).toBeGreaterThan(1)
})
