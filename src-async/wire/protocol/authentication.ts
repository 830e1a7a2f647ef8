/**
 * Authentication, from the server's first request to AuthenticationOk: clear password, MD5, SCRAM-SHA-256 with and without
 * channel binding. Tokens are in `oauth.ts` and `gss.ts`. A method that the program does not allow is refused before a secret
 * is sent (`auth-policy.ts`). Source of truth: PostgreSQL manual, "SASL Authentication" and "Message Flow".
 */
import { createHash } from 'node:crypto'
import { DbError, NotSupportedError, OperationalError, ProtocolError } from '../../errors/tree.ts'
import type { ChannelBinding, RequiredAuth } from '../../options/session-options.ts'
import { AuthPolicy, AuthRefusedError } from './auth-policy.ts'
import { serverEndPoint } from './channel-binding.ts'
import { awaitWork, unexpected, type Exchange, type Link } from './exchange.ts'
import { writePassword, writeSaslInitialResponse, writeSaslResponse } from './frontend.ts'
import { authenticateByGss, AUTH_GSS_CONTINUE, type GssOptions, type OpenGss } from './gss.ts'
import { OAUTHBEARER, acknowledgeRefusal, sendToken } from './oauth.ts'
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramClient, type Binding, type ScramChallenge } from './scram.ts'
import { AUTHENTICATION } from './tags.ts'

/** Derives a key from the password without blocking the thread, and calls back with it. */
export type DeriveKey = (
  password: string,
  challenge: ScramChallenge,
  done: (error: Error | null, key: Uint8Array) => void,
) => void

/** Work that is done outside of the conversation, by the thread pool or a package. */
export interface AuthServices {
  readonly deriveKey: DeriveKey
  readonly openGss: OpenGss
}

export interface Credentials {
  readonly user: string
  readonly password: string | null
  /** Default: prefer. */
  readonly channelBinding?: ChannelBinding
  readonly requireAuth?: RequiredAuth | null
  readonly oauthToken?: string | null
  /** Default: the service `postgres`, and no delegation. */
  readonly gss?: GssOptions
}

/** Properties of the connection to the server. */
export interface Channel {
  /** The server's host name; null for a Unix socket and for an embedded server. */
  readonly host: string | null
  /** The server's certificate as DER; null without TLS. */
  readonly serverCertificate: Uint8Array | null
  /** Whether no other party can read the connection: TLS, a Unix socket, an embedded server. */
  readonly isPrivate: boolean
}

const AUTH_OK = 0
const AUTH_CLEAR = 3
const AUTH_MD5 = 5
const AUTH_GSS = 7
const AUTH_SSPI = 9
const AUTH_SASL = 10
const AUTH_SASL_CONTINUE = 11
const AUTH_SASL_FINAL = 12

/** Names of methods for the error message. No server has asked for them since PostgreSQL 9.3. */
const UNSUPPORTED: Readonly<Record<number, string>> = { 2: 'Kerberos V5', 6: 'SCM credentials' }
const DEFAULT_GSS: GssOptions = { serviceName: 'postgres', isDelegated: false }

/** Authenticates. The current message is the server's first request. The function returns at AuthenticationOk. */
export function* authenticate(
  link: Link,
  credentials: Credentials,
  channel: Channel,
  services: AuthServices,
): Exchange<void> {
  const policy = new AuthPolicy(credentials.channelBinding ?? 'prefer', credentials.requireAuth ?? null)
  requireTlsForBinding(policy, channel)
  let isTokenSent = false
  for (;;) {
    const method = authenticationStep(link)
    switch (method) {
      case AUTH_OK:
        return policy.accepted()
      case AUTH_CLEAR:
        policy.request('password')
        writePassword(link.out, requirePassword(credentials, 'password'))
        policy.completed(false)
        break
      case AUTH_MD5:
        policy.request('md5')
        writePassword(link.out, md5Password(credentials.user, requirePassword(credentials, 'md5'), link.body.copy(4)))
        policy.completed(false)
        break
      case AUTH_SASL:
        isTokenSent = yield* authenticateBySasl(link, credentials, channel, policy, services.deriveKey)
        break
      case AUTH_GSS:
        yield* authenticateByTicket(link, credentials, channel, policy, 'gss', services.openGss)
        break
      case AUTH_SSPI:
        // SSPI is the name on Windows. Servers there take the same tokens.
        yield* authenticateByTicket(link, credentials, channel, policy, 'sspi', services.openGss)
        break
      case AUTH_SASL_CONTINUE:
        if (!isTokenSent) throw new ProtocolError('authentication: the server continues a method that has not begun')
        yield* acknowledgeRefusal(link, credentials.oauthToken ?? '')
        break
      case AUTH_GSS_CONTINUE:
        throw new ProtocolError('authentication: the server continues a method that has not begun')
      default:
        throw new NotSupportedError(
          `the server asks user "${credentials.user}" to authenticate by ${UNSUPPORTED[method] ?? `method ${method}`}, ` +
            'which is not supported; use scram-sha-256, md5, password or trust in pg_hba.conf',
        )
    }
    yield
  }
}

function requireTlsForBinding(policy: AuthPolicy, channel: Channel): void {
  if (policy.channelBinding !== 'require' || channel.serverCertificate !== null) return
  throw new AuthRefusedError('channel_binding=require: there is no TLS to bind to', {
    hint: 'set sslmode to require or stronger',
  })
}

/** @returns whether a bearer token was sent. The server may still refuse it with reasons. */
function* authenticateBySasl(
  link: Link,
  credentials: Credentials,
  channel: Channel,
  policy: AuthPolicy,
  derive: DeriveKey,
): Exchange<boolean> {
  const offered: string[] = []
  for (let name = link.body.cstring(); name !== ''; name = link.body.cstring()) offered.push(name)
  const mayBind = offered.includes(SCRAM_SHA_256_PLUS)
  if (mayBind && channel.serverCertificate === null) {
    throw new AuthRefusedError(
      `the server offers ${SCRAM_SHA_256_PLUS} over a connection without TLS: is TLS stripped?`,
    )
  }
  if (mayBind || offered.includes(SCRAM_SHA_256)) {
    policy.request('scram-sha-256')
    const binding = chooseBinding(mayBind, offered.includes(SCRAM_SHA_256), channel, policy)
    yield* authenticateByScram(link, credentials, binding, derive)
    policy.completed(binding.kind === 'bound')
    return false
  }
  if (!offered.includes(OAUTHBEARER)) {
    throw new NotSupportedError(
      `the server offers only the SASL mechanisms ${offered.join(', ')}; ` +
        `supported are ${SCRAM_SHA_256_PLUS}, ${SCRAM_SHA_256} and ${OAUTHBEARER}`,
    )
  }
  policy.request('oauth')
  sendToken(link, credentials.user, credentials.oauthToken ?? null, channel.isPrivate)
  policy.completed(false)
  return true
}

/**
 * Chooses the channel binding by libpq's rules. If both sides can bind, it is used. If only the client can, it tells the
 * server. So the server notices if an attacker has removed its offer.
 */
function chooseBinding(mayBind: boolean, mayNotBind: boolean, channel: Channel, policy: AuthPolicy): Binding {
  const { channelBinding } = policy
  const { serverCertificate } = channel
  const isRequired = channelBinding === 'require'
  if (channelBinding === 'disable' || serverCertificate === null) return { kind: 'none' }
  if (!mayBind) {
    if (!isRequired) return { kind: 'not-offered' }
    throw new AuthRefusedError(`channel_binding=require: the server does not offer ${SCRAM_SHA_256_PLUS}`, {
      hint: 'it is older than PostgreSQL 11, or a pooler stands in between',
    })
  }
  const data = serverEndPoint(serverCertificate)
  if (data !== null) return { kind: 'bound', data }
  if (!isRequired && mayNotBind) return { kind: 'none' }
  throw new AuthRefusedError(
    "channel_binding=require: the signature of the server's certificate has no hash to bind to (is it Ed25519?)",
    { hint: 'give the server a certificate signed with RSA or ECDSA' },
  )
}

function* authenticateByScram(
  link: Link,
  credentials: Credentials,
  binding: Binding,
  derive: DeriveKey,
): Exchange<void> {
  const password = requirePassword(credentials, 'scram-sha-256')
  const scram = new ScramClient(binding)
  writeSaslInitialResponse(link.out, scram.mechanism, scram.firstMessage())
  yield* expectAuthentication(link, AUTH_SASL_CONTINUE)
  const challenge = scram.readChallenge(link.body.utf8(link.body.remaining))
  const salted = yield* deriveKey(link, password, challenge, derive)
  writeSaslResponse(link.out, scram.respond(challenge, salted))
  // The server proves here that it knows the password, so AuthenticationOk without this message is refused.
  yield* expectAuthentication(link, AUTH_SASL_FINAL)
  scram.verify(link.body.utf8(link.body.remaining))
}

/** Derives the key in the thread pool, because a server may ask for so many iterations that they take seconds. */
function* deriveKey(link: Link, password: string, challenge: ScramChallenge, derive: DeriveKey): Exchange<Uint8Array> {
  try {
    return yield* awaitWork<Uint8Array>(link, 'SCRAM authentication', (done) => derive(password, challenge, done))
  } catch (cause) {
    if (cause instanceof DbError) throw cause
    throw new OperationalError(`SCRAM authentication: ${(cause as Error).message}`, { cause })
  }
}

function* authenticateByTicket(
  link: Link,
  credentials: Credentials,
  { host }: Channel,
  policy: AuthPolicy,
  method: 'gss' | 'sspi',
  open: OpenGss,
): Exchange<void> {
  policy.request(method)
  if (host === null) {
    throw new AuthRefusedError(
      `the server asks user "${credentials.user}" for ${method} authentication, which needs a host's name: connect over TCP`,
    )
  }
  const request = { ...(credentials.gss ?? DEFAULT_GSS), host }
  yield* authenticateByGss(link, open(request), request)
  policy.completed(false)
}

function* expectAuthentication(link: Link, wanted: number): Exchange<void> {
  yield
  const method = authenticationStep(link)
  if (method !== wanted) {
    throw new ProtocolError(`SCRAM authentication: the server sent step ${method} instead of ${wanted}`)
  }
}

function authenticationStep(link: Link): number {
  if (link.tag !== AUTHENTICATION) throw unexpected(link, 'authentication')
  return link.body.int32()
}

function requirePassword(credentials: Credentials, method: string): string {
  if (credentials.password !== null && credentials.password !== '') return credentials.password
  throw new AuthRefusedError(
    `the server asks user "${credentials.user}" for a password (method ${method}), and none was given`,
    { hint: 'pass the password option, set PGPASSWORD, or add a line to the password file' },
  )
}

function md5Password(user: string, password: string, salt: Uint8Array): string {
  const inner = md5(Buffer.from(password + user))
  return `md5${md5(Buffer.concat([Buffer.from(inner, 'latin1'), salt]))}`
}

function md5(bytes: Uint8Array): string {
  try {
    return createHash('md5').update(bytes).digest('hex')
  } catch (cause) {
    throw new OperationalError(
      'the server asks for an md5 password, and this Node.js has no MD5 (FIPS mode?); use scram-sha-256',
      { cause },
    )
  }
}
