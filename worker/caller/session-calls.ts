/**
 * The caller's side of a session, as steps: makes a call, cleans up after an interrupted call, and ends the session.
 * `BlockingSession` runs the steps on the thread of the program. The explorer of test/worker/ runs the same steps in every
 * order. worker/turn/turn.ts has the rules: which thread may use the socket, and when.
 */
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import { type Failure, errorFromFailure } from '../../src-async/errors/failure.ts'
import { QueryCanceledError } from '../../src-async/errors/sqlstates.ts'
import { DbError, InterfaceError, OperationalError, amend } from '../../src-async/errors/tree.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import { CANCEL_GRACE_MS } from '../../src-async/wire/grace.ts'
import type { Limits, OperationName, ReplyOf, RequestOf } from '../../src-async/wire/operations.ts'
import type { WholeAnswer } from '../../src-async/wire/protocol/whole-answer.ts'
import type { ByteSink, ResultSink } from '../../src-async/wire/row-sink.ts'
import { type SessionBlock, WORD } from '../channel/layout.ts'
import type { SocketAccess } from '../channel/lent-socket.ts'
import type { OpenReply, RequestName, SessionEvent } from '../channel/messages.ts'
import { RingReader } from '../channel/ring.ts'
import type { Steps } from '../turn/steps.ts'
import { DEPARTURE, MOVES, OWNER, ownerOf, tryMove } from '../turn/turn.ts'
import { PendingReply, type Outcome } from './pending-reply.ts'
import { FastPath } from './fast-path.ts'
import { type Doorbell, RequestSender } from './request-sender.ts'
import { type Ended, Sleeper, type WorkerLife } from './sleeper.ts'
import { Spinner } from './spin.ts'
import { atTurnEnd, removeTurnEnd } from './turn-end.ts'

/** The kernel takes a write of this size whole if the socket's buffer is empty. The worker sends longer requests. */
const FLIGHT_MAX_BYTES = 16 * 1024
/** The caller waits this much longer than the worker's time limit for connecting, which normally ends the wait. */
const OPEN_GRACE_MS = 5000
/**
 * The caller waits this much longer than the time limit of a call and its grace. The worker ends a late call, or closes its
 * connection, before that. Only a worker that hangs makes the caller give up.
 */
const WORKER_GRACE_MS = 2000

/** Access to the worker, the socket and the clock, for the steps. The explorer of test/worker/ has its own implementation. */
export interface CallerMachine extends Doorbell {
  readonly socket: SocketAccess
  readonly life: WorkerLife & { deathError(): DbError; noteTimeout(): void }
  readonly now: () => number
  /** Whether Ctrl-C cancels the statement that the caller waits for. */
  readonly isInterruptible: boolean
}

export class SessionCalls {
  readonly #block: SessionBlock
  readonly #machine: CallerMachine
  readonly #onEvent: (event: SessionEvent) => void
  readonly #pending: PendingReply
  readonly #reader: RingReader
  readonly #sender: RequestSender
  readonly #sleeper: Sleeper
  readonly #fastPath: FastPath
  /** The bytes of a request that this thread may write to the server itself. */
  readonly #flight = new ByteWriter(1024)
  /** The shared memory may serve another session from now on, so this object must not touch it. */
  #isRetired = false
  #loss: Failure | null = null
  #isLossReported = false
  #isInCallback = false
  #isWatched = false
  /** The error that a listener threw while a statement ran. */
  #thrown: { readonly error: unknown } | null = null

  constructor(block: SessionBlock, machine: CallerMachine, onEvent: (event: SessionEvent) => void) {
    const { now, life, isInterruptible } = machine
    const pending = new PendingReply((event) => this.#event(event))
    const reader = new RingReader(block, () => machine.ring())
    const sender = new RequestSender(block, pending, machine)
    const spinner = new Spinner()
    this.#block = block
    this.#machine = machine
    this.#onEvent = onEvent
    this.#pending = pending
    this.#reader = reader
    this.#sender = sender
    this.#sleeper = new Sleeper({ block, reader, pending, sender, life, spinner, now, isInterruptible })
    this.#fastPath = new FastPath(block, machine.socket, now)
  }

  /** Whether the session takes no more calls. */
  get isClosed(): boolean {
    if (this.#isRetired) return true
    const { words } = this.#block
    return this.#hasLeft || this.#machine.life.isDead || Atomics.load(words, WORD.isClosed) === 1
  }

  /**
   * Whether the caller has ended the session. After the worker has released the session's memory, another session may
   * use it.
   */
  get #hasLeft(): boolean {
    return Atomics.load(this.#block.words, WORD.departure) !== DEPARTURE.none
  }

  /**
   * Whether a call was interrupted and not cleaned up yet. Until that is done, the transaction status in the shared memory
   * may be the one from before that call.
   */
  get hasInterruptedCall(): boolean {
    if (this.#isRetired || this.#isInCallback) return false
    return this.#pending.id !== 0 || ownerOf(this.#block.words) === OWNER.caller
  }

  /** Whether a listener is running. It must not make a call, because the call would come in the middle of a statement. */
  get isInCallback(): boolean {
    return this.#isInCallback
  }

  /** The error for a call on a closed session: see `SessionState`. */
  closedError(): DbError {
    this.poll()
    const isDead = this.#machine.life.isDead
    const loss = this.#loss === null ? null : (errorFromFailure(this.#loss) as DbError)
    const cause = loss ?? (isDead ? this.#machine.life.deathError() : null)
    if (cause === null) return new InterfaceError('connection is closed')
    if (!this.#isLossReported) {
      this.#isLossReported = true
      return cause
    }
    return new InterfaceError(`connection is closed: ${cause.primaryMessage}`, { cause })
  }

  *open(options: SessionOptions): Steps<OpenReply> {
    const { connectTimeoutMs } = options
    this.#sender.number()
    yield* this.#sender.open(options)
    return (yield* this.#await(connectTimeoutMs > 0 ? connectTimeoutMs + OPEN_GRACE_MS : Infinity)) as OpenReply
  }

  /** Makes the worker perform an operation, and waits for the reply. */
  *perform<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink,
    limitMs = limitOf(request as Partial<Limits>),
  ): Steps<ReplyOf<N>> {
    yield* this.#prepare()
    this.#sender.number()
    yield* this.#sender.send(name, this.#thrown === null ? request : endedBy(name, request), sink)
    return (yield* this.#await(limitMs)) as ReplyOf<N>
  }

  /**
   * Performs an operation that this thread may finish alone, on the fast path.
   * @param writeFlight writes the messages for the server
   * @returns the worker's reply, or the answer that this thread has read itself
   */
  *ask<N extends 'execute' | 'simpleQuery'>(
    name: N,
    request: RequestOf<N>,
    sink: ResultSink | ByteSink,
    writeFlight: (out: ByteWriter, request: RequestOf<N>) => void,
  ): Steps<ReplyOf<N> | WholeAnswer> {
    const { words } = this.#block
    if (this.#pending.id !== 0 || this.#isInCallback || this.isClosed || ownerOf(words) === OWNER.caller) {
      yield* this.#prepare()
    }
    // Notices and notifications that the worker has received since the last call reach their listeners before this call.
    this.#reader.drain(this.#pending)
    this.#sender.number()
    if (ownerOf(words) === OWNER.lent) {
      const flight = this.#flight
      flight.clear()
      writeFlight(flight, request)
      if (flight.length <= FLIGHT_MAX_BYTES) {
        const fastPath = this.#fastPath
        fastPath.begin()
        yield 'take'
        if (tryMove(words, MOVES.take)) {
          if (this.#machine.socket.isSame()) {
            const answer = yield* fastPath.ask(flight.view(), request)
            if (answer !== null) return answer
            yield* this.#sender.handOver(name, request, sink, flight.view(), fastPath)
            return (yield* this.#await(limitOf(request))) as ReplyOf<N>
          }
          yield 'give back what is no socket'
          tryMove(words, MOVES.giveBack)
        }
      }
    }
    yield* this.#sender.send(name, request, sink)
    return (yield* this.#await(limitOf(request))) as ReplyOf<N>
  }

  /** Cleans up after an interrupted call, if there is one. @throws InterfaceError in a listener and on a closed session. */
  *#prepare(): Steps<void> {
    this.requireNoCallback()
    if (this.isClosed) {
      // The call that ended the session may have been interrupted before it rang for the worker.
      if (!this.#isRetired && this.#hasLeft) yield* this.leave(DEPARTURE.abandoned)
      throw this.closedError()
    }
    yield* this.endInterruptedCall()
  }

  requireNoCallback(): void {
    if (!this.#isInCallback) return
    throw new InterfaceError(
      'the connection is in use: a notice listener may neither run statements on it nor close it',
    )
  }

  /** Cancels the statement of an interrupted call and drops its reply. Afterwards the session is ready, or closed. */
  *endInterruptedCall(): Steps<void> {
    if (this.#isRetired) return
    const pending = this.#pending
    if (ownerOf(this.#block.words) === OWNER.caller) yield* this.#endOwnedCall()
    if (pending.id === 0) return
    this.#thrown = null
    pending.drop()
    if (this.#sender.isPendingAnnounced && pending.outcome === null) {
      this.#sender.requestCancel()
      if ((yield* this.#sleeper.sleepUntilCancelled()) !== 'done') {
        yield* this.#giveUp('an interrupted statement could not be cancelled in time: the connection is closed')
      }
    }
    pending.clear()
  }

  /** Cleans up after a call that was interrupted while this thread owned the socket. */
  *#endOwnedCall(): Steps<void> {
    const pending = this.#pending
    const left = this.#fastPath.examine()
    if (left === 'lost') {
      yield* this.#giveUp('an interrupted statement had been sent or answered in part: the connection is closed')
    }
    pending.clear()
    if (left === 'unknown') {
      yield* this.#sender.handOverInterrupted(this.#fastPath)
      return
    }
    yield 'give back what an interrupted call had taken'
    tryMove(this.#block.words, MOVES.giveBack)
  }

  /** Makes the worker end the session. Does not wait: `WORD.departure` shows when it has. A second call only rings again. */
  *leave(how: typeof DEPARTURE.asked | typeof DEPARTURE.abandoned): Steps<void> {
    if (this.#isRetired) return
    yield 'leave'
    Atomics.compareExchange(this.#block.words, WORD.departure, DEPARTURE.none, how)
    yield 'ring'
    this.#machine.ring()
  }

  /** Stops using the shared memory, after `leave`. The session is closed for good. */
  retire(): void {
    this.poll()
    this.#isRetired = true
    this.#pending.clear()
    removeTurnEnd(this.#turnEnded)
  }

  /** Cancels the running statement. For callbacks that run during a statement; does nothing when none is running. */
  requestCancel(): void {
    if (this.#pending.id !== 0 && this.#pending.outcome === null) this.#sender.requestCancel()
  }

  /**
   * Delivers the notices and notifications that are in the ring. Does not wait. Does nothing inside a listener: its event
   * leaves the ring only when the listener returns, so the listener would be called for it again and again.
   * @returns whether the worker has received more, for which there was no room before
   */
  poll(): boolean {
    if (this.#pending.id !== 0 || this.#isRetired || this.#isInCallback) return false
    const isMore = Atomics.load(this.#block.words, WORD.queued) === 1
    this.#reader.drain(this.#pending)
    return isMore
  }

  /** Whether there is something for `poll` to deliver, or nothing more to wait for. */
  get canPoll(): boolean {
    return this.#reader.hasRecords || Atomics.load(this.#block.words, WORD.queued) === 0
  }

  *#giveUp(why: string, details: { interrupted?: true } = {}): Steps<never> {
    this.#pending.clear()
    yield* this.leave(DEPARTURE.abandoned)
    this.#isLossReported = true
    throw new OperationalError(why, details)
  }

  /** Sleeps until the pending reply comes. @throws its failure; OperationalError when the worker dies or time is up. */
  *#await(limitMs: number): Steps<unknown> {
    const pending = this.#pending
    const woken = yield* this.#sleeper.sleep(limitMs)
    const { name, outcome } = pending
    if (outcome === null || woken === 'timed-out') {
      if (woken === 'timed-out') this.#machine.life.noteTimeout()
      yield* this.#giveUp(reasonFor(woken, limitMs), detailsFor(woken))
    }
    pending.clear()
    const thrown = this.#thrown
    if (thrown !== null && !isWithinCopy(name, outcome!)) {
      this.#thrown = null
      throw thrown.error
    }
    if (woken === 'interrupted') throw interruption(outcome!, name)
    if ('failure' in outcome!) throw errorFromFailure(outcome.failure)
    return outcome!.reply
  }

  /** Clears `#isInCallback` at the end of the turn: an interrupted listener does not run its `finally` and leaves it set. */
  #watchCallback(): void {
    if (this.#isWatched) return
    // The flag is set last: if the stack is thrown away between the two statements, the next event asks again.
    atTurnEnd(this.#turnEnded)
    this.#isWatched = true
  }

  readonly #turnEnded = (): void => {
    this.#isWatched = false
    this.#isInCallback = false
  }

  #event(event: SessionEvent): void {
    if (event.kind === 'closed') {
      this.#loss = event.failure
      this.#isLossReported ||= event.isReported
      return
    }
    this.#watchCallback()
    this.#isInCallback = true
    // The end of the drain clears it, not the end of the listener: the next record may go to a listener too.
    Atomics.store(this.#block.words, WORD.listens, 1)
    try {
      this.#onEvent(event)
    } catch (error) {
      // The running statement is cancelled, and its call throws this error when the statement has ended.
      this.#thrown ??= { error }
      if (this.#pending.id === 0) throw error
      this.requestCancel()
    } finally {
      this.#isInCallback = false
    }
  }
}

/**
 * Whether a COPY goes on after this reply. An error that a listener threw is kept until the COPY has ended, because the caller
 * takes a failure in between for the end of the COPY on the server.
 */
function isWithinCopy(name: RequestName, outcome: Outcome): boolean {
  if ('failure' in outcome) return false
  if (name === 'copyOutRead') return (outcome.reply as ReplyOf<'copyOutRead'>).tag === null
  return name === 'copyInStart' || name === 'copyInData' || name === 'copyOutStart'
}

/**
 * If a listener threw during a COPY FROM STDIN, makes the server undo the COPY. Otherwise the end of the data would
 * complete it.
 */
function endedBy<N extends OperationName>(name: N, request: RequestOf<N>): RequestOf<N> {
  if (name !== 'copyInEnd') return request
  const { failure } = request as RequestOf<'copyInEnd'>
  return { failure: failure ?? 'a notice listener of the client has failed' } as RequestOf<N>
}

/** The longest wait for the reply to a request; Infinity for a request without a time limit. */
function limitOf({ timeoutMs = 0, graceMs = CANCEL_GRACE_MS }: Partial<Limits>): number {
  return timeoutMs > 0 ? timeoutMs + graceMs + WORKER_GRACE_MS : Infinity
}

function reasonFor(woken: Ended, limitMs: number): string {
  return woken === 'interrupted'
    ? 'interrupted, and the server did not confirm in time that the statement was cancelled: the connection is closed'
    : `no answer within ${limitMs} ms, the time limit plus a grace time: the connection is closed, and whether the ` +
        'statement took effect is unknown'
}

function detailsFor(woken: Ended): { interrupted?: true } {
  return woken === 'interrupted' ? { interrupted: true } : {}
}

/** The error for a call that Ctrl-C ended: the server's 57014, or our own if the statement had just completed. */
function interruption(outcome: Outcome, name: RequestName): globalThis.Error {
  if (!('failure' in outcome)) {
    const when = name === 'awaitNotification' ? '' : ', when the statement had just completed'
    return new QueryCanceledError(`interrupted by Ctrl-C${when}`, { interrupted: true })
  }
  const error = errorFromFailure(outcome.failure)
  if (error instanceof DbError) amend(error, { interrupted: true })
  return error
}
