/**
 * node:sqlite's DatabaseSync, with better-sqlite3's `transaction`: the same calls and the same kinds of results, with
 * PostgreSQL behind them. This class is thin: `access.ts` does the work on the connection.
 */
import { inspect } from 'node:util'
import { type Connection, ProgrammingError } from '../index.ts'
import { Access } from './access.ts'
import {
  type DatabaseSyncOptions,
  type StatementOptions,
  checkDsn,
  checkOptions,
  checkStatementOptions,
} from './database-options.ts'
import { guarded } from './error-codes.ts'
import { REFUSED_NAMES, pragmaRefusal, refusal } from './refusals.ts'
import { StatementSync } from './statement.ts'
import type { TransactionMode } from './write-lock.ts'

/** The function that `transaction(fn)` returns: it runs `fn` in a transaction, or in a savepoint when one is open. */
export interface TransactionFunction<A extends unknown[], R> {
  (...args: A): R
  /** A transaction that begins without waiting for other transactions. */
  readonly default: TransactionFunction<A, R>
  /** SQLite's name for the transaction of `default`. */
  readonly deferred: TransactionFunction<A, R>
  /** A transaction that first waits for all others that are `immediate` or `exclusive`. */
  readonly immediate: TransactionFunction<A, R>
  /** In SQLite a stronger lock; here it does what `immediate` does. */
  readonly exclusive: TransactionFunction<A, R>
  /** The database it was made by. */
  readonly database: DatabaseSync
}

/** node:sqlite's database, over a connection to PostgreSQL, with better-sqlite3's `transaction`. */
export class DatabaseSync {
  readonly #access: Access

  /**
   * Connects, unless `open` is false.
   * @param dsn a URI, a libpq `key=value` string, or `pglite:` for the embedded PostgreSQL; without it, the `PG*` variables
   *   of the environment decide.
   * @example
   *   using db = new DatabaseSync('postgres://localhost/shop')
   *   const { lastInsertRowid } = db.prepare('insert into item (name) values (?)').run('tea')
   */
  constructor(dsn?: string, options: DatabaseSyncOptions = {}) {
    this.#access = guarded(DatabaseSync, () => {
      const access = new Access(checkDsn(dsn), checkOptions(options))
      if (options.open !== false) access.open()
      return access
    })
  }

  /**
   * Connects a database that was made with `open: false`, or that was closed.
   * @throws InterfaceError when it is open.
   * @example
   *   const later = new DatabaseSync('postgres://localhost/shop', { open: false })
   *   later.open()
   *   later.close()
   */
  open(): void {
    guarded(this.open, () => this.#access.open())
  }

  /**
   * Closes the connection and rolls back an open transaction.
   * @throws InterfaceError when it is not open; `using` does not.
   * @example
   *   database.close()
   *   console.log(database.isOpen) // false
   */
  close(): void {
    guarded(this.close, () => this.#access.close())
  }

  /**
   * @example
   *   using db = new DatabaseSync('postgres://localhost/shop') // closed at the end of the block
   *   db.exec('delete from item')
   */
  [Symbol.dispose](): void {
    if (this.#access.isOpen) this.#access.close()
  }

  /** Whether it is connected. */
  get isOpen(): boolean {
    return this.#access.isOpen
  }

  /** Whether a transaction is open. */
  get isTransaction(): boolean {
    return guarded(isTransactionGetter, () => this.#access.isTransaction)
  }

  /** better-sqlite3's name for `isTransaction`. */
  get inTransaction(): boolean {
    return guarded(inTransactionGetter, () => this.#access.isTransaction)
  }

  /** The blocking connection underneath, for things that SQLite does not have: COPY, notifications, time limits. */
  get connection(): Connection {
    return guarded(connectionGetter, () => this.#access.connection)
  }

  /**
   * Runs one statement or a script. The SQL is sent unchanged.
   * @example database.exec('create table tag (id serial primary key, name text); create index on tag (name)')
   */
  exec(sql: string): void {
    guarded(this.exec, () => this.#access.exec(requireSql(sql, 'exec')))
  }

  /**
   * Prepares a statement that can run many times.
   * @throws the error in its SQL, unless `checkOnPrepare` is false.
   * @example
   *   const byPrice = database.prepare('select name from item where price < ?')
   *   console.log(byPrice.all(5)) // [ { name: 'tea' }, { name: 'coffee' } ]
   */
  prepare(sql: string, options?: StatementOptions): StatementSync {
    return guarded(
      this.prepare,
      () => new StatementSync(this.#access, requireSql(sql, 'prepare'), checkStatementOptions(options)),
    )
  }

  /**
   * Returns a function that runs `fn` in a transaction, like better-sqlite3. It commits when `fn` returns and rolls back when
   * `fn` throws. Inside a transaction it uses a savepoint. `.immediate` and `.exclusive` wait for each other before they begin.
   * @example
   *   const addAll = database.transaction((names) => {
   *     const insert = database.prepare('insert into item (name) values (?)')
   *     for (const name of names) insert.run(name)
   *   })
   *   addAll(['milk', 'bread'])
   */
  transaction<A extends unknown[], R>(fn: (...args: A) => R): TransactionFunction<A, R> {
    return guarded(this.transaction, () => {
      if (typeof fn !== 'function') throw new ProgrammingError('transaction: expected a function')
      return this.#transactionFunction(fn)
    })
  }

  #transactionFunction<A extends unknown[], R>(fn: (...args: A) => R): TransactionFunction<A, R> {
    const access = this.#access
    const inMode = (mode: TransactionMode): TransactionFunction<A, R> => {
      const run = function (this: unknown, ...args: A): R {
        return guarded(run, () => access.inTransaction(mode, () => Reflect.apply(fn, this, args) as R))
      }
      return run as TransactionFunction<A, R>
    }
    const deferred = inMode('deferred')
    const variants = { default: deferred, deferred, immediate: inMode('immediate'), exclusive: inMode('exclusive') }
    for (const each of [variants.deferred, variants.immediate, variants.exclusive]) {
      Object.assign(each, variants, { database: this })
    }
    return deferred
  }

  /**
   * Refused: PostgreSQL has settings and catalogs instead.
   * @throws NotSupportedError with what to do instead of this pragma.
   * @example
   *   try {
   *     database.pragma('journal_mode')
   *   } catch (error) {
   *     console.log(error.hint) // leave it out: PostgreSQL always has a write-ahead log
   *   }
   */
  pragma(text: string, _options?: unknown): never {
    return guarded(this.pragma, () => {
      throw pragmaRefusal(text)
    })
  }

  /**
   * Refused: the limits of a server are its settings.
   * @throws NotSupportedError
   */
  get limits(): never {
    throw refusal('limits')
  }

  /** @example console.log(database) // <DatabaseSync …>, with the host, the port and the database */
  [inspect.custom](): string {
    return this.isOpen ? `<DatabaseSync ${inspect(this.#access.connection.info)}>` : '<DatabaseSync closed>'
  }

  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly function: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly aggregate: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly table: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly loadExtension: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly enableLoadExtension: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly backup: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly serialize: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly deserialize: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly createSession: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly applyChangeset: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly createTagStore: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly setAuthorizer: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly enableDefensive: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly unsafeMode: Refused
  /** Refused with a `NotSupportedError` that says what to do instead. */
  declare readonly location: Refused
}

/** A method of SQLite that PostgreSQL does not have: calling it throws an error whose hint says what to do instead. */
type Refused = (...args: unknown[]) => never

for (const name of REFUSED_NAMES) {
  const refused: Refused = () =>
    guarded(refused, () => {
      throw refusal(name)
    })
  Object.defineProperty(DatabaseSync.prototype, name, { value: refused, configurable: true, writable: true })
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- `guarded` takes any function.
function getterOf(name: 'isTransaction' | 'inTransaction' | 'connection'): Function {
  return Object.getOwnPropertyDescriptor(DatabaseSync.prototype, name)?.get as () => unknown
}

const isTransactionGetter = getterOf('isTransaction')
const inTransactionGetter = getterOf('inTransaction')
const connectionGetter = getterOf('connection')

function requireSql(sql: unknown, method: string): string {
  if (typeof sql === 'string') return sql
  throw new ProgrammingError(`${method}: expected SQL as a string, got ${sql === null ? 'null' : typeof sql}`)
}
