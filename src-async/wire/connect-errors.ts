/**
 * Messages for errors while connecting. Each is one line, and shows the address in libpq's form.
 */
import { TargetServerAttributeNotMatched } from '../errors/client-errors.ts'
import { printShort } from '../errors/failure.ts'
import { DbError, OperationalError } from '../errors/tree.ts'
import type { HostAddress } from '../options/session-options.ts'
import type { SocketTarget } from './transport/socket.ts'

/** The size of `sun_path` without its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the server closed the connection at once',
  EPIPE: 'the server closed the connection at once',
  ETIMEDOUT: 'the host did not answer',
  EHOSTUNREACH: 'there is no route to the host',
  EHOSTDOWN: 'the host is down',
  ENETUNREACH: 'there is no route to the network',
  EADDRNOTAVAIL: 'the address is not available on this machine',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up; the name server does not answer',
  EAI_NODATA: 'the host name has no address',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this machine has too many open files',
}

const SOCKET_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; is the server running, and does it listen there?',
  ECONNREFUSED: 'connection refused; the socket is there, but no server listens on it',
  EACCES: 'permission denied',
  ENOTSOCK: 'the file is not a socket',
}

/** `server at "localhost" (127.0.0.1), port 5432`, or `server on socket "/run/postgresql/.s.PGSQL.5432"`. */
export function addressName(target: HostAddress | SocketTarget): string {
  if (target.kind === 'pglite') return 'embedded PostgreSQL (PGlite)'
  if (target.kind === 'unix') return `server on socket "${target.path}"`
  const address =
    'address' in target && target.address !== undefined && target.address !== target.host ? ` (${target.address})` : ''
  return `server at "${target.host}"${address}, port ${target.port}`
}

/** Says what happened, without the address. */
export function reasonOf(error: unknown, target: HostAddress | SocketTarget): string {
  if (error instanceof DbError) return error.primaryMessage
  const { code, message } = error as NodeJS.ErrnoException
  if (target.kind === 'unix') {
    const length = Buffer.byteLength(target.path)
    if (length > MAX_SOCKET_PATH_BYTES) {
      return `the path has ${length} bytes, and the system allows ${MAX_SOCKET_PATH_BYTES}`
    }
    if (code !== undefined && code in SOCKET_REASONS) return SOCKET_REASONS[code]!
  }
  return (code === undefined ? undefined : REASONS[code]) ?? message
}

/** If there are more attempts than this, the message shows only the last one. */
const MOST_SHOWN = 2

/** Makes one error of the errors of all attempts. A single error stays as it is. */
export function unreachable(failures: readonly Error[]): Error {
  const [first] = failures
  if (first !== undefined && failures.length === 1) return first
  const words = failures.map((failure) => (failure instanceof DbError ? failure.primaryMessage : failure.message))
  // One line has room for one place only. The user most likely means the last one that was tried.
  const isShort = words.length <= MOST_SHOWN
  const message = isShort
    ? words.join('; ')
    : `${words.at(-1)} (and ${words.length - 1} other places: see cause.errors)`
  const wasReached = failures.some((failure) => failure instanceof TargetServerAttributeNotMatched)
  const errorClass = wasReached ? TargetServerAttributeNotMatched : OperationalError
  const cause = new AggregateError(failures, message)
  printShort(cause)
  return new errorClass(message, { cause })
}
