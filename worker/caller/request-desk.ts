/**
 * Puts requests where the worker finds them. A call can be torn off between any two steps, so the memory is complete at each
 * of them, and the word with the number of the request is the last one to be set before the socket changes hands.
 */
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import type { OperationName, RequestOf } from '../../src-async/wire/operations.ts'
import type { ByteSink, ResultSink } from '../../src-async/wire/row-sink.ts'
import { REQUEST, REQUEST_MAX_BYTES, type SessionBlock, WORD } from '../channel/layout.ts'
import { writeOpen, writeRequest } from '../channel/messages.ts'
import type { Steps } from '../turn/steps.ts'
import { MOVES, tryMove } from '../turn/turn.ts'
import { type Asked, DROPPED, type DueReply } from './due-reply.ts'
import type { FastPath } from './fast-path.ts'

/** How the desk reaches the worker. */
export interface Doorbell {
  /** Has the worker look at its sessions. */
  ring(): void
  /** Hands over an array for a request that does not fit the request area. */
  handArray(shared: SharedArrayBuffer): void
}

export class RequestDesk {
  readonly #block: SessionBlock
  readonly #due: DueReply
  readonly #doorbell: Doorbell
  readonly #out = new ByteWriter(4096)

  constructor(block: SessionBlock, due: DueReply, doorbell: Doorbell) {
    this.#block = block
    this.#due = due
    this.#doorbell = doorbell
  }

  /** Begins a call: gives it the next number. From now on a canceller means this call. @returns the number. */
  number(): number {
    const { words } = this.#block
    const id = (Atomics.load(words, WORD.callId) + 1) | 0 || 1
    Atomics.store(words, WORD.callId, id)
    return id
  }

  *open(options: SessionOptions): Steps<void> {
    const out = this.#out
    out.clear()
    writeOpen(out, options)
    yield* this.#post('open', DROPPED)
  }

  /** Has the worker perform a request. Nothing of it has been written to the server. */
  *send<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): Steps<void> {
    const { words } = this.#block
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    yield 'decline'
    // The socket may be the worker's already; after this it is.
    tryMove(words, MOVES.decline)
    yield* this.#post(name, sink)
  }

  /** Hands over a request that the caller has begun, with the socket and with what was written and read. */
  *handOver<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink,
    flight: Buffer,
    { sent, received }: FastPath,
  ): Steps<void> {
    const { words, request: area } = this.#block
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    const bytes = out.view()
    area.set(bytes)
    if (sent < flight.length) area.set(flight.subarray(sent), bytes.length)
    Atomics.store(words, WORD.restOffset, bytes.length)
    Atomics.store(words, WORD.restBytes, flight.length - sent)
    Atomics.store(words, WORD.answerBytes, received)
    yield* this.#announce(name, sink, REQUEST.written, bytes.length)
    yield 'hand over'
    tryMove(words, MOVES.handOver)
    yield 'ring'
    this.#doorbell.ring()
  }

  /** Hands a torn call over: the worker finds out what the server has of it. */
  *handOverTorn({ received }: FastPath): Steps<void> {
    const { words } = this.#block
    this.number()
    Atomics.store(words, WORD.restBytes, 0)
    Atomics.store(words, WORD.answerBytes, received)
    yield* this.#announce('execute', DROPPED, REQUEST.uncertain, 0)
    yield 'hand over a torn call'
    tryMove(words, MOVES.handOver)
    yield 'ring'
    this.#doorbell.ring()
  }

  /** Whether the worker can see the request whose reply is due. */
  get isDueAnnounced(): boolean {
    return this.#due.id !== 0 && Atomics.load(this.#block.words, WORD.requestId) === this.#due.id
  }

  /** Wants the due request cancelled. */
  requestCancel(): void {
    Atomics.store(this.#block.words, WORD.cancelId, this.#due.id)
    this.#doorbell.ring()
  }

  /** Puts the request in `#out` where the worker finds it, and rings. */
  *#post(name: Asked, sink: ByteSink | ResultSink): Steps<void> {
    const bytes = this.#out.view()
    const isLarge = bytes.length > REQUEST_MAX_BYTES
    if (isLarge) {
      const shared = new SharedArrayBuffer(bytes.length)
      Buffer.from(shared).set(bytes)
      this.#doorbell.handArray(shared)
    } else {
      this.#block.request.set(bytes)
    }
    this.#out.clear()
    yield* this.#announce(name, sink, isLarge ? REQUEST.elsewhere : REQUEST.here, bytes.length)
    yield 'ring'
    this.#doorbell.ring()
  }

  /** From here on the reply is due, whatever becomes of this stack. */
  *#announce(name: Asked, sink: ByteSink | ResultSink, kind: number, length: number): Steps<void> {
    const { words } = this.#block
    const id = Atomics.load(words, WORD.callId)
    Atomics.store(words, WORD.requestKind, kind)
    Atomics.store(words, WORD.requestBytes, length)
    yield 'expect'
    this.#due.expect(name, sink, id)
    yield 'announce'
    Atomics.store(words, WORD.requestId, id)
  }
}
