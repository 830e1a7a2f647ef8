/**
 * How a codec reports a string in a form that only the server's input function reads: `'tomorrow'` for a date, `'(1,2)'` for a
 * point. The codec throws `TEXT_FOR_SERVER`; the writers of Bind and COPY catch it and send the value as text. Where the
 * forms are certain (integers, booleans, floats, uuid), the codec reads the string itself, so that a wrong one is refused
 * before it is sent and does not fail the transaction.
 */
import { InternalError } from '../errors/tree.ts'
import { requireText } from './codecs/text.ts'

/** A signal, not a failure. It is one object for all throws, because making an error for each value would be slow. */
export const TEXT_FOR_SERVER = new InternalError(
  "bug: text for the server's input function was about to travel in binary",
)

/** Leaves a string to the server. @throws TEXT_FOR_SERVER; DataError for text that the server cannot take. */
export function leaveToServer(text: string, typeName: string): never {
  requireText(text, typeName)
  throw TEXT_FOR_SERVER
}

/** A string in place of a whole container is its literal and is sent unchanged; null for other values. */
export function ownText(value: unknown, typeName: string): string | null {
  if (typeof value !== 'string') return null
  requireText(value, typeName)
  return value
}

/** The blanks that the server's input functions skip, which are those of C's `isspace`. */
export const BLANKS = '[ \\t\\n\\v\\f\\r]*'
