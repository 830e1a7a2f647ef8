/**
 * A statement that the program has prepared, in blocking form. It exists until it or its connection is closed. The
 * driver never prepares it again on its own: when its plan becomes invalid, the call fails with
 * InvalidCachedStatementError.
 */
import { sealInstances } from '../src-async/options/sealed.ts'
import type { ValueOption } from '../src-async/flows/call-options.ts'
import { InterfaceError } from '../src-async/errors/tree.ts'
import { DescribedStatement, type StatementDefaults, StatementLife } from '../src-async/flows/described-statement.ts'
import { executeMany } from '../src-async/flows/execute-many.ts'
import { DROP_ROWS, executeOne, fetchRows } from '../src-async/flows/run-statement.ts'
import { explain } from '../src-async/flows/explain.ts'
import { fetchMany } from '../src-async/flows/fetch-many.ts'
import { closeStatement } from '../src-async/flows/prepare.ts'
import { progressReporter } from '../src-async/flows/progress.ts'
import { type QueryResult, queryOne } from '../src-async/flows/query.ts'
import { type KnownOptions, requireKnown } from '../src-async/options/known-options.ts'
import { type Row, type Values, pick } from '../src-async/values/record.ts'
import { requireColumn } from '../src-async/values/require-column.ts'
import { requireValues } from '../src-async/values/require-values.ts'
import { type OtherRows, type RowOptions, VALUE_ROWS, rowOptions } from '../src-async/values/row-options.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { Kept } from '../src-async/values/row-types.ts'
import type { Statement } from '../src-async/values/statement.ts'
import { type ValueMeaning, requireMeaning, withMeaning } from '../src-async/values/text-values.ts'
import type { TypeInfo } from '../src-async/values/type-info.ts'
import { requireIterable } from './batch.ts'
import {
  type CallOptions,
  EXECUTE_STATEMENT,
  type ExecuteStatementOptions,
  RESULT_OPTIONS,
  type ResultOptions,
  timeLimitOf,
} from './call-options.ts'
import type { Column } from './column.ts'
import { BATCH_OPTIONS, type BatchOptions, EXPLAIN_OPTIONS, type ExplainOptions } from './connection-options.ts'
import type { Engine, RunOptions } from './engine.ts'
import { call } from './callers-stack.ts'
import { textElements } from './statement.ts'

/** The result of `Connection.describe`. */
export interface StatementDescription {
  /** The types of the statement's parameters, in order. */
  readonly parameters: readonly TypeInfo[]
  /** The statement's columns; empty for a statement that returns no rows. */
  readonly columns: readonly Column[]
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
    return this.#life.isClosed || this.#engine.isClosed || this.#engine.session.isClosed
  }

  /**
   * Runs the statement and drops its rows.
   * @returns the command tag.
   * @example
   *   const insert = con.prepare('insert into item (name) values ($1)')
   *   console.log(insert.execute(['milk'])) // INSERT 0 1
   */
  execute(given: Values = [], options: ExecuteStatementOptions = {}): string {
    return call(this.execute, () => {
      const { sql, values, prepared, run } = this.#begin('execute', given, options, EXECUTE_STATEMENT)
      this.#life.tag = this.#engine.run(executeOne(this.#engine.context, { sql, values, prepared }), run)
      return this.#life.tag
    })
  }

  /**
   * Runs the statement and returns its rows, their columns, the command tag and the row count; see `Connection.query`.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const { rows, tag } = byPrice.query([5])
   *   console.log(rows.length, tag) // 2 SELECT 2
   */
  query<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): QueryResult<R>
  query<R = never>(values?: Values, options?: ResultOptions): QueryResult<Kept<T, R>>
  query(given: Values = [], options: ResultOptions = {}): QueryResult<unknown> {
    return call(this.query, () => {
      const { sql, values, prepared, run } = this.#begin('query', given, options, RESULT_OPTIONS)
      const rows = this.#shape(options, 'query')
      const result = this.#engine.run(queryOne(this.#engine.context, { sql, values, prepared, rows }), run)
      this.#life.tag = result.tag
      return result
    })
  }

  /**
   * Runs the statement and returns all its rows.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const rows = byPrice.fetch([5])
   */
  fetch<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): R[]
  fetch<R = never>(values?: Values, options?: ResultOptions): Kept<T, R>[]
  fetch(values: Values = [], options: ResultOptions = {}): unknown[] {
    return call(this.fetch, () => this.#fetch('fetch', values, options, { rowLimit: 0 }))
  }

  /**
   * Runs the statement and returns its first row; null when there is none.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const row = byPrice.fetchrow([5])
   */
  fetchrow<R>(values: Values | undefined, options: ResultOptions & OtherRows<R>): R | null
  fetchrow<R = never>(values?: Values, options?: ResultOptions): Kept<T, R> | null
  fetchrow(values: Values = [], options: ResultOptions = {}): unknown {
    return call(this.fetchrow, () => this.#fetch('fetchrow', values, options, { rowLimit: 1 })[0] ?? null)
  }

  /**
   * Runs the statement and returns one value of its first row; null when there is no row. `column` is the column's
   * name, or its number from 0.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const name = byPrice.fetchval([5])
   */
  fetchval<V = unknown>(values: Values = [], column: number | string = 0, options: ResultOptions = {}): V | null {
    return call(this.fetchval, () => {
      requireColumn(column, 'fetchval')
      const [row] = this.#fetch('fetchval', values, options, { ...VALUE_ROWS, rowLimit: 1 })
      return row === undefined ? null : (pick(row, column) as V)
    })
  }

  /**
   * Runs the statement once for each element. If one run fails, none of them has an effect.
   * @returns how many rows were affected; -1 for a command without a count.
   * @example
   *   const insert = con.prepare('insert into item (name) values ($1)')
   *   insert.executemany([['milk'], ['bread']])
   */
  executemany(elements: Iterable<Values>, options: BatchOptions = {}): number {
    return call(this.executemany, () => {
      const batch = this.#beginMany('executemany', elements, options, BATCH_OPTIONS)
      const progress = progressReporter(options, 'executemany')
      const { sql, prepared, source, run } = batch
      const method = 'executemany' as const
      const request = { method, sql, prepared, elements: source, sinkFor: () => DROP_ROWS, progress }
      const { affectedRows, tag } = this.#engine.run(executeMany(this.#engine.context, request), run)
      this.#life.tag = tag
      return affectedRows
    })
  }

  /**
   * Runs a statement that returns rows once for each element. If one run fails, none of them has an effect.
   * @returns the rows of all elements, in their order.
   * @example
   *   const insert = con.prepare('insert into item (name) values ($1) returning id')
   *   const ids = insert.fetchmany([['milk'], ['bread']])
   */
  fetchmany<R>(elements: Iterable<Values>, options: ResultOptions & OtherRows<R>): R[]
  fetchmany<R = never>(elements: Iterable<Values>, options?: ResultOptions): Kept<T, R>[]
  fetchmany(elements: Iterable<Values>, options: ResultOptions = {}): unknown[] {
    return call(this.fetchmany, () => {
      const { sql, prepared, source, run } = this.#beginMany('fetchmany', elements, options, RESULT_OPTIONS)
      const rows = this.#shape(options, 'fetchmany')
      const result = this.#engine.run(fetchMany(this.#engine.context, { sql, prepared, elements: source, rows }), run)
      this.#life.tag = result.tag
      return result.rows
    })
  }

  /**
   * Returns the statement's plan, as EXPLAIN (FORMAT JSON, VERBOSE) gives it. With `{ analyze: true }` the statement
   * also runs, in a transaction or savepoint that is rolled back.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const [{ Plan }] = byPrice.explain([5], { analyze: true })
   */
  explain(given: Values = [], options: ExplainOptions = {}): unknown {
    return call(this.explain, () => {
      const { sql, values, run } = this.#begin('explain', given, options, EXPLAIN_OPTIONS)
      const flow = explain(this.#engine.context, sql, values, options.analyze === true)
      return this.#engine.begin(flow, { timeoutMs: run.timeoutMs })
    })
  }

  /**
   * Closes the statement on the server. A second call does nothing.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   byPrice.close()
   */
  close(): void {
    if (this.#life.isClosed) return
    this.#life.isClosed = true
    const { isClosed, session, context } = this.#engine
    if (isClosed || session.isClosed) return
    call(this.close, () => this.#engine.run(closeStatement(context, this.#statement)))
  }

  /**
   * Closes the statement at the end of a `using` scope; see `close`.
   * @example
   *   using byPrice = con.prepare('select name from item where price < $1')
   *   console.log(byPrice.fetchval([4])) // tea
   */
  [Symbol.dispose](): void {
    this.close()
  }

  #fetch(
    method: string,
    given: Values,
    options: ResultOptions,
    own: RowOptions & { readonly rowLimit: number },
  ): Row[] {
    const { sql, values, prepared, run } = this.#begin(method, given, options, RESULT_OPTIONS)
    const rows = this.#shape({ ...options, ...own }, method)
    const request = { sql, values, prepared, rowLimit: own.rowLimit, rows }
    const result = this.#engine.run(fetchRows(this.#engine.context, request), run)
    this.#life.tag = result.tag
    return result.rows
  }

  /** Checks the arguments that all methods take. */
  #begin(
    method: string,
    given: Values,
    options: CallOptions & ValueOption,
    known: KnownOptions,
  ): { sql: string; values: readonly unknown[]; prepared: Statement; run: RunOptions } {
    const meaning = this.#require(method, options, known)
    const { sql } = this.#statement
    const run = { timeoutMs: timeLimitOf(options, method), query: { sql, values: given } }
    return { sql, values: withMeaning(requireValues(given, method), meaning), prepared: this.#statement, run }
  }

  #beginMany(
    method: string,
    elements: Iterable<Values>,
    options: CallOptions & ValueOption,
    known: KnownOptions,
  ): { sql: string; prepared: Statement; source: Iterable<Values>; run: RunOptions } {
    const meaning = this.#require(method, options, known)
    const given = requireIterable(elements, method)
    const { sql } = this.#statement
    const run = { timeoutMs: timeLimitOf(options, method), query: { sql, values: elements } }
    return { sql, prepared: this.#statement, source: meaning === 'text' ? textElements(given) : given, run }
  }

  /** @returns the meaning of the values of this call. */
  #require(method: string, options: ValueOption, known: KnownOptions): ValueMeaning {
    requireKnown(options, known, method)
    if (this.#life.isClosed) throw new InterfaceError(`PreparedStatement.${method}(): the prepared statement is closed`)
    this.#life.tag = null
    return requireMeaning(options.values, method) ?? this.#meaning
  }

  #shape(options: RowOptions, method: string): RowShapeOptions {
    return rowOptions(options, this.#rows, method)
  }
}
