/**
 * Sleeps until the due reply is there. Every sleep is sliced: the worker's life is looked at after each slice, Ctrl-C ends
 * one, and whatever comes, each has a bound where its caller gives one.
 */
import { type SessionBlock, WORD } from './channel/layout.ts'
import type { RingReader } from './channel/ring.ts'
import { now } from './clock.ts'
import type { DueReply } from './due-reply.ts'
import { type Woken, canBeInterrupted, waitInterruptibly } from './interrupt.ts'
import type { RequestDesk } from './request-desk.ts'
import type { WorkerHost } from './spawn.ts'
import type { Spinner } from './spin.ts'

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

export interface SleeperInit {
  readonly host: WorkerHost
  readonly block: SessionBlock
  readonly reader: RingReader
  readonly due: DueReply
  readonly desk: RequestDesk
  readonly spinner: Spinner
  /** Whether Ctrl-C cancels the statement that is waited for. */
  readonly isInterruptible: boolean
}

export class Sleeper {
  readonly #host: WorkerHost
  readonly #words: Int32Array
  readonly #reader: RingReader
  readonly #due: DueReply
  readonly #desk: RequestDesk
  readonly #spinner: Spinner
  readonly #isInterruptible: boolean

  constructor({ host, block, reader, due, desk, spinner, isInterruptible }: SleeperInit) {
    this.#host = host
    this.#words = block.words
    this.#reader = reader
    this.#due = due
    this.#desk = desk
    this.#spinner = spinner
    this.#isInterruptible = isInterruptible && canBeInterrupted
  }

  /**
   * Until the outcome is there, or time is up. After a Ctrl-C the statement is cancelled and its end awaited.
   * @throws OperationalError when the worker dies
   */
  sleep(timeoutMs: number): Ended {
    return this.#sleep(timeoutMs, false)
  }

  /** The same for a call that was torn off and has been cancelled, within bounds of its own. */
  settle(): Ended {
    return this.#sleep(SETTLE_MS, true)
  }

  #sleep(timeoutMs: number, isSettling: boolean): Ended {
    const due = this.#due
    const startedMs = now()
    let settlingSinceMs = isSettling ? startedMs : Infinity
    let deadlineMs = startedMs + timeoutMs
    let isWatching = false
    let isInterrupted = false
    let woken: Woken = 'ok'
    for (;;) {
      woken = this.#doze(woken === 'timed-out' || now() - startedMs > ARMED_AFTER_MS)
      // A key that hit as the answer came is a key all the same: a loop of short calls would run on as if nothing had been.
      if (woken === 'interrupted' && !isSettling && due.outcome !== null) return 'interrupted'
      if (due.outcome !== null) return isInterrupted ? 'interrupted' : 'done'
      if (woken === 'ok' && settlingSinceMs !== Infinity) {
        // What was cancelled ends behind what was on its way; as long as that comes, so will the end.
        const nowMs = now()
        deadlineMs = Math.min(nowMs + SETTLE_MS, settlingSinceMs + MOST_SETTLE_MS)
        if (nowMs >= deadlineMs) return isInterrupted ? 'interrupted' : 'timed-out'
      }
      if (woken === 'interrupted') {
        // The second keypress, or one while there is nothing to cancel, ends the session.
        if (isInterrupted || due.name === 'open') return 'interrupted'
        isInterrupted = true
        settlingSinceMs = now()
        deadlineMs = settlingSinceMs + SETTLE_MS
        this.#desk.requestCancel()
      } else if (woken === 'timed-out' || this.#host.isDead) {
        if (isWatching) this.#host.examine()
        else this.#host.watch()
        if (this.#host.isDead) throw this.#host.obituary()
        isWatching = true
        if (now() >= deadlineMs) return isInterrupted ? 'interrupted' : 'timed-out'
      }
    }
  }

  /** One slice of sleep; takes what the ring holds before and after it. */
  #doze(isArmed: boolean): Woken {
    const words = this.#words
    const reader = this.#reader
    const due = this.#due
    const seen = Atomics.load(words, WORD.event)
    reader.drain(due)
    if (due.outcome !== null) return 'ok'
    if (!isArmed && this.#spinner.sees(words, WORD.event, seen)) {
      reader.drain(due)
      return 'ok'
    }
    this.#desk.tellInTime()
    Atomics.store(words, WORD.mainWaits, 1)
    const woken =
      isArmed && this.#isInterruptible
        ? waitInterruptibly(words, WORD.event, seen, SLICE_MS)
        : Atomics.wait(words, WORD.event, seen, isArmed ? SLICE_MS : UNARMED_MS)
    Atomics.store(words, WORD.mainWaits, 0)
    // The worker may have answered before it died.
    reader.drain(due)
    return woken
  }
}
