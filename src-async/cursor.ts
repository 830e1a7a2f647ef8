/**
 * Rows in pieces, in bounded memory. A cursor lives in a transaction. Forward ones are portals of the protocol; a
 * scrollable one is DECLAREd in SQL, because the protocol's portals know no way back.
 */
import { CALL_OPTIONS, type CallOptions, type ExecuteStatementOptions } from './call-options.ts'
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import { type CursorKind, type CursorSource, PortalCursor, ScrollableCursor } from './flows/cursors.ts'
import type { ResultColumn } from './flows/query.ts'
import { knownOptions, requireKnown } from './options/known-options.ts'
import { sealInstances } from './options/sealed.ts'
import type { Row } from './values/record.ts'
import { ROW_OPTION_NAMES, type RowOptions } from './values/row-options.ts'

/** What a cursor can be told. */
export interface CursorOptions extends RowOptions, Pick<ExecuteStatementOptions, 'values'> {
  /** Rows per trip while iterating; 50 at first. */
  readonly prefetch?: number | undefined
  /** Milliseconds for each trip; the connection's `commandTimeout` unless given; null or 0 for no limit. */
  readonly timeout?: number | null | undefined
  /** Lets `fetch` and `forward` go backward. */
  readonly scrollable?: boolean | undefined
}

export const CURSOR_OPTIONS = knownOptions<CursorOptions>({
  ...ROW_OPTION_NAMES,
  values: true,
  prefetch: true,
  timeout: true,
  scrollable: true,
})

const DEFAULT_PREFETCH = 50

/** Iterate it, as often as you like (each time the statement runs anew), or `open` it to fetch by hand. */
export class CursorFactory<T = Row> implements AsyncIterable<T> {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #source: CursorSource
  readonly #options: CursorOptions

  constructor(engine: Engine, source: CursorSource, options: CursorOptions) {
    const { prefetch = DEFAULT_PREFETCH } = options
    if (!Number.isSafeInteger(prefetch) || prefetch < 1) {
      throw new ProgrammingError(`cursor: prefetch: expected a positive integer, got ${String(prefetch).slice(0, 40)}`)
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

  /** The rows, `prefetch` at a time, the next ones on their way meanwhile; leaving the loop closes the cursor. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const kind = await this.#open()
    const size = this.#options.prefetch ?? DEFAULT_PREFETCH
    try {
      for (;;) {
        const rows = (await this.#engine.run(kind.fetch(size, true), this.#limits)) as T[]
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
    // Query loggers are told of the statement once, when it has been opened.
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

  /** The columns of its rows. */
  get columns(): readonly ResultColumn[] {
    return this.#kind.columns
  }

  /** The command tag, `SELECT 5`, when the last row has been fetched; null before, and always of a scrollable cursor. */
  get tag(): string | null {
    return this.#kind.tag
  }

  /**
   * The next `count` rows, fewer at the end. A negative count, of a scrollable cursor, goes backward.
   * @example
   *   await con.transaction(async () => {
   *     const cursor = await con.cursor('select * from item order by id').open()
   *     const rows = await cursor.fetch(2)
   *   })
   */
  async fetch(count: number, options: CallOptions = this.#limits): Promise<T[]> {
    requireKnown(options, CALL_OPTIONS, 'Cursor.fetch')
    this.#require('fetch', count)
    return (await this.#engine.run(this.#kind.fetch(count), options)) as T[]
  }

  /**
   * The next row, null at the end.
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
   * Skips rows; backward when negative, of a scrollable cursor.
   * @returns how many were skipped.
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
    return this.#engine.run(this.#kind.move(count), options)
  }

  /**
   * Gives the cursor back to the server. A second call does nothing.
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #require(method: string, count: number): void {
    if (this.#isClosed) throw new InterfaceError(`Cursor.${method}(): the cursor is closed`)
    const isForward = this.#kind instanceof PortalCursor
    if (!Number.isSafeInteger(count) || count === 0 || (isForward && count < 0)) {
      const wanted = isForward ? 'a positive integer' : 'an integer other than 0'
      throw new ProgrammingError(`Cursor.${method}(): expected ${wanted}, got ${String(count).slice(0, 40)}`)
    }
  }
}
