/**
 * The states of a session and the moves between them, as a table. A move that is not in the table is a bug here, not a
 * fault of the program or the server.
 */
import { InternalError } from '../errors/tree.ts'

export type SessionPhase = 'connecting' | 'ready' | 'busy' | 'closing' | 'closed' | 'broken'

const MOVES: Readonly<Record<SessionPhase, readonly SessionPhase[]>> = {
  connecting: ['ready', 'broken', 'closing'],
  ready: ['busy', 'closing', 'broken'],
  busy: ['ready', 'closing', 'broken'],
  // Answers that were due may still arrive while closing; nothing new is asked.
  closing: ['closed'],
  broken: ['closed'],
  closed: [],
}

export class Lifecycle {
  #phase: SessionPhase = 'connecting'

  get phase(): SessionPhase {
    return this.#phase
  }

  /** Whether operations are taken. */
  get isOpen(): boolean {
    return this.#phase === 'ready' || this.#phase === 'busy'
  }

  get isEnded(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed' || this.#phase === 'broken'
  }

  /** @throws InternalError when the table does not have the move. */
  move(next: SessionPhase): void {
    if (!MOVES[this.#phase].includes(next)) {
      throw new InternalError(`bug: a session cannot go from ${this.#phase} to ${next}`)
    }
    this.#phase = next
  }
}
