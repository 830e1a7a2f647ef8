/**
 * The worker's side: hosts the sessions of one main thread and serves their requests. Between statements it sleeps on the
 * bell, for a bounded time: that is the fastest wake-up there is, and the main thread may read small answers itself
 * meanwhile. Where the main thread only writes to a session's socket itself, the event loop turns and hears the
 * answers. While a statement is in flight, and after that time, the event loop runs too and the worker listens to
 * `attention`. Never blocks while a reply is due.
 */
import { ByteReader } from '../src-async/bytes/byte-reader.ts'
import { BELL, BELL_GRACE_MS, HEARTBEAT_MS, HOST } from './channel/layout.ts'
import { HostedSession } from './hosted-session.ts'

/** How long the worker, whose time on the bell is over, sleeps while it is held: normally an answer's time, much less. */
const HELD_MS = 1

export class Host {
  readonly #words: Int32Array
  readonly #sessions = new Map<number, HostedSession>()
  readonly #reader = new ByteReader(Buffer.alloc(0))
  #inFlight = 0
  /** Sessions whose main thread writes to their sockets itself: while there are any, the event loop has to turn. */
  #lines = 0
  #isServing = false

  constructor(shared: SharedArrayBuffer, wordCount: number) {
    this.#words = new Int32Array(shared, 0, wordCount)
    setInterval(() => Atomics.add(this.#words, HOST.heartbeat, 1), HEARTBEAT_MS)
    this.#listen()
  }

  /** Takes on a session's shared memory. The session itself is opened by its first request. */
  attach(id: number, shared: SharedArrayBuffer): void {
    const session = new HostedSession(shared, {
      reader: this.#reader,
      started: () => {
        this.#inFlight += 1
      },
      finishing: (mayBeDeaf, hasLine) => this.#finishing(mayBeDeaf, hasLine),
      lineOpened: () => {
        this.#lines += 1
      },
      lineClosed: () => {
        this.#lines -= 1
      },
    })
    this.#sessions.set(id, session)
  }

  /** Gives a session an array for requests that do not fit its block; null takes it back. */
  lend(id: number, shared: SharedArrayBuffer | null): void {
    this.#sessions.get(id)?.lend(shared)
  }

  detach(id: number): void {
    this.#sessions.delete(id)
  }

  /** Wakes every main-thread wait, after the words of the host block say why. */
  wakeAll(): void {
    for (const session of this.#sessions.values()) session.wake()
  }

  /** Called just before a reply is published: from then on the main thread may count on the bell being watched. */
  #finishing(mayBeDeaf: boolean, hasLine: boolean): void {
    this.#inFlight -= 1
    if (this.#inFlight > 0 || this.#isServing || !mayBeDeaf || (this.#lines > 0 && !hasLine)) return
    Atomics.store(this.#words, HOST.watch, BELL.watched)
    this.#isServing = true
    setImmediate(this.#serve)
  }

  readonly #serve = (): void => {
    const words = this.#words
    let graceMs = BELL_GRACE_MS
    for (;;) {
      const seen = Atomics.load(words, HOST.bell)
      this.#handleAll()
      if (this.#inFlight > 0 || Atomics.load(words, HOST.controlDue) === 1) {
        if (this.#leaveBell(seen)) return
      } else if (Atomics.wait(words, HOST.bell, seen, graceMs) === 'timed-out') {
        if (this.#leaveBell(seen)) return
        graceMs = 0
      }
    }
  }

  /** Goes back to the event loop, unless it is held, or the bell has moved since it was looked at. */
  #leaveBell(seen: number): boolean {
    const words = this.#words
    if (Atomics.compareExchange(words, HOST.watch, BELL.watched, BELL.left) === BELL.held) {
      Atomics.wait(words, HOST.watch, BELL.held, HELD_MS)
      return false
    }
    if (Atomics.load(words, HOST.bell) !== seen) {
      Atomics.store(words, HOST.watch, BELL.watched)
      return false
    }
    this.#isServing = false
    return true
  }

  #handleAll(): void {
    for (const session of this.#sessions.values()) session.handle()
  }

  /** Hears `attention` for as long as the worker lives. The heartbeat's timer keeps the event loop turning. */
  #listen(): void {
    const seen = Atomics.load(this.#words, HOST.attention)
    this.#handleAll()
    const waiting = Atomics.waitAsync(this.#words, HOST.attention, seen)
    if (!waiting.async) {
      setImmediate(() => this.#listen())
      return
    }
    void waiting.value.then(() => this.#listen())
  }
}
