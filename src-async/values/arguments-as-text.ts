/**
 * Writes the arguments of a statement as text, before the server has described it: the Bind message after its two
 * names. The result must mean what it would mean if the driver knew the parameter's type. So it takes only values whose
 * text has one meaning for all types, or that the server refuses. For all other values the statement is described
 * first.
 */
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { numberText } from './codecs/text.ts'
import { TextValues } from './text-values.ts'
import { areTypedPlaces } from './typed-places.ts'

/** The number of format codes when all values are in text format. */
const ALL_TEXT = 0
const BINARY = 1

export interface TextArgumentOptions {
  /** Whether the statement writes: the server then knows the parameters' types from the columns. */
  readonly storesValues: boolean
  /** The server's `standard_conforming_strings`. */
  readonly isStandard: boolean
  /** Whether the rows are to come as text, not in binary. */
  readonly wantsText: boolean
}

/**
 * @param values the arguments; the strings of `TextValues` are already the server's text for every type
 * @returns whether all could be written; if not, the writer is unchanged.
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
  // One code applies to all columns; no code means text.
  if (wantsText) out.int16(ALL_TEXT)
  else out.int16(1).int16(BINARY)
  if (untyped.size === 0 || areTypedPlaces(sql, untyped, isStandard)) return true
  out.truncate(start)
  return false
}

/** The text of a value from `TextValues`; undefined when it has none that the server would take. */
function ownText(value: unknown): string | undefined {
  return typeof value === 'string' && isWellFormed(value) ? value : undefined
}

/** The text of a value; undefined when it would depend on the type. */
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
 * Whether the text of a number means the same for every numeric type. An integer beyond 2^53 has more digits than it is
 * exact for, and minus zero exists only as a float. For a `real`, the server rounds a fraction once from its text, but the
 * driver would round it twice, by way of a double: this differs halfway between two reals, and near zero.
 */
function isExact(value: number): boolean {
  if (Number.isInteger(value)) return Number.isSafeInteger(value) && !Object.is(value, -0)
  DOUBLE[0] = value
  return Math.abs(value) > LEAST_NORMAL_REAL && (BITS[0]! & REAL_REST) !== REAL_HALF
}

const DOUBLE = new Float64Array(1)
/** The lower half of the double. All platforms of Node are little-endian. */
const BITS = new Uint32Array(DOUBLE.buffer, 0, 1)
/** The 29 bits of a double that a real does not have, and the value halfway between two reals. */
const REAL_REST = 0x1fffffff
const REAL_HALF = 0x10000000
const LEAST_NORMAL_REAL = 1.2e-38

const JSON_NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i
const JSON_WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null'])
/** Characters that JSON may begin with and that are no letters or digits. */
const JSON_OPENING = '{["'

/**
 * Whether a string is not valid JSON. For json parameters, a string is a JSON string and must get quotes, so the server
 * would read a string that is valid JSON as another value. The server refuses any other string as JSON before the
 * statement runs; the statement is described then.
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
