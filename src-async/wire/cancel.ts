/**
 * Sends a CancelRequest. It needs a new connection, to the same address, and under TLS if the session uses TLS. The server
 * never answers: it closes the connection when it has taken the request.
 */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { OperationalError } from '../errors/tree.ts'
import type { TlsOptions } from '../options/session-options.ts'
import { afterPoll } from './grace.ts'
import { writeCancelRequest } from './protocol/frontend.ts'
import type { BackendKey } from './protocol/startup.ts'
import { SocketTransport, type SocketTarget } from './transport/socket.ts'
import { negotiateTls } from './transport/tls.ts'

/** Where and how the cancel requests of a session are sent. */
export interface CancelRoute {
  readonly target: SocketTarget
  readonly isSecure: boolean
  readonly tls: TlsOptions
}

/** The request was sent, but it is unknown whether and when it will arrive. */
export class UncertainCancelError extends OperationalError {}

/**
 * @param timeoutMs the time limit for connecting and sending
 * @throws OperationalError when the server cannot be reached; UncertainCancelError when the server was reached,
 *   but did not take the request in time.
 */
export async function requestCancel(route: CancelRoute, key: BackendKey, timeoutMs: number): Promise<void> {
  const controller = new AbortController()
  const giveUp = (): void => controller.abort(new OperationalError(`no answer within ${Math.round(timeoutMs)} ms`))
  const timer = setTimeout(() => afterPoll(giveUp), timeoutMs)
  try {
    await deliver(route, key, controller.signal)
  } catch (cause) {
    if (cause instanceof UncertainCancelError) throw cause
    throw new OperationalError(`the cancel request did not reach the server: ${(cause as Error).message}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

async function deliver(route: CancelRoute, key: BackendKey, signal: AbortSignal): Promise<void> {
  const transport = await SocketTransport.open(route.target, signal)
  const giveUp = (): void => transport.destroy()
  signal.addEventListener('abort', giveUp, { once: true })
  let isSent = false
  try {
    await negotiateTls(transport, route.isSecure ? 'always' : 'never', route.tls)
    isSent = !signal.aborted
    await sendAndAwaitEnd(transport, key)
    signal.throwIfAborted()
  } catch (error) {
    if (signal.aborted && isSent) {
      throw new UncertainCancelError(
        'a cancel request was sent and the server did not take it in time: the connection is closed, because the ' +
          'request could hit a later statement',
        { cause: signal.reason },
      )
    }
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', giveUp)
    transport.destroy()
  }
}

function sendAndAwaitEnd(transport: SocketTransport, key: BackendKey): Promise<void> {
  return new Promise((resolve) => {
    // The server has read the request when it closes the connection, whether it does so in order or by a reset.
    transport.listen({ data() {}, drain() {}, closed: () => resolve() })
    const request = new ByteWriter(64)
    writeCancelRequest(request, key.backendPid, key.secret)
    transport.write(request.view())
  })
}
