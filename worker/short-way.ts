/**
 * The short way of a small statement: the thread that asks writes it to the server and reads the answer itself, while the
 * worker sleeps on the bell and hears nothing. No other thread has to be woken, which costs as much as such a statement.
 * What does not end at once, or is more than the plain answer, goes to the worker with all that was written and read.
 *
 * A call can be torn off between any two calls of functions, so the answer area is zero where nothing was read into it:
 * no message begins with a zero byte, and where an answer ends is seen from the bytes alone.
 */
import { ANSWER, type Question, WholeAnswer, nextMessage } from '../src-async/wire/protocol/whole-answer.ts'
import { ANSWER_MAX_BYTES, type SessionBlock, WORD } from './channel/layout.ts'
import type { LineWriter } from './channel/line.ts'
import { now } from './clock.ts'
import type { WorkerHost } from './spawn.ts'
import { type Spinner, WATCH_MS } from './spin.ts'

/** A look that finds nothing costs some 8 µs, so the first is made when most answers are there: by so much it is moved. */
const LATER_MS = 0.002
const SOONER_MS = 0.0005
const FIRST_LOOK_MS = 0.02
const LAST_LOOK_MS = WATCH_MS / 2
/** For a clock that stands still: so many readings of it, and so many looks, are more than the watch lasts. */
const MOST_TURNS = 20_000
const MOST_LOOKS = 1000

/** The most that a message ends with where it is not a row: of a string, and of a list of strings. */
const CLOSING_ZEROS = 2

/** What a call that was torn off has left. */
export type Torn =
  /** The server has answered: nothing is due. */
  | 'answered'
  /** Nobody knows whether the server has the request; nothing of the answer has been read. */
  | 'unknown'
  /** The beginning of an answer was read, nobody knows how much of it. */
  | 'lost'

export class ShortWay {
  readonly #block: SessionBlock
  readonly #host: WorkerHost
  readonly #line: LineWriter
  readonly #spinner: Spinner
  readonly #answer = new WholeAnswer()
  /** Bytes of the answer area that may not be zero. */
  #used = 0
  #lookMs = FIRST_LOOK_MS
  /** Bytes are being read into the answer area, and it was zero before. */
  #isReading = false
  /** What was asked last. */
  #asked: Question | null = null
  /** From `take` to `giveBack`; what is still set in another call was left so by a torn stack. */
  isTaken = false
  /** How much of the request the kernel took, and how much of the answer has been read. */
  sent = 0
  received = 0

  constructor(block: SessionBlock, host: WorkerHost, line: LineWriter, spinner: Spinner) {
    this.#block = block
    this.#host = host
    this.#line = line
    this.#spinner = spinner
  }

  /** Whether the next request may go this way; `ask` follows. */
  take(): boolean {
    const isHopeful = this.#spinner.isHopeful
    // Said before the worker decides how to wait for the next one.
    Atomics.store(this.#block.words, WORD.readsAnswers, isHopeful ? 1 : 0)
    if (!isHopeful || !this.#line.isLent) return false
    this.sent = 0
    this.received = 0
    this.#asked = null
    this.#isReading = false
    this.isTaken = true
    if (this.#host.hold()) {
      if (this.#line.take()) return true
      this.#host.letGo()
    }
    this.isTaken = false
    return false
  }

  /**
   * Writes the request and looks for the answer.
   * @returns what it says, its rows in the answer area until the next one; null when it is the worker's to await: then the
   *   way stays taken until `giveBack`.
   */
  ask(flight: Uint8Array, question: Question): WholeAnswer | null {
    const { answer: bytes, words } = this.#block
    bytes.fill(0, 0, this.#used)
    this.#used = ANSWER_MAX_BYTES
    this.#asked = question
    this.#isReading = true
    this.sent = this.#line.write(flight)
    const isWhole = this.sent === flight.length && this.#read(bytes, question)
    this.#isReading = false
    this.#used = this.received
    if (!isWhole) return null
    Atomics.store(words, WORD.transactionStatus, this.#answer.transactionStatus)
    this.giveBack()
    return this.#answer
  }

  /** Lets the worker go its own ways again. */
  giveBack(): void {
    this.#line.release()
    this.#host.letGo()
    this.isTaken = false
  }

  /** Finds out what a call that was torn off has left. `giveBack` follows. */
  examine(): Torn {
    const { answer: bytes, words } = this.#block
    // It was torn off within the read, or as good as.
    if (this.#isReading && this.received === 0) this.received = extentOf(bytes)
    if (this.received < 0) return 'lost'
    if (this.received === 0 || this.#asked === null) return 'unknown'
    const answer = this.#answer
    if (answer.read(bytes, this.received, this.#asked) !== ANSWER.whole) return 'unknown'
    Atomics.store(words, WORD.transactionStatus, answer.transactionStatus)
    return 'answered'
  }

  /** Looks until something is there, or time is up. @returns whether it is the whole answer, and nothing but that. */
  #read(bytes: Uint8Array, question: Question): boolean {
    const line = this.#line
    const startedMs = now()
    for (let i = 0; i < MOST_TURNS && now() - startedMs < this.#lookMs; i++);
    let count = line.read(bytes)
    if (count !== 0) this.#lookMs = Math.max(this.#lookMs - SOONER_MS, 0)
    else this.#lookMs = Math.min(this.#lookMs + LATER_MS, LAST_LOOK_MS)
    for (let i = 0; i < MOST_LOOKS && count === 0 && now() - startedMs < WATCH_MS; i++) count = line.read(bytes)
    if (count <= 0) {
      this.#spinner.giveUp()
      return false
    }
    this.received = count
    // Part of an answer means that there is much of it, or that it takes its time.
    return this.#answer.read(bytes, count, question) === ANSWER.whole
  }
}

/**
 * How much was read into memory that was zero before: the messages there, the last of which may end with zeros. -1 where one
 * is cut short, and nobody knows how much of its rest is zero as well. A message taken for whole that is not would end
 * the connection: the rest of it is no message.
 */
function extentOf(bytes: Buffer): number {
  const end = endOf(bytes)
  let position = 0
  while (position < end) {
    const next = nextMessage(bytes, position, end)
    if (next < 0) return -1
    position = next
  }
  return position - end > CLOSING_ZEROS ? -1 : position
}

/** The number of bytes up to the last one that is not zero. */
function endOf(bytes: Buffer): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}
