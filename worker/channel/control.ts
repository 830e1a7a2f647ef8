/** The control plane's calls, carried by synckit: the hand-over of shared memory. */

export type ControlCall =
  /** First of all: the host block. */
  | { readonly name: 'hello'; readonly shared: SharedArrayBuffer }
  /** A session block; the session is opened through it. */
  | { readonly name: 'attach'; readonly sessionId: number; readonly shared: SharedArrayBuffer }
  /** An array for a request that does not fit the block. */
  | { readonly name: 'lend'; readonly sessionId: number; readonly shared: SharedArrayBuffer | null }
  | { readonly name: 'detach'; readonly sessionId: number }

/** Answers to `hello`; the other calls answer nothing. */
export interface ControlReply {
  /** This thread as Node counts it. */
  readonly threadId?: number
  /** The same as the kernel counts it, 0 where it does not say. */
  readonly osThreadId?: number
}
