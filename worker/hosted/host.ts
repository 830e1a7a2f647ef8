/**
 * The worker's side: hosts the sessions of one caller. When the doorbell changes, it looks at every session. From time to time
 * it takes back lent sockets that nobody uses, so that it receives notices, notifications and the end of the connection.
 * worker/turn/turn.ts has the rules: which thread may use a socket, and when.
 */
import { ByteReader } from '../../src-async/bytes/byte-reader.ts'
import type { SessionBlock } from '../channel/layout.ts'
import { HOST } from '../channel/layout.ts'
import { linger } from '../turn/doorbell.ts'
import type { Steps } from '../turn/steps.ts'
import { HostedSession, type OpenSession } from './hosted-session.ts'

/** How often the host looks at the lent sockets. It takes back each that was unused since the look before. */
const RECLAIM_MS = 25
/**
 * With many lent sockets the looks are further apart, by this long for each. The caller is one thread, so a program that
 * uses n connections in turn comes back to each after n calls. If a socket were taken back meanwhile, each of these calls
 * would go through this thread, and take so long that the next one would too.
 */
const RECLAIM_MS_EACH = 2

/** The event loop, as the host uses it. The explorer of test/worker/ has its own implementation. */
export interface HostLoop {
  /** Runs steps and their sleeps to the end. No other code of the worker runs in between. */
  run(steps: Steps<void>): void
  /** Calls back once, when the word is no longer `seen`. */
  whenMoved(words: Int32Array, index: number, seen: number, wake: () => void): void
  /** Calls back once, in the next turn of the event loop. */
  soon(callback: () => void): void
  /** Calls back again and again until the returned function is called. */
  every(intervalMs: number, callback: () => void): () => void
  readonly openSession: OpenSession
}

export class Host {
  readonly #words: Int32Array
  readonly #loop: HostLoop
  readonly #sessions = new Map<number, HostedSession>()
  readonly #reader = new ByteReader(Buffer.alloc(0))
  #stopReclaiming: (() => void) | null = null
  /** How many times `RECLAIM_MS` have passed since the last look at the lent sockets. */
  #ticks = 0
  #isLingering = false

  constructor(words: Int32Array, loop: HostLoop) {
    this.#words = words
    this.#loop = loop
    this.#listen()
  }

  /** Adds a session. Its first request opens it. */
  attach(sessionId: number, block: SessionBlock): void {
    // The caller makes the call again when the first answer takes long.
    if (this.#sessions.has(sessionId)) return
    const session = new HostedSession(block, {
      reader: this.#reader,
      run: (steps) => this.#loop.run(steps),
      openSession: this.#loop.openSession,
      lent: () => this.#reclaimSoon(),
      replied: () => this.#lingerSoon(),
      left: () => this.#sessions.delete(sessionId),
    })
    this.#sessions.set(sessionId, session)
  }

  /** Gives a session an array for its next request, which does not fit into its block. */
  takeArray(sessionId: number, shared: SharedArrayBuffer): void {
    this.#sessions.get(sessionId)?.takeArray(shared)
  }

  /** Wakes every sleeping call. The reason must already be in the host block. */
  wakeAll(): void {
    for (const session of this.#sessions.values()) session.wake()
  }

  #listen(): void {
    // The word is read first, so a ring that comes while this code looks at the sessions is noticed afterwards.
    const seen = Atomics.load(this.#words, HOST.doorbell)
    this.#loop.run(this.#handleAll())
    this.#loop.whenMoved(this.#words, HOST.doorbell, seen, () => this.#listen())
  }

  *#handleAll(): Steps<void> {
    for (const session of this.#sessions.values()) if (session.hasWork) yield* session.handle()
  }

  #lingerSoon(): void {
    if (this.#isLingering || this.#isBusy) return
    this.#isLingering = true
    this.#loop.soon(() => {
      this.#isLingering = false
      this.#loop.run(
        linger(
          this.#words,
          () => this.#handleAll(),
          () => this.#isBusy,
        ),
      )
    })
  }

  get #isBusy(): boolean {
    for (const session of this.#sessions.values()) if (session.isBusy) return true
    return false
  }

  get #lentCount(): number {
    let count = 0
    for (const session of this.#sessions.values()) if (session.isLent) count += 1
    return count
  }

  #reclaimSoon(): void {
    this.#stopReclaiming ??= this.#loop.every(RECLAIM_MS, () => this.#loop.run(this.#reclaimUnused()))
  }

  *#reclaimUnused(): Steps<void> {
    // An interrupted call may have ended a session without ringing.
    yield* this.#handleAll()
    this.#ticks += 1
    if (this.#ticks * RECLAIM_MS < this.#lentCount * RECLAIM_MS_EACH) return
    this.#ticks = 0
    for (const session of this.#sessions.values()) yield* session.reclaimUnused()
    if (this.#lentCount > 0) return
    this.#stopReclaiming?.()
    this.#stopReclaiming = null
  }
}
