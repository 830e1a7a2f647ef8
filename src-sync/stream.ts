/**
 * Reads the rows of a statement in pieces through a portal of the protocol, in bounded memory. It works for any
 * statement that returns rows. The portal ends with its transaction.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { sealInstances } from '../src-async/options/sealed.ts'
import { InterfaceError, ProgrammingError } from '../src-async/errors/tree.ts'
import { type Portal, closePortal, fetchPortal, preparePortal, requireTransaction } from '../src-async/flows/portal.ts'
import type { ResultColumn } from '../src-async/flows/query.ts'
import { learnRecordTypes } from '../src-async/flows/row-collector.ts'
import { knownOptions } from '../src-async/options/known-options.ts'
import { readTimeLimit } from '../src-async/options/time-limit.ts'
import { RowBuffer } from '../src-async/values/row-buffer.ts'
import type { RowReader } from '../src-async/values/row-decoder.ts'
import { type RowOptions, rowOptions } from '../src-async/values/row-options.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { ValueOption } from '../src-async/flows/call-options.ts'
import { RESULT_NAMES } from './call-options.ts'
import type { Engine } from './engine.ts'
import { call } from './callers-stack.ts'
import { type BoundStatement, valuesOf } from './statement.ts'

/** Options of `Cursor.stream`. */
export interface StreamOptions extends RowOptions, ValueOption {
  /** Rows per round trip, 1000 by default. */
  readonly size?: number | undefined
  /** Milliseconds for each round trip; null or 0 for no limit. The default is the connection's `commandTimeout`. */
  readonly timeout?: number | null | undefined
}

export const STREAM_OPTIONS = knownOptions<StreamOptions>({ ...RESULT_NAMES, size: true })

const DEFAULT_SIZE = 1000
const ROWS_AT_ONCE = 16

/**
 * The rows of a statement, made by `Cursor.stream`. Iterate over it once. Leaving the loop, or the end of a `using`
 * scope, closes it on the server.
 */
export class RowStream<T> implements IterableIterator<T> {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #statement: BoundStatement
  readonly #portal: Portal
  readonly #decoder: RowReader
  readonly #shape: RowShapeOptions
  readonly #size: number
  readonly #timeoutMs: number | undefined
  /** The rows of one round trip, as bytes. */
  readonly #bytes = new RowBuffer()
  /**
   * The next decoded rows. They are few, so that the program has dropped most of them when the garbage collector runs;
   * with more the heap would grow.
   */
  #rows: readonly unknown[] = []
  #next = 0
  #isDone = false

  /** Made by `Cursor.stream`. */
  constructor(engine: Engine, statement: BoundStatement, options: StreamOptions, rows: RowShapeOptions) {
    const { size = DEFAULT_SIZE } = options
    if (!Number.isSafeInteger(size) || size < 1 || size > 0x7fffffff) {
      throw new ProgrammingError(`stream: size: expected a positive integer, got ${describeValue(size)}`)
    }
    if (statement.rewritten.statementCount > 1)
      throw new ProgrammingError('stream: the text has several statements: pass one')
    this.#engine = engine
    this.#statement = statement
    this.#size = size
    this.#timeoutMs = readTimeLimit(options.timeout, 'stream: timeout')
    const { context } = engine
    const shape = rowOptions(options, rows, 'stream')
    this.#shape = shape
    requireTransaction(context)
    const { rewritten } = statement
    const run = { source: statement, timeoutMs: this.#timeoutMs, query: statement }
    this.#portal = engine.run(
      preparePortal(context, rewritten.text, valuesOf(statement), null, {
        firstPlaces: rewritten.firstPlaces,
        rows: shape,
      }),
      run,
    )
    const decoder = this.#portal.statement.decoderFor(shape)
    if (decoder === null) throw new ProgrammingError('stream: the statement returns no rows')
    this.#decoder = decoder
  }

  /** The columns of the rows. */
  get columns(): readonly ResultColumn[] {
    return this.#portal.statement.columns ?? []
  }

  /**
   * The next row. It fetches the next rows from the server when it needs them.
   * @example
   *   const rows = cur.stream('select name from item order by id')
   *   console.log(rows.next().value.name) // tea
   */
  next(): IteratorResult<T, undefined> {
    if (this.#next === this.#rows.length) call(this.next, () => this.#decode())
    if (this.#next === this.#rows.length) return { done: true, value: undefined }
    return { done: false, value: this.#rows[this.#next++] as T }
  }

  /**
   * Closes the stream before its end.
   * @example
   *   const rows = cur.stream('select name from item order by id')
   *   rows.next()
   *   rows.return()
   *   console.log(rows.next().done) // true
   */
  return(): IteratorResult<T, undefined> {
    return call(this.return, () => {
      this.#isDone = true
      this.#rows = []
      this.#next = 0
      this.#bytes.clear()
      const { isClosed, session, context } = this.#engine
      // In a failed transaction, or with a lost connection, the portal no longer exists.
      if (!isClosed && !session.isClosed) this.#engine.run(closePortal(context, this.#portal))
      return { done: true, value: undefined }
    })
  }

  /**
   * Closes the stream at the end of a `using` scope; see `return`.
   * @example
   *   using rows = cur.stream('select name from item order by id')
   *   const [first] = rows
   */
  [Symbol.dispose](): void {
    this.return()
  }

  /**
   * The stream itself, for `for`.
   * @example
   *   for (const { name } of cur.stream('select name from item order by id', [], { size: 2 })) console.log(name)
   */
  [Symbol.iterator](): this {
    return this
  }

  #decode(): void {
    const bytes = this.#bytes
    if (bytes.position === bytes.rowCount && !this.#isDone) this.#fetch()
    try {
      this.#rows = bytes.nextMany(this.#decoder, ROWS_AT_ONCE)
    } catch {
      // A row of this group cannot be decoded. The rows before it are returned first, one at a time.
      const row = bytes.next(this.#decoder)
      this.#rows = row === null ? [] : [row]
    }
    this.#next = 0
  }

  #fetch(): void {
    const { context } = this.#engine
    // After the end of its transaction a fetch would begin a new one, in which the portal does not exist.
    if (this.#portal.isOpen && context.state.transactionStatus === 'I') {
      throw new InterfaceError('the stream has ended with its transaction: read its rows before the transaction ends')
    }
    const bytes = this.#bytes
    const { statement } = this.#portal
    const run = { source: this.#statement, timeoutMs: this.#timeoutMs }
    bytes.clear()
    this.#engine.run(fetchPortal(context, this.#portal, this.#size, bytes, true), run)
    this.#isDone = this.#portal.tag !== null
    if (bytes.failure !== null) throw bytes.failure
    if (statement.hasRecords) this.#engine.run(learnRecordTypes(context, statement, bytes, this.#shape), run)
  }
}
