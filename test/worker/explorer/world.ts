/**
 * A world in which the explorer decides the order of all steps. It has the real code of the caller (SessionCalls), of
 * the worker (Host, HostedSession) and of the wire (Session), over a model of sockets, servers and the event loop.
 * Nothing happens unless `step` is called with one of the moves that `moves` offers.
 */
import { DbError, InterfaceError } from '../../../src-async/errors/tree.ts'
import type { SessionOptions } from '../../../src-async/options/session-options.ts'
import type { ExecuteRequest, SessionEvents } from '../../../src-async/wire/operations.ts'
import { writeExecuteFlight } from '../../../src-async/wire/protocol/frontend.ts'
import { WholeAnswer } from '../../../src-async/wire/protocol/whole-answer.ts'
import type { RowSink } from '../../../src-async/wire/row-sink.ts'
import { Session } from '../../../src-async/wire/session.ts'
import type { Transport, TransportEvents } from '../../../src-async/wire/transport/transport.ts'
import { SessionCalls } from '../../../worker/caller/session-calls.ts'
import {
  HOST_BYTES,
  HOST_WORDS,
  HOST,
  type SessionBlock,
  WORD,
  sessionBlockBytes,
  viewSessionBlock,
} from '../../../worker/channel/layout.ts'
import { Host, type HostLoop } from '../../../worker/hosted/host.ts'
import { ring } from '../../../worker/turn/doorbell.ts'
import { type Sleep, type Steps, type Woken, runSteps } from '../../../worker/turn/steps.ts'
import { DEPARTURE, OWNER, ownerOf } from '../../../worker/turn/turn.ts'
import { ModelConnection } from './model-server.ts'

/** One call of the program. The calls of a scenario run one after another. */
export type Call =
  | { readonly session: number; readonly sql: string }
  | { readonly session: number; readonly poll: true }
  /** The program looks at the transaction status, as `commit()` and `rollback()` do. */
  | { readonly session: number; readonly status: true }
  | { readonly session: number; readonly leave: true }

export interface Scenario {
  readonly name: string
  readonly sessions: number
  readonly calls: readonly Call[]
  /** How often each optional event may happen. */
  readonly budget?: Partial<Record<Chance, number>>
  /** The number of pieces in which an answer arrives. */
  readonly pieces?: number
  readonly ringBytes?: number
  /** Whether the worker lingers after a reply (see worker/turn/doorbell.ts). Otherwise only the doorbell wakes it. */
  readonly lingers?: boolean
}

/** Optional events that may happen at any step. */
export type Chance = 'switch' | 'tear' | 'notify' | 'terminate' | 'cancel' | 'tick' | 'partial'

/** Faults of earlier designs that the model can imitate: see faults.ts. */
export type Misbehaviour = 'lends between two halves' | 'is held by a caller' | 'is not told of room'

export const misbehaviours = new Set<Misbehaviour>()

/** Thrown when a law of the channel is broken. */
export class Violation extends Error {}

/** Thrown by a system call of the model when the call is interrupted in it. */
class Torn extends Error {}

export interface MoveOption {
  readonly name: string
  /** The optional event that the move uses up; null for a move that is no such event. */
  readonly chance: Chance | null
  readonly actor: string
  run(): void
}

const OPTIONS: SessionOptions = {
  user: 'u',
  password: null,
  database: 'd',
  parameters: {},
  connectTimeoutMs: 0,
} as unknown as SessionOptions

interface Hosted {
  readonly calls: SessionCalls
  readonly block: SessionBlock
  readonly server: ModelConnection
  transport: ModelTransport | null
  session: Session | null
  /** Bytes that the caller has read and has not handed over to the worker. */
  callerHas: Buffer
  /** How many bytes of the server have been parsed, by either thread. */
  parsed: number
  /** Notifications that the program has received. */
  readonly heard: string[]
  readonly said: string[]
}

/** The worker's end of a socket. */
class ModelTransport implements Transport {
  readonly sendsWholeFlights = false
  readonly isDrained = true
  readonly descriptor = -1
  isReading = true
  isDestroyed = false
  hasToldEnd = false
  events: TransportEvents | null = null
  readonly #world: World
  readonly #index: number

  constructor(world: World, index: number) {
    this.#world = world
    this.#index = index
  }

  listen(events: TransportEvents): void {
    this.events = events
  }

  write(bytes: Uint8Array): boolean {
    this.#world.requireWorker(this.#index, 'write to')
    if (!this.isDestroyed) this.#world.hosted(this.#index).server.write(bytes)
    return true
  }

  pause(): void {
    this.isReading = false
  }

  resume(): void {
    this.isReading = true
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.isDestroyed) return
    this.#world.requireWorker(this.#index, 'close')
    this.isDestroyed = true
    this.#world.hosted(this.#index).server.isHungUp = true
  }
}

export class World {
  readonly scenario: Scenario
  readonly budget: Record<Chance, number>
  readonly trace: string[] = []
  readonly #hosted: Hosted[] = []
  readonly #hostWords = new Int32Array(new SharedArrayBuffer(HOST_BYTES), 0, HOST_WORDS)
  readonly #host: Host
  #clockMs = 0
  /** The worker: the steps that it runs now, and those that wait. */
  #workerSteps: Steps<void> | null = null
  #isInWorkerStep = false
  readonly #workerQueue: Steps<void>[] = []
  #workerAt = ''
  #workerSleep: { readonly sleep: Sleep; isNotified: boolean } | null = null
  #workerWoken: Woken = 'ok'
  readonly #soon: (() => void)[] = []
  #doorbell: { seen: number; wake: () => void; isRung: boolean } | null = null
  #tick: (() => void) | null = null
  /** The caller: its position in the script, and the call that runs now. */
  #callIndex = 0
  #callSteps: Steps<unknown> | null = null
  #callAt = ''
  #sleep: { readonly sleep: Sleep; isNotified: boolean } | null = null
  #woken: Woken = 'ok'
  #call: Call | null = null
  #rows: string[] = []
  #tearIn: 'after' | null = null
  #isWritten = false
  #results: string[] = []
  #cancelled = new Set<string>()
  /** Numbers of calls that were interrupted before anything was written. */
  readonly #unsent = new Set<string>()
  /** Sessions whose last call was interrupted. Their status is not checked. */
  readonly #tornSessions = new Set<number>()
  readonly #everTorn = new Set<number>()
  /** Sessions of whose loss the program knows, because a call has failed with it. */
  readonly #lossTold = new Set<number>()
  /** Sessions that the program has closed, or that had to be closed after an interrupted call. */
  readonly #left = new Set<number>()
  isAsync = false

  constructor(scenario: Scenario, budget: Record<Chance, number>) {
    this.scenario = scenario
    this.budget = { ...budget }
    const loop: HostLoop = {
      run: (steps) => this.#runInWorker(steps),
      whenMoved: (words, index, seen, wake) => {
        this.#doorbell = { seen, wake, isRung: Atomics.load(words, index) !== seen }
      },
      soon: (callback) => {
        if (this.scenario.lingers === true) this.#soon.push(callback)
      },
      every: (_intervalMs, callback) => {
        this.#tick = callback
        return () => {
          this.#tick = null
        }
      },
      openSession: (_options, events) => this.#openSession(events),
    }
    this.#host = new Host(this.#hostWords, loop)
  }

  /** Opens the sessions, one after the other, while nothing else happens. */
  async begin(): Promise<void> {
    for (let index = 0; index < this.scenario.sessions; index++) {
      const block = blockFor(index, this.scenario.ringBytes ?? 1 << 14)
      const server = new ModelConnection(this.scenario.pieces ?? 1)
      const heard: string[] = []
      const calls = new SessionCalls(block, this.#machine(index), (event) => {
        if (event.kind === 'notification') heard.push(event.notification.payload)
      })
      const empty = Buffer.alloc(0)
      this.#hosted.push({
        calls,
        block,
        server,
        transport: null,
        session: null,
        callerHas: empty,
        parsed: 0,
        heard,
        said: [],
      })
      this.#host.attach(index, block)
      Atomics.store(block.words, WORD.descriptor, 1)
      const opening = calls.open(OPTIONS)
      for (let turn = 0; !this.#stepAlone(opening); turn++) {
        if (turn > 200) throw new Violation('a session cannot be opened')
        await this.#settleWorker()
      }
    }
    await this.#settleWorker()
    this.trace.length = 0
  }

  hosted(index: number): Hosted {
    return this.#hosted[index]!
  }

  get isDone(): boolean {
    return this.#callSteps === null && this.#callIndex === this.scenario.calls.length
  }

  /** All moves that are possible now. An empty list means that the run has ended, or that it hangs. */
  moves(): MoveOption[] {
    const moves: MoveOption[] = []
    const offer = (actor: string, name: string, run: () => void, chance: Chance | null = null): void => {
      if (chance === null || this.budget[chance] > 0) moves.push({ actor, name, chance, run })
    }
    this.#offerCaller(offer)
    this.#offerWorker(offer)
    for (const [index, { server }] of this.#hosted.entries()) {
      if (server.canWork) offer('server', `server ${index} works`, () => server.work())
      if (server.underway.length > 0) offer('server', `a piece arrives at ${index}`, () => server.arrive())
      if (server.isRunningSlowly) offer('server', `server ${index} finishes`, () => server.finishSlow(false))
    }
    this.#offerChances(offer)
    return moves
  }

  /** Whether the move may have started work that ends in microtasks. */
  takeAsync(): boolean {
    const was = this.isAsync
    this.isAsync = false
    return was
  }

  /** A string that is equal for equal states of the world. */
  signature(): string {
    const parts: unknown[] = [
      this.#callIndex,
      this.#callAt,
      this.#sleep === null ? '' : `${this.#sleep.isNotified}`,
      this.#workerAt,
      this.#workerQueue.length,
      this.#workerSleep?.isNotified,
      this.#soon.length,
      this.#hostWords.subarray(0, 8).join(),
      this.#doorbell?.isRung,
      this.#tick !== null,
      this.#isWritten,
      this.#rows.join(),
      this.#results.join(),
      Object.values(this.budget).join(),
    ]
    for (const { block, server, transport, session, callerHas, parsed, heard } of this.#hosted) {
      parts.push(block.words.subarray(0, 24).join(), server.signature, callerHas.length, parsed, heard.length)
      parts.push(
        transport?.isReading,
        transport?.isDestroyed,
        session?.phase,
        session?.isQuiet,
        session?.transactionStatus,
      )
    }
    return parts.join('|')
  }

  /**
   * An interrupted call may have ended a session without ringing. Then the next ring, from any thread, ends that
   * session.
   */
  async rest(): Promise<void> {
    ring(this.#hostWords)
    await this.#settleWorker()
  }

  /** Checks the state at the end of a run. */
  check(): void {
    for (const [index, { server, session, transport, calls, heard, said, block }] of this.#hosted.entries()) {
      for (const number of new Set(server.ran)) {
        if (server.ran.filter((each) => each === number).length > 1) {
          throw new Violation(`statement ${number} was run more than once`)
        }
        if (this.#unsent.has(number))
          throw new Violation(`statement ${number} was run, though its call was interrupted before`)
      }
      if (calls.isClosed && !server.isEnded && transport?.isDestroyed !== true) {
        throw new Violation(`session ${index} is said to be closed, and its socket is open`)
      }
      if (!calls.isClosed && !this.#tornSessions.has(index) && !server.isEnded) {
        this.#checkStatus(index)
        if (session !== null && heard.length > said.length) throw new Violation('a notification was heard twice')
      }
      if (Atomics.load(block.words, WORD.departure) === DEPARTURE.done && transport?.isDestroyed !== true) {
        throw new Violation(`session ${index} has left, and its socket is open`)
      }
    }
  }

  /** @throws Violation when the worker does not own the socket */
  requireWorker(index: number, what: string): void {
    const { block, session } = this.hosted(index)
    if (session === null || ownerOf(block.words) === OWNER.worker) return
    throw new Violation(`the worker is about to ${what} socket ${index}, which it does not own`)
  }

  // ---- the caller

  #machine(index: number): ConstructorParameters<typeof SessionCalls>[1] {
    const socketCall = (name: string): Hosted => {
      const hosted = this.hosted(index)
      if (ownerOf(hosted.block.words) !== OWNER.caller) {
        throw new Violation(`the caller is about to ${name} socket ${index}, which it does not own`)
      }
      return hosted
    }
    return {
      socket: {
        isSame: () => true,
        write: (bytes) => {
          const { server } = socketCall('write to')
          const length = this.budget.partial > 0 && bytes.length > 4096 ? bytes.length >> 1 : bytes.length
          if (length < bytes.length) this.budget.partial -= 1
          if (this.#tearIn === null || length > 0) {
            server.write(bytes.subarray(0, length))
            this.#isWritten = true
          }
          if (this.#tearIn === 'after') throw new Torn()
          return server.isEnded && server.isHungUp ? 0 : length
        },
        read: (into) => {
          const hosted = socketCall('read from')
          const { server } = hosted
          const length = Math.min(into.length, server.arrived.length)
          if (length === 0) return server.isEnded && server.underway.length === 0 ? -1 : 0
          into.set(server.arrived.subarray(0, length))
          hosted.callerHas = Buffer.concat([hosted.callerHas, server.arrived.subarray(0, length)])
          server.arrived = server.arrived.subarray(length)
          if (this.#tearIn === 'after') throw new Torn()
          return length
        },
      },
      life: {
        isDead: false,
        watch() {},
        examine() {},
        noteTimeout() {},
        deathError: () => {
          throw new Violation('nobody has died')
        },
      },
      now: () => (this.#clockMs += 1),
      isInterruptible: false,
      ring: () => {
        const isForRoom = this.#call !== null && this.#callAt !== 'ring'
        if (!isForRoom || !misbehaviours.has('is not told of room')) ring(this.#hostWords)
      },
      handArray: () => {
        throw new Violation('no request of the model is that large')
      },
    }
  }

  #begin(call: Call): Steps<unknown> {
    const { calls } = this.hosted(call.session)
    this.#rows = []
    this.#isWritten = false
    if ('poll' in call) {
      const sink = { take() {}, complete() {} }
      return calls.perform('awaitNotification', { timeoutMs: 0 }, sink, Infinity)
    }
    if ('leave' in call) return calls.leave(DEPARTURE.abandoned)
    if ('status' in call) return calls.hasInterruptedCall ? calls.endInterruptedCall() : nothing()
    const rows: RowSink = { take: (bytes, start, end) => this.#takeRows(bytes, start, end) }
    const request: ExecuteRequest = {
      name: '',
      parse: { sql: call.sql, parameterTypes: [] },
      bind: new Uint8Array(6),
      rowLimit: 0,
      begin: null,
      closing: [],
      timeoutMs: 0,
      rows,
    }
    return calls.ask('execute', request, rows, writeExecuteFlight)
  }

  #takeRows(bytes: Uint8Array, start: number, end: number): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset)
    for (let at = start; at < end; at += 1 + buffer.readInt32BE(at + 1)) {
      this.#rows.push(buffer.toString('latin1', at + 11, at + 1 + buffer.readInt32BE(at + 1)).replace(/\.+$/, ''))
    }
  }

  #offerCaller(offer: (actor: string, name: string, run: () => void, chance?: Chance | null) => void): void {
    const sleep = this.#sleep
    if (sleep !== null) {
      if (sleep.isNotified) offer('caller', 'the caller wakes', () => this.#stepCaller())
      if (this.#callSteps !== null) offer('tear', 'the sleeping call is interrupted', () => this.#tear(), 'tear')
      return
    }
    if (this.#callSteps === null) {
      const call = this.scenario.calls[this.#callIndex]
      if (call === undefined) return
      offer('caller', `the caller calls ${JSON.stringify(call)}`, () => {
        this.#callIndex += 1
        this.#call = call
        if ('leave' in call) this.#left.add(call.session)
        this.#callSteps = this.#begin(call)
        this.#callAt = 'begins'
      })
      return
    }
    offer('caller', `the caller: ${this.#callAt}`, () => this.#stepCaller())
    offer('tear', `the call is interrupted before: ${this.#callAt}`, () => this.#tear(), 'tear')
    if (this.#callAt === 'write' || this.#callAt.startsWith('read')) {
      offer(
        'tear',
        `the call is interrupted within: ${this.#callAt}`,
        () => {
          this.#tearIn = 'after'
          this.#stepCaller()
          this.#tearIn = null
          if (this.#callSteps !== null) this.#tear()
        },
        'tear',
      )
    }
  }

  #tear(): void {
    const { session } = this.#call!
    if ('sql' in this.#call! && !this.#isWritten && !this.#isAnnounced(session)) {
      this.#unsent.add(this.#call.sql.split(' ')[1]!)
    }
    this.#tornSessions.add(session)
    this.#everTorn.add(session)
    this.#endCall('torn')
  }

  /** Whether the worker may have seen the request of the current call. */
  #isAnnounced(session: number): boolean {
    const { words } = this.hosted(session).block
    return Atomics.load(words, WORD.requestId) === Atomics.load(words, WORD.callId)
  }

  #endCall(result: string): void {
    this.#results.push(result)
    this.#callSteps = null
    this.#sleep = null
    this.#callAt = ''
    this.#call = null
  }

  #stepCaller(): void {
    this.#sleep = null
    const steps = this.#callSteps!
    const call = this.#call!
    try {
      const { done, value } = steps.next(this.#woken)
      this.#woken = 'ok'
      this.#noteHandedBack(call.session)
      if (done === true) return this.#finishCall(call, value)
      if (typeof value === 'string') {
        this.#callAt = value
        return
      }
      const sleep = value as Sleep
      this.#callAt = 'sleeps'
      // If the word has already changed, the sleep ends at once. Otherwise only a notify ends it.
      const hasMoved = Atomics.load(sleep.words, sleep.index) !== sleep.seen
      this.#sleep = { sleep, isNotified: hasMoved }
      this.#woken = hasMoved ? 'not-equal' : 'ok'
    } catch (error) {
      if (error instanceof Torn) return this.#tear()
      if (error instanceof Violation || !(error instanceof DbError)) throw error
      this.#failCall(call, error)
    }
  }

  #finishCall(call: Call, value: unknown): void {
    if ('sql' in call) {
      const [verb = '', number = ''] = call.sql.split(' ')
      const { block, server } = this.hosted(call.session)
      if (value instanceof WholeAnswer && value.rowsEnd > value.rowsStart) {
        this.#takeRows(block.answer, value.rowsStart, value.rowsEnd)
      }
      const isQuery = verb !== 'begin' && verb !== 'commit'
      if (this.#rows.join() !== (isQuery ? number : '')) {
        throw new Violation(`"${call.sql}" was answered by the rows "${this.#rows.join()}"`)
      }
      if (!server.ran.includes(number)) throw new Violation(`"${call.sql}" was answered, and the server has not run it`)
    }
    this.#tornSessions.delete(call.session)
    this.#endCall('ok')
    if (!('leave' in call)) this.#checkStatus(call.session)
  }

  #failCall(call: Call, error: DbError): void {
    const sqlstate = error.sqlstate ?? error.constructor.name
    const { calls, server } = this.hosted(call.session)
    this.#endCall(sqlstate)
    const isExpected =
      ('sql' in call && call.sql.startsWith('fail') && (sqlstate === '22012' || sqlstate === '25P02')) ||
      (sqlstate === '57014' && this.#cancelled.has('sql' in call ? call.sql : '')) ||
      (sqlstate === '25P02' && server.status === 'E') ||
      server.isEnded ||
      (calls.isClosed && (this.#left.has(call.session) || this.#isGivenUp(call.session, error)))
    if (!isExpected) throw new Violation(`"${JSON.stringify(call)}" failed: ${error.message}`)
    if (server.isEnded && !OF_STATEMENTS.has(sqlstate)) this.#checkTelling(call.session, error)
    this.#tornSessions.delete(call.session)
    if (!calls.isClosed && !server.isEnded) this.#checkStatus(call.session)
  }

  /**
   * Checks the error of a call on a lost session: the first call gets the reason, and later calls "connection is
   * closed".
   */
  #checkTelling(index: number, error: DbError): void {
    // The call that got the reason may have been interrupted.
    if (this.#everTorn.has(index) || this.#left.has(index)) return
    const isReason = !(error instanceof InterfaceError)
    if (isReason === this.#lossTold.has(index)) {
      throw new Violation(`the loss of session ${index} was told ${isReason ? 'twice' : 'without its reason'}`)
    }
    this.#lossTold.add(index)
  }

  /**
   * Whether a session was closed after an interrupted call, for the only allowed reason: the request was sent or
   * answered in part.
   */
  #isGivenUp(index: number, error: DbError): boolean {
    if (!this.#everTorn.has(index) || !error.message.includes('sent or answered in part')) return false
    this.#left.add(index)
    return true
  }

  #checkStatus(index: number): void {
    const { block, server, calls } = this.hosted(index)
    if (calls.isClosed || server.isEnded) return
    const status = String.fromCharCode(Atomics.load(block.words, WORD.transactionStatus))
    if (status !== server.status)
      throw new Violation(`session ${index} has status ${status}, its server ${server.status}`)
  }

  /**
   * Notes bytes that the caller has read. If it gave the socket back, it has parsed them. If it handed the socket
   * over, the worker must get them.
   */
  #noteHandedBack(index: number): void {
    const hosted = this.hosted(index)
    if (hosted.callerHas.length === 0 || ownerOf(hosted.block.words) !== OWNER.lent) return
    this.#noteParsed(index, hosted.callerHas)
    hosted.callerHas = Buffer.alloc(0)
  }

  #noteParsed(index: number, bytes: Buffer): void {
    const hosted = this.hosted(index)
    const due = hosted.server.sent.subarray(hosted.parsed, hosted.parsed + bytes.length)
    if (!due.equals(bytes)) throw new Violation(`bytes of session ${index} were parsed out of order`)
    hosted.parsed += bytes.length
  }

  // ---- the worker

  async #openSession(events: SessionEvents): Promise<Session> {
    const index = this.#hosted.length - 1
    const hosted = this.hosted(index)
    const transport = new ModelTransport(this, index)
    hosted.transport = transport
    const session = new Session(transport, null, events)
    if (misbehaviours.has('lends between two halves')) {
      Object.defineProperty(session, 'isQuiet', { get: () => session.phase === 'ready' })
    }
    const lend = session.lend.bind(session)
    session.lend = () => {
      if (!isMessageEnd(hosted.server.sent, hosted.parsed))
        throw new Violation(`socket ${index} is lent within a message`)
      lend()
    }
    const data = session.data.bind(session)
    session.data = (bytes, start, end) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
      // Bytes that the caller has read come first.
      if (hosted.callerHas.length > 0) {
        if (!hosted.callerHas.equals(buffer))
          throw new Violation(`bytes that the caller read of ${index} were overtaken`)
        hosted.callerHas = Buffer.alloc(0)
      }
      this.#noteParsed(index, buffer)
      data(bytes, start, end)
    }
    // The model's cancel request. It reaches the server at once and cancels the slow statement that runs.
    session.cancel = async () => {
      hosted.server.finishSlow(true)
      return {}
    }
    const starting = session.startUp(OPTIONS, { host: null, serverCertificate: null, isPrivate: true })
    hosted.server.greet()
    hosted.server.arrive()
    this.#read(index)
    await starting
    hosted.session = session
    return session
  }

  #runInWorker(steps: Steps<void>): void {
    // These steps are part of another step of the worker, so nothing else of the worker can run in between.
    if (this.#isInWorkerStep) runSteps(steps, neverSleeps)
    else this.#workerQueue.push(steps)
  }

  #offerWorker(offer: (actor: string, name: string, run: () => void, chance?: Chance | null) => void): void {
    const isHeld =
      misbehaviours.has('is held by a caller') &&
      this.#hosted.some(({ block }) => ownerOf(block.words) === OWNER.caller)
    if (isHeld) return
    if (this.#workerSleep !== null) {
      if (this.#workerSleep.isNotified) offer('worker', 'the worker wakes', () => this.#stepWorker())
      else offer('time', 'the worker has lingered', () => this.#endLinger())
      return
    }
    if (this.#workerSteps !== null || this.#workerQueue.length > 0) {
      offer('worker', `the worker: ${this.#workerAt}`, () => this.#stepWorker())
      return
    }
    if (this.#doorbell?.isRung === true) offer('worker', 'the worker hears the doorbell', () => this.#hearDoorbell())
    for (const [index, { server, transport }] of this.#hosted.entries()) {
      if (transport === null || !transport.isReading || transport.isDestroyed) continue
      if (server.arrived.length > 0) offer('worker', `the worker reads socket ${index}`, () => this.#read(index))
      else if (server.isEnded && server.underway.length === 0) {
        offer('worker', `the worker sees the end of ${index}`, () => this.#seeEnd(index))
      }
    }
    for (const [index, { transport }] of this.#hosted.entries()) {
      if (transport?.isDestroyed === true && !transport.hasToldEnd) {
        offer('worker', `socket ${index} is closed`, () => this.#tellEnd(index))
      }
    }
    if (this.#soon.length > 0) offer('worker', 'the event loop turns', () => this.#soon.shift()!())
    if (this.#tick !== null) offer('worker', 'the timer ticks', () => this.#tick?.(), 'tick')
  }

  #hearDoorbell(): void {
    const { wake } = this.#doorbell!
    this.#doorbell = null
    wake()
  }

  #stepWorker(): void {
    this.#workerSteps ??= this.#workerQueue.shift() ?? null
    const steps = this.#workerSteps
    if (steps === null) return
    this.isAsync = true
    this.#isInWorkerStep = true
    try {
      const { done, value } = steps.next(this.#workerWoken)
      this.#workerWoken = 'ok'
      this.#workerSleep = null
      this.#workerAt = typeof value === 'string' ? value : ''
      if (done === true) this.#workerSteps = null
      else if (typeof value !== 'string') this.#sleepInWorker(value as Sleep)
    } finally {
      this.#isInWorkerStep = false
    }
  }

  #sleepInWorker(sleep: Sleep): void {
    const hasMoved = Atomics.load(sleep.words, sleep.index) !== sleep.seen
    this.#workerAt = 'lingers'
    this.#workerSleep = { sleep, isNotified: hasMoved }
  }

  #endLinger(): void {
    this.#workerWoken = 'timed-out'
    this.#stepWorker()
  }

  #read(index: number): void {
    const { server, transport } = this.hosted(index)
    this.requireWorker(index, 'read from')
    const bytes = server.arrived
    server.arrived = Buffer.alloc(0)
    this.isAsync = true
    transport?.events?.data(bytes, 0, bytes.length)
  }

  #seeEnd(index: number): void {
    this.hosted(index).transport?.destroy()
  }

  #tellEnd(index: number): void {
    const { transport } = this.hosted(index)
    transport!.hasToldEnd = true
    this.isAsync = true
    transport!.events?.closed(null)
  }

  /** Called when a thread notifies the threads that sleep on a word. */
  notified(words: Int32Array, index: number): void {
    for (const sleeper of [this.#sleep, this.#workerSleep]) {
      if (sleeper?.sleep.words.buffer === words.buffer && sleeper.sleep.index === index) sleeper.isNotified = true
    }
    if (words === this.#hostWords && index === HOST.doorbell && this.#doorbell !== null) this.#doorbell.isRung = true
  }

  // ---- chances

  #offerChances(offer: (actor: string, name: string, run: () => void, chance?: Chance | null) => void): void {
    for (const [index, hosted] of this.#hosted.entries()) {
      const { server } = hosted
      if (server.isEnded) continue
      const say = (): void => {
        hosted.said.push('n')
        server.notify('n')
      }
      offer('chance', `server ${index} notifies`, say, 'notify')
      offer('chance', `server ${index} ends the connection`, () => server.terminate(), 'terminate')
    }
    const call = this.#call
    if (call !== null && 'sql' in call) {
      const cancel = (): void => {
        const { words } = this.hosted(call.session).block
        this.#cancelled.add(call.sql)
        Atomics.store(words, WORD.cancelId, Atomics.load(words, WORD.callId))
        ring(this.#hostWords)
      }
      offer('chance', 'a third thread cancels', cancel, 'cancel')
    }
  }

  // ---- the beginning, where nothing else goes on

  /** @returns whether the steps have ended */
  #stepAlone(steps: Steps<unknown>): boolean {
    return steps.next('ok').done === true
  }

  async #settleWorker(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) {
      await settled()
      if (this.#workerSleep?.isNotified === false) this.#endLinger()
      else if (this.#workerSteps !== null || this.#workerQueue.length > 0) this.#stepWorker()
      else if (this.#doorbell?.isRung === true) this.#hearDoorbell()
      else if (this.#soon.length > 0) this.#soon.shift()!()
      else return
    }
  }
}

function neverSleeps(): never {
  throw new Violation('the worker sleeps in the middle of other work')
}

/** SQLSTATEs after which the session goes on. */
const OF_STATEMENTS: ReadonlySet<string> = new Set(['22012', '25P02', '57014'])

function* nothing(): Steps<void> {}

function isMessageEnd(stream: Buffer, offset: number): boolean {
  let at = 0
  while (at < offset) at += 1 + stream.readInt32BE(at + 1)
  return at === offset
}

const blocks = new Map<string, SessionBlock>()

/** Blocks are made once, because new memory of that size costs more time than a run. */
function blockFor(index: number, ringBytes: number): SessionBlock {
  const key = `${index} ${ringBytes}`
  const known = blocks.get(key)
  const block = known ?? viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(ringBytes)))
  blocks.set(key, block)
  block.words.fill(0)
  block.answer.fill(0)
  return block
}

/** The callbacks that the code under test has passed to `setImmediate`, in order. */
const putOff: (() => void)[] = []

/**
 * Resolves when all work that was begun has ended. `nextTick` calls back after all microtasks. A turn of the event loop
 * would too, but it takes most of the time of a walk.
 */
export async function settled(): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => process.nextTick(resolve))
    const next = putOff.shift()
    if (next === undefined) return
    next()
  }
}

/** Runs `work`. Meanwhile the model handles the sleeps, wake-ups and `setImmediate` of this thread. */
export async function withModelOfSleep<T>(world: () => World, work: () => Promise<T>): Promise<T> {
  const { notify, wait } = Atomics
  const { setImmediate } = globalThis
  globalThis.setImmediate = ((callback: () => void) => void putOff.push(callback)) as unknown as typeof setImmediate
  Object.assign(Atomics, {
    notify: (words: Int32Array, index: number): number => {
      world().notified(words, index)
      return 0
    },
    // The writer of the ring waits for room. Both threads of the model run in this one, so the reader cannot make
    // any.
    wait: () => 'timed-out',
  })
  try {
    return await work()
  } finally {
    Object.assign(Atomics, { notify, wait })
    globalThis.setImmediate = setImmediate
    putOff.length = 0
  }
}
