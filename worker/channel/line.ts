/**
 * The line: where a session's socket is plain, the main thread writes a short request to it itself, and, while it holds the
 * worker still, reads the answer; otherwise the worker is woken by the answer alone. The descriptor is the worker's: it is lent while the session is idle,
 * and closed only when nobody writes to it. Both sides of that are here.
 */
import { type Stats, fstatSync, readSync, writeSync } from 'node:fs'
import { LINE, WORD } from './layout.ts'

/** Written whole by any kernel into an empty socket buffer; longer requests are the worker's. */
export const LINE_MAX_BYTES = 16 * 1024
/** How long the worker waits for a writer before it closes the line all the same: a write to it does not block. */
const TAKE_BACK_MS = 100

/** The worker's side. */
export class LineLender {
  readonly #words: Int32Array
  readonly #fd: number

  constructor(words: Int32Array, fd: number) {
    this.#words = words
    this.#fd = fd
  }

  /** Lends the line until the next request, or not. Said before the reply that lets the main thread ask again. */
  lend(isFree: boolean): void {
    Atomics.store(this.#words, WORD.lineFd, isFree ? this.#fd + 1 : 0)
  }

  /** Called before the descriptor is closed: from then on nobody may write to it, whatever else its number is given to. */
  takeBack(): void {
    const words = this.#words
    const untilMs = performance.now() + TAKE_BACK_MS
    while (Atomics.compareExchange(words, WORD.line, LINE.free, LINE.gone) === LINE.inUse) {
      // A stack torn off while it wrote leaves the word as it was; by now its write is over.
      if (performance.now() > untilMs) {
        Atomics.store(words, WORD.line, LINE.gone)
        return
      }
      Atomics.wait(words, WORD.line, LINE.inUse, 1)
    }
  }
}

/** The main thread's side. */
export class LineWriter {
  readonly #words: Int32Array
  /** What the descriptor is, so that a number whose owner died, and that was given to something else, is told apart. */
  #inode = 0
  #fd = -1
  /** The last answer about it, kept so that its hidden class is: see `Kept`. */
  protected stats: Stats | null = null
  /** True from `take` to the end of what follows. What is still set in another call was left so by a torn stack. */
  isTaken = false

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** Whether it is worth while to write down what the server is to get. */
  get isLent(): boolean {
    return Atomics.load(this.#words, WORD.lineFd) > 0
  }

  /** Whether the next request may go this way; then `release` follows, with `write` before it or not. It must be decided before the worker can see the request. */
  take(): boolean {
    const words = this.#words
    const fd = Atomics.load(words, WORD.lineFd) - 1
    // What was in use was left so by a torn stack of this very thread.
    if (fd < 0 || Atomics.compareExchange(words, WORD.line, LINE.free, LINE.inUse) === LINE.gone) return false
    this.#fd = fd
    this.isTaken = true
    if (this.#isTheLine(fd)) return true
    this.release()
    return false
  }

  /** Gives the line back. */
  release(): void {
    if (!this.isTaken) return
    this.isTaken = false
    Atomics.compareExchange(this.#words, WORD.line, LINE.inUse, LINE.free)
  }

  /** Writes to the line taken. @returns the bytes the kernel took; the worker sends the others. `release` comes next. */
  write(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes)
    } catch {
      // Full, or broken: whichever it is, the worker finds out, and knows what to say of it.
      return 0
    }
  }

  /**
   * Reads what has come, without waiting. Only who holds the worker still may, or the two would share an answer.
   * @returns the bytes read; 0 where none are there; -1 at the end of all. The worker finds out the reason.
   */
  read(into: Uint8Array): number {
    try {
      return readSync(this.#fd, into, 0, into.length, null) || -1
    } catch {
      // Nothing yet, or broken: looking at the error, a new one each time, would make V8 compile this anew now and then.
      return 0
    }
  }

  #isTheLine(fd: number): boolean {
    try {
      const stats = fstatSync(fd)
      this.stats = stats
      if (this.#inode === 0) this.#inode = stats.ino
      return stats.ino === this.#inode
    } catch {
      return false
    }
  }
}
