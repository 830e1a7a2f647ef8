/**
 * What the scenarios of `test/parity` are written against: the part both faces have in common, where a result is either
 * a promise or the plain value. Awaiting a plain value is harmless, so a scenario is written once and awaits everything.
 */
import {
  connect as connectAsync,
  type CompiledStatement,
  type Connection as AsyncConnection,
  type ProgressOption,
  type QueryLogger,
  type QueryLoggerOptions,
  type QueryResult,
  type RowOptions,
  type StatementText,
  type ValueMeaning,
} from 'syncpg/async'
import { connect as connectBlocking, type Connection as BlockingConnection, type NotAsync } from 'syncpg'

export type Maybe<T> = T | Promise<T>

/** The body of a transaction: yields what must be awaited and gets it back settled. */
export type Body<T> = () => Generator<Maybe<unknown>, T, unknown>

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  readonly readOnly?: boolean
  readonly retries?: number
}

export interface CopyOptions extends ProgressOption {
  readonly records: Iterable<readonly unknown[]>
  readonly columns?: readonly string[]
  readonly schema?: string
}

type Values = readonly unknown[]

/** What a call may say of its values and rows. */
export type Forms = Omit<RowOptions, 'rowFactory' | 'recordClass'> & { readonly values?: ValueMeaning }

export interface Driver {
  readonly isClosed: boolean
  readonly isInTransaction: boolean
  /** Gives the last command tag. */
  execute(sql: string, values?: Values): Maybe<string>
  /** Rows as arrays of values. */
  rows(sql: string, values?: Values): Maybe<unknown[][]>
  fetch(sql: string, values?: Values): Maybe<Iterable<unknown>[]>
  fetchrow(sql: string, values?: Values): Maybe<Iterable<unknown> | null>
  fetchval(sql: string, values?: Values, column?: number | string): Maybe<unknown>
  /** Everything that comes of it; rows as arrays of values. */
  query(sql: StatementText, values?: Values, forms?: Forms): Maybe<QueryResult<unknown[]>>
  /** Prepares, fetches rows as arrays of values, and closes. */
  prepared(sql: string | CompiledStatement, values: Values, forms?: Forms): Maybe<unknown[][]>
  /** Reads in pieces, in a transaction of its own; rows as arrays of values. */
  pieces(sql: StatementText, values: Values, forms?: Forms): Maybe<unknown[][]>
  executemany(sql: string | CompiledStatement, elements: Iterable<Values>, options?: ProgressOption): Maybe<unknown>
  fetchmany(sql: string, elements: Iterable<Values>): Maybe<Iterable<unknown>[]>
  /** Gives the number of records loaded. */
  copy(table: string, options: CopyOptions): Maybe<number>
  /** COPY of bytes, both ways. */
  load(
    table: string,
    options: ProgressOption & { schema?: string; source: Uint8Array | Iterable<Uint8Array | string> },
  ): Maybe<unknown>
  unload(table: string, options: ProgressOption & { schema: string; output: (chunk: Buffer) => void }): Maybe<unknown>
  addQueryLogger(logger: QueryLogger, options?: QueryLoggerOptions): void
  removeQueryLogger(logger: QueryLogger): void
  transaction<T>(body: Body<T>, options?: TransactionOptions): Maybe<T>
  close(): Maybe<void>
}

/** One of the eight: a face over a way to a server. */
export interface World {
  readonly face: 'async' | 'blocking'
  readonly transport: 'tcp' | 'unix' | 'tls' | 'pglite'
  /** Opens a connection in autocommit, which is what the async face always does. */
  connect(): Promise<Driver>
}

/** The driver of a face for a connection string. */
export async function openDriver(face: World['face'], dsn: string): Promise<Driver> {
  if (face === 'async') return asyncDriver(await connectAsync(dsn))
  return blockingDriver(connectBlocking(dsn, { autocommit: true }))
}

const ARRAYS = (): ((values: unknown[]) => unknown[]) => (values) => values

function asyncDriver(connection: AsyncConnection): Driver {
  return {
    get isClosed() {
      return connection.isClosed
    },
    get isInTransaction() {
      return connection.isInTransaction
    },
    execute: (sql, values) => connection.execute(sql, values),
    rows: async (sql, values) => (await connection.fetch(sql, values)).map((row) => [...row] as unknown[]),
    fetch: (sql, values) => connection.fetch<Iterable<unknown>>(sql, values),
    fetchrow: (sql, values) => connection.fetchrow<Iterable<unknown>>(sql, values),
    fetchval: (sql, values, column) => connection.fetchval(sql, values, column),
    query: (sql, values, forms) => connection.query<unknown[]>(sql, values, { ...forms, rowFactory: ARRAYS }),
    async prepared(sql, values, forms) {
      await using statement = await connection.prepare(sql)
      return await statement.fetch<unknown[]>(values, { ...forms, rowFactory: ARRAYS })
    },
    pieces: (sql, values, forms) =>
      connection.transaction(async () => {
        const rows: unknown[][] = []
        const cursor = connection.cursor<unknown[]>(sql, values, { ...forms, rowFactory: ARRAYS, prefetch: 2 })
        for await (const row of cursor) rows.push(row)
        return rows
      }),
    executemany: (sql, elements, options) => connection.executemany(sql, elements, options),
    load: (table, options) => connection.copyToTable(table, options),
    unload: (table, options) => connection.copyFromTable(table, options),
    addQueryLogger: (logger, options) => connection.addQueryLogger(logger, options),
    removeQueryLogger: (logger) => connection.removeQueryLogger(logger),
    fetchmany: (sql, elements) => connection.fetchmany<Iterable<unknown>>(sql, elements),
    copy: async (table, options) => Number((await connection.copyRecordsToTable(table, options)).split(' ')[1]),
    transaction: (body, options = {}) => connection.transaction(options, () => stepAsync(body)),
    close: () => connection.close(),
  }
}

function blockingDriver(connection: BlockingConnection): Driver {
  return {
    get isClosed() {
      return connection.closed
    },
    get isInTransaction() {
      return ['in-transaction', 'failed'].includes(connection.info.status)
    },
    execute(sql, values) {
      const cursor = connection.execute(sql, values)
      while (cursor.nextset()) continue
      return cursor.statusmessage ?? ''
    },
    rows: (sql, values) => connection.fetch(sql, values).map((row) => [...row] as unknown[]),
    fetch: (sql, values) => connection.fetch<Iterable<unknown>>(sql, values),
    fetchrow: (sql, values) => connection.fetchrow<Iterable<unknown>>(sql, values),
    fetchval: (sql, values, column) => connection.fetchval(sql, values, column),
    query: (sql, values, forms) => connection.query<unknown[]>(sql, values, { ...forms, rowFactory: ARRAYS }),
    prepared(sql, values, forms) {
      using statement = connection.prepare<unknown[]>(sql)
      return statement.fetch(values, { ...forms, rowFactory: ARRAYS }) as unknown[][]
    },
    pieces: (sql, values, forms) =>
      connection.transaction(() => {
        const options = { ...forms, rowFactory: ARRAYS, size: 2 }
        const given = values.length === 0 && typeof sql !== 'string' ? null : values
        return [...connection.cursor().stream<unknown[]>(sql, given, options)]
      }),
    executemany: (sql, elements, options) => connection.executemany(sql, elements, options),
    load: (table, options) => connection.copyToTable(table, options),
    unload: (table, options) => connection.copyFromTable(table, options),
    addQueryLogger: (logger, options) => connection.addQueryLogger(logger, options),
    removeQueryLogger: (logger) => connection.removeQueryLogger(logger),
    fetchmany: (sql, elements) => connection.fetchmany<Iterable<unknown>>(sql, elements),
    copy: (table, options) => connection.copyRecordsToTable(table, options),
    transaction: <T>(body: Body<T>, options = {}) =>
      connection.transaction<T>(options, (() => stepBlocking(body)) as (() => T) & NotAsync<T>),
    close: () => connection.close(),
  }
}

async function stepAsync<T>(body: Body<T>): Promise<T> {
  const steps = body()
  let step = steps.next()
  while (step.done !== true) {
    let settled: unknown
    try {
      settled = await step.value
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(settled)
  }
  return step.value
}

function stepBlocking<T>(body: Body<T>): T {
  const steps = body()
  let step = steps.next()
  while (step.done !== true) step = steps.next(step.value)
  return step.value
}
