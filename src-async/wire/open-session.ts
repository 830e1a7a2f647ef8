/**
 * From options to a session that is ready: hosts in turn, their addresses in turn, TLS as the mode says, start-up, all
 * within one time limit. A host that cannot be reached is passed over; a server that refuses is not, since another
 * would hardly differ (libpq does the same), unless it is only starting up.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { DbError, OperationalError } from '../errors/tree.ts'
import type { HostAddress, SessionOptions } from '../options/session-options.ts'
import { addressName, reasonOf, unreachable } from './connect-errors.ts'
import type { SessionEvents } from './operations.ts'
import { Session } from './session.ts'
import { SocketTransport, type SocketTarget } from './transport/socket.ts'
import { negotiateTls, tlsAttempts, TlsRefusedError, type TlsUse } from './transport/tls.ts'

const CANNOT_CONNECT_NOW = '57P03'
const INVALID_PASSWORD = '28P01'

/**
 * @throws OperationalError when no host could be reached or time ran out, with the attempts' errors in an AggregateError
 *   under `cause` when there were several; the server's own error when it refused.
 */
export async function openSession(options: SessionOptions, events: SessionEvents): Promise<Session> {
  const deadlineMs = options.connectTimeoutMs > 0 ? performance.now() + options.connectTimeoutMs : Infinity
  const failures: Error[] = []
  const { hosts } = options
  for (const [index, host] of hosts.entries()) {
    // A silent host may use its share of the time, not all of it.
    const share = new Deadline(deadlineMs, hosts.length - index, options.connectTimeoutMs)
    try {
      return host.kind === 'pglite'
        ? await openEmbedded(host.dataDirectory, options, events, share)
        : await openHost(host, options, events, share)
    } catch (error) {
      if (!isWorthAnotherHost(error)) throw error
      failures.push(error as Error)
    }
  }
  throw unreachable(failures)
}

function isWorthAnotherHost(error: unknown): boolean {
  return error instanceof DbError && (error.sqlstate === null || error.sqlstate === CANNOT_CONNECT_NOW)
}

async function openHost(
  host: Exclude<HostAddress, { kind: 'pglite' }>,
  options: SessionOptions,
  events: SessionEvents,
  deadline: Deadline,
): Promise<Session> {
  const failures: Error[] = []
  const targets = await resolve(host, deadline)
  for (const [index, target] of targets.entries()) {
    const share = deadline.share(targets.length - index)
    try {
      return await openTarget(target, options, events, share)
    } catch (error) {
      if (!isWorthAnotherHost(error)) throw error
      failures.push(error as Error)
    }
  }
  throw unreachable(failures)
}

/** A name's addresses in the resolver's order. */
async function resolve(
  host: Exclude<HostAddress, { kind: 'pglite' }>,
  deadline: Deadline,
): Promise<readonly SocketTarget[]> {
  if (host.kind === 'unix') return [host]
  if (isIP(host.host) !== 0) return [{ ...host, address: host.host }]
  try {
    const found = await deadline.race(() => lookup(host.host, { all: true, verbatim: true }))
    return found.map(({ address }) => ({ ...host, address }))
  } catch (cause) {
    throw connectError(host, cause)
  }
}

/** The attempts of the TLS mode at one address. */
async function openTarget(
  target: SocketTarget,
  options: SessionOptions,
  events: SessionEvents,
  deadline: Deadline,
): Promise<Session> {
  const attempts = tlsAttempts(options.tls, target.kind)
  for (const [index, use] of attempts.entries()) {
    try {
      return await attempt(target, use, options, events, deadline)
    } catch (error) {
      const isLast = index === attempts.length - 1
      if (isLast || !isAboutTls(error)) throw error
    }
  }
  throw new OperationalError('bug: no attempt was made')
}

/** Whether the same server may answer differently with, or without, TLS: pg_hba.conf has lines for either. */
function isAboutTls(error: unknown): boolean {
  if (!(error instanceof DbError)) return false
  if (error.cause instanceof TlsRefusedError) return true
  const { sqlstate } = error
  return sqlstate !== null && /^(28|08)/.test(sqlstate) && sqlstate !== INVALID_PASSWORD
}

async function attempt(
  target: SocketTarget,
  use: TlsUse,
  options: SessionOptions,
  events: SessionEvents,
  deadline: Deadline,
): Promise<Session> {
  let transport: SocketTransport | null = null
  try {
    const session = await deadline.race(async (signal) => {
      transport = await SocketTransport.open(target, signal)
      await negotiateTls(transport, use, options.tls)
      const route = { target, isSecure: transport.isSecure, tls: options.tls }
      const opened = new Session(transport, route, events)
      await opened.startUp(options)
      return opened
    })
    return session
  } catch (error) {
    const opened = transport as SocketTransport | null
    opened?.destroy()
    throw connectError(target, error)
  }
}

async function openEmbedded(
  dataDirectory: string | null,
  options: SessionOptions,
  events: SessionEvents,
  deadline: Deadline,
): Promise<Session> {
  // Loaded here, so that nobody else pays for it or needs it installed.
  const { openPgliteTransport } = await import('./transport/pglite.ts')
  const transport = await openPgliteTransport(dataDirectory)
  try {
    const session = new Session(transport, null, events)
    await deadline.race(() => session.startUp(options))
    return session
  } catch (error) {
    transport.destroy()
    throw error
  }
}

/** What the server said stays as it is; trouble on the way to it is told with the address. */
function connectError(target: HostAddress, error: unknown): DbError {
  if (error instanceof DbError && error.sqlstate !== null && !error.sqlstate.startsWith('08')) return error
  const hint = error instanceof DbError ? error.hint : undefined
  const message = `connection to ${addressName(target)} failed: ${reasonOf(error, target)}`
  return new OperationalError(message, hint === undefined ? { cause: error } : { hint, cause: error })
}

class Deadline {
  readonly #atMs: number
  readonly #budgetMs: number

  /** @param shares among how many candidates the time left is to be divided; this is the first of them. */
  constructor(atMs: number, shares: number, budgetMs: number) {
    const nowMs = performance.now()
    this.#atMs = nowMs + (atMs - nowMs) / shares
    this.#budgetMs = budgetMs
  }

  share(shares: number): Deadline {
    return new Deadline(this.#atMs, shares, this.#budgetMs)
  }

  /** Runs `work`, and gives up on it when time is over. The signal lets it clean up. */
  async race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    if (this.#atMs === Infinity) return work(controller.signal)
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          const error = new OperationalError(`timeout expired (connect timeout of ${this.#budgetMs} ms for all hosts)`)
          reject(error)
          controller.abort(error)
        },
        Math.max(0, this.#atMs - performance.now()),
      )
    })
    try {
      return await Promise.race([work(controller.signal), timeout])
    } finally {
      clearTimeout(timer)
    }
  }
}
