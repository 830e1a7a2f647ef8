/**
 * The worker's side: hosts the sessions of one main thread and serves their requests. Where the main thread writes to a
 * session's socket itself, the event loop turns and hears the answers. Otherwise the worker sleeps on the bell between
 * statements, for a bounded time, which is the fastest wake-up there is; while a statement is in flight, and after that
 * time, its event loop runs and it listens to `attention`. Never blocks while a reply is due.
 */
import { ByteReader } from '../src-async/bytes/byte-reader.ts'
import { BELL_GRACE_MS, HEARTBEAT_MS, HOST } from './channel/layout.ts'
import { HostedSession } from './hosted-session.ts'

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
      finishing: () => this.#finishing(),
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
  #finishing(): void {
    this.#inFlight -= 1
    if (this.#inFlight > 0 || this.#isServing || this.#lines > 0) return
    Atomics.store(this.#words, HOST.watchesBell, 1)
    this.#isServing = true
    setImmediate(this.#serve)
  }

  readonly #serve = (): void => {
    const words = this.#words
    for (;;) {
      const seen = Atomics.load(words, HOST.bell)
      this.#handleAll()
      if (this.#inFlight > 0 || Atomics.load(words, HOST.controlDue) === 1) {
        if (this.#leaveBell(seen)) return
      } else if (Atomics.wait(words, HOST.bell, seen, BELL_GRACE_MS) === 'timed-out' && this.#leaveBell(seen)) {
        return
      }
    }
  }

  /** Goes back to the event loop, unless the bell has moved since it was looked at. */
  #leaveBell(seen: number): boolean {
    Atomics.store(this.#words, HOST.watchesBell, 0)
    if (Atomics.load(this.#words, HOST.bell) !== seen) {
      Atomics.store(this.#words, HOST.watchesBell, 1)
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
