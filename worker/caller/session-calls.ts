/**
 * The caller's side of a session, as steps: how a call is made, how a call that was torn off is settled, and how the session
 * leaves its worker. `BlockingSession` runs the steps on the thread of the program; the explorer of test/worker/ runs the
 * same steps in every order. Whose turn it is: worker/turn/turn.ts.
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
import type { OpenReply, SessionEvent } from '../channel/messages.ts'
import { RingReader } from '../channel/ring.ts'
import type { Steps } from '../turn/steps.ts'
import { DEPARTURE, MOVES, OWNER, ownerOf, tryMove } from '../turn/turn.ts'
import { type Asked, DueReply, type Outcome } from './due-reply.ts'
import { FastPath } from './fast-path.ts'
import { type Doorbell, RequestDesk } from './request-desk.ts'
import { type Ended, Sleeper, type WorkerLife } from './sleeper.ts'
import { Spinner } from './spin.ts'

/** The kernel takes a write of this size whole, into an empty socket buffer; longer requests are the worker's. */
const FLIGHT_MAX_BYTES = 16 * 1024
/** Added to the worker's own time limit for connecting, which normally strikes first. */
const OPEN_GRACE_MS = 5000
/**
 * Added to the limit of a call and its grace. The worker ends a call that is late itself, or closes its connection; only a
 * worker that does neither lets this strike.
 */
const WORKER_GRACE_MS = 2000

/** The thread and the machine, as the steps see them. */
export interface CallerMachine extends Doorbell {
  readonly socket: SocketAccess
  readonly life: WorkerLife & { obituary(): DbError; distrust(): void }
  readonly now: () => number
  /** Whether Ctrl-C cancels the statement that is waited for. */
  readonly isInterruptible: boolean
}

export class SessionCalls {
  readonly #block: SessionBlock
  readonly #machine: CallerMachine
  readonly #onEvent: (event: SessionEvent) => void
  readonly #due: DueReply
  readonly #reader: RingReader
  readonly #desk: RequestDesk
  readonly #sleeper: Sleeper
  readonly #fastPath: FastPath
  /** The bytes for the server of a request that this thread may write. */
  readonly #flight = new ByteWriter(1024)
  /** The memory may serve another session: nothing of it is looked at any more. */
  #isRetired = false
  #loss: Failure | null = null
  #isLossTold = false
  #isInCallback = false
  #isWatched = false
  /** What a listener threw while a statement ran. */
  #thrown: { readonly error: unknown } | null = null

  constructor(block: SessionBlock, machine: CallerMachine, onEvent: (event: SessionEvent) => void) {
    const { now, life, isInterruptible } = machine
    const due = new DueReply((event) => this.#event(event))
    const reader = new RingReader(block, () => machine.ring())
    const desk = new RequestDesk(block, due, machine)
    const spinner = new Spinner()
    this.#block = block
    this.#machine = machine
    this.#onEvent = onEvent
    this.#due = due
    this.#reader = reader
    this.#desk = desk
    this.#sleeper = new Sleeper({ block, reader, due, desk, life, spinner, now, isInterruptible })
    this.#fastPath = new FastPath(block, machine.socket, now)
  }

  /** Whether nothing can be asked any more. */
  get isClosed(): boolean {
    if (this.#isRetired) return true
    const { words } = this.#block
    return this.#hasLeft || this.#machine.life.isDead || Atomics.load(words, WORD.isClosed) === 1
  }

  /** Whether the session has been told to leave. Its memory is another session's once the worker has let go of it. */
  get #hasLeft(): boolean {
    return Atomics.load(this.#block.words, WORD.departure) !== DEPARTURE.none
  }

  /**
   * Whether a call was torn off and has not been settled. Until it is, the shared memory says what held before that call:
   * its transaction status may be old.
   */
  get isTorn(): boolean {
    if (this.#isRetired || this.#isInCallback) return false
    return this.#due.id !== 0 || ownerOf(this.#block.words) === OWNER.caller
  }

  /** Whether a listener runs: what it asks would be asked in the middle of a statement. */
  get isInCallback(): boolean {
    return this.#isInCallback
  }

  /** What a call on the closed session fails with: see `SessionState`. */
  closedError(): DbError {
    this.poll()
    const isDead = this.#machine.life.isDead
    const loss = this.#loss === null ? null : (errorFromFailure(this.#loss) as DbError)
    const cause = loss ?? (isDead ? this.#machine.life.obituary() : null)
    if (cause === null) return new InterfaceError('connection is closed')
    if (!this.#isLossTold) {
      this.#isLossTold = true
      return cause
    }
    return new InterfaceError(`connection is closed: ${cause.primaryMessage}`, { cause })
  }

  *open(options: SessionOptions): Steps<OpenReply> {
    const { connectTimeoutMs } = options
    this.#desk.number()
    yield* this.#desk.open(options)
    return (yield* this.#await(connectTimeoutMs > 0 ? connectTimeoutMs + OPEN_GRACE_MS : Infinity)) as OpenReply
  }

  /** Has the worker perform an operation. */
  *perform<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    sink: ByteSink | ResultSink,
    limitMs = limitOf(request as Partial<Limits>),
  ): Steps<ReplyOf<N>> {
    yield* this.#prepare()
    this.#desk.number()
    yield* this.#desk.send(name, this.#thrown === null ? request : endedBy(name, request), sink)
    return (yield* this.#await(limitMs)) as ReplyOf<N>
  }

  /**
   * Performs an operation that this thread may finish alone.
   * @param writeFlight writes what the server is to get
   * @returns the reply, or the answer that this thread has read itself
   */
  *ask<N extends 'execute' | 'simpleQuery'>(
    name: N,
    request: RequestOf<N>,
    sink: ResultSink | ByteSink,
    writeFlight: (out: ByteWriter, request: RequestOf<N>) => void,
  ): Steps<ReplyOf<N> | WholeAnswer> {
    const { words } = this.#block
    if (this.#due.id !== 0 || this.#isInCallback || this.isClosed || ownerOf(words) === OWNER.caller) {
      yield* this.#prepare()
    }
    // What the worker has heard in the meantime comes before what is asked now.
    this.#reader.drain(this.#due)
    this.#desk.number()
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
            yield* this.#desk.handOver(name, request, sink, flight.view(), fastPath)
            return (yield* this.#await(limitOf(request))) as ReplyOf<N>
          }
          yield 'give back what is no socket'
          tryMove(words, MOVES.giveBack)
        }
      }
    }
    yield* this.#desk.send(name, request, sink)
    return (yield* this.#await(limitOf(request))) as ReplyOf<N>
  }

  /** Ends a call whose stack was torn off, if there is one. @throws InterfaceError where nothing may be asked now. */
  *#prepare(): Steps<void> {
    this.requireNoCallback()
    if (this.isClosed) {
      // The call that gave the session up may have been torn off before the worker knew.
      if (!this.#isRetired && this.#hasLeft) yield* this.leave(DEPARTURE.abandoned)
      throw this.closedError()
    }
    yield* this.settle()
  }

  requireNoCallback(): void {
    if (!this.#isInCallback) return
    throw new InterfaceError(
      'the connection is in use: a notice listener may neither run statements on it nor close it',
    )
  }

  /** Cancels what a torn call has left running, drops what comes of it, and leaves the session ready or ended. */
  *settle(): Steps<void> {
    if (this.#isRetired) return
    const due = this.#due
    if (ownerOf(this.#block.words) === OWNER.caller) yield* this.#settleOwned()
    if (due.id === 0) return
    this.#thrown = null
    due.drop()
    if (this.#desk.isDueAnnounced && due.outcome === null) {
      this.#desk.requestCancel()
      if ((yield* this.#sleeper.settle()) !== 'done') {
        yield* this.#giveUp('an interrupted statement could not be cancelled in time: the connection is closed')
      }
    }
    due.clear()
  }

  /** The call was torn off while this thread owned the socket. */
  *#settleOwned(): Steps<void> {
    const due = this.#due
    const left = this.#fastPath.examine()
    if (left === 'lost') {
      yield* this.#giveUp('an interrupted statement had been sent or answered in part: the connection is closed')
    }
    due.clear()
    if (left === 'unknown') {
      yield* this.#desk.handOverTorn(this.#fastPath)
      return
    }
    yield 'give back what a torn call had taken'
    tryMove(this.#block.words, MOVES.giveBack)
  }

  /** Has the worker end the session. Does not wait: `WORD.departure` says when it has. Made twice, it only rings again. */
  *leave(how: typeof DEPARTURE.asked | typeof DEPARTURE.abandoned): Steps<void> {
    if (this.#isRetired) return
    yield 'leave'
    Atomics.compareExchange(this.#block.words, WORD.departure, DEPARTURE.none, how)
    yield 'ring'
    this.#machine.ring()
  }

  /** Lets go of the shared memory, after `leave`: the session is closed for good. */
  retire(): void {
    this.poll()
    this.#isRetired = true
    this.#due.clear()
  }

  /** Has what runs cancelled, from inside a callback that is called while it runs; nothing where nothing runs. */
  requestCancel(): void {
    if (this.#due.id !== 0 && this.#due.outcome === null) this.#desk.requestCancel()
  }

  /**
   * Reads what the worker has said unasked so far; does not wait. Does nothing inside a listener: its event is only taken
   * when the listener returns, so it would be called again and again.
   */
  poll(): void {
    if (this.#due.id === 0 && !this.#isRetired && !this.#isInCallback) this.#reader.drain(this.#due)
  }

  *#giveUp(why: string, details: { interrupted?: true } = {}): Steps<never> {
    this.#due.clear()
    yield* this.leave(DEPARTURE.abandoned)
    this.#isLossTold = true
    throw new OperationalError(why, details)
  }

  /** Sleeps until the pending reply is there. @throws its failure; OperationalError when the worker dies or time is up. */
  *#await(limitMs: number): Steps<unknown> {
    const due = this.#due
    const woken = yield* this.#sleeper.sleep(limitMs)
    const { name, outcome } = due
    if (outcome === null || woken === 'timed-out') {
      if (woken === 'timed-out') this.#machine.life.distrust()
      yield* this.#giveUp(reasonFor(woken, limitMs), detailsFor(woken))
    }
    due.clear()
    const thrown = this.#thrown
    if (thrown !== null && !isWithinCopy(name, outcome!)) {
      this.#thrown = null
      throw thrown.error
    }
    if (woken === 'interrupted') throw interruption(outcome!, name)
    if ('failure' in outcome!) throw errorFromFailure(outcome.failure)
    return outcome!.reply
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
    if (event.kind === 'closed') {
      this.#loss = event.failure
      this.#isLossTold ||= event.isTold
      return
    }
    this.#watchCallback()
    this.#isInCallback = true
    try {
      this.#onEvent(event)
    } catch (error) {
      // The statement that runs is ended, and its call throws this once it has ended.
      this.#thrown ??= { error }
      if (this.#due.id === 0) throw error
      this.requestCancel()
    } finally {
      this.#isInCallback = false
    }
  }
}

/**
 * Whether a COPY goes on after this reply. What a listener threw is kept until the COPY has ended: who called knows no other
 * failure of a piece of it than that the server has ended it.
 */
function isWithinCopy(name: Asked, outcome: Outcome): boolean {
  if ('failure' in outcome) return false
  if (name === 'copyOutRead') return (outcome.reply as ReplyOf<'copyOutRead'>).tag === null
  return name === 'copyInStart' || name === 'copyInData' || name === 'copyOutStart'
}

/** A COPY FROM STDIN that a listener has ended must not be completed: the server is told to undo it. */
function endedBy<N extends OperationName>(name: N, request: RequestOf<N>): RequestOf<N> {
  if (name !== 'copyInEnd') return request
  const { failure } = request as RequestOf<'copyInEnd'>
  return { failure: failure ?? 'a notice listener of the client has failed' } as RequestOf<N>
}

/** The longest wait for the reply to a request, Infinity for a request without a limit. */
function limitOf({ timeoutMs = 0, graceMs = CANCEL_GRACE_MS }: Partial<Limits>): number {
  return timeoutMs > 0 ? timeoutMs + graceMs + WORKER_GRACE_MS : Infinity
}

function reasonFor(woken: Ended, limitMs: number): string {
  return woken === 'interrupted'
    ? 'interrupted, and the server did not confirm in time that the statement was cancelled: the connection is closed'
    : `no answer within ${limitMs} ms, which is the time limit and a grace: the connection is closed, and whether the ` +
        'statement took effect is unknown'
}

function detailsFor(woken: Ended): { interrupted?: true } {
  return woken === 'interrupted' ? { interrupted: true } : {}
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
