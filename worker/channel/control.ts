/** The calls that synckit carries from the caller to the worker. Each of them hands over shared memory. */

export type ControlCall =
  /** Hands over the host block. It is the first call. */
  | { readonly name: 'hello'; readonly shared: SharedArrayBuffer }
  /**
   * Adds a session and names the block it uses. `shared` is given when the worker sees the block for the first time.
   * `dropped` holds the numbers of blocks that serve no session any more: the worker releases their memory.
   */
  | {
      readonly name: 'attach'
      readonly sessionId: number
      readonly blockNumber: number
      readonly shared?: SharedArrayBuffer
      readonly dropped: readonly number[]
    }
  /** Hands over an array for one request that does not fit into the request area. */
  | { readonly name: 'array'; readonly sessionId: number; readonly shared: SharedArrayBuffer }

/** The answer to `hello`. Other calls get an empty answer. */
export interface ControlReply {
  /** `LAYOUT_VERSION` of the worker. */
  readonly layoutVersion?: number
  /** The worker's thread id in Node. */
  readonly threadId?: number
  /** The worker's thread id in the kernel, 0 where the kernel does not tell it. */
  readonly osThreadId?: number
}
