/**
 * TCP and Unix sockets, plain or under TLS. Reads into one fixed buffer (`onread`). Writes small requests directly to the file
 * descriptor while no bytes are queued. The descriptor comes from a private handle of Node's. Without the handle, or when the
 * kernel does not take all bytes, they go through the stream.
 */
import { writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Transport, TransportEvents } from './transport.ts'

/** A server's address after name resolution. */
export type SocketTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly address: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

const READ_BUFFER_BYTES = 64 * 1024
/** The kernel would take only a part of most longer writes. */
const DIRECT_WRITE_BYTES = 64 * 1024
/** Copies for the stream reuse memory up to this size, because new memory costs more than the copying. */
const KEPT_COPY_BYTES = 512 * 1024

const NO_EVENTS: TransportEvents = { data() {}, drain() {}, closed() {} }

export class SocketTransport implements Transport {
  readonly sendsWholeFlights = false
  readonly target: SocketTarget
  #stream: Socket
  #events: TransportEvents = NO_EVENTS
  #secured: TLSSocket | null = null
  #error: Error | null = null
  #isClosed = false
  /** A direct write found the connection closed. Reading goes on, because a last error message may still be unread. */
  #isPeerGone = false
  /** Memory of a copy that the stream has sent. */
  #spare: Buffer | null = null

  private constructor(target: SocketTarget, keepAliveMs: number | null) {
    this.target = target
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        this.#events.data(buffer, 0, length)
        return true
      },
    }
    const where = target.kind === 'unix' ? { path: target.path } : { host: target.address, port: target.port }
    const keepAlive = { keepAlive: keepAliveMs !== null, keepAliveInitialDelay: keepAliveMs ?? 0 }
    this.#stream = connect({ ...where, ...keepAlive, onread, noDelay: true })
    this.#stream.on('close', () => this.#closed())
    this.#attach(this.#stream)
  }

  get isDrained(): boolean {
    return this.#stream.writableLength === 0 && this.#stream.writable
  }

  /** The file descriptor, for a thread that uses it while this one neither reads nor writes nor closes; -1 under TLS. */
  get descriptor(): number {
    return this.#secured === null ? descriptorOf(this.#stream) : -1
  }

  /**
   * Connects. Rejects with Node's error, or with the signal's reason when it aborts.
   * @param keepAliveMs see `SessionOptions`
   */
  static async open(
    target: SocketTarget,
    signal: AbortSignal,
    keepAliveMs: number | null = 0,
  ): Promise<SocketTransport> {
    signal.throwIfAborted()
    const transport = new SocketTransport(target, keepAliveMs)
    const stream = transport.#stream
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        stream.destroy()
        reject(signal.reason as Error)
      }
      const settle = (finish: () => void): void => {
        signal.removeEventListener('abort', abort)
        finish()
      }
      signal.addEventListener('abort', abort, { once: true })
      stream.once('connect', () => settle(resolve))
      stream.once('error', (error) => settle(() => reject(error)))
    })
    return transport
  }

  get isSecure(): boolean {
    return this.#secured !== null
  }

  /** Protocol and cipher, `TLSv1.3 TLS_AES_256_GCM_SHA384`; null without TLS. */
  get tlsWords(): string | null {
    return this.#secured === null ? null : `${this.#secured.getProtocol()} ${this.#secured.getCipher().name}`
  }

  /** The server's certificate as DER; null without TLS. */
  get serverCertificate(): Uint8Array | null {
    return this.#secured?.getPeerX509Certificate()?.raw ?? null
  }

  listen(events: TransportEvents): void {
    this.#events = events
  }

  /** Switches to TLS. `start` makes the TLS socket on top of the connected one. */
  secure(start: (socket: Socket) => TLSSocket): TLSSocket {
    const secured = start(this.#stream)
    this.#stream = secured
    this.#secured = secured
    secured.on('data', (chunk: Buffer) => this.#events.data(chunk, 0, chunk.length))
    this.#attach(secured)
    return secured
  }

  write(bytes: Uint8Array, isGiven = false): boolean {
    if (this.#isPeerGone || this.#isClosed) return true
    const written = this.#writeDirectly(bytes)
    if (written === bytes.length || this.#isPeerGone) return true
    const rest = written === 0 ? bytes : bytes.subarray(written)
    return isGiven ? this.#stream.write(rest) : this.#writeCopy(rest)
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  keepAlive(isWanted: boolean): void {
    if (isWanted) this.#stream.ref()
    else this.#stream.unref()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #attach(stream: Socket): void {
    stream.on('error', (error) => {
      this.#error ??= error
    })
    stream.on('drain', () => this.#events.drain())
    // PostgreSQL closes both directions at once, so bytes that are still queued could not arrive.
    stream.on('end', () => stream.destroy())
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.closed(this.#error)
  }

  /** Writes a copy to the stream, because the stream keeps the bytes, and the caller reuses its buffer. */
  #writeCopy(bytes: Uint8Array): boolean {
    const { length } = bytes
    const spare = this.#spare
    const memory = spare !== null && spare.length >= length ? spare : Buffer.allocUnsafeSlow(length)
    if (memory === spare) this.#spare = null
    memory.set(bytes)
    const copy = memory.length === length ? memory : memory.subarray(0, length)
    return this.#stream.write(copy, () => {
      if (memory.length <= KEPT_COPY_BYTES && memory.length > (this.#spare?.length ?? 0)) this.#spare = memory
    })
  }

  /** Writes to the file descriptor. @returns how many bytes the kernel took */
  #writeDirectly(bytes: Uint8Array): number {
    const stream = this.#stream
    if (this.#secured !== null || bytes.length > DIRECT_WRITE_BYTES || stream.writableLength > 0 || !stream.writable)
      return 0
    const fd = descriptorOf(stream)
    if (fd < 0) return 0
    try {
      return writeSync(fd, bytes)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE' || code === 'ECONNRESET') {
        // A failed write of the stream would destroy the socket, and with it a FATAL message that was not read yet.
        this.#isPeerGone = true
        this.#error ??= error as Error
      }
      return 0
    }
  }
}

/** The file descriptor, from libuv's handle; -1 on Windows and after closing. */
function descriptorOf(stream: Socket): number {
  const handle = (stream as Socket & { _handle?: { readonly fd?: unknown } | null })._handle
  const fd = handle?.fd
  return typeof fd === 'number' ? fd : -1
}
