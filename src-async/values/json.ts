/**
 * JSON values that must be marked as such: the JSON `null`, an array inside a `json[]`, and text that is already JSON.
 */

/** A value for a json or jsonb parameter; see `Json`. */
export class PgJson {
  readonly value: unknown
  /** True when `value` is JSON text that is sent unchanged. */
  readonly isRaw: boolean

  constructor(value: unknown, isRaw: boolean) {
    this.value = value
    this.isRaw = isRaw
  }

  toJSON(): unknown {
    return this.isRaw ? JSON.parse(String(this.value)) : this.value
  }
}

/**
 * Marks a value as JSON. `Json(null)` is the JSON null, not the SQL NULL. `Json(text, { raw: true })` sends JSON text as it
 * is, without quoting it again.
 */
export function Json(value: unknown, options: { readonly raw?: boolean } = {}): PgJson {
  return new PgJson(value, options.raw === true)
}
