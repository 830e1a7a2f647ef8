/**
 * The two kinds of cursors: a portal of the protocol, which goes forward only, and a cursor that is DECLAREd in SQL,
 * which goes in both directions. Each method is a flow, so both faces can run it.
 */
import { InterfaceError } from '../errors/tree.ts'
import type { Row } from '../values/record.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import { quoteIdentifier } from '../values/sql.ts'
import type { Statement } from '../values/statement.ts'
import type { Flow } from './ask.ts'
import type { FlowContext } from './flow-context.ts'
import { type Portal, closePortal, fetchPortal, preparePortal, requireTransaction } from './portal.ts'
import type { ResultColumn } from './query.ts'
import { resolveStatement } from './resolve-statement.ts'
import { RowCollector, fetchStatement } from './row-collector.ts'
import { runCommand } from './run-script.ts'
import { DROP_ROWS, fetchRows, runStatement } from './run-statement.ts'

/** The statement of a cursor, and how its rows look. */
export interface CursorSource {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly prepared: Statement | null
  /** The options for its rows. */
  readonly rows: RowShapeOptions
}

/** The methods that both kinds of cursors have. */
export interface CursorKind {
  readonly columns: readonly ResultColumn[]
  readonly tag: string | null
  open(): Flow<void>
  fetch(count: number, isIterated?: boolean): Flow<Row[]>
  /** Whether a fetch that returned fewer rows than requested has returned the last row. */
  readonly isAtEnd: boolean
  move(count: number): Flow<number>
  close(): Flow<void>
}

export class PortalCursor implements CursorKind {
  readonly #context: FlowContext
  readonly #source: CursorSource
  #portal: Portal | null = null

  constructor(context: FlowContext, source: CursorSource) {
    this.#context = context
    this.#source = source
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
    this.#portal = yield* preparePortal(this.#context, sql, values, prepared, { rows: this.#source.rows })
  }

  *fetch(count: number, isIterated = false): Flow<Row[]> {
    const portal = this.#portal
    if (portal === null || portal.statement.columns === null) {
      throw new InterfaceError('Cursor.fetch(): the statement returns no rows')
    }
    const collector = new RowCollector(this.#context, portal.statement, this.#source.rows)
    yield* fetchPortal(this.#context, portal, count, collector.sink, isIterated)
    return yield* collector.rows()
  }

  /** False while an error is held back: the next fetch throws it. */
  get isAtEnd(): boolean {
    return this.#portal?.tag !== null
  }

  *move(count: number): Flow<number> {
    const portal = this.#portal
    if (portal === null || portal.tag !== null) return 0
    // Before the first fetch the portal does not exist on the server, so a fetch opens it and skips the rows.
    if (!portal.isOpen) return (yield* this.fetch(count)).length
    const tag = yield* runCommand(this.#context, `MOVE FORWARD ${count} IN ${quoteIdentifier(portal.name)}`)
    return Number(tag.split(' ').at(-1))
  }

  *close(): Flow<void> {
    if (this.#portal !== null) yield* closePortal(this.#context, this.#portal)
  }
}

let scrollables = 0

export class ScrollableCursor implements CursorKind {
  readonly #context: FlowContext
  readonly #source: CursorSource
  readonly #name: string
  /** The server's description of a FETCH from this cursor; null before `open`. */
  #described: Statement | null = null
  readonly isAtEnd = true

  constructor(context: FlowContext, source: CursorSource) {
    this.#context = context
    this.#source = source
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
    yield* runStatement(this.#context, { sql: declared, values, isDescribedFirst: true }, () => DROP_ROWS)
    // The count does not matter: each FETCH has the same columns.
    const fetched = this.#go('FETCH', 1)
    this.#described = (yield* resolveStatement(this.#context, fetched, [], { isOneOff: true })).statement
  }

  *fetch(count: number): Flow<Row[]> {
    const context = this.#context
    const sql = this.#go('FETCH', count)
    const prepared = yield* fetchStatement(context, sql, this.#described)
    return (yield* fetchRows(context, { sql, values: [], rowLimit: 0, rows: this.#source.rows, prepared })).rows
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
