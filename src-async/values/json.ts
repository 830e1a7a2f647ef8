/**
 * JSON values that must be marked as such: the JSON `null`, an array inside a `json[]`, and text that is already JSON.
 */

import { knownOptions, requireKnown, FLAG } from '../options/known-options.ts'

/** The options of `Json`. */
export interface JsonOptions {
  /** True for text that is JSON already. */
  readonly raw?: boolean | undefined
}

const JSON_OPTIONS = knownOptions<JsonOptions>({ raw: FLAG })

/** A value for a json or jsonb parameter; see `Json`. */
export class PgJson {
  /** The value that was passed to `Json`. */
  readonly value: unknown
  /** True when `value` is JSON text that is sent unchanged. */
  readonly isRaw: boolean

  /** @example const same = [new PgJson({ a: 1 }, false), Json({ a: 1 })] // Json() is the usual way */
  constructor(value: unknown, isRaw: boolean) {
    this.value = value
    this.isRaw = isRaw
  }

  /** @example JSON.stringify([Json({ a: 1 })]) // '[{"a":1}]' */
  toJSON(): unknown {
    return this.isRaw ? JSON.parse(String(this.value)) : this.value
  }
}

/**
 * Marks a value as JSON: `Json(null)` is the JSON null, not SQL's; `Json(text, { raw: true })` sends ready-made JSON
 * text without quoting it once more.
 * @param options.raw the value is JSON text already
 * @example con.execute('select %s::jsonb', [Json('a string of JSON')])
 */
export function Json(value: unknown, options: JsonOptions = {}): PgJson {
  requireKnown(options, JSON_OPTIONS, 'Json')
  return new PgJson(value, options.raw === true)
}
