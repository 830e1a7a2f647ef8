/**
 * Cursors of the async API: rows in pieces, in bounded memory. A cursor exists only in a transaction. A forward cursor
 * is a portal of the protocol. A scrollable cursor is DECLAREd in SQL, because portals of the protocol cannot go back.
 */
import { describeValue } from './errors/describe-value.ts'
import { CALL_OPTIONS, type CallOptions, type ExecuteStatementOptions } from './call-options.ts'
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import { type CursorKind, type CursorSource, PortalCursor, ScrollableCursor } from './flows/cursors.ts'
import type { ResultColumn } from './flows/query.ts'
import { knownOptions, requireKnown, FLAG, TIME_LIMIT } from './options/known-options.ts'
import { sealInstances } from './options/sealed.ts'
import type { Row } from './values/record.ts'
import { ROW_OPTION_NAMES, type RowOptions } from './values/row-options.ts'

/** Options of `cursor`. */
export interface CursorOptions extends RowOptions, Pick<ExecuteStatementOptions, 'values'> {
  /** Rows per round trip while you iterate, 50 by default. */
  readonly prefetch?: number | undefined
  /** Milliseconds for each round trip; null or 0 for no limit. The default is the connection's `commandTimeout`. */
  readonly timeout?: number | null | undefined
  /** Whether `fetch` and `forward` may go backward, false by default. */
  readonly scrollable?: boolean | undefined
}

export const CURSOR_OPTIONS = knownOptions<CursorOptions>({
  ...ROW_OPTION_NAMES,
  values: true,
  prefetch: true,
  timeout: TIME_LIMIT,
  scrollable: FLAG,
})

const DEFAULT_PREFETCH = 50

/** The result of `cursor`. Iterate over it, or `open` it to fetch by hand. Each iteration runs the statement again. */
export class CursorFactory<T = Row> implements AsyncIterable<T> {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #source: CursorSource
  readonly #options: CursorOptions

  /** Made by `Connection.cursor`. */
  constructor(engine: Engine, source: CursorSource, options: CursorOptions) {
    const { prefetch = DEFAULT_PREFETCH } = options
    if (!Number.isSafeInteger(prefetch) || prefetch < 1) {
      throw new ProgrammingError(`cursor: prefetch: expected a positive integer, got ${describeValue(prefetch)}`)
    }
    this.#engine = engine
    this.#source = source
    this.#options = options
  }

  /**
   * Opens the cursor.
   * @throws InterfaceError outside a transaction.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     const rows = await cursor.fetch(2)
   *   })
   */
  async open(): Promise<Cursor<T>> {
    return new Cursor<T>(this.#engine, await this.#open(), this.#limits)
  }

  /**
   * Gives the rows. It requests the next `prefetch` rows while the loop works on the ones before. Leaving the loop
   * closes the cursor.
   * @example
   *   await con.transaction(async () => {
   *     for await (const { name } of con.cursor('select name from item', [], { prefetch: 2 })) console.log(name)
   *   })
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const kind = await this.#open()
    const size = this.#options.prefetch ?? DEFAULT_PREFETCH
    try {
      for (;;) {
        const rows = (await this.#engine.goOn(kind.fetch(size, true), this.#limits)) as T[]
        yield* rows
        if (rows.length < size && kind.isAtEnd) return
      }
    } finally {
      if (!this.#engine.isClosed) await this.#engine.run(kind.close())
    }
  }

  get #limits(): CallOptions {
    const { timeout } = this.#options
    return timeout === undefined ? {} : { timeout }
  }

  async #open(): Promise<CursorKind> {
    const kind =
      this.#options.scrollable === true
        ? new ScrollableCursor(this.#engine.context, this.#source)
        : new PortalCursor(this.#engine.context, this.#source)
    // Query loggers get the statement once, when it has been opened.
    const { sql, values } = this.#source
    await this.#engine.query(kind.open(), sql, values, this.#limits)
    return kind
  }
}

/** An open cursor. */
export class Cursor<T = Row> {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #kind: CursorKind
  readonly #limits: CallOptions
  #isClosed = false

  /** Made by `CursorFactory.open`. */
  constructor(engine: Engine, kind: CursorKind, limits: CallOptions) {
    this.#engine = engine
    this.#kind = kind
    this.#limits = limits
  }

  /** The columns of the cursor's rows. */
  get columns(): readonly ResultColumn[] {
    return this.#kind.columns
  }

  /**
   * The command tag of the last piece, after the last row was fetched; null before. It counts the rows of that piece:
   * `SELECT 2` when 3 and then 2 rows were fetched. A scrollable cursor always has null.
   */
  get tag(): string | null {
    return this.#kind.tag
  }

  /**
   * Returns the next `count` rows, fewer at the end. A scrollable cursor goes backward with a negative count.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     const rows = await cursor.fetch(2)
   *   })
   */
  async fetch(count: number, options: CallOptions = this.#limits): Promise<T[]> {
    requireKnown(options, CALL_OPTIONS, 'Cursor.fetch')
    this.#require('fetch', count)
    return (await this.#engine.goOn(this.#kind.fetch(count), options)) as T[]
  }

  /**
   * Returns the next row; null at the end.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     const first = await cursor.fetchrow()
   *   })
   */
  async fetchrow(options: CallOptions = this.#limits): Promise<T | null> {
    requireKnown(options, CALL_OPTIONS, 'Cursor.fetchrow')
    const [row] = await this.fetch(1, options)
    return row ?? null
  }

  /**
   * Skips `count` rows. A scrollable cursor goes backward with a negative count.
   * @returns how many rows it skipped.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     await cursor.forward(2) // over two rows
   *     const third = await cursor.fetchrow()
   *   })
   */
  async forward(count: number, options: CallOptions = this.#limits): Promise<number> {
    requireKnown(options, CALL_OPTIONS, 'Cursor.forward')
    this.#require('forward', count)
    return this.#engine.goOn(this.#kind.move(count), options)
  }

  /**
   * Closes the cursor on the server. A second call does nothing.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     await cursor.close()
   *   })
   */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#engine.isClosed) await this.#engine.run(this.#kind.close())
  }

  /**
   * Closes the cursor at the end of an `await using` scope; see `close`.
   * @example
   *   await con.transaction(async () => {
   *     await using cursor = await con.cursor('select name from item order by id').open()
   *     console.log((await cursor.fetchrow()).name) // tea
   *   })
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #require(method: string, count: number): void {
    if (this.#isClosed) throw new InterfaceError(`Cursor.${method}(): the cursor is closed`)
    const isForward = this.#kind instanceof PortalCursor
    if (!Number.isSafeInteger(count) || count === 0 || (isForward && count < 0)) {
      const wanted = isForward ? 'a positive integer' : 'an integer other than 0'
      throw new ProgrammingError(`Cursor.${method}: expected ${wanted}, got ${describeValue(count)}`)
    }
  }
}
