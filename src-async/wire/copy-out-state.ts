/**
 * The state of a session's COPY TO STDOUT, between `copyOutStart` and its end. Buffers the data until a call reads it, and
 * stops the transport from reading when the buffer is full. Small messages are joined into chunks.
 */
import { InterfaceError } from '../errors/tree.ts'
import type { CopyOutReadReply, CopyOutReadRequest, CopyOutStartReply, CopyOutStartRequest } from './operations.ts'
import type { Link } from './protocol/exchange.ts'
import { copyOut, type CopyOutSink } from './protocol/copy-out.ts'
import type { Exchange } from './protocol/exchange.ts'
import { type ReadingGate, STOPPED_FOR } from './transport/reading-gate.ts'

type Run = (exchange: Exchange<void>) => Promise<void>

/** Payloads of whole messages, one after the other. */
interface Chunk {
  readonly bytes: Buffer
  filledBytes: number
}

interface Reader {
  readonly request: CopyOutReadRequest
  readonly resolve: (reply: CopyOutReadReply) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly tag: string } | { readonly error: unknown }

const CHUNK_BYTES = 64 * 1024
/** When more bytes than this are buffered, the transport stops reading. */
const PAUSE_BYTES = 1 << 20

export class CopyOutState implements CopyOutSink {
  readonly #gate: ReadingGate
  /** The running exchange; null when there is none. */
  #running: Promise<void> | null = null
  /** How the COPY ended; kept until a call has returned it. */
  #outcome: Outcome | null = null
  #chunks: Chunk[] = []
  #bufferedBytes = 0
  #reader: Reader | null = null
  #isDiscarding = false
  #whenStarted: ((reply: CopyOutStartReply) => void) | null = null

  constructor(gate: ReadingGate) {
    this.#gate = gate
  }

  get isRunning(): boolean {
    return this.#running !== null && this.#outcome === null
  }

  /** Whether a COPY is in progress while no call of it is running. */
  get isBetweenCalls(): boolean {
    return this.isRunning && this.#reader === null && this.#whenStarted === null && !this.#isDiscarding
  }

  /** Whether `serveReader` may have something to do. */
  get isActive(): boolean {
    return this.#running !== null || this.#reader !== null
  }

  /** Resolves when the server begins to send data. */
  start(link: Link, request: CopyOutStartRequest, run: Run): Promise<CopyOutStartReply> {
    if (this.#running !== null) {
      return Promise.reject(new InterfaceError('copyOutStart: another COPY is still in progress'))
    }
    this.#reset()
    return new Promise((resolve, reject) => {
      this.#whenStarted = resolve
      const running = run(copyOut(link, request, this))
      this.#running = running
      running.then(
        () => {
          this.#running = null
        },
        (error: unknown) => {
          this.#running = null
          if (this.#whenStarted === null) this.#outcome = { error }
          else reject(error)
          this.#whenStarted = null
          this.serveReader()
        },
      )
    })
  }

  read(request: CopyOutReadRequest): Promise<CopyOutReadReply> {
    if (this.#running === null && this.#outcome === null && this.#bufferedBytes === 0) {
      return Promise.reject(new InterfaceError('copyOutRead: no COPY is in progress'))
    }
    if (this.#reader !== null) return Promise.reject(new InterfaceError('copyOutRead: another read is still waiting'))
    return new Promise((resolve, reject) => {
      this.#reader = { request, resolve, reject }
      this.serveReader()
    })
  }

  /**
   * Drops the data that has come and will come. Resolves when the session is ready again.
   * @param cancel asks the server to stop; called only while the COPY is running
   */
  async end(cancel: () => Promise<unknown>): Promise<void> {
    const running = this.#running
    if (running !== null && this.#outcome === null) {
      this.discard()
      // Before the COPY has started, a cancel could hit the statement before it. Without a cancel the COPY ends later.
      // Errors are ignored, because nobody waits for the result of this COPY.
      if (this.#whenStarted === null) cancel().catch(() => {})
      await running.catch(() => {})
    }
    const reader = this.#reader
    this.#reset()
    reader?.reject(new InterfaceError('copyOutRead: the COPY was given up'))
  }

  /** Drops the data that has come and will come. The COPY still runs to its end. */
  discard(): void {
    this.#isDiscarding = true
    this.#chunks = []
    this.#bufferedBytes = 0
    this.#resume()
  }

  started(columnFormats: readonly number[]): void {
    this.#whenStarted?.({ columnFormats })
    this.#whenStarted = null
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (this.#isDiscarding || length === 0) return
    let chunk = this.#chunks.at(-1)
    if (chunk === undefined || chunk.bytes.length - chunk.filledBytes < length) {
      chunk = { bytes: Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, length)), filledBytes: 0 }
      this.#chunks.push(chunk)
    }
    chunk.bytes.set(bytes.subarray(start, end), chunk.filledBytes)
    chunk.filledBytes += length
    this.#bufferedBytes += length
  }

  completed(tag: string): void {
    this.#outcome = { tag }
  }

  /** Called after each arrival. Gives buffered data to the waiting read, or stops reading when the buffer is full. */
  serveReader(): void {
    const reader = this.#reader
    if (reader === null) {
      if (this.#bufferedBytes > PAUSE_BYTES) this.#gate.stop(STOPPED_FOR.copy)
      return
    }
    const outcome = this.#outcome
    if (this.#bufferedBytes === 0 && outcome === null) return
    this.#reader = null
    this.#deliver(reader.request)
    if (this.#bufferedBytes > 0 || outcome === null) return reader.resolve({ tag: null })
    this.#reset()
    if ('tag' in outcome) reader.resolve(outcome)
    else reader.reject(outcome.error)
  }

  #deliver({ data, maxBytes }: CopyOutReadRequest): void {
    let given = 0
    while (this.#chunks.length > 0 && given < Math.max(maxBytes, 1)) {
      const { bytes, filledBytes } = this.#chunks.shift()!
      data.take(bytes, 0, filledBytes)
      given += filledBytes
    }
    this.#bufferedBytes -= given
    if (this.#bufferedBytes <= PAUSE_BYTES) this.#resume()
  }

  #resume(): void {
    this.#gate.go(STOPPED_FOR.copy)
  }

  #reset(): void {
    this.#outcome = null
    this.#reader = null
    this.#whenStarted = null
    this.#isDiscarding = false
    this.#chunks = []
    this.#bufferedBytes = 0
    this.#resume()
  }
}
