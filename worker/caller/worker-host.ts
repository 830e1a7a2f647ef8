/**
 * Keeps the worker of this thread. One worker serves all sessions, and a new one is started when it has died. synckit
 * is loaded with the first connection. The start is an exchange of messages with a time limit, and each error says what
 * to do.
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
import { ring, whileCalled } from '../turn/doorbell.ts'
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

/** A worker takes 30–100 ms to start and answers other calls at once. An overloaded machine may need far longer. */
const ANSWER_TIMEOUT_MS = 30_000
/** synckit measures its time limit with another clock, in whole milliseconds. So it may time out this much too early. */
const CLOCK_SLACK_MS = 5
/** When the last heartbeat is older than this, the caller asks the kernel whether the worker still exists. */
export const SUSPICION_MS = 1000
/** If the kernel cannot tell, a worker counts as dead after this long without a heartbeat. */
const SILENCE_MEANS_DEATH_MS = 30_000

/** The blocks of ended sessions are kept for new sessions; at most this many of one size. */
const MOST_SPARE_BLOCKS = 64

/** The shared memory of a session. Both threads know it by its number. */
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
  /** Blocks whose sessions have ended or are about to, by size. */
  readonly #spare = new Map<number, Block[]>()
  /** Numbers of blocks that are not kept. The next `attach` tells the worker to release them. */
  readonly #dropped: number[] = []
  #nextSessionId = 1
  #nextBlockNumber = 1
  #lastBeat = 0
  #lastBeatAtMs = 0
  #isStuck = false

  /**
   * Kernel ids of threads; one of them is the worker. When all of them have ended, the worker has ended too. Empty if unknown.
   */
  #taskIds: readonly number[]
  #isStarted = false

  /**
   * @param limitMs how long the start may take
   * @throws OperationalError when the worker does not start, or is of another version of syncpg.
   */
  constructor(file: WorkerFile, limitMs: number) {
    this.#file = file
    this.#shared = new SharedArrayBuffer(HOST_BYTES)
    this.#words = new Int32Array(this.#shared, 0, HOST_WORDS)
    this.#thread = startWorkerThread(file.path, file.hint, {
      isWanted: () => this.#isStarted,
      ended: (error) => this.#ended(error),
    })
    this.#taskIds = this.#thread.taskIds
    const { osThreadId = 0 } = this.#hello(limitMs)
    // If Node may not read the kernel's list of threads, a living worker would look dead. So its id is not used then.
    const isVisible = osThreadId > 0 && isAnyTaskAlive([osThreadId]) === true
    this.#taskIds = isVisible ? [osThreadId] : []
    Atomics.store(this.#words, HOST.osThreadId, isVisible ? osThreadId : 0)
    this.#isStarted = true
  }

  /** Adds a session and gives it shared memory. */
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
      ring: () => this.ring(),
      isDead: () => this.isDead,
      retire: () => {
        // Without this check a block could be kept twice and then serve two sessions at once.
        if (isRetired) return
        isRetired = true
        this.#retire(block)
      },
    }
  }

  /** Hands over an array for a request that does not fit into the request area. */
  handArray(sessionId: number, shared: SharedArrayBuffer): void {
    this.#control({ name: 'array', sessionId, shared })
  }

  /** Makes the worker look at its sessions. */
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

  /** Takes a kept block whose session has ended, and clears it. @returns null when there is none. */
  #takeSpare(bytes: number): Block | null {
    const spare = this.#spare.get(bytes) ?? []
    const index = spare.findIndex(({ view }) => Atomics.load(view.words, WORD.departure) === DEPARTURE.done)
    if (index < 0) return null
    const [block] = spare.splice(index, 1)
    const { words, answer } = block!.view
    // The call numbers do not start again at 0, because a canceller of the last session may still use an old number.
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

  /** Expects the worker's heartbeat from now on. */
  watch(): void {
    this.#lastBeat = Atomics.load(this.#words, HOST.heartbeat)
    this.#lastBeatAtMs = now()
  }

  /**
   * Checks whether the worker is still alive. Called between the slices of a wait.
   * @throws OperationalError when the worker is dead.
   */
  examine(): void {
    if (!this.isDead && !this.#isSilentlyDead()) return
    Atomics.store(this.#words, HOST.death, 1)
    throw this.deathError()
  }

  /** Called when a call got no answer in time. If the worker's event loop stands still, it gets no new sessions. */
  noteTimeout(): void {
    const isSilent = Atomics.load(this.#words, HOST.heartbeat) === this.#lastBeat
    if (isSilent && now() - this.#lastBeatAtMs > SUSPICION_MS) this.#isStuck = true
  }

  /** Whether the worker hangs, for example in an endless statement of PGlite. Its sessions stay open and may recover. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** The error that says why the worker died, as far as known. */
  deathError(): OperationalError {
    const length = Atomics.load(this.#words, HOST.deathTextBytes)
    const text = Buffer.from(this.#shared, DEATH_TEXT_OFFSET, length).utf8Slice(0, length)
    const [firstLine = ''] = text.split('\n')
    const reason =
      firstLine === '' ? 'it ended without a message, which usually means that it ran out of memory' : firstLine
    return new OperationalError(`the worker that hosts the connection has died: ${reason}`, {
      sqlstate: '08006',
      ...(text === '' ? {} : { cause: remote(text) }),
    })
  }

  /** Notes the end of the thread. If the worker has already written a reason into the host block, that reason stays. */
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
    // An old heartbeat proves nothing: the machine may be overloaded, and the embedded server blocks the event loop.
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
   * Makes a synckit call and waits for it in slices. A worker that crashes does not wake the caller, so after each slice the
   * caller checks whether the worker still exists, and makes the call again. So the worker may get the same call
   * twice.
   */
  #control(call: ControlCall, limitMs = ANSWER_TIMEOUT_MS): unknown {
    const mostSlices = Math.ceil(limitMs / ANSWER_SLICE_MS)
    let isGone = false
    for (let slices = 1; ; slices++) {
      const askedAtMs = now()
      try {
        return whileCalled(this.#words, () => this.#thread.call(call))
      } catch (error) {
        if (this.isDead) throw this.deathError()
        // An error before the end of the slice means that the worker has failed, and synckit says why. If a test has
        // stopped the clock, the slice never ends by it, so synckit's own message about a timeout is checked too.
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
    if (this.#isStarted) return new OperationalError(`the worker failed: ${messageOf(error)}`, { cause: error })
    return new OperationalError(`the worker did not start: ${messageOf(error)}: ${path}`, { hint, cause: error })
  }

  #silentEnd(): OperationalError {
    Atomics.store(this.#words, HOST.death, 1)
    return this.#isStarted ? this.deathError() : silentEndError(this.#file.path)
  }

  #silence(limitMs: number, cause: unknown): OperationalError {
    const { path, hint } = this.#file
    const message = `the worker did not answer within ${limitMs} ms: ${path}`
    return new OperationalError(message, this.#isStarted ? { cause } : { hint, cause })
  }
}

let current: WorkerHost | null = null

/**
 * Gives the worker of this thread, and starts it when there is none.
 * @param limitMs the time limit for connecting, 0 for none; the worker must start within it, and within 30 seconds
 * @throws OperationalError when the worker does not start.
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
  /** Tells the user what to do when the file is not the right one. */
  readonly hint: string
}

const BUNDLED =
  'a bundler did not copy it: keep syncpg external, or name the installed file, node_modules/syncpg/dist/worker.cjs, ' +
  'in the environment variable SYNCPG_WORKER'

const NAMED =
  'SYNCPG_WORKER must name the dist/worker.cjs of the version of syncpg that the program loads, or not be set at all'

const INSTALLED = 'the installed files of syncpg do not fit together: install it again'

/** Finds the worker's file. `SYNCPG_WORKER` names it when a bundler has moved the code away from it. */
function workerFile(): WorkerFile {
  const named = process.env['SYNCPG_WORKER']
  if (named !== undefined && named !== '') return { path: existing(resolve(named)), hint: NAMED }
  // In a bundle that is an ES module, `dirname` is missing.
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
