/**
 * Cuts a stream of chunks into protocol messages. It reads only type bytes and lengths, never the body of a message, and does
 * not copy a message that is whole within a chunk. DataRow messages that follow each other are handed out as one run. A
 * message that is split across chunks is joined in the carry buffer. That buffer grows as bytes arrive, so a false length
 * costs no memory. Format: PostgreSQL manual, "Message Formats".
 */
import { ProtocolError } from '../../errors/tree.ts'
import { DATA_ROW, HEADER_BYTES, lengthWord, MAX_MESSAGE_BYTES, tagName } from './tags.ts'

export interface FrameHandler {
  /** Takes one message other than DataRow. `[start, end)` is its body, without type byte and length. */
  message(tag: number, bytes: Uint8Array, start: number, end: number): void
  /** Takes a run of whole DataRow messages, with type bytes and lengths. */
  rows(bytes: Uint8Array, start: number, end: number): void
}

const FIRST_CARRY_BYTES = 4096
/** A larger carry buffer is released after use, so that one large row does not keep its memory for ever. */
const KEEP_CARRY_BYTES = 1 << 20

export class Framer {
  readonly #handler: FrameHandler
  #carry = Buffer.allocUnsafeSlow(FIRST_CARRY_BYTES)
  #carried = 0
  /** The size of the whole carried message with its header; 0 while its header is incomplete. */
  #wanted = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** How many bytes of an incomplete message are in the carry buffer. */
  get carriedBytes(): number {
    return this.#carried
  }

  /**
   * Takes the next chunk, and passes on all messages that are complete by then.
   * @throws ProtocolError when a length is impossible; and the errors of the handler. The stream cannot be used after that.
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

  /** Adds bytes of the chunk to the carried message. @returns the offset of the first byte that was not used */
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

  /** Puts the incomplete message at the end of a chunk into the carry buffer. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    this.#append(bytes, start, end)
    this.#wanted = this.#carried < HEADER_BYTES ? 0 : 1 + messageLength(this.#carry[0]!, this.#carry, 1)
  }

  #append(bytes: Uint8Array, start: number, end: number): number {
    const needed = this.#carried + end - start
    if (needed > this.#carry.length) {
      // The buffer doubles with the bytes that have arrived, whatever the length word says, but never beyond that length.
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

/** Reads the length word at `offset`, which counts itself. @throws ProtocolError when it is impossible */
function messageLength(tag: number, bytes: Uint8Array, offset: number): number {
  const length = lengthWord(bytes, offset)
  // No message has the type byte 0. It is the rest of a string whose message was cut in the wrong place.
  if (length < 4 || length > MAX_MESSAGE_BYTES || tag === 0) {
    throw new ProtocolError(
      `the server sent a message ${tagName(tag)} with the impossible length ${length}; is this a PostgreSQL server?`,
    )
  }
  return length
}
