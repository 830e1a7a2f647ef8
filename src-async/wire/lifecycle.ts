/**
 * The phases of a session and the allowed moves between them, as a table. Any other move is a bug in syncpg.
 */
import { InternalError } from '../errors/tree.ts'

export type SessionPhase = 'connecting' | 'ready' | 'busy' | 'closing' | 'closed' | 'broken'

const MOVES: Readonly<Record<SessionPhase, readonly SessionPhase[]>> = {
  connecting: ['ready', 'broken', 'closing'],
  ready: ['busy', 'closing', 'broken'],
  busy: ['ready', 'closing', 'broken'],
  // In this phase pending answers may still arrive, but no new request is sent.
  closing: ['closed'],
  broken: ['closed'],
  closed: [],
}

export class Lifecycle {
  #phase: SessionPhase = 'connecting'

  get phase(): SessionPhase {
    return this.#phase
  }

  /** Whether the session accepts operations. */
  get isOpen(): boolean {
    return this.#phase === 'ready' || this.#phase === 'busy'
  }

  get isEnded(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed' || this.#phase === 'broken'
  }

  /** @throws InternalError when the table does not allow the move. */
  move(next: SessionPhase): void {
    if (!MOVES[this.#phase].includes(next)) {
      throw new InternalError(`bug: a session cannot go from ${this.#phase} to ${next}`)
    }
    this.#phase = next
  }
}
