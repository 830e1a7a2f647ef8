/**
 * Hands requests over: puts them where the worker finds them, writes to the server what this thread may write itself, and
 * rings where the worker has to know. A call can be torn off between any two calls of functions, so what stands in the
 * shared memory is complete at each of them, and the word with a request's number is the last to be set.
 */
import { ByteWriter } from '../src-async/bytes/byte-writer.ts'
import type { SessionOptions } from '../src-async/options/session-options.ts'
import type { Flight, OperationName, RequestOf } from '../src-async/wire/operations.ts'
import type { ByteSink, ResultSink } from '../src-async/wire/row-sink.ts'
import { REQUEST, REQUEST_MAX_BYTES, type SessionBlock, WORD } from './channel/layout.ts'
import { LINE_MAX_BYTES, type LineWriter } from './channel/line.ts'
import { writeOpen, writeRequest } from './channel/messages.ts'
import { type Asked, DROPPED, type DueReply } from './due-reply.ts'
import type { ShortWay } from './short-way.ts'
import type { WorkerHost } from './spawn.ts'

const NO_FLIGHT = Buffer.alloc(0)

/** Whose requests they are. */
export interface DeskInit {
  readonly host: WorkerHost
  readonly sessionId: number
  readonly block: SessionBlock
  readonly line: LineWriter
  readonly due: DueReply
}

export class RequestDesk {
  readonly #host: WorkerHost
  readonly #sessionId: number
  readonly #block: SessionBlock
  readonly #line: LineWriter
  readonly #due: DueReply
  readonly #out = new ByteWriter(4096)
  /** Number of the latest request. */
  #requestId = 0
  /** The latest request was written to the server by this thread. */
  #isWritten = false
  /** It was, and the worker must know of it before its answer comes. */
  #isUntold = false

  constructor({ host, sessionId, block, line, due }: DeskInit) {
    this.#host = host
    this.#sessionId = sessionId
    this.#block = block
    this.#line = line
    this.#due = due
  }

  open(options: SessionOptions): void {
    const out = this.#out
    out.clear()
    writeOpen(out, options)
    this.#post('open', DROPPED, NO_FLIGHT)
  }

  /** @param flight what the server is to get, where this thread may write it; else empty */
  send<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink,
    flight: Buffer = NO_FLIGHT,
  ): void {
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    this.#post(name, sink, flight)
    // The worker, who hears of it by the answer, has to start a clock before that.
    this.#isUntold = this.#isWritten && (request as Partial<Flight>).timeoutMs !== 0
  }

  /** Has the worker await the answer to what began on the short way, with all that was written and read. */
  handOver<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink,
    flight: Buffer,
    way: ShortWay,
  ): void {
    const { words } = this.#block
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    const bytes = out.view()
    this.#block.request.set(bytes)
    this.#leaveRest(flight, way.sent, bytes.length)
    Atomics.store(words, WORD.answerBytes, way.received)
    this.#isWritten = true
    this.#isUntold = false
    this.#announce(name, sink, REQUEST.told, bytes.length)
    way.giveBack()
    this.#host.ring()
  }

  /** The same for a call that was torn off: the worker, who knows nothing of it, finds out what the server has. */
  handOverTorn(way: ShortWay): void {
    const { words } = this.#block
    Atomics.store(words, WORD.restBytes, 0)
    Atomics.store(words, WORD.answerBytes, way.received)
    this.#announce('execute', DROPPED, REQUEST.uncertain, 0)
  }

  /** Whether the worker can see the request whose reply is due. */
  get isDueSeen(): boolean {
    return this.#due.id !== 0 && Atomics.load(this.#block.words, WORD.requestId) === this.#due.id
  }

  /** The due request was torn off within its writing: the worker, who has not heard of it yet, finds out what the server has. */
  doubtDue(): void {
    Atomics.store(this.#block.words, WORD.requestKind, REQUEST.uncertain)
  }

  requestCancel(): void {
    Atomics.store(this.#block.words, WORD.cancelId, this.#due.id)
    this.#tell()
  }

  /** Has the worker know of a request before its answer comes, where it must. */
  tellInTime(): void {
    if (!this.#isUntold) return
    this.#isUntold = false
    this.#tell()
  }

  /** Puts the request in `#out` where the worker finds it; then writes its flight to the server, or rings. */
  #post(name: Asked, sink: ByteSink | ResultSink, flight: Buffer): void {
    const bytes = this.#out.view()
    const kind = this.#place(bytes, flight)
    this.#isWritten = kind === REQUEST.written
    this.#out.clear()
    this.#announce(name, sink, kind, bytes.length)
    if (this.#isWritten) this.#write(flight, bytes.length)
    else this.#host.ring()
  }

  /** From here on the reply is due, whatever becomes of this stack. */
  #announce(name: Asked, sink: ByteSink | ResultSink, kind: number, length: number): void {
    const { words } = this.#block
    this.#requestId = (this.#requestId + 1) | 0 || 1
    this.#due.expect(name, sink)
    Atomics.store(words, WORD.requestKind, kind)
    Atomics.store(words, WORD.requestBytes, length)
    this.#due.id = this.#requestId
    Atomics.store(words, WORD.requestId, this.#requestId)
  }

  /** @returns the kind of request it is by where it was put. */
  #place(bytes: Buffer, flight: Buffer): number {
    const { request } = this.#block
    if (bytes.length > REQUEST_MAX_BYTES) {
      const shared = new SharedArrayBuffer(bytes.length)
      Buffer.from(shared).set(bytes)
      this.#host.lend(this.#sessionId, shared)
      return REQUEST.elsewhere
    }
    request.set(bytes)
    const isShort = flight.length <= LINE_MAX_BYTES && bytes.length + flight.length <= REQUEST_MAX_BYTES
    return flight.length > 0 && isShort && this.#line.take() ? REQUEST.written : REQUEST.here
  }

  /** Writes a request to the server; what the kernel does not take is left behind the request, for the worker to send. */
  #write(flight: Buffer, offset: number): void {
    const sent = this.#line.write(flight)
    this.#leaveRest(flight, sent, offset)
    // A worker that sleeps on the bell would not hear the answer either.
    if (sent < flight.length || this.#host.isOnBell) this.#tell()
    this.#line.release()
  }

  #leaveRest(flight: Buffer, sent: number, offset: number): void {
    if (sent === flight.length) return
    const { words, request } = this.#block
    request.set(flight.subarray(sent), offset)
    Atomics.store(words, WORD.restOffset, offset)
    Atomics.store(words, WORD.restBytes, flight.length - sent)
  }

  /** Has the worker take up what is due now, not only when its answer arrives. */
  #tell(): void {
    Atomics.compareExchange(this.#block.words, WORD.requestKind, REQUEST.written, REQUEST.told)
    this.#host.ring()
  }
}
