/**
 * PEP 249's cursor over a result that is wholly read and kept as bytes off the JavaScript heap; fetching decodes only the
 * rows it returns. Thin: statements run as flows, markers are `paramstyle/`'s, errors `engine.ts`'s.
 */
import { inspect } from 'node:util'
import { DbError, InterfaceError, ProgrammingError, amend } from '../src-async/errors/tree.ts'
import { executeMany } from '../src-async/flows/execute-many.ts'
import { DROP_ROWS } from '../src-async/flows/fetch-rows.ts'
import { learnTypes } from '../src-async/flows/learn-types.ts'
import { runScript } from '../src-async/flows/run-script.ts'
import { runStatement } from '../src-async/flows/run-statement.ts'
import { type Row, pick } from '../src-async/values/record.ts'
import { RowBuffer } from '../src-async/values/row-buffer.ts'
import { Column } from './column.ts'
import { type Engine, call } from './engine.ts'
import { type Parameters, bindParameters } from './paramstyle/bind-parameters.ts'
import type { RewrittenStatement } from './paramstyle/rewrite.ts'
import { type Result, ScriptResults, rowCountOf } from './result.ts'

export type { Parameters } from './paramstyle/bind-parameters.ts'

/** What a cursor shows of the connection it was made by; the object is the `Connection` itself. */
export interface CursorConnection {
  readonly closed: boolean
  readonly autocommit: boolean
  commit(): void
  rollback(): void
  close(): void
}

export class Cursor<T = Row> {
  readonly #connection: CursorConnection
  readonly #engine: Engine
  #results: readonly Result[] = []
  #current: Result | null = null
  #next = 1
  #columns: readonly Column[] | null = null
  #rowcount = -1
  #arraysize = 1
  #hasExecuted = false
  #isClosed = false

  /** Made by `Connection.cursor`. */
  constructor(connection: CursorConnection, engine: Engine) {
    this.#connection = connection
    this.#engine = engine
  }

  /** The connection the cursor was made by. */
  get connection(): CursorConnection {
    return this.#connection
  }

  get closed(): boolean {
    return this.#isClosed || this.#connection.closed
  }

  /** One `Column` per column of the current result; null when it has none. */
  get description(): readonly Column[] | null {
    const columns = this.#current?.columns
    if (columns === undefined || columns === null) return null
    this.#columns ??= columns.map(
      (column) => new Column(column, this.#engine.context.registry.typeName(column.typeOid)),
    )
    return this.#columns
  }

  /** Rows produced or affected by the last execute, by the server's count; -1 where it does not count. */
  get rowcount(): number {
    return this.#rowcount
  }

  /** Number of the row the next fetch gives, from 0; null without a result. */
  get rownumber(): number | null {
    return this.#current?.decoder ? this.#current.rows.position : null
  }

  /** The command tag of the current result, `INSERT 0 1`; null before the first execute. */
  get statusmessage(): string | null {
    return this.#current?.tag ?? null
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
   * @param sql with `%s`, `%(name)s` (or the connection's `paramstyle`) or `$1` markers. Without `parameters` the text
   *   goes to the server as it is, and may hold several statements.
   * @param parameters an array for positional markers, an object or Map for named ones.
   * @returns the cursor itself.
   * @throws the server's errors by their SQLSTATE; ProgrammingError and DataError for parameters that do not fit.
   */
  execute<R = T>(sql: string, parameters?: Parameters | null): Cursor<R> {
    return call(this.execute, () => {
      this.#reset()
      requireText(sql, 'execute')
      const rewritten = this.#engine.rewrite(sql, parameters !== undefined && parameters !== null)
      if (rewritten.statementCount > 1) this.#runScript(sql, rewritten, parameters)
      else this.#runOne(sql, rewritten, parameters)
      return this as unknown as Cursor<R>
    })
  }

  /**
   * Runs a statement once for each element, all or nothing, pipelined.
   * @throws as `execute`, with `batchIndex`, the number of the element that failed.
   */
  executemany(sql: string, elements: Iterable<Parameters>): this {
    return call(this.executemany, () => {
      this.#reset()
      requireText(sql, 'executemany')
      requireIterable(elements)
      const rewritten = this.#engine.rewrite(sql, true)
      if (rewritten.statementCount > 1) throw severalWithParameters('executemany')
      const { context } = this.#engine
      const request = { sql: rewritten.text, elements: boundElements(rewritten, elements), sinkFor: () => DROP_ROWS }
      const { affectedRows, tag } = this.#engine.run(executeMany(context, request), { sql, rewritten })
      this.#show({ columns: null, rows: new RowBuffer(), decoder: null, tag })
      this.#rowcount = affectedRows
      return this
    })
  }

  /** The next row, null at the end. @throws ProgrammingError when there is no result. */
  fetchone(): T | null {
    return call(this.fetchone, () => {
      const { rows, decoder } = this.#requireRows()
      return rows.next(decoder) as T | null
    })
  }

  /** The next `size` rows, fewer at the end, none after it. */
  fetchmany(size: number = this.#arraysize): T[] {
    return call(this.fetchmany, () => {
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new ProgrammingError(`fetchmany: expected a count of rows, got ${inspect(size).slice(0, 40)}`)
      }
      const { rows, decoder } = this.#requireRows()
      return rows.nextMany(decoder, size) as T[]
    })
  }

  /** All rows from the current position on. */
  fetchall(): T[] {
    return call(this.fetchall, () => {
      const { rows, decoder } = this.#requireRows()
      return rows.rest(decoder) as T[]
    })
  }

  /** A value of the next row: its first column, or the one counted or named; null at the end. */
  fetchval<V = unknown>(column: number | string = 0): V | null {
    return call(this.fetchval, () => {
      const { rows, decoder } = this.#requireRows()
      const row = rows.next(decoder)
      return row === null ? null : (pick(row, column) as V)
    })
  }

  /** Goes on to the next result of a multi-statement string. @returns null when there is none. */
  nextset(): true | null {
    return call(this.nextset, () => {
      this.#requireOpen()
      if (!this.#hasExecuted) throw new ProgrammingError('nextset: execute a query first')
      const next = this.#results[this.#next]
      if (next === undefined) return null
      this.#next += 1
      this.#show(next)
      return true
    })
  }

  /** The remaining rows; shares its position with the fetch methods, and leaving a loop early keeps the rest. */
  [Symbol.iterator](): IterableIterator<T> {
    const next = (): IteratorResult<T> => {
      const row = this.fetchone()
      return row === null ? { done: true, value: undefined } : { done: false, value: row }
    }
    return {
      next,
      [Symbol.iterator]() {
        return this
      },
    }
  }

  /** Accepted and without effect, as PEP 249 allows. */
  setoutputsize(_size: number, _column?: number): void {}

  /** Makes the cursor unusable. A second call does nothing. */
  close(): void {
    this.#isClosed = true
    this.#results = []
    this.#current = null
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [inspect.custom](): string {
    if (this.closed) return '<Cursor closed>'
    if (this.#current === null) return '<Cursor>'
    const { tag, rows, decoder } = this.#current
    return decoder === null ? `<Cursor ${tag}>` : `<Cursor ${tag}: ${rows.rowCount} rows, at ${rows.position}>`
  }

  #runOne(sql: string, rewritten: RewrittenStatement, parameters: Parameters | null | undefined): void {
    const { context } = this.#engine
    const rows = new RowBuffer()
    const values = bindParameters(rewritten, parameters)
    const flow = runStatement(context, { sql: rewritten.text, values, sinkFor: () => rows })
    const { statement, tag } = this.#engine.run(flow, { sql, rewritten })
    if (rows.failure !== null) throw rows.failure
    this.#hasExecuted = true
    this.#results = []
    this.#show({ columns: statement.columns, rows, decoder: statement.rowDecoder, tag: tag ?? '' })
  }

  #runScript(sql: string, rewritten: RewrittenStatement, parameters: Parameters | null | undefined): void {
    if (parameters !== undefined && parameters !== null) throw severalWithParameters('execute')
    const { context } = this.#engine
    const sink = new ScriptResults()
    this.#engine.run(runScript(context, rewritten.text, sink), { sql, rewritten })
    // What the text brought along is learned after it, as long as the transaction it left behind lets us ask.
    if (context.state.transactionStatus !== 'E') this.#engine.run(learnTypes(context, sink.types()))
    const results = sink.results(context.registry)
    this.#hasExecuted = true
    this.#results = results
    this.#next = 1
    const [first] = results
    if (first !== undefined) this.#show(first)
  }

  #show(result: Result): void {
    this.#hasExecuted = true
    this.#current = result
    this.#columns = null
    this.#rowcount = rowCountOf(result.tag)
  }

  #reset(): void {
    this.#requireOpen()
    this.#results = []
    this.#current = null
    this.#columns = null
    this.#rowcount = -1
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new InterfaceError('cursor is closed')
    this.#engine.requireOpen()
  }

  #requireRows(): Result & { readonly decoder: NonNullable<Result['decoder']> } {
    this.#requireOpen()
    const current = this.#current
    if (current === null) throw new ProgrammingError('there is no result to fetch from: execute a query first')
    if (current.decoder === null) {
      const [command = ''] = current.tag.split(' ')
      throw new ProgrammingError(`the last statement${command === '' ? '' : ` (${command})`} returned no rows`)
    }
    return current as Result & { readonly decoder: NonNullable<Result['decoder']> }
  }
}

function* boundElements(rewritten: RewrittenStatement, elements: Iterable<Parameters>): Generator<readonly unknown[]> {
  let index = 0
  for (const element of elements) yield boundElement(rewritten, element, index++)
}

function boundElement(rewritten: RewrittenStatement, element: Parameters, batchIndex: number): readonly unknown[] {
  try {
    return bindParameters(rewritten, element, batchIndex)
  } catch (error) {
    if (error instanceof DbError) amend(error, { batchIndex })
    throw error
  }
}

function severalWithParameters(method: string): ProgrammingError {
  return new ProgrammingError(
    `${method}: the text holds several statements, and parameters can go with one only: execute them one by one`,
  )
}

function requireText(sql: unknown, method: string): void {
  if (typeof sql === 'string') return
  throw new ProgrammingError(`${method}: expected SQL as a string, got ${sql === null ? 'null' : typeof sql}`)
}

function requireIterable(elements: unknown): void {
  if (elements !== null && typeof elements === 'object' && Symbol.iterator in elements) return
  throw new ProgrammingError('executemany: expected an iterable of parameter arrays or objects')
}
