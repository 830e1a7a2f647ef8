/**
 * The connection of a database, which its statements share, and all operations on it. It also handles BEGIN, COMMIT and
 * ROLLBACK, because PostgreSQL does not know all of SQLite's forms of them. And in two cases PostgreSQL reports no
 * error where SQLite programs expect one: a COMMIT of a failed transaction, and a BEGIN inside a transaction.
 */
import {
  type Connection,
  DbError,
  InterfaceError,
  type IsolationLevel,
  type NotAsync,
  ProgrammingError,
  connect,
} from '../index.ts'
import { type DatabaseSyncOptions, connectionOptions } from './database-options.ts'
import { InsertedRows, isCausedByReturning } from './inserted-row.ts'
import { quoteWrittenNames } from '../sqlite-dialect/written-names.ts'
import { pragmaRefusal } from './refusals.ts'
import { type SqlShape, readSql } from './sql-shape.ts'
import { type TransactionMode, WriteLock } from './write-lock.ts'

const SAVEPOINT = 'syncpg_statement'
/** Statements that change neither the schema nor the search path. */
const DATA_VERBS = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'values',
  'begin',
  'commit',
  'end',
  'rollback',
])
const SAVEPOINT_VERBS = new Set(['savepoint', 'release', 'rollback'])
const MODES = new Set<string>(['deferred', 'immediate', 'exclusive'])
/**
 * SQLSTATEs for parameters whose types the server cannot determine: ambiguous function or operator (`? + ?`), ambiguous
 * parameter, indeterminate datatype. The values will decide at the first run. Undefined function (42883) is not among
 * them, because it is the error of SQLite's own functions, which `prepare` must report.
 */
const UNDETERMINED: ReadonlySet<string> = new Set(['42725', '42P08', '42P18'])
const MOST_CHECKED = 2000

export class Access {
  readonly options: DatabaseSyncOptions
  readonly inserted = new InsertedRows()
  /** The key of the latest INSERT; null when its table has no such column, 0 before the first INSERT. */
  lastInsertRowid: number | bigint | null = 0
  readonly #dsn: string | undefined
  readonly #lock = new WriteLock()
  #connection: Connection | null = null
  #depth = 0
  #cursorCount = 0
  /** Texts that the server has accepted, each with the schema state at that time. */
  readonly #checked = new Map<string, number>()
  /** Incremented when the schema or the search path may have changed. */
  #schemaState = 0

  constructor(dsn: string | undefined, options: DatabaseSyncOptions) {
    this.#dsn = dsn
    this.options = options
  }

  get isOpen(): boolean {
    return this.#connection !== null && !this.#connection.closed
  }

  /** @throws InterfaceError when the database is not open. */
  get connection(): Connection {
    if (this.#connection === null) throw new InterfaceError('database is not open')
    return this.#connection
  }

  /** Whether a transaction is open. Before the first statement of `transaction(fn)` the server does not know about it yet. */
  get isTransaction(): boolean {
    return this.#depth > 0 || this.connection.info.status !== 'idle'
  }

  /** @throws InterfaceError when the database is not open. */
  requireOpen(): void {
    if (this.#connection === null) throw new InterfaceError('database is not open')
  }

  get standardConformingStrings(): boolean {
    return this.connection.info.parameter('standard_conforming_strings') !== 'off'
  }

  open(): void {
    if (this.isOpen) throw new InterfaceError('database is already open')
    const options = connectionOptions(this.options)
    this.#connection = this.#dsn === undefined ? connect(options) : connect(this.#dsn, options)
  }

  close(): void {
    const { connection } = this
    this.#connection = null
    connection[Symbol.dispose]()
  }

  nextCursorName(): string {
    return `syncpg_iterate_${++this.#cursorCount}`
  }

  /** The text for the server: with names of mixed case quoted, where the options ask for it. */
  sent(sql: string): string {
    return this.options.names === 'as-written' ? quoteWrittenNames(sql) : sql
  }

  /** Calls the option `verbose` with a statement that is about to run. */
  callVerbose(sql: string): void {
    this.options.verbose?.(sql)
  }

  exec(written: string): void {
    this.callVerbose(written)
    const sql = this.sent(written)
    const shape = readSql(sql, this.standardConformingStrings)
    if (this.control(shape, sql)) return
    try {
      this.perform(shape, (connection) => connection.execute(sql, null, { prepare: false }))
    } finally {
      // The script may have ended the transaction, whether it failed or not.
      if (this.isOpen) this.#lock.settle(this.connection)
    }
  }

  /** Runs a script or one statement. With the option `statementSavepoints`, one statement gets its own savepoint. */
  perform<T>(shape: SqlShape, action: (connection: Connection) => T): T {
    const { connection } = this
    const [verb = ''] = shape.words
    const isScript = shape.statementCount > 1
    if (isScript || !DATA_VERBS.has(verb)) this.#forgetSchema()
    const isSaved = this.options.statementSavepoints === true && !isScript && !SAVEPOINT_VERBS.has(verb)
    if (!isSaved || !this.isTransaction || connection.info.status === 'failed') return action(connection)
    return saved(connection, action)
  }

  /**
   * Lets the server check a statement that is being prepared, once for each text. This costs one round trip, but the
   * statement's first run then needs one less. In a transaction it runs in a savepoint (two more round trips), because a
   * refusal would abort the transaction. A statement whose parameters need their values to have types is decided at its
   * first run.
   * @returns false for such a statement
   * @throws the server's error.
   */
  check(shape: SqlShape, sql: string, hasParameters: boolean): boolean {
    const { connection, options } = this
    if (controlOf(shape, sql) !== null || options.checkOnPrepare === false) return true
    const checked = this.#checked.get(sql)
    // In a failed transaction the server checks nothing.
    if (checked === this.#schemaState || connection.info.status === 'failed') return true
    // The statement was checked before the schema changed, and the prepared statement may be from that time too. So the
    // server checks the text again.
    const prepare = checked === undefined
    const describe = (text: string): void => {
      this.attempt(() => connection.describe(text, { prepare }))
    }
    const returning = this.inserted.withReturning(connection, sql, shape)
    try {
      describe(returning?.sql ?? sql)
    } catch (error) {
      if (hasParameters && isUndetermined(error)) return false
      if (returning === null || !isCausedByReturning(error, returning)) throw error
      this.inserted.forget()
      describe(sql)
    }
    if (this.#checked.size >= MOST_CHECKED) this.#checked.clear()
    this.#checked.set(sql, this.#schemaState)
    return true
  }

  /** Runs an action that the server may refuse. The refusal does not abort a transaction. */
  attempt<T>(action: () => T): T {
    return this.isTransaction ? saved(this.connection, action) : action()
  }

  /** Executes a statement of transaction control in SQLite's way. @returns false for any other statement. */
  control(shape: SqlShape, sql: string): boolean {
    const control = controlOf(shape, sql)
    if (control === null) return false
    if (control.verb === 'begin') this.#begin(control.mode)
    else this.#finish(control.verb)
    return true
  }

  /** Runs `fn` in a transaction of its own, or in a savepoint of the one that is open. */
  inTransaction<T>(mode: TransactionMode, fn: () => T): T {
    const { connection } = this
    const body = (): T => {
      this.#depth++
      try {
        return fn()
      } finally {
        this.#depth--
      }
    }
    try {
      return this.isTransaction
        ? connection.transaction<T>(body as (() => T) & NotAsync<T>)
        : this.#outermost(mode, body)
    } catch (error) {
      // The rollback may have undone changes of the schema.
      this.#forgetSchema()
      throw error
    }
  }

  #outermost<T>(mode: TransactionMode, body: () => T): T {
    const { connection } = this
    if (mode !== 'deferred') this.#lock.take(connection)
    try {
      return connection.transaction<T>({ isolation: this.#isolation }, body as (() => T) & NotAsync<T>)
    } finally {
      this.#lock.settle(connection)
    }
  }

  get #isolation(): IsolationLevel {
    return this.options.isolationLevel ?? 'serializable'
  }

  #forgetSchema(): void {
    this.inserted.forget()
    this.#schemaState++
  }

  #begin(mode: TransactionMode): void {
    const { connection } = this
    if (this.isTransaction) throw new ProgrammingError('cannot start a transaction within a transaction')
    if (mode !== 'deferred') this.#lock.take(connection)
    try {
      connection.execute(`begin isolation level ${this.#isolation}`)
    } finally {
      this.#lock.settle(connection)
    }
  }

  #finish(how: 'commit' | 'rollback'): void {
    const { connection } = this
    if (!this.isTransaction) throw new ProgrammingError(`cannot ${how}: no transaction is active`)
    try {
      if (how === 'commit') connection.commit()
      else connection.rollback()
    } finally {
      if (how === 'rollback') this.#forgetSchema()
      this.#lock.settle(connection)
    }
  }
}

/** Whether the server refused a statement because it cannot determine the types of its parameters without values. */
function isUndetermined(error: unknown): boolean {
  return error instanceof DbError && UNDETERMINED.has(error.sqlstate ?? '')
}

type Control = { readonly verb: 'begin'; readonly mode: TransactionMode } | { readonly verb: 'commit' | 'rollback' }

/** Recognises SQLite's statements of transaction control. @throws NotSupportedError for a PRAGMA. */
function controlOf({ words, isWordsOnly }: SqlShape, sql: string): Control | null {
  const [verb = '', ...rest] = words
  if (verb === 'pragma') throw pragmaRefusal(sql)
  if (!isWordsOnly) return null
  const [first, ...others] = rest.filter((word) => word !== 'transaction' && word !== 'work')
  if (others.length > 0) return null
  if (verb === 'begin' && (first === undefined || MODES.has(first)))
    return { verb, mode: (first ?? 'deferred') as TransactionMode }
  if (first !== undefined) return null
  if (verb === 'commit' || verb === 'end') return { verb: 'commit' }
  return verb === 'rollback' ? { verb } : null
}

function saved<T>(connection: Connection, action: (connection: Connection) => T): T {
  connection.execute(`savepoint ${SAVEPOINT}`)
  let result: T
  try {
    result = action(connection)
  } catch (error) {
    // When no transaction is open any more, the error has ended it together with the savepoint.
    if (!connection.closed && connection.info.status !== 'idle') {
      connection.execute(`rollback to savepoint ${SAVEPOINT}; release savepoint ${SAVEPOINT}`)
    }
    throw error
  }
  connection.execute(`release savepoint ${SAVEPOINT}`)
  return result
}
