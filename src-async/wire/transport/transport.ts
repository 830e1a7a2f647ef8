/**
 * What a session needs of the way to its server, and nothing of how the way is made. Bytes go in whole messages; nothing
 * here knows what they mean.
 */

export interface TransportEvents {
  /** Bytes arrived; they are the transport's and change after the return. Never called within `write` of the same one. */
  data(bytes: Uint8Array, start: number, end: number): void
  /** What was queued has gone out, after a `write` that gave false. */
  drain(): void
  /** The last event, once. null when the peer closed in order. */
  closed(error: Error | null): void
}

export interface Transport {
  /** True when each `write` must hold whole flights, COPY data and its end included (PGlite). */
  readonly sendsWholeFlights: boolean
  /** Where events go from now on. */
  listen(events: TransportEvents): void
  /** Sends, or copies what cannot be sent yet: the bytes are the caller's again. False asks to wait for `drain`. */
  write(bytes: Uint8Array): boolean
  /** No `data` until `resume`, beyond what is already in hand. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes now. */
  destroy(): void
  /** Whether the process stays alive for it; at first it does. Missing where there is nothing that keeps a process. */
  keepAlive?(isWanted: boolean): void
  /** True while nothing is queued: what another writer sends now comes after everything written before. */
  readonly isDrained?: boolean
  /** The descriptor of a plain socket that is open; -1 where there is none. */
  readonly descriptor?: number
}
