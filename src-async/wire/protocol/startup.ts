/**
 * From StartupMessage to the first ReadyForQuery: protocol 3.0, parameters, authentication by trust, clear password, MD5
 * or SCRAM-SHA-256. Whatever goes wrong here ends the connection. Source of truth: PostgreSQL manual, "Start-up".
 */
import { createHash } from 'node:crypto'
import { NotSupportedError, OperationalError, ProtocolError } from '../../errors/tree.ts'
import { unexpected, type Exchange, type Link } from './exchange.ts'
import { writePassword, writeSaslInitialResponse, writeSaslResponse, writeStartup } from './frontend.ts'
import { SCRAM_SHA_256, ScramClient } from './scram.ts'
import { AUTHENTICATION, BACKEND_KEY_DATA, NEGOTIATE_PROTOCOL_VERSION, READY_FOR_QUERY } from './tags.ts'

export interface StartupRequest {
  readonly user: string
  readonly password: string | null
  readonly database: string
  readonly parameters: Readonly<Record<string, string>>
}

/** What a CancelRequest needs; a pooler may send none, then both are empty. */
export interface BackendKey {
  readonly backendPid: number
  readonly secret: Uint8Array
}

const AUTH_OK = 0
const AUTH_CLEAR = 3
const AUTH_MD5 = 5
const AUTH_SASL = 10
const AUTH_SASL_CONTINUE = 11
const AUTH_SASL_FINAL = 12

const UNSUPPORTED: Readonly<Record<number, string>> = {
  2: 'Kerberos V5',
  6: 'SCM credentials',
  7: 'GSSAPI',
  9: 'SSPI',
}

export function* startup(link: Link, request: StartupRequest): Exchange<BackendKey> {
  const parameters = new Map([
    ['user', request.user],
    ['database', request.database],
    ['client_encoding', 'UTF8'],
  ])
  for (const [name, value] of Object.entries(request.parameters)) parameters.set(name, value)
  // The codecs read and write UTF-8 and nothing else.
  parameters.set('client_encoding', 'UTF8')
  writeStartup(link.out, parameters)
  yield* authenticate(link, request)
  let key: BackendKey = { backendPid: 0, secret: new Uint8Array(0) }
  for (;;) {
    yield
    if (link.tag === READY_FOR_QUERY) return key
    if (link.tag === BACKEND_KEY_DATA) {
      key = { backendPid: link.body.int32(), secret: link.body.copy(link.body.remaining) }
    } else if (link.tag !== NEGOTIATE_PROTOCOL_VERSION) {
      throw unexpected(link, 'start-up')
    }
  }
}

/** Up to AuthenticationOk. */
function* authenticate(link: Link, request: StartupRequest): Exchange<void> {
  for (;;) {
    const method = yield* readAuthentication(link)
    switch (method) {
      case AUTH_OK:
        return
      case AUTH_CLEAR:
        writePassword(link.out, requirePassword(request, 'password'))
        break
      case AUTH_MD5:
        writePassword(link.out, md5Password(request.user, requirePassword(request, 'md5'), link.body.copy(4)))
        break
      case AUTH_SASL:
        yield* authenticateBySasl(link, request)
        break
      default:
        throw new NotSupportedError(
          `the server asks user "${request.user}" to authenticate by ${UNSUPPORTED[method] ?? `method ${method}`}, ` +
            'which is not supported; use scram-sha-256, md5, password or trust in pg_hba.conf',
        )
    }
  }
}

function* authenticateBySasl(link: Link, request: StartupRequest): Exchange<void> {
  const mechanisms: string[] = []
  for (let name = link.body.cstring(); name !== ''; name = link.body.cstring()) mechanisms.push(name)
  if (!mechanisms.includes(SCRAM_SHA_256)) {
    throw new NotSupportedError(
      `the server offers only the SASL mechanisms ${mechanisms.join(', ')}; supported is ${SCRAM_SHA_256}`,
    )
  }
  const scram = new ScramClient(requirePassword(request, 'scram-sha-256'))
  writeSaslInitialResponse(link.out, SCRAM_SHA_256, scram.firstMessage())
  yield* expectAuthentication(link, AUTH_SASL_CONTINUE)
  writeSaslResponse(link.out, scram.respond(link.body.utf8(link.body.remaining)))
  // A server that skipped this would have proven nothing: AuthenticationOk alone is not enough.
  yield* expectAuthentication(link, AUTH_SASL_FINAL)
  scram.verify(link.body.utf8(link.body.remaining))
}

function* expectAuthentication(link: Link, wanted: number): Exchange<void> {
  const method = yield* readAuthentication(link)
  if (method !== wanted) {
    throw new ProtocolError(`SCRAM authentication: the server sent step ${method} instead of ${wanted}`)
  }
}

function* readAuthentication(link: Link): Exchange<number> {
  do yield
  while (link.tag === NEGOTIATE_PROTOCOL_VERSION)
  if (link.tag !== AUTHENTICATION) throw unexpected(link, 'authentication')
  return link.body.int32()
}

function requirePassword(request: StartupRequest, method: string): string {
  if (request.password !== null && request.password !== '') return request.password
  throw new OperationalError(
    `the server asks user "${request.user}" for a password (method ${method}), and none was given`,
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
