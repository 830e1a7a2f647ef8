/**
 * A statement that the program has prepared. It exists until it or its connection is closed. The driver never prepares
 * it again on its own: when its plan becomes invalid, the call fails with InvalidCachedStatementError.
 */
import { sealInstances } from './options/sealed.ts'
import { type Elements, fetchMany, runMany } from './batch.ts'
import {
  BATCH_OPTIONS,
  type BatchOptions,
  VALUE_NAMES,
  EXECUTE_STATEMENT,
  type ExecuteStatementOptions,
  RESULT_OPTIONS,
  type ResultOptions,
  type Given,
  requireElements,
} from './call-options.ts'
import { CURSOR_OPTIONS, CursorFactory, type CursorOptions } from './cursor.ts'
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import { type ExplainOption, explain } from './flows/explain.ts'
import { DescribedStatement, type StatementDefaults, StatementLife } from './flows/described-statement.ts'
import { executeOne, fetchRows } from './flows/run-statement.ts'
import { closeStatement } from './flows/prepare.ts'
import { type QueryResult, queryOne } from './flows/query.ts'
import { knownOptions, requireKnown, FLAG } from './options/known-options.ts'
import { type Row, type Values, pick } from './values/record.ts'
import { requireColumn } from './values/require-column.ts'
import { requireValues } from './values/require-values.ts'
import { type OtherRows, VALUE_ROWS, rowOptions } from './values/row-options.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import type { Kept } from './values/row-types.ts'
import type { Statement } from './values/statement.ts'
import { type ValueMeaning, requireMeaning, withMeaning } from './values/text-values.ts'
import type { Attribute, TypeInfo } from './values/type-info.ts'

/** Options of `explain`. */
export interface ExplainOptions extends ExecuteStatementOptions, ExplainOption {}

const EXPLAIN_OPTIONS = knownOptions<ExplainOptions>({ ...VALUE_NAMES, analyze: FLAG })

/** The result of `Connection.describe`. */
export interface StatementDescription {
  /** The types of the statement's parameters, in order. */
  readonly parameters: readonly TypeInfo[]
  /** The statement's columns; empty for a statement that returns no rows. */
  readonly columns: readonly Attribute[]
}

/** A prepared statement, made by `Connection.prepare`. `T` is the type of its rows. */
export class PreparedStatement<T = Row> extends DescribedStatement {
  static {
    sealInstances(DescribedStatement, this)
  }
  readonly #engine: Engine
  readonly #statement: Statement
  readonly #meaning: ValueMeaning
  /** The row options of calls that set none. */
  readonly #rows: RowShapeOptions
  readonly #life: StatementLife

  /** Made by `Connection.prepare`. */
  constructor(engine: Engine, statement: Statement, defaults: StatementDefaults) {
    const life = new StatementLife()
    super(engine.context, statement, life)
    this.#engine = engine
    this.#statement = statement
    this.#meaning = defaults.meaning
    this.#rows = defaults.rows
    this.#life = life
  }

  /** True after `close`, and after its connection was closed. */
  get closed(): boolean {
    return this.#life.isClosed || this.#engine.isClosed
  }

  /**
   * asyncpg's name for `name`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1', { name: 'by_price' })
   *   console.log(byPrice.getName()) // by_price
   */
  getName(): string {
    return this.name
  }

  /**
   * The SQL text of the statement.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(byPrice.getQuery()) // select name from item where price < $1
   */
  getQuery(): string {
    return this.sql
  }

  /**
   * The types of the statement's parameters, in order.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(byPrice.getParameters().map(({ name }) => name)) // [ 'int4' ]
   */
  getParameters(): TypeInfo[] {
    return this.parameters
  }

  /**
   * The statement's columns; empty for a statement that returns no rows.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(byPrice.getAttributes().map(({ name }) => name)) // [ 'name' ]
   */
  getAttributes(): Attribute[] {
    return this.columns
  }

  /**
   * asyncpg's name for `statusmessage`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   await byPrice.fetch([5])
   *   console.log(byPrice.getStatusmsg()) // SELECT 2
   */
  getStatusmsg(): string | null {
    return this.statusmessage
  }

  /** asyncpg's name for `closed`. */
  get isClosed(): boolean {
    return this.closed
  }

  /**
   * Runs the statement and drops its rows.
   * @returns the command tag.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1)')
   *   const tag = await insert.execute(['milk'])
   */
  async execute(given: Values = [], options?: ExecuteStatementOptions): Promise<string> {
    requireKnown(options, EXECUTE_STATEMENT, 'execute')
    const { sql, values, args, prepared } = this.#request('execute', given, options)
    this.#life.tag = null
    const flow = executeOne(this.#engine.context, { sql, values, prepared })
    this.#life.tag = await this.#engine.query(flow, sql, args, options)
    return this.#life.tag
  }

  /**
   * Runs the statement and returns its rows, their columns, the command tag and the row count; see `Connection.query`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const { rows, columns } = await byPrice.query([5])
   */
  async query<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): Promise<QueryResult<R>>
  async query<R = never>(values?: Values, options?: ResultOptions): Promise<QueryResult<Kept<T, R>>>
  async query(given: Values = [], options?: ResultOptions): Promise<QueryResult<unknown>> {
    requireKnown(options, RESULT_OPTIONS, 'query')
    const rows = rowOptions(options, this.#rows, 'query')
    const { sql, values, args, prepared } = this.#request('query', given, options)
    this.#life.tag = null
    const flow = queryOne(this.#engine.context, { sql, values, prepared, rows })
    const result = await this.#engine.query(flow, sql, args, options)
    this.#life.tag = result.tag
    return result
  }

  /**
   * Runs the statement and returns all its rows.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const rows = await byPrice.fetch([5])
   */
  async fetch<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): Promise<R[]>
  async fetch<R = never>(values?: Values, options?: ResultOptions): Promise<Kept<T, R>[]>
  async fetch(values: Values = [], options?: ResultOptions): Promise<unknown[]> {
    requireKnown(options, RESULT_OPTIONS, 'fetch')
    return this.#fetch('fetch', values, 0, options)
  }

  /**
   * Runs the statement and returns its first row; null when there is none.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const row = await byPrice.fetchrow([5])
   */
  async fetchrow<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): Promise<R | null>
  async fetchrow<R = never>(values?: Values, options?: ResultOptions): Promise<Kept<T, R> | null>
  async fetchrow(values: Values = [], options?: ResultOptions): Promise<unknown> {
    requireKnown(options, RESULT_OPTIONS, 'fetchrow')
    const [row] = await this.#fetch('fetchrow', values, 1, options)
    return row ?? null
  }

  /**
   * Runs the statement and returns one value of its first row; null when there is no row.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const name = await byPrice.fetchval([5])
   */
  async fetchval<V = unknown>(
    values: Values = [],
    column: number | string = 0,
    options?: ResultOptions,
  ): Promise<V | null> {
    requireColumn(column, 'fetchval')
    requireKnown(options, RESULT_OPTIONS, 'fetchval')
    const [row] = await this.#fetch('fetchval', values, 1, { ...options, ...VALUE_ROWS })
    return row === undefined ? null : (pick(row, column) as V)
  }

  /**
   * Runs the statement once for each element. If one run fails, none of them has an effect.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1)')
   *   await insert.executemany([['milk'], ['bread']])
   */
  async executemany(elements: Elements, options?: BatchOptions): Promise<void> {
    requireKnown(options, BATCH_OPTIONS, 'executemany')
    const target = this.#target('executemany', options)
    this.#life.tag = null
    const { tag } = await runMany(this.#engine, target, requireElements(elements, 'executemany'), options)
    this.#life.tag = tag
  }

  /**
   * Runs a statement that returns rows once for each element. If one run fails, none of them has an effect.
   * @returns the rows of all elements, in their order.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1) returning id')
   *   const ids = await insert.fetchmany([['milk'], ['bread']])
   */
  async fetchmany<R>(elements: Elements, options: ResultOptions & OtherRows<R>): Promise<R[]>
  async fetchmany<R = never>(elements: Elements, options?: ResultOptions): Promise<Kept<T, R>[]>
  async fetchmany(elements: Elements, options?: ResultOptions): Promise<unknown[]> {
    requireKnown(options, RESULT_OPTIONS, 'fetchmany')
    const target = this.#target('fetchmany', options)
    const rows = rowOptions(options, this.#rows, 'fetchmany')
    this.#life.tag = null
    const result = await fetchMany(this.#engine, target, requireElements(elements, 'fetchmany'), { ...options, rows })
    this.#life.tag = result.tag
    return result.rows
  }

  /**
   * Gives the statement's rows in pieces; see `Connection.cursor`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   await con.transaction(async () => {
   *     for await (const row of byPrice.cursor([5])) console.log(row.name)
   *   })
   */
  cursor<R>(values: Values | undefined, options: CursorOptions & OtherRows<R>): CursorFactory<R>
  cursor<R = never>(values?: Values, options?: CursorOptions): CursorFactory<Kept<T, R>>
  cursor<R>(given: Values = [], options: CursorOptions = {}): CursorFactory<R> {
    requireKnown(options, CURSOR_OPTIONS, 'cursor')
    const { sql, values, prepared } = this.#request('cursor', given, options)
    if (options.scrollable === true) {
      throw new ProgrammingError('cursor: one over a prepared statement goes forward only; use Connection.cursor')
    }
    return new CursorFactory<R>(
      this.#engine,
      { sql, values, prepared, rows: rowOptions(options, this.#rows, 'cursor') },
      options,
    )
  }

  /**
   * Returns the statement's plan, as EXPLAIN (FORMAT JSON, VERBOSE) gives it.
   * @param options.analyze true also runs the statement, in a transaction or savepoint that is rolled back.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const plan = await byPrice.explain([5], { analyze: true })
   */
  async explain(given: Values = [], options: ExplainOptions = {}): Promise<unknown> {
    requireKnown(options, EXPLAIN_OPTIONS, 'explain')
    const { sql, values } = this.#request('explain', given, options)
    return this.#engine.run(explain(this.#engine.context, sql, values, options.analyze === true), options)
  }

  /**
   * Closes the statement on the server. A second call does nothing.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   await byPrice.close()
   */
  async close(): Promise<void> {
    if (this.#life.isClosed) return
    this.#life.isClosed = true
    if (!this.#engine.isClosed) await this.#engine.run(closeStatement(this.#engine.context, this.#statement))
  }

  /**
   * Closes the statement at the end of an `await using` scope; see `close`.
   * @example
   *   await using byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(await byPrice.fetchval([4])) // tea
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #fetch(method: string, given: Values, rowLimit: number, options: ResultOptions | undefined): Promise<Row[]> {
    const rows = rowOptions(options, this.#rows, method)
    const { sql, values, args, prepared } = this.#request(method, given, options)
    const request = { sql, values, prepared, rowLimit, rows }
    this.#life.tag = null
    const result = await this.#engine.query(fetchRows(this.#engine.context, request), request.sql, args, options)
    this.#life.tag = result.tag
    return result.rows
  }

  #request(
    method: string,
    given: Values,
    options?: Pick<ExecuteStatementOptions, 'values'>,
  ): Given & { prepared: Statement } {
    const { sql, prepared, meaning } = this.#target(method, options)
    const args = requireValues(given, method)
    return { sql, values: withMeaning(args, meaning), args, prepared }
  }

  #target(
    method: string,
    options: Pick<ExecuteStatementOptions, 'values'> | undefined,
  ): { sql: string; prepared: Statement; meaning: ValueMeaning } {
    if (this.#life.isClosed) throw new InterfaceError(`PreparedStatement.${method}(): the prepared statement is closed`)
    const meaning = requireMeaning(options?.values, method) ?? this.#meaning
    return { sql: this.#statement.sql, prepared: this.#statement, meaning }
  }
}
