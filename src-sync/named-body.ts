/**
 * The body of a named cursor. The cursor is DECLAREd in SQL under its name. Its result stays on the server and is
 * fetched in pieces. It ends with its transaction, unless it was declared WITH HOLD.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { DbError, InterfaceError, NotSupportedError, ProgrammingError, amend } from '../src-async/errors/tree.ts'
import { DROP_ROWS, runStatement } from '../src-async/flows/run-statement.ts'
import { pendingBegin } from '../src-async/flows/flow-context.ts'
import { fetchStatement, learnRecordTypes, withFieldsOfNow } from '../src-async/flows/row-collector.ts'
import { resolveStatement } from '../src-async/flows/resolve-statement.ts'
import { runCommand } from '../src-async/flows/run-script.ts'
import type { Row } from '../src-async/values/record.ts'
import { recordsLike } from '../src-async/values/row-options.ts'
import { RowBuffer } from '../src-async/values/row-buffer.ts'
import type { RowReader } from '../src-async/values/row-decoder.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import { quoteIdentifier } from '../src-async/values/sql.ts'
import type { Statement } from '../src-async/values/statement.ts'
import type { Column as WireColumn } from '../src-async/wire/row-sink.ts'
import type { CursorBody, ExecuteRequest, ScrollMode } from './cursor-body.ts'
import type { Engine, RunOptions, StatementSource } from './engine.ts'
import { resolveInputSizes } from './input-sizes.ts'
import { bindStatement, requireSingle, valuesOf } from './statement.ts'

/** Options of a named cursor. */
export interface NamedCursorOptions {
  /**
   * True for a cursor that can go backward, false for one that goes forward only. By default the server decides by the
   * plan.
   */
  readonly scroll?: boolean
  /** True keeps the cursor after its transaction, until it is closed. False by default. */
  readonly hold?: boolean
  /** Rows per round trip of `fetchone` and of iteration, 1000 by default. */
  readonly itersize?: number
}

const DEFAULT_ITERSIZE = 1000
const SYNTAX_ERROR = '42601'

export class NamedBody implements CursorBody {
  readonly #engine: Engine
  readonly #name: string
  readonly #options: NamedCursorOptions
  readonly #itersize: number
  #hasExecuted = false
  #isOpen = false
  /** The server's description of a FETCH from this cursor; null before it is requested. */
  #fetched: Statement | null = null
  #tag: string | null = null
  /** Rows that were fetched and not all returned yet. */
  #rows = new RowBuffer()
  /** How many rows of the result come before `#rows`. */
  #base = 0
  #isExhausted = false
  #limits: RunOptions = {}
  /** The options for the rows. */
  #shape: RowShapeOptions

  /** @throws ProgrammingError for an invalid `itersize`. */
  constructor(engine: Engine, name: string, options: NamedCursorOptions) {
    const { itersize = DEFAULT_ITERSIZE } = options
    if (!Number.isSafeInteger(itersize) || itersize < 1 || itersize > 0x7fffffff) {
      throw new ProgrammingError(`cursor: itersize: expected a positive integer, got ${describeValue(itersize)}`)
    }
    this.#engine = engine
    this.#shape = engine.context.rows
    this.#name = quoteIdentifier(name)
    this.#options = options
    this.#itersize = itersize
  }

  get hasExecuted(): boolean {
    return this.#hasExecuted
  }

  get columns(): readonly WireColumn[] | null {
    return this.#fetched?.columns ?? null
  }

  get tag(): string | null {
    return this.#tag
  }

  get rowcount(): number {
    return this.#isExhausted ? this.#base + this.#rows.rowCount : -1
  }

  get isSmall(): boolean {
    return false
  }

  get position(): number | null {
    return this.#fetched === null ? null : this.#base + this.#rows.position
  }

  /** Closes the cursor on the server, so that a second `execute` can declare the name again. */
  reset(): void {
    this.close()
    this.#fetched = null
    this.#tag = null
    this.#forget(0)
  }

  execute(request: ExecuteRequest): void {
    this.#shape = request.rows
    const { engine, prefix } = { engine: this.#engine, prefix: this.#declaration() }
    const { context } = engine
    const options = { method: 'execute', style: request.style, meaning: request.meaning }
    const bound = bindStatement(engine, request.statement, request.parameters, options)
    const rewritten = requireSingle(bound.rewritten, 'execute on a named cursor')
    this.#requireLife()
    const declared = {
      ...rewritten,
      text: prefix + rewritten.text,
      edits: [{ start: 0, end: 0, text: prefix }, ...rewritten.edits],
    }
    const source: StatementSource = { sql: bound.sql, rewritten: declared }
    this.#limits = { timeoutMs: request.timeoutMs, messages: request.messages }
    const limits = this.#limits
    const { sizes } = request
    const { firstPlaces, order } = rewritten
    const values = valuesOf(bound)
    const hints =
      sizes === null ? undefined : engine.run(resolveInputSizes(engine, sizes, order, values.length), limits)
    const statement = { sql: declared.text, values, hints, firstPlaces, isOneOff: true, isDescribedFirst: true }
    try {
      const { tag } = engine.run(
        runStatement(context, statement, () => DROP_ROWS),
        { ...limits, source, query: bound },
      )
      this.#tag = tag
    } catch (error) {
      throw withAdvice(error)
    }
    this.#isOpen = true
    this.#hasExecuted = true
    this.#describe()
  }

  executemany(): void {
    throw new NotSupportedError('executemany: a named cursor cannot run it; use an ordinary cursor')
  }

  shown(): this {
    return this
  }

  nextset(): null {
    throw new NotSupportedError('nextset: a named cursor has one result')
  }

  complete(tag: string): void {
    this.#tag = tag
  }

  /**
   * A name without an `execute` here may be a cursor that is open on the server, such as one that a function has
   * returned.
   */
  requireRows(): void {
    const isAdoptable = !this.#hasExecuted && this.#engine.session.transactionStatus !== 'I'
    if (!this.#isOpen && !isAdoptable && this.#options.hold !== true) {
      throw new ProgrammingError('there is no result to fetch from: execute a query first')
    }
    // After the end of the transaction the rows that were fetched earlier are refused too. Otherwise it would depend on
    // `itersize` how many rows a loop with a commit in it gets.
    if (this.#isOpen) this.#requireTransaction()
    if (this.#fetched === null) this.#describe()
  }

  next(kind?: 'record'): Row | null {
    this.requireRows()
    if (this.#rows.position === this.#rows.rowCount && !this.#isExhausted) this.#fetch(this.#itersize)
    return this.#rows.next(this.#decoder(kind))
  }

  nextMany(count: number): Row[] {
    this.requireRows()
    const rows = this.#rows.nextMany(this.#decoder(), count)
    if (rows.length < count && !this.#isExhausted) {
      this.#fetch(count - rows.length)
      for (const row of this.#rows.nextMany(this.#decoder(), count)) rows.push(row)
    }
    return rows
  }

  rest(kind?: 'record'): Row[] {
    this.requireRows()
    const rows = this.#rows.rest(this.#decoder(kind))
    if (!this.#isExhausted) {
      this.#fetch('ALL')
      for (const row of this.#rows.rest(this.#decoder(kind))) rows.push(row)
    }
    return rows
  }

  scroll(value: number, mode: ScrollMode): void {
    this.requireRows()
    const before = this.#base + this.#rows.position
    const target = mode === 'absolute' ? value : before + value
    if (target < 0) throw new RangeError(`scroll: row ${target} is outside the result`)
    if (target >= this.#base && target < this.#base + this.#rows.rowCount) {
      this.#rows.scrollTo(target - this.#base)
      return
    }
    this.#moveTo(target)
    this.#fetch(this.#itersize)
    if (this.#rows.rowCount > 0) return
    const size = this.#base
    this.#moveTo(before)
    throw new RangeError(`scroll: row ${target} is outside the result, which has no row beyond ${size}`)
  }

  close(): void {
    const { isClosed, session, context } = this.#engine
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isExhausted = false
    if (isClosed || session.isClosed || session.transactionStatus === 'E') return
    if (session.transactionStatus === 'I' && this.#options.hold !== true) return
    this.#engine.run(runCommand(context, `CLOSE ${this.#name}`, false))
  }

  #declaration(): string {
    const { scroll, hold } = this.#options
    const scrolling = scroll === undefined ? '' : scroll ? 'SCROLL ' : 'NO SCROLL '
    return `DECLARE ${this.#name} ${scrolling}CURSOR${hold === true ? ' WITH HOLD' : ''} FOR `
  }

  /** @throws ProgrammingError when no transaction is open or will begin: the cursor would end with its DECLARE. */
  #requireLife(): void {
    const { context, session } = this.#engine
    if (session.transactionStatus !== 'I' || this.#options.hold === true || pendingBegin(context) !== null) return
    throw new ProgrammingError(
      'a named cursor needs a transaction, and with autocommit there is none: begin one, or pass { hold: true }',
    )
  }

  #describe(): void {
    this.#requireTransaction()
    const flow = resolveStatement(this.#engine.context, this.#fetchSql(1), [], { isOneOff: true })
    const { statement } = this.#engine.run(flow, this.#limits)
    this.#fetched = this.#engine.run(withFieldsOfNow(this.#engine.context, statement), this.#limits)
    this.#isOpen = true
  }

  #decoder(kind?: 'record'): RowReader {
    const options = kind === undefined ? this.#shape : recordsLike(this.#shape)
    const decoder = this.#fetched?.decoderFor(options)
    if (!decoder) throw new ProgrammingError('there is no result to fetch from: execute first')
    return decoder
  }

  #fetchSql(count: number | 'ALL'): string {
    return `FETCH FORWARD ${count} FROM ${this.#name}`
  }

  /** Replaces `#rows` with the next rows. */
  #fetch(count: number | 'ALL'): void {
    this.#requireTransaction()
    const { context } = this.#engine
    const sql = this.#fetchSql(count)
    const prepared = this.#engine.run(fetchStatement(context, sql, this.#fetched), this.#limits)
    const rows = new RowBuffer()
    const request = { sql, values: [], prepared, rows: this.#shape }
    const { tag } = this.#engine.run(
      runStatement(context, request, () => rows),
      this.#limits,
    )
    if (rows.failure !== null) throw rows.failure
    if (prepared.hasRecords) this.#engine.run(learnRecordTypes(context, prepared, rows, this.#shape), this.#limits)
    this.#base += this.#rows.rowCount
    this.#rows = rows
    // The formats in which these rows have come.
    this.#fetched = prepared
    this.#tag = tag
    this.#isExhausted = count === 'ALL' || rows.rowCount < count
  }

  /** Moves the server's cursor before a row and drops the fetched rows. */
  #moveTo(target: number): void {
    this.#requireTransaction()
    const { context } = this.#engine
    const ahead = target - (this.#base + this.#rows.rowCount)
    const isAfterEnd = this.#isExhausted
    // Behind the last row, the position of the server's cursor is the number of rows plus one.
    const move = ahead > 0 && !isAfterEnd ? `FORWARD ${ahead}` : `ABSOLUTE ${target}`
    const tag =
      ahead === 0 && !isAfterEnd ? '' : this.#engine.run(runCommand(context, `MOVE ${move} FROM ${this.#name}`))
    const moved = Number(tag.split(' ').at(-1))
    this.#forget(ahead > 0 && !isAfterEnd ? target - ahead + moved : target)
  }

  #forget(base: number): void {
    this.#rows = new RowBuffer()
    this.#base = base
    this.#isExhausted = false
  }

  #requireTransaction(): void {
    const { hold } = this.#options
    if (hold === true || this.#engine.session.transactionStatus !== 'I') return
    throw new InterfaceError(`cursor ${this.#name}: it ended with its transaction; with { hold: true } it stays open`)
  }
}

function withAdvice(error: unknown): unknown {
  if (!(error instanceof DbError) || error.sqlstate !== SYNTAX_ERROR) return error
  amend(error, { hint: 'a named cursor is for SELECT and VALUES; use stream() for other statements that return rows' })
  return error
}
