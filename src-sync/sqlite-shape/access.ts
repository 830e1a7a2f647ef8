/**
 * What a database and its statements share: the connection and all that is done on it. Decides about transactions, because
 * SQLite's words for them are not all PostgreSQL's and some of PostgreSQL's answers would be believed by mistake: a COMMIT
 * that rolled back, a BEGIN inside a transaction.
 */
import { type Connection, InterfaceError, type IsolationLevel, ProgrammingError, connect } from '../index.ts'
import { type DatabaseSyncOptions, connectionOptions } from './database-options.ts'
import { InsertedRows } from './inserted-row.ts'
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

  exec(sql: string): void {
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
    if (isScript || !DATA_VERBS.has(verb)) this.inserted.forget()
    const isSaved = this.options.statementSavepoints === true && !isScript && !SAVEPOINT_VERBS.has(verb)
    if (!isSaved || !this.isTransaction || connection.info.status === 'failed') return action(connection)
    return saved(connection, action)
  }

  /** Does what a statement of transaction control says, SQLite's way. @returns whether it was one. */
  control({ words, isWordsOnly }: SqlShape, sql: string): boolean {
    const [verb = '', ...rest] = words
    if (verb === 'pragma') throw pragmaRefusal(sql)
    if (!isWordsOnly) return false
    const [first, ...others] = rest.filter((word) => word !== 'transaction' && word !== 'work')
    if (others.length > 0) return false
    if (verb === 'begin' && (first === undefined || MODES.has(first)))
      this.#begin((first ?? 'deferred') as TransactionMode)
    else if ((verb === 'commit' || verb === 'end') && first === undefined) this.#finish('commit')
    else if (verb === 'rollback' && first === undefined) this.#finish('rollback')
    else return false
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
      return this.isTransaction ? connection.transaction(body) : this.#outermost(mode, body)
    } catch (error) {
      // What was learned of tables may have been undone.
      this.inserted.forget()
      throw error
    }
  }

  #outermost<T>(mode: TransactionMode, body: () => T): T {
    const { connection } = this
    if (mode !== 'deferred') this.#lock.take(connection)
    try {
      return connection.transaction({ isolation: this.#isolation }, body)
    } finally {
      this.#lock.settle(connection)
    }
  }

  get #isolation(): IsolationLevel {
    return this.options.isolationLevel ?? 'serializable'
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
      if (how === 'rollback') this.inserted.forget()
      this.#lock.settle(connection)
    }
  }
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
