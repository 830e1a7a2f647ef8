/**
 * Starts the worker of this thread and keeps it: one for all sessions, a new one when it has died. Loads synckit when
 * the first connection is made, not before. The start is a handshake with a deadline; a worker file that is missing
 * (a bundle without it) is told at once.
 */
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { OperationalError } from '../../src-async/errors/tree.ts'
import type { ControlCall, ControlReply } from '../channel/control.ts'
import {
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
import { DEPARTURE } from '../turn/turn.ts'
import { now } from './clock.ts'
import type { Membership } from './membership.ts'

/** A worker takes 30–100 ms to start; a starved machine may need far longer. */
const START_TIMEOUT_MS = 30_000
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
  readonly #call: (call: ControlCall) => ControlReply
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

  /** @throws OperationalError when the worker does not start, or is of another version of syncpg. */
  constructor(path: string) {
    this.#shared = new SharedArrayBuffer(HOST_BYTES)
    this.#words = new Int32Array(this.#shared, 0, HOST_WORDS)
    this.#call = startThread(path)
    const { osThreadId, threadId, layoutVersion } = this.#control({ name: 'hello', shared: this.#shared })
    if (layoutVersion !== LAYOUT_VERSION) {
      throw new OperationalError(
        `the worker's file belongs to another version of syncpg: ${path}\nHINT:  SYNCPG_WORKER, or the bundle, must name ` +
          'the dist/worker.cjs of the version that the program loads',
      )
    }
    Atomics.store(this.#words, HOST.osThreadId, osThreadId ?? 0)
    this.#hearErrors(threadId ?? 0)
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
    Atomics.add(this.#words, HOST.doorbell, 1)
    Atomics.notify(this.#words, HOST.doorbell)
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

  /** The host block, for `ringDoorbell` from another thread. */
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

  /**
   * A worker that runs out of memory emits `error`, and an error event nobody hears ends the process. synckit keeps the
   * Worker to itself, but Node announces each one after the turn that made it.
   */
  #hearErrors(threadId: number): void {
    const hear = (worker: Worker): void => {
      if (worker.threadId !== threadId) return
      process.off('worker', hear)
      worker.on('error', () => Atomics.store(this.#words, HOST.death, 1))
    }
    process.on('worker', hear)
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
    const threadId = Atomics.load(this.#words, HOST.osThreadId)
    if (threadId > 0) return !existsSync(`/proc/self/task/${threadId}`)
    return silentMs > SILENCE_MEANS_DEATH_MS
  }

  #control(call: ControlCall): ControlReply {
    try {
      return this.#call(call)
    } catch (error) {
      if (this.isDead) throw this.obituary()
      throw new OperationalError(
        `the worker did not answer: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      )
    }
  }
}

/** Has a worker look at its sessions, from any thread. */
export function ringDoorbell(shared: SharedArrayBuffer): void {
  const words = new Int32Array(shared, 0, HOST_WORDS)
  Atomics.add(words, HOST.doorbell, 1)
  Atomics.notify(words, HOST.doorbell)
}

let current: WorkerHost | null = null

/** The worker of this thread. @throws OperationalError when it does not start. */
export function workerHost(): WorkerHost {
  if (current === null || current.isDead) current = new WorkerHost(workerPath())
  return current
}

const BUNDLED =
  'a bundler has left it behind: keep syncpg external, or name the installed file, node_modules/syncpg/dist/worker.cjs, ' +
  'in the environment variable SYNCPG_WORKER'

/** `SYNCPG_WORKER` names the worker's file where a bundler has moved the code away from it. */
function workerPath(): string {
  const named = process.env['SYNCPG_WORKER']
  if (named !== undefined) return existing(resolve(named))
  // A bundle in CommonJS does not know where it is.
  const here = import.meta.url as string | undefined
  if (here === undefined) throw new OperationalError(`the worker's file is not known\nHINT:  ${BUNDLED}`)
  return existing(fileURLToPath(new URL('./worker.cjs', here)))
}

function existing(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  throw new OperationalError(`the worker's file is missing: ${path}\nHINT:  ${BUNDLED}`)
}

/** synckit is looked for from the worker's file, beside which it is installed, wherever this code has been moved. */
function startThread(path: string): (call: ControlCall) => ControlReply {
  // The CommonJS build loads three times as fast as the ES one.
  const { startWorkerThread } = synckitBeside(path)
  return startWorkerThread(path, { timeout: START_TIMEOUT_MS }) as (call: ControlCall) => ControlReply
}

function synckitBeside(path: string): typeof import('synckit') {
  try {
    return createRequire(path)('synckit') as typeof import('synckit')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    const message = `the package synckit is not installed beside the worker's file, ${path}\nHINT:  ${BUNDLED}`
    throw new OperationalError(message, { cause: error })
  }
}

function remote(stack: string): Error {
  const [message = ''] = stack.split('\n')
  const error = new Error(message)
  error.stack = stack
  return error
}
