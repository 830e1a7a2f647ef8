/**
 * Sleeps until the pending reply is there. Every sleep is cut into slices: after each slice the caller looks whether the
 * worker still lives, Ctrl-C ends a slice, and every wait has a bound of its own where its request has one, whatever the
 * worker does.
 */
import { type SessionBlock, WORD } from '../channel/layout.ts'
import type { RingReader } from '../channel/ring.ts'
import type { Steps, Woken } from '../turn/steps.ts'
import type { DueReply } from './due-reply.ts'
import type { RequestDesk } from './request-desk.ts'
import { type Spinner, watchWord } from './spin.ts'

/** A sleep's longest slice: the worker's life is looked at after each. */
export const SLICE_MS = 250
/** A silence of so long is not armed against Ctrl-C: arming it costs as much as a short statement. */
const UNARMED_MS = 10
/** After so long every sleep is armed, the short ones between the pieces of a long answer too. */
const ARMED_AFTER_MS = 100
/** How long nothing may come of a torn or interrupted call that was cancelled before the session is given up. */
const SETTLE_MS = 5000
/** The same, whatever comes. */
const MOST_SETTLE_MS = 60_000

/** How a sleep ended. */
export type Ended = 'done' | 'timed-out' | 'interrupted'

/** What a sleeper asks about the worker. */
export interface WorkerLife {
  readonly isDead: boolean
  /** Starts the watch: the worker's heartbeat is expected from now on. */
  watch(): void
  /** @throws OperationalError when the worker is dead. */
  examine(): void
}

export interface SleeperInit {
  readonly block: SessionBlock
  readonly reader: RingReader
  readonly due: DueReply
  readonly desk: RequestDesk
  readonly life: WorkerLife
  readonly spinner: Spinner
  readonly now: () => number
  /** Whether Ctrl-C cancels the statement that is waited for. */
  readonly isInterruptible: boolean
}

export class Sleeper {
  readonly #words: Int32Array
  readonly #reader: RingReader
  readonly #due: DueReply
  readonly #desk: RequestDesk
  readonly #life: WorkerLife
  readonly #spinner: Spinner
  readonly #now: () => number
  readonly #isInterruptible: boolean

  constructor({ block, reader, due, desk, life, spinner, now, isInterruptible }: SleeperInit) {
    this.#words = block.words
    this.#reader = reader
    this.#due = due
    this.#desk = desk
    this.#life = life
    this.#spinner = spinner
    this.#now = now
    this.#isInterruptible = isInterruptible
  }

  /**
   * Sleeps until the reply is there, or time is up. After a Ctrl-C the statement is cancelled, and its end awaited.
   * @param limitMs Infinity for none
   * @throws OperationalError when the worker dies
   */
  sleep(limitMs: number): Steps<Ended> {
    return this.#sleep(limitMs, false)
  }

  /** Sleeps until a call that was torn off and has been cancelled has ended, within bounds of its own. */
  settle(): Steps<Ended> {
    return this.#sleep(SETTLE_MS, true)
  }

  *#sleep(limitMs: number, isSettling: boolean): Steps<Ended> {
    const due = this.#due
    const now = this.#now
    const startedMs = now()
    let settlingSinceMs = isSettling ? startedMs : Infinity
    let deadlineMs = startedMs + limitMs
    let isWatching = false
    let isInterrupted = false
    let isSilent = false
    for (;;) {
      const woken: Woken = yield* this.#doze(isSilent || now() - startedMs > ARMED_AFTER_MS, deadlineMs)
      isSilent = woken === 'timed-out'
      // Ctrl-C that came together with the answer counts: otherwise a loop of short calls would not notice it.
      if (woken === 'interrupted' && !isSettling && due.outcome !== null) return 'interrupted'
      if (due.outcome !== null) return isInterrupted ? 'interrupted' : 'done'
      const nowMs = now()
      if (woken === 'ok' && settlingSinceMs !== Infinity) {
        // The end of a cancelled statement comes behind its rows; as long as rows come, so will the end.
        deadlineMs = Math.min(nowMs + SETTLE_MS, settlingSinceMs + MOST_SETTLE_MS)
      }
      if (woken === 'interrupted') {
        // The second Ctrl-C, or one while there is nothing to cancel, ends the session.
        if (isInterrupted || due.name === 'open') return 'interrupted'
        isInterrupted = true
        settlingSinceMs = nowMs
        deadlineMs = nowMs + SETTLE_MS
        this.#desk.requestCancel()
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

  /** Sleeps one slice; takes what the ring holds before and after it. */
  *#doze(isArmed: boolean, deadlineMs: number): Steps<Woken> {
    const words = this.#words
    const reader = this.#reader
    const due = this.#due
    yield 'look at the event word'
    const seen = Atomics.load(words, WORD.event)
    reader.drain(due)
    if (due.outcome !== null) return 'ok'
    if (!isArmed && this.#spinner.shouldWatch()) {
      if (watchWord(words, WORD.event, seen, this.#now)) {
        this.#spinner.succeed()
        reader.drain(due)
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
    reader.drain(due)
    return woken
  }
}
