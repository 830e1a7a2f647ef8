/**
 * Keeps the worker of this thread: one for all sessions, a new one when it has died. Loads synckit when the first connection
 * is made, not before. The start is a handshake with a time limit, and each way to fail is an error that says what to do.
 */
import { existsSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { accessDenied, isAccessDenied } from '../../src-async/errors/node-permission.ts'
import { OperationalError } from '../../src-async/errors/tree.ts'
import type { ControlCall, ControlReply } from '../channel/control.ts'
import {
  DEATH_TEXT_MAX_BYTES,
  DEATH_TEXT_OFFSET,
  HOST,
  HOST_BYTES,
  HOST_WORDS,
  LAYOUT_VERSION,
  type SessionBlock,
  WORD,
  sessionBlockBytes,
  viewSessionBlock,
} from '../channel/layout.ts'
import { ring } from '../turn/doorbell.ts'
import { DEPARTURE } from '../turn/turn.ts'
import { now } from './clock.ts'
import type { Membership } from './membership.ts'
import {
  ANSWER_SLICE_MS,
  type WorkerThread,
  isAnyTaskAlive,
  messageOf,
  silentEndError,
  startWorkerThread,
} from './worker-thread.ts'

/** A worker takes 30–100 ms to start and answers the other calls at once; a starved machine may need far longer. */
const ANSWER_TIMEOUT_MS = 30_000
/** synckit counts by another clock, of whole milliseconds. */
const CLOCK_SLACK_MS = 5
/** A beat older than this raises the question whether the worker lives. */
export const SUSPICION_MS = 1000
/** Where the kernel cannot be asked, a worker without a beat for this long is taken for dead. */
const SILENCE_MEANS_DEATH_MS = 30_000

/** Shared memory of sessions that have left is kept for the next ones; so many blocks of one size at the most. */
const MOST_SPARE_BLOCKS = 64

/** Shared memory of a session, as both threads know it. */
interface Block {
  readonly number: number
  readonly shared: SharedArrayBuffer
  readonly view: SessionBlock
}

/** The caller's handle of its worker. */
export class WorkerHost {
  readonly #thread: WorkerThread
  readonly #file: WorkerFile
  readonly #words: Int32Array
  readonly #shared: SharedArrayBuffer
  /** Blocks whose sessions have left or are leaving, by size. */
  readonly #spare = new Map<number, Block[]>()
  /** Numbers of blocks that are not kept and that the worker has not been told of. */
  readonly #dropped: number[] = []
  #nextSessionId = 1
  #nextBlockNumber = 1
  #lastBeat = 0
  #lastBeatAtMs = 0
  #isStuck = false

  /** Threads of which one is the worker; when all have ended, so has the worker. None where the kernel does not say. */
  #taskIds: readonly number[]
  #isUp = false

  /**
   * @param limitMs how long the start may take
   * @throws OperationalError when the worker does not start, or is of another version of syncpg.
   */
  constructor(file: WorkerFile, limitMs: number) {
    this.#file = file
    this.#shared = new SharedArrayBuffer(HOST_BYTES)
    this.#words = new Int32Array(this.#shared, 0, HOST_WORDS)
    this.#thread = startWorkerThread(file.path, file.hint, {
      isWanted: () => this.#isUp,
      ended: (error) => this.#ended(error),
    })
    this.#taskIds = this.#thread.taskIds
    const { osThreadId = 0 } = this.#hello(limitMs)
    // Where Node may not look at the kernel's list, the worker would look dead.
    const isVisible = osThreadId > 0 && isAnyTaskAlive([osThreadId]) === true
    this.#taskIds = isVisible ? [osThreadId] : []
    Atomics.store(this.#words, HOST.osThreadId, isVisible ? osThreadId : 0)
    this.#isUp = true
  }

  /** Takes a session on: gives it shared memory. */
  join(ringBytes: number, openedAt: string): Membership {
    const bytes = sessionBlockBytes(ringBytes)
    const sessionId = this.#nextSessionId++
    const spare = this.#takeSpare(bytes)
    const block = spare ?? this.#newBlock(bytes)
    const { number, shared, view } = block
    let isRetired = false
    Atomics.store(view.words, WORD.sessionId, sessionId)
    const given = spare === null ? { shared } : {}
    this.#control({ name: 'attach', sessionId, blockNumber: number, ...given, dropped: this.#dropped.splice(0) })
    return {
      sessionId,
      shared,
      block: view,
      openedAt,
      isHandedOut: false,
      ring: () => this.ring(),
      isDead: () => this.isDead,
      retire: () => {
        // A block that is kept twice would serve two sessions at once.
        if (isRetired) return
        isRetired = true
        this.#retire(block)
      },
    }
  }

  /** Hands over an array for a request that does not fit the request area. */
  handArray(sessionId: number, shared: SharedArrayBuffer): void {
    this.#control({ name: 'array', sessionId, shared })
  }

  /** Has the worker look at its sessions. */
  ring(): void {
    ring(this.#words)
  }

  #newBlock(bytes: number): Block {
    const shared = new SharedArrayBuffer(bytes)
    return { number: this.#nextBlockNumber++, shared, view: viewSessionBlock(shared) }
  }

  #retire(block: Block): void {
    const bytes = block.shared.byteLength
    const spare = this.#spare.get(bytes) ?? []
    if (spare.length < MOST_SPARE_BLOCKS) spare.push(block)
    else this.#dropped.push(block.number)
    this.#spare.set(bytes, spare)
  }

  /** A block whose session has left, made as good as new; null where there is none. */
  #takeSpare(bytes: number): Block | null {
    const spare = this.#spare.get(bytes) ?? []
    const index = spare.findIndex(({ view }) => Atomics.load(view.words, WORD.departure) === DEPARTURE.done)
    if (index < 0) return null
    const [block] = spare.splice(index, 1)
    const { words, answer } = block!.view
    // Numbers of calls go on: a canceller of the session before may still be about to name one.
    const callId = Atomics.load(words, WORD.callId)
    words.fill(0)
    Atomics.store(words, WORD.callId, callId)
    Atomics.store(words, WORD.requestId, callId)
    answer.fill(0)
    return block!
  }

  /** The host block, for a cancel from another thread. */
  get shared(): SharedArrayBuffer {
    return this.#shared
  }

  get isDead(): boolean {
    return Atomics.load(this.#words, HOST.death) === 1
  }

  /** Starts the watch: a beat is expected from now on. */
  watch(): void {
    this.#lastBeat = Atomics.load(this.#words, HOST.heartbeat)
    this.#lastBeatAtMs = now()
  }

  /**
   * Looks whether the worker still lives; called between slices of a wait.
   * @throws OperationalError when it does not.
   */
  examine(): void {
    if (!this.isDead && !this.#isSilentlyDead()) return
    Atomics.store(this.#words, HOST.death, 1)
    throw this.obituary()
  }

  /** A limited call has not been answered in time: a worker whose event loop stands still gets no further sessions. */
  distrust(): void {
    const isSilent = Atomics.load(this.#words, HOST.heartbeat) === this.#lastBeat
    if (isSilent && now() - this.#lastBeatAtMs > SUSPICION_MS) this.#isStuck = true
  }

  /** Whether it hangs, in an embedded server that works without end: what it hosts may still be answered one day. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** What is known of the worker's death. */
  obituary(): OperationalError {
    const length = Atomics.load(this.#words, HOST.deathTextBytes)
    const text = Buffer.from(this.#shared, DEATH_TEXT_OFFSET, length).utf8Slice(0, length)
    const [firstLine = ''] = text.split('\n')
    const reason =
      firstLine === '' ? 'it ended without a word, which is what running out of memory looks like' : firstLine
    return new OperationalError(`the worker that hosts the connection has died: ${reason}`, {
      sqlstate: '08006',
      ...(text === '' ? {} : { cause: remote(text) }),
    })
  }

  /** The thread has ended, as its Worker says; a worker that could say more has written it into the host block. */
  #ended(error: Error | null): void {
    if (this.isDead) return
    const area = Buffer.from(this.#shared, DEATH_TEXT_OFFSET, DEATH_TEXT_MAX_BYTES)
    Atomics.store(this.#words, HOST.deathTextBytes, error === null ? 0 : area.write(error.stack ?? error.message))
    Atomics.store(this.#words, HOST.death, 1)
  }

  #isSilentlyDead(): boolean {
    const beat = Atomics.load(this.#words, HOST.heartbeat)
    const nowMs = now()
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat
      this.#lastBeatAtMs = nowMs
      return false
    }
    const silentMs = nowMs - this.#lastBeatAtMs
    if (silentMs < SUSPICION_MS) return false
    // A stale beat is only suspicion: the machine may be starved, and the embedded server runs without an event loop.
    const isAlive = isAnyTaskAlive(this.#taskIds)
    return isAlive === null ? silentMs > SILENCE_MEANS_DEATH_MS : !isAlive
  }

  /** @throws OperationalError when the file does not answer as a worker of this version does. */
  #hello(limitMs: number): ControlReply {
    const { path, hint } = this.#file
    const reply = this.#control({ name: 'hello', shared: this.#shared }, limitMs)
    const { layoutVersion } = (typeof reply === 'object' && reply !== null ? reply : {}) as ControlReply
    if (layoutVersion === LAYOUT_VERSION) return reply as ControlReply
    const message =
      layoutVersion === undefined
        ? `the file is no worker of syncpg, or one of another version: ${path}`
        : `the worker's file belongs to another version of syncpg: ${path}`
    throw new OperationalError(message, { hint })
  }

  /**
   * Asks in slices. A thread that ends without a word wakes nobody, so the caller looks after each slice and asks again: the
   * worker may be asked the same twice.
   */
  #control(call: ControlCall, limitMs = ANSWER_TIMEOUT_MS): unknown {
    const mostSlices = Math.ceil(limitMs / ANSWER_SLICE_MS)
    let isGone = false
    for (let slices = 1; ; slices++) {
      const askedAtMs = now()
      try {
        return this.#thread.call(call)
      } catch (error) {
        if (this.isDead) throw this.obituary()
        // Sooner than the slice ends: the worker has failed, and synckit says of what. It says so again when asked again.
        // A clock that a test has stopped tells nothing, so synckit's own words count as well.
        const isSliceOver =
          now() - askedAtMs >= ANSWER_SLICE_MS - CLOCK_SLACK_MS || messageOf(error).includes('timed-out')
        if (!isSliceOver) throw this.#failure(error)
        if (isGone) throw this.#silentEnd()
        isGone = isAnyTaskAlive(this.#taskIds) === false
        if (slices >= mostSlices) throw this.#silence(limitMs, error)
      }
    }
  }

  #failure(error: unknown): OperationalError {
    const { path, hint } = this.#file
    if (this.#isUp) return new OperationalError(`the worker failed: ${messageOf(error)}`, { cause: error })
    return new OperationalError(`the worker did not start: ${messageOf(error)}: ${path}`, { hint, cause: error })
  }

  #silentEnd(): OperationalError {
    Atomics.store(this.#words, HOST.death, 1)
    return this.#isUp ? this.obituary() : silentEndError(this.#file.path)
  }

  #silence(limitMs: number, cause: unknown): OperationalError {
    const { path, hint } = this.#file
    const message = `the worker did not answer within ${limitMs} ms: ${path}`
    return new OperationalError(message, this.#isUp ? { cause } : { hint, cause })
  }
}

let current: WorkerHost | null = null

/**
 * The worker of this thread.
 * @param limitMs how long connecting may take, 0 for no limit; a worker may take that long to start, and 30 seconds at most
 * @throws OperationalError when it does not start.
 */
export function workerHost(limitMs: number): WorkerHost {
  if (current === null || current.isDead || current.isStuck) {
    current = new WorkerHost(workerFile(), limitMs > 0 ? Math.min(limitMs, ANSWER_TIMEOUT_MS) : ANSWER_TIMEOUT_MS)
  }
  return current
}

/** The file that the worker runs. */
interface WorkerFile {
  readonly path: string
  /** What to do when it is not the right one. */
  readonly hint: string
}

const BUNDLED =
  'a bundler has left it behind: keep syncpg external, or name the installed file, node_modules/syncpg/dist/worker.cjs, ' +
  'in the environment variable SYNCPG_WORKER'

const NAMED =
  'SYNCPG_WORKER must name the dist/worker.cjs of the version of syncpg that the program loads, or not be set at all'

const INSTALLED = 'the installed files of syncpg do not fit together: install it again'

/** `SYNCPG_WORKER` names the worker's file where a bundler has moved the code away from it. */
function workerFile(): WorkerFile {
  const named = process.env['SYNCPG_WORKER']
  if (named !== undefined && named !== '') return { path: existing(resolve(named)), hint: NAMED }
  // A bundle in the form of an ES module does not know where it is.
  const here = import.meta.dirname as string | undefined
  if (here === undefined) throw new OperationalError("the worker's file is not known", { hint: BUNDLED })
  return { path: existing(join(here, 'worker.cjs')), hint: INSTALLED }
}

function existing(path: string): string {
  try {
    if (existsSync(path)) return realpathSync(path)
  } catch (error) {
    if (isAccessDenied(error)) throw accessDenied("the worker's file cannot be found", error)
    throw new OperationalError(`the worker's file cannot be found: ${messageOf(error)}`, { cause: error })
  }
  throw new OperationalError(`the worker's file is missing: ${path}`, { hint: BUNDLED })
}

function remote(stack: string): Error {
  const [message = ''] = stack.split('\n')
  const error = new Error(message)
  error.stack = stack
  return error
}
