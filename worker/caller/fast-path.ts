/**
 * The fast path of a small statement: the caller owns the socket, writes the statement to the server and reads the answer
 * itself. It wakes no other thread, because that costs as much as such a statement. If the answer does not come at once, or
 * holds more than a plain result, the worker gets the socket and all bytes read so far.
 *
 * A call can be interrupted between any two steps, and within a system call. So this file notes before and after each system
 * call how far the request has come. The answer area is all zeros before a read, and no message begins with a zero
 * byte. So the bytes themselves tell how much was read.
 */
import { DATA_ROW } from '../../src-async/wire/protocol/tags.ts'
import { ANSWER, type Question, WholeAnswer, nextMessage } from '../../src-async/wire/protocol/whole-answer.ts'
import { ANSWER_MAX_BYTES, type SessionBlock, WORD } from '../channel/layout.ts'
import type { SocketAccess } from '../channel/lent-socket.ts'
import type { Steps } from '../turn/steps.ts'
import { MOVES, tryMove } from '../turn/turn.ts'
import { Spinner, WATCH_MS } from './spin.ts'

/**
 * A read that finds no bytes costs some 8 µs, so the first read is made when most answers have come. After a read
 * without bytes the time of the first read moves later by `LATER_MS`. After a read with the answer it moves earlier
 * by `SOONER_MS`.
 */
const LATER_MS = 0.002
const SOONER_MS = 0.0005
const FIRST_LOOK_MS = 0.02
/** The watch for a new text is longer, because the server parses and plans it first, which takes longer than running it. */
const NEW_TEXT_WATCH_MS = 0.3
/** These limits end the loops if a test has stopped the clock. They are higher than a watch ever needs. */
const MOST_TURNS = 20_000
const MOST_LOOKS = 1000

/** The kernel takes a write of this size whole or not at all. So an interrupted write was not cut. */
const UNCUT_BYTES = 4096

/** A message other than DataRow ends with at most two zeros: one ends a string, one ends a list of strings. */
const CLOSING_ZEROS = 2

/** How far the current call has come. */
const AT = {
  /** Nothing is written yet. */
  start: 0,
  /** The write has begun, and may already be complete. */
  writing: 1,
  /** The kernel has taken `sent` bytes of the request. */
  written: 2,
  /** A read into the answer area, which was all zeros, has begun and may already be complete. */
  reading: 3,
  /** The answer area holds `received` bytes. */
  read: 4,
} as const

/** In which state an interrupted call has left the connection. */
export type AfterInterruption =
  /** The server has received no byte of the request, so no answer will come. */
  | 'unsent'
  /** The whole answer has been read. */
  | 'answered'
  /** The server may have the request. Then its answer, or the rest of it, will still come. */
  | 'unknown'
  /** Only a part of the request was sent, or nobody knows how much of the answer was read. The connection must be closed. */
  | 'lost'

/** Learns about one kind of statement whether its answers come during the watch, and after how long. */
class Watch {
  readonly spinner = new Spinner()
  readonly limitMs: number
  /** Milliseconds from the write to the first read. */
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
  /** How many bytes at the start of the answer area may be other than zero. */
  #used = 0
  #at: number = AT.start
  #flightBytes = 0
  #question: Question | null = null
  /** How many bytes of the request the kernel took, and how many of the answer have been read. */
  sent = 0
  received = 0

  constructor(block: SessionBlock, socket: SocketAccess, now: () => number) {
    this.#block = block
    this.#socket = socket
    this.#now = now
  }

  /**
   * Forgets the last call. It must be called before the socket is taken: otherwise `examine` could report the last
   * call's state as this one's.
   */
  begin(): void {
    this.#at = AT.start
    this.sent = 0
    this.received = 0
    this.#question = null
  }

  /**
   * Writes the request, and reads the answer if watching for it pays off. The caller owns the socket when it calls this. It
   * has given the socket back when an answer is returned, and still owns it when null is returned.
   * @returns the answer, whose rows stay in the answer area until the next call; null when the worker has to wait for it.
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
    // A part of an answer has come, so the answer is long or slow. The worker reads the rest.
    if (this.#answer.read(bytes, this.received, question) !== ANSWER.whole) return null
    yield 'note the status'
    Atomics.store(words, WORD.transactionStatus, this.#answer.transactionStatus)
    yield 'give back'
    tryMove(words, MOVES.giveBack)
    return this.#answer
  }

  /** Finds out how far an interrupted call has come. The caller still owns the socket. */
  examine(): AfterInterruption {
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

  /** Reads again and again until something has come, or time is up. @returns whether something came. */
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
 * Counts the bytes that were read into memory that was all zeros before. Zeros at the end of the last message look like
 * memory that was not read. A message other than DataRow ends with at most two zeros, so if only those are missing, they are
 * counted as read. If they were not read after all, the next bytes on the socket are zeros. No message begins with a zero,
 * so the connection is closed then.
 * @returns the number of bytes; -1 when a message is cut short, or the last byte of a DataRow is zero, so that nobody knows
 *   how much of it was read
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

/** @returns the number of bytes up to the last one that is not zero. */
function endOf(bytes: Buffer): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}
