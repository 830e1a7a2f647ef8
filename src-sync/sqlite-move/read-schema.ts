/** Reads the schema of a SQLite database: by PRAGMAs, and from the statements' text where PRAGMAs say nothing (CHECK). */
import { asciiLower, lowerOf, tokensOf } from '../sqlite-dialect/sqlite-text.ts'
import type { SqliteFile } from './open-sqlite.ts'

export interface SourceColumn {
  readonly name: string
  /** The type as written, in capitals; empty when the column has none. */
  readonly declared: string
  readonly isNotNull: boolean
  /** The default as SQL; null when the column has none. */
  readonly default: string | null
  /** The expression of a computed column; null for other columns. */
  readonly computed: string | null
}

export interface SourceIndex {
  readonly name: string
  readonly isUnique: boolean
  /** Whether it belongs to a UNIQUE constraint, which has no SQL text of its own. */
  readonly isConstraint: boolean
  /** The CREATE INDEX statement as written; null for a constraint. */
  readonly sql: string | null
  /** Null when the index has an expression or a WHERE. */
  readonly columns:
    | readonly { readonly name: string; readonly isDescending: boolean; readonly ignoresCase: boolean }[]
    | null
}

export interface SourceForeignKey {
  readonly table: string
  readonly columns: readonly string[]
  /** The columns it refers to; null for the primary key. */
  readonly references: readonly string[] | null
  readonly onUpdate: string
  readonly onDelete: string
  readonly orphanCount: number
}

export interface SourceTable {
  readonly name: string
  readonly columns: readonly SourceColumn[]
  readonly primaryKey: readonly string[]
  /** The column that is the rowid, which SQLite numbers by itself; null without one. */
  readonly rowidColumn: string | null
  /** The highest number that AUTOINCREMENT has given; 0 for a table without it. */
  readonly lastNumber: bigint
  readonly indexes: readonly SourceIndex[]
  readonly foreignKeys: readonly SourceForeignKey[]
  readonly checks: readonly string[]
  readonly isDeferred: boolean
  readonly ignoresCase: boolean
}

export interface SourceSchema {
  readonly tables: readonly SourceTable[]
  readonly views: readonly SourceText[]
  readonly triggers: readonly SourceText[]
  /** Virtual tables, without their shadow tables. */
  readonly virtualTables: readonly string[]
}

export interface SourceText {
  readonly name: string
  readonly sql: string
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function readSchema(file: SqliteFile): SourceSchema {
  const texts = (type: string): SourceText[] =>
    file
      .all(`select name, sql from sqlite_master where type = '${type}' and sql is not null order by rowid`)
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }))
  const kinds = file.all(
    `select name, type, wr from pragma_table_list where schema = 'main' and name not like 'sqlite\\_%' escape '\\'`,
  )
  const kindOf = new Map(kinds.map(({ name, type, wr }) => [String(name), { type: String(type), hasRowid: wr === 0n }]))
  const orphans = countOrphans(file)
  return {
    tables: texts('table')
      .filter(({ name }) => kindOf.get(name)?.type === 'table')
      .map((table) => readTable(file, table, { hasRowid: kindOf.get(table.name)!.hasRowid, orphans })),
    views: texts('view'),
    triggers: texts('trigger'),
    virtualTables: [...kindOf].filter(([, { type }]) => type === 'virtual').map(([name]) => name),
  }
}

/** Counts the rows that refer to a row that does not exist, by table and number of the foreign key. */
function countOrphans(file: SqliteFile): ReadonlyMap<string, number> {
  try {
    const found = file.all('select "table" as child, fkid, count(*) as n from pragma_foreign_key_check group by 1, 2')
    return new Map(found.map(({ child, fkid, n }) => [`${String(child)} ${Number(fkid)}`, Number(n)]))
  } catch {
    // SQLite refuses the check when a parent table has no such key. PostgreSQL will refuse that constraint and say why.
    return new Map()
  }
}

function readTable(
  file: SqliteFile,
  { name, sql }: SourceText,
  { hasRowid, orphans }: { readonly hasRowid: boolean; readonly orphans: ReadonlyMap<string, number> },
): SourceTable {
  const given = file.all(`select * from pragma_table_xinfo(${literal(name)})`).filter(({ hidden }) => hidden !== 1n)
  const columns = given.map((column): SourceColumn => ({
    name: String(column['name']),
    declared: String(column['type'] ?? '')
      .toUpperCase()
      .replace(/\s*GENERATED ALWAYS$/, '')
      // In a STRICT table a column without a type has the type ANY.
      .replace(/^ANY$/, ''),
    isNotNull: column['notnull'] === 1n,
    default: column['dflt_value'] === null ? null : String(column['dflt_value']),
    computed: column['hidden'] === 0n ? null : computedOf(sql, String(column['name'])),
  }))
  const primaryKey = given
    .filter(({ pk }) => pk !== 0n)
    .toSorted((a, b) => Number(a['pk']) - Number(b['pk']))
    .map((column) => String(column['name']))
  const alias =
    hasRowid && primaryKey.length === 1 ? columns.find((column) => column.name === primaryKey[0]) : undefined
  const words = tokensOf(sql).map((token) => lowerOf(sql, token))
  return {
    name,
    columns,
    primaryKey,
    rowidColumn: alias?.declared === 'INTEGER' ? alias.name : null,
    lastNumber: words.includes('autoincrement') ? lastNumber(file, name) : 0n,
    indexes: readIndexes(file, name),
    foreignKeys: readForeignKeys(file, name, orphans),
    checks: checksOf(sql),
    isDeferred: words.join(' ').includes('deferrable initially deferred'),
    ignoresCase: words.join(' ').includes('collate nocase'),
  }
}

function lastNumber(file: SqliteFile, table: string): bigint {
  const seq = file.all(`select seq from sqlite_sequence where name = ${literal(table)}`)[0]?.['seq']
  return typeof seq === 'bigint' ? seq : 0n
}

function readIndexes(file: SqliteFile, table: string): SourceIndex[] {
  const list = file.all(
    `select l.*, m.sql from pragma_index_list(${literal(table)}) l left join sqlite_master m on m.type = 'index' and m.name = l.name order by l.seq desc`,
  )
  return list
    .filter(({ origin }) => origin !== 'pk')
    .map((index): SourceIndex => {
      const parts = file.all(
        `select * from pragma_index_xinfo(${literal(String(index['name']))}) where key = 1 order by seqno`,
      )
      const isPlain = index['partial'] === 0n && parts.every(({ name }) => name !== null)
      return {
        name: String(index['name']),
        isUnique: index['unique'] === 1n,
        isConstraint: index['origin'] === 'u',
        sql: index['sql'] === null ? null : String(index['sql']),
        columns: !isPlain
          ? null
          : parts.map((part) => ({
              name: String(part['name']),
              isDescending: part['desc'] === 1n,
              ignoresCase: String(part['coll']).toUpperCase() === 'NOCASE',
            })),
      }
    })
}

function readForeignKeys(file: SqliteFile, table: string, orphans: ReadonlyMap<string, number>): SourceForeignKey[] {
  const rows = file.all(`select * from pragma_foreign_key_list(${literal(table)}) order by id desc, seq`)
  const ids = [...new Set(rows.map(({ id }) => id))]
  return ids.map((id) => {
    const parts = rows.filter((row) => row['id'] === id)
    const first = parts[0]!
    return {
      table: String(first['table']),
      columns: parts.map(({ from }) => String(from)),
      references: first['to'] === null ? null : parts.map(({ to }) => String(to)),
      onUpdate: String(first['on_update']),
      onDelete: String(first['on_delete']),
      orphanCount: orphans.get(`${table} ${Number(id)}`) ?? 0,
    }
  })
}

/** The expressions of the CHECK constraints, without their parentheses. */
function checksOf(sql: string): string[] {
  const tokens = tokensOf(sql)
  return tokens.flatMap((token, place) => {
    const opening = tokens[place + 1]
    if (token.kind !== 'word' || lowerOf(sql, token) !== 'check' || opening === undefined || sql[opening.start] !== '(')
      return []
    return [insideParenthesis(sql, opening.start)]
  })
}

/** The expression of a computed column; an empty string when it is not found. */
function computedOf(sql: string, column: string): string {
  const tokens = tokensOf(sql)
  const start = tokens.findIndex((token, place) => {
    const text = sql.slice(token.start, token.end).replace(/^["[`]|["\]`]$/g, '')
    const before = place > 0 ? sql[tokens[place - 1]!.start] : ''
    return asciiLower(text) === asciiLower(column) && (before === '(' || before === ',')
  })
  if (start < 0) return ''
  const as = tokens.findIndex((token, place) => {
    const next = tokens[place + 1]
    return place > start && lowerOf(sql, token) === 'as' && next !== undefined && sql[next.start] === '('
  })
  return as < 0 ? '' : insideParenthesis(sql, tokens[as + 1]!.start)
}

function insideParenthesis(sql: string, opening: number): string {
  let depth = 0
  for (const token of tokensOf(sql.slice(opening))) {
    const text = sql.slice(opening + token.start, opening + token.end)
    if (text === '(') depth++
    else if (text === ')' && --depth === 0) return sql.slice(opening + 1, opening + token.start).trim()
  }
  return ''
}
