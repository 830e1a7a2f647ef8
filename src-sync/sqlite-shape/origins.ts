/** Finds the table and column that each result column comes from, for `columns()` and `expand()`. */
import type { Column, Connection } from '../index.ts'

/** node:sqlite's description of a column. `column`, `table` and `database` are null when it comes from no table. */
export interface ColumnInfo {
  readonly name: string
  /** The name of the table's column; null for an expression. */
  readonly column: string | null
  /** The name of the table; null for an expression. */
  readonly table: string | null
  /** The table's schema. */
  readonly database: string | null
  /** The type's name. For expressions SQLite has none, but PostgreSQL always has one. */
  readonly type: string
}

const ORIGINS = `
select a.attrelid::int8::text || '.' || a.attnum as key, a.attname::text as column, c.relname::text as table,
       n.nspname::text as schema
  from unnest($1::oid[], $2::int2[]) as wanted (relation, number)
  join pg_catalog.pg_attribute a on a.attrelid = wanted.relation and a.attnum = wanted.number
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace`

interface Origin {
  readonly key: string
  readonly column: string
  readonly table: string
  readonly schema: string
}

/** What the server says about where a column of a result comes from. */
export type OriginColumn = Pick<Column, 'name' | 'tableOid' | 'tableColumn'>

/** Reads the names of the tables and columns from the catalog. */
export function columnInfos(connection: Connection, columns: readonly Column[]): ColumnInfo[] {
  const origins = originsOf(connection, columns)
  return columns.map(({ name, typeName }, place) => {
    const origin = origins[place]
    return {
      name,
      column: origin?.column ?? null,
      table: origin?.table ?? null,
      database: origin?.schema ?? null,
      type: typeName,
    }
  })
}

/** For each column the name of its table; null for an expression. */
export function tableNames(connection: Connection, columns: readonly OriginColumn[]): (string | null)[] {
  return originsOf(connection, columns).map((origin) => origin?.table ?? null)
}

function originsOf(connection: Connection, columns: readonly OriginColumn[]): (Origin | undefined)[] {
  const known = columns.filter((column) => column.tableOid > 0 && column.tableColumn > 0)
  const parameters = [known.map((column) => column.tableOid), known.map((column) => column.tableColumn)]
  const rows = known.length === 0 ? [] : connection.fetch<Origin>(ORIGINS, parameters)
  const origins = new Map(rows.map((origin) => [origin.key, origin]))
  return columns.map(({ tableOid, tableColumn }) => origins.get(`${tableOid}.${tableColumn}`))
}
