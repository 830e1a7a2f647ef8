/**
 * The fast path of a small statement: the caller owns the socket, writes the statement to the server and reads the answer
 * itself. No other thread has to be woken, which costs as much as such a statement does. An answer that does not come at
 * once, or is more than the plain one, goes to the worker together with the socket and all bytes read so far.
 *
 * A call can be torn off between any two steps, and within the system calls. So the notes below are set next to each call,
 * and the answer area holds zeros where nothing was read: no message begins with a zero byte, so the bytes themselves tell
 * how much was read.
 */
import { DATA_ROW } from '../../src-async/wire/protocol/tags.ts'
import { ANSWER, type Question, WholeAnswer, nextMessage } from '../../src-async/wire/protocol/whole-answer.ts'
import { ANSWER_MAX_BYTES, type SessionBlock, WORD } from '../channel/layout.ts'
import type { SocketAccess } from '../channel/lent-socket.ts'
import type { Steps } from '../turn/steps.ts'
import { MOVES, tryMove } from '../turn/turn.ts'
import { Spinner, WATCH_MS } from './spin.ts'

/** A look that finds nothing costs some 8 µs, so the first is made when most answers are there: by so much it is moved. */
const LATER_MS = 0.002
const SOONER_MS = 0.0005
const FIRST_LOOK_MS = 0.02
/** The server parses and plans a new text before it runs it, which takes longer than a small statement itself does. */
const NEW_TEXT_WATCH_MS = 0.3
/** For a clock that stands still: so many readings of it, and so many looks, are more than the watch lasts. */
const MOST_TURNS = 20_000
const MOST_LOOKS = 1000

/** The kernel takes a write of this size whole or not at all, so a write that was torn off has not been cut. */
const UNCUT_BYTES = 4096

/** A message that is no row ends with at most so many zeros: of a string, and of a list of strings. */
const CLOSING_ZEROS = 2

/** How far the call in hand has come. */
const AT = {
  /** The kernel has none of the request. */
  start: 0,
  /** The write has begun: it may be over. */
  writing: 1,
  /** The kernel has `sent` bytes of it. */
  written: 2,
  /** The answer area was zero, and a read has begun: it may be over. */
  reading: 3,
  /** `received` bytes are there. */
  read: 4,
} as const

/** What a torn call has left. */
export type Torn =
  /** The server has none of the request: nothing is due. */
  | 'unsent'
  /** The whole answer is here: nothing is due. */
  | 'answered'
  /** The server may have the request, and its answer, or the rest of its answer, is due. */
  | 'unknown'
  /** A part of the request was sent, or nobody knows how much of the answer was read: the connection cannot go on. */
  | 'lost'

/** What experience says about one kind of statement: whether its answers come within the watch, and after how long. */
class Watch {
  readonly spinner = new Spinner()
  readonly limitMs: number
  /** When to look for the first time. */
  lookMs = FIRST_LOOK_MS

  constructor(limitMs: number) {
    this.limitMs = limitMs
  }

  noteFirstLook(isThere: boolean): void {
    if (isThere) this.lookMs = Math.max(this.lookMs - SOONER_MS, 0)
    else this.lookMs = Math.min(this.lookMs + LATER_MS, this.limitMs / 2)
  }
}

export class FastPath {
  readonly #block: SessionBlock
  readonly #socket: SocketAccess
  readonly #known = new Watch(WATCH_MS)
  readonly #new = new Watch(NEW_TEXT_WATCH_MS)
  readonly #now: () => number
  readonly #answer = new WholeAnswer()
  /** Bytes of the answer area that may not be zero. */
  #used = 0
  #at: number = AT.start
  #flightBytes = 0
  #question: Question | null = null
  /** How much of the request the kernel took, and how much of the answer has been read. */
  sent = 0
  received = 0

  constructor(block: SessionBlock, socket: SocketAccess, now: () => number) {
    this.#block = block
    this.#socket = socket
    this.#now = now
  }

  /** Forgets the call before. Made before the socket is taken: `examine` must not take an old call for the new one. */
  begin(): void {
    this.#at = AT.start
    this.sent = 0
    this.received = 0
    this.#question = null
  }

  /**
   * Writes the request, and looks for the answer where that is worth it. The caller owns the socket; it has given it back
   * when an answer is returned, and still owns it otherwise.
   * @returns what the answer says, its rows in the answer area until the next call; null when the worker has to await it.
   */
  *ask(flight: Uint8Array, question: Question): Steps<WholeAnswer | null> {
    const { answer: bytes, words } = this.#block
    const watch = question.parse ? this.#new : this.#known
    const watches = watch.spinner.shouldWatch()
    bytes.fill(0, 0, this.#used)
    this.#used = watches ? ANSWER_MAX_BYTES : 0
    this.#flightBytes = flight.length
    this.#question = question
    yield 'write'
    this.#at = AT.writing
    this.sent = this.#socket.write(flight)
    this.#at = AT.written
    if (!watches || this.sent < flight.length || !(yield* this.#look(bytes, watch))) return null
    // Part of an answer means that there is much of it, or that it takes its time.
    if (this.#answer.read(bytes, this.received, question) !== ANSWER.whole) return null
    yield 'note the status'
    Atomics.store(words, WORD.transactionStatus, this.#answer.transactionStatus)
    yield 'give back'
    tryMove(words, MOVES.giveBack)
    return this.#answer
  }

  /** Finds out what a torn call has left; the caller still owns the socket. */
  examine(): Torn {
    const { answer: bytes, words } = this.#block
    const at = this.#at
    if (at === AT.start) return 'unsent'
    if (at === AT.writing) return this.#flightBytes <= UNCUT_BYTES ? 'unknown' : 'lost'
    if (this.sent === 0) return 'unsent'
    if (this.sent < this.#flightBytes) return 'lost'
    if (at === AT.reading) this.received = extentOf(bytes)
    if (this.received < 0) return 'lost'
    const question = this.#question
    if (this.received === 0 || question === null) return 'unknown'
    if (this.#answer.read(bytes, this.received, question) !== ANSWER.whole) return 'unknown'
    Atomics.store(words, WORD.transactionStatus, this.#answer.transactionStatus)
    return 'answered'
  }

  /** Looks until something is there, or time is up. @returns whether something came. */
  *#look(bytes: Uint8Array, watch: Watch): Steps<boolean> {
    const socket = this.#socket
    const now = this.#now
    const startedMs = now()
    for (let i = 0; i < MOST_TURNS && now() - startedMs < watch.lookMs; i++);
    yield 'read'
    this.#at = AT.reading
    let count = socket.read(bytes)
    watch.noteFirstLook(count !== 0)
    for (let i = 0; i < MOST_LOOKS && count === 0 && now() - startedMs < watch.limitMs; i++) {
      yield 'read again'
      count = socket.read(bytes)
    }
    this.received = count > 0 ? count : 0
    this.#at = AT.read
    this.#used = this.received
    if (count > 0) watch.spinner.succeed()
    else watch.spinner.fail()
    return count > 0
  }
}

/**
 * How much was read into memory that was zero before: the messages there, the last of which may end with zeros. -1 where one
 * is cut short, and nobody knows how much of its rest is zero as well: of a row the very last byte must be there. Where the
 * closing zeros of another message were not read after all, they come next, and end the connection: no message begins with
 * a zero.
 */
function extentOf(bytes: Buffer): number {
  const end = endOf(bytes)
  let position = 0
  let mostZeros = 0
  while (position < end) {
    const next = nextMessage(bytes, position, end)
    if (next < 0) return -1
    mostZeros = bytes[position] === DATA_ROW ? 0 : CLOSING_ZEROS
    position = next
  }
  return position - end > mostZeros ? -1 : position
}

/** The number of bytes up to the last one that is not zero. */
function endOf(bytes: Buffer): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}
