/**
 * One connection of the async API, with the method names of asyncpg. Methods only check arguments and run flows;
 * everything about PostgreSQL's protocol is in `flows/` and below. A connection runs one operation at a time. A second
 * one is refused at once and does not disturb the first.
 */
import { describeValue } from './errors/describe-value.ts'
import { inspect } from 'node:util'
import {
  BATCH_OPTIONS,
  type BatchOptions,
  CALL_OPTIONS,
  type CallOptions,
  DESCRIBE_OPTIONS,
  type DescribeOptions,
  EXECUTE_OPTIONS,
  type ExecuteOptions,
  type ExecuteStatementOptions,
  FETCH_OPTIONS,
  type FetchOptions,
  type Given,
  RESULT_OPTIONS,
  type ResultOptions,
  type StatementText,
  VALUE_NAMES,
  mayHoldSeveral,
  requireElements,
  requireStatement,
  requireStatementText,
  requireText,
} from './call-options.ts'
import { type BatchTarget, type Elements, fetchMany, runMany } from './batch.ts'
import { CURSOR_OPTIONS, CursorFactory, type CursorOptions } from './cursor.ts'
import { type Engine, runFlow } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import { executeOne, fetchRows } from './flows/run-statement.ts'
import { type CopySource, copyIn, copyOut } from './copy.ts'
import {
  COPY_FROM,
  COPY_FROM_QUERY,
  COPY_OPTIONS,
  COPY_TO,
  type CopyFrom,
  type CopyFromQuery,
  type CopyOptions,
  type CopyTo,
} from './copy-options.ts'
import { type CopyRecordsOptions, loadRecords } from './load-records.ts'
import { copyFromQuerySql, copyFromTableSql, copyToTableSql } from './flows/copy-bytes.ts'
import { CLOSE_NAMES, type CloseOptions } from './flows/call-options.ts'
import { ConnectionInfo, type ConnectionStatus, shownConnection } from './flows/connection-info.ts'
import { inlineArguments } from './flows/inline-arguments.ts'
import { QUERY_LOGGER_OPTIONS, type QueryLogger, type QueryLoggerOptions } from './flows/query-log.ts'
import { knownOptions, requireFunction, requireKnown, requireKnownAlways, TEXT } from './options/known-options.ts'
import { sealInstances } from './options/sealed.ts'
import { readTimeLimit, timerLimit } from './options/time-limit.ts'
import type { Listeners, NoticeListener, NotificationListener, TerminationListener } from './listeners.ts'
import { type Pipeline, runPipeline } from './pipeline.ts'
import { quoteChannel } from './values/sql.ts'
import { describeText, prepareStatement } from './flows/prepare.ts'
import { type QueryResult, queryOne, queryText } from './flows/query.ts'
import { ping, runCommand } from './flows/run-script.ts'
import { type ResetTypeCodecOptions, resetTypeCodec, setBuiltinTypeCodec, setTypeCodec } from './flows/type-codecs.ts'
import type { RetriedTransactionOptions } from './flows/retry.ts'
import type { TransactionOptions } from './flows/transaction.ts'
import { resetQueryFor } from './flows/reset-query.ts'
import { forgetSchema, resetSession } from './flows/reset-session.ts'
import { PreparedStatement, type StatementDescription } from './prepared-statement.ts'
import { type ServerVersion, parseServerVersion } from './server-version.ts'
import { Transaction, transact, transactionArguments } from './transaction.ts'
import type { BuiltinTypeCodecOptions, TypeCodecOptions } from './values/custom-codec.ts'
import { type Row, type Values, pick } from './values/record.ts'
import { attributes, typeInfo } from './values/type-info.ts'
import { requireColumn } from './values/require-column.ts'
import { type OtherRows, ROW_OPTION_NAMES, VALUE_ROWS, rowOptions } from './values/row-options.ts'
import type { RowOf } from './values/row-types.ts'
import type { CompiledStatement } from './values/compiled-statement.ts'

const NO_VALUES: Values = []

/** Options of `prepare`. Options for rows and values apply to each call of the statement that does not set its own. */
export interface PrepareOptions extends ResultOptions {
  /** The statement's name on the server. Without it the driver chooses one. */
  readonly name?: string | undefined
}

const DEFAULT_CLOSE_TIMEOUT_MS = 5000
const PREPARE_OPTIONS = knownOptions<PrepareOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES, name: TEXT })
const CLOSE_OPTIONS = knownOptions<CloseOptions>(CLOSE_NAMES)

let readEngine: (connection: Connection) => Engine

/**
 * One connection. It runs one operation at a time and refuses a call that comes while another one runs. Use a pool to
 * run several at once.
 */
export class Connection {
  static {
    sealInstances(this)
    readEngine = (connection) => connection.#engine
  }

  readonly #engine: Engine
  readonly #info: ConnectionInfo

  /** Made by `connect`. */
  constructor(engine: Engine) {
    this.#engine = engine
    this.#info = new ConnectionInfo(engine.context, () => engine.isClosed)
  }

  /** Facts about the connection and its session. Reading them sends nothing. */
  get info(): ConnectionInfo {
    return this.#info
  }

  /** True after `close` or `terminate`, and after the connection was lost. */
  get closed(): boolean {
    return this.#engine.isClosed
  }

  /** asyncpg's name for `closed`. */
  get isClosed(): boolean {
    return this.closed
  }

  /**
   * Whether a transaction is open on the server, including a failed one. asyncpg has this method; `transactionStatus`
   * says more.
   */
  get isInTransaction(): boolean {
    return !this.isClosed && this.#engine.session.transactionStatus !== 'I'
  }

  /**
   * The state of the transaction on the server: none, open, or failed. A failed one accepts only a rollback. A
   * `transaction(fn)` that has not run a statement yet counts as none, because BEGIN is sent with the first statement.
   */
  get transactionStatus(): ConnectionStatus {
    return this.info.status
  }

  /** Process id of the backend that serves this connection. */
  get backendPid(): number {
    return this.#engine.session.backendPid
  }

  /**
   * The server's version in parts.
   * @example const { major } = con.getServerVersion()
   */
  getServerVersion(): ServerVersion {
    return parseServerVersion(this.parameter('server_version') ?? '')
  }

  /**
   * The value of a parameter that the server reports, such as `server_version` or `TimeZone`; undefined for others.
   * @example console.log(con.parameter('TimeZone'))
   */
  parameter(name: string): string | undefined {
    return this.#engine.session.parameters.get(name)
  }

  /**
   * Runs a statement and drops its rows. Without values the text may hold several statements.
   * @returns the last command tag, such as `INSERT 0 2`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example console.log(await con.execute('update item set price = price + 1 where id = $1', [1])) // UPDATE 1
   */
  async execute(sql: StatementText, values?: Values, options?: ExecuteOptions): Promise<string> {
    requireKnown(options, EXECUTE_OPTIONS, 'execute')
    const { context } = this.#engine
    const given = this.#given('execute', sql, values, options)
    const isScript = values === undefined && given.values.length === 0
    const flow = isScript
      ? runCommand(context, given.sql)
      : executeOne(context, {
          sql: given.sql,
          values: given.values,
          isOneOff: options?.prepare === false,
        })
    return this.#engine.query(flow, given.sql, given.args, options)
  }

  /**
   * Runs a statement and returns its rows, their columns, the command tag and the row count. Without values the text
   * may hold several statements: then `results` has one result for each, and the other fields are those of the last
   * one.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example
   *   const { rows, rowCount } = await con.query('update item set price = price + 1 where id = $1 returning *', [7])
   */
  async query<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<QueryResult<T>>
  async query<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<RowOf<T>>>
  async query(sql: StatementText, values?: Values, options?: FetchOptions): Promise<QueryResult<unknown>> {
    requireKnown(options, FETCH_OPTIONS, 'query')
    const { context } = this.#engine
    const given = this.#given('query', sql, values, options)
    const rows = rowOptions(options, context.rows, 'query')
    const flow = mayHoldSeveral(sql, values, given)
      ? queryText(context, given.sql, rows)
      : queryOne(context, { sql: given.sql, values: given.values, isOneOff: options?.prepare === false, rows })
    return this.#engine.query(flow, given.sql, given.args, options)
  }

  /**
   * Runs a statement and returns all its rows.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const rows = await con.fetch('select * from item where price < $1', [5])
   */
  async fetch<T>(sql: StatementText, values: Values | undefined, options: FetchOptions & OtherRows<T>): Promise<T[]>
  async fetch<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T>[]>
  async fetch(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown[]> {
    requireKnown(options, FETCH_OPTIONS, 'fetch')
    return this.#fetch('fetch', sql, values, 0, options)
  }

  /**
   * Runs a statement and returns its first row; null when there is none. The server runs a SELECT only until it has one
   * row.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const item = await con.fetchrow('select * from item where id = $1', [1])
   */
  async fetchrow<T>(
    sql: StatementText,
    values: Values | undefined,
    options: FetchOptions & OtherRows<T>,
  ): Promise<T | null>
  async fetchrow<T = Row>(sql: StatementText, values?: Values, options?: FetchOptions): Promise<RowOf<T> | null>
  async fetchrow(sql: StatementText, values?: Values, options?: FetchOptions): Promise<unknown> {
    requireKnown(options, FETCH_OPTIONS, 'fetchrow')
    const rows = await this.#fetch('fetchrow', sql, values, 1, options)
    return rows[0] ?? null
  }

  /**
   * Runs a statement and returns one value of its first row; null when there is no row. `column` is the column's name,
   * or its number from 0.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example
   *   // The result is a bigint, because count(*) is int8.
   *   console.log(await con.fetchval('select count(*) from item')) // 3n
   */
  async fetchval<T = unknown>(
    sql: StatementText,
    values?: Values,
    column: number | string = 0,
    options?: FetchOptions,
  ): Promise<T | null> {
    requireColumn(column, 'fetchval')
    requireKnown(options, FETCH_OPTIONS, 'fetchval')
    const [row] = await this.#fetch('fetchval', sql, values, 1, { ...options, ...VALUE_ROWS })
    return row === undefined ? null : (pick(row, column) as T)
  }

  /**
   * Runs a statement once for each element. If one run fails, none of them has an effect.
   * @param sql SQL text, or a compiled statement, whose own values are ignored
   * @param elements lists of values: an iterable or an async iterable
   * @throws the server's error, or DataError for values that do not fit. `batchIndex` is the number of the element that
   *   failed, from 0.
   * @example await con.executemany('insert into item (name, price) values ($1, $2)', [['milk', 1], ['bread', 2]])
   */
  async executemany(sql: string | CompiledStatement, elements: Elements, options?: BatchOptions): Promise<void> {
    requireKnown(options, BATCH_OPTIONS, 'executemany')
    const target = this.#target('executemany', sql, options)
    await runMany(this.#engine, target, requireElements(elements, 'executemany'), options)
  }

  /**
   * Runs a statement that returns rows once for each element, such as `insert … returning`. If one run fails, none of
   * them has an effect.
   * @returns the rows of all elements, in their order.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for elements that do not fit;
   *   QueryTimeoutError after `timeout`. `batchIndex` is the number of the element that failed, from 0
   * @example const ids = await con.fetchmany('insert into item (name) values ($1) returning id', [['milk'], ['bread']])
   */
  async fetchmany<T>(
    sql: string | CompiledStatement,
    elements: Elements,
    options: ResultOptions & OtherRows<T>,
  ): Promise<T[]>
  async fetchmany<T = Row>(
    sql: string | CompiledStatement,
    elements: Elements,
    options?: ResultOptions,
  ): Promise<RowOf<T>[]>
  async fetchmany(sql: string | CompiledStatement, elements: Elements, options?: ResultOptions): Promise<unknown[]> {
    requireKnown(options, RESULT_OPTIONS, 'fetchmany')
    const target = this.#target('fetchmany', sql, options)
    const rows = rowOptions(options, this.#engine.context.rows, 'fetchmany')
    return (await fetchMany(this.#engine, target, requireElements(elements, 'fetchmany'), { ...options, rows })).rows
  }

  /**
   * Loads records into a table with COPY in binary format.
   * @returns the command tag, `COPY 1000`.
   * @throws DataError, which names the record and the column; QueryTimeoutError after `timeout`. If it throws, no
   *   record is loaded.
   * @example await con.copyRecordsToTable('item', { records: [['milk', 1], ['bread', 2]], columns: ['name', 'price'] })
   */
  async copyRecordsToTable(table: string, options: CopyRecordsOptions): Promise<string> {
    return loadRecords(this.#engine, table, options)
  }

  /**
   * Prepares a statement on the server. It stays prepared until you close it, or the connection.
   * @param sql SQL text, or a compiled statement. The compiled statement's own values are ignored, and values passed to
   *   calls mean text
   * @param options.name the statement's name on the server, for `EXECUTE name` in SQL.
   * @throws the server's error: the server refuses faulty SQL here, before the first run
   * @example
   *   const byId = await con.prepare('select name from item where id = $1')
   *   console.log(await byId.fetchval([1]), await byId.fetchval([2]))
   *   await byId.close()
   */
  async prepare<T>(
    sql: string | CompiledStatement,
    options: PrepareOptions & OtherRows<T>,
  ): Promise<PreparedStatement<T>>
  async prepare<T = Row>(
    sql: string | CompiledStatement,
    options?: PrepareOptions,
  ): Promise<PreparedStatement<RowOf<T>>>
  async prepare<T>(sql: string | CompiledStatement, options: PrepareOptions = {}): Promise<PreparedStatement<T>> {
    requireKnown(options, PREPARE_OPTIONS, 'prepare')
    const { context } = this.#engine
    const { text, meaning } = requireStatementText(sql, { method: 'prepare', meaning: context.meaning, options })
    const rows = rowOptions(options, context.rows, 'prepare')
    const statement = await this.#engine.run(prepareStatement(context, text, options.name ?? null), options)
    return new PreparedStatement<T>(this.#engine, statement, { meaning, rows })
  }

  /**
   * Asks the server for the types of a statement's parameters and for its columns, without running it. The statement
   * stays prepared, so running it later needs no extra round trip.
   * @param sql SQL text, or a compiled statement, whose own values are ignored
   * @throws the server's error. In a transaction this error fails the transaction, like any other error.
   * @example const { parameters, columns } = await con.describe('select id, name from item where price < $1')
   */
  async describe(sql: StatementText, options?: DescribeOptions): Promise<StatementDescription> {
    requireKnown(options, DESCRIBE_OPTIONS, 'describe')
    const { context } = this.#engine
    const { text } = requireStatementText(sql, { method: 'describe', meaning: context.meaning })
    const { parameterTypes, columns } = await this.#engine.run(
      describeText(context, text, options?.prepare === false),
      options,
    )
    return {
      parameters: parameterTypes.map((oid) => typeInfo(context.registry, oid)),
      columns: attributes(context.registry, columns),
    }
  }

  /**
   * Gives a statement's rows in pieces: iterate over it, or `open` it to fetch by hand. Needs a transaction.
   * @throws ProgrammingError at once for a value that is not a statement. When you ask for rows: the server's error,
   *   and InterfaceError outside a transaction
   * @example
   *   await con.transaction(async () => {
   *     for await (const row of con.cursor('select * from item')) console.log(row.name)
   *   })
   */
  cursor<T>(sql: StatementText, values: Values | undefined, options: CursorOptions & OtherRows<T>): CursorFactory<T>
  cursor<T = Row>(sql: StatementText, values?: Values, options?: CursorOptions): CursorFactory<RowOf<T>>
  cursor<T>(sql: StatementText, values?: Values, options: CursorOptions = {}): CursorFactory<T> {
    requireKnown(options, CURSOR_OPTIONS, 'cursor')
    const given = this.#given('cursor', sql, values, options)
    const rows = rowOptions(options, this.#engine.context.rows, 'cursor')
    return new CursorFactory<T>(this.#engine, { sql: given.sql, values: given.values, prepared: null, rows }, options)
  }

  /**
   * Sets your own functions that encode and decode values of a type, on this connection. Arrays, ranges and composites
   * of the type use them too.
   * @example await con.setTypeCodec('jsonb', { decoder: (text) => text })
   * @throws ProgrammingError for a type that does not exist, or a codec that does not fit the type.
   */
  async setTypeCodec(typeName: string, options: TypeCodecOptions): Promise<void> {
    await this.#engine.run(setTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Gives a type the codec of a built-in type, or of `hstore`: `{ codecName: 'hstore' }`.
   * @example
   *   await con.execute('create extension if not exists hstore')
   *   await con.setBuiltinTypeCodec('hstore', { codecName: 'hstore' })
   */
  async setBuiltinTypeCodec(typeName: string, options: BuiltinTypeCodecOptions): Promise<void> {
    await this.#engine.run(setBuiltinTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Gives a type its built-in codec again, after `setTypeCodec` or `setBuiltinTypeCodec`.
   * @param options.schema the type's schema; without it the search path decides
   * @example await con.resetTypeCodec('jsonb')
   */
  async resetTypeCodec(typeName: string, options: ResetTypeCodecOptions = {}): Promise<void> {
    await this.#engine.run(resetTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Sends each statement of `fn` at once, without waiting for the answers of those before it. Resolves when all of them
   * are done. Each statement succeeds or fails by itself. `timeout` and `signal` are for the whole pipeline: they
   * cancel the statements that are not done, and the call fails.
   * @throws what `fn` throws; QueryTimeoutError after `timeout`
   * @example const [items, count] = await con.pipeline((p) => Promise.all([p.fetch('select 1'), p.fetchval('select 2')]))
   */
  async pipeline<T>(fn: (pipeline: Pipeline) => Promise<T>, options?: CallOptions): Promise<T> {
    requireFunction(fn, 'pipeline')
    requireKnown(options, CALL_OPTIONS, 'pipeline')
    return runPipeline(this.#engine, fn, options)
  }

  /**
   * Loads data in one of COPY's formats into a table: text, CSV or binary.
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @returns the command tag.
   * @throws the source's own error. Then nothing is loaded, and the connection stays usable. Small chunks that come at once
   *   are sent together, up to 64 kB, so the server's error may come after later chunks were read.
   * @example await con.copyToTable('item', { source: ['milk,1\n', 'bread,2\n'], columns: ['name', 'price'], format: 'csv' })
   */
  async copyToTable(table: string, options: CopyTo): Promise<string> {
    requireKnownAlways(options, COPY_TO, 'copyToTable', 'source')
    const sql = copyToTableSql(table, options)
    return this.#engine.query(
      () => copyIn(this.#engine, sql, options.source, { ...options, method: 'copyToTable' }),
      sql,
      NO_VALUES,
      options,
    )
  }

  /**
   * Writes the rows of a table to an output, in one of COPY's formats.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @returns the command tag.
   * @throws the output's own error.
   * @example await con.copyFromTable('item', { output: (chunk) => console.log(String(chunk)), format: 'csv', header: true })
   */
  async copyFromTable(table: string, options: CopyFrom): Promise<string> {
    requireKnownAlways(options, COPY_FROM, 'copyFromTable', 'output')
    const sql = copyFromTableSql(table, options)
    return this.#engine.query(
      () => copyOut(this.#engine, sql, options.output, { ...options, method: 'copyFromTable' }),
      sql,
      NO_VALUES,
      options,
    )
  }

  /**
   * Writes the rows of a query to an output, in one of COPY's formats.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @throws the server's error, or the output's own
   * @example
   *   const output = (chunk) => console.log(String(chunk))
   *   await con.copyFromQuery('select * from item where price < $1', [5], { output })
   */
  async copyFromQuery(query: StatementText, values: Values | undefined, options: CopyFromQuery): Promise<string> {
    requireKnownAlways(options, COPY_FROM_QUERY, 'copyFromQuery', 'output')
    const given = this.#given('copyFromQuery', query, values, options)
    const { context, session } = this.#engine
    const work = async (): Promise<string> => {
      const text = await runFlow(inlineArguments(context, given.sql, given.values), session)
      return copyOut(this.#engine, copyFromQuerySql(text, options), options.output, {
        ...options,
        method: 'copyFromQuery',
      })
    }
    return this.#engine.query(work, given.sql, given.values, options)
  }

  /**
   * Runs a COPY statement that you write in SQL.
   * @param sql `COPY … FROM STDIN`, with a `source`, or `COPY … TO STDOUT`, with an `output`
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @returns the command tag.
   * @throws the error of the source or the output; ProgrammingError for a statement that is not such a COPY. Then
   *   nothing is loaded.
   * @example await con.copy('copy item (name) from stdin (format csv)', { source: ['milk\n', 'bread\n'] })
   */
  async copy(sql: string, options: CopyOptions): Promise<string> {
    requireText(sql, 'copy')
    requireKnownAlways(options, COPY_OPTIONS, 'copy', 'source or output')
    const { source, output } = options
    if (source !== undefined && output !== undefined)
      throw new ProgrammingError('copy: expected a source or an output, got both')
    const work = (): Promise<string> => {
      if (output !== undefined) return copyOut(this.#engine, sql, output, { ...options, method: 'copy' })
      return copyIn(this.#engine, sql, source as CopySource, { ...options, method: 'copy' })
    }
    return this.#engine.query(work, sql, NO_VALUES, options)
  }

  /**
   * Calls the listener for each notification on a channel, until the connection is closed or given back to its pool.
   * PostgreSQL starts to deliver at the end of the transaction that `addListener` was called in, whether it commits or
   * rolls back.
   * @throws ProgrammingError for a channel name of more than 63 bytes; InterfaceError for a listener that is not a
   *   function.
   * @example await con.addListener('job', (con, pid, channel, payload) => console.log(channel, payload))
   */
  async addListener(channel: string, listener: NotificationListener<Connection>): Promise<void> {
    requireListener(listener, 'addListener')
    const name = quoteChannel(channel, 'addListener')
    if (this.#listeners.add(channel, listener)) {
      try {
        await this.#engine.run(runCommand(this.#engine.context, `LISTEN ${name}`))
        // A rollback undoes the LISTEN on the server but not here, so the engine sends it again after the transaction.
        if (this.isInTransaction) this.#listeners.unsettled.add(channel)
      } catch (error) {
        this.#listeners.remove(channel, listener)
        throw error
      }
    }
  }

  /**
   * Stops calling a listener of `addListener`. Does nothing if the listener was not added.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example
   *   const listener = () => {}
   *   await con.addListener('job', listener)
   *   await con.removeListener('job', listener)
   */
  async removeListener(channel: string, listener: NotificationListener<Connection>): Promise<void> {
    const name = quoteChannel(channel, 'removeListener')
    if (!this.#listeners.remove(channel, listener) || this.isClosed) return
    await this.#engine.run(runCommand(this.#engine.context, `UNLISTEN ${name}`))
  }

  /**
   * Calls the listener for each notification on any channel: channels of `addListener`, and those of a `LISTEN` in SQL.
   * Sends no LISTEN itself.
   * @example
   *   con.addNotificationListener((con, { channel, payload }) => console.log(channel, payload))
   *   await con.execute('listen job')
   */
  addNotificationListener(listener: NotificationListener<Connection>): void {
    this.#listeners.notifications.add(requireListener(listener, 'addNotificationListener'))
  }

  /**
   * Stops calling a listener of `addNotificationListener`. Does nothing if it was not added.
   * @example
   *   const listener = () => {}
   *   con.addNotificationListener(listener)
   *   con.removeNotificationListener(listener)
   */
  removeNotificationListener(listener: NotificationListener<Connection>): void {
    this.#listeners.notifications.delete(listener)
  }

  /**
   * Calls the listener with every notice and warning of the server, in their order and before the call that caused them
   * ends.
   * @example con.addLogListener((con, notice) => console.error(notice.message))
   */
  addLogListener(listener: NoticeListener<Connection>): void {
    this.#listeners.notices.add(requireListener(listener, 'addLogListener'))
  }

  /**
   * Stops calling a listener of `addLogListener`. Does nothing if it was not added.
   * @example
   *   const listener = () => {}
   *   con.addLogListener(listener)
   *   con.removeLogListener(listener)
   */
  removeLogListener(listener: NoticeListener<Connection>): void {
    this.#listeners.notices.delete(listener)
  }

  /**
   * Calls the listener once, when the connection is closed or lost. It gets the reason; null when the program closed
   * the connection.
   * @example con.addTerminationListener((con, reason) => console.error('the connection has ended', reason))
   */
  addTerminationListener(listener: TerminationListener<Connection>): void {
    this.#listeners.terminations.add(requireListener(listener, 'addTerminationListener'))
  }

  /**
   * Stops calling a listener of `addTerminationListener`. Does nothing if it was not added.
   * @example
   *   const listener = () => {}
   *   con.addTerminationListener(listener)
   *   con.removeTerminationListener(listener)
   */
  removeTerminationListener(listener: TerminationListener<Connection>): void {
    this.#listeners.terminations.delete(listener)
  }

  /**
   * Calls the logger after each query of the program, with its text, duration, row count and error. With `{ args: true
   * }` the logger gets the arguments too.
   * @throws ProgrammingError for a value that is not a function.
   * @example con.addQueryLogger(({ query, elapsed, rowCount }) => console.error(query, elapsed, rowCount))
   */
  addQueryLogger(logger: QueryLogger, options?: QueryLoggerOptions): void {
    requireFunction(logger, 'addQueryLogger')
    requireKnown(options, QUERY_LOGGER_OPTIONS, 'addQueryLogger')
    this.#listeners.loggers.add(logger, options)
  }

  /**
   * Stops calling a logger of `addQueryLogger`. Does nothing if it was not added.
   * @example
   *   const listener = () => {}
   *   con.addQueryLogger(listener)
   *   con.removeQueryLogger(listener)
   */
  removeQueryLogger(logger: QueryLogger): void {
    this.#listeners.loggers.delete(logger)
  }

  /**
   * Adds a query logger until the end of a `using` scope; see `addQueryLogger`.
   * @example using logging = con.queryLogger((query) => console.log(query.query, query.elapsed))
   */
  queryLogger(logger: QueryLogger, options?: QueryLoggerOptions): Disposable {
    this.addQueryLogger(logger, options)
    return { [Symbol.dispose]: () => this.removeQueryLogger(logger) }
  }

  /**
   * Forgets cached statements and the types it has learned. Call it after a change of the schema that the driver cannot
   * notice.
   * @example con.reloadSchemaState()
   */
  reloadSchemaState(): void {
    forgetSchema(this.#engine.context)
  }

  /**
   * Runs `fn` in a transaction. It commits when the promise of `fn` is fulfilled and rolls back when it is rejected.
   * Inside an open transaction it is a savepoint. If `fn` throws `new Rollback(value)`, the transaction rolls back and
   * the call resolves to `value`.
   *
   * Without a function it returns a `Transaction`, which you start and end yourself.
   * @throws ProgrammingError for invalid options.
   * @example
   *   await con.transaction(async () => {
   *     await con.execute('update item set price = price - 1 where id = $1', [1])
   *     await con.execute('update item set price = price + 1 where id = $1', [2])
   *   })
   */
  transaction<T>(fn: () => Promise<T>): Promise<T>
  transaction<T>(options: RetriedTransactionOptions, fn: () => Promise<T>): Promise<T>
  transaction<T>(fn: () => Promise<T>, options: RetriedTransactionOptions): Promise<T>
  transaction(): Transaction
  transaction(options: TransactionOptions): Transaction
  transaction<T>(...args: readonly unknown[]): Transaction | Promise<T> {
    const { options, fn } = transactionArguments<T>(args)
    if (fn === null) return new Transaction(this.#engine, options)
    return transact({ engine: this.#engine, terminate: () => this.terminate() }, options, fn)
  }

  /**
   * Makes one round trip to the server.
   * @param options.timeout milliseconds; null or 0 for no limit. The default is the connection's `commandTimeout`. When
   *   the limit passes, the connection is closed at once.
   * @throws OperationalError when the connection is lost, or when the limit has passed.
   * @example await con.ping({ timeout: 1000 })
   */
  async ping(options?: CallOptions): Promise<void> {
    requireKnown(options, CALL_OPTIONS, 'ping')
    await this.#engine.run(ping(this.#engine.context), options)
  }

  /**
   * Resets the session: rolls back, releases advisory locks, closes cursors, resets settings and removes listeners.
   * Codecs and prepared statements stay.
   * @example await con.reset()
   */
  async reset(options?: CallOptions): Promise<void> {
    requireKnown(options, CALL_OPTIONS, 'reset')
    const { context } = this.#engine
    this.#listeners.clear()
    await this.#engine.run(resetSession(context, this.getResetQuery()), options)
  }

  /**
   * The SQL that `reset` runs after the rollback. A subclass overrides it to run other SQL.
   * @example console.log(con.getResetQuery())
   */
  getResetQuery(): string {
    return resetQueryFor(this.#engine.session.parameters)
  }

  /**
   * Cancels the call that runs on this connection; in a pipeline, the statement that runs. The call fails with
   * QueryCanceledError, unless it has finished. Resolves when the server has received the request. Does nothing when no
   * call runs.
   * @throws NotSupportedError where the server takes no cancel request: an embedded PostgreSQL, some poolers.
   * @example
   *   const slow = con.fetch('select pg_sleep(60)').catch((error) => error.name)
   *   await con.cancel()
   *   console.log(await slow) // QueryCanceledError
   */
  async cancel(): Promise<void> {
    await this.#engine.cancel()
  }

  /**
   * Lets the process end while the connection is open, even while a call runs. `ref` undoes this. It has no effect on
   * connections of a pool, and none on an embedded PostgreSQL, which never keeps the process alive.
   * @example con.unref()
   */
  unref(): void {
    this.#engine.keepAlive?.(false)
  }

  /**
   * Keeps the process alive while the connection is open. This is the default.
   * @example con.ref()
   */
  ref(): void {
    this.#engine.keepAlive?.(true)
  }

  /**
   * Closes the connection at once, without waiting. A call that runs fails.
   * @example con.terminate()
   */
  terminate(): void {
    if (this.#engine.isShut) return
    this.#engine.isShut = true
    const { session } = this.#engine
    // A backend that runs a statement does not notice that its client is gone. Without the cancel it would keep its
    // locks until the statement ends.
    if (this.#engine.isBusy) session.cancel({}).catch(() => {})
    void session.close({ timeoutMs: 0 })
  }

  /**
   * Closes the connection. The server rolls back an open transaction. Waits until the server has closed its end, which takes
   * one round trip, and at most `timeout` ms, 5000 by default. Then the client cuts the connection. A second call does
   * nothing. `terminate` does not wait.
   * @param options.timeout milliseconds; null or 0 for no limit
   * @example await con.close({ timeout: 1000 })
   */
  async close(options: CloseOptions = {}): Promise<void> {
    requireKnown(options, CLOSE_OPTIONS, 'close')
    const limitMs = readTimeLimit(options.timeout, 'close: timeout') ?? DEFAULT_CLOSE_TIMEOUT_MS
    if (this.#engine.isShut) return
    this.#engine.isShut = true
    if (this.#engine.isBusy) this.#engine.session.cancel({}).catch(() => {})
    await this.#engine.session.close({ timeoutMs: timerLimit(limitMs) })
  }

  /**
   * Closes the connection at the end of an `await using` scope; see `close`.
   * @example
   *   await using other = await connect('postgres://localhost/shop')
   *   console.log(await other.fetchval('select 1')) // 1
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  [inspect.custom](): string {
    return shownConnection(this.info)
  }

  get #listeners(): Listeners<Connection> {
    return this.#engine.listeners as Listeners<Connection>
  }

  async #fetch(
    method: string,
    sql: StatementText,
    values: Values | undefined,
    rowLimit: number,
    options: FetchOptions | undefined,
  ): Promise<Row[]> {
    const { context } = this.#engine
    const given = this.#given(method, sql, values, options)
    const flow = fetchRows(context, {
      sql: given.sql,
      values: given.values,
      rowLimit,
      isOneOff: options?.prepare === false,
      rows: rowOptions(options, context.rows, method),
    })
    return (await this.#engine.query(flow, given.sql, given.args, options)).rows
  }

  #given(method: string, sql: StatementText, values: Values | undefined, options?: ExecuteStatementOptions): Given {
    return requireStatement(sql, values ?? null, { method, meaning: this.#engine.context.meaning, options })
  }

  #target(method: string, sql: string | CompiledStatement, options: ExecuteStatementOptions | undefined): BatchTarget {
    const { text, meaning } = requireStatementText(sql, { method, meaning: this.#engine.context.meaning, options })
    return { sql: text, meaning }
  }
}

/** Your own class of connections: it extends `Connection` and has the same constructor arguments. */
export type ConnectionClass<C extends Connection = Connection> = new (
  ...args: ConstructorParameters<typeof Connection>
) => C

/**
 * The engine of a connection. Only the pool uses it, to put a lease between the engine and the connection that it lends
 * out.
 */
export function engineOf(connection: Connection): Engine {
  return readEngine(connection)
}

function requireListener<F>(listener: F, method: string): F {
  if (typeof listener === 'function') return listener
  throw new InterfaceError(`${method}: expected a function, got ${describeValue(listener)}`)
}
