/**
 * The main thread's side of a session: each operation is a request in shared memory, a sleep, and a reply out of the
 * ring. Every sleep is sliced and bounded by the worker's life; every reply carries its request's number, and a call
 * whose stack was torn off is settled (cancelled, drained) before the next one, so no reply is ever taken for another's.
 */
import { ByteWriter } from '../src-async/bytes/byte-writer.ts'
import { type Failure, errorFromFailure } from '../src-async/errors/failure.ts'
import { QueryCanceledError } from '../src-async/errors/sqlstates.ts'
import { DbError, InterfaceError, OperationalError, amend } from '../src-async/errors/tree.ts'
import type { SessionOptions } from '../src-async/options/session-options.ts'
import type {
  AwaitNotificationReply,
  AwaitNotificationRequest,
  BlockingOperations,
  ClosePortalRequest,
  CloseRequest,
  CloseStatementsRequest,
  CopyInDataRequest,
  CopyInEndReply,
  CopyInEndRequest,
  CopyInStartRequest,
  CopyOutReadReply,
  CopyOutReadRequest,
  CopyOutStartReply,
  CopyOutStartRequest,
  DescribeReply,
  DescribeRequest,
  ExecuteManyReply,
  ExecuteManyRequest,
  ExecuteReply,
  ExecuteRequest,
  FetchPortalRequest,
  Flight,
  Nothing,
  OperationName,
  ReplyOf,
  RequestOf,
  SessionEvents,
  SimpleQueryReply,
  SimpleQueryRequest,
  TransactionStatus,
} from '../src-async/wire/operations.ts'
import { writeExecuteFlight, writeQueryFlight } from '../src-async/wire/protocol/flights.ts'
import { WholeAnswer } from '../src-async/wire/protocol/whole-answer.ts'
import type { ByteSink, Column, ResultSink } from '../src-async/wire/row-sink.ts'
import {
  DEFAULT_RING_BYTES,
  MIN_RING_BYTES,
  RECORD,
  REQUEST,
  REQUEST_MAX_BYTES,
  type RecordKind,
  type SessionBlock,
  WORD,
  sessionBlockBytes,
  viewSessionBlock,
} from './channel/layout.ts'
import {
  type OpenReply,
  type SessionEvent,
  readExecuteReply,
  readJson,
  writeOpen,
  writeRequest,
} from './channel/messages.ts'
import { type RecordHandler, RingReader } from './channel/ring.ts'
import { LINE_MAX_BYTES, LineWriter } from './channel/line.ts'
import { now } from './clock.ts'
import { type Woken, canBeInterrupted, waitInterruptibly } from './interrupt.ts'
import { type WorkerHost, callAttention, workerHost } from './spawn.ts'
import { ShortWay } from './short-way.ts'
import { Spinner } from './spin.ts'

/** A sleep's longest slice: the worker's life is looked at after each. */
const SLICE_MS = 250
/** A silence of so long is not armed against Ctrl-C: arming it costs as much as a short statement. */
const UNARMED_MS = 10
/** After so long every sleep is armed, the short ones between the pieces of a long answer too. */
const ARMED_AFTER_MS = 100
/** How long nothing may come of a torn or interrupted call that was cancelled before the session is given up. */
const SETTLE_MS = 5000
/** The same, whatever comes. */
const MOST_SETTLE_MS = 60_000
/** Added to the worker's own time limit for connecting, which normally strikes first. */
const OPEN_GRACE_MS = 5000

const NO_FLIGHT = Buffer.alloc(0)

const DROPPED: ResultSink = { take() {}, complete() {} }

/** What the channel lets a caller choose. */
export interface ChannelOptions {
  /** Bytes of the response ring, a power of two. */
  readonly ringBytes: number
  /** Whether Ctrl-C cancels the statement that is waited for. */
  readonly isInterruptible: boolean
}

export { MIN_RING_BYTES }

export const DEFAULT_CHANNEL: ChannelOptions = { ringBytes: DEFAULT_RING_BYTES, isInterruptible: true }

/** How a sleep ended. */
type Ended = 'done' | 'timed-out' | 'interrupted'

type Outcome = { readonly reply: unknown } | { readonly failure: Failure }

export class BlockingSession implements BlockingOperations, RecordHandler {
  readonly #host: WorkerHost
  readonly #shared: SharedArrayBuffer
  readonly #block: SessionBlock
  readonly #reader: RingReader
  readonly #events: SessionEvents
  readonly #sessionId: number
  readonly #out = new ByteWriter(4096)
  /** The bytes for the server of a request this thread may write to it. */
  readonly #flight = new ByteWriter(1024)
  readonly #line: LineWriter
  readonly #spinner = new Spinner()
  readonly #shortWay: ShortWay
  readonly #isInterruptible: boolean
  /** Number of the latest request. */
  #requestId = 0
  /** Number of the request whose reply has not been taken, 0 when there is none. */
  #dueId = 0
  #dueName: OperationName | 'open' = 'open'
  #sink: ByteSink | ResultSink = DROPPED
  #outcome: Outcome | null = null
  /** The latest request was written to the server by this thread. */
  #isWritten = false
  /** It was, and the worker must know of it before its answer comes. */
  #isUntold = false
  /** How many operations were asked for, and how many when the last rows of a portal came. */
  #askedCount = 0
  #fetchedAt = 0
  #isClosed = false
  #closedReason: string | undefined = undefined
  #isInCallback = false
  #isWatched = false
  #parameters = new Map<string, string>()
  #backendPid = 0
  #canCancel = true

  /**
   * Opens a session in the worker of this thread.
   * @throws OperationalError when the worker does not start or no server lets us in.
   */
  constructor(options: SessionOptions, events: SessionEvents, channel: ChannelOptions = DEFAULT_CHANNEL) {
    this.#host = workerHost()
    this.#events = events
    this.#isInterruptible = channel.isInterruptible && canBeInterrupted
    const shared = new SharedArrayBuffer(sessionBlockBytes(channel.ringBytes))
    this.#shared = shared
    this.#block = viewSessionBlock(shared)
    this.#line = new LineWriter(this.#block.words)
    this.#shortWay = new ShortWay(this.#block, this.#host, this.#line, this.#spinner)
    this.#reader = new RingReader(this.#block, () => this.#host.callAttention())
    this.#sessionId = this.#host.attach(shared)
    try {
      this.#open(options)
    } catch (error) {
      this.#isClosed = true
      this.#host.detach(this.#sessionId)
      throw error
    }
  }

  get transactionStatus(): TransactionStatus {
    const code = Atomics.load(this.#block.words, WORD.transactionStatus)
    return code === 0x54 ? 'T' : code === 0x45 ? 'E' : 'I'
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#host.isDead || Atomics.load(this.#block.words, WORD.isClosed) === 1
  }

  /** Why it is closed, where the server said so before it went. */
  get closedReason(): string | undefined {
    if (this.#dueId === 0) this.#reader.drain(this)
    return this.#closedReason
  }

  get backendPid(): number {
    return this.#backendPid
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#parameters
  }

  get canCancel(): boolean {
    return this.#canCancel
  }

  describe(request: DescribeRequest): DescribeReply {
    return this.#perform('describe', request, DROPPED)
  }

  execute(request: ExecuteRequest): ExecuteReply {
    const answer = this.#ask('execute', request, request.rows, writeExecuteFlight)
    if (!(answer instanceof WholeAnswer)) return answer
    const { rowsStart, rowsEnd, tag } = answer
    if (rowsEnd > rowsStart) request.rows.take(this.#block.answer, rowsStart, rowsEnd)
    return { tag }
  }

  executeMany(request: ExecuteManyRequest): ExecuteManyReply {
    return this.#perform('executeMany', request, request.rows)
  }

  simpleQuery(request: SimpleQueryRequest): SimpleQueryReply {
    // A BEGIN before it is a trip of its own.
    if (request.begin !== null) return this.#perform('simpleQuery', request, request.results)
    const answer = this.#ask('simpleQuery', request, request.results, writeQueryFlight)
    if (!(answer instanceof WholeAnswer)) return answer
    request.results.complete(null, answer.tag ?? '')
    return { results: 1 }
  }

  copyInStart(request: CopyInStartRequest): Nothing {
    return this.#perform('copyInStart', request, DROPPED)
  }

  copyInData(request: CopyInDataRequest): Nothing {
    return this.#perform('copyInData', request, DROPPED)
  }

  copyInEnd(request: CopyInEndRequest): CopyInEndReply {
    return this.#perform('copyInEnd', request, DROPPED)
  }

  fetchPortal(request: FetchPortalRequest): ExecuteReply {
    // What was asked on the short way in between, the worker knows nothing of.
    const isIterated = request.isIterated === true && this.#fetchedAt === this.#askedCount
    const reply = this.#perform('fetchPortal', { ...request, isIterated }, request.rows)
    this.#fetchedAt = this.#askedCount
    return reply
  }

  closePortal(request: ClosePortalRequest): Nothing {
    return this.#perform('closePortal', request, DROPPED)
  }

  closeStatements(request: CloseStatementsRequest): Nothing {
    return this.#perform('closeStatements', request, DROPPED)
  }

  copyOutStart(request: CopyOutStartRequest): CopyOutStartReply {
    return this.#perform('copyOutStart', request, DROPPED)
  }

  copyOutRead(request: CopyOutReadRequest): CopyOutReadReply {
    return this.#perform('copyOutRead', request, request.data)
  }

  copyOutEnd(request: Nothing): Nothing {
    return this.#perform('copyOutEnd', request, DROPPED)
  }

  awaitNotification(request: AwaitNotificationRequest): AwaitNotificationReply {
    return this.#perform('awaitNotification', request, DROPPED)
  }

  /** Nothing can be running when a blocking caller has the thread, except a call that was torn off: that is settled. */
  cancel(): Nothing {
    this.#settle()
    return {}
  }

  /** Has what runs cancelled, from inside a callback that is called while it runs; nothing where nothing runs. */
  requestCancel(): void {
    if (this.#dueId !== 0 && this.#outcome === null) this.#requestCancel()
  }

  /** The shared memory another thread needs to do the same. */
  cancelToken(): CancelToken {
    return { session: this.#shared, host: this.#host.shared }
  }

  close(request: CloseRequest): Nothing {
    if (this.#isClosed) return {}
    try {
      if (!this.isClosed) {
        this.#settle()
        this.#send('close', request)
        this.#await(request.timeoutMs + SLICE_MS)
      }
    } catch {
      // Closing never fails: what is left of the session dies with its socket.
    }
    this.#isClosed = true
    this.#host.detach(this.#sessionId)
    return {}
  }

  /** Reads what the worker has said unasked so far; does not wait. */
  poll(): void {
    if (this.#dueId === 0) this.#reader.drain(this)
  }

  /** A record of the ring. Called by the reader. */
  record(kind: RecordKind, id: number, bytes: Buffer, start: number, end: number): void {
    if (kind === RECORD.event) {
      this.#event(readJson(bytes, start, end) as SessionEvent)
      return
    }
    // Rows and replies of a request nobody waits for any more.
    if (id !== this.#dueId) return
    if (kind === RECORD.rows) {
      this.#sink.take(bytes, start, end)
    } else if (kind === RECORD.result) {
      const { columns, tag } = readJson(bytes, start, end) as { columns: Column[] | null; tag: string }
      if ('complete' in this.#sink) this.#sink.complete(columns, tag)
    } else if (kind === RECORD.failure) {
      this.#outcome = { failure: readJson(bytes, start, end) as Failure }
    } else {
      const isHot = this.#dueName === 'execute'
      this.#outcome = { reply: isHot ? readExecuteReply(bytes, start, end) : readJson(bytes, start, end) }
    }
  }

  #open(options: SessionOptions): void {
    const out = this.#out
    out.clear()
    writeOpen(out, options)
    this.#post('open', DROPPED)
    const { connectTimeoutMs } = options
    const reply = this.#await(connectTimeoutMs > 0 ? connectTimeoutMs + OPEN_GRACE_MS : Infinity) as OpenReply
    this.#backendPid = reply.backendPid
    this.#canCancel = reply.canCancel
    this.#parameters = new Map(reply.parameters)
  }

  #perform<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): ReplyOf<N> {
    this.#prepare()
    this.#send(name, request, sink)
    return this.#await(Infinity) as ReplyOf<N>
  }

  /**
   * Performs a request this thread may write to the server itself.
   * @param writeFlight writes what the server is to get
   * @returns the reply, or the answer that this thread has read itself
   */
  #ask<N extends 'execute' | 'simpleQuery'>(
    name: N,
    request: RequestOf<N>,
    sink: ResultSink | ByteSink,
    writeFlight: (out: ByteWriter, request: RequestOf<N>) => void,
  ): ReplyOf<N> | WholeAnswer {
    this.#prepare()
    // What the worker has heard in the meantime comes before what is asked now.
    this.#reader.drain(this)
    const flight = this.#flight
    flight.clear()
    if (this.#line.isLent) writeFlight(flight, request)
    if (flight.length > 0 && flight.length <= LINE_MAX_BYTES && this.#shortWay.take()) {
      const answer = this.#shortWay.ask(flight.view(), request)
      if (answer !== null) return answer
      this.#handOver(name, request, sink)
    } else {
      this.#send(name, request, sink, flight.view())
    }
    return this.#await(Infinity) as ReplyOf<N>
  }

  /** @throws InterfaceError where nothing may be asked now. */
  #prepare(): void {
    if (this.isClosed) throw new InterfaceError(this.closedReason ?? 'connection is closed')
    if (this.#isInCallback) {
      throw new InterfaceError('the connection is in use: a notice listener may not run statements on it')
    }
    this.#settle()
    this.#askedCount += 1
  }

  #send<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink = DROPPED,
    flight: Buffer = NO_FLIGHT,
  ): void {
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    this.#post(name, sink, flight)
    // The worker, who hears of it by the answer, has to start a clock before that.
    this.#isUntold = this.#isWritten && (request as Partial<Flight>).timeoutMs !== 0
  }

  /** Puts the request in `#out` where the worker finds it; then writes its flight to the server, or rings. */
  #post(name: OperationName | 'open', sink: ByteSink | ResultSink, flight: Buffer = NO_FLIGHT): void {
    const bytes = this.#out.view()
    const kind = this.#place(bytes, flight)
    this.#isWritten = kind === REQUEST.written
    this.#out.clear()
    this.#announce(name, sink, kind, bytes.length)
    if (this.#isWritten) this.#write(flight, bytes.length)
    else this.#host.ring()
  }

  /** From here on the reply is due, whatever becomes of this stack. */
  #announce(name: OperationName | 'open', sink: ByteSink | ResultSink, kind: number, length: number): void {
    const { words } = this.#block
    this.#requestId = (this.#requestId + 1) | 0 || 1
    this.#dueName = name
    this.#sink = sink
    this.#outcome = null
    Atomics.store(words, WORD.requestKind, kind)
    Atomics.store(words, WORD.requestBytes, length)
    this.#dueId = this.#requestId
    Atomics.store(words, WORD.requestId, this.#requestId)
  }

  /** Has the worker await the answer to what began on the short way, with all that was written and read. */
  #handOver<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): void {
    const { words } = this.#block
    const way = this.#shortWay
    const out = this.#out
    out.clear()
    writeRequest(out, name, request)
    const bytes = out.view()
    this.#block.request.set(bytes)
    this.#leaveRest(this.#flight.view(), way.sent, bytes.length)
    Atomics.store(words, WORD.answerBytes, way.received)
    this.#isWritten = true
    this.#isUntold = false
    this.#announce(name, sink, REQUEST.told, bytes.length)
    way.giveBack()
    this.#host.ring()
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

  /** Sleeps until the due reply is there. @throws its failure; OperationalError when the worker dies or time is up. */
  #await(timeoutMs: number): unknown {
    const woken = this.#sleep(timeoutMs)
    const outcome = this.#outcome
    if (woken === 'timed-out' || outcome === null) {
      this.#isClosed = true
      throw new OperationalError(
        woken === 'interrupted'
          ? 'interrupted, and the server did not confirm in time that the statement was cancelled: the connection is closed'
          : `no answer from the worker within ${timeoutMs} ms: the connection is given up`,
        woken === 'interrupted' ? { interrupted: true } : {},
      )
    }
    this.#dueId = 0
    this.#sink = DROPPED
    this.#outcome = null
    if (woken === 'interrupted') throw interruption(outcome, this.#dueName)
    if ('failure' in outcome) throw errorFromFailure(outcome.failure)
    return outcome.reply
  }

  /** Sleeps until the outcome is there, or time is up. After a Ctrl-C the statement is cancelled and its end awaited. */
  #sleep(timeoutMs: number, isSettling = false): Ended {
    const startedMs = now()
    let settlingSinceMs = isSettling ? startedMs : Infinity
    let deadlineMs = startedMs + timeoutMs
    let isWatching = false
    let isInterrupted = false
    let woken: Woken = 'ok'
    for (;;) {
      woken = this.#doze(woken === 'timed-out' || now() - startedMs > ARMED_AFTER_MS)
      // A key that hit as the answer came is a key all the same: a loop of short calls would run on as if nothing had been.
      if (woken === 'interrupted' && !isSettling && this.#outcome !== null) return 'interrupted'
      if (this.#outcome !== null) return isInterrupted ? 'interrupted' : 'done'
      if (woken === 'ok' && settlingSinceMs !== Infinity) {
        // What was cancelled ends behind what was on its way; as long as that comes, so will the end.
        const nowMs = now()
        deadlineMs = Math.min(nowMs + SETTLE_MS, settlingSinceMs + MOST_SETTLE_MS)
        if (nowMs >= deadlineMs) return isInterrupted ? 'interrupted' : 'timed-out'
      }
      if (woken === 'interrupted') {
        // The second keypress, or one while there is nothing to cancel, ends the session.
        if (isInterrupted || this.#dueName === 'open') return 'interrupted'
        isInterrupted = true
        settlingSinceMs = now()
        deadlineMs = settlingSinceMs + SETTLE_MS
        this.#requestCancel()
      } else if (woken === 'timed-out' || this.#host.isDead) {
        if (isWatching) this.#host.examine()
        else this.#host.watch()
        if (this.#host.isDead) throw this.#host.obituary()
        isWatching = true
        if (now() >= deadlineMs) return isInterrupted ? 'interrupted' : 'timed-out'
      }
    }
  }

  /** One slice of sleep; takes what the ring holds before and after it. */
  #doze(isArmed: boolean): Woken {
    const { words } = this.#block
    const seen = Atomics.load(words, WORD.event)
    this.#reader.drain(this)
    if (this.#outcome !== null) return 'ok'
    if (!isArmed && this.#spinner.sees(words, WORD.event, seen)) {
      this.#reader.drain(this)
      return 'ok'
    }
    if (this.#isUntold) {
      this.#isUntold = false
      this.#tell()
    }
    Atomics.store(words, WORD.mainWaits, 1)
    const woken =
      isArmed && this.#isInterruptible
        ? waitInterruptibly(words, WORD.event, seen, SLICE_MS)
        : Atomics.wait(words, WORD.event, seen, isArmed ? SLICE_MS : UNARMED_MS)
    Atomics.store(words, WORD.mainWaits, 0)
    // The worker may have answered before it died.
    this.#reader.drain(this)
    return woken
  }

  #requestCancel(): void {
    Atomics.store(this.#block.words, WORD.cancelId, this.#dueId)
    this.#tell()
  }

  /** Has the worker take up what is due now, not only when its answer arrives. */
  #tell(): void {
    Atomics.compareExchange(this.#block.words, WORD.requestKind, REQUEST.written, REQUEST.told)
    this.#host.ring()
  }

  /** Ends a call whose stack was torn off: cancels what runs, drops what comes, and leaves the session ready or closed. */
  #settle(): void {
    if (this.#shortWay.isTaken) this.#settleShortWay()
    const isUncertain = this.#line.isTaken
    this.#line.release()
    if (this.#dueId === 0) return
    this.#sink = DROPPED
    const wasSent = Atomics.load(this.#block.words, WORD.requestId) === this.#dueId
    // Torn off within the write: the worker, who has not heard of the request yet, finds out what the server has.
    if (isUncertain) Atomics.store(this.#block.words, WORD.requestKind, REQUEST.uncertain)
    if (wasSent && this.#outcome === null) {
      this.#requestCancel()
      if (this.#sleep(SETTLE_MS, true) !== 'done') {
        this.#giveUp('an interrupted statement could not be cancelled in time: the connection is closed')
      }
    }
    this.#dueId = 0
    this.#outcome = null
  }

  /** The torn call was on the short way: the worker, who knows nothing of it, finds out what the server has. */
  #settleShortWay(): void {
    const way = this.#shortWay
    const { words } = this.#block
    const left = way.examine()
    const isHandedOver = this.#dueId !== 0 && Atomics.load(words, WORD.requestId) === this.#dueId
    if (left === 'unknown' && !isHandedOver) {
      Atomics.store(words, WORD.restBytes, 0)
      Atomics.store(words, WORD.answerBytes, way.received)
      this.#announce('execute', DROPPED, REQUEST.uncertain, 0)
    }
    way.giveBack()
    if (left === 'lost') this.#giveUp('an interrupted statement had been answered in part: the connection is closed')
    if (left === 'unknown') this.#host.ring()
  }

  #giveUp(why: string): never {
    this.#isClosed = true
    this.#host.detach(this.#sessionId)
    throw new OperationalError(why)
  }

  /** A listener's stack can be torn off without its `finally`: what is still set when a microtask runs was left by that. */
  #watchCallback(): void {
    if (this.#isWatched) return
    // In this order: a stack torn off between the two queues it once more.
    queueMicrotask(() => {
      this.#isWatched = false
      this.#isInCallback = false
    })
    this.#isWatched = true
  }

  #event(event: SessionEvent): void {
    this.#watchCallback()
    this.#isInCallback = true
    try {
      if (event.kind === 'notice') this.#events.notice(event.fields)
      else if (event.kind === 'notification') this.#events.notification(event.notification)
      else if (event.kind === 'closed') this.#closedReason = event.reason
      else {
        this.#parameters.set(event.name, event.value)
        this.#events.parameter(event.name, event.value)
      }
    } finally {
      this.#isInCallback = false
    }
  }
}

/** What another thread needs to cancel what runs on a session: shared memory, which `postMessage` hands over. */
export interface CancelToken {
  readonly session: SharedArrayBuffer
  readonly host: SharedArrayBuffer
}

/** Asks for the cancellation of what runs on a session now; returns at once. What comes later is not meant. */
export function cancelSession(token: CancelToken): void {
  const { words } = viewSessionBlock(token.session)
  Atomics.store(words, WORD.cancelId, Atomics.load(words, WORD.requestId))
  Atomics.compareExchange(words, WORD.requestKind, REQUEST.written, REQUEST.told)
  callAttention(token.host)
}

/** What a call interrupted by Ctrl-C throws: the server's 57014, or the same where the statement had ended already. */
function interruption(outcome: Outcome, name: OperationName | 'open'): globalThis.Error {
  if (!('failure' in outcome)) {
    const when = name === 'awaitNotification' ? '' : ', when the statement had just completed'
    return new QueryCanceledError(`interrupted by Ctrl-C${when}`, { interrupted: true })
  }
  const error = errorFromFailure(outcome.failure)
  if (error instanceof DbError) amend(error, { interrupted: true })
  return error
}
