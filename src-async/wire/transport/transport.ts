/**
 * The interface between a session and its connection to the server: a socket, or PGlite in this process. Each write holds
 * whole messages. A transport does not know what the bytes mean.
 */

export interface TransportEvents {
  /** Bytes have arrived. They are valid until this returns. A transport never calls it from within its own `write`. */
  data(bytes: Uint8Array, start: number, end: number): void
  /** All queued bytes are sent. Called after a `write` that returned false. */
  drain(): void
  /** The last event, called once. `error` is null when the server closed the connection in order. */
  closed(error: Error | null): void
}

export interface Transport {
  /**
   * True for PGlite: each `write` must contain whole requests (all messages up to their Sync, and for a COPY all its
   * data).
   */
  readonly sendsWholeFlights: boolean
  /** Sets the listener. */
  listen(events: TransportEvents): void
  /**
   * Sends the bytes, or queues a copy, so the caller may reuse them.
   * @param isGiven the caller will not write into these bytes again, so no copy is needed; false when left out
   * @returns false to ask the caller to wait for `drain`
   */
  write(bytes: Uint8Array, isGiven?: boolean): boolean
  /** Stops reading until `resume`. Bytes that were read already may still come. */
  pause(): void
  resume(): void
  /** Sends the queued bytes, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
  /** Sets whether the process stays alive for this transport. At first it does. Missing when it never does. */
  keepAlive?(isWanted: boolean): void
  /** True when no bytes are queued, so that another writer of the socket would not overtake them. */
  readonly isDrained?: boolean
  /** The file descriptor of an open socket without TLS; otherwise -1. */
  readonly descriptor?: number
}
