/**
 * How a codec says that a string is in a form that only the server's input function reads: `'tomorrow'` for a date,
 * `'(1,2)'` for a point. The codec throws `TEXT_FOR_SERVER`; the writers of Bind and COPY catch it and send the value as
 * text. Forms that are certain (integers, booleans, floats, uuid) are read by the codecs, so a wrong one is refused here
 * and does not fail the transaction.
 */
import { InternalError } from '../errors/tree.ts'
import { requireText } from './codecs/text.ts'

/** No failure: one object for all throws, because making an error for each value would be slow. */
export const TEXT_FOR_SERVER = new InternalError(
  "bug: text for the server's input function was about to travel in binary",
)

/** Leaves a string to the server. @throws TEXT_FOR_SERVER; DataError for text that no server takes. */
export function leaveToServer(text: string, typeName: string): never {
  requireText(text, typeName)
  throw TEXT_FOR_SERVER
}

/** A string that stands for a whole container is its literal as it is; null for any other value. */
export function ownText(value: unknown, typeName: string): string | null {
  if (typeof value !== 'string') return null
  requireText(value, typeName)
  return value
}

/** The blanks that the server's input functions skip: those of C's `isspace`. */
export const BLANKS = '[ \\t\\n\\v\\f\\r]*'
