/**
 * One connection of the async API: asyncpg's vocabulary over flows. Methods are thin; what PostgreSQL's protocol wants
 * is in `flows/` and below. One operation at a time: a second one is refused at once and the first is not disturbed.
 */
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
import type { Engine } from './engine.ts'
import { InterfaceError, ProgrammingError } from './errors/tree.ts'
import { executeOne } from './flows/execute-one.ts'
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
import { ConnectionInfo, type ConnectionStatus } from './flows/connection-info.ts'
import { inlineArguments } from './flows/inline-arguments.ts'
import { QUERY_LOGGER_OPTIONS, type QueryLogger, type QueryLoggerOptions } from './flows/query-log.ts'
import { knownOptions, requireKnown, requireKnownAlways } from './options/known-options.ts'
import { sealInstances } from './options/sealed.ts'
import { readTimeLimit, timerLimit } from './options/time-limit.ts'
import type { Listeners, NoticeListener, NotificationListener, TerminationListener } from './listeners.ts'
import { type Pipeline, runPipeline } from './pipeline.ts'
import { quoteChannel } from './values/sql.ts'
import { fetchRows } from './flows/fetch-rows.ts'
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
import { runFlow } from './run-flow.ts'
import { Transaction, transact, transactionArguments } from './transaction.ts'
import type { BuiltinTypeCodecOptions, TypeCodecOptions } from './values/custom-codec.ts'
import { type Row, type Values, pick } from './values/record.ts'
import { attributes, typeInfo } from './values/type-info.ts'
import { requireColumn } from './values/require-column.ts'
import { type OtherRows, ROW_OPTION_NAMES, VALUE_ROWS, rowOptions } from './values/row-options.ts'
import type { RowOf } from './values/row-types.ts'
import type { CompiledStatement } from './values/compiled-statement.ts'

const NO_VALUES: Values = []

/** What `prepare` takes. How rows are made, and what values mean, is for all calls of the statement that do not say it. */
export interface PrepareOptions extends ResultOptions {
  /** Its name on the server; one of the driver's unless given. */
  readonly name?: string | undefined
}

const DEFAULT_CLOSE_TIMEOUT_MS = 5000
const PREPARE_OPTIONS = knownOptions<PrepareOptions>({ ...VALUE_NAMES, ...ROW_OPTION_NAMES, name: true })
const CLOSE_OPTIONS = knownOptions<CloseOptions>(CLOSE_NAMES)

let readEngine: (connection: Connection) => Engine

/** One connection: it does one thing at a time, and a call that comes meanwhile is refused. A pool has several. */
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

  /** What is known of the connection; costs no trip. */
  get info(): ConnectionInfo {
    return this.#info
  }

  /** True after `close`, `terminate` or the loss of the server. */
  get closed(): boolean {
    return this.#engine.isClosed
  }

  /** asyncpg's name for `closed`. */
  get isClosed(): boolean {
    return this.closed
  }

  /** Whether a transaction is open on the server, failed ones included: asyncpg's question; see `transactionStatus`. */
  get isInTransaction(): boolean {
    return !this.isClosed && this.#engine.session.transactionStatus !== 'I'
  }

  /**
   * What the server says of its transaction: none, one that is open, one that has failed and takes nothing but a rollback.
   * A `transaction(fn)` in which nothing has run yet is none.
   */
  get transactionStatus(): ConnectionStatus {
    return this.info.status
  }

  /** Process id of the server's backend. */
  get backendPid(): number {
    return this.#engine.session.backendPid
  }

  /**
   * The server's version, taken apart.
   * @example const { major } = con.getServerVersion()
   */
  getServerVersion(): ServerVersion {
    return parseServerVersion(this.parameter('server_version') ?? '')
  }

  /**
   * A run-time parameter the server reports: `server_version`, `TimeZone` …
   * @example console.log(con.parameter('TimeZone'))
   */
  parameter(name: string): string | undefined {
    return this.#engine.session.parameters.get(name)
  }

  /**
   * Runs a statement and drops its rows. Without arguments the text may hold several statements.
   * @returns the last command tag, `INSERT 0 2`.
   * @throws the server's error; DataError, ProgrammingError for arguments that do not fit.
   * @example const tag = await con.execute('update item set price = price + 1 where id = $1', [1]) // 'UPDATE 1'
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
          takesAnyRows: true,
        })
    return this.#engine.query(flow, given.sql, given.args, options)
  }

  /**
   * Runs a statement and gives all that comes of it at once: its rows, their columns, the command tag and the count.
   * Without values the text may hold several statements: `results` has one result for each, the other fields are the last
   * one's.
   * @throws as `execute`.
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
   * Runs a statement and returns its first row, null when there is none. A SELECT is run only as far as needed.
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
   * A value of the first row: its first column, or the one named or counted by `column`; null without a row.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const count = await con.fetchval('select count(*) from item') // 3n: a bigint, as count(*) is int8
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
   * Runs a statement once for each element, all or nothing.
   * @param sql a text, or a compiled statement, whose own values are not looked at
   * @param elements an iterable of either kind
   * @throws with `batchIndex`, the number of the element that failed.
   * @example await con.executemany('insert into item (name, price) values ($1, $2)', [['milk', 1], ['bread', 2]])
   */
  async executemany(sql: string | CompiledStatement, elements: Elements, options?: BatchOptions): Promise<void> {
    requireKnown(options, BATCH_OPTIONS, 'executemany')
    const target = this.#target('executemany', sql, options)
    await runMany(this.#engine, target, requireElements(elements, 'executemany'), options)
  }

  /**
   * The same for a statement that gives rows: `insert … returning`.
   * @returns the rows of all elements, in their order.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for elements that do not fit;
   *   QueryTimeoutError after `timeout`; with `batchIndex`, the number of the element that failed
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
   * @throws DataError naming the record and the column; QueryTimeoutError; nothing is loaded then.
   * @example await con.copyRecordsToTable('item', { records: [['milk', 1], ['bread', 2]], columns: ['name', 'price'] })
   */
  async copyRecordsToTable(table: string, options: CopyRecordsOptions): Promise<string> {
    return loadRecords(this.#engine, table, options)
  }

  /**
   * Prepares a statement under a name of its own, until it is closed.
   * @param sql a text, or a compiled statement, whose own values are not looked at; those that come mean text then
   * @param options.name the name on the server, for `EXECUTE name` in SQL.
   * @throws the server's error: a text with a mistake is refused here, not when it runs
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
   * Asks the server what a statement takes and gives, without running it. It is kept prepared, so that running it costs no
   * trip more.
   * @param sql a text, or a compiled statement, whose own values are not looked at
   * @throws what the server says of it; in a transaction that ends the transaction, as any error does.
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
   * A statement's rows in pieces: iterate it, or `open` it to fetch by hand. Needs a transaction.
   * @throws ProgrammingError at once for what is no statement; the server's error when rows are asked for,
   *   InterfaceError outside a transaction
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
   * Chooses how values of a type are made, on this connection, and in every array, range, composite made of it.
   * @example await con.setTypeCodec('jsonb', { decoder: (text) => text })
   * @throws ProgrammingError for a type that does not exist, or a codec that cannot be its.
   */
  async setTypeCodec(typeName: string, options: TypeCodecOptions): Promise<void> {
    await this.#engine.run(setTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Gives a type the codec of a built-in one, or of `hstore`: `{ codecName: 'hstore' }`.
   * @example
   *   await con.execute('create extension if not exists hstore')
   *   await con.setBuiltinTypeCodec('hstore', { codecName: 'hstore' })
   */
  async setBuiltinTypeCodec(typeName: string, options: BuiltinTypeCodecOptions): Promise<void> {
    await this.#engine.run(setBuiltinTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Takes back what `setTypeCodec` or `setBuiltinTypeCodec` chose.
   * @param options.schema the type's schema; the search path finds it without one
   * @example await con.resetTypeCodec('jsonb')
   */
  async resetTypeCodec(typeName: string, options: ResetTypeCodecOptions = {}): Promise<void> {
    await this.#engine.run(resetTypeCodec(this.#engine.context, typeName, options))
  }

  /**
   * Sends what `fn` asks of the pipeline without waiting in between; resolves when all of it is done. Each statement
   * succeeds or fails by itself. `timeout` and `signal` are for the whole: when they strike, what is in flight is
   * cancelled, and the call fails.
   * @throws what `fn` throws; QueryTimeoutError after `timeout`
   * @example const [items, count] = await con.pipeline((p) => Promise.all([p.fetch('select 1'), p.fetchval('select 2')]))
   */
  async pipeline<T>(fn: (pipeline: Pipeline) => Promise<T>, options?: CallOptions): Promise<T> {
    if (typeof fn !== 'function') throw new ProgrammingError('pipeline: expected a function')
    requireKnown(options, CALL_OPTIONS, 'pipeline')
    return runPipeline(this.#engine, fn, options)
  }

  /**
   * Loads COPY's own formats into a table: text, CSV, binary.
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @returns the command tag.
   * @throws the source's own error; nothing is loaded then, and the connection stays usable.
   * @example await con.copyToTable('item', { source: ['milk,1\n', 'bread,2\n'], columns: ['name', 'price'], format: 'csv' })
   */
  async copyToTable(table: string, options: CopyTo): Promise<string> {
    requireKnownAlways(options, COPY_TO, 'copyToTable', 'source')
    const sql = copyToTableSql(table, options)
    return this.#engine.query(() => copyIn(this.#engine, sql, options.source, options), sql, NO_VALUES, options)
  }

  /**
   * Writes a table out in one of COPY's formats.
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @returns the command tag.
   * @throws the output's own error.
   * @example await con.copyFromTable('item', { output: (chunk) => console.log(String(chunk)), format: 'csv', header: true })
   */
  async copyFromTable(table: string, options: CopyFrom): Promise<string> {
    requireKnownAlways(options, COPY_FROM, 'copyFromTable', 'output')
    const sql = copyFromTableSql(table, options)
    return this.#engine.query(() => copyOut(this.#engine, sql, options.output, options), sql, NO_VALUES, options)
  }

  /**
   * Writes a query's rows out in one of COPY's formats.
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
      return copyOut(this.#engine, copyFromQuerySql(text, options), options.output, options)
    }
    return this.#engine.query(work, given.sql, given.values, options)
  }

  /**
   * Runs a COPY that is written in SQL.
   * @param sql `COPY … FROM STDIN`, with a `source`, or `COPY … TO STDOUT`, with an `output`
   * @param options.source where the bytes come from: a path, a `file:` URL, bytes, or an iterable of chunks, which may
   *   be a stream
   * @param options.output where the bytes go: a path, a `file:` URL, a stream, or a function that is called with each
   *   chunk
   * @returns the command tag.
   * @throws the source's or the output's own error; ProgrammingError for another statement. Nothing is loaded then.
   * @example await con.copy('copy item (name) from stdin (format csv)', { source: ['milk\n', 'bread\n'] })
   */
  async copy(sql: string, options: CopyOptions): Promise<string> {
    requireText(sql, 'copy')
    requireKnownAlways(options, COPY_OPTIONS, 'copy', 'source or output')
    const { source, output } = options
    if (source !== undefined && output !== undefined) throw new ProgrammingError('copy: a source and an output at once')
    const work = (): Promise<string> => {
      if (output !== undefined) return copyOut(this.#engine, sql, output, options)
      return copyIn(this.#engine, sql, source as CopySource, options)
    }
    return this.#engine.query(work, sql, NO_VALUES, options)
  }

  /**
   * Calls the listener for each notification on a channel, while the connection is open and not given back to a pool.
   * One added in a transaction hears from the transaction's end on, however it ends.
   * @throws ProgrammingError for a channel name of more than 63 bytes, and for a listener that is no function.
   * @example await con.addListener('job', (con, pid, channel, payload) => console.log(channel, payload))
   */
  async addListener(channel: string, listener: NotificationListener<Connection>): Promise<void> {
    requireListener(listener, 'addListener')
    const name = quoteChannel(channel, 'addListener')
    if (this.#listeners.add(channel, listener)) {
      try {
        await this.#engine.run(runCommand(this.#engine.context, `LISTEN ${name}`))
        // A rollback would undo it on the server and not here.
        if (this.isInTransaction) this.#listeners.unsettled.add(channel)
      } catch (error) {
        this.#listeners.remove(channel, listener)
        throw error
      }
    }
  }

  /**
   * Ends what `addListener` began; does nothing if the listener was not added.
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
   * Calls the listener for each notification on whatever channel: those of `addListener`, and those that a `LISTEN` in SQL
   * has asked for. Sends nothing itself.
   * @example
   *   con.addNotificationListener((con, { channel, payload }) => console.log(channel, payload))
   *   await con.execute('listen job')
   */
  addNotificationListener(listener: NotificationListener<Connection>): void {
    this.#listeners.notifications.add(requireListener(listener, 'addNotificationListener'))
  }

  /**
   * Takes a listener away again; nothing happens for a function that is none.
   * @example
   *   const listener = () => {}
   *   con.addNotificationListener(listener)
   *   con.removeNotificationListener(listener)
   */
  removeNotificationListener(listener: NotificationListener<Connection>): void {
    this.#listeners.notifications.delete(listener)
  }

  /**
   * Calls the listener with every notice, in order with the results.
   * @example con.addLogListener((con, notice) => console.error(notice.message))
   */
  addLogListener(listener: NoticeListener<Connection>): void {
    this.#listeners.notices.add(requireListener(listener, 'addLogListener'))
  }

  /**
   * Takes a listener away again; nothing happens for a function that is none.
   * @example
   *   const listener = () => {}
   *   con.addLogListener(listener)
   *   con.removeLogListener(listener)
   */
  removeLogListener(listener: NoticeListener<Connection>): void {
    this.#listeners.notices.delete(listener)
  }

  /**
   * Calls the listener once, when the connection is closed or lost, with the reason: null where the program closed it.
   * @example con.addTerminationListener((con, reason) => console.error('the connection has ended', reason))
   */
  addTerminationListener(listener: TerminationListener<Connection>): void {
    this.#listeners.terminations.add(requireListener(listener, 'addTerminationListener'))
  }

  /**
   * Takes a listener away again; nothing happens for a function that is none.
   * @example
   *   const listener = () => {}
   *   con.addTerminationListener(listener)
   *   con.removeTerminationListener(listener)
   */
  removeTerminationListener(listener: TerminationListener<Connection>): void {
    this.#listeners.terminations.delete(listener)
  }

  /**
   * Tells the logger of each of the caller's queries when it has ended; `{ args: true }` of its arguments too.
   * @example con.addQueryLogger(({ query, elapsed, rowCount }) => console.error(query, elapsed, rowCount))
   */
  addQueryLogger(logger: QueryLogger, options?: QueryLoggerOptions): void {
    requireKnown(options, QUERY_LOGGER_OPTIONS, 'addQueryLogger')
    this.#listeners.loggers.add(requireListener(logger, 'addQueryLogger'), options)
  }

  /**
   * Takes a logger away again; nothing happens for a function that is none.
   * @example
   *   const listener = () => {}
   *   con.addQueryLogger(listener)
   *   con.removeQueryLogger(listener)
   */
  removeQueryLogger(logger: QueryLogger): void {
    this.#listeners.loggers.delete(logger)
  }

  /**
   * The same for a scope.
   * @example using logging = con.queryLogger((query) => console.log(query.query, query.elapsed))
   */
  queryLogger(logger: QueryLogger, options?: QueryLoggerOptions): Disposable {
    this.addQueryLogger(logger, options)
    return { [Symbol.dispose]: () => this.removeQueryLogger(logger) }
  }

  /**
   * Forgets prepared statements of its own and the types it has learned: after a change it could not notice.
   * @example con.reloadSchemaState()
   */
  reloadSchemaState(): void {
    forgetSchema(this.#engine.context)
  }

  /**
   * Runs `fn` in a transaction: committed when its promise is fulfilled, rolled back when it is rejected. Inside an open
   * transaction it is a savepoint. Throwing `new Rollback(value)` rolls back and resolves to `value`.
   *
   * Without a function it gives a `Transaction`, to be started and ended by hand.
   * @throws ProgrammingError for options that are none.
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
   * @param options.timeout milliseconds; the connection's `commandTimeout` unless given, null or 0 for no limit. When the
   *   limit passes, the connection is closed at once.
   * @throws OperationalError when the connection is lost, or when the limit has passed.
   * @example await con.ping({ timeout: 1000 })
   */
  async ping(options?: CallOptions): Promise<void> {
    requireKnown(options, CALL_OPTIONS, 'ping')
    await this.#engine.run(ping(this.#engine.context), options)
  }

  /**
   * Takes back what was done to the session: rolls back, unlocks, closes cursors, resets settings, forgets listeners. Codecs
   * and prepared statements stay.
   * @example await con.reset()
   */
  async reset(options?: CallOptions): Promise<void> {
    requireKnown(options, CALL_OPTIONS, 'reset')
    const { context } = this.#engine
    this.#listeners.clear()
    await this.#engine.run(resetSession(context, this.getResetQuery()), options)
  }

  /**
   * What `reset` runs after the rollback; to be overridden by those who need another.
   * @example console.log(con.getResetQuery())
   */
  getResetQuery(): string {
    return resetQueryFor(this.#engine.session.parameters)
  }

  /**
   * Cancels the call that runs on this connection, of a pipeline the statement; it fails with QueryCanceledError, unless it
   * was done before. Resolves when the server has taken the request; does nothing where nothing runs.
   * @throws NotSupportedError where the server cannot be asked: an embedded PostgreSQL, some poolers.
   * @example
   *   const slow = con.fetch('select pg_sleep(60)').catch((error) => error.name) // 'QueryCanceledError'
   *   await con.cancel()
   */
  async cancel(): Promise<void> {
    await this.#engine.cancel()
  }

  /**
   * Lets the process end while the connection is open, idle or not; `ref` takes it back. Not for connections of a pool,
   * nor for an embedded PostgreSQL, which keeps no process alive.
   * @example con.unref()
   */
  unref(): void {
    this.#engine.keepAlive?.(false)
  }

  /**
   * Keeps the process alive as long as the connection is open, as it does from the start.
   * @example con.ref()
   */
  ref(): void {
    this.#engine.keepAlive?.(true)
  }

  /**
   * Cuts the connection at once; what runs on it fails.
   * @example con.terminate()
   */
  terminate(): void {
    if (this.#engine.isShut) return
    this.#engine.isShut = true
    const { session } = this.#engine
    // A backend at work does not notice that its client is gone, and would keep its locks until it is done.
    if (this.#engine.isBusy) session.cancel({}).catch(() => {})
    void session.close({ timeoutMs: 0 })
  }

  /**
   * Ends the session politely; waits for the server at most `timeout` ms. A second call does nothing.
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
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

/** A class of connections of one's own: it extends `Connection` and takes what that takes. */
export type ConnectionClass<C extends Connection = Connection> = new (
  ...args: ConstructorParameters<typeof Connection>
) => C

/** What a connection runs on, which is nobody's business but the pool's: it puts a lease between the two. */
export function engineOf(connection: Connection): Engine {
  return readEngine(connection)
}

function requireListener<F>(listener: F, method: string): F {
  if (typeof listener === 'function') return listener
  throw new InterfaceError(`${method}: expected a function, got ${typeof listener}`)
}
