/**
 * One session in the worker: takes requests up, performs them, and writes rows and replies into the ring. Lends the socket to
 * the caller between requests, and takes it back. Whose turn it is: worker/turn/turn.ts.
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

/** Connects; gives up when the signal aborts. */
export type OpenSession = (options: SessionOptions, events: SessionEvents, signal: AbortSignal) => Promise<Session>

/** What a session wants of its host. */
export interface HostedSessionDuties {
  /** Shared by the sessions of a host: a request is read in one go. */
  readonly reader: ByteReader
  readonly openSession: OpenSession
  /** Runs steps to their end before anything else of the worker runs. */
  run(steps: Steps<void>): void
  /** The socket has been lent: `reclaimUnused` is to be called now and then. */
  lent(): void
  /** A reply has been given. */
  replied(): void
  /** The session is gone: nothing of it is needed any more. */
  left(): void
}

/** How long a server may take to say goodbye before its socket is closed all the same. */
const GOODBYE_MS = 1000

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
  readonly #duties: HostedSessionDuties
  readonly #ring: RingWriter
  readonly #sink: RingRowSink
  readonly #out = new ByteWriter(512)
  readonly #opening = new AbortController()
  #array: Buffer | null = null
  #session: Session | null = null
  /** Requests are numbered by their calls; those of a session that had the block before are done with. */
  #handledId: number
  /** The request in hand, 0 for none. */
  #busyId = 0
  /** The call that the session was last asked to cancel. */
  #cancelledId = 0
  /** This side has lent the socket, and has not taken it back or been given it back since. */
  #isLent = false
  /** The number of the latest call when the socket was lent, or when somebody last looked. */
  #seenCallId = 0
  #isLeaving = false
  #hasLeft = false
  /** The server said something unasked since the last reply: the caller may not know of it yet. */
  #hasNews = false
  #isLossAnnounced = false
  #isLossToldAnnounced = false

  constructor(block: SessionBlock, duties: HostedSessionDuties) {
    this.#block = block
    this.#duties = duties
    this.#handledId = Atomics.load(block.words, WORD.requestId)
    this.#ring = new RingWriter(
      block,
      () => this.#session?.pauseReading(),
      () => this.#session?.resumeReading(),
    )
    this.#sink = new RingRowSink(this.#ring)
  }

  /** Whether a request is in hand. */
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
   * Whether `handle` would find anything: a quick look, since most sessions of a worker have nothing new when it is called.
   * What changes after it is followed by a ring of its own.
   */
  get isCalled(): boolean {
    const { words } = this.#block
    return (
      this.#busyId !== 0 ||
      this.#ring.isQueueing ||
      Atomics.load(words, WORD.requestId) !== this.#handledId ||
      Atomics.load(words, WORD.departure) !== DEPARTURE.none ||
      (this.#isLent && ownerOf(words) === OWNER.worker)
    )
  }

  /** Looks at all that the caller, or a canceller, may have changed. Called when the worker is called. */
  *handle(): Steps<void> {
    if (this.#isLeaving) return
    const { words } = this.#block
    yield 'look at the departure'
    const departure = Atomics.load(words, WORD.departure)
    if (departure !== DEPARTURE.none) return yield* this.#leave(departure === DEPARTURE.asked)
    this.#ring.flush()
    yield* this.#takeUp()
    yield 'look at the cancel word'
    const cancelId = Atomics.load(words, WORD.cancelId)
    if (cancelId !== this.#busyId || cancelId === this.#cancelledId || this.#busyId === 0) return
    this.#cancelledId = cancelId
    // The reply of the cancelled request tells the caller how it ended.
    this.#session?.cancel().catch(() => {})
  }

  /** Takes the socket back when it was lent and no call has begun since the last look. */
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
    yield* this.#takeUp()
  }

  /**
   * Where the worker owns the socket, whoever made the move: takes the status over and reads on. A request that came with the
   * socket must be taken up before the event loop turns, or its answer would find nobody who has asked.
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

  /** Takes the announced request up, if there is a new one and the worker owns the socket. */
  *#takeUp(): Steps<void> {
    // The owner first, the request afterwards: see law 5.
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
    try {
      if (kind === REQUEST.uncertain) this.#recover(id)
      else {
        const isElsewhere = kind === REQUEST.elsewhere
        const area = isElsewhere && this.#array !== null ? this.#array : request
        if (isElsewhere) this.#array = null
        if (kind === REQUEST.written) session?.expectWritten()
        const reader = this.#duties.reader
        reader.reset(area, 0, Atomics.load(words, WORD.requestBytes))
        const name = readRequestName(reader)
        if (name === 'open') this.#open(id, reader)
        else this.#operate(id, name, reader)
      }
      if (kind === REQUEST.written || kind === REQUEST.uncertain) this.#takeWhatWasBegun()
    } catch (error) {
      this.#fail(id, error)
    }
  }

  /** The caller has written the request, or its beginning, and may have read the beginning of the answer. */
  #takeWhatWasBegun(): void {
    const { words, request, answer } = this.#block
    const session = this.#session
    const restBytes = Atomics.exchange(words, WORD.restBytes, 0)
    const restOffset = Atomics.load(words, WORD.restOffset)
    if (restBytes > 0) session?.writeRest(request.subarray(restOffset, restOffset + restBytes))
    const answerBytes = Atomics.exchange(words, WORD.answerBytes, 0)
    if (answerBytes > 0) session?.data(answer, 0, answerBytes)
  }

  /** A call was torn off while it wrote its request, or read the answer: only the session has to be made ready again. */
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
    this.#duties.openSession(readOpen(reader), events, this.#opening.signal).then(
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
      // It would wait for the end of the COPY, which the caller, asleep here, has to bring about.
      throw new InterfaceError(`${name}: a COPY is in progress on this connection; finish it or close the connection`)
    }
    // The session writes or copies the bytes of a request before it returns, so the request area is free from then on.
    if (name === 'execute') {
      session.execute(readExecute(reader, this.#sink)).then(
        (reply) => this.#replyExecute(id, reply),
        (error: unknown) => this.#fail(id, error),
      )
      return
    }
    if (name === 'awaitNotification' && this.#hasNews) {
      // It came while nobody looked; waiting for another would be waiting beside it.
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
    this.#duties.run(this.#finish(RECORD.reply, id, out.view()))
  }

  #replyJson(id: number, reply: unknown): void {
    this.#duties.run(this.#finish(RECORD.reply, id, Buffer.from(JSON.stringify(reply))))
  }

  #fail(id: number, error: unknown): void {
    this.#duties.run(this.#finish(RECORD.failure, id, Buffer.from(JSON.stringify(failureFromError(error)))))
  }

  /** Order matters: first the state, then the owner, then the record that wakes the caller. */
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
    this.#hasNews = false
    if (session !== null && session.isQuiet && Atomics.load(words, WORD.descriptor) > 0) {
      session.lend()
      this.#isLent = true
      this.#seenCallId = id
      yield 'lend'
      tryMove(words, MOVES.lend)
      this.#duties.lent()
    }
    yield 'reply'
    this.#ring.write(kind, id, bytes, 0, bytes.length)
    this.#duties.replied()
  }

  /** Ends the session: with a goodbye to the server where there is time for one. */
  *#leave(withGoodbye: boolean): Steps<void> {
    this.#isLeaving = true
    const { words } = this.#block
    const session = this.#session
    this.#opening.abort(givenUp())
    yield 'take the socket back for good'
    if (!tryMove(words, MOVES.reclaim)) tryMove(words, MOVES.inherit)
    if (session !== null && !session.isClosed) {
      if (withGoodbye && this.#busyId === 0) {
        void session.close({ timeoutMs: GOODBYE_MS }).then(() => this.#left())
        return
      }
      if (this.#busyId !== 0) return this.#leaveRunning(session)
      session.abandon(givenUp())
    }
    this.#left()
  }

  /**
   * A statement is running: without a cancel it would run on, and commit, until the server notices that nobody is there. The
   * program may be about to end, and this thread with it, so the cancel is on its way before the session has left.
   */
  #leaveRunning(session: Session): void {
    const end = (): void => {
      clearTimeout(timer)
      session.abandon(givenUp())
      this.#left()
    }
    const timer = setTimeout(end, GOODBYE_MS)
    void session.cancel().then(end, end)
  }

  #left(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#duties.left()
    const { words } = this.#block
    Atomics.store(words, WORD.isClosed, 1)
    // Somebody may still sleep in a call that was made before the session left.
    this.wake()
    // The last touch: from here on the memory may serve another session.
    Atomics.store(words, WORD.departure, DEPARTURE.done)
    Atomics.notify(words, WORD.departure)
  }

  /** A session has ended: ours, or one to a server that was tried while connecting. Nobody may be waiting for a reply. */
  #closed(): void {
    if (!this.#isLeaving && this.#session?.isClosed === true) this.#announceLoss()
  }

  /**
   * The reason first, then the word: a caller that sees the word looks for the reason. A request that came after the loss
   * fails with the reason too. The caller is told of that as well, or its next call would fail with the reason once more.
   */
  #announceLoss(): void {
    const session = this.#session
    if (session !== null && session.loss !== null) {
      const isTold = session.isLossTold
      if (!this.#isLossAnnounced || (isTold && !this.#isLossToldAnnounced)) {
        this.#isLossAnnounced = true
        this.#isLossToldAnnounced = isTold
        this.#event({ kind: 'closed', failure: failureFromError(session.loss), isTold })
      }
    }
    Atomics.store(this.#block.words, WORD.isClosed, 1)
  }

  /** Bytes have come from the server. They may have, only while the worker owns the socket: see law 1. */
  #requireOwner(): void {
    if (this.#session === null || ownerOf(this.#block.words) === OWNER.worker) return
    const error = new InternalError('bug: the worker read from a socket that it had lent: the connection is closed')
    this.#session.abandon(error)
  }

  #event(event: SessionEvent): void {
    if (this.#isLeaving) return
    if (event.kind !== 'parameter') this.#hasNews = true
    const json = Buffer.from(JSON.stringify(event))
    this.#ring.write(RECORD.event, this.#busyId, json, 0, json.length)
  }
}

function givenUp(): OperationalError {
  return new OperationalError('the session was given up by its program')
}
