/**
 * Makes the rows of a select whose fields are not nested; most are not. Drizzle's own mapper looks up the kind of a
 * field again for each value, which takes longer than the query. It still maps nested rows, which joins give.
 */
import { Column, SQL, Subquery, is } from 'drizzle-orm'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'

/** Turns the driver's value into the value of a field. */
interface Decoder {
  mapFromDriverValue(value: unknown): unknown
}

type FlatRow = Record<string, unknown>

/** @returns the rows; null if a field is nested */
export function flatRows(fields: SelectedFieldsOrdered, rows: readonly unknown[]): FlatRow[] | null {
  const names: string[] = []
  const decoders: (Decoder | null)[] = []
  for (const { path, field } of fields) {
    const [name] = path
    // An assignment to `__proto__` would not make a property.
    if (name === undefined || path.length > 1 || name === '__proto__') return null
    names.push(name)
    decoders.push(decoderOf(field))
  }
  return rows.map((row) => {
    const values = row as readonly unknown[]
    const flat: FlatRow = {}
    for (let i = 0; i < names.length; i += 1) {
      const value = values[i]
      const decoder = decoders[i]
      flat[names[i]!] = value === null || decoder === null ? value : decoder!.mapFromDriverValue(value)
    }
    return flat
  })
}

/** The decoder of a field; null if the driver's values are used unchanged. */
function decoderOf(field: unknown): Decoder | null {
  const decoder = rawDecoderOf(field)
  return decoder.mapFromDriverValue === Column.prototype.mapFromDriverValue ? null : decoder
}

function rawDecoderOf(field: unknown): Decoder {
  if (is(field, Column)) return field
  const { decoder } = (is(field, SQL) ? field : sqlOf(field)) as unknown as { readonly decoder: Decoder }
  return decoder
}

/** The expression behind an alias, or behind a subquery that is a field. */
function sqlOf(field: unknown): unknown {
  if (is(field, Subquery)) return field._.sql
  return (field as { readonly sql: unknown }).sql
}
