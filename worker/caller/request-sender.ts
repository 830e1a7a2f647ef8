/**
 * Puts requests into shared memory for the worker. A call can be interrupted between any two steps, so the memory is valid
 * after each step. The number of the request is written last, before the socket changes its owner.
 */
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import type { OperationName, RequestOf } from '../../src-async/wire/operations.ts'
import type { ByteSink, ResultSink } from '../../src-async/wire/row-sink.ts'
import { REQUEST, REQUEST_MAX_BYTES, type SessionBlock, WORD } from '../channel/layout.ts'
import { type RequestName, writeOpen, writeRequest } from '../channel/messages.ts'
import type { Steps } from '../turn/steps.ts'
import { MOVES, tryMove } from '../turn/turn.ts'
import { DROPPED, type PendingReply } from './pending-reply.ts'
import type { FastPath } from './fast-path.ts'

/** Wakes the worker, and hands it long requests. */
export interface Doorbell {
  /** Makes the worker look at its sessions. */
  ring(): void
  /** Hands over an array for a request that does not fit into the request area. */
  handArray(shared: SharedArrayBuffer): void
}

export class RequestSender {
  readonly #block: SessionBlock
  readonly #pending: PendingReply
  readonly #doorbell: Doorbell
  readonly #out = new ByteWriter(4096)

  constructor(block: SessionBlock, pending: PendingReply, doorbell: Doorbell) {
    this.#block = block
    this.#pending = pending
    this.#doorbell = doorbell
  }

  /** Begins a call and gives it the next number. A cancel from now on is for this call. @returns the number. */
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

  /** Makes the worker perform a request of which this thread has written no byte to the server. */
  *send<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): Steps<void> {
    const { words } = this.#block
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    yield 'decline'
    // After this the worker owns the socket, whether it owned it before or not.
    tryMove(words, MOVES.decline)
    yield* this.#post(name, sink)
  }

  /** Hands over a request that this thread began to write, with the socket and the part of the answer read so far. */
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

  /** Hands over the socket after an interrupted call. The worker finds out what the server has received of it. */
  *handOverInterrupted({ received }: FastPath): Steps<void> {
    const { words } = this.#block
    this.number()
    Atomics.store(words, WORD.restBytes, 0)
    Atomics.store(words, WORD.answerBytes, received)
    yield* this.#announce('execute', DROPPED, REQUEST.uncertain, 0)
    yield 'hand over an interrupted call'
    tryMove(words, MOVES.handOver)
    yield 'ring'
    this.#doorbell.ring()
  }

  /** Whether the worker can see the request of the pending reply. */
  get isPendingAnnounced(): boolean {
    return this.#pending.id !== 0 && Atomics.load(this.#block.words, WORD.requestId) === this.#pending.id
  }

  /** Asks the worker to cancel the pending request. */
  requestCancel(): void {
    Atomics.store(this.#block.words, WORD.cancelId, this.#pending.id)
    this.#doorbell.ring()
  }

  /** Puts the request from `#out` into shared memory, announces it, and rings for the worker. */
  *#post(name: RequestName, sink: ByteSink | ResultSink): Steps<void> {
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

  /** Announces the request. Its reply is pending from here on, even if the call is interrupted. */
  *#announce(name: RequestName, sink: ByteSink | ResultSink, kind: number, length: number): Steps<void> {
    const { words } = this.#block
    const id = Atomics.load(words, WORD.callId)
    Atomics.store(words, WORD.requestKind, kind)
    Atomics.store(words, WORD.requestBytes, length)
    yield 'expect'
    this.#pending.expect(name, sink, id)
    yield 'announce'
    Atomics.store(words, WORD.requestId, id)
  }
}
