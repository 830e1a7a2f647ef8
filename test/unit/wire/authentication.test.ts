/** The authentication requests of a server, and the client's answers. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { OperationalError, ProtocolError } from '../../../src-async/errors/tree.ts'
import { parseRequiredAuth } from '../../../src-async/options/auth-options.ts'
import { authServices } from '../../../src-async/wire/auth-services.ts'
import type { Channel } from '../../../src-async/wire/protocol/authentication.ts'
import { serverEndPoint } from '../../../src-async/wire/protocol/channel-binding.ts'
import { startup, type StartupRequest } from '../../../src-async/wire/protocol/startup.ts'
import { createAuthority, type SignatureAlgorithm } from '../../support/certificates.ts'
import { error, Harness, message, ready, welcome, type Outcome } from './messages.ts'

const plain: Channel = { host: 'db.example.org', serverCertificate: null, isPrivate: false }
const request = { user: 'u', password: 'p', database: 'd', parameters: {} }
const oauthRequest = { ...request, oauthToken: 'abc.def-1' }

const clear = message('R', 3)
const md5 = message('R', 5, 'salt')
const scram = message('R', 10, 'SCRAM-SHA-256\0\0')
const scramBoth = message('R', 10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')
const oauth = message('R', 10, 'OAUTHBEARER\0\0')

function der(algorithm: SignatureAlgorithm): Buffer {
  const { certificatePem } = createAuthority('a', algorithm)
  return Buffer.from(certificatePem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
}

function tlsTo(certificate: Uint8Array): Channel {
  return { ...plain, serverCertificate: certificate, isPrivate: true }
}

/** A client that has sent its StartupMessage. */
function starting(
  asked: StartupRequest,
  channel: Channel = plain,
): { readonly harness: Harness; readonly outcome: Outcome } {
  const harness = new Harness({ isFresh: true })
  const outcome = harness.ask((link) => startup(link, asked, channel, authServices))
  harness.conversation.takeOutgoing()
  return { harness, outcome }
}

describe('the hash of a certificate', () => {
  test.each([
    ['rsa-sha256', 'sha256'],
    ['rsa-sha384', 'sha384'],
    ['ecdsa-sha256', 'sha256'],
    ['ecdsa-sha384', 'sha384'],
  ] as const)('signed with %s is %s', (algorithm, hash) => {
    const certificate = der(algorithm)
    expect(serverEndPoint(certificate)).toEqual(createHash(hash).update(certificate).digest())
  })

  test.each([
    ['2a864886f70d010105', 'sha256'],
    ['2a864886f70d01010d', 'sha512'],
    ['2a8648ce3d0401', 'sha256'],
  ])('with the OID %s is %s', (oid, hash) => {
    const name = Buffer.from(oid, 'hex')
    const algorithm = Buffer.concat([Buffer.from([0x30, name.length + 2, 0x06, name.length]), name])
    const certificate = Buffer.concat([Buffer.from([0x30, algorithm.length + 2, 0x30, 0]), algorithm])
    expect(serverEndPoint(certificate)).toEqual(createHash(hash).update(certificate).digest())
  })

  test('of RSA-PSS is the one that its parameters name', () => {
    const sha384 = '300d06096086480165030402020500'
    const parameters = `3011a00f${sha384}`
    const algorithm = `301e06092a864886f70d01010a${parameters}`
    const certificate = Buffer.from(`30223000${algorithm}`, 'hex')
    expect(serverEndPoint(certificate)).toEqual(createHash('sha384').update(certificate).digest())
  })

  test('is null for Ed25519, and for bytes that are no certificate', () => {
    expect(serverEndPoint(der('ed25519'))).toBeNull()
    const whole = der('ecdsa-sha256')
    for (const length of [0, 1, 4, 5, 40]) expect(serverEndPoint(whole.subarray(0, length))).toBeNull()
  })
})

describe('require_auth', () => {
  test.each([
    ['scram-sha-256', clear, /the server asks for password authentication, which require_auth=scram-sha-256/],
    ['scram-sha-256', md5, /asks for md5/],
    ['scram-sha-256', welcome, /accepted the connection without authentication/],
    ['!password,!md5', clear, /require_auth=!password,!md5/],
    ['!none', welcome, /without authentication/],
    ['none', scram, /asks for scram-sha-256/],
    ['password', oauth, /asks for oauth/],
    ['password', message('R', 7), /asks for gss/],
  ])('%s does not answer a method that is not allowed', (text, asked, pattern) => {
    const { harness, outcome } = starting({ ...oauthRequest, requireAuth: parseRequiredAuth(text) })
    harness.hear(asked)
    expect(outcome.error).toBeInstanceOf(OperationalError)
    expect((outcome.error as Error).message).toMatch(pattern)
    expect(harness.sent()).toBe('')
  })

  test.each([
    ['password', Buffer.concat([clear, welcome])],
    ['none', welcome],
    ['!scram-sha-256', welcome],
    ['none,md5', Buffer.concat([md5, welcome])],
  ])('%s answers a method that is allowed', (text, answer) => {
    const { harness, outcome } = starting({ ...request, requireAuth: parseRequiredAuth(text) })
    harness.hear(answer)
    expect(outcome.error).toBeUndefined()
    expect(outcome.reply).toMatchObject({ backendPid: 42 })
  })
})

describe('channel binding', () => {
  const certificate = der('ecdsa-sha256')

  test.each([
    ['prefer', scramBoth, tlsTo(certificate), /^SCRAM-SHA-256-PLUS\0.*p=tls-server-end-point,,n=,r=/s],
    ['require', scramBoth, tlsTo(certificate), /^SCRAM-SHA-256-PLUS\0/],
    ['disable', scramBoth, tlsTo(certificate), /^SCRAM-SHA-256\0.*n,,n=,r=/s],
    ['prefer', scram, tlsTo(certificate), /^SCRAM-SHA-256\0.*y,,n=,r=/s],
    ['prefer', scram, plain, /^SCRAM-SHA-256\0.*n,,n=,r=/s],
    ['prefer', scramBoth, tlsTo(der('ed25519')), /^SCRAM-SHA-256\0.*n,,n=,r=/s],
  ] as const)('%s chooses the mechanism and says so', (channelBinding, asked, channel, pattern) => {
    const { harness } = starting({ ...request, channelBinding }, channel)
    harness.hear(asked)
    expect(harness.conversation.takeOutgoing().subarray(5).toString('latin1')).toMatch(pattern)
  })

  test.each([
    ['without TLS', 'require', scram, plain, /channel_binding=require: there is no TLS/],
    ['a server without channel binding', 'require', scram, tlsTo(certificate), /does not offer SCRAM-SHA-256-PLUS/],
    [
      'a server that asks for a password',
      'require',
      clear,
      tlsTo(certificate),
      /password authentication, which cannot be bound/,
    ],
    ['a server that asks for nothing', 'require', welcome, tlsTo(certificate), /without authentication bound/],
    ['a certificate without a hash', 'require', scramBoth, tlsTo(der('ed25519')), /Ed25519/],
    ['an offer of channel binding without TLS', 'prefer', scramBoth, plain, /is TLS stripped/],
  ] as const)('%s is refused', (_, channelBinding, asked, channel, pattern) => {
    const { harness, outcome } = starting({ ...request, channelBinding }, channel)
    harness.hear(asked)
    expect((outcome.error as Error).message).toMatch(pattern)
    expect(harness.sent()).toBe('')
  })
})

describe('SCRAM', () => {
  test('continues when the key is derived, and not earlier when the server sends something', async () => {
    const { harness, outcome } = starting(request)
    const woken = new Promise<void>((resolve) => {
      harness.conversation.link.wake = () => {
        harness.conversation.resume()
        resolve()
      }
    })
    harness.hear(scram)
    const first = harness.conversation.takeOutgoing().toString('latin1')
    const nonce = /r=(.+)$/s.exec(first)![1]!
    harness.hear(message('R', 11, `r=${nonce}x,s=c2FsdA==,i=1000`))
    expect(harness.sent()).toBe('')
    await woken
    expect(harness.sent()).toBe('p')
    expect(harness.hear(message('R', 0))).toBeInstanceOf(ProtocolError)
    expect((outcome.error as Error).message).toMatch(/step 0 instead of 12/)
  })
})

describe('OAUTHBEARER', () => {
  test('sends the token, and the server accepts it', () => {
    const { harness, outcome } = starting(oauthRequest, { ...plain, isPrivate: true })
    harness.hear(oauth)
    const [mechanism, ...response] = harness.conversation.takeOutgoing().subarray(5).toString('latin1').split('\0')
    expect(mechanism).toBe('OAUTHBEARER')
    // Its length, 27 bytes, comes first.
    expect(response.at(-1)).toBe('\u001bn,,\u0001auth=Bearer abc.def-1\u0001\u0001')
    harness.hear(welcome)
    expect(outcome.reply).toMatchObject({ backendPid: 42 })
  })

  test("acknowledges the server's reasons, and the error contains them", () => {
    const { harness, outcome } = starting(oauthRequest, { ...plain, isPrivate: true })
    harness.hear(oauth)
    harness.conversation.takeOutgoing()
    const reasons = { status: 'invalid_token', 'openid-configuration': 'https://issuer.invalid/x', scope: 'openid' }
    harness.hear(message('R', 11, JSON.stringify(reasons)))
    expect(harness.conversation.takeOutgoing().subarray(5).toString('latin1')).toBe('\u0001')
    harness.hear(error('28000', 'OAuth bearer authentication failed', 'FATAL'))
    expect(outcome.error).toMatchObject({
      sqlstate: '28000',
      hint: 'the server says "invalid_token" of the token; it trusts the issuer of "https://issuer.invalid/x"; it wants the scope "openid"',
    })
  })

  test.each([
    ['are no JSON', 'invalid_token'],
    ['are no object', '[]'],
    ['say nothing', '{"status":1}'],
    ['contain the token', '{"status":"abc.def-1 is invalid"}'],
    ['are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('reasons that %s are not shown', (_, reasons) => {
    const { harness, outcome } = starting(oauthRequest, { ...plain, isPrivate: true })
    harness.hear(oauth)
    harness.hear(message('R', 11, reasons))
    harness.hear(error('28000', 'no', 'FATAL'))
    expect((outcome.error as Error).message).toBe('no')
  })

  test('reasons of any length are cut', () => {
    const { harness, outcome } = starting(oauthRequest, { ...plain, isPrivate: true })
    harness.hear(oauth)
    harness.hear(message('R', 11, JSON.stringify({ status: 'x'.repeat(10_000) })))
    harness.hear(error('28000', 'no', 'FATAL'))
    expect((outcome.error as Error).message.length).toBeLessThan(300)
  })

  test('a server that accepts the login after it has refused the token is not trusted', () => {
    const { harness, outcome } = starting(oauthRequest, { ...plain, isPrivate: true })
    harness.hear(oauth)
    harness.hear(message('R', 11, '{"status":"invalid_token"}'))
    expect(harness.hear(welcome)).toBeInstanceOf(ProtocolError)
    expect((outcome.error as Error).message).toMatch(/a refused token/)
  })

  test.each([
    ['no token', { ...oauthRequest, oauthToken: null }, true, /none was given.*oauthToken/s],
    ['a forged token', { ...oauthRequest, oauthToken: 'a\u0001host=x' }, true, /no bearer token/],
    ['no encryption', oauthRequest, false, /unencrypted/],
  ])('with %s is refused, and the error does not show the token', (_, asked, isPrivate, pattern) => {
    const { harness, outcome } = starting(asked, { ...plain, isPrivate })
    harness.hear(oauth)
    const text = (outcome.error as Error).message
    expect(text).toMatch(pattern)
    expect(text).not.toMatch(/abc\.def|host=x/)
    expect(harness.sent()).toBe('')
  })

  test('is refused if the server continues it without having begun', () => {
    const { harness } = starting(oauthRequest)
    expect(harness.hear(message('R', 11, '{}'))).toBeInstanceOf(ProtocolError)
  })
})

describe('protocol 3.2', () => {
  const negotiation = message('v', 0x30000, 0)
  const longKey = Buffer.concat([message('R', 0), message('K', 42, 'k'.repeat(32)), ready()])

  test('is asked for only when wanted', () => {
    for (const [maxProtocolVersion, version] of [
      ['3.0', 0x30000],
      ['3.2', 0x30002],
    ] as const) {
      const harness = new Harness({ isFresh: true })
      harness.ask((link) => startup(link, { ...request, maxProtocolVersion }, plain, authServices))
      expect(harness.conversation.takeOutgoing().readInt32BE(4)).toBe(version)
    }
  })

  test('gets longer cancel keys', () => {
    const { harness, outcome } = starting({ ...request, maxProtocolVersion: '3.2' })
    harness.hear(longKey)
    expect(outcome.reply).toEqual({ backendPid: 42, secret: Buffer.from('k'.repeat(32)) })
  })

  test('falls back with an older server, unless the server is too old', () => {
    const older = starting({ ...request, maxProtocolVersion: '3.2' })
    older.harness.hear(Buffer.concat([negotiation, welcome]))
    expect(older.outcome.reply).toMatchObject({ backendPid: 42 })
    const strict = starting({ ...request, minProtocolVersion: '3.2', maxProtocolVersion: '3.2' })
    strict.harness.hear(negotiation)
    expect((strict.outcome.error as Error).message).toMatch(/speaks protocol 3\.0 only, and min_protocol_version=3\.2/)
  })

  test.each([
    ['a newer version', message('v', 0x30003, 0)],
    ['the same version', message('v', 0x30002, 0)],
    ['an ancient version', message('v', 0x20000, 0)],
    ['options nobody sent', message('v', 0x30000, 1, '_pq_.x\0')],
    ['an endless key', Buffer.concat([message('R', 0), message('K', 42, 'k'.repeat(257))])],
  ])('does not take %s', (_, bytes) => {
    const { harness } = starting({ ...request, maxProtocolVersion: '3.2' })
    expect(harness.hear(bytes)).toBeInstanceOf(ProtocolError)
  })
})
