/**
 * `lastInsertRowid`: finds the column that corresponds to SQLite's rowid, and adds a RETURNING for it to an INSERT. None is
 * added where the statement would then fail or behave differently.
 */
import { type Connection, DbError } from '../index.ts'
import type { SqlShape } from './sql-shape.ts'

/**
 * Finds a primary key of one integer column, which corresponds to SQLite's INTEGER PRIMARY KEY; without a primary key, the
 * identity or serial column. Finds none where rules, row security or missing privileges could refuse a RETURNING.
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

/** An INSERT with an added RETURNING, and the offset from which the text is not the program's own. */
export interface ReturningStatement {
  readonly sql: string
  readonly addedAt: number
}

const UNDEFINED_COLUMN = '42703'

/** Whether a statement failed because of the added RETURNING: the key was renamed since its name was read. */
export function isCausedByReturning(error: unknown, { addedAt }: ReturningStatement): boolean {
  return error instanceof DbError && error.sqlstate === UNDEFINED_COLUMN && (error.position ?? 0) > addedAt
}

/** Caches the column of each table; the cache is cleared when the schema may have changed. */
export class InsertedRows {
  readonly #columns = new Map<string, string | null>()

  forget(): void {
    this.#columns.clear()
  }

  /** The statement with RETURNING; null when the statement is no such INSERT, or should stay unchanged. */
  withReturning(connection: Connection, sql: string, shape: SqlShape): ReturningStatement | null {
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
