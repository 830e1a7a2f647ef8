/** Kysely's driver: it lends connections, begins and ends transactions, and runs compiled queries and streams. */
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult, type TransactionSettings } from 'kysely'
import { InFailedSQLTransactionError, ProgrammingError, quoteIdentifier } from '../../index.ts'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { inTurn, isBusy, quiet } from '../common/turns.ts'
import type { AnyConnection, ConnectionSource } from './sources.ts'

export type ConnectionHook = (connection: DatabaseConnection) => Promise<void> | void

interface Hooks {
  readonly onReserveConnection?: ConnectionHook | undefined
}

/** Rows are plain objects, as Kysely's plugins expect them. */
const OBJECTS = { rowFactory: 'object' } as const
const COUNTED = /^(?:INSERT|UPDATE|DELETE|MERGE)\b/
/**
 * A key by which Kysely recognizes that the transaction is over, so that it releases the connection. Kysely does not
 * export its own class.
 */
const ABORTED_TRANSACTION = Symbol.for('kysely.AbortedTransactionError')
const DEFAULT_CHUNK = 100
/** The savepoint that stands for a transaction of Kysely inside another one. */
const INNER = 'syncpg_kysely'

export class SyncpgDriver implements Driver {
  readonly #source: ConnectionSource
  readonly #hooks: Hooks

  constructor(source: ConnectionSource, hooks: Hooks) {
    this.#source = source
    this.#hooks = hooks
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection = new SyncpgConnection(await this.#source.acquire(), this.#source.isShared)
    try {
      await this.#hooks.onReserveConnection?.(connection)
      return connection
    } catch (error) {
      await this.#source.release(connection.lent, false)
      throw error
    }
  }

  /**
   * Begins a transaction. If the connection's owner has already begun one, it sets a savepoint instead, as
   * `transaction(fn)` does. A BEGIN would change nothing there, and the COMMIT after it would commit the owner's
   * unfinished transaction.
   * @throws ProgrammingError for an isolation level or access mode inside such a transaction
   */
  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const ours = connection as SyncpgConnection
    const { isolationLevel, accessMode } = settings
    const level = isolationLevel === undefined ? '' : ` isolation level ${isolationLevel}`
    const mode = accessMode === undefined ? '' : ` ${accessMode}`
    ours.isInner = await ours.isInTransaction()
    if (!ours.isInner) {
      await command(connection, level + mode === '' ? 'begin' : `start transaction${level}${mode}`)
      return
    }
    if (level + mode !== '') {
      throw new ProgrammingError(
        `a transaction is already open on the connection, so Kysely's transaction is a savepoint in it and cannot have${level}${mode}`,
      )
    }
    await command(connection, `savepoint ${INNER}`)
  }

  /**
   * @throws InFailedSQLTransactionError when the server rolled back instead, because a statement of the transaction had
   *   failed.
   */
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const { isInner, lent } = connection as SyncpgConnection
    // Queries that the transaction's function started and did not await are part of the transaction.
    await quiet(lent)
    if (isInner) {
      await releaseInner(connection)
      return
    }
    if ((await command(connection, 'commit')) === 'ROLLBACK') throw failedBeforeCommit()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const { isInner, lent } = connection as SyncpgConnection
    try {
      await quiet(lent)
      if (isInner) await undoInner(connection)
      else await command(connection, 'rollback')
    } catch (error) {
      ;(connection as SyncpgConnection).isBroken = true
      throw error
    }
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, `savepoint ${quoteIdentifier(name)}`)
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, `rollback to ${quoteIdentifier(name)}`)
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, `release ${quoteIdentifier(name)}`)
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const { lent, isBroken } = connection as SyncpgConnection
    if (isBroken || !isBusy(lent)) {
      await this.#source.release(lent, isBroken)
      return
    }
    // After `signal` Kysely no longer waits for the query. Its caller gets the error at once; the connection is lent
    // again only when the query has ended.
    void quiet(lent)
      .then(() => this.#source.release(lent, false))
      .catch(() => {})
  }

  async destroy(): Promise<void> {
    await this.#source.close()
  }
}

/** One connection as Kysely sees it. */
class SyncpgConnection implements DatabaseConnection {
  /** The connection of syncpg. */
  readonly lent: AnyConnection
  /** Whether the connection must not be used again. */
  isBroken = false
  /** Whether its transaction is a savepoint. */
  isInner = false

  readonly #isShared: boolean

  constructor(lent: AnyConnection, isShared: boolean) {
    this.lent = lent
    this.#isShared = isShared
  }

  /**
   * Whether a transaction is open. The driver sends the BEGIN of a `transaction(fn)` with its first statement, and
   * reports no transaction before that. So, if other code may use the connection too, this method sends a statement
   * first.
   */
  async isInTransaction(): Promise<boolean> {
    const { lent } = this
    if (this.#isShared && !isBlocking(lent) && !lent.isInTransaction) await inTurn(lent, () => lent.query('select 1'))
    return isInTransaction(lent)
  }

  async executeQuery<R>(query: CompiledQuery): Promise<Result<R>> {
    const { rows, tag, rowCount } = await inTurn(this.lent, () => ask<R>(this.lent, query))
    if (rowCount === null || !COUNTED.test(tag)) return { rows, tag }
    return { rows, tag, numAffectedRows: BigInt(rowCount) }
  }

  /**
   * Gives rows in pieces. Outside of a transaction it begins one of its own, because a cursor ends with its
   * transaction.
   */
  async *streamQuery<R>(query: CompiledQuery, chunkSize = DEFAULT_CHUNK): AsyncIterableIterator<QueryResult<R>> {
    if (!Number.isInteger(chunkSize) || chunkSize <= 0) {
      throw new ProgrammingError(`stream: chunkSize has to be an integer from 1 on, got ${chunkSize}`)
    }
    const { lent } = this
    const isOwn = !(await this.isInTransaction())
    if (isOwn) await command(this, 'begin')
    const rows = rowsOf<R>(lent, query, chunkSize)
    let isAtEnd = false
    // If the caller leaves the loop early, the work is committed, as it would be without a transaction.
    let end = 'commit'
    try {
      while (!isAtEnd) {
        const piece = await inTurn(lent, () => pieceOf(rows, chunkSize))
        isAtEnd = piece.length < chunkSize
        if (piece.length > 0) yield { rows: piece }
      }
    } catch (error) {
      end = 'rollback'
      throw error
    } finally {
      if (!isClosed(lent)) {
        if (!isAtEnd) await inTurn(lent, async () => rows.return?.())
        if (isOwn) await command(this, end)
      }
    }
  }

  /** For Kysely 0.29: cancels the running statement on the server. */
  async cancelQuery(): Promise<void> {
    await (this.lent as { cancel?(): Promise<void> | void }).cancel?.()
  }

  /** For Kysely 0.29: ends the session. */
  async killSession(): Promise<void> {
    this.isBroken = true
    const { lent } = this
    if (isBlocking(lent)) lent.close()
    else lent.terminate()
  }
}

/** Kysely's result with the command tag. */
interface Result<R> extends QueryResult<R> {
  readonly tag: string
}

interface Answer<R> {
  readonly rows: R[]
  readonly tag: string
  readonly rowCount: number | null
}

type RowIterator<R> = AsyncIterator<R, unknown> | Iterator<R, unknown>

async function ask<R>(lent: AnyConnection, { sql, parameters }: CompiledQuery): Promise<Answer<R>> {
  const statement = { sql, parameters }
  const answer = isBlocking(lent) ? lent.query(statement, null, OBJECTS) : lent.query(statement, undefined, OBJECTS)
  return (await answer) as unknown as Answer<R>
}

function rowsOf<R>(lent: AnyConnection, { sql, parameters }: CompiledQuery, size: number): RowIterator<R> {
  const statement = { sql, parameters }
  const rows: unknown = isBlocking(lent)
    ? lent.cursor().stream(statement, null, { ...OBJECTS, size })
    : lent.cursor(statement, undefined, { ...OBJECTS, prefetch: size })
  return Symbol.asyncIterator in (rows as object)
    ? (rows as AsyncIterable<R>)[Symbol.asyncIterator]()
    : (rows as Iterable<R>)[Symbol.iterator]()
}

/** Returns the next rows, at most `size`; fewer at the end. */
async function pieceOf<R>(rows: RowIterator<R>, size: number): Promise<R[]> {
  const piece: R[] = []
  while (piece.length < size) {
    const next = await rows.next()
    if (next.done === true) break
    piece.push(next.value)
  }
  return piece
}

function isBlocking(lent: AnyConnection): lent is BlockingConnection {
  return 'autocommit' in lent
}

function isInTransaction(lent: AnyConnection): boolean {
  return isBlocking(lent) ? lent.info.status !== 'idle' : lent.isInTransaction
}

function isClosed(lent: AnyConnection): boolean {
  return isBlocking(lent) ? lent.closed : lent.isClosed
}

/** Runs a command as a query of Kysely, so that Kysely's loggers hear of it. @returns the command tag. */
async function command(connection: DatabaseConnection, sql: string): Promise<string> {
  const result = (await connection.executeQuery(CompiledQuery.raw(sql))) as Result<unknown>
  return result.tag
}

/**
 * Commits a transaction that is a savepoint.
 * @throws InFailedSQLTransactionError when a statement had failed; the savepoint is rolled back then.
 */
async function releaseInner(connection: DatabaseConnection): Promise<void> {
  try {
    await command(connection, `release ${INNER}`)
  } catch (error) {
    if (!(error instanceof InFailedSQLTransactionError)) throw error
    await undoInner(connection)
    throw failedBeforeCommit()
  }
}

async function undoInner(connection: DatabaseConnection): Promise<void> {
  await command(connection, `rollback to ${INNER}`)
  await command(connection, `release ${INNER}`)
}

function failedBeforeCommit(): Error {
  const error = new InFailedSQLTransactionError('commit: the transaction had failed, so the server rolled it back', {
    sqlstate: '25P02',
  })
  return Object.defineProperty(error, ABORTED_TRANSACTION, { value: true })
}
