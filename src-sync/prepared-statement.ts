/**
 * A statement prepared on request, in blocking form. Lives until it is closed or its connection is; never prepared again
 * behind the caller's back: when its plan goes stale the call fails.
 */
import { InterfaceError } from '../src-async/errors/tree.ts'
import { executeMany } from '../src-async/flows/execute-many.ts'
import { DROP_ROWS, fetchRows } from '../src-async/flows/fetch-rows.ts'
import { closeStatement } from '../src-async/flows/prepare.ts'
import { type ProgressOption, progressTeller } from '../src-async/flows/progress.ts'
import { runStatement } from '../src-async/flows/run-statement.ts'
import { type Row, type Values, listed, pick } from '../src-async/values/record.ts'
import { requireColumn } from '../src-async/values/require-column.ts'
import { VALUE_ROWS, rowOptions } from '../src-async/values/row-options.ts'
import type { Statement } from '../src-async/values/statement.ts'
import { type ValueMeaning, meant, requireMeaning } from '../src-async/values/text-values.ts'
import { type TypeInfo, typeInfo } from '../src-async/values/type-info.ts'
import { fetchMany, requireIterable } from './batch.ts'
import type { Column } from './column.ts'
import { type Engine, type RunOptions, call, requireTimeout } from './engine.ts'
import type { ExecuteOptions } from './cursor.ts'
import { textElements } from './statement.ts'

/** What `Connection.describe` gives. */
export interface StatementDescription {
  /** The types of its parameters, in order. */
  readonly parameters: readonly TypeInfo[]
  /** Its columns; none for a statement without rows. */
  readonly columns: readonly Column[]
}

/** A statement that the server keeps until it is closed. Running it costs no analysis of the text. */
export class PreparedStatement<T = Row> {
  readonly #engine: Engine
  readonly #statement: Statement
  readonly #meaning: ValueMeaning
  #isClosed = false

  /** Made by `Connection.prepare`. */
  constructor(engine: Engine, statement: Statement, meaning: ValueMeaning) {
    this.#engine = engine
    this.#statement = statement
    this.#meaning = meaning
  }

  /** Its name on the server, for `EXECUTE name` in SQL. */
  get name(): string {
    return this.#statement.name
  }

  /** The text it was prepared from. */
  get query(): string {
    return this.#statement.sql
  }

  /** The types of its parameters, in order. */
  get parameters(): TypeInfo[] {
    return this.#statement.parameterTypes.map((oid) => typeInfo(this.#engine.context.registry, oid))
  }

  /** Its columns; none for a statement without rows. */
  get columns(): { readonly name: string; readonly type: TypeInfo }[] {
    const columns = this.#statement.columns ?? []
    return columns.map(({ name, typeOid }) => ({ name, type: typeInfo(this.#engine.context.registry, typeOid) }))
  }

  /** True after `close`, and when the connection is closed. */
  get closed(): boolean {
    return this.#isClosed || this.#engine.isClosed
  }

  /**
   * Runs it and drops its rows.
   * @returns the command tag.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   for (const { name } of byPrice.execute([5])) console.log(name)
   */
  execute(given: Values = [], options: ExecuteOptions = {}): string {
    return call(this.execute, () => {
      const { sql, values, prepared } = this.#request(given, options, 'execute')
      const request = { sql, values, prepared, sinkFor: () => DROP_ROWS }
      const query = { sql, values: given }
      return this.#engine.run(runStatement(this.#engine.context, request), { ...limits(options), query }).tag ?? ''
    })
  }

  /**
   * All its rows.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const rows = byPrice.fetch([5])
   */
  fetch(values: Values = [], options: ExecuteOptions = {}): T[] {
    return call(this.fetch, () => this.#fetch(values, 0, options, 'fetch')) as T[]
  }

  /**
   * Its first row, null when there is none.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const row = byPrice.fetchrow([5])
   */
  fetchrow(values: Values = [], options: ExecuteOptions = {}): T | null {
    return call(this.fetchrow, () => this.#fetch(values, 1, options, 'fetchrow')[0] ?? null) as T | null
  }

  /**
   * A value of its first row; null without a row.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   const name = byPrice.fetchval([5])
   */
  fetchval<V = unknown>(values: Values = [], column: number | string = 0, options: ExecuteOptions = {}): V | null {
    return call(this.fetchval, () => {
      requireColumn(column, 'fetchval')
      const [row] = this.#fetch(values, 1, { ...options, ...VALUE_ROWS }, 'fetchval')
      return row === undefined ? null : (pick(row, column) as V)
    })
  }

  /**
   * Runs it once for each element, all or nothing.
   * @returns how many rows were affected, -1 where it does not count.
   * @example
   *   const insert = con.prepare('insert into item (name) values ($1)')
   *   insert.executemany([['milk'], ['bread']])
   */
  executemany(elements: Iterable<Values>, options: ExecuteOptions & ProgressOption = {}): number {
    return call(this.executemany, () => {
      const { sql, prepared } = this.#request([], options, 'executemany')
      const source = this.#elements(elements, options, 'executemany')
      const progress = progressTeller(options, 'executemany')
      const request = { sql, prepared, elements: source, sinkFor: () => DROP_ROWS, progress }
      const query = { sql, values: elements }
      return this.#engine.run(executeMany(this.#engine.context, request), { ...limits(options), query }).affectedRows
    })
  }

  /**
   * The same for a statement that gives rows.
   * @returns the rows of all elements, in their order.
   * @example
   *   const insert = con.prepare('insert into item (name) values ($1) returning id')
   *   const ids = insert.fetchmany([['milk'], ['bread']])
   */
  fetchmany(elements: Iterable<Values>, options: ExecuteOptions = {}): T[] {
    return call(this.fetchmany, () => {
      const { sql, prepared } = this.#request([], options, 'fetchmany')
      const { context } = this.#engine
      const rows = rowOptions(options, context.rows, 'fetchmany')
      const batch = { sql, prepared, elements: this.#elements(elements, options, 'fetchmany'), rows }
      return this.#engine.run(fetchMany(context, batch), { ...limits(options), query: { sql, values: elements } })
    }) as T[]
  }

  /**
   * Gives it back to the server. A second call does nothing.
   * @example
   *   const byPrice = con.prepare('select name from item where price < $1')
   *   byPrice.close()
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { isClosed, session, context } = this.#engine
    if (isClosed || session.isClosed) return
    call(this.close, () => this.#engine.run(closeStatement(context, this.#statement)))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #fetch(given: Values, rowLimit: number, options: ExecuteOptions, method: string): Row[] {
    const { context } = this.#engine
    const { sql, values, prepared } = this.#request(given, options, method)
    const request = { sql, values, prepared, rowLimit, rows: rowOptions(options, context.rows, method) }
    return this.#engine.run(fetchRows(context, request), { ...limits(options), query: { sql, values: given } }).rows
  }

  #request(
    given: Values,
    options: ExecuteOptions,
    method: string,
  ): { sql: string; values: readonly unknown[]; prepared: Statement } {
    if (this.#isClosed) throw new InterfaceError('the prepared statement is closed')
    const values = meant(listed(given), this.#meaningOf(options, method))
    return { sql: this.#statement.sql, values, prepared: this.#statement }
  }

  #elements(elements: Iterable<Values>, options: ExecuteOptions, method: string): Iterable<Values> {
    const source = requireIterable(elements, method)
    return this.#meaningOf(options, method) === 'text' ? textElements(source) : source
  }

  #meaningOf(options: ExecuteOptions, method: string): ValueMeaning {
    return requireMeaning(options.values, method) ?? this.#meaning
  }
}

function limits({ timeout }: ExecuteOptions): RunOptions {
  return { timeoutMs: requireTimeout(timeout, 'timeout') }
}
