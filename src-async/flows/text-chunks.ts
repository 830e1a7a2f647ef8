/**
 * Text that a COPY gets in chunks. A chunk may end within a character, because JavaScript cuts strings into UTF-16 units: the
 * first half of a surrogate pair is kept until the second has come. Any other half has no UTF-8 form, and is refused:
 * Node would write U+FFFD in its place.
 */
import { DataError } from '../errors/tree.ts'

export class TextChunks {
  /** The first half of a surrogate pair, from the end of the last chunk. */
  #half = ''

  /**
   * @param argument the argument that gave the chunk, for messages
   * @returns the text up to its last whole character
   * @throws DataError for half of a surrogate pair
   */
  next(chunk: string, argument: string): string {
    let text = this.#half === '' ? chunk : this.#half + chunk
    this.#half = ''
    const last = text.charCodeAt(text.length - 1)
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1)
      text = text.slice(0, -1)
    }
    if (!text.isWellFormed()) throw halfPair(argument)
    return text
  }

  /** Bytes, or the end, come next. @throws DataError when half of a surrogate pair came last */
  end(argument: string): void {
    if (this.#half === '') return
    this.#half = ''
    throw halfPair(argument)
  }
}

function halfPair(argument: string): DataError {
  return new DataError(`${argument}: the text has half of a surrogate pair, which has no UTF-8 form`)
}
