/**
 * Cuts a stream of chunks into protocol messages. Knows letters and lengths only; never looks inside a message, never
 * copies one that lies whole within a chunk. Adjacent DataRow messages are handed out as one run. A message split
 * across chunks is put together in a carry buffer that grows as bytes arrive, so a lying length allocates nothing.
 * Format: PostgreSQL manual, "Message Formats".
 */
import { ProtocolError } from '../../errors/tree.ts'
import { DATA_ROW, HEADER_BYTES, lengthWord, MAX_MESSAGE_BYTES, tagName } from './tags.ts'

export interface FrameHandler {
  /** One message that is not a DataRow; `[start, end)` is its body, without letter and length. */
  message(tag: number, bytes: Uint8Array, start: number, end: number): void
  /** A run of whole, adjacent DataRow messages, letters and lengths included. */
  rows(bytes: Uint8Array, start: number, end: number): void
}

const FIRST_CARRY_BYTES = 4096
/** A carry beyond this is given back after use, so that one large row does not pin memory for good. */
const KEEP_CARRY_BYTES = 1 << 20

export class Framer {
  readonly #handler: FrameHandler
  #carry = Buffer.allocUnsafeSlow(FIRST_CARRY_BYTES)
  #carried = 0
  /** Bytes of the whole carried message, header included; 0 while its header is incomplete. */
  #wanted = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Bytes of an unfinished message. */
  get carriedBytes(): number {
    return this.#carried
  }

  /**
   * Takes the next chunk. The handler sees every message completed by it before this returns.
   * @throws ProtocolError when a length cannot be one; whatever the handler throws. The stream is then lost.
   */
  receive(bytes: Uint8Array, start: number, end: number): void {
    let position = this.#carried > 0 ? this.#finishCarried(bytes, start, end) : start
    let runStart = -1
    while (end - position >= HEADER_BYTES) {
      const tag = bytes[position]!
      const next = position + 1 + messageLength(tag, bytes, position + 1)
      if (next > end) break
      if (tag === DATA_ROW) {
        if (runStart < 0) runStart = position
      } else {
        if (runStart >= 0) {
          this.#handler.rows(bytes, runStart, position)
          runStart = -1
        }
        this.#handler.message(tag, bytes, position + HEADER_BYTES, next)
      }
      position = next
    }
    if (runStart >= 0) this.#handler.rows(bytes, runStart, position)
    if (position < end) this.#keep(bytes, position, end)
  }

  /** Completes the carried message as far as the chunk goes; gives the offset of the first byte not used. */
  #finishCarried(bytes: Uint8Array, start: number, end: number): number {
    let position = start
    if (this.#wanted === 0) {
      position = this.#append(bytes, position, Math.min(end, position + HEADER_BYTES - this.#carried))
      if (this.#carried < HEADER_BYTES) return position
      this.#wanted = 1 + messageLength(this.#carry[0]!, this.#carry, 1)
    }
    position = this.#append(bytes, position, Math.min(end, position + this.#wanted - this.#carried))
    if (this.#carried < this.#wanted) return position
    const carry = this.#carry
    const length = this.#wanted
    this.#carried = 0
    this.#wanted = 0
    if (carry.length > KEEP_CARRY_BYTES) this.#carry = Buffer.allocUnsafeSlow(FIRST_CARRY_BYTES)
    if (carry[0] === DATA_ROW) this.#handler.rows(carry, 0, length)
    else this.#handler.message(carry[0]!, carry, HEADER_BYTES, length)
    return position
  }

  /** Starts carrying the unfinished message that ends a chunk. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    this.#append(bytes, start, end)
    this.#wanted = this.#carried < HEADER_BYTES ? 0 : 1 + messageLength(this.#carry[0]!, this.#carry, 1)
  }

  #append(bytes: Uint8Array, start: number, end: number): number {
    const needed = this.#carried + end - start
    if (needed > this.#carry.length) {
      // Doubling follows what has arrived, not what the length word promises; but no further than the promise.
      const doubled = Math.max(needed, this.#carry.length * 2)
      const grown = Buffer.allocUnsafeSlow(this.#wanted > needed ? Math.min(doubled, this.#wanted) : doubled)
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried)
    this.#carried = needed
    return end
  }
}

/** The length word at `offset`, which counts itself. */
function messageLength(tag: number, bytes: Uint8Array, offset: number): number {
  const length = lengthWord(bytes, offset)
  // No message has the letter 0: that is the rest of a string whose message was cut in the wrong place.
  if (length < 4 || length > MAX_MESSAGE_BYTES || tag === 0) {
    throw new ProtocolError(
      `the server sent a message ${tagName(tag)} with the impossible length ${length}; is this a PostgreSQL server?`,
    )
  }
  return length
}
