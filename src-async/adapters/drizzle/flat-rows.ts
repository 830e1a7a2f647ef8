/**
 * Makes the rows of a select whose fields are not nested, as most are. Drizzle's own mapper finds out what each field is
 * again for each value, which takes longer than the query does. Nested rows, of joins, are left to it.
 */
import { Column, SQL, Subquery, is } from 'drizzle-orm'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'

/** What makes a value of a field from what the driver gives. */
interface Decoder {
  mapFromDriverValue(value: unknown): unknown
}

type FlatRow = Record<string, unknown>

/** @returns the rows; null where a field is nested */
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

/** null for a field whose values stay as the driver gives them. */
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
