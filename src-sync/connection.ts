/**
 * PEP 249's connection, and asyncpg's vocabulary in blocking form. Transactions are told straight: the server's status
 * byte is the only truth, BEGIN travels with the first statement, and every COMMIT's answer is looked at.
 */
import { inspect } from 'node:util'
import {
  DataError,
  DatabaseError,
  DbError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  Warning,
} from '../src-async/errors/tree.ts'
import { Rollback } from '../src-async/errors/client-errors.ts'
import { type CopyTarget, copyRecords } from '../src-async/flows/copy-records.ts'
import { fetchRows } from '../src-async/flows/fetch-rows.ts'
import {
  type Scope,
  type TransactionOptions,
  beginStatement,
  commit,
  commitScope,
  openScope,
  rollback,
  rollbackScope,
} from '../src-async/flows/transaction.ts'
import { type Row, pick } from '../src-async/values/record.ts'
import { Cursor, type CursorConnection, type Parameters } from './cursor.ts'
import { type Engine, call } from './engine.ts'
import { bindParameters } from './paramstyle/bind-parameters.ts'
import type { ParamStyle } from './paramstyle/rewrite.ts'

/** What `copyRecordsToTable` takes beside the table's name. */
export interface CopyRecordsOptions {
  readonly records: Iterable<readonly unknown[]>
  readonly columns?: readonly string[]
  readonly schema?: string
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string
}

/** What is known of a connection. */
export interface ConnectionInfo {
  readonly status: 'idle' | 'in-transaction' | 'failed' | 'closed'
  readonly backendPid: number
  readonly serverVersion: string
}

/** A message of the server's that is no error, with its class. */
export type ServerMessage = readonly [new (...args: never[]) => Warning, Warning]

export type NoticeListener = (notice: Warning) => void

const CLOSE_TIMEOUT_MS = 5000
const NO_VALUES: readonly unknown[] = []

export class Connection implements CursorConnection {
  readonly #engine: Engine
  readonly #listeners = new Set<NoticeListener>()
  #options: TransactionOptions
  /** Notices since the last call of the connection's own methods, PEP 249's `messages`; each call begins a new list. */
  messages: ServerMessage[] = []

  /** Made by `connect`. */
  constructor(engine: Engine, options: TransactionOptions) {
    this.#engine = engine
    this.#options = options
    open.add(this)
  }

  /** True after `close`, and after the server or the worker was lost. */
  get closed(): boolean {
    return this.#engine.isClosed || this.#engine.session.isClosed
  }

  get info(): ConnectionInfo {
    const { session } = this.#engine
    const status = this.closed ? 'closed' : STATUS_WORDS[session.transactionStatus]
    return { status, backendPid: session.backendPid, serverVersion: session.parameters.get('server_version') ?? '' }
  }

  /** A run-time parameter the server reports: `server_version`, `TimeZone` … */
  parameter(name: string): string | undefined {
    return this.#engine.session.parameters.get(name)
  }

  /** Whether statements run outside transactions of the connection's own making. */
  get autocommit(): boolean {
    return this.#engine.context.begin === null
  }

  set autocommit(value: boolean) {
    call(setterOf('autocommit'), () => this.#setAutocommit(value))
  }

  /** The same as setting `autocommit`. @throws ProgrammingError inside a transaction. */
  setautocommit(value: boolean): void {
    call(this.setautocommit, () => this.#setAutocommit(value))
  }

  /** Which markers `execute` reads beside `$1`: `pyformat` (`%s`, `%(name)s`), `format`, `qmark`, `numeric`, `named`. */
  get paramstyle(): ParamStyle {
    return this.#engine.paramstyle
  }

  set paramstyle(style: ParamStyle) {
    call(setterOf('paramstyle'), () => {
      this.#engine.paramstyle = requireStyle(style)
    })
  }

  cursor<T = Row>(): Cursor<T> {
    return call(this.cursor, () => {
      this.messages = []
      this.#engine.requireOpen()
      return new Cursor<T>(this, this.#engine)
    })
  }

  /** Runs a statement on a new cursor and returns the cursor. See `Cursor.execute`. */
  execute<T = Row>(sql: string, parameters?: Parameters | null): Cursor<T> {
    const cursor = call(this.execute, () => this.cursor<T>(), this.cursor)
    return call(this.execute, () => cursor.execute<T>(sql, parameters), cursor.execute)
  }

  /** Runs a statement for each element on a new cursor and returns the cursor. See `Cursor.executemany`. */
  executemany<T = Row>(sql: string, elements: Iterable<Parameters>): Cursor<T> {
    const cursor = call(this.executemany, () => this.cursor<T>(), this.cursor)
    return call(this.executemany, () => cursor.executemany(sql, elements), cursor.executemany)
  }

  /** All rows of a statement. */
  fetch<T = Row>(sql: string, parameters?: Parameters | null): T[] {
    return call(this.fetch, () => this.#fetch(sql, parameters, 0)) as T[]
  }

  /** The first row of a statement, null when there is none. */
  fetchrow<T = Row>(sql: string, parameters?: Parameters | null): T | null {
    return call(this.fetchrow, () => this.#fetch(sql, parameters, 1)[0] ?? null) as T | null
  }

  /** A value of the first row: its first column, or the one counted or named; null when there is no row. */
  fetchval<V = unknown>(sql: string, parameters?: Parameters | null, column: number | string = 0): V | null {
    return call(this.fetchval, () => {
      const row = this.#fetch(sql, parameters, 1)[0]
      return row === undefined ? null : (pick(row, column) as V)
    })
  }

  /**
   * Loads records into a table with COPY in binary format.
   * @returns how many were loaded.
   * @throws DataError naming the record and the column; the source's own error; nothing is loaded then.
   */
  copyRecordsToTable(table: string, options: CopyRecordsOptions): number {
    return call(this.copyRecordsToTable, () => {
      this.messages = []
      const { records, ...rest } = requireRecords(options)
      const target: CopyTarget = { table, ...rest }
      const tag = this.#engine.run(copyRecords(this.#engine.context, target, records))
      return Number(tag.split(' ').at(-1))
    })
  }

  /**
   * Commits what is open; nothing is sent when nothing is.
   * @throws InFailedSQLTransactionError when the transaction had failed: it has been rolled back instead.
   * @throws TransactionResolutionUnknownError when the connection was lost before the answer came.
   */
  commit(): void {
    call(this.commit, () => {
      this.messages = []
      this.#forbidInsideScope('commit')
      this.#engine.run(commit(this.#engine.context))
    })
  }

  /** Rolls back what is open; nothing is sent when nothing is. */
  rollback(): void {
    call(this.rollback, () => {
      this.messages = []
      this.#forbidInsideScope('rollback')
      this.#engine.run(rollback(this.#engine.context))
    })
  }

  /**
   * Runs `fn` in a transaction: committed when it returns, rolled back when it throws. Inside an open transaction it is
   * a savepoint. Throwing `new Rollback(value)` rolls back and returns `value`.
   * @throws what `fn` throws; ProgrammingError when `fn` is async: it would run after the commit.
   */
  transaction<T>(fn: () => T): T
  transaction<T>(options: TransactionOptions, fn: () => T): T
  transaction<T>(first: TransactionOptions | (() => T), second?: () => T): T {
    const fn = typeof first === 'function' ? first : second
    const scope = call(this.transaction, () => {
      if (typeof fn !== 'function') throw new ProgrammingError('transaction: expected a function to run in it')
      // The connection's own options are for whole transactions; those of the call are refused where they cannot hold.
      const inherited = this.#inside ? {} : this.#options
      const options = typeof first === 'function' ? inherited : { ...inherited, ...first }
      return this.#engine.run(openScope(this.#engine.context, options))
    })
    let result: T
    try {
      result = (fn as () => T)()
    } catch (error) {
      this.#undo(scope)
      if (error instanceof Rollback) return error.value as T
      throw error
    }
    call(this.transaction, () => {
      if (isThenable(result)) {
        this.#undo(scope)
        throw new ProgrammingError(
          'transaction: the function is async, and what it does later would be outside: it has been rolled back',
        )
      }
      this.#engine.run(commitScope(this.#engine.context, scope))
    })
    return result
  }

  /** Calls the listener with every notice as it arrives, while the statement that raised it runs. */
  addNoticeListener(listener: NoticeListener): void {
    this.#listeners.add(listener)
  }

  removeNoticeListener(listener: NoticeListener): void {
    this.#listeners.delete(listener)
  }

  /** Takes a notice. Called by the session. */
  notice(notice: Warning): void {
    if (this.messages.length < MOST_MESSAGES) this.messages.push([notice.constructor as ServerMessage[0], notice])
    for (const listener of this.#listeners) listener(notice)
  }

  /**
   * Ends the session; what is not committed is rolled back by the server.
   * @throws InterfaceError when it is closed already; `using` and `[Symbol.dispose]()` do not.
   */
  close(): void {
    call(this.close, () => {
      if (this.#engine.isClosed) throw new InterfaceError('connection is closed')
      this.#shut(CLOSE_TIMEOUT_MS)
    })
  }

  /** Closes the connection if it is open. */
  [Symbol.dispose](): void {
    this.#shut(CLOSE_TIMEOUT_MS)
  }

  [inspect.custom](): string {
    const { status, backendPid } = this.info
    return `<Connection ${status}${status === 'closed' ? '' : `, backend ${backendPid}`}>`
  }

  get #inside(): boolean {
    return this.#engine.context.scopeDepth > 0 || this.#engine.session.transactionStatus !== 'I'
  }

  #fetch(sql: string, parameters: Parameters | null | undefined, rowLimit: number): Row[] {
    this.messages = []
    if (typeof sql !== 'string') throw new ProgrammingError(`expected SQL as a string, got ${typeof sql}`)
    const rewritten = this.#engine.rewrite(sql, parameters !== undefined && parameters !== null)
    const values = parameters === undefined || parameters === null ? NO_VALUES : bindParameters(rewritten, parameters)
    const { rows } = this.#engine.run(fetchRows(this.#engine.context, { sql: rewritten.text, values, rowLimit }), {
      sql,
      rewritten,
    })
    return rows
  }

  #setAutocommit(value: boolean): void {
    if (typeof value !== 'boolean') throw new ProgrammingError(`autocommit: expected a boolean, got ${typeof value}`)
    this.#engine.requireOpen()
    if (value === this.autocommit) return
    if (this.#inside) {
      throw new ProgrammingError('autocommit cannot be changed inside a transaction: commit or roll back first')
    }
    this.#engine.context.begin = value ? null : beginStatement(this.#options)
  }

  #forbidInsideScope(method: string): void {
    if (this.#engine.context.scopeDepth > 0) {
      throw new ProgrammingError(`${method}: inside transaction(fn), which commits or rolls back itself; throw to undo`)
    }
  }

  #undo(scope: Scope): void {
    // A connection that is gone has rolled back by itself, and the error in flight is the news.
    if (!this.closed) this.#engine.run(rollbackScope(this.#engine.context, scope))
  }

  #shut(timeoutMs: number): void {
    open.delete(this)
    if (this.#engine.isClosed) return
    this.#engine.isClosed = true
    this.#engine.session.close({ timeoutMs })
  }

  declare readonly Error: typeof DbError
  declare readonly Warning: typeof Warning
  declare readonly InterfaceError: typeof InterfaceError
  declare readonly DatabaseError: typeof DatabaseError
  declare readonly DataError: typeof DataError
  declare readonly OperationalError: typeof OperationalError
  declare readonly IntegrityError: typeof IntegrityError
  declare readonly InternalError: typeof InternalError
  declare readonly ProgrammingError: typeof ProgrammingError
  declare readonly NotSupportedError: typeof NotSupportedError
}

/** PEP 249: the exceptions as attributes of every connection, the same objects as the module's. */
Object.defineProperties(
  Connection.prototype,
  Object.fromEntries(
    Object.entries({
      Error: DbError,
      Warning,
      InterfaceError,
      DatabaseError,
      DataError,
      OperationalError,
      IntegrityError,
      InternalError,
      ProgrammingError,
      NotSupportedError,
    }).map(([name, value]) => [name, { value, enumerable: false }]),
  ),
)

const STATUS_WORDS = { I: 'idle', T: 'in-transaction', E: 'failed' } as const
const MOST_MESSAGES = 1000
const STYLES: readonly ParamStyle[] = ['pyformat', 'format', 'qmark', 'numeric', 'named']

/** Connections not yet closed: closed when the process ends, so that the server hears a goodbye. */
const open = new Set<Connection>()
process.on('exit', () => {
  for (const connection of open) connection[Symbol.dispose]()
})

/** The function behind an assignment: errors of it begin at the line that assigns. */
function setterOf(name: 'autocommit' | 'paramstyle'): (value: never) => void {
  return Object.getOwnPropertyDescriptor(Connection.prototype, name)?.set as (value: never) => void
}

/** @throws ProgrammingError for anything but a style of PEP 249. */
export function requireStyle(style: unknown): ParamStyle {
  const found = STYLES.find((known) => known === style)
  if (found !== undefined) return found
  throw new ProgrammingError(`paramstyle: expected one of ${STYLES.join(', ')}, got ${inspect(style).slice(0, 40)}`)
}

function requireRecords(options: CopyRecordsOptions): CopyRecordsOptions {
  const records: unknown = (options as Partial<CopyRecordsOptions> | undefined)?.records
  if (records !== null && typeof records === 'object' && Symbol.iterator in records) return options
  throw new ProgrammingError('copyRecordsToTable: expected { records }, an iterable of arrays')
}

function isThenable(value: unknown): boolean {
  return value !== null && typeof value === 'object' && 'then' in value && typeof value.then === 'function'
}
