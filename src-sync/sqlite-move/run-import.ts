/**
 * Moves a SQLite database into PostgreSQL in one transaction: tables, rows, sequences, then everything that depends on rows.
 * Everything but tables is tried in a savepoint: when PostgreSQL refuses it, the report says so and the import goes on.
 */
import { type Connection, DbError, quoteIdentifier } from '../index.ts'
import { findDialect } from '../sqlite-dialect/read-dialect.ts'
import { asciiLower } from '../sqlite-dialect/sqlite-text.ts'
import { quoteWrittenNames } from '../sqlite-dialect/written-names.ts'
import { type ColumnPlan, planColumns } from './column-types.ts'
import { type CopyTally, copyText } from './copy-rows.ts'
import { type Naming, checkNames, checkSystemNames } from './import-names.ts'
import type { SqliteFile } from './open-sqlite.ts'
import {
  type SourceColumn,
  type SourceForeignKey,
  type SourceIndex,
  type SourceSchema,
  type SourceTable,
  quoted,
} from './read-schema.ts'
import { translateDefault } from './translate-default.ts'
import { MoveError } from './usage-error.ts'

export interface ImportOptions {
  readonly naming: Naming
  /** The schema to import into; null for the first one of the search path. */
  readonly schema: string | null
  readonly types: ReadonlyMap<string, string>
  readonly stripsZeros: boolean
  readonly onRows: (table: string, count: number, total: number) => void
}

export interface ImportReport {
  readonly tables: { readonly name: string; readonly rows: number }[]
  /** Sentences about everything that is not as it was in SQLite. */
  readonly changed: string[]
  /** Sentences about everything that could not be created. */
  readonly missing: string[]
  /** Sentences about objects that were created but give other results than in SQLite. */
  readonly differing: string[]
  /** All executed statements except COPY, in order. */
  readonly statements: string[]
}

/** A table with the types that were chosen for its columns. */
interface PlannedTable {
  readonly source: SourceTable
  readonly columns: ReadonlyMap<string, ColumnPlan>
}

/** The whole import on the server. The caller opens the transaction around it. */
export class ImportRun {
  readonly report: ImportReport = { tables: [], changed: [], missing: [], differing: [], statements: [] }
  readonly #file: SqliteFile
  readonly #connection: Connection
  readonly #options: ImportOptions

  constructor(file: SqliteFile, connection: Connection, options: ImportOptions) {
    this.#file = file
    this.#connection = connection
    this.#options = options
  }

  /** @throws MoveError when the import is impossible; nothing has been changed then. */
  run(schema: SourceSchema): void {
    const { naming } = this.#options
    checkNames(
      schema.tables.map(({ name }) => name),
      naming,
      'the tables',
    )
    for (const { name, columns } of schema.tables) {
      checkNames(
        columns.map((column) => column.name),
        naming,
        `the columns of ${name}`,
      )
      checkSystemNames(
        columns.map((column) => column.name),
        naming,
        name,
      )
    }
    const tables = schema.tables.map((source) => this.#plan(source))
    this.#adoptParents(tables)
    this.#useSchema()
    this.#refuseExisting(tables)
    for (const table of tables) this.#create(table)
    for (const table of tables) this.#load(table)
    for (const table of tables) this.#afterRows(table)
    for (const table of tables) for (const key of table.source.foreignKeys) this.#foreignKey(table.source, key, tables)
    for (const { name, sql } of schema.views) {
      if (this.#try(`view ${name}`, this.#translated(sql))) this.#tellDifferences(`view ${name}`, sql)
    }
    for (const { name, sql } of schema.triggers)
      this.#missing(`trigger ${name}`, 'in PostgreSQL a trigger calls a function: write both by hand', sql)
    for (const name of schema.virtualTables) {
      this.#missing(
        `virtual table ${name}`,
        'PostgreSQL has no virtual tables: for full-text search use a tsvector column with a GIN index',
      )
    }
    // The tables have just been filled, so the planner has no statistics about them yet.
    if (tables.length > 0) this.#execute(`analyze ${this.#names(tables.map(({ source }) => source.name))}`)
  }

  #plan(source: SourceTable): PlannedTable {
    const columns = planColumns(this.#file, source, this.#options.types)
    for (const [column, { note, type, zeros }] of columns) {
      if (note !== null) this.report.changed.push(`${source.name}.${column}: ${note}`)
      if (zeros === 0 || type === 'bytea') continue
      const words = `${source.name}.${column}: ${zeros} texts with the character U+0000, which text cannot hold`
      if (!this.#options.stripsZeros)
        throw new MoveError(`${words}: --strip-zeros leaves it out, --type ${source.name}.${column}=bytea keeps it`)
      this.report.changed.push(`${words}: it was left out`)
    }
    return { source, columns }
  }

  /** Gives a column without values the type of the column it refers to. */
  #adoptParents(tables: readonly PlannedTable[]): void {
    for (const { source, columns } of tables) {
      for (const { table, columns: own, references } of source.foreignKeys) {
        const parent = tables.find((other) => sameName(other.source.name, table))
        if (parent === undefined) continue
        for (const [place, name] of own.entries()) {
          const other = (references ?? parent.source.primaryKey)[place]
          const type = [...parent.columns].find(([column]) => sameName(column, other ?? ''))?.[1].type
          const plan = columns.get(name)
          if (type === undefined || plan === undefined || plan.type === type || !this.#isEmpty(source.name, name))
            continue
          ;(columns as Map<string, ColumnPlan>).set(name, { ...plan, type })
        }
      }
    }
  }

  #isEmpty(table: string, column: string): boolean {
    return this.#file.all(`select 1 from ${quoted(table)} where ${quoted(column)} is not null limit 1`).length === 0
  }

  #useSchema(): void {
    const { schema } = this.#options
    if (schema === null) return
    this.#execute(`create schema if not exists ${quoteIdentifier(schema)}`)
    this.#execute(`set local search_path to ${quoteIdentifier(schema)}`)
  }

  #refuseExisting(tables: readonly PlannedTable[]): void {
    const names = tables.map(({ source }) => this.#options.naming(source.name))
    const there = this.#connection.fetch(
      'select relname::text as name from pg_class where relnamespace = to_regnamespace(quote_ident(current_schema())) and relname = any($1::text[]) order by 1',
      [names],
    )
    if (there.length === 0) return
    const found = there.map((row) => String(row[0])).join(', ')
    throw new MoveError(
      `the database already has ${found}: import into an empty one, or into a schema of its own with --schema NAME`,
    )
  }

  #create({ source, columns }: PlannedTable): void {
    const parts = source.columns
      .filter(({ computed }) => computed === null)
      .map(({ name, isNotNull }) => {
        const isIdentity = name === source.rowidColumn
        const identity = isIdentity ? ' generated by default as identity' : ''
        return `${this.#name(name)} ${isIdentity ? 'bigint' : columns.get(name)!.type}${identity}${isNotNull ? ' not null' : ''}`
      })
    if (source.primaryKey.length > 0) {
      if (this.#hasNullKey(source)) {
        parts.push(`unique (${this.#names(source.primaryKey)})`)
        this.report.changed.push(`${source.name}: its primary key holds NULL, so it became a unique constraint`)
      } else {
        parts.push(`primary key (${this.#names(source.primaryKey)})`)
      }
    } else {
      this.report.changed.push(`${source.name} has no primary key, and its rowid is not kept`)
    }
    const table = this.#name(source.name)
    this.#execute(`create table ${table} (\n  ${parts.join(',\n  ')}\n)`)
    if (this.#options.naming(source.name) !== source.name)
      this.report.changed.push(`${source.name} is called ${this.#options.naming(source.name)}`)
  }

  #hasNullKey({ name, primaryKey, rowidColumn }: SourceTable): boolean {
    if (rowidColumn !== null) return false
    const isNull = primaryKey.map((column) => `${quoted(column)} is null`).join(' or ')
    return this.#file.all(`select 1 from ${quoted(name)} where ${isNull} limit 1`).length > 0
  }

  /** Copies the rows. The values of computed columns come along, to be compared with what PostgreSQL computes. */
  #load({ source, columns }: PlannedTable): void {
    const table = this.#name(source.name)
    const computed = source.columns.filter((column) => column.computed !== null)
    const shadows = new Map(computed.map(({ name }, place) => [name, `syncpg_computed_${place}`]))
    for (const [name, shadow] of shadows) {
      this.#execute(`alter table ${table} add column ${quoteIdentifier(shadow)} ${columns.get(name)!.type}`)
    }
    this.#copy({ source, columns }, shadows)
    for (const column of computed) this.#compute(source, column, { shadow: shadows.get(column.name)!, columns })
    this.#setSequence(source, table)
  }

  #copy({ source, columns }: PlannedTable, shadows: ReadonlyMap<string, string>): void {
    const total = Number(this.#file.all(`select count(*) as n from ${quoted(source.name)}`)[0]!['n'])
    const reads = source.columns.map(({ name }, place) => `${columns.get(name)!.reads} as c${place}`)
    const rows = this.#file.rows(`select ${reads.join(', ')} from ${quoted(source.name)}`)
    const tally: CopyTally = { rows: 0, replaced: [] }
    const onRows = (count: number): void => this.#options.onRows(source.name, count, total)
    const types = source.columns.map(({ name }) => columns.get(name)!.type)
    const targets = source.columns.map(({ name }) => shadows.get(name) ?? this.#options.naming(name))
    const count = withPlace(source, targets, () =>
      this.#connection.copyToTable(this.#options.naming(source.name), {
        columns: targets,
        source: copyText(rows, { types, stripsZeros: this.#options.stripsZeros, onRows }, tally),
      }),
    )
    if (count !== tally.rows || count !== total) {
      throw new MoveError(`${source.name}: SQLite has ${total} rows, ${tally.rows} were read and ${count} arrived`)
    }
    for (const [place, replaced] of tally.replaced.entries()) {
      if (!(replaced > 0)) continue
      this.report.changed.push(
        `${source.name}.${source.columns[place]!.name}: ${replaced} texts hold U+FFFD, which stands for bytes that were not UTF-8`,
      )
    }
    this.report.tables.push({ name: this.#options.naming(source.name), rows: count })
  }

  /**
   * Makes a computed column. Where PostgreSQL refuses the expression, or computes other values than SQLite did, the column holds
   * SQLite's values.
   */
  #compute(
    source: SourceTable,
    { name, computed }: SourceColumn,
    { shadow, columns }: { readonly shadow: string; readonly columns: ReadonlyMap<string, ColumnPlan> },
  ): void {
    const [table, column, { type }] = [this.#name(source.name), this.#name(name), columns.get(name)!]
    const what = `${source.name}.${name} is no longer computed, and holds the values that SQLite computed`
    const sql = `alter table ${table} add column ${column} ${type} generated always as (${this.#translated(computed!)}) stored`
    const isMade = this.#try(computed === '' ? what : `${what}: PostgreSQL refuses ${computed}`, sql)
    if (isMade) {
      // `json` has no equality.
      const cast = type === 'json' ? '::text' : ''
      const condition = `${column}${cast} is distinct from ${quoteIdentifier(shadow)}${cast}`
      const others = this.#connection.fetchval<bigint>(`select count(*) from ${table} where ${condition}`)
      if (others === 0n) {
        this.#execute(`alter table ${table} drop column ${quoteIdentifier(shadow)}`)
        this.#tellDifferences(`${source.name}.${name}`, computed!)
        return
      }
      this.#execute(`alter table ${table} drop column ${column}`)
      this.#missing(
        what,
        `PostgreSQL computes ${computed} differently, in ${others} ${others === 1n ? 'row' : 'rows'}`,
        computed!,
      )
    }
    this.#execute(`alter table ${table} rename column ${quoteIdentifier(shadow)} to ${column}`)
  }

  #setSequence({ name, rowidColumn, lastNumber }: SourceTable, table: string): void {
    if (rowidColumn === null) return
    const highest = this.#file.all(`select max(${quoted(rowidColumn)}) as n from ${quoted(name)}`)[0]!['n']
    const last = typeof highest === 'bigint' && highest > lastNumber ? highest : lastNumber
    if (last < 1n) return
    const column = this.#options.naming(rowidColumn).replaceAll("'", "''")
    this.#execute(`select setval(pg_get_serial_sequence('${table.replaceAll("'", "''")}', '${column}'), ${last})`)
  }

  #afterRows({ source, columns }: PlannedTable): void {
    const table = this.#name(source.name)
    for (const column of source.columns) {
      if (column.default === null || column.computed !== null || column.name === source.rowidColumn) continue
      const value = translateDefault(column.default, columns.get(column.name)!.type)
      if (value === null) continue
      const what = `default of ${source.name}.${column.name}`
      const isMade = this.#try(
        what,
        `alter table ${table} alter column ${this.#name(column.name)} set default ${value}`,
      )
      if (isMade) this.#tellDifferences(what, value)
    }
    for (const index of source.indexes) this.#index(source, index)
    for (const check of source.checks) {
      const isMade = this.#try(`CHECK of ${source.name}`, `alter table ${table} add check (${this.#translated(check)})`)
      if (isMade) this.#tellDifferences(`CHECK of ${source.name}`, check)
    }
    if (source.ignoresCase) {
      this.report.changed.push(
        `${source.name} has COLLATE NOCASE: in PostgreSQL A and a are different. Compare lower(column), or give it the type citext`,
      )
    }
  }

  #index(source: SourceTable, { name, isUnique, isConstraint, sql, columns }: SourceIndex): void {
    const table = this.#name(source.name)
    if (columns === null) {
      if (this.#try(`index ${name}`, this.#translated(sql!))) this.#tellDifferences(`index ${name}`, sql!)
      return
    }
    const ignoresCase = columns.some((column) => column.ignoresCase)
    if (isConstraint && !ignoresCase) {
      this.#try(
        `UNIQUE of ${source.name}`,
        `alter table ${table} add unique (${this.#names(columns.map((column) => column.name))})`,
      )
      return
    }
    const keys = columns.map((column) => {
      const key = column.ignoresCase ? `lower(${this.#name(column.name)})` : this.#name(column.name)
      return column.isDescending ? `${key} desc` : key
    })
    const called = isConstraint ? '' : ` ${this.#name(name)}`
    this.#try(`index ${name}`, `create ${isUnique ? 'unique ' : ''}index${called} on ${table} (${keys.join(', ')})`)
  }

  #foreignKey(source: SourceTable, key: SourceForeignKey, tables: readonly PlannedTable[]): void {
    // SQLite reports both names as the constraint has them, so their case may differ from the table's.
    const parent = tables.find((other) => sameName(other.source.name, key.table))?.source
    const referenced = key.references?.map(
      (name) => parent?.columns.find((column) => sameName(column.name, name))?.name ?? name,
    )
    const actions = [
      key.onUpdate === 'NO ACTION' ? '' : ` on update ${key.onUpdate.toLowerCase()}`,
      key.onDelete === 'NO ACTION' ? '' : ` on delete ${key.onDelete.toLowerCase()}`,
      source.isDeferred ? ' deferrable initially deferred' : '',
      key.orphanCount > 0 ? ' not valid' : '',
    ]
    const references = referenced === undefined ? '' : ` (${this.#names(referenced)})`
    const what = `foreign key (${key.columns.join(', ')}) of ${source.name}`
    const isMade = this.#try(
      what,
      `alter table ${this.#name(source.name)} add foreign key (${this.#names(key.columns)}) references ${this.#name(parent?.name ?? key.table)}${references}${actions.join('')}`,
    )
    if (!isMade || key.orphanCount === 0) return
    this.report.changed.push(
      `${what}: ${key.orphanCount} rows refer to a row that does not exist; the constraint applies only to new rows (NOT VALID): correct the old rows, then run alter table … validate constraint`,
    )
  }

  /** Executes a statement in a savepoint. @param what named in the report when it fails; null for no report */
  #try(what: string | null, sql: string): boolean {
    try {
      this.#connection.transaction(() => this.#connection.execute(sql, null, { prepare: false }))
      this.report.statements.push(sql)
      return true
    } catch (error) {
      if (!(error instanceof DbError) || error.sqlstate === null || !/^(?:42|0A|22|23|54)/.test(error.sqlstate))
        throw error
      if (what !== null) this.#missing(what, error.primaryMessage, sql)
      return false
    }
  }

  /**
   * Adds the advice of the rules of `sqlite-check` to the report, for SQL that PostgreSQL accepted. Names are written
   * as SQLite has them.
   */
  #tellDifferences(what: string, sql: string): void {
    const advice = findDialect(sql).filter(({ rule }) => rule.effect === 'differs' && rule.name !== 'names-case')
    for (const says of new Set(advice.map(({ rule }) => rule.says))) this.report.differing.push(`${what}: ${says}`)
  }

  #missing(what: string, reason: string, sql?: string): void {
    const advice = new Set(
      sql === undefined
        ? []
        : findDialect(sql)
            .filter(({ rule }) => rule.name !== 'names-case')
            .map(({ rule }) => rule.says),
    )
    const lines = [
      `${what}: ${reason}`,
      ...(sql === undefined ? [] : [sql]),
      ...[...advice].map((says) => `hint: ${says}`),
    ]
    this.report.missing.push(lines.join('\n').replaceAll('\n', '\n    '))
  }

  #execute(sql: string): void {
    this.#connection.execute(sql, null, { prepare: false })
    this.report.statements.push(sql)
  }

  #translated(sql: string): string {
    return quoteWrittenNames(sql, { isForeign: true })
  }

  #name(name: string): string {
    return `"${this.#options.naming(name).replaceAll('"', '""')}"`
  }

  #names(names: readonly string[]): string {
    return names.map((name) => this.#name(name)).join(', ')
  }
}

/** Runs the COPY. If the column's type refuses a value, the error names the column and the row, and says what to do. */
function withPlace<T>({ name, columns }: SourceTable, targets: readonly string[], copy: () => T): T {
  try {
    return copy()
  } catch (error) {
    if (!(error instanceof DbError) || error.sqlstate?.startsWith('22') !== true) throw error
    const [, row, target] = /\bline (\d+), column ([^:]+)/.exec(error.context ?? '') ?? []
    const column = columns[targets.indexOf(target ?? '')]?.name
    if (column === undefined) throw error
    const reason = error.detail === undefined ? error.primaryMessage : `${error.primaryMessage} (${error.detail})`
    throw new MoveError(
      `${reason}, in ${name}.${column}, row ${row}: --type ${name}.${column}=text keeps it as it is`,
      {
        cause: error,
      },
    )
  }
}

/** Compares two names as SQLite does: the case of A to Z does not matter, that of other letters does. */
function sameName(a: string, b: string): boolean {
  return asciiLower(a) === asciiLower(b)
}
