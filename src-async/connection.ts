/**
 * One connection of the async API: asyncpg's vocabulary over flows. Methods are thin; what PostgreSQL's protocol wants
 * is in `flows/` and below. One operation at a time: a second one is refused at once and the first is not disturbed.
 */
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import { abandonCopyIn } from './flows/copy-bytes.ts'
import { type CopyTarget, copyRecords, endCopy, sendCopyChunk, startCopy } from './flows/copy-records.ts'
import { executeMany } from './flows/execute-many.ts'
import { DROP_ROWS, fetchRows } from './flows/fetch-rows.ts'
import type { FlowContext } from './flows/flow-context.ts'
import { runCommand } from './flows/run-script.ts'
import { runStatement } from './flows/run-statement.ts'
import { type TransactionOptions, commitScope, openScope, rollbackScope } from './flows/transaction.ts'
import { runFlow } from './run-flow.ts'
import { type Row, pick } from './values/record.ts'
import type { Operations } from './wire/operations.ts'

/** What `copyRecordsToTable` takes beside the table's name. */
export interface CopyRecordsOptions {
  readonly records: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>
  readonly columns?: readonly string[]
  readonly schema?: string
  readonly where?: string
}

export interface CloseOptions {
  /** Milliseconds to wait for the server's goodbye before the connection is cut. */
  readonly timeout?: number
}

const NO_VALUES: readonly unknown[] = []
const DEFAULT_CLOSE_TIMEOUT_MS = 5000

/** What a connection is made of; for the pool, which puts a lease between the two. */
export interface ConnectionParts {
  readonly session: Operations
  readonly context: FlowContext
}

let readParts: (connection: Connection) => ConnectionParts

export class Connection {
  static {
    readParts = (connection) => ({ session: connection.#session, context: connection.#context })
  }

  readonly #session: Operations
  readonly #context: FlowContext
  #isBusy = false
  #isClosed = false

  /** Made by `connect`. */
  constructor(session: Operations, context: FlowContext) {
    this.#session = session
    this.#context = context
  }

  /** True after `close`, `terminate` or the loss of the server. */
  get isClosed(): boolean {
    return this.#isClosed || this.#session.isClosed
  }

  /** Whether a transaction is open on the server, failed ones included. */
  get isInTransaction(): boolean {
    return !this.isClosed && this.#session.transactionStatus !== 'I'
  }

  /** Process id of the server's backend. */
  get backendPid(): number {
    return this.#session.backendPid
  }

  /** A run-time parameter the server reports: `server_version`, `TimeZone` … */
  parameter(name: string): string | undefined {
    return this.#session.parameters.get(name)
  }

  /**
   * Runs a statement and drops its rows. Without arguments the text may hold several statements.
   * @returns the last command tag, `INSERT 0 2`.
   * @throws the server's error; DataError, ProgrammingError for arguments that do not fit.
   */
  async execute(sql: string, values?: readonly unknown[]): Promise<string> {
    requireText(sql, 'execute')
    if (values === undefined) return this.#run(runCommand(this.#context, sql))
    return this.#run(executeOne(this.#context, sql, requireValues(values, 'execute')))
  }

  /** Runs a statement and returns all its rows. */
  async fetch<T = Row>(sql: string, values: readonly unknown[] = NO_VALUES): Promise<T[]> {
    requireText(sql, 'fetch')
    return this.#run(fetchRows(this.#context, { sql, values: requireValues(values, 'fetch'), rowLimit: 0 })) as Promise<
      T[]
    >
  }

  /** Runs a statement and returns its first row, null when there is none. A SELECT is run only as far as needed. */
  async fetchrow<T = Row>(sql: string, values: readonly unknown[] = NO_VALUES): Promise<T | null> {
    requireText(sql, 'fetchrow')
    const request = { sql, values: requireValues(values, 'fetchrow'), rowLimit: 1 }
    const rows = await this.#run(fetchRows(this.#context, request))
    return (rows[0] ?? null) as T | null
  }

  /** A value of the first row: its first column, or the one named or counted by `column`; null without a row. */
  async fetchval<T = unknown>(
    sql: string,
    values: readonly unknown[] = NO_VALUES,
    column: number | string = 0,
  ): Promise<T | null> {
    const row = await this.fetchrow(sql, values)
    return row === null ? null : (pick(row, column) as T)
  }

  /**
   * Runs a statement once for each element, all or nothing.
   * @throws with `batchIndex`, the number of the element that failed.
   */
  async executemany(sql: string, elements: Iterable<readonly unknown[]>): Promise<void> {
    requireText(sql, 'executemany')
    await this.#run(executeMany(this.#context, { sql, elements: requireIterable(elements), sinkFor: () => DROP_ROWS }))
  }

  /**
   * Loads records into a table with COPY in binary format.
   * @returns the command tag, `COPY 1000`.
   * @throws DataError naming the record and the column; nothing is loaded then.
   */
  async copyRecordsToTable(table: string, options: CopyRecordsOptions): Promise<string> {
    const { records, ...rest } = options
    const target: CopyTarget = { table, ...rest }
    if (Symbol.iterator in records) return this.#run(copyRecords(this.#context, target, records))
    return this.#exclusively(() => this.#copyAsyncRecords(target, records))
  }

  /**
   * Runs `fn` in a transaction: committed when its promise is fulfilled, rolled back when it is rejected. Inside an open
   * transaction it is a savepoint.
   */
  async transaction<T>(fn: () => Promise<T>): Promise<T>
  async transaction<T>(options: TransactionOptions, fn: () => Promise<T>): Promise<T>
  async transaction<T>(first: TransactionOptions | (() => Promise<T>), second?: () => Promise<T>): Promise<T> {
    const fn = typeof first === 'function' ? first : second
    const options = typeof first === 'function' ? {} : first
    if (typeof fn !== 'function') throw new ProgrammingError('transaction: expected a function to run in it')
    const scope = await this.#run(openScope(this.#context, options))
    let result: T
    try {
      result = await fn()
    } catch (error) {
      // The function's own error is the news; a connection that is gone has rolled back by itself.
      if (!this.isClosed) await this.#run(rollbackScope(this.#context, scope))
      throw error
    }
    await this.#run(commitScope(this.#context, scope))
    return result
  }

  /** Ends the session politely; waits for the server at most `timeout` ms. A second call does nothing. */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#session.close({ timeoutMs: options.timeout ?? DEFAULT_CLOSE_TIMEOUT_MS })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #run<T>(flow: Flow<T>): Promise<T> {
    return this.#exclusively(() => runFlow(flow, this.#session))
  }

  async #exclusively<T>(operation: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new InterfaceError(this.#session.closedReason ?? 'connection is closed')
    if (this.#isBusy) {
      throw new InterfaceError(
        'another operation is in progress on this connection: await it first, or use a second one',
      )
    }
    this.#isBusy = true
    try {
      return await operation()
    } finally {
      this.#isBusy = false
    }
  }

  async #copyAsyncRecords(target: CopyTarget, records: AsyncIterable<readonly unknown[]>): Promise<string> {
    const context = this.#context
    const session = this.#session
    const encoder = await runFlow(startCopy(context, target), session)
    let isSending = false
    try {
      for await (const record of records) {
        encoder.add(record)
        if (!encoder.isFull) continue
        isSending = true
        await runFlow(sendCopyChunk(context, encoder), session)
        isSending = false
      }
    } catch (error) {
      if (!isSending) await runFlow(abandonCopyIn(context, error), session)
      throw error
    }
    return runFlow(endCopy(context, encoder), session)
  }
}

/** The parts of a connection, which are nobody's business but the pool's. */
export function partsOf(connection: Connection): ConnectionParts {
  return readParts(connection)
}

function* executeOne(context: FlowContext, sql: string, values: readonly unknown[]): Flow<string> {
  const { tag } = yield* runStatement(context, { sql, values, sinkFor: () => DROP_ROWS })
  return tag ?? ''
}

function requireText(sql: unknown, method: string): void {
  if (typeof sql !== 'string') throw new ProgrammingError(`${method}: expected SQL as a string, got ${typeof sql}`)
}

function requireValues(values: unknown, method: string): readonly unknown[] {
  if (!Array.isArray(values)) {
    throw new ProgrammingError(`${method}: expected the arguments as an array, got ${typeof values}: wrap them in []`)
  }
  return values
}

function requireIterable(elements: Iterable<readonly unknown[]>): Iterable<readonly unknown[]> {
  const candidate: unknown = elements
  if (candidate === null || typeof candidate !== 'object' || !(Symbol.iterator in candidate)) {
    throw new ProgrammingError('executemany: expected an iterable of arrays')
  }
  return elements
}
