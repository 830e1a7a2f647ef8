/**
 * Decides whether a transport reads. Several parts of a session may stop the reading, each for its own reason. The transport
 * reads again when no reason is left. Without the gate, one part could restart the reading that another part has stopped.
 */

/** The reasons to stop reading, one bit each. */
export const STOPPED_FOR = {
  /** The sink that takes the rows is full. */
  sink: 1,
  /** The buffer of a COPY TO STDOUT is full, because its data is not read. */
  copy: 2,
  /** The socket is lent to another thread, which reads it. */
  lent: 4,
} as const

export type StopReason = (typeof STOPPED_FOR)[keyof typeof STOPPED_FOR]

/** The methods of a transport that the gate calls. */
export interface Pausable {
  pause(): void
  resume(): void
}

export class ReadingGate {
  readonly #transport: Pausable
  #reasons = 0

  constructor(transport: Pausable) {
    this.#transport = transport
  }

  get isOpen(): boolean {
    return this.#reasons === 0
  }

  /** Adds a reason, and stops reading. */
  stop(reason: StopReason): void {
    const wasOpen = this.#reasons === 0
    this.#reasons |= reason
    if (wasOpen) this.#transport.pause()
  }

  /** Removes a reason, and reads again when it was the last one. */
  go(reason: StopReason): void {
    if ((this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons === 0) this.#transport.resume()
  }

  /** Removes all reasons when the session ends: a transport that does not read would not notice that the server closes. */
  goForever(): void {
    this.#reasons = 0
    this.#transport.resume()
  }
}
