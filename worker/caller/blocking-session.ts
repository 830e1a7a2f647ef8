/**
 * A session for a caller that blocks. Each operation runs the steps of `SessionCalls` on this thread and sleeps when they
 * sleep. The session is opened in the worker of this thread, and ends there, even if the program forgets to close it.
 */
import type { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import type { DbError } from '../../src-async/errors/tree.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import type {
  BlockingOperations,
  OperationName,
  ReplyOf,
  RequestOf,
  SessionEvents,
  TransactionStatus,
} from '../../src-async/wire/operations.ts'
import { writeExecuteFlight, writeQueryFlight } from '../../src-async/wire/protocol/frontend.ts'
import { WholeAnswer } from '../../src-async/wire/protocol/whole-answer.ts'
import type { ByteSink, ResultSink } from '../../src-async/wire/row-sink.ts'
import {
  DEFAULT_RING_BYTES,
  HOST_WORDS,
  MIN_RING_BYTES,
  type SessionBlock,
  WORD,
  viewSessionBlock,
} from '../channel/layout.ts'
import { LentSocket } from '../channel/lent-socket.ts'
import type { SessionEvent } from '../channel/messages.ts'
import { ring } from '../turn/doorbell.ts'
import { type Sleep, type Steps, type Woken, runSteps } from '../turn/steps.ts'
import { DEPARTURE } from '../turn/turn.ts'
import { now } from './clock.ts'
import { DROPPED } from './pending-reply.ts'
import { canBeInterrupted, waitInterruptibly } from './interrupt.ts'
import { type Membership, forgetMembership, noteReceived, watchMembership } from './membership.ts'
import { SessionCalls } from './session-calls.ts'
import { SLICE_MS } from './sleeper.ts'
import { type WorkerHost, workerHost } from './worker-host.ts'

/** The options of the channel. */
export interface ChannelOptions {
  /** Size of the reply ring in bytes, a power of two. */
  readonly ringBytes: number
  /** Whether Ctrl-C cancels the statement that the caller waits for. */
  readonly isInterruptible: boolean
  /** The line of the program that opened the session, for the warning that it was never closed; `''` when unknown. */
  readonly openedAt?: string
}

export { MIN_RING_BYTES }

export const DEFAULT_CHANNEL: ChannelOptions = { ringBytes: DEFAULT_RING_BYTES, isInterruptible: true }

export class BlockingSession implements BlockingOperations {
  readonly #host: WorkerHost
  readonly #membership: Membership
  readonly #block: SessionBlock
  readonly #events: SessionEvents
  readonly #calls: SessionCalls
  /** How many operations have begun so far, and how many had begun when the last rows of a portal came. */
  #askedCount = 0
  #fetchedAt = 0
  #isClosed = false
  #parameters = new Map<string, string>()
  #backendPid = 0
  #canCancel = true

  /**
   * Opens a session in the worker of this thread.
   * @throws OperationalError when the worker does not start or no server accepts the connection.
   */
  constructor(options: SessionOptions, events: SessionEvents, channel: ChannelOptions = DEFAULT_CHANNEL) {
    const host = workerHost(options.connectTimeoutMs)
    const membership = host.join(channel.ringBytes, channel.openedAt ?? '')
    const { block } = membership
    this.#host = host
    this.#membership = membership
    this.#events = events
    this.#block = block
    this.#calls = new SessionCalls(
      block,
      {
        socket: new LentSocket(block.words),
        life: host,
        now,
        isInterruptible: channel.isInterruptible && canBeInterrupted,
        ring: () => host.ring(),
        handArray: (shared) => host.handArray(membership.sessionId, shared),
      },
      (event) => this.#event(event),
    )
    watchMembership(this, membership)
    try {
      const reply = runSteps(this.#calls.open(options), sleep)
      this.#backendPid = reply.backendPid
      this.#canCancel = reply.canCancel
      this.#parameters = new Map(reply.parameters)
    } catch (error) {
      this.#leave(DEPARTURE.abandoned)
      throw error
    }
  }

  /**
   * The transaction status. Cleans up after an interrupted call first, because that call may have begun or ended a
   * transaction. Otherwise a `rollback()` after Ctrl-C would see no open transaction and send nothing.
   * @throws OperationalError when the cleanup fails; the session is closed then
   */
  get transactionStatus(): TransactionStatus {
    if (this.#isClosed) return 'I'
    if (this.#calls.hasInterruptedCall) run(this.#calls.endInterruptedCall())
    const code = Atomics.load(this.#block.words, WORD.transactionStatus)
    return code === 0x54 ? 'T' : code === 0x45 ? 'E' : 'I'
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#calls.isClosed
  }

  closedError(): DbError {
    // The reason of a loss comes last, behind notifications that nobody has taken.
    this.poll()
    return this.#calls.closedError()
  }

  /**
   * Notes that the program has received the session. If the call that connects is interrupted before this, the session
   * is closed.
   */
  handOut(): void {
    noteReceived(this.#membership)
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
    if (request.describes !== undefined) request.rows.describe?.(answer.description())
    if (rowsEnd > rowsStart) request.rows.take(this.#block.answer, rowsStart, rowsEnd)
    return { tag }
  }

  executeMany(request: RequestOf<'executeMany'>): ReplyOf<'executeMany'> {
    return this.#perform('executeMany', request, request.rows)
  }

  simpleQuery(request: RequestOf<'simpleQuery'>): ReplyOf<'simpleQuery'> {
    // A BEGIN before this text needs a round trip of its own, and the fast path makes only one.
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
    // Calls on the fast path may have come in between, and the worker does not know of them.
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
    this.#askedCount += 1
    return run(this.#calls.perform('awaitNotification', request, DROPPED, request.timeoutMs + NOTIFICATION_GRACE_MS))
  }

  /** Cleans up after an interrupted call. No other call can be running while this thread is here. */
  cancel(): ReplyOf<'cancel'> {
    run(this.#calls.endInterruptedCall())
    return {}
  }

  /** Cancels the running statement. For callbacks that run during a statement; does nothing when none is running. */
  requestCancel(): void {
    this.#calls.requestCancel()
  }

  /** The shared memory with which another thread can cancel this session's statement: see `cancelSession`. */
  cancelToken(): CancelToken {
    const { sessionId, shared } = this.#membership
    return { session: shared, host: this.#host.shared, number: sessionId }
  }

  /** @throws InterfaceError inside a listener, because the statement during which it was called would never end. */
  close(request: RequestOf<'close'>): ReplyOf<'close'> {
    if (this.#isClosed) return {}
    this.#calls.requireNoCallback()
    try {
      if (!this.isClosed) run(this.#calls.perform('close', request, DROPPED, request.timeoutMs + SLICE_MS))
    } catch {
      // Closing never fails: if the server does not answer, the worker closes the socket.
    }
    this.#leave(DEPARTURE.abandoned)
    return {}
  }

  /** @throws InterfaceError inside a listener, which may neither run statements nor close the session. */
  requireNoCallback(): void {
    this.#calls.requireNoCallback()
  }

  /**
   * Delivers the notices and notifications that the worker has received so far. Does not wait for the server. If there are
   * more than the ring can hold, it waits until the worker has passed them on, piece by piece.
   */
  poll(): void {
    const { words } = this.#block
    const untilMs = now() + POLL_MS
    while (this.#calls.poll() && now() < untilMs) {
      Atomics.store(words, WORD.callerSleeps, 1)
      const seen = Atomics.load(words, WORD.event)
      const woken = this.#calls.canPoll ? 'ok' : Atomics.wait(words, WORD.event, seen, PIECE_MS)
      Atomics.store(words, WORD.callerSleeps, 0)
      if (woken === 'timed-out') return
    }
  }

  /** Ends the session. If it is interrupted, a second call completes it: no step has an effect twice. */
  #leave(how: typeof DEPARTURE.asked | typeof DEPARTURE.abandoned): void {
    run(this.#calls.leave(how))
    this.#calls.retire()
    forgetMembership(this.#membership)
    this.#membership.retire()
    this.#isClosed = true
  }

  #perform<N extends OperationName>(name: N, request: RequestOf<N>, sink: ByteSink | ResultSink): ReplyOf<N> {
    this.#askedCount += 1
    return run(this.#calls.perform(name, request, sink))
  }

  #ask<N extends 'execute' | 'simpleQuery'>(
    name: N,
    request: RequestOf<N>,
    sink: ResultSink | ByteSink,
    writeFlight: (out: ByteWriter, request: RequestOf<N>) => void,
  ): ReplyOf<N> | WholeAnswer {
    this.#askedCount += 1
    return run(this.#calls.ask(name, request, sink, writeFlight))
  }

  #event(event: SessionEvent): void {
    if (event.kind === 'notice') this.#events.notice(event.fields)
    else if (event.kind === 'notification') this.#events.notification(event.notification)
    else if (event.kind === 'parameter') {
      this.#parameters.set(event.name, event.value)
      this.#events.parameter(event.name, event.value)
    }
  }
}

/** The longest time of `poll` while notifications come faster than it delivers them. */
const POLL_MS = 1000
/** How long `poll` waits for the next piece. The worker normally needs microseconds. */
const PIECE_MS = 100

/** The worker ends a wait for notifications itself. The caller waits this much longer, in case the worker hangs. */
const NOTIFICATION_GRACE_MS = 10_000

function run<T>(steps: Steps<T>): T {
  return runSteps(steps, sleep)
}

function sleep({ words, index, seen, timeoutMs, isInterruptible }: Sleep): Woken {
  return isInterruptible
    ? waitInterruptibly(words, index, seen, timeoutMs)
    : Atomics.wait(words, index, seen, timeoutMs)
}

/** A token with which another thread can cancel a session's running statement. `postMessage` can send it. */
export interface CancelToken {
  /** Memory that the connection shares. */
  readonly session: SharedArrayBuffer
  /** Memory that the worker of the driver shares. */
  readonly host: SharedArrayBuffer
  /** The number of the session, because its memory may serve another session later. */
  readonly number: number
}

/** Asks the worker to cancel the statement that runs on a session now. Returns at once. Later statements are not cancelled. */
export function cancelSession(token: CancelToken): void {
  const { words } = viewSessionBlock(token.session)
  // The number of the call is read first. These numbers only grow, so one of an earlier session cancels nothing.
  const callId = Atomics.load(words, WORD.callId)
  if (Atomics.load(words, WORD.sessionId) !== token.number) return
  Atomics.store(words, WORD.cancelId, callId)
  ring(new Int32Array(token.host, 0, HOST_WORDS))
}
