/**
 * A statement prepared on request. Lives until it is closed or its connection is; never prepared again behind the
 * caller's back: when its plan goes stale the call fails with InvalidCachedStatementError.
 */
import { type Elements, fetchMany, runMany } from './batch.ts'
import { type ExecuteOptions, type FetchOptions, type Given, requireElements, requireValues } from './call-options.ts'
import { CursorFactory, type CursorOptions } from './cursor.ts'
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import { DROP_ROWS, fetchRows } from './flows/fetch-rows.ts'
import { closeStatement } from './flows/prepare.ts'
import type { ProgressOption } from './flows/progress.ts'
import { type QueryResult, queryOne } from './flows/query.ts'
import { runStatement } from './flows/run-statement.ts'
import { openScope, rollbackScope } from './flows/transaction.ts'
import { type Row, type Values, pick } from './values/record.ts'
import { requireColumn } from './values/require-column.ts'
import { type OtherRows, RECORD_ROWS, VALUE_ROWS, rowOptions } from './values/row-options.ts'
import type { RowOf } from './values/row-types.ts'
import type { Statement } from './values/statement.ts'
import { type ValueMeaning, meant, requireMeaning } from './values/text-values.ts'
import { type TypeInfo, typeInfo } from './values/type-info.ts'

/** A column of a statement's rows. */
export interface Attribute {
  readonly name: string
  /** The column's type. */
  readonly type: TypeInfo
}

/** A statement that the server keeps until it is closed. Running it costs no analysis of the text. */
export class PreparedStatement {
  readonly #engine: Engine
  readonly #statement: Statement
  readonly #meaning: ValueMeaning
  #statusmsg: string | null = null
  #isClosed = false

  /** Made by `Connection.prepare`. */
  constructor(engine: Engine, statement: Statement, meaning: ValueMeaning) {
    this.#engine = engine
    this.#statement = statement
    this.#meaning = meaning
  }

  /** Its name on the server, for `EXECUTE name` in SQL. */
  getName(): string {
    return this.#statement.name
  }

  /** The text it was prepared from. */
  getQuery(): string {
    return this.#statement.sql
  }

  /**
   * The types of its parameters, in order.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(byPrice.getParameters().map(({ name }) => name)) // [ 'integer' ]
   */
  getParameters(): TypeInfo[] {
    return this.#statement.parameterTypes.map((oid) => typeInfo(this.#engine.context.registry, oid))
  }

  /**
   * Its columns; none for a statement without rows.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   console.log(byPrice.getAttributes().map(({ name }) => name)) // [ 'name' ]
   */
  getAttributes(): Attribute[] {
    const columns = this.#statement.columns ?? []
    return columns.map(({ name, typeOid }) => ({ name, type: typeInfo(this.#engine.context.registry, typeOid) }))
  }

  /** The command tag of the last run, null before the first and after one that stopped early. */
  getStatusmsg(): string | null {
    return this.#statusmsg
  }

  /** True after `close`, and when the connection is closed. */
  get isClosed(): boolean {
    return this.#isClosed || this.#engine.isClosed
  }

  /**
   * Runs it and drops its rows.
   * @returns the command tag.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1)')
   *   const tag = await insert.execute(['milk'])
   */
  async execute(given: Values = [], options?: ExecuteOptions): Promise<string> {
    const { sql, values, args, prepared } = this.#request('execute', given, options)
    const request = { sql, values, prepared, sinkFor: () => DROP_ROWS }
    this.#statusmsg = null
    const flow = runStatement(this.#engine.context, request)
    const { tag } = await this.#engine.query(flow, sql, args, options)
    this.#statusmsg = tag
    return tag ?? ''
  }

  /**
   * Its rows, their columns, the command tag and the count; see `Connection.query`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const { rows, columns } = await byPrice.query([5])
   */
  async query<T>(values: Values | undefined, options: FetchOptions & OtherRows<T>): Promise<QueryResult<T>>
  async query<T = Row>(values?: Values, options?: FetchOptions): Promise<QueryResult<RowOf<T>>>
  async query(given: Values = [], options?: FetchOptions): Promise<QueryResult<unknown>> {
    const rows = rowOptions(options, this.#engine.context.rows, 'query')
    const { sql, values, args, prepared } = this.#request('query', given, options)
    this.#statusmsg = null
    const flow = queryOne(this.#engine.context, { sql, values, prepared, rows })
    const result = await this.#engine.query(flow, sql, args, options)
    this.#statusmsg = result.tag
    return result
  }

  /**
   * All its rows.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const rows = await byPrice.fetch([5])
   */
  async fetch<T = Row>(values: Values = [], options?: FetchOptions): Promise<RowOf<T>[]> {
    return (await this.#fetch('fetch', values, 0, options)) as RowOf<T>[]
  }

  /**
   * Its first row, null when there is none.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const row = await byPrice.fetchrow([5])
   */
  async fetchrow<T = Row>(values: Values = [], options?: FetchOptions): Promise<RowOf<T> | null> {
    const [row] = await this.#fetch('fetchrow', values, 1, options)
    return (row ?? null) as RowOf<T> | null
  }

  /**
   * A value of its first row; null without a row.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const name = await byPrice.fetchval([5])
   */
  async fetchval<T = unknown>(
    values: Values = [],
    column: number | string = 0,
    options?: ExecuteOptions & Pick<FetchOptions, 'types'>,
  ): Promise<T | null> {
    requireColumn(column, 'fetchval')
    const [row] = await this.#fetch('fetchval', values, 1, { ...options, ...VALUE_ROWS })
    return row === undefined ? null : (pick(row, column) as T)
  }

  /**
   * Runs it once for each element, all or nothing.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1)')
   *   await insert.executemany([['milk'], ['bread']])
   */
  async executemany(elements: Elements, options?: ExecuteOptions & ProgressOption): Promise<void> {
    const target = this.#target('executemany', options)
    this.#statusmsg = null
    const { tag } = await runMany(this.#engine, target, requireElements(elements, 'executemany'), options)
    this.#statusmsg = tag
  }

  /**
   * The same for a statement that gives rows.
   * @returns the rows of all elements, in their order.
   * @example
   *   const insert = await con.prepare('insert into item (name) values ($1) returning id')
   *   const ids = await insert.fetchmany([['milk'], ['bread']])
   */
  async fetchmany<T = Row>(elements: Elements, options?: FetchOptions): Promise<RowOf<T>[]> {
    const target = this.#target('fetchmany', options)
    const rows = rowOptions(options, this.#engine.context.rows, 'fetchmany')
    this.#statusmsg = null
    const result = await fetchMany(this.#engine, target, requireElements(elements, 'fetchmany'), { ...options, rows })
    this.#statusmsg = result.tag
    return result.rows as RowOf<T>[]
  }

  /**
   * Its rows in pieces; see `Connection.cursor`.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   await con.transaction(async () => {
   *     for await (const row of byPrice.cursor([5])) console.log(row.name)
   *   })
   */
  cursor<T = Row>(given: Values = [], options: CursorOptions = {}): CursorFactory<RowOf<T>> {
    const { sql, values, prepared } = this.#request('cursor', given, options)
    if (options.scrollable === true) {
      throw new ProgrammingError('cursor: one over a prepared statement goes forward only; use Connection.cursor')
    }
    return new CursorFactory<RowOf<T>>(this.#engine, { sql, values, prepared }, options)
  }

  /**
   * Its plan, as EXPLAIN (FORMAT JSON, VERBOSE) gives it.
   * @param options.analyze runs the statement as well, in a transaction that is rolled back.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   const plan = await byPrice.explain([5], { analyze: true })
   */
  async explain(given: Values = [], options: { readonly analyze?: boolean } = {}): Promise<unknown> {
    const { sql, values } = this.#request('explain', given)
    const analyze = options.analyze === true
    const text = `EXPLAIN (FORMAT JSON, VERBOSE${analyze ? ', ANALYZE' : ''}) ${sql}`
    const rows = await this.#engine.run(explained(this.#engine, text, values, analyze))
    const [row] = rows
    return row === undefined ? null : pick(row, 0)
  }

  /**
   * Gives it back to the server. A second call does nothing.
   * @example
   *   const byPrice = await con.prepare('select name from item where price < $1')
   *   await byPrice.close()
   */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#engine.isClosed) await this.#engine.run(closeStatement(this.#engine.context, this.#statement))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #fetch(method: string, given: Values, rowLimit: number, options: FetchOptions | undefined): Promise<Row[]> {
    const rows = rowOptions(options, this.#engine.context.rows, method)
    const { sql, values, args, prepared } = this.#request(method, given, options)
    const request = { sql, values, prepared, rowLimit, rows }
    this.#statusmsg = null
    const result = await this.#engine.query(fetchRows(this.#engine.context, request), request.sql, args, options)
    this.#statusmsg = result.tag
    return result.rows
  }

  #request(method: string, given: Values, options?: Pick<ExecuteOptions, 'values'>): Given & { prepared: Statement } {
    const { sql, prepared, meaning } = this.#target(method, options)
    const args = requireValues(given, method)
    return { sql, values: meant(args, meaning), args, prepared }
  }

  #target(
    method: string,
    options: Pick<ExecuteOptions, 'values'> | undefined,
  ): { sql: string; prepared: Statement; meaning: ValueMeaning } {
    if (this.#isClosed) throw new InterfaceError(`PreparedStatement.${method}(): the prepared statement is closed`)
    const meaning = requireMeaning(options?.values, method) ?? this.#meaning
    return { sql: this.#statement.sql, prepared: this.#statement, meaning }
  }
}

function* explained(engine: Engine, sql: string, values: readonly unknown[], undo: boolean): Flow<Row[]> {
  const { context } = engine
  const request = { sql, values, rowLimit: 0, rows: RECORD_ROWS }
  if (!undo) return (yield* fetchRows(context, request)).rows
  const scope = yield* openScope(context, {})
  try {
    const { rows } = yield* fetchRows(context, request)
    yield* rollbackScope(context, scope)
    return rows
  } catch (error) {
    yield* rollbackScope(context, scope)
    throw error
  }
}
