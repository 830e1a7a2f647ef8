/**
 * The main thread's side of a session: each operation is a request in shared memory, a sleep, and a reply out of the ring.
 * Every sleep is bounded by the worker's life; every reply carries its request's number, and a call whose stack was torn off
 * is settled (cancelled, drained) before the next one, so no reply is ever taken for another's.
 */
import { ByteWriter } from '../src-async/bytes/byte-writer.ts'
import { errorFromFailure } from '../src-async/errors/failure.ts'
import { QueryCanceledError } from '../src-async/errors/sqlstates.ts'
import { DbError, InterfaceError, OperationalError, amend } from '../src-async/errors/tree.ts'
import type { SessionOptions } from '../src-async/options/session-options.ts'
import type {
  BlockingOperations,
  OperationName,
  ReplyOf,
  RequestOf,
  SessionEvents,
  TransactionStatus,
} from '../src-async/wire/operations.ts'
import { writeExecuteFlight, writeQueryFlight } from '../src-async/wire/protocol/flights.ts'
import { WholeAnswer } from '../src-async/wire/protocol/whole-answer.ts'
import type { ByteSink, ResultSink } from '../src-async/wire/row-sink.ts'
import {
  DEFAULT_RING_BYTES,
  MIN_RING_BYTES,
  REQUEST,
  type SessionBlock,
  WORD,
  sessionBlockBytes,
  viewSessionBlock,
} from './channel/layout.ts'
import { LINE_MAX_BYTES, LineWriter } from './channel/line.ts'
import type { OpenReply, SessionEvent } from './channel/messages.ts'
import { RingReader } from './channel/ring.ts'
import { type Asked, DROPPED, DueReply, type Outcome } from './due-reply.ts'
import { RequestDesk } from './request-desk.ts'
import { ShortWay } from './short-way.ts'
import { SLICE_MS, Sleeper } from './sleeper.ts'
import { type WorkerHost, callAttention, workerHost } from './spawn.ts'
import { Spinner } from './spin.ts'

/** Added to the worker's own time limit for connecting, which normally strikes first. */
const OPEN_GRACE_MS = 5000

/** What the channel lets a caller choose. */
export interface ChannelOptions {
  /** Bytes of the response ring, a power of two. */
  readonly ringBytes: number
  /** Whether Ctrl-C cancels the statement that is waited for. */
  readonly isInterruptible: boolean
}

export { MIN_RING_BYTES }

export const DEFAULT_CHANNEL: ChannelOptions = { ringBytes: DEFAULT_RING_BYTES, isInterruptible: true }

export class BlockingSession implements BlockingOperations {
  readonly #host: WorkerHost
  readonly #shared: SharedArrayBuffer
  readonly #block: SessionBlock
  readonly #reader: RingReader
  readonly #events: SessionEvents
  readonly #sessionId: number
  /** The bytes for the server of a request this thread may write to it. */
  readonly #flight = new ByteWriter(1024)
  readonly #line: LineWriter
  readonly #shortWay: ShortWay
  readonly #due = new DueReply((event) => this.#event(event))
  readonly #desk: RequestDesk
  readonly #sleeper: Sleeper
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
    const host = workerHost()
    const shared = new SharedArrayBuffer(sessionBlockBytes(channel.ringBytes))
    const block = viewSessionBlock(shared)
    const line = new LineWriter(block.words)
    const spinner = new Spinner()
    const reader = new RingReader(block, () => host.callAttention())
    const due = this.#due
    const { isInterruptible } = channel
    this.#host = host
    this.#events = events
    this.#shared = shared
    this.#block = block
    this.#line = line
    this.#reader = reader
    this.#shortWay = new ShortWay(block, host, line, spinner)
    this.#sessionId = host.attach(shared)
    this.#desk = new RequestDesk({ host, sessionId: this.#sessionId, block, line, due })
    this.#sleeper = new Sleeper({ host, block, reader, due, desk: this.#desk, spinner, isInterruptible })
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
    this.poll()
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

  describe(request: RequestOf<'describe'>): ReplyOf<'describe'> {
    return this.#perform('describe', request, DROPPED)
  }

  execute(request: RequestOf<'execute'>): ReplyOf<'execute'> {
    const answer = this.#ask('execute', request, request.rows, writeExecuteFlight)
    if (!(answer instanceof WholeAnswer)) return answer
    const { rowsStart, rowsEnd, tag } = answer
    if (rowsEnd > rowsStart) request.rows.take(this.#block.answer, rowsStart, rowsEnd)
    return { tag }
  }

  executeMany(request: RequestOf<'executeMany'>): ReplyOf<'executeMany'> {
    return this.#perform('executeMany', request, request.rows)
  }

  simpleQuery(request: RequestOf<'simpleQuery'>): ReplyOf<'simpleQuery'> {
    // A BEGIN before it is a trip of its own.
    if (request.begin !== null) return this.#perform('simpleQuery', request, request.results)
    const answer = this.#ask('simpleQuery', request, request.results, writeQueryFlight)
    if (!(answer instanceof WholeAnswer)) return answer
    request.results.complete(null, answer.tag ?? '')
    return { results: 1 }
  }

  copyInStart(request: RequestOf<'copyInStart'>): ReplyOf<'copyInStart'> {
    return this.#perform('copyInStart', request, DROPPED)
  }

  copyInData(request: RequestOf<'copyInData'>): ReplyOf<'copyInData'> {
    return this.#perform('copyInData', request, DROPPED)
  }

  copyInEnd(request: RequestOf<'copyInEnd'>): ReplyOf<'copyInEnd'> {
    return this.#perform('copyInEnd', request, DROPPED)
  }

  fetchPortal(request: RequestOf<'fetchPortal'>): ReplyOf<'fetchPortal'> {
    // What was asked on the short way in between, the worker knows nothing of.
    const isIterated = request.isIterated === true && this.#fetchedAt === this.#askedCount
    const reply = this.#perform('fetchPortal', { ...request, isIterated }, request.rows)
    this.#fetchedAt = this.#askedCount
    return reply
  }

  closePortal(request: RequestOf<'closePortal'>): ReplyOf<'closePortal'> {
    return this.#perform('closePortal', request, DROPPED)
  }

  closeStatements(request: RequestOf<'closeStatements'>): ReplyOf<'closeStatements'> {
    return this.#perform('closeStatements', request, DROPPED)
  }

  copyOutStart(request: RequestOf<'copyOutStart'>): ReplyOf<'copyOutStart'> {
    return this.#perform('copyOutStart', request, DROPPED)
  }

  copyOutRead(request: RequestOf<'copyOutRead'>): ReplyOf<'copyOutRead'> {
    return this.#perform('copyOutRead', request, request.data)
  }

  copyOutEnd(request: RequestOf<'copyOutEnd'>): ReplyOf<'copyOutEnd'> {
    return this.#perform('copyOutEnd', request, DROPPED)
  }

  awaitNotification(request: RequestOf<'awaitNotification'>): ReplyOf<'awaitNotification'> {
    return this.#perform('awaitNotification', request, DROPPED)
  }

  /** Nothing can be running when a blocking caller has the thread, except a call that was torn off: that is settled. */
  cancel(): ReplyOf<'cancel'> {
    this.#settle()
    return {}
  }

  /** Has what runs cancelled, from inside a callback that is called while it runs; nothing where nothing runs. */
  requestCancel(): void {
    if (this.#due.id !== 0 && this.#due.outcome === null) this.#desk.requestCancel()
  }

  /** The shared memory another thread needs to do the same. */
  cancelToken(): CancelToken {
    return { session: this.#shared, host: this.#host.shared }
  }

  close(request: RequestOf<'close'>): ReplyOf<'close'> {
    if (this.#isClosed) return {}
    try {
      if (!this.isClosed) {
        this.#settle()
        this.#desk.send('close', request, DROPPED)
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
    if (this.#due.id === 0) this.#reader.drain(this.#due)
  }

  #open(options: SessionOptions): void {
    this.#desk.open(options)
    const { connectTimeoutMs } = options
    const reply = this.#await(connectTimeoutMs > 0 ? connectTimeoutMs + OPEN_GRACE_MS : Infinity) as OpenReply
    this.#backendPid = reply.backendPid
    this.#canCancel = reply.canCancel
    this.#parameters = new Map(reply.parameters)
  }

  #perform<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): ReplyOf<N> {
    this.#prepare()
    this.#desk.send(name, request, sink)
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
    this.#reader.drain(this.#due)
    const flight = this.#flight
    flight.clear()
    if (this.#line.isLent) writeFlight(flight, request)
    if (flight.length > 0 && flight.length <= LINE_MAX_BYTES && this.#shortWay.take()) {
      const answer = this.#shortWay.ask(flight.view(), request)
      if (answer !== null) return answer
      this.#desk.handOver(name, request, sink, flight.view(), this.#shortWay)
    } else {
      this.#desk.send(name, request, sink, flight.view())
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

  /** Sleeps until the due reply is there. @throws its failure; OperationalError when the worker dies or time is up. */
  #await(timeoutMs: number): unknown {
    const due = this.#due
    const woken = this.#sleeper.sleep(timeoutMs)
    const { name, outcome } = due
    if (woken === 'timed-out' || outcome === null) {
      this.#isClosed = true
      throw new OperationalError(
        woken === 'interrupted'
          ? 'interrupted, and the server did not confirm in time that the statement was cancelled: the connection is closed'
          : `no answer from the worker within ${timeoutMs} ms: the connection is given up`,
        woken === 'interrupted' ? { interrupted: true } : {},
      )
    }
    due.clear()
    if (woken === 'interrupted') throw interruption(outcome, name)
    if ('failure' in outcome) throw errorFromFailure(outcome.failure)
    return outcome.reply
  }

  /** Ends a call whose stack was torn off: cancels what runs, drops what comes, and leaves the session ready or closed. */
  #settle(): void {
    if (this.#shortWay.isTaken) this.#settleShortWay()
    const isUncertain = this.#line.isTaken
    this.#line.release()
    const due = this.#due
    if (due.id === 0) return
    due.drop()
    const isSeen = this.#desk.isDueSeen
    if (isUncertain) this.#desk.doubtDue()
    if (isSeen && due.outcome === null) {
      this.#desk.requestCancel()
      if (this.#sleeper.settle() !== 'done') {
        this.#giveUp('an interrupted statement could not be cancelled in time: the connection is closed')
      }
    }
    due.clear()
  }

  /** The torn call was on the short way: the worker, who knows nothing of it, finds out what the server has. */
  #settleShortWay(): void {
    const way = this.#shortWay
    const left = way.examine()
    if (left === 'unknown' && !this.#desk.isDueSeen) this.#desk.handOverTorn(way)
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
function interruption(outcome: Outcome, name: Asked): globalThis.Error {
  if (!('failure' in outcome)) {
    const when = name === 'awaitNotification' ? '' : ', when the statement had just completed'
    return new QueryCanceledError(`interrupted by Ctrl-C${when}`, { interrupted: true })
  }
  const error = errorFromFailure(outcome.failure)
  if (error instanceof DbError) amend(error, { interrupted: true })
  return error
}
