/**
 * One session in the worker: performs requests, and writes rows and replies into the ring. Lends the socket to the caller
 * between requests, and takes it back. worker/turn/turn.ts has the rules: which thread may use the socket, and when.
 */
import type { ByteReader } from '../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import { failureFromError } from '../../src-async/errors/failure.ts'
import { InterfaceError, InternalError, OperationalError } from '../../src-async/errors/tree.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import type {
  ExecuteReply,
  OperationName,
  ReplyOf,
  SessionEvents,
  TransactionStatus,
} from '../../src-async/wire/operations.ts'
import type { Session } from '../../src-async/wire/session.ts'
import { RECORD, REQUEST, type RecordKind, type SessionBlock, WORD } from '../channel/layout.ts'
import { noteDescriptor } from '../channel/lent-socket.ts'
import {
  type OpenReply,
  type SessionEvent,
  readExecute,
  readOpen,
  readOther,
  readRequestName,
  writeExecuteReply,
} from '../channel/messages.ts'
import { RingWriter } from '../channel/ring.ts'
import type { Steps } from '../turn/steps.ts'
import { DEPARTURE, MOVES, OWNER, ownerOf, tryMove } from '../turn/turn.ts'
import { RingRowSink } from './ring-row-sink.ts'

/** Connects. Gives up when the signal aborts. */
export type OpenSession = (options: SessionOptions, events: SessionEvents, signal: AbortSignal) => Promise<Session>

/** What a session uses of its host. */
export interface HostedSessionContext {
  /** All sessions of a host share this reader, because each request is read in one go. */
  readonly reader: ByteReader
  readonly openSession: OpenSession
  /** Runs steps to the end. No other code of the worker runs in between. */
  run(steps: Steps<void>): void
  /** Called when the socket has been lent. The host calls `reclaimUnused` from time to time after that. */
  lent(): void
  /** Called after each reply. */
  replied(): void
  /** Called when the session has ended, so that the host forgets it. */
  left(): void
}

/** How long a server may take to close the connection after a Terminate, or to cancel. Then the worker closes the socket. */
const TERMINATE_MS = 1000

const WHILE_COPYING: ReadonlySet<OperationName> = new Set([
  'copyInData',
  'copyInEnd',
  'copyOutRead',
  'copyOutEnd',
  'cancel',
  'close',
])

export class HostedSession {
  readonly #block: SessionBlock
  readonly #context: HostedSessionContext
  readonly #ring: RingWriter
  readonly #sink: RingRowSink
  readonly #out = new ByteWriter(512)
  readonly #opening = new AbortController()
  #array: Buffer | null = null
  #session: Session | null = null
  /** Number of the latest request that was started. At first it is the last one of the session that had the block before. */
  #handledId: number
  /** Number of the running request, 0 for none. */
  #busyId = 0
  /** Number of the last call that was cancelled. */
  #cancelledId = 0
  /** True while the socket is lent, and until this object has noticed that the worker owns it again. */
  #isLent = false
  /** The number of the latest call when the socket was lent, or at the last look of `reclaimUnused`. */
  #seenCallId = 0
  #isLeaving = false
  #hasLeft = false
  /** A notice or notification has come since the last reply. The caller may not have taken it from the ring yet. */
  #hasUnreadEvent = false
  #isLossAnnounced = false
  #isLossReportAnnounced = false

  constructor(block: SessionBlock, context: HostedSessionContext) {
    this.#block = block
    this.#context = context
    this.#handledId = Atomics.load(block.words, WORD.requestId)
    this.#ring = new RingWriter(block, {
      // Between requests, and while it runs a listener, the caller may use other connections. This thread must serve them.
      willHaveRoom: () => this.isBusy && Atomics.load(block.words, WORD.listens) === 0,
      // Between requests reading goes on: otherwise a server whose notifications nobody takes would be blocked in its
      // write, and keep them for all its sessions.
      blocked: () => this.isBusy && this.#session?.pauseReading(),
      drained: () => this.#session?.resumeReading(),
    })
    this.#sink = new RingRowSink(this.#ring)
  }

  /** Whether a request is running. */
  get isBusy(): boolean {
    return this.#busyId !== 0
  }

  get isLent(): boolean {
    return this.#isLent
  }

  takeArray(shared: SharedArrayBuffer): void {
    this.#array = Buffer.from(shared)
  }

  wake(): void {
    Atomics.add(this.#block.words, WORD.event, 1)
    Atomics.notify(this.#block.words, WORD.event)
  }

  /**
   * Whether `handle` would find anything to do. This look is quick, because most sessions have nothing new when the doorbell
   * rings. A change that comes after this check is followed by another ring.
   */
  get hasWork(): boolean {
    const { words } = this.#block
    return (
      this.#busyId !== 0 ||
      this.#ring.isQueueing ||
      Atomics.load(words, WORD.requestId) !== this.#handledId ||
      Atomics.load(words, WORD.departure) !== DEPARTURE.none ||
      (this.#isLent && ownerOf(words) === OWNER.worker)
    )
  }

  /** Looks at everything that the caller or a canceller may have changed. Called after a ring. */
  *handle(): Steps<void> {
    if (this.#isLeaving) return
    const { words } = this.#block
    yield 'look at the departure'
    const departure = Atomics.load(words, WORD.departure)
    if (departure !== DEPARTURE.none) return yield* this.#leave(departure === DEPARTURE.asked)
    this.#ring.flush()
    yield* this.#startRequest()
    yield 'look at the cancel word'
    const cancelId = Atomics.load(words, WORD.cancelId)
    if (cancelId !== this.#busyId || cancelId === this.#cancelledId || this.#busyId === 0) return
    this.#cancelledId = cancelId
    // A failure of the cancel is ignored: the reply of the cancelled request tells the caller how it ended.
    this.#session?.cancel().catch(() => {})
  }

  /** Takes the lent socket back if no call has begun since the last look. */
  *reclaimUnused(): Steps<void> {
    if (!this.#isLent) return
    const { words } = this.#block
    yield 'look at the number of the latest call'
    const callId = Atomics.load(words, WORD.callId)
    const isUnused = callId === this.#seenCallId
    this.#seenCallId = callId
    yield 'reclaim'
    if (isUnused) tryMove(words, MOVES.reclaim)
    // The caller may have handed the socket over a moment ago, together with a request.
    yield* this.#startRequest()
  }

  /**
   * If the worker owns the socket again, reads the transaction status from shared memory and goes on reading the socket. A
   * request that came with the socket must be started before the event loop runs, or its answer would come without a request.
   * @returns whether the worker owns the socket
   */
  *#regain(): Steps<boolean> {
    if (!this.#isLent) return true
    const { words } = this.#block
    yield 'look at the owner'
    if (ownerOf(words) !== OWNER.worker) return false
    this.#isLent = false
    this.#session?.takeBack(String.fromCharCode(Atomics.load(words, WORD.transactionStatus)) as TransactionStatus)
    return true
  }

  /** Starts the announced request, if there is a new one and the worker owns the socket. */
  *#startRequest(): Steps<void> {
    // The owner is read first and the request afterwards: see law 5 of turn.ts.
    if (this.#busyId !== 0 || !(yield* this.#regain())) return
    const { words } = this.#block
    yield 'look at the request'
    const id = Atomics.load(words, WORD.requestId)
    if (id === this.#handledId) return
    this.#handledId = id
    this.#busyId = id
    this.#perform(id, Atomics.load(words, WORD.requestKind))
  }

  #perform(id: number, kind: number): void {
    const { words, request } = this.#block
    const session = this.#session
    this.#sink.requestId = id
    // The rows of this request would join the queue.
    if (this.#ring.isQueueing) session?.pauseReading()
    try {
      if (kind === REQUEST.uncertain) this.#recover(id)
      else {
        const isElsewhere = kind === REQUEST.elsewhere
        const area = isElsewhere && this.#array !== null ? this.#array : request
        if (isElsewhere) this.#array = null
        if (kind === REQUEST.written) session?.expectWritten()
        const reader = this.#context.reader
        reader.reset(area, 0, Atomics.load(words, WORD.requestBytes))
        const name = readRequestName(reader)
        if (name === 'open') this.#open(id, reader)
        else this.#operate(id, name, reader)
      }
      if (kind === REQUEST.written || kind === REQUEST.uncertain) this.#continueBegunRequest()
    } catch (error) {
      this.#fail(id, error)
    }
  }

  /** Writes the rest of a request that the caller began to write, and parses the bytes of the answer that the caller read. */
  #continueBegunRequest(): void {
    const { words, request, answer } = this.#block
    const session = this.#session
    const restBytes = Atomics.exchange(words, WORD.restBytes, 0)
    const restOffset = Atomics.load(words, WORD.restOffset)
    if (restBytes > 0) session?.writeRest(request.subarray(restOffset, restOffset + restBytes))
    const answerBytes = Atomics.exchange(words, WORD.answerBytes, 0)
    if (answerBytes > 0) session?.data(answer, 0, answerBytes)
  }

  /** Makes the session ready again after a call was interrupted while it wrote its request or read the answer. */
  #recover(id: number): void {
    this.#session?.recover().then(
      () => this.#replyJson(id, null),
      (error: unknown) => this.#fail(id, error),
    )
  }

  #open(id: number, reader: ByteReader): void {
    const events: SessionEvents = {
      notice: (fields) => this.#event({ kind: 'notice', fields }),
      notification: (notification) => this.#event({ kind: 'notification', notification }),
      parameter: (name, value) => this.#event({ kind: 'parameter', name, value }),
      closed: () => this.#closed(),
      arriving: () => this.#requireOwner(),
    }
    this.#context.openSession(readOpen(reader), events, this.#opening.signal).then(
      (session) => {
        if (this.#isLeaving) return session.abandon(givenUp())
        this.#session = session
        noteDescriptor(this.#block.words, session.descriptor)
        const { backendPid, parameters, canCancel } = session
        const reply: OpenReply = { backendPid, parameters: [...parameters], canCancel }
        this.#replyJson(id, reply)
      },
      (error: unknown) => this.#fail(id, error),
    )
  }

  #operate(id: number, name: OperationName, reader: ByteReader): void {
    const session = this.#session
    if (session === null) throw new InterfaceError('bug: an operation was asked of a session that is not open')
    if (session.isCopying && !WHILE_COPYING.has(name)) {
      // The operation would wait for the end of the COPY, which the caller cannot bring about while it sleeps.
      throw new InterfaceError(`${name}: a COPY is in progress on this connection; finish it or close the connection`)
    }
    // The session writes or copies the bytes of a request before it returns. After that the request area is free.
    if (name === 'execute') {
      session.execute(readExecute(reader, this.#sink)).then(
        (reply) => this.#replyExecute(id, reply),
        (error: unknown) => this.#fail(id, error),
      )
      return
    }
    if (name === 'awaitNotification' && this.#hasUnreadEvent) {
      // A message has already come. It is in the ring, so there is nothing to wait for.
      this.#replyJson(id, { arrived: true })
      return
    }
    const request = readOther(reader, name, this.#sink)
    const perform = session[name] as (request: unknown) => Promise<ReplyOf<OperationName>>
    perform.call(session, request).then(
      (reply) => this.#replyJson(id, reply),
      (error: unknown) => this.#fail(id, error),
    )
  }

  #replyExecute(id: number, reply: ExecuteReply): void {
    const out = this.#out
    out.clear()
    writeExecuteReply(out, reply)
    this.#context.run(this.#finish(RECORD.reply, id, out.view()))
  }

  #replyJson(id: number, reply: unknown): void {
    this.#context.run(this.#finish(RECORD.reply, id, Buffer.from(JSON.stringify(reply))))
  }

  #fail(id: number, error: unknown): void {
    this.#context.run(this.#finish(RECORD.failure, id, Buffer.from(JSON.stringify(failureFromError(error)))))
  }

  /**
   * Ends a request. The order matters: first the transaction status, then the owner, then the record that wakes the caller.
   */
  *#finish(kind: RecordKind, id: number, bytes: Uint8Array): Steps<void> {
    if (this.#isLeaving) return
    const { words } = this.#block
    const session = this.#session
    if (session !== null) {
      yield 'note the status'
      Atomics.store(words, WORD.transactionStatus, session.transactionStatus.charCodeAt(0))
      if (session.isClosed) this.#announceLoss()
    }
    this.#busyId = 0
    this.#hasUnreadEvent = false
    if (session !== null && session.isQuiet && Atomics.load(words, WORD.descriptor) > 0) {
      session.lend()
      this.#isLent = true
      this.#seenCallId = id
      yield 'lend'
      tryMove(words, MOVES.lend)
      this.#context.lent()
    }
    yield 'reply'
    this.#ring.write(kind, id, bytes, 0, bytes.length)
    this.#context.replied()
  }

  /** Ends the session. With `withTerminate` and no running request it sends a Terminate first. */
  *#leave(withTerminate: boolean): Steps<void> {
    this.#isLeaving = true
    const { words } = this.#block
    const session = this.#session
    this.#opening.abort(givenUp())
    yield 'take the socket back for good'
    if (!tryMove(words, MOVES.reclaim)) tryMove(words, MOVES.inherit)
    if (session !== null && !session.isClosed) {
      if (withTerminate && this.#busyId === 0) {
        void session.close({ timeoutMs: TERMINATE_MS }).then(() => this.#left())
        return
      }
      if (this.#busyId !== 0) return this.#leaveRunning(session)
      session.abandon(givenUp())
    }
    this.#left()
  }

  /**
   * Ends a session whose statement is running. Without a cancel the statement would run on, and might commit, until the server
   * notices that the client is gone. The program may be about to end, and this thread with it. So the session counts
   * as ended only after the cancel was sent.
   */
  #leaveRunning(session: Session): void {
    const end = (): void => {
      clearTimeout(timer)
      session.abandon(givenUp())
      this.#left()
    }
    const timer = setTimeout(end, TERMINATE_MS)
    void session.cancel().then(end, end)
  }

  #left(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#context.left()
    const { words } = this.#block
    Atomics.store(words, WORD.isClosed, 1)
    // A call may still sleep that was made before the session ended.
    this.wake()
    // This write must be the last one: after it the memory may serve another session.
    Atomics.store(words, WORD.departure, DEPARTURE.done)
    Atomics.notify(words, WORD.departure)
  }

  /** Called when a session has ended: this one, or one to a server that was tried while connecting. */
  #closed(): void {
    if (!this.#isLeaving && this.#session?.isClosed === true) this.#announceLoss()
  }

  /**
   * Tells the caller that the session is lost. The reason goes into the ring before the word is set, because a caller that
   * sees the word looks for the reason. A request that comes after the loss fails with the same reason. The caller is
   * told that it did (`isReported`), because otherwise its next call would fail with this reason once more.
   */
  #announceLoss(): void {
    const session = this.#session
    if (session !== null && session.loss !== null) {
      const isReported = session.isLossReported
      if (!this.#isLossAnnounced || (isReported && !this.#isLossReportAnnounced)) {
        this.#isLossAnnounced = true
        this.#isLossReportAnnounced = isReported
        this.#event({ kind: 'closed', failure: failureFromError(session.loss), isReported })
      }
    }
    Atomics.store(this.#block.words, WORD.isClosed, 1)
  }

  /** Called when bytes have come. Closes the connection if the worker does not own the socket: see law 1 of turn.ts. */
  #requireOwner(): void {
    if (this.#session === null || ownerOf(this.#block.words) === OWNER.worker) return
    const error = new InternalError('bug: the worker read from a socket that it had lent: the connection is closed')
    this.#session.abandon(error)
  }

  #event(event: SessionEvent): void {
    if (this.#isLeaving) return
    if (event.kind !== 'parameter') this.#hasUnreadEvent = true
    const json = Buffer.from(JSON.stringify(event))
    this.#ring.write(RECORD.event, this.#busyId, json, 0, json.length)
  }
}

function givenUp(): OperationalError {
  return new OperationalError('the program gave the session up')
}
