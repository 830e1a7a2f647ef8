/**
 * PEP 249's cursor: its checks, its counters and its words. What it runs and where the rows are is its body's: the whole
 * result on this side (`buffered-body.ts`), or pieces from the server (`named-body.ts`).
 */
import { inspect } from 'node:util'
import { InterfaceError, NotSupportedError, ProgrammingError } from '../src-async/errors/tree.ts'
import { sealInstances } from '../src-async/options/sealed.ts'
import { progressTeller } from '../src-async/flows/progress.ts'
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
import { type Engine, type ServerMessage, call } from './engine.ts'
import { type ErrorHandler, handled, requireHandler } from './error-handler.ts'
import { type InputSizes, requireInputSizes } from './input-sizes.ts'
import type { Parameters } from './paramstyle/bind-parameters.ts'
import { type ParamStyle, requireStyle } from './paramstyle/style.ts'
import type { PublicMethod } from './run-flow.ts'
import { type StatementText, bindStatement, requireText } from './statement.ts'
import { RowStream, STREAM_OPTIONS, type StreamOptions } from './stream.ts'

export type { Parameters } from './paramstyle/bind-parameters.ts'
export type { ScrollMode } from './cursor-body.ts'

/** What a cursor shows of the connection it was made by; the object is the `Connection` itself. */
export interface CursorConnection {
  /** True after `close` or the loss of the server. */
  readonly closed: boolean
  /** Whether each statement is a transaction of its own. */
  readonly autocommit: boolean
  /** Called instead of throwing, where set. */
  errorhandler: ErrorHandler | null
  /** Makes what was done last. */
  commit(): void
  /** Undoes the open transaction. */
  rollback(): void
  /** Ends the session. */
  close(): void
}

export interface CursorInit {
  readonly connection: CursorConnection
  readonly engine: Engine
  readonly body: CursorBody
  /** Of a named cursor. */
  readonly name: string | null
  /** The connection's where it is null. */
  readonly paramstyle: ParamStyle | null
  /** How rows are made where an execute says nothing of it. */
  readonly rows: RowShapeOptions
}

/** `execute(sql, 1, 2)`, as other drivers take it. */
function spreadParameters(found: unknown): ProgrammingError {
  return new ProgrammingError(`execute: expected an object of options, got ${typeof found}`, {
    hint: 'the parameters come in one array: execute(sql, [first, second])',
  })
}

const KNOWN: { readonly [method in 'execute' | 'executemany' | 'callproc' | 'copy']: KnownOptions } = {
  execute: EXECUTE_OPTIONS,
  executemany: EXECUTEMANY_OPTIONS,
  callproc: new Set(),
  copy: CALL_OPTIONS,
}

/** PEP 249's cursor: it runs statements and keeps the result of the last one, as bytes, until its rows are fetched. */
export class Cursor<T = Row> {
  // A class that mentions itself is renamed by bundlers, and the name is what users see.
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

  /** Called instead of throwing, where set; a new cursor has its connection's. */
  get errorhandler(): ErrorHandler | null {
    return this.#errorhandler
  }

  set errorhandler(value: ErrorHandler | null) {
    this.#errorhandler = requireHandler(value)
  }

  /** The connection the cursor was made by. */
  get connection(): CursorConnection {
    return this.#connection
  }

  /** The name of a server-side cursor; null for an ordinary one. */
  get name(): string | null {
    return this.#name
  }

  /** True after `close`, and when the connection is closed. */
  get closed(): boolean {
    return this.#isClosed || this.#connection.closed
  }

  /** One `Column` per column of the current result; null when it has none. */
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

  /** Rows produced or affected, by the server's count; -1 where it does not count, or not yet (named cursors). */
  get rowcount(): number {
    return this.#body.rowcount
  }

  /** Number of the row the next fetch gives, from 0; null without a result. */
  get rownumber(): number | null {
    return this.#body.position
  }

  /** Always null: PostgreSQL's tables have no row ids. `insert … returning id` gives what is meant. */
  get lastrowid(): null {
    return null
  }

  /** The command tag of the current result, `INSERT 0 1`; null before the first execute. */
  get statusmessage(): string | null {
    return this.#body.tag
  }

  /** The last statement as it was given, for debugging. */
  get query(): string | null {
    return this.#query
  }

  /** What the last statement was given for its markers. */
  get params(): unknown {
    return this.#params
  }

  /** Notices of the last call: cleared by every method but those that fetch. */
  get messages(): ServerMessage[] {
    return this.#messages
  }

  /** Which markers this cursor reads beside `$1`; its connection's unless set. */
  get paramstyle(): ParamStyle {
    return this.#paramstyle ?? this.#engine.paramstyle
  }

  set paramstyle(style: ParamStyle) {
    this.#paramstyle = requireStyle(style)
  }

  /** How many rows `fetchmany` gives when it is not told; 1 at first. */
  get arraysize(): number {
    return this.#arraysize
  }

  set arraysize(value: number) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ProgrammingError(`arraysize: expected a positive integer, got ${inspect(value).slice(0, 40)}`)
    }
    this.#arraysize = value
  }

  /**
   * Runs a statement and reads its result to the end.
   * @param sql with `%s`, `%(name)s` (or what `paramstyle` says) or `$1` markers. Without `parameters` the text goes to
   *   the server as it is, and may hold several statements. What a query builder has compiled will do as well.
   * @param parameters an array for positional markers, an object or Map for named ones.
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
      // Spelled out: V8 gives what is spread a new hidden class each time, and this is every statement.
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
   * Runs a statement once for each element, all or nothing, pipelined.
   * @param sql a text with markers, or a compiled statement, whose own values are not looked at
   * @throws as `execute`, with `batchIndex`, the number of the element that failed.
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
      const progress = progressTeller(options, 'executemany')
      this.#body.executemany({ ...common, statement: sql, elements, meaning: options.values, isReturning, progress })
      return this
    })
  }

  /**
   * Calls a function or a procedure by its name, qualified or not. A function's rows are fetched afterwards; a procedure
   * fills its OUT and INOUT parameters in what is returned.
   * @param parameters an array; an object calls by name.
   * @returns a copy of the parameters.
   * @example const [text] = cur.callproc('upper', ['tea'])
   */
  callproc<P extends Parameters = unknown[]>(name: string, parameters?: P): P {
    const given = (parameters ?? []) as P
    return this.#guard(this.callproc, given, () => {
      const common = this.#begin(name, parameters, NO_OPTIONS, 'callproc')
      if (this.#name !== null) throw new NotSupportedError('callproc: not on a named cursor; use an ordinary one')
      return callProcedure(this.#engine, this.#body, { ...common, name, parameters: given }) as P
    })
  }

  /**
   * The next row, null at the end.
   * @throws ProgrammingError when there is no result.
   * @example
   *   cur.execute('select name from item order by id')
   *   for (let row = cur.fetchone(); row !== null; row = cur.fetchone()) console.log(row.name)
   */
  fetchone(): T | null {
    return this.#guard(this.fetchone, null, () => this.#rows().next() as T | null)
  }

  /**
   * The next `size` rows, fewer at the end, none after it.
   * @throws ProgrammingError when the last statement gave no rows, or there was none
   * @example
   *   cur.execute('select name from item order by id')
   *   const firstTwo = cur.fetchmany(2)
   */
  fetchmany(size: number = this.#arraysize): T[] {
    return this.#guard(this.fetchmany, [], () => {
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new ProgrammingError(`fetchmany: expected a count of rows, got ${inspect(size).slice(0, 40)}`)
      }
      return this.#rows().nextMany(size) as T[]
    })
  }

  /**
   * All rows from the current position on.
   * @throws ProgrammingError when the last statement gave no rows, or there was none
   * @example const rows = cur.execute('select * from item').fetchall()
   */
  fetchall(): T[] {
    return this.#guard(this.fetchall, [], () => this.#rows().rest() as T[])
  }

  /**
   * All rows from the current position on as plain objects; of columns with one name the last.
   * @throws ProgrammingError when the last statement gave no rows, or there was none
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
   * A value of the next row: its first column, or the one counted or named; null at the end.
   * @throws ProgrammingError when the last statement gave no rows, or there was none
   * @example const count = cur.execute('select count(*) from item').fetchval()
   */
  fetchval<V = unknown>(column: number | string = 0): V | null {
    return this.#guard(this.fetchval, null, () => {
      const row = this.#rows().next('record')
      return row === null ? null : (pick(row, column) as V)
    })
  }

  /**
   * Moves within the result, without giving a row.
   * @throws RangeError when the target is outside; nothing has moved then.
   * @example
   *   cur.execute('select name from item order by id').fetchall()
   *   cur.scroll(0, 'absolute') // to the first row again
   */
  scroll(value: number, mode: ScrollMode = 'relative'): void {
    this.#guard(this.scroll, undefined, () => {
      this.#clear()
      if (mode !== 'relative' && mode !== 'absolute') {
        throw new ProgrammingError(`scroll: expected 'relative' or 'absolute', got ${inspect(mode).slice(0, 40)}`)
      }
      if (!Number.isSafeInteger(value)) {
        throw new ProgrammingError(`scroll: expected a whole number, got ${inspect(value).slice(0, 40)}`)
      }
      this.#rows().scroll(value, mode)
    })
  }

  /**
   * Goes on to the next result of a multi-statement string.
   * @returns null when there is none.
   * @example
   *   cur.execute('select 1; select 2')
   *   console.log(cur.fetchone())
   *   if (cur.nextset()) console.log(cur.fetchone())
   */
  nextset(): true | null {
    return this.#guard(this.nextset, null, () => {
      this.#clear()
      if (!this.#body.hasExecuted) throw new ProgrammingError('nextset: execute a query first')
      return this.#body.nextset()
    })
  }

  /**
   * The current result and those after it, one by one, while the cursor itself goes on to them; none where the last call
   * gave none. Each is a cursor of its own that keeps its result, so that `[...cursor.results()]` has all of them.
   * @example for (const result of cur.execute('select 1 as a; select 2 as b').results()) console.log(result.fetchobjects())
   */
  *results(): Generator<Cursor<T>, void, undefined> {
    do {
      this.#requireOpen()
      const shown = this.#body.shown()
      if (shown === null) return
      yield this.#showing(shown)
    } while (this.nextset())
  }

  /** The remaining rows; shares its position with the fetch methods, and leaving a loop early keeps the rest. */
  [Symbol.iterator](): IterableIterator<T> {
    const next = (): IteratorResult<T> => {
      const position = this.#body.position
      const row = this.fetchone()
      // A row factory may make null of a row: then the position has moved.
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
   * A statement's rows, `size` at a time, in bounded memory. Lives in the transaction that is open when it is begun, or
   * that it opens; leaving the loop ends it. The cursor's own result stays what it was.
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
   * Runs a COPY and lets `fn` write to it, or read from it. When `fn` returns the COPY is finished; when it throws, undone.
   * The time limit is for the whole COPY; it strikes at the next call on `copy`, or when `fn` returns.
   * @param options.timeout milliseconds for the whole COPY, 0 for no limit; the connection's `commandTimeout` unless
   *   given
   * @returns what `fn` returns; `rowcount` and `statusmessage` are the COPY's.
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
      const { result, tag } = this.#engine.told({ sql: text, values: null }, run)
      this.#body.complete(tag)
      return result
    })
  }

  /**
   * Types for the parameters of the next execute, by position or by name: `['numeric', null]`, `{ tags: 'text[]' }`. Sizes,
   * which PEP 249 means by numbers, are accepted and without effect.
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
   * Accepted and without effect, as PEP 249 allows.
   * @example cur.setoutputsize(1000)
   */
  setoutputsize(_size: number, _column?: number): void {
    this.#guard(this.setoutputsize, undefined, () => this.#clear())
  }

  /**
   * Makes the cursor unusable. A second call does nothing.
   * @example cur.close()
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#messages.length = 0
    call(this.close, () => this.#body.close())
  }

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

  /** What every request has in common; what was before it is forgotten. */
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

  /** A cursor that shows one result of this one. */
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

  #rows(): CursorBody {
    this.#requireOpen()
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
