/**
 * What a database and its statements share: the connection and all that is done on it. Decides about transactions, because
 * SQLite's words for them are not all PostgreSQL's and some of PostgreSQL's answers would be believed by mistake: a COMMIT
 * that rolled back, a BEGIN inside a transaction.
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
import { InsertedRows, isOfAddition } from './inserted-row.ts'
import { quoteWrittenNames } from '../sqlite-dialect/written-names.ts'
import { pragmaRefusal } from './refusals.ts'
import { type SqlShape, readSql } from './sql-shape.ts'
import { type TransactionMode, WriteLock } from './write-lock.ts'

const SAVEPOINT = 'syncpg_statement'
/** Statements that leave the schema and the search path as they are. */
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
/** The server can tell no type of a parameter: its value will. */
const UNDETERMINED = '42P18'
const MOST_CHECKED = 2000

export class Access {
  readonly options: DatabaseSyncOptions
  readonly inserted = new InsertedRows()
  /** Of the latest INSERT; null when that table has no such column, 0 before the first. */
  lastInsertRowid: number | bigint | null = 0
  readonly #dsn: string | undefined
  readonly #lock = new WriteLock()
  #connection: Connection | null = null
  #depth = 0
  #cursorCount = 0
  /** The texts found good, and by which state of the schema. */
  readonly #checked = new Map<string, number>()
  /** Grows when the schema or the search path may have changed. */
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

  /** Inside `transaction(fn)` before its first statement the server has not heard of the transaction yet. */
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

  /** The text as it is sent: with its names of mixed case quoted, where the options ask for it. */
  sent(sql: string): string {
    return this.options.names === 'as-written' ? quoteWrittenNames(sql) : sql
  }

  /** Tells the option `verbose` of a statement that is about to run. */
  tell(sql: string): void {
    this.options.verbose?.(sql)
  }

  exec(written: string): void {
    this.tell(written)
    const sql = this.sent(written)
    const shape = readSql(sql, this.standardConformingStrings)
    if (this.control(shape, sql)) return
    try {
      this.perform(shape, (connection) => connection.execute(sql, null, { prepare: false }))
    } finally {
      // A script may have ended the transaction, with an error or without.
      if (this.isOpen) this.#lock.settle(this.connection)
    }
  }

  /** Runs one statement, within a savepoint of its own where the options ask for it, or a script as it is. */
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
   * Lets the server look at a statement that is being prepared, once a text: one trip, which its first run then saves. In a
   * transaction it is done in a savepoint, two trips more, because a refusal would end the transaction.
   * @throws what the server says of it.
   */
  check(shape: SqlShape, sql: string): void {
    const { connection, options } = this
    if (controlOf(shape, sql) !== null || options.checkOnPrepare === false) return
    const checked = this.#checked.get(sql)
    // In a failed transaction the server looks at nothing.
    if (checked === this.#schemaState || connection.info.status === 'failed') return
    // What the connection keeps prepared may be of a schema that has changed: then the server is asked all the same.
    const prepare = checked === undefined
    const describe = (text: string): void => {
      const ask = (): unknown => connection.describe(text, { prepare })
      if (this.isTransaction) saved(connection, ask)
      else ask()
    }
    const telling = this.inserted.telling(connection, sql, shape)
    try {
      describe(telling?.sql ?? sql)
    } catch (error) {
      if (error instanceof DbError && error.sqlstate === UNDETERMINED) return
      if (telling === null || !isOfAddition(error, telling)) throw error
      this.inserted.forget()
      describe(sql)
    }
    if (this.#checked.size >= MOST_CHECKED) this.#checked.clear()
    this.#checked.set(sql, this.#schemaState)
  }

  /** Does what a statement of transaction control says, SQLite's way. @returns whether it was one. */
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
      // What was learned of tables may have been undone.
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

type Control = { readonly verb: 'begin'; readonly mode: TransactionMode } | { readonly verb: 'commit' | 'rollback' }

/** SQLite's statements of transaction control. @throws NotSupportedError for a PRAGMA. */
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
    // Where nothing is open any more, the error has ended it all.
    if (!connection.closed && connection.info.status !== 'idle') {
      connection.execute(`rollback to savepoint ${SAVEPOINT}; release savepoint ${SAVEPOINT}`)
    }
    throw error
  }
  connection.execute(`release savepoint ${SAVEPOINT}`)
  return result
}
