/**
 * PEP 249's cursor: its methods, checks and attributes. Its body runs the statements and holds the rows: the whole
 * result in this process (`buffered-body.ts`), or pieces from the server (`named-body.ts`).
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { inspect } from 'node:util'
import { InterfaceError, NotSupportedError, ProgrammingError } from '../src-async/errors/tree.ts'
import { sealInstances } from '../src-async/options/sealed.ts'
import { progressReporter } from '../src-async/flows/progress.ts'
import { Record, type Row, pick } from '../src-async/values/record.ts'
import { type OtherRows, type RowOptions, rowOptions } from '../src-async/values/row-options.ts'
import type { CompiledStatement } from '../src-async/values/compiled-statement.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { Kept } from '../src-async/values/row-types.ts'
import { callProcedure } from './callproc.ts'
import { Column } from './column.ts'
import { type CopyStream, runCopy } from './copy-stream.ts'
import type { CursorBody, RequestOptions, ScrollMode } from './cursor-body.ts'
import {
  CALL_OPTIONS,
  type CallOptions,
  EXECUTEMANY_OPTIONS,
  EXECUTE_OPTIONS,
  type ExecuteOptions,
  type ExecutemanyOptions,
  NO_OPTIONS,
  timeLimitOf,
} from './call-options.ts'
import { type KnownOptions, requireKnown } from '../src-async/options/known-options.ts'
import type { Engine, ServerMessage } from './engine.ts'
import { type PublicMethod, call } from './callers-stack.ts'
import { type ErrorHandler, handled, requireHandler } from './error-handler.ts'
import { type InputSizes, requireInputSizes } from './input-sizes.ts'
import { type Parameters, requireContainer } from './paramstyle/bind-parameters.ts'
import { type ParamStyle, requireStyle } from './paramstyle/style.ts'
import { type StatementText, bindStatement, requireText } from './statement.ts'
import { RowStream, STREAM_OPTIONS, type StreamOptions } from './stream.ts'

export type { Parameters } from './paramstyle/bind-parameters.ts'
export type { ScrollMode } from './cursor-body.ts'

/** The part of a `Connection` that its cursors use. The object is the `Connection` itself. */
export interface CursorConnection {
  /** True after `close`, and after the connection was lost. */
  readonly closed: boolean
  /** Whether each statement runs in a transaction of its own. */
  readonly autocommit: boolean
  /** When set, the handler is called with each error, which is not thrown then. */
  errorhandler: ErrorHandler | null
  /**
   * Commits the open transaction.
   * @example
   *   cur.execute('insert into item (name) values (%s)', ['milk'])
   *   cur.connection.commit()
   */
  commit(): void
  /**
   * Rolls back the open transaction.
   * @example
   *   cur.execute('delete from item')
   *   cur.connection.rollback()
   *   console.log(con.fetchval('select count(*) from item')) // 3n
   */
  rollback(): void
  /**
   * Closes the connection.
   * @example
   *   cur.connection.close()
   *   console.log(con.closed) // true
   */
  close(): void
}

export interface CursorInit {
  readonly connection: CursorConnection
  readonly engine: Engine
  readonly body: CursorBody
  /** The name of a named cursor; null for an ordinary one. */
  readonly name: string | null
  /** null for the paramstyle of the connection. */
  readonly paramstyle: ParamStyle | null
  /** The row options of calls that set none. */
  readonly rows: RowShapeOptions
}

/** The error for `execute(sql, 1, 2)`, the form that other drivers accept. */
function spreadParameters(found: unknown): ProgrammingError {
  return new ProgrammingError(`execute: expected an object of options, got ${describeValue(found)}`, {
    hint: 'the parameters come in one array: execute(sql, [first, second])',
  })
}

const KNOWN: { readonly [method in 'execute' | 'executemany' | 'callproc' | 'copy']: KnownOptions } = {
  execute: EXECUTE_OPTIONS,
  executemany: EXECUTEMANY_OPTIONS,
  callproc: new Map(),
  copy: CALL_OPTIONS,
}

/** PEP 249's cursor. It runs statements and keeps the result of the last one. Rows are decoded when you fetch them. */
export class Cursor<T = Row> {
  // A bundler renames a class that refers to itself, and users would see the new name. This keeps the old one.
  static readonly name: string = 'Cursor'
  static {
    sealInstances(this)
  }

  readonly #connection: CursorConnection
  readonly #engine: Engine
  readonly #body: CursorBody
  readonly #name: string | null
  readonly #messages: ServerMessage[] = []
  readonly #shape: RowShapeOptions
  #paramstyle: ParamStyle | null
  #described: { columns: CursorBody['columns']; description: readonly Column[] } | null = null
  #arraysize = 1
  #sizes: InputSizes | null = null
  #query: string | null = null
  #params: unknown = null
  #isClosed = false
  #errorhandler: ErrorHandler | null

  /** Made by `Connection.cursor`. */
  constructor(init: CursorInit) {
    this.#connection = init.connection
    this.#engine = init.engine
    this.#body = init.body
    this.#name = init.name
    this.#paramstyle = init.paramstyle
    this.#shape = init.rows
    this.#errorhandler = init.connection.errorhandler
  }

  /**
   * When set, the handler is called with each error, which is not thrown then. A new cursor has the handler of its
   * connection.
   */
  get errorhandler(): ErrorHandler | null {
    return this.#errorhandler
  }

  set errorhandler(value: ErrorHandler | null) {
    this.#errorhandler = requireHandler(value)
  }

  /** The connection that made the cursor. */
  get connection(): CursorConnection {
    return this.#connection
  }

  /** The name of a server-side cursor; null for an ordinary one. */
  get name(): string | null {
    return this.#name
  }

  /** True after `close`, and after the connection was closed. */
  get closed(): boolean {
    return this.#isClosed || this.#connection.closed
  }

  /** A `Column` for each column of the current result; null when it has none. */
  get description(): readonly Column[] | null {
    const { columns } = this.#body
    if (columns === null) return null
    if (this.#described?.columns !== columns) {
      const { registry } = this.#engine.context
      const description = columns.map((column) => new Column(column, registry.typeName(column.typeOid)))
      this.#described = { columns, description }
    }
    return this.#described.description
  }

  /**
   * How many rows the statement returned or affected, counted by the server. -1 when there is no count, or not yet: a
   * named cursor knows it after the last row.
   */
  get rowcount(): number {
    return this.#body.rowcount
  }

  /** The index of the row that the next fetch returns, from 0; null without a result. */
  get rownumber(): number | null {
    return this.#body.position
  }

  /** Always null, because PostgreSQL has no row ids. Use `insert … returning id`. */
  get lastrowid(): null {
    return null
  }

  /** The command tag of the current result, such as `INSERT 0 1`; null before the first execute. */
  get statusmessage(): string | null {
    return this.#body.tag
  }

  /** The text of the last statement as you passed it, for debugging. */
  get query(): string | null {
    return this.#query
  }

  /** The parameters of the last statement as you passed them. */
  get params(): unknown {
    return this.#params
  }

  /** The notices of the last call. Every method clears them, except those that fetch. */
  get messages(): ServerMessage[] {
    return this.#messages
  }

  /** The parameter markers that this cursor reads besides `$1`; by default those of its connection. */
  get paramstyle(): ParamStyle {
    return this.#paramstyle ?? this.#engine.paramstyle
  }

  set paramstyle(style: ParamStyle) {
    this.#paramstyle = requireStyle(style)
  }

  /** How many rows `fetchmany` returns when it gets no size; 1 by default. */
  get arraysize(): number {
    return this.#arraysize
  }

  set arraysize(value: number) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ProgrammingError(`arraysize: expected a positive integer, got ${describeValue(value)}`)
    }
    this.#arraysize = value
  }

  /**
   * Runs a statement and reads its result to the end.
   * @param sql a text with markers: `%s` and `%(name)s`, or those of another `paramstyle`, or `$1`. Without
   *   `parameters` the text is sent as it is and may hold several statements. A statement that a query builder has
   *   compiled is accepted too.
   * @param parameters an array for positional markers, an object or a Map for named ones.
   * @returns the cursor itself.
   * @throws the server's errors by their SQLSTATE; ProgrammingError and DataError for parameters that do not fit.
   * @example cur.execute('select * from item where name = %(name)s', { name: 'tea' })
   */
  execute<R>(
    sql: StatementText,
    parameters: Parameters | null | undefined,
    options: ExecuteOptions & OtherRows<R>,
  ): Cursor<R>
  execute<R = never>(sql: StatementText, parameters?: Parameters | null, options?: ExecuteOptions): Cursor<Kept<T, R>>
  execute<R>(sql: StatementText, parameters?: Parameters | null, options: ExecuteOptions = NO_OPTIONS): Cursor<R> {
    return this.#guard(this.execute, this as unknown as Cursor<R>, () => {
      if (typeof options !== 'object') throw spreadParameters(options)
      // The request is not built by spreading, because V8 makes a new hidden class for each spread object, and this
      // runs for every statement.
      const { style, sizes, timeoutMs, rows, messages } = this.#begin(sql, parameters, options, 'execute')
      const isOneOff = options.prepare === false
      const isText = options.text === true
      const meaning = options.values
      const request = { style, sizes, timeoutMs, rows, messages, statement: sql, parameters, isOneOff, meaning, isText }
      this.#body.execute(request)
      if (this.#body.isSmall) this.#engine.context.kept.keep(this)
      return this as unknown as Cursor<R>
    })
  }

  /**
   * Runs a statement once for each element. If one run fails, none of them has an effect.
   * @param sql a text with markers, or a compiled statement, whose own values are ignored
   * @throws the server's errors by their SQLSTATE; ProgrammingError and DataError for elements that do not fit.
   *   `batchIndex` is the number of the element that failed, from 0.
   * @example cur.executemany('insert into item (name, price) values (%s, %s)', [['milk', 1], ['bread', 2]])
   */
  executemany(
    sql: string | CompiledStatement,
    elements: Iterable<Parameters>,
    options: ExecutemanyOptions = NO_OPTIONS,
  ): this {
    return this.#guard(this.executemany, this, () => {
      const common = this.#begin(sql, elements, options, 'executemany')
      const isReturning = options.returning === true
      const progress = progressReporter(options, 'executemany')
      this.#body.executemany({ ...common, statement: sql, elements, meaning: options.values, isReturning, progress })
      return this
    })
  }

  /**
   * Calls a function or a procedure by its name, with or without a schema. Fetch the rows of a function afterwards.
   * @param parameters an array, or an object to pass parameters by name.
   * @returns a copy of the parameters. A procedure's OUT and INOUT parameters have their new values in it.
   * @example const [text] = cur.callproc('upper', ['tea'])
   */
  callproc<P extends Parameters = unknown[]>(name: string, parameters?: P): P {
    const given = (parameters ?? []) as P
    return this.#guard(this.callproc, given, () => {
      const common = this.#begin(name, parameters, NO_OPTIONS, 'callproc')
      requireContainer(given, 'callproc')
      if (this.#name !== null) throw new NotSupportedError('callproc: not on a named cursor; use an ordinary one')
      return callProcedure(this.#engine, this.#body, { ...common, name, parameters: given }) as P
    })
  }

  /**
   * Returns the next row; null at the end.
   * @throws ProgrammingError when there is no result.
   * @example
   *   cur.execute('select name from item order by id')
   *   for (let row = cur.fetchone(); row !== null; row = cur.fetchone()) console.log(row.name)
   */
  fetchone(): T | null {
    return this.#guard(this.fetchone, null, () => this.#rows().next() as T | null)
  }

  /**
   * Returns the next `size` rows, fewer at the end; an empty array after it.
   * @throws ProgrammingError when the last statement returned no rows, or there was none
   * @example
   *   cur.execute('select name from item order by id')
   *   const firstTwo = cur.fetchmany(2)
   */
  fetchmany(size: number = this.#arraysize): T[] {
    return this.#guard(this.fetchmany, [], () => {
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new ProgrammingError(`fetchmany: expected a count of rows, got ${describeValue(size)}`)
      }
      return this.#rows().nextMany(size) as T[]
    })
  }

  /**
   * Returns all remaining rows.
   * @throws ProgrammingError when the last statement returned no rows, or there was none
   * @example const rows = cur.execute('select * from item').fetchall()
   */
  fetchall(): T[] {
    return this.#guard(this.fetchall, [], () => this.#rows().rest() as T[])
  }

  /**
   * Returns all remaining rows as plain objects. If columns have the same name, the last one wins.
   * @throws ProgrammingError when the last statement returned no rows, or there was none
   * @example console.table(cur.execute('select * from item').fetchobjects())
   */
  fetchobjects(): { [column: string]: unknown }[] {
    return this.#guard(this.fetchobjects, [], () =>
      this.#rows()
        .rest('record')
        .map((row) => Record.toObject(row)),
    )
  }

  /**
   * Returns one value of the next row; null at the end. `column` is the column's name, or its number from 0.
   * @throws ProgrammingError when the last statement returned no rows, or there was none
   * @example const count = cur.execute('select count(*) from item').fetchval()
   */
  fetchval<V = unknown>(column: number | string = 0): V | null {
    return this.#guard(this.fetchval, null, () => {
      const row = this.#rows().next('record')
      return row === null ? null : (pick(row, column) as V)
    })
  }

  /**
   * Moves the position in the result: by `value` rows, or to the row with the index `value`.
   * @throws RangeError when the target is outside the result. Then the position does not change.
   * @example
   *   cur.execute('select name from item order by id').fetchall()
   *   cur.scroll(0, 'absolute') // to the first row again
   */
  scroll(value: number, mode: ScrollMode = 'relative'): void {
    this.#guard(this.scroll, undefined, () => {
      this.#clearToGoOn()
      if (mode !== 'relative' && mode !== 'absolute') {
        throw new ProgrammingError(`scroll: expected 'relative' or 'absolute', got ${describeValue(mode)}`)
      }
      if (!Number.isSafeInteger(value)) {
        throw new ProgrammingError(`scroll: expected a whole number, got ${describeValue(value)}`)
      }
      this.#rows().scroll(value, mode)
    })
  }

  /**
   * Goes to the next result of a text with several statements.
   * @returns null when there is none.
   * @example
   *   cur.execute('select 1; select 2')
   *   console.log(cur.fetchone())
   *   if (cur.nextset()) console.log(cur.fetchone())
   */
  nextset(): true | null {
    return this.#guard(this.nextset, null, () => {
      this.#clearToGoOn()
      if (!this.#body.hasExecuted) throw new ProgrammingError('nextset: execute a query first')
      return this.#body.nextset()
    })
  }

  /**
   * Gives the current result and those after it. The cursor itself moves to each of them. Each result is a cursor of
   * its own that keeps its rows, so `[...cursor.results()]` has all results. Gives no cursor when the last call gave
   * no result.
   * @example for (const result of cur.execute('select 1 as a; select 2 as b').results()) console.log(result.fetchobjects())
   */
  *results(): Generator<Cursor<T>, void, undefined> {
    do {
      this.#requireOpenToGoOn()
      const shown = this.#body.shown()
      if (shown === null) return
      yield this.#showing(shown)
    } while (this.nextset())
  }

  /**
   * Gives the remaining rows. It shares its position with the fetch methods, so after leaving a loop early you can
   * fetch the rest.
   * @example
   *   cur.execute('select name from item order by id')
   *   console.log(cur.fetchone().name) // tea
   *   const rest = [...cur].map(({ name }) => name)
   *   console.log(rest) // [ 'coffee', 'cake' ]
   */
  [Symbol.iterator](): IterableIterator<T> {
    const next = (): IteratorResult<T> => {
      const position = this.#body.position
      const row = this.fetchone()
      // A row factory may return null for a row. Then the position has moved, and this is not the end.
      const isOver = row === null && (this.closed || this.#body.position === position)
      return isOver ? { done: true, value: undefined } : { done: false, value: row as T }
    }
    return {
      next,
      [Symbol.iterator]() {
        return this
      },
    }
  }

  /**
   * Gives the rows of a statement in bounded memory: it fetches `size` rows at a time. It needs the transaction that is
   * open, or begins one. Leaving the loop ends it. The cursor's own result does not change.
   * @example for (const row of cur.stream('select * from item', [], { size: 1000 })) console.log(row.name)
   */
  stream<R>(
    sql: StatementText,
    parameters: Parameters | null | undefined,
    options: StreamOptions & OtherRows<R>,
  ): RowStream<R>
  stream<R = never>(sql: StatementText, parameters?: Parameters | null, options?: StreamOptions): RowStream<Kept<T, R>>
  stream<R>(sql: StatementText, parameters?: Parameters | null, options: StreamOptions = {}): RowStream<R> {
    return call(this.stream, () => {
      requireKnown(options, STREAM_OPTIONS, 'stream')
      this.#clear()
      const statement = bindStatement(this.#engine, sql, parameters, {
        method: 'stream',
        style: this.paramstyle,
        meaning: options.values,
      })
      return new RowStream<R>(this.#engine, statement, options, this.#shape)
    })
  }

  /**
   * Runs a COPY in which `fn` writes or reads the data. When `fn` returns, the COPY is finished; when it throws, the
   * COPY is undone. The time limit is checked at each call on `copy`, and when `fn` returns.
   * @param options.timeout milliseconds for the whole COPY; null or 0 for no limit. The default is the connection's
   *   `commandTimeout`
   * @returns the result of `fn`. `rowcount` and `statusmessage` are those of the COPY.
   * @example
   *   cur.copy('copy item (name, price) from stdin (format binary)', (copy) => {
   *     for (let price = 1; price <= 3; price++) copy.writeRow([`item ${price}`, price])
   *   })
   */
  copy<R>(sql: string, fn: (copy: CopyStream) => R, options: CallOptions = NO_OPTIONS): R {
    return call(this.copy, () => {
      const { messages, timeoutMs } = this.#begin(sql, null, options, 'copy')
      const text = requireText(sql, 'copy')
      const run = (): { result: R; tag: string } => runCopy(this.#engine, text, fn, { messages, timeoutMs })
      const { result, tag } = this.#engine.logged({ sql: text, values: null }, run)
      this.#body.complete(tag)
      return result
    })
  }

  /**
   * Sets the types of parameters for the next execute, by position or by name: `['numeric', null]`, `{ tags: 'text[]'
   * }`. Numbers, which are sizes in PEP 249, have no effect.
   * @example
   *   cur.setinputsizes(['numeric'])
   *   cur.execute('select %s + 1', ['0.1'])
   */
  setinputsizes(sizes: InputSizes | null): void {
    this.#guard(this.setinputsizes, undefined, () => {
      this.#clear()
      this.#sizes = requireInputSizes(sizes)
    })
  }

  /**
   * Has no effect, as PEP 249 allows.
   * @example cur.setoutputsize(1000)
   */
  setoutputsize(_size: number, _column?: number): void {
    this.#guard(this.setoutputsize, undefined, () => this.#clear())
  }

  /**
   * Closes the cursor. A second call does nothing.
   * @example cur.close()
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#messages.length = 0
    call(this.close, () => this.#body.close())
  }

  /**
   * Closes the cursor at the end of a `using` scope; see `close`.
   * @example
   *   using items = con.cursor()
   *   items.execute('select name from item order by id')
   *   console.log(items.fetchone().name) // tea
   */
  [Symbol.dispose](): void {
    this.close()
  }

  [inspect.custom](): string {
    if (this.closed) return '<Cursor closed>'
    const { tag, position, rowcount } = this.#body
    const name = this.#name === null ? '' : ` ${inspect(this.#name)}`
    if (tag === null) return `<Cursor${name}>`
    if (position === null) return `<Cursor${name} ${tag}>`
    return `<Cursor${name} ${tag}:${rowcount < 0 ? '' : ` ${rowcount} rows,`} at ${position}>`
  }

  /** Starts a request: drops the result before it and reads the common options. */
  #begin(
    sql: StatementText,
    parameters: unknown,
    options: RowOptions & CallOptions,
    method: keyof typeof KNOWN,
  ): RequestOptions {
    this.#clear()
    if (options !== NO_OPTIONS) requireKnown(options, KNOWN[method], method)
    const rows = rowOptions(options, this.#shape, method)
    this.#body.reset()
    const sizes = this.#sizes
    this.#sizes = null
    this.#query = typeof sql === 'string' ? sql : null
    this.#params = parameters ?? null
    const timeoutMs = timeLimitOf(options, method)
    return { style: this.paramstyle, sizes, timeoutMs, rows, messages: this.#messages }
  }

  /** Makes a cursor that shows one result of this one. */
  #showing(body: CursorBody): Cursor<T> {
    if (body === this.#body) return this
    const cursor = new Cursor<T>({
      connection: this.#connection,
      engine: this.#engine,
      body,
      name: this.#name,
      paramstyle: this.#paramstyle,
      rows: this.#shape,
    })
    cursor.#errorhandler = this.#errorhandler
    cursor.#arraysize = this.#arraysize
    cursor.#query = this.#query
    cursor.#params = this.#params
    return cursor
  }

  #clear(): void {
    this.#requireOpen()
    this.#messages.length = 0
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new InterfaceError('cursor is closed')
    this.#engine.requireOpen()
  }

  /** For calls that go on with a result. */
  #clearToGoOn(): void {
    this.#requireOpenToGoOn()
    this.#messages.length = 0
  }

  #requireOpenToGoOn(): void {
    if (this.#isClosed) throw new InterfaceError('cursor is closed')
    this.#engine.requireOpenToGoOn()
  }

  #rows(): CursorBody {
    this.#requireOpenToGoOn()
    this.#body.requireRows()
    return this.#body
  }

  #guard<R>(method: PublicMethod, otherwise: R, body: () => R): R {
    try {
      return body()
    } catch (error) {
      return handled(
        error,
        method,
        { connection: this.#connection, cursor: this, handler: this.errorhandler },
        otherwise,
      )
    }
  }
}
