/**
 * Writes the arguments of a statement that the server has not described yet, as text: the Bind message after its two names.
 * Only values whose text means the same for whatever type the server finds, or is refused by it: what the driver would make
 * of the value once it knows the type must not differ. For all others the statement is described first.
 */
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { numberText } from './codecs/text.ts'
import { TextValues } from './text-values.ts'
import { areTypedPlaces } from './typed-places.ts'

/** Values in text format, so no format codes. */
const ALL_TEXT = 0
const BINARY = 1

export interface TextArgumentOptions {
  /** Whether the statement writes, so that the server knows the types by its columns. */
  readonly storesValues: boolean
  /** The server's `standard_conforming_strings`. */
  readonly isStandard: boolean
  /** Whether the rows are wanted as text, not in binary. */
  readonly wantsText: boolean
}

/**
 * @param values where they are `TextValues`, their text is what they mean, for every type
 * @returns whether it could be done; if not, the writer is as it was
 */
export function writeArgumentsAsText(
  out: ByteWriter,
  sql: string,
  values: readonly unknown[],
  { storesValues, isStandard, wantsText }: TextArgumentOptions,
): boolean {
  const start = out.length
  const meansText = values instanceof TextValues
  out.int16(ALL_TEXT).int16(values.length)
  const untyped = new Set<number>()
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]
    const text = value === null ? null : meansText ? ownText(value) : textOf(value)
    if (text === undefined) {
      out.truncate(start)
      return false
    }
    if (text === null) out.int32(-1)
    else {
      const lengthAt = out.reserveInt32()
      out.utf8(text)
      out.patchLength(lengthAt)
      if (typeof value !== 'string' && !storesValues) untyped.add(i + 1)
    }
  }
  // One code stands for all columns; none means text.
  if (wantsText) out.int16(ALL_TEXT)
  else out.int16(1).int16(BINARY)
  if (untyped.size === 0 || areTypedPlaces(sql, untyped, isStandard)) return true
  out.truncate(start)
  return false
}

/** The text of a value that means text; undefined where there is none that the server would take. */
function ownText(value: unknown): string | undefined {
  return typeof value === 'string' && isWellFormed(value) ? value : undefined
}

/** undefined where the text would depend on the type. */
function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isSafe(value) ? value : undefined
    case 'number':
      return Number.isFinite(value) && isExact(value) ? numberText(value) : undefined
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return undefined
  }
}

/**
 * Integers beyond 2^53 have more digits than they know; minus zero is a float only. Of a fraction the server may make a `real`,
 * which is rounded once from its text and twice as a double: that differs halfway between two reals, and near zero.
 */
function isExact(value: number): boolean {
  if (Number.isInteger(value)) return Number.isSafeInteger(value) && !Object.is(value, -0)
  DOUBLE[0] = value
  return Math.abs(value) > LEAST_NORMAL_REAL && (BITS[0]! & REAL_REST) !== REAL_HALF
}

const DOUBLE = new Float64Array(1)
/** Its lower half. All that Node runs on is little-endian. */
const BITS = new Uint32Array(DOUBLE.buffer, 0, 1)
/** The 29 bits of a double that a real has not, and half of what they can say. */
const REAL_REST = 0x1fffffff
const REAL_HALF = 0x10000000
const LEAST_NORMAL_REAL = 1.2e-38

const JSON_NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i
const JSON_WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null'])
/** What JSON may begin with that has brackets or quotes. */
const JSON_OPENING = '{["'

/**
 * For json a string is a JSON string, not JSON: one that happens to be JSON must get its quotes. Any other is refused by
 * the server as JSON, before the statement begins, and the statement is described then.
 */
function isSafe(text: string): boolean {
  const trimmed = text.trim()
  if (JSON_OPENING.includes(trimmed.charAt(0)) && trimmed !== '') return false
  if (JSON_NUMBER.test(trimmed) || JSON_WORDS.has(trimmed)) return false
  return isWellFormed(text)
}

function isWellFormed(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
