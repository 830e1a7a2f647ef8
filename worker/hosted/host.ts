/**
 * The worker's side: hosts the sessions of one caller. Its event loop turns all the time; when the doorbell moves it looks at
 * every session. Now and then it takes back the sockets that were lent and that nobody uses, so that it hears what their
 * servers say. Whose turn it is: worker/turn/turn.ts.
 */
import { ByteReader } from '../../src-async/bytes/byte-reader.ts'
import type { SessionBlock } from '../channel/layout.ts'
import { HOST } from '../channel/layout.ts'
import { linger } from '../turn/doorbell.ts'
import type { Steps } from '../turn/steps.ts'
import { HostedSession, type OpenSession } from './hosted-session.ts'

/** A lent socket that was not used for so long, and at most twice as long, is taken back. */
const RECLAIM_MS = 25

/** The event loop, as the host sees it. The explorer of test/worker/ has one of its own. */
export interface HostLoop {
  /** Runs steps, with their sleeps, to their end before anything else of the worker runs. */
  run(steps: Steps<void>): void
  /** Calls back once, when the word is no longer `seen`. */
  whenMoved(words: Int32Array, index: number, seen: number, wake: () => void): void
  /** Calls back once, when the event loop has turned. */
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
  #isLingering = false

  constructor(words: Int32Array, loop: HostLoop) {
    this.#words = words
    this.#loop = loop
    this.#listen()
  }

  /** Takes on a session. The session itself is opened by its first request. */
  attach(sessionId: number, block: SessionBlock): void {
    // The caller asks a second time when the first answer took long.
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

  /** Gives a session an array for the next request, which does not fit its block. */
  takeArray(sessionId: number, shared: SharedArrayBuffer): void {
    this.#sessions.get(sessionId)?.takeArray(shared)
  }

  /** Wakes every caller that sleeps, after the words of the host block say why. */
  wakeAll(): void {
    for (const session of this.#sessions.values()) session.wake()
  }

  #listen(): void {
    // The word first: a ring that comes while the sessions are looked at is heard afterwards.
    const seen = Atomics.load(this.#words, HOST.doorbell)
    this.#loop.run(this.#handleAll())
    this.#loop.whenMoved(this.#words, HOST.doorbell, seen, () => this.#listen())
  }

  *#handleAll(): Steps<void> {
    for (const session of this.#sessions.values()) if (session.isCalled) yield* session.handle()
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

  #reclaimSoon(): void {
    this.#stopReclaiming ??= this.#loop.every(RECLAIM_MS, () => this.#loop.run(this.#reclaimUnused()))
  }

  *#reclaimUnused(): Steps<void> {
    // A call that was torn off may have left a session and not rung.
    yield* this.#handleAll()
    let isAnyLent = false
    for (const session of this.#sessions.values()) {
      yield* session.reclaimUnused()
      isAnyLent ||= session.isLent
    }
    if (isAnyLent) return
    this.#stopReclaiming?.()
    this.#stopReclaiming = null
  }
}
