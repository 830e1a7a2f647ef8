/**
 * Values whose strings are the server's text, for every type: what a query builder has compiled. A number, a bigint and a
 * boolean are their text too; the server reads it as the type it wants. Dates, bytes, arrays and objects have no text
 * that is the same for all types, so the codec of their type writes them, and strings inside arrays and objects of
 * PostgreSQL's are the server's text again. Bytes for a type of text are its UTF-8.
 * See docs/decisions/compiled-statements.md.
 */
import { DataError, ProgrammingError } from '../errors/tree.ts'
import { describeValue } from './describe-value.ts'
import { literalText, scalarText } from './literal-text.ts'
import { TEXT_FOR_SERVER } from './text-for-server.ts'
import { asBytes } from './codecs/bytea.ts'
import { requireText } from './codecs/text.ts'
import type { Codec } from './codec.ts'

/**
 * What the values of a statement mean. `'typed'`: a string for jsonb is a JSON string, and what does not fit its type is
 * refused here. `'text'`: a string is what the server's input function reads, for every type.
 */
export type ValueMeaning = 'typed' | 'text'

/**
 * A list of values that mean text. The meaning travels with the list, because every flow passes lists on and only the
 * writer of Bind has to know it. Numbers, bigints and booleans are strings in it already.
 */
export class TextValues extends Array<unknown> {
  /** What is made of it by `map` and the like are other values. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }
}

/** The same values, meaning text. */
export function textValues(values: readonly unknown[]): TextValues {
  const list = new TextValues()
  for (const value of values) list.push(scalarText(value) ?? value)
  return list
}

/** The values with the meaning they are asked to have. */
export function meant(values: readonly unknown[], meaning: ValueMeaning): readonly unknown[] {
  return meaning === 'text' ? textValues(values) : values
}

/** @throws ProgrammingError for what is no meaning. */
export function requireMeaning(given: unknown, method: string): ValueMeaning | undefined {
  if (given === undefined || given === 'typed' || given === 'text') return given
  throw new ProgrammingError(`${method}: values: expected 'typed' or 'text', got ${describeValue(given)}`)
}

/** A codec as it writes values that mean text. It reads as before. */
export function serverTextCodec(base: Codec): Codec {
  return {
    ...base,
    encode(out, value) {
      if (scalarText(value) !== null) throw TEXT_FOR_SERVER
      refusePlaceholder(value)
      // The bytes of a text are its UTF-8, which the server checks.
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

/** A placeholder that was not filled in would be stored as JSON. @throws DataError */
function refusePlaceholder(value: unknown): void {
  const kind: unknown = (value as { constructor?: { [DRIZZLE_KIND]?: unknown } } | null)?.constructor?.[DRIZZLE_KIND]
  if (kind === undefined) return
  throw new DataError(`the value is Drizzle's ${String(kind)} and not a value`, {
    hint: "fill placeholders in before: fillPlaceholders(query.params, values), from 'drizzle-orm'",
  })
}
