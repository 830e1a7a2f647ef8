/**
 * `lastInsertRowid`: the column that is to a table what the rowid is to SQLite's, and the RETURNING that asks for it. Only
 * where it can do no harm: where the statement would fail, or do anything else than before, there is none.
 */
import { type Connection, DbError } from '../index.ts'
import type { SqlShape } from './sql-shape.ts'

/**
 * A primary key of one integer column, as SQLite's INTEGER PRIMARY KEY is the rowid; without a primary key the identity or
 * serial column. Rules and row security can refuse a RETURNING, and so can a missing privilege.
 */
const ROWID_COLUMN = `
select a.attname::text as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
 where c.oid = pg_catalog.to_regclass($1::text)
   and c.relkind in ('r', 'p') and not c.relhasrules and not pg_catalog.row_security_active(c.oid)
   and a.atttypid in (20, 21, 23)
   and pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
   and case when i.indrelid is not null then i.indnkeyatts = 1 and i.indkey[0] = a.attnum
            else a.attidentity <> '' or exists (
              select from pg_catalog.pg_depend d join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
               where d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')) end`

/** A statement that tells the row's number, and the place from where on its text is not the program's. */
export interface TellingStatement {
  readonly sql: string
  readonly addedAt: number
}

const UNDEFINED_COLUMN = '42703'

/** Whether a statement failed of what was added to it: the key has another name since we asked. */
export function isOfAddition(error: unknown, { addedAt }: TellingStatement): boolean {
  return error instanceof DbError && error.sqlstate === UNDEFINED_COLUMN && (error.position ?? 0) > addedAt
}

/** The columns are learned once a table and forgotten when the schema may have changed. */
export class InsertedRows {
  readonly #columns = new Map<string, string | null>()

  forget(): void {
    this.#columns.clear()
  }

  /** The statement with RETURNING; null where it is none that tells, or should be left alone. */
  telling(connection: Connection, sql: string, shape: SqlShape): TellingStatement | null {
    const { insertTarget, end } = shape
    if (insertTarget === null) return null
    const column = this.#columnOf(connection, insertTarget)
    if (column === null) return null
    return { sql: `${sql.slice(0, end)} returning ${column}${sql.slice(end)}`, addedAt: end }
  }

  #columnOf(connection: Connection, table: string): string | null {
    const known = this.#columns.get(table)
    if (known !== undefined) return known
    if (connection.info.status === 'failed') return null
    const found = connection.fetch<{ name: string }>(ROWID_COLUMN, [table])
    const column = found.length === 1 ? `"${found[0]!.name.replaceAll('"', '""')}"` : null
    this.#columns.set(table, column)
    return column
  }
}
