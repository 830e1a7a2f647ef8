/**
 * node:sqlite's StatementSync, with better-sqlite3's toggles. The server checks the statement when it is created, and the
 * connection keeps it prepared. This object keeps only how arguments are bound and how rows are read.
 */
import {
  type Column,
  type Connection,
  type Cursor,
  NotSupportedError,
  ProgrammingError,
  type RewrittenStatement,
  rewriteMarkers,
} from '../index.ts'
import type { Access } from './access.ts'
import { AffineValue, isTimeInUtc, unfitArgument } from './affinity.ts'
import { type BindArguments, bindValues } from './bind-values.ts'
import { addSqliteCodes, guarded } from './error-codes.ts'
import type { StatementOptions } from './database-options.ts'
import { type ReturningStatement, isCausedByReturning } from './inserted-row.ts'
import { type ColumnInfo, type OriginColumn, columnInfos, tableNames } from './origins.ts'
import { refusal } from './refusals.ts'
import { type SqlShape, readSql } from './sql-shape.ts'
import { type Reading, rowMaker, safeNumber } from './values.ts'

/** The result of `run`. */
export interface RunResult {
  /** Rows inserted, updated, deleted or merged. */
  readonly changes: number | bigint
  /** The key of the connection's latest INSERT; null where its table has no integer key or the statement cannot return it. */
  readonly lastInsertRowid: number | bigint | null
}

const ROWS_OF_A_TRIP = 1000
const CHANGING = /^(?:INSERT|UPDATE|DELETE|MERGE)\b/

type RowMaker = (columns: readonly (OriginColumn & { readonly typeOid: number })[]) => (values: unknown[]) => unknown

/** node:sqlite's prepared statement, over PostgreSQL. `DatabaseSync.prepare` returns it. */
export class StatementSync {
  readonly #access: Access
  readonly #source: string
  /** The text for the server. */
  readonly #sql: string
  readonly #shape: SqlShape
  readonly #rewritten: RewrittenStatement
  /** Arguments that the driver refused unchanged; they are now converted as SQLite would. */
  readonly #affine = new Set<number>()
  #bound: readonly unknown[] | null = null
  #asBigInts: boolean
  #rowShape: 'object' | 'array' | 'first' | 'tables'
  #allowsBare: boolean
  #allowsUnknown: boolean
  #maker: RowMaker | null = null
  /** Whether the server knows the columns before a run. It does not for `select ? + ?`, whose meaning the values decide. */
  readonly #isDetermined: boolean
  /** The columns of the latest run, for `expand()`. */
  #ranColumns: readonly OriginColumn[] = []
  #isClosed = false

  /** Made by `DatabaseSync.prepare`. */
  constructor(access: Access, source: string, given: StatementOptions = {}) {
    const sql = access.sent(source)
    const { standardConformingStrings } = access
    const options: StatementOptions = { ...access.options, ...given }
    this.#access = access
    this.#source = source
    this.#sql = sql
    this.#shape = readSql(sql, standardConformingStrings)
    this.#rewritten = rewriteMarkers(sql, 'sqlite', { standardConformingStrings, hasParameters: true })
    if (this.#shape.statementCount === 0) throw new ProgrammingError('prepare: the SQL contains no statement')
    if (this.#shape.statementCount > 1) {
      throw new ProgrammingError('prepare: the SQL contains more than one statement', { hint: 'exec() runs scripts' })
    }
    this.#isDetermined = access.check(this.#shape, sql, this.#rewritten.order.length > 0)
    this.#asBigInts = options.readBigInts ?? false
    this.#rowShape = options.returnArrays === true ? 'array' : 'object'
    this.#allowsBare = options.allowBareNamedParameters ?? true
    this.#allowsUnknown = options.allowUnknownNamedParameters ?? false
  }

  /**
   * The first row, or undefined when there is none. Only that row is fetched.
   * @example const item = database.prepare('select name from item where id = ?').get(1) // { name: 'tea' }
   */
  get(...parameters: BindArguments): unknown {
    return guarded(this.get, () => {
      const values = this.#values(parameters)
      if (this.#runs(values)) return undefined
      const row = this.#perform(values, (connection, ready) =>
        connection.fetchrow(this.#sql, ready, { rowFactory: boxed(this.#rowMaker()) }),
      ) as readonly [unknown] | null
      return row === null ? undefined : this.#expanded([row[0]])[0]
    })
  }

  /**
   * All rows.
   * @example const items = database.prepare('select name from item where price > :least').all({ least: 4 }) // [ { name: 'cake' } ]
   */
  all(...parameters: BindArguments): unknown[] {
    return guarded(this.all, () => {
      const values = this.#values(parameters)
      if (this.#runs(values)) return []
      const options = { rowFactory: this.#rowMaker() }
      return this.#expanded(this.#perform(values, (connection, ready) => connection.fetch(this.#sql, ready, options)))
    })
  }

  /**
   * Runs the statement and drops its rows, if it has any.
   * @example const { changes } = database.prepare('update item set price = price + 1 where price < ?').run(5) // 2
   */
  run(...parameters: BindArguments): RunResult {
    return guarded(this.run, () => {
      const values = this.#values(parameters)
      const changes = this.#access.control(this.#shape, this.#sql) ? 0 : this.#change(values)
      const { lastInsertRowid } = this.#access
      if (this.#asBigInts) {
        return { changes: BigInt(changes), lastInsertRowid: lastInsertRowid === null ? null : BigInt(lastInsertRowid) }
      }
      return {
        changes,
        lastInsertRowid: typeof lastInsertRowid === 'bigint' ? safeNumber(lastInsertRowid) : lastInsertRowid,
      }
    })
  }

  /**
   * Returns the rows one by one in bounded memory. The query's rows wait on the server, as they were when it began, while
   * other statements run. Leaving the loop closes the cursor.
   * @example for (const { id } of database.prepare('select id from big').iterate()) console.log(id)
   */
  iterate(...parameters: BindArguments): IterableIterator<unknown> {
    return guarded(this.iterate, () => this.#rows(this.#values(parameters)))
  }

  /**
   * The columns of the result; empty for a statement without rows.
   * @example
   *   const [column] = database.prepare('select name from item').columns()
   *   console.log(column.table, column.type) // item text
   */
  columns(): ColumnInfo[] {
    return guarded(this.columns, () => {
      this.#requireUsable()
      return this.#columns()
    })
  }

  /**
   * Binds the parameters permanently, like better-sqlite3.
   * @example
   *   const cheap = database.prepare('select name from item where price < ?').bind(4)
   *   console.log(cheap.all()) // [ { name: 'tea' } ]
   */
  bind(...parameters: BindArguments): this {
    return guarded(this.bind, () => {
      if (this.#bound !== null) throw new ProgrammingError('bind: the statement already has bound parameters')
      this.#bound = this.#bindNow(parameters)
      return this
    })
  }

  /**
   * Returns the first column instead of rows, like better-sqlite3.
   * @example const names = database.prepare('select name from item order by id').pluck().all() // [ 'tea', 'coffee', 'cake' ]
   */
  pluck(isOn = true): this {
    return this.#shapeRows('first', isOn)
  }

  /**
   * Returns rows as arrays instead of objects, like better-sqlite3.
   * @example const row = database.prepare('select id, name from item order by id').raw().get() // [ 1, 'tea' ]
   */
  raw(isOn = true): this {
    return this.#shapeRows('array', isOn)
  }

  /**
   * Returns an object for each table, and `$` for columns that come from no table, like better-sqlite3.
   * @example
   *   const row = database.prepare('select name, 1 + 1 as two from item order by id').expand().get()
   *   console.log(row) // { item: { name: 'tea' }, '$': { two: 2 } }
   */
  expand(isOn = true): this {
    return this.#shapeRows('tables', isOn)
  }

  /**
   * better-sqlite3's name for `setReadBigInts`.
   * @example const { id } = database.prepare('select id from item order by id').safeIntegers().get() // 1n
   */
  safeIntegers(isOn = true): this {
    this.setReadBigInts(isOn)
    return this
  }

  /**
   * Returns all integers as bigint. Without it they are numbers, and an integer that does not fit a number is an error.
   * @example
   *   const statement = database.prepare('select 9007199254740993 as big')
   *   statement.setReadBigInts(true)
   *   console.log(statement.get()) // { big: 9007199254740993n }
   */
  setReadBigInts(isOn: boolean): void {
    this.#asBigInts = isOn
    this.#maker = null
  }

  /**
   * Rows are arrays from now on, or objects again.
   * @example
   *   const statement = database.prepare('select id, name from item order by id')
   *   statement.setReturnArrays(true)
   *   console.log(statement.get()) // [ 1, 'tea' ]
   */
  setReturnArrays(isOn: boolean): void {
    this.#shapeRows('array', isOn)
  }

  /**
   * Whether names of parameters may be given without their `:`, `@` or `$`.
   * @example
   *   const statement = database.prepare('select name from item where id = $id')
   *   statement.setAllowBareNamedParameters(false)
   *   console.log(statement.get({ $id: 1 })) // { name: 'tea' }
   */
  setAllowBareNamedParameters(isOn: boolean): void {
    this.#allowsBare = isOn
  }

  /**
   * Whether names that the statement does not have are ignored.
   * @example
   *   const statement = database.prepare('select name from item where id = :id')
   *   statement.setAllowUnknownNamedParameters(true)
   *   console.log(statement.get({ id: 1, color: 'red' })) // { name: 'tea' }
   */
  setAllowUnknownNamedParameters(isOn: boolean): void {
    this.#allowsUnknown = isOn
  }

  /** The text as it was given. */
  get sourceSQL(): string {
    return this.#source
  }

  /** better-sqlite3's name for `sourceSQL`. */
  get source(): string {
    return this.#source
  }

  /** Whether it returns rows, judged by its words. */
  get reader(): boolean {
    return this.#shape.isReader
  }

  /**
   * Refused: values never become part of the SQL here.
   * @throws NotSupportedError
   */
  get expandedSQL(): string {
    throw new NotSupportedError('expandedSQL: values are sent apart from the SQL, so there is no such text', {
      hint: 'log sourceSQL and the values; the server logs both with log_parameter_max_length',
    })
  }

  /**
   * Makes the statement unusable, like Node 26. The connection keeps its text prepared for the next statement with it.
   * @example
   *   const statement = database.prepare('select 1 as one')
   *   statement.close()
   */
  close(): void {
    guarded(this.close, () => {
      this.#requireUsable()
      this.#isClosed = true
    })
  }

  /**
   * @example
   *   using statement = database.prepare('select 1 as one')
   *   console.log(statement.get()) // { one: 1 }
   */
  [Symbol.dispose](): void {
    this.#isClosed = true
  }

  /**
   * Refused: PostgreSQL counts nothing for a single statement.
   * @throws NotSupportedError with what to do instead.
   * @example
   *   try {
   *     database.prepare('select 1').stat()
   *   } catch (error) {
   *     console.log(error.hint) // EXPLAIN ANALYZE shows what a statement does, pg_stat_statements what all have done
   *   }
   */
  stat(): never {
    return guarded(this.stat, () => {
      throw refusal('stat')
    })
  }

  /**
   * Refused, because `stat` is.
   * @throws NotSupportedError with what to do instead.
   * @example
   *   try {
   *     database.prepare('select 1').resetStats()
   *   } catch (error) {
   *     console.log(error.hint) // call pg_stat_statements_reset()
   *   }
   */
  resetStats(): never {
    return guarded(this.resetStats, () => {
      throw refusal('resetStats')
    })
  }

  #requireUsable(): void {
    this.#access.requireOpen()
    if (this.#isClosed) throw new ProgrammingError('the statement was closed')
  }

  #shapeRows(shape: 'array' | 'first' | 'tables', isOn: boolean): this {
    if (isOn) this.#rowShape = shape
    else if (this.#rowShape === shape) this.#rowShape = 'object'
    this.#maker = null
    return this
  }

  #rowMaker(): RowMaker {
    const isChecked = this.#access.options.names === 'checked'
    const shape: Reading['shape'] = this.#rowShape === 'tables' ? 'array' : this.#rowShape
    if (this.#maker !== null) return this.#maker
    const maker = rowMaker({ shape, asBigInts: this.#asBigInts, isChecked })
    if (this.#rowShape !== 'tables') return (this.#maker = maker)
    return (this.#maker = (columns) => {
      this.#ranColumns = columns
      return maker(columns)
    })
  }

  #values(given: BindArguments): readonly unknown[] {
    this.#requireUsable()
    if (this.#bound !== null && given.length > 0) {
      throw new ProgrammingError('the statement already has bound parameters')
    }
    const values = this.#bound ?? this.#bindNow(given)
    this.#access.callVerbose(this.#sql)
    return values
  }

  #bindNow(given: BindArguments): readonly unknown[] {
    return bindValues(this.#rewritten, given, { allowsBare: this.#allowsBare, allowsUnknown: this.#allowsUnknown })
  }

  /** Runs a statement that returns no rows. @returns false, without running it, when it returns rows. */
  #runs(values: readonly unknown[]): boolean {
    if (this.#access.control(this.#shape, this.#sql)) return true
    if (this.#shape.isReader) return false
    this.#change(values)
    return true
  }

  #perform<T>(values: readonly unknown[], action: (connection: Connection, values: readonly unknown[]) => T): T {
    return this.#access.perform(this.#shape, (connection) => {
      for (;;) {
        try {
          return action(connection, this.#affineValues(values))
        } catch (error) {
          const index = unfitArgument(error)
          if (index === null) throw error
          // Repeated places of a name use the value of the first place.
          const place = this.#rewritten.firstPlaces?.[index] ?? index
          if (this.#affine.has(place)) throw error
          this.#affine.add(place)
        }
      }
    })
  }

  #affineValues(values: readonly unknown[]): readonly unknown[] {
    if (this.#affine.size === 0 && !values.some(isTimeInUtc)) return values
    return values.map((value, index) => {
      const isAffine = (this.#affine.has(index) && value !== null) || isTimeInUtc(value)
      return isAffine ? new AffineValue(value) : value
    })
  }

  /** @returns the number of affected rows. */
  #change(values: readonly unknown[]): number {
    const { inserted, connection } = this.#access
    const returning = inserted.withReturning(connection, this.#sql, this.#shape)
    const isInsert = this.#shape.words[0] === 'insert'
    if (returning === null) {
      const cursor = this.#perform(values, (con, ready) => con.execute(this.#sql, ready))
      if (isInsert && cursor.rowcount > 0) this.#access.lastInsertRowid = null
      return changesOf(cursor)
    }
    const cursor = this.#insert(returning, values)
    const last = cursor.description === null ? undefined : cursor.fetchall().at(-1)
    // When no row was inserted, `lastInsertRowid` does not change, as in SQLite.
    if (last !== undefined) this.#access.lastInsertRowid = last[0] as number | bigint
    return changesOf(cursor)
  }

  #insert(returning: ReturningStatement, values: readonly unknown[]): Cursor {
    try {
      return this.#perform(values, (connection, ready) => connection.execute(returning.sql, ready))
    } catch (error) {
      const { inserted, connection, isTransaction } = this.#access
      if (!isCausedByReturning(error, returning)) throw error
      // The added RETURNING caused the error. Outside a transaction nothing was lost, so the statement can run again.
      inserted.forget()
      if (isTransaction) throw error
      const anew = inserted.withReturning(connection, this.#sql, this.#shape)
      return this.#perform(values, (con, ready) => con.execute(anew?.sql ?? this.#sql, ready))
    }
  }

  *#rows(values: readonly unknown[]): Generator<unknown, void, undefined> {
    try {
      if (this.#runs(values)) return
      if (!this.#shape.isPlainQuery) {
        const options = { rowFactory: this.#rowMaker() }
        const rows = this.#perform(values, (connection, ready) => connection.fetch(this.#sql, ready, options))
        yield* this.#expanded(rows)
        return
      }
      // The cursor is WITH HOLD, so that a commit within the loop does not close it; the server then stores the remaining rows.
      const name = this.#access.nextCursorName()
      const options = { hold: true, scroll: false, itersize: ROWS_OF_A_TRIP, rowFactory: boxed(this.#rowMaker()) }
      const cursor = this.#perform(values, (connection, ready) => {
        const declared = connection.cursor(name, options)
        declared.execute(this.#sql, ready)
        return declared
      })
      try {
        for (;;) {
          this.#access.requireOpen()
          const row = cursor.fetchone() as readonly [unknown] | null
          if (row === null) return
          yield this.#expanded([row[0]])[0]
        }
      } finally {
        if (this.#access.isOpen) cursor.close()
      }
    } catch (error) {
      addSqliteCodes(error)
      throw error
    }
  }

  #columns(): ColumnInfo[] {
    const { connection } = this.#access
    if (!this.#shape.isReader) return []
    const ask = (): readonly Column[] => connection.describe(this.#sql).columns
    return columnInfos(connection, this.#isDetermined ? ask() : this.#access.attempt(ask))
  }

  /** For `expand()`: sorts each row's values into one object per table. */
  #expanded(rows: unknown[]): unknown[] {
    if (this.#rowShape !== 'tables' || rows.length === 0) return rows
    const columns = this.#ranColumns
    const origins = tableNames(this.#access.connection, columns)
    return (rows as unknown[][]).map((values) => {
      const tables: { [table: string]: { [column: string]: unknown } } = {}
      for (const [index, { name }] of columns.entries()) (tables[origins[index] ?? '$'] ??= {})[name] = values[index]
      return tables
    })
  }
}

/** Puts a row into an array, for calls that return null when there is no row: a plucked value may itself be null. */
function boxed(maker: RowMaker): (columns: Parameters<RowMaker>[0]) => (values: unknown[]) => [unknown] {
  return (columns) => {
    const make = maker(columns)
    return (values) => [make(values)]
  }
}

function changesOf(cursor: Cursor): number {
  return CHANGING.test(cursor.statusmessage ?? '') ? cursor.rowcount : 0
}
