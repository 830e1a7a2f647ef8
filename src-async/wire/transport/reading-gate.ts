/**
 * Decides whether a transport reads. Several parts of a session may want it to stop, each for its own reason; the transport
 * reads again when the last of them has let go. Without this, one of them would start the reading that another stopped.
 */

/** Why nothing is read: a bit each. */
export const STOPPED_FOR = {
  /** The sink that takes the rows is full. */
  sink: 1,
  /** Nobody fetches the data of a COPY TO STDOUT. */
  copy: 2,
  /** The socket is lent to another thread, which reads it. */
  lent: 4,
} as const

export type StopReason = (typeof STOPPED_FOR)[keyof typeof STOPPED_FOR]

/** The part of a transport that the gate works. */
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

  /** Stops the reading for a reason; a reason that is there already changes nothing. */
  stop(reason: StopReason): void {
    const wasOpen = this.#reasons === 0
    this.#reasons |= reason
    if (wasOpen) this.#transport.pause()
  }

  /** Takes a reason back. */
  go(reason: StopReason): void {
    if ((this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons === 0) this.#transport.resume()
  }

  /** Takes every reason back: the session ends, and a transport that does not read would not notice its own end. */
  goForGood(): void {
    this.#reasons = 0
    this.#transport.resume()
  }
}
