/**
 * Sleeps until the pending reply comes. Each sleep is cut into slices, and after each slice the caller checks whether the
 * worker is still alive. Ctrl-C ends a slice. The wait for a request with a time limit ends in time even if the worker hangs.
 */
import { type SessionBlock, WORD } from '../channel/layout.ts'
import type { RingReader } from '../channel/ring.ts'
import type { Steps, Woken } from '../turn/steps.ts'
import type { PendingReply } from './pending-reply.ts'
import type { RequestSender } from './request-sender.ts'
import { type Spinner, watchWord } from './spin.ts'

/** The longest slice of a sleep. After each slice the caller checks whether the worker is alive. */
export const SLICE_MS = 250
/**
 * The length of the first slice while nothing comes. Ctrl-C cannot end this slice, because arming it costs as much as
 * a short statement.
 */
const UNARMED_MS = 10
/** After this time Ctrl-C can end every slice, also the short ones between the pieces of a long answer. */
const ARMED_AFTER_MS = 100
/** The session is closed when nothing comes for a cancelled call during this time. */
const CANCEL_SILENCE_MS = 5000
/** The session is closed when a cancelled call has not ended after this time, even if rows still come. */
const MOST_CANCEL_MS = 60_000

/** How a sleep ended. */
export type Ended = 'done' | 'timed-out' | 'interrupted'

/** Tells the sleeper whether the worker is alive. */
export interface WorkerLife {
  readonly isDead: boolean
  /** Expects the worker's heartbeat from now on. */
  watch(): void
  /** @throws OperationalError when the worker is dead. */
  examine(): void
}

export interface SleeperInit {
  readonly block: SessionBlock
  readonly reader: RingReader
  readonly pending: PendingReply
  readonly sender: RequestSender
  readonly life: WorkerLife
  readonly spinner: Spinner
  readonly now: () => number
  /** Whether Ctrl-C cancels the statement that the caller waits for. */
  readonly isInterruptible: boolean
}

export class Sleeper {
  readonly #words: Int32Array
  readonly #reader: RingReader
  readonly #pending: PendingReply
  readonly #sender: RequestSender
  readonly #life: WorkerLife
  readonly #spinner: Spinner
  readonly #now: () => number
  readonly #isInterruptible: boolean

  constructor({ block, reader, pending, sender, life, spinner, now, isInterruptible }: SleeperInit) {
    this.#words = block.words
    this.#reader = reader
    this.#pending = pending
    this.#sender = sender
    this.#life = life
    this.#spinner = spinner
    this.#now = now
    this.#isInterruptible = isInterruptible
  }

  /**
   * Sleeps until the reply comes, or time is up. After a Ctrl-C it cancels the statement and waits for its end.
   * @param limitMs Infinity for no limit
   * @throws OperationalError when the worker dies
   */
  sleep(limitMs: number): Steps<Ended> {
    return this.#sleep(limitMs, false)
  }

  /**
   * Sleeps until an interrupted call, which has been cancelled, has ended. Its time limits are `CANCEL_SILENCE_MS` and
   * `MOST_CANCEL_MS`.
   */
  sleepUntilCancelled(): Steps<Ended> {
    return this.#sleep(CANCEL_SILENCE_MS, true)
  }

  *#sleep(limitMs: number, isCancelling: boolean): Steps<Ended> {
    const pending = this.#pending
    const now = this.#now
    const startedMs = now()
    let cancelledAtMs = isCancelling ? startedMs : Infinity
    let deadlineMs = startedMs + limitMs
    let isWatching = false
    let isInterrupted = false
    let isSilent = false
    for (;;) {
      const woken: Woken = yield* this.#sleepSlice(isSilent || now() - startedMs > ARMED_AFTER_MS, deadlineMs)
      isSilent = woken === 'timed-out'
      // A Ctrl-C that comes together with the answer still interrupts the call. Otherwise a loop of short calls would
      // never notice one.
      if (woken === 'interrupted' && !isCancelling && pending.outcome !== null) return 'interrupted'
      if (pending.outcome !== null) return isInterrupted ? 'interrupted' : 'done'
      const nowMs = now()
      if (woken === 'ok' && cancelledAtMs !== Infinity) {
        // Rows that were sent before the cancel come first. While rows still come, the end of the statement will
        // follow, so the limit moves.
        deadlineMs = Math.min(nowMs + CANCEL_SILENCE_MS, cancelledAtMs + MOST_CANCEL_MS)
      }
      if (woken === 'interrupted') {
        // A second Ctrl-C ends the session. So does the first while connecting, when there is no statement to cancel.
        if (isInterrupted || pending.name === 'open') return 'interrupted'
        isInterrupted = true
        cancelledAtMs = nowMs
        deadlineMs = nowMs + CANCEL_SILENCE_MS
        this.#sender.requestCancel()
        continue
      }
      if (woken === 'timed-out' || this.#life.isDead) {
        if (isWatching) this.#life.examine()
        else this.#life.watch()
        isWatching = true
        if (this.#life.isDead) this.#life.examine()
      }
      if (nowMs >= deadlineMs) return isInterrupted ? 'interrupted' : 'timed-out'
    }
  }

  /** Sleeps one slice, and takes the records out of the ring before and after it. */
  *#sleepSlice(isArmed: boolean, deadlineMs: number): Steps<Woken> {
    const words = this.#words
    const reader = this.#reader
    const pending = this.#pending
    yield 'look at the event word'
    const seen = Atomics.load(words, WORD.event)
    reader.drain(pending)
    if (pending.outcome !== null) return 'ok'
    if (!isArmed && this.#spinner.shouldWatch()) {
      if (watchWord(words, WORD.event, seen, this.#now)) {
        this.#spinner.succeed()
        reader.drain(pending)
        return 'ok'
      }
      this.#spinner.fail()
    }
    yield 'say that the caller sleeps'
    Atomics.store(words, WORD.callerSleeps, 1)
    const sliceMs = isArmed ? SLICE_MS : UNARMED_MS
    const timeoutMs = Math.max(0, Math.min(sliceMs, deadlineMs - this.#now()))
    const isInterruptible = isArmed && this.#isInterruptible
    const woken = yield { words, index: WORD.event, seen, timeoutMs, isInterruptible }
    Atomics.store(words, WORD.callerSleeps, 0)
    // The worker may have answered before it died.
    reader.drain(pending)
    return woken
  }
}
