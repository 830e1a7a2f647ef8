/**
 * Values that mean text: the server's input function reads their strings, for every type. Query builders make such
 * values. A number, a bigint or a boolean also means its text. Dates, bytes, arrays and objects have no text that is
 * the same for all types, so the codec of their type writes them; strings inside PostgreSQL's arrays and objects mean
 * text again. Bytes for a text type are text in UTF-8. See docs/decisions/compiled-statements.md.
 */
import { DataError, ProgrammingError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'
import { literalText, scalarText } from './literal-text.ts'
import { TEXT_FOR_SERVER } from './text-for-server.ts'
import { asBytes } from './codecs/bytea.ts'
import { requireText } from './codecs/text.ts'
import type { Codec } from './codec.ts'

/**
 * The meaning of a statement's values. `'typed'`: a string for jsonb is a JSON string, and a value that does not fit its type
 * is refused. `'text'`: a string is what the server's input function reads, for every type.
 */
export type ValueMeaning = 'typed' | 'text'

/**
 * A list of values that mean text. The list itself carries the meaning, because every flow passes lists on and only the
 * writer of Bind needs to know it. Its numbers, bigints and booleans are already strings.
 */
export class TextValues extends Array<unknown> {
  /** Results of `map` and the like are plain arrays, without this meaning. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }
}

/** Copies the values into a list that means text. */
export function textValues(values: readonly unknown[]): TextValues {
  const list = new TextValues()
  for (const value of values) list.push(scalarText(value) ?? value)
  return list
}

/** The values with the given meaning. Without a meaning they are encoded for the types that the server expects. */
export function withMeaning(values: readonly unknown[], meaning: ValueMeaning | undefined): readonly unknown[] {
  return meaning === 'text' ? textValues(values) : values
}

/** @throws ProgrammingError for a value that is not the name of a meaning. */
export function requireMeaning(given: unknown, method: string): ValueMeaning | undefined {
  if (given === undefined || given === 'typed' || given === 'text') return given
  throw new ProgrammingError(`${method}: values: expected 'typed' or 'text', got ${describeValue(given)}`)
}

/** A codec for writing values that mean text. It reads as `base` does. */
export function serverTextCodec(base: Codec): Codec {
  return {
    ...base,
    encode(out, value) {
      if (scalarText(value) !== null) throw TEXT_FOR_SERVER
      refusePlaceholder(value)
      // Bytes for a text type are text in UTF-8, which the server checks.
      const bytes = base.isText === true ? asBytes(value) : null
      if (bytes === null) base.encode(out, value)
      else out.bytes(bytes)
    },
    encodeText(value) {
      const text = scalarText(value)
      if (text === null) {
        refusePlaceholder(value)
        return literalText(base, value)
      }
      requireText(text, base.name)
      return text
    },
  }
}

const DRIZZLE_KIND = Symbol.for('drizzle:entityKind')

/** Refuses a placeholder of Drizzle that was not filled in; it would be stored as JSON. @throws DataError */
function refusePlaceholder(value: unknown): void {
  const kind: unknown = (value as { constructor?: { [DRIZZLE_KIND]?: unknown } } | null)?.constructor?.[DRIZZLE_KIND]
  if (kind === undefined) return
  throw new DataError(`the value is a ${String(kind)} of Drizzle that was not filled in`, {
    hint: "fill placeholders in before: fillPlaceholders(query.params, values), from 'drizzle-orm'",
  })
}
