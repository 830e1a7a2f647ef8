/**
 * A TCP proxy with the faults of networks: delays, small pieces, silence, cuts, resets, half-closed ends. The faults
 * apply to bytes that arrive from now on, so a test can change them during a connection. Bytes are never altered or
 * reordered.
 */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** The faults of one direction. */
export interface Faults {
  /** Each chunk arrives this much later. */
  readonly latencyMs?: number
  /** Chunks are cut into pieces of at most this many bytes, each written on its own. */
  readonly chunkBytes?: number
  /** The proxy reads bytes and drops them, as a firewall does that has forgotten the connection. */
  readonly isBlackHole?: boolean
  /** After this many bytes of a connection, both ends are reset; a client may see the reset as a plain end. */
  readonly cutAfterBytes?: number
}

/** Where the proxy forwards to: a TCP address or a Unix socket. */
export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string }

/**
 * How the proxy handles a connection that it accepts and does not pass on, as some proxies lose cancel requests.
 * `closed`: it closes the connection after the first bytes, as if they had arrived. `hanging`: it leaves the connection
 * open.
 */
export type Loss = 'closed' | 'hanging'

/** A running proxy. */
export interface FaultProxy {
  readonly host: string
  readonly port: number
  /** Connections accepted so far. */
  readonly acceptedCount: number
  /** Bytes forwarded so far, of all connections. */
  readonly forwardedBytes: Readonly<Record<Direction, number>>
  /** Replaces the faults of a direction; `{}` means none. */
  setFaults(direction: Direction | 'both', faults: Faults): void
  /**
   * Does not pass on connections that are made from now on, including those with cancel requests. null passes them on
   * again.
   */
  loseNewConnections(how: Loss | null): void
  /** Resolves at the next connection that reaches the proxy. */
  nextConnection(): Promise<void>
  /** Resets every open connection on both sides (RST). */
  reset(): void
  /** Sends the client an end (FIN) while the server still listens: the client may write on and gets no answer. */
  halfClose(): void
  /** Refuses new connections; open ones stay. */
  refuse(): Promise<void>
  /** Resets the open connections and frees the port. */
  close(): Promise<void>
}

/** The direction of bytes. */
export type Direction = 'toServer' | 'toClient'

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startProxy(target: ProxyTarget): Promise<FaultProxy> {
  const proxy = new LocalProxy(target)
  await proxy.listen()
  return proxy
}

const LINE_CAPACITY_BYTES = 1024 * 1024

interface Link {
  readonly client: Socket
  readonly server: Socket
}

class LocalProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly forwardedBytes: Record<Direction, number> = { toServer: 0, toClient: 0 }
  readonly #target: ProxyTarget
  readonly #listener: Server
  readonly #links = new Set<Link>()
  readonly #faults: Record<Direction, Faults> = { toServer: {}, toClient: {} }
  readonly #lost = new Set<Socket>()
  #loss: Loss | null = null
  #accepted = 0
  #port = 0
  #connectionWaiters: (() => void)[] = []

  constructor(target: ProxyTarget) {
    this.#target = target
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
  }

  get port(): number {
    return this.#port
  }

  get acceptedCount(): number {
    return this.#accepted
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(0, this.host, () => {
        this.#port = (this.#listener.address() as AddressInfo).port
        resolve()
      })
    })
  }

  setFaults(direction: Direction | 'both', faults: Faults): void {
    if (faults.chunkBytes !== undefined && faults.chunkBytes < 1) throw new Error('chunkBytes must be at least 1')
    if (direction !== 'toClient') this.#faults.toServer = faults
    if (direction !== 'toServer') this.#faults.toClient = faults
  }

  loseNewConnections(how: Loss | null): void {
    this.#loss = how
  }

  nextConnection(): Promise<void> {
    return new Promise((resolve) => this.#connectionWaiters.push(resolve))
  }

  reset(): void {
    for (const link of this.#links) this.#cut(link)
    for (const client of this.#lost) client.resetAndDestroy()
  }

  halfClose(): void {
    for (const { client, server } of this.#links) {
      server.removeAllListeners('data')
      server.resume()
      client.end()
    }
  }

  refuse(): Promise<void> {
    return new Promise((resolve) => {
      // close() calls back only when the last connection is gone, which is not what "refuse" waits for.
      this.#listener.close()
      resolve()
    })
  }

  async close(): Promise<void> {
    this.reset()
    if (!this.#listener.listening) return
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()))
  }

  #accept(client: Socket): void {
    this.#accepted += 1
    if (this.#loss !== null) {
      this.#lose(client, this.#loss)
      for (const waiter of this.#connectionWaiters.splice(0)) waiter()
      return
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    const link = { client, server }
    this.#links.add(link)
    this.#join(link, 'toServer', client, server)
    this.#join(link, 'toClient', server, client)
    for (const waiter of this.#connectionWaiters.splice(0)) waiter()
  }

  #lose(client: Socket, how: Loss): void {
    this.#lost.add(client)
    client.on('error', () => {})
    client.on('close', () => this.#lost.delete(client))
    client.on('data', () => how === 'closed' && client.end())
    client.on('end', () => client.end())
  }

  #cut(link: Link): void {
    this.#links.delete(link)
    link.client.resetAndDestroy()
    link.server.resetAndDestroy()
  }

  #join(link: Link, direction: Direction, from: Socket, to: Socket): void {
    let passedBytes = 0
    let pendingBytes = 0
    // The promises are chained, so the order stays, whatever the delays are.
    let tail = Promise.resolve()
    from.on('data', (chunk: Buffer) => {
      const faults = this.#faults[direction]
      if (faults.isBlackHole) return
      const room = (faults.cutAfterBytes ?? Infinity) - passedBytes
      const isLast = chunk.length >= room
      const kept = isLast ? chunk.subarray(0, Math.max(room, 0)) : chunk
      passedBytes += kept.length
      const arrivesAtMs = Date.now() + (faults.latencyMs ?? 0)
      // Several delayed chunks may be on their way at once, as on a long line. The sender waits only when the line is
      // full.
      pendingBytes += kept.length
      if (pendingBytes > LINE_CAPACITY_BYTES) from.pause()
      tail = tail
        .then(() => delayUntil(arrivesAtMs))
        .then(() => writePieces(to, kept, faults.chunkBytes ?? kept.length))
        .then(() => {
          this.forwardedBytes[direction] += kept.length
          pendingBytes -= kept.length
          if (isLast) this.#cut(link)
          else if (pendingBytes <= LINE_CAPACITY_BYTES && !from.destroyed) from.resume()
        })
    })
    from.on('end', () => {
      tail = tail.then(() => void to.end())
    })
    // A reset or another failure of one end is passed on as a reset. The sets are updated in both cases.
    from.on('error', () => this.#cut(link))
    from.on('close', () => {
      tail = tail.then(() => {
        this.#links.delete(link)
        if (!to.destroyed && from.readableAborted) to.resetAndDestroy()
        else if (!to.destroyed) to.end()
      })
    })
  }
}

function delayUntil(instantMs: number): Promise<void> | void {
  const waitMs = instantMs - Date.now()
  if (waitMs > 0) return new Promise((resolve) => setTimeout(resolve, waitMs))
}

async function writePieces(to: Socket, bytes: Buffer, pieceBytes: number): Promise<void> {
  for (let start = 0; start < bytes.length && to.writable; start += pieceBytes) {
    const hasRoom = to.write(bytes.subarray(start, start + pieceBytes))
    // The event loop turns between two pieces, so that each piece becomes a TCP segment of its own.
    if (hasRoom) await new Promise((resolve) => setImmediate(resolve))
    else await drained(to)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      socket.off('drain', finish)
      socket.off('close', finish)
      resolve()
    }
    socket.on('drain', finish)
    socket.on('close', finish)
  })
}
