/**
 * Start-up, from StartupMessage to the first ReadyForQuery: the protocol version, parameters, authentication, the cancel key.
 * Every error here ends the connection. Source of truth: PostgreSQL manual, "Start-up".
 */
import { OperationalError, ProtocolError } from '../../errors/tree.ts'
import type { ProtocolVersion } from '../../options/session-options.ts'
import { authenticate, type AuthServices, type Channel, type Credentials } from './authentication.ts'
import { unexpected, type Exchange, type Link } from './exchange.ts'
import { writeStartup } from './frontend.ts'
import { BACKEND_KEY_DATA, NEGOTIATE_PROTOCOL_VERSION, PROTOCOL_3_0, PROTOCOL_3_2, READY_FOR_QUERY } from './tags.ts'

export interface StartupRequest extends Credentials {
  readonly database: string
  readonly parameters: Readonly<Record<string, string>>
  /** Default: 3.0. */
  readonly minProtocolVersion?: ProtocolVersion
  /** Default: 3.0, because poolers may refuse later versions. */
  readonly maxProtocolVersion?: ProtocolVersion
}

/** The data for a CancelRequest. A pooler may send none; then the pid is 0 and the secret is empty. */
export interface BackendKey {
  readonly backendPid: number
  readonly secret: Uint8Array
}

const VERSIONS: Readonly<Record<ProtocolVersion, number>> = { '3.0': PROTOCOL_3_0, '3.2': PROTOCOL_3_2 }
/** The limit of the protocol. */
const MAX_SECRET_BYTES = 256

export function* startup(
  link: Link,
  request: StartupRequest,
  channel: Channel,
  services: AuthServices,
): Exchange<BackendKey> {
  const parameters = new Map([
    ['user', request.user],
    ['database', request.database],
    ['client_encoding', 'UTF8'],
  ])
  for (const [name, value] of Object.entries(request.parameters)) parameters.set(name, value)
  // It is set again, after the user's parameters, because the codecs read and write UTF-8 only.
  parameters.set('client_encoding', 'UTF8')
  writeStartup(link.out, VERSIONS[request.maxProtocolVersion ?? '3.0'], parameters)
  yield
  if (link.tag === NEGOTIATE_PROTOCOL_VERSION) {
    checkVersion(link, request)
    yield
  }
  yield* authenticate(link, request, channel, services)
  let key: BackendKey = { backendPid: 0, secret: new Uint8Array(0) }
  for (;;) {
    yield
    if (link.tag === READY_FOR_QUERY) return key
    if (link.tag !== BACKEND_KEY_DATA) throw unexpected(link, 'start-up')
    key = { backendPid: link.body.int32(), secret: link.body.copy(link.body.remaining) }
    if (key.secret.length > MAX_SECRET_BYTES) {
      throw new ProtocolError(`start-up: the server sent a cancel key of ${key.secret.length} bytes`)
    }
  }
}

/** Checks a NegotiateProtocolVersion: the server has an older protocol version than the client asked for. */
function checkVersion(link: Link, request: StartupRequest): void {
  const version = link.body.int32()
  const unknownOptions = link.body.int32()
  const { minProtocolVersion = '3.0', maxProtocolVersion = '3.0' } = request
  const isOlder = version >= PROTOCOL_3_0 && version < VERSIONS[maxProtocolVersion]
  if (!isOlder || unknownOptions !== 0) {
    throw new ProtocolError(
      'start-up: the server negotiates a version or an option that was not asked for; is it PostgreSQL?',
    )
  }
  if (version >= VERSIONS[minProtocolVersion]) return
  const found = `${version >> 16}.${version & 0xffff}`
  throw new OperationalError(
    `the server speaks protocol ${found} only, and min_protocol_version=${minProtocolVersion} asks for more`,
    { hint: 'protocol 3.2 came with PostgreSQL 18; leave min_protocol_version out for older servers and poolers' },
  )
}
