/**
 * Rows in pieces, in bounded memory. A cursor lives in a transaction. Forward ones are portals of the protocol; a
 * scrollable one is DECLAREd in SQL, because the protocol's portals know no way back.
 */
import type { CallOptions, ExecuteOptions } from './call-options.ts'
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import { fetchRows } from './flows/fetch-rows.ts'
import { type Portal, closePortal, fetchPortal, preparePortal, requireTransaction } from './flows/portal.ts'
import { resolveStatement } from './flows/resolve-statement.ts'
import type { ResultColumn } from './flows/query.ts'
import { runCommand } from './flows/run-script.ts'
import { runStatement } from './flows/run-statement.ts'
import { RowCollector } from './flows/row-collector.ts'
import type { Row } from './values/record.ts'
import { type RowOptions, rowOptions } from './values/row-options.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import { quoteIdentifier } from './values/sql.ts'
import { Statement } from './values/statement.ts'

/** What a cursor can be told. */
export interface CursorOptions extends RowOptions, Pick<ExecuteOptions, 'values'> {
  /** Rows per trip while iterating; 50 at first. */
  readonly prefetch?: number
  /** Milliseconds for each trip. */
  readonly timeout?: number
  /** Lets `fetch` and `move` go backward. */
  readonly scrollable?: boolean
}

/** What a cursor runs. */
export interface CursorSource {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly prepared: Statement | null
}

const DEFAULT_PREFETCH = 50

/** Iterate it, as often as you like (each time the statement runs anew), or `open` it to fetch by hand. */
export class CursorFactory<T = Row> implements AsyncIterable<T> {
  readonly #engine: Engine
  readonly #source: CursorSource
  readonly #options: CursorOptions
  readonly #rows: RowShapeOptions

  constructor(engine: Engine, source: CursorSource, options: CursorOptions) {
    const { prefetch = DEFAULT_PREFETCH } = options
    if (!Number.isSafeInteger(prefetch) || prefetch < 1) {
      throw new ProgrammingError(`cursor: prefetch: expected a positive integer, got ${String(prefetch).slice(0, 40)}`)
    }
    this.#engine = engine
    this.#source = source
    this.#options = options
    this.#rows = rowOptions(options, engine.context.rows, 'cursor')
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
        ? new ScrollableCursor(this.#engine.context, this.#source, this.#rows)
        : new PortalCursor(this.#engine.context, this.#source, this.#rows)
    await this.#engine.run(kind.open(), this.#limits)
    return kind
  }
}

/** An open cursor. */
export class Cursor<T = Row> {
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

/** The two ways a cursor can be kept on the server. */
interface CursorKind {
  readonly columns: readonly ResultColumn[]
  readonly tag: string | null
  open(): Flow<void>
  fetch(count: number, isIterated?: boolean): Flow<Row[]>
  /** Whether a fetch that gave fewer rows than were wanted has given the last. */
  readonly isAtEnd: boolean
  move(count: number): Flow<number>
  close(): Flow<void>
}

type Context = Engine['context']

class PortalCursor implements CursorKind {
  readonly #context: Context
  readonly #source: CursorSource
  readonly #rows: RowShapeOptions
  #portal: Portal | null = null

  constructor(context: Context, source: CursorSource, rows: RowShapeOptions) {
    this.#context = context
    this.#source = source
    this.#rows = rows
  }

  get columns(): readonly ResultColumn[] {
    return this.#portal?.statement.columns ?? []
  }

  get tag(): string | null {
    const tag = this.#portal?.tag ?? null
    return tag === '' ? null : tag
  }

  *open(): Flow<void> {
    const { sql, values, prepared } = this.#source
    requireTransaction(this.#context)
    this.#portal = yield* preparePortal(this.#context, sql, values, prepared, { rows: this.#rows })
  }

  *fetch(count: number, isIterated = false): Flow<Row[]> {
    const portal = this.#portal
    if (portal === null || portal.statement.columns === null) {
      throw new InterfaceError('Cursor.fetch(): the statement returns no rows')
    }
    const collector = new RowCollector(this.#context, portal.statement, this.#rows)
    yield* fetchPortal(this.#context, portal, count, collector.sink, isIterated)
    return yield* collector.rows()
  }

  /** Not while a failure waits for its turn. */
  get isAtEnd(): boolean {
    return this.#portal?.tag !== null
  }

  *move(count: number): Flow<number> {
    const portal = this.#portal
    if (portal === null || portal.tag !== null) return 0
    // Before the first fetch there is nothing on the server to move: the portal is opened by fetching.
    if (!portal.isOpen) return (yield* this.fetch(count)).length
    const tag = yield* runCommand(this.#context, `MOVE FORWARD ${count} IN ${quoteIdentifier(portal.name)}`)
    return Number(tag.split(' ').at(-1))
  }

  *close(): Flow<void> {
    if (this.#portal !== null) yield* closePortal(this.#context, this.#portal)
  }
}

let scrollables = 0

class ScrollableCursor implements CursorKind {
  readonly #context: Context
  readonly #source: CursorSource
  readonly #name: string
  readonly #rows: RowShapeOptions
  /** A FETCH from it, as the server describes it; null before the first. */
  #described: Statement | null = null
  readonly isAtEnd = true

  constructor(context: Context, source: CursorSource, rows: RowShapeOptions) {
    this.#context = context
    this.#source = source
    this.#rows = rows
    scrollables += 1
    this.#name = quoteIdentifier(`syncpg_cursor_${scrollables}`)
  }

  get columns(): readonly ResultColumn[] {
    return this.#described?.columns ?? []
  }

  get tag(): null {
    return null
  }

  *open(): Flow<void> {
    requireTransaction(this.#context)
    const { sql, values } = this.#source
    const declared = `DECLARE ${this.#name} SCROLL CURSOR FOR ${sql}`
    yield* runStatement(this.#context, { sql: declared, values, sinkFor: () => ({ take() {} }) })
    // With another count it has the same columns.
    const fetched = this.#go('FETCH', 1)
    this.#described = (yield* resolveStatement(this.#context, fetched, [], { isOneOff: true })).statement
  }

  *fetch(count: number): Flow<Row[]> {
    const context = this.#context
    const sql = this.#go('FETCH', count)
    const columns = this.#described?.columns ?? null
    const prepared = new Statement({ name: '', sql, parameterTypes: [], columns, registry: context.registry })
    return (yield* fetchRows(context, { sql, values: [], rowLimit: 0, rows: this.#rows, prepared })).rows
  }

  *move(count: number): Flow<number> {
    const tag = yield* runCommand(this.#context, this.#go('MOVE', count))
    return Number(tag.split(' ').at(-1))
  }

  *close(): Flow<void> {
    if (this.#context.state.transactionStatus === 'T') yield* runCommand(this.#context, `CLOSE ${this.#name}`, false)
  }

  #go(verb: 'FETCH' | 'MOVE', count: number): string {
    return `${verb} ${count < 0 ? 'BACKWARD' : 'FORWARD'} ${Math.abs(count)} FROM ${this.#name}`
  }
}
