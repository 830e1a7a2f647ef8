/** The control plane's calls, carried by synckit: the hand-over of shared memory. */

export type ControlCall =
  /** First of all: the host block. */
  | { readonly name: 'hello'; readonly shared: SharedArrayBuffer }
  /**
   * A session, and the block it is to use: `shared` comes along when the worker sees the block for the first time. `dropped`
   * are the numbers of blocks that serve no session any more: the worker lets go of their memory.
   */
  | {
      readonly name: 'attach'
      readonly sessionId: number
      readonly blockNumber: number
      readonly shared?: SharedArrayBuffer
      readonly dropped: readonly number[]
    }
  /** An array for one request that does not fit the request area. */
  | { readonly name: 'array'; readonly sessionId: number; readonly shared: SharedArrayBuffer }

/** Answers to `hello`; the other calls answer nothing. */
export interface ControlReply {
  /** `LAYOUT_VERSION` of the worker. */
  readonly layoutVersion?: number
  /** This thread as Node counts it. */
  readonly threadId?: number
  /** The same as the kernel counts it, 0 where it does not say. */
  readonly osThreadId?: number
}
