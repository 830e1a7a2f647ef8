/**
 * Opens a session within one time limit: connects to the hosts and their addresses one after the other, with TLS as
 * `sslmode` says, and starts up. It goes on to the next host if one cannot be reached, is still starting up, or is
 * not of the wanted kind. It does not go on if a server refuses the user, or if syncpg refuses the server's
 * authentication: the next host would hardly answer differently. libpq does the same.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { TargetServerAttributeNotMatched } from '../errors/client-errors.ts'
import { amend, DbError, OperationalError } from '../errors/tree.ts'
import { shuffled } from '../options/hosts.ts'
import type { HostAddress, SessionOptions, TargetSessionAttrs } from '../options/session-options.ts'
import { addressName, reasonOf, unreachable } from './connect-errors.ts'
import { watchConnection } from './connection-check.ts'
import { Deadline } from './deadline.ts'
import type { SessionEvents } from './operations.ts'
import { AuthRefusedError } from './protocol/auth-policy.ts'
import type { Channel } from './protocol/authentication.ts'
import { Session } from './session.ts'
import { mismatch } from './target-session.ts'
import { SocketTransport, type SocketTarget } from './transport/socket.ts'
import { tlsWords } from './transport/tls-errors.ts'
import { negotiateTls, tlsAttempts, TlsRefusedError, type TlsUse } from './transport/tls.ts'

const CANNOT_CONNECT_NOW = '57P03'
const INVALID_PASSWORD = '28P01'
/** How long to wait for the end of a connection to a server that is not of the wanted kind. */
const DISMISS_TIMEOUT_MS = 1000

/** The channel to an embedded server: no other program can read it. */
const EMBEDDED: Channel = { host: null, serverCertificate: null, isPrivate: true }

type NetworkHost = Exclude<HostAddress, { kind: 'pglite' }>

/** The arguments that all steps of one attempt to connect share. */
interface ConnectAttempt {
  readonly options: SessionOptions
  readonly events: SessionEvents
  readonly wanted: TargetSessionAttrs
}

/**
 * @param signal stops at once when it aborts: no further address is tried, and an opened connection is closed
 * @throws OperationalError when no host could be reached or time ran out; after several attempts its `cause` is an
 *   AggregateError with their errors. TargetServerAttributeNotMatched when a host could be reached, but none was of the
 *   wanted kind. The server's own error when it refused.
 */
export async function openSession(
  options: SessionOptions,
  events: SessionEvents,
  signal: AbortSignal | null = null,
): Promise<Session> {
  const deadline = Deadline.after(options.connectTimeoutMs, signal)
  const { targetSessionAttrs = 'any', isLoadBalanced = false } = options
  const hosts = isLoadBalanced ? shuffled(options.hosts) : options.hosts
  const open = (wanted: TargetSessionAttrs, time: Deadline): Promise<Session> =>
    firstOf(hosts, time, (host, share) => openHost(host, { options, events, wanted }, share))
  if (targetSessionAttrs !== 'prefer-standby') return open(targetSessionAttrs, deadline)
  try {
    return await open('standby', deadline.share(2))
  } catch (error) {
    if (!isWorthAnotherHost(error)) throw error
    return open('any', deadline)
  }
}

/** Opens the first candidate that can be opened. Each may use its share of the time left. */
async function firstOf<T>(
  candidates: readonly T[],
  deadline: Deadline,
  open: (candidate: T, share: Deadline) => Promise<Session>,
): Promise<Session> {
  const failures: Error[] = []
  for (const [index, candidate] of candidates.entries()) {
    try {
      return await open(candidate, deadline.share(candidates.length - index))
    } catch (error) {
      if (!isWorthAnotherHost(error)) throw error
      failures.push(error as Error)
    }
  }
  throw unreachable(failures)
}

function isWorthAnotherHost(error: unknown): boolean {
  if (!(error instanceof DbError) || error.cause instanceof AuthRefusedError) return false
  return error.sqlstate === null || error.sqlstate === CANNOT_CONNECT_NOW
}

async function openHost(host: HostAddress, attempt: ConnectAttempt, deadline: Deadline): Promise<Session> {
  if (host.kind === 'pglite') return openEmbedded(host, attempt, deadline)
  const found = await resolve(host, deadline)
  const targets = attempt.options.isLoadBalanced === true ? shuffled(found) : found
  return firstOf(targets, deadline, (target, share) => openTarget(target, attempt, share))
}

/** The addresses of a host name, in the resolver's order. */
async function resolve(host: NetworkHost, deadline: Deadline): Promise<readonly SocketTarget[]> {
  if (host.kind === 'unix') return [host]
  const { address } = host
  if (address !== undefined) return [{ ...host, address }]
  if (isIP(host.host) !== 0) return [{ ...host, address: host.host }]
  try {
    const found = await deadline.race(() => lookup(host.host, { all: true, verbatim: true }))
    return found.map((entry) => ({ ...host, address: entry.address }))
  } catch (cause) {
    throw connectError(host, cause)
  }
}

/** Connects to one address, with TLS, without, or both, in the order that `sslmode` says. */
async function openTarget(target: SocketTarget, attempt: ConnectAttempt, deadline: Deadline): Promise<Session> {
  const attempts = tlsAttempts(attempt.options.tls, target.kind)
  for (const use of attempts.slice(0, -1)) {
    const progress = { isPlain: use === 'never' }
    try {
      return await connectOnce(target, use, attempt, deadline, progress)
    } catch (error) {
      // With `prefer`, and a server without TLS, this attempt did not use TLS. So the next attempt would be the same.
      const isNextTheSame = progress.isPlain && use !== 'never'
      if (isNextTheSame || !isAboutTls(error)) throw error
    }
  }
  return connectOnce(target, attempts.at(-1)!, attempt, deadline, { isPlain: false })
}

/** Whether the server may accept the client with TLS, or without TLS: pg_hba.conf has separate lines for the two. */
function isAboutTls(error: unknown): boolean {
  if (!(error instanceof DbError)) return false
  if (error.cause instanceof TlsRefusedError) return true
  const { sqlstate } = error
  return sqlstate !== null && /^(28|08)/.test(sqlstate) && sqlstate !== INVALID_PASSWORD
}

/** @param progress `isPlain` is set when the server offers no TLS and the attempt goes on without TLS */
async function connectOnce(
  target: SocketTarget,
  use: TlsUse,
  attempt: ConnectAttempt,
  deadline: Deadline,
  progress: { isPlain: boolean },
): Promise<Session> {
  const { options, events } = attempt
  let transport: SocketTransport | null = null
  try {
    return await deadline.race(async (signal) => {
      transport = await SocketTransport.open(target, signal, options.keepAliveMs)
      await negotiateTls(transport, use, options.tls)
      progress.isPlain = !transport.isSecure
      const route = { target, isSecure: transport.isSecure, tls: options.tls }
      const session = new Session(transport, route, events)
      await session.startUp(options, channelOf(transport))
      await requireWanted(session, target, attempt.wanted)
      if (options.hosts.length > 1) session.noteTarget(target)
      if (transport.tlsWords !== null) session.noteTls(transport.tlsWords)
      watchConnection(session, options.connectionCheckMs ?? 0)
      return session
    })
  } catch (error) {
    const opened = transport as SocketTransport | null
    opened?.destroy()
    throw connectError(target, error)
  }
}

function channelOf(transport: SocketTransport): Channel {
  const { serverCertificate, isSecure, target } = transport
  const host = target.kind === 'unix' ? null : target.host
  return { host, serverCertificate, isPrivate: isSecure || host === null }
}

async function openEmbedded(
  host: Extract<HostAddress, { kind: 'pglite' }>,
  attempt: ConnectAttempt,
  deadline: Deadline,
): Promise<Session> {
  // Loaded here, because PGlite is optional and takes time to load.
  const { openPgliteTransport } = await import('./embedded/transport.ts')
  const transport = await openPgliteTransport(host.dataDirectory)
  try {
    const session = new Session(transport, null, attempt.events)
    await deadline.race(() => session.startUp(attempt.options, EMBEDDED))
    await requireWanted(session, host, attempt.wanted)
    return session
  } catch (error) {
    transport.destroy()
    throw error
  }
}

async function requireWanted(session: Session, target: HostAddress, wanted: TargetSessionAttrs): Promise<void> {
  const reason = await mismatch(session, wanted)
  if (reason === null) return
  await session.close({ timeoutMs: DISMISS_TIMEOUT_MS })
  throw new TargetServerAttributeNotMatched(`connection to ${addressName(target)} failed: ${reason}`)
}

/** Adds the address to an error. The server's own error keeps its class; any other becomes an OperationalError. */
function connectError(target: HostAddress, error: unknown): DbError {
  if (error instanceof TargetServerAttributeNotMatched) return error
  if (error instanceof DbError && error.sqlstate !== null && !error.sqlstate.startsWith('08')) {
    amend(error, {}, `connection to ${addressName(target)} failed: ${error.primaryMessage}`)
    return error
  }
  // With TLS 1.3 a server may refuse the client certificate after the handshake. That looks like a lost connection.
  const verdict = error instanceof DbError ? tlsWords(error.cause) : null
  const hint = verdict?.hint ?? (error instanceof DbError ? error.hint : undefined)
  const message = `connection to ${addressName(target)} failed: ${verdict?.message ?? reasonOf(error, target)}`
  return new OperationalError(message, hint === undefined ? { cause: error } : { hint, cause: error })
}
