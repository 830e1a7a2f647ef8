/**
 * PEP 249's connection, with asyncpg's methods in blocking form. The state of a transaction is always the server's
 * status byte. BEGIN is sent with the first statement, and the answer of every COMMIT is checked. Methods only check
 * arguments and run flows; larger features have files of their own.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import type { CloseOptions, ValueOption } from '../src-async/flows/call-options.ts'
import { inspect } from 'node:util'
import { InterfaceError, ProgrammingError, type Warning } from '../src-async/errors/tree.ts'
import { abandonCopyIn, copyFromQuerySql, copyFromTableSql, copyToTableSql } from '../src-async/flows/copy-bytes.ts'
import { copyRecords, copyRecordsSql, copyTarget } from '../src-async/flows/copy-records.ts'
import { forgetSchema } from '../src-async/flows/reset-session.ts'
import { fetchMany } from '../src-async/flows/fetch-many.ts'
import { fetchRows } from '../src-async/flows/run-statement.ts'
import { inlineArguments } from '../src-async/flows/inline-arguments.ts'
import { describeStatement, prepareStatement } from '../src-async/flows/prepare.ts'
import { type ProgressOption, progressReporter } from '../src-async/flows/progress.ts'
import { QueryResult, queryOne, queryScript } from '../src-async/flows/query.ts'
import { ping, runCommand } from '../src-async/flows/run-script.ts'
import { QUERY_LOGGER_OPTIONS, type QueryLogger, type QueryLoggerOptions } from '../src-async/flows/query-log.ts'
import type { RetriedTransactionOptions } from '../src-async/flows/retry.ts'
import { type TransactionOptions, commit, rollback } from '../src-async/flows/transaction.ts'
import { requireFunction, requireKnown, requireKnownAlways } from '../src-async/options/known-options.ts'
import { sealInstances } from '../src-async/options/sealed.ts'
import { timerLimit } from '../src-async/options/time-limit.ts'
import { type Row, pick } from '../src-async/values/record.ts'
import { requireColumn } from '../src-async/values/require-column.ts'
import { type OtherRows, type RowOptions, VALUE_ROWS, rowOptions } from '../src-async/values/row-options.ts'
import type { RowOf } from '../src-async/values/row-types.ts'
import type { CompiledStatement } from '../src-async/values/compiled-statement.ts'
import { quoteChannel } from '../src-async/values/sql.ts'
import { typeInfo } from '../src-async/values/type-info.ts'
import type { Notification } from '../src-async/wire/operations.ts'
import type { CancelToken } from '../worker/caller/blocking-session.ts'
import { BufferedBody } from './buffered-body.ts'
import { Column } from './column.ts'
import {
  CLOSE_OPTIONS,
  COPY_FROM,
  COPY_FROM_QUERY,
  COPY_OPTIONS,
  COPY_RECORDS,
  COPY_TO,
  CURSOR_OPTIONS,
  type CopyFrom,
  type CopyFromQuery,
  type CopyOptions,
  type CopyRecordsOptions,
  type CopyTo,
  type CursorOptions,
  DESCRIBE_OPTIONS,
  type DescribeOptions,
  NAMED_CURSOR_OPTIONS,
  PREPARE_OPTIONS,
  type PrepareOptions,
} from './connection-options.ts'
import { type CopyCall, type CopySource, copyIn, copyOut } from './copy.ts'
import { Cursor, type CursorConnection } from './cursor.ts'
import {
  CALL_OPTIONS,
  type CallOptions,
  type ExecuteOptions,
  type ExecutemanyOptions,
  FETCH_OPTIONS,
  type FetchOptions,
  RESULT_OPTIONS,
  type ResultOptions,
  timeLimitOf,
} from './call-options.ts'
import type { Engine, ServerMessage } from './engine.ts'
import { type PublicMethod, call } from './callers-stack.ts'
import { handled } from './error-handler.ts'
import { type ConnectionInfo, type ConnectionStatus, shownConnection } from '../src-async/flows/connection-info.ts'
import { NamedBody, type NamedCursorOptions } from './named-body.ts'
import { Inbox, type NotifiesOptions } from './notifications.ts'
import type { Parameters } from './paramstyle/bind-parameters.ts'
import { requireStyle } from './paramstyle/style.ts'
import { PreparedStatement, type StatementDescription } from './prepared-statement.ts'
import { type NotAsync, requireTransactionOptions, runInScope, transact } from './scope.ts'
import {
  type BoundStatement,
  type StatementText,
  bindBatch,
  bindStatement,
  meaningOf,
  requireSingle,
  requireText,
  textOf,
  valuesOf,
} from './statement.ts'
import { ExceptionBearer } from './exceptions.ts'
import { SettableConnection } from './settable-connection.ts'
import { Settings } from './settings.ts'
import { TwoPhase } from './two-phase.ts'
import { type Xid, makeXid } from './xid.ts'

/** Called with each notice of the server: messages of `RAISE NOTICE` and warnings of commands. */
export type NoticeListener = (notice: Warning) => void

const CLOSE_TIMEOUT_MS = 5000
/** The result of `query` when an error handler has handled its error. */
const NO_RESULT = new QueryResult<unknown>(Object.freeze([]) as unknown as unknown[], null, '')
const MOST_MESSAGES = 1000

/** A blocking connection. One thread uses it, and each call waits until the server has answered. */
export class Connection extends SettableConnection implements CursorConnection {
  static {
    sealInstances(ExceptionBearer, this)
  }

  readonly #engine: Engine
  readonly #settings: Settings
  readonly #twoPhase: TwoPhase
  readonly #inbox: Inbox
  readonly #listeners = new Set<NoticeListener>()
  /**
   * The notices since the last call of a method of the connection, at most the latest 1000. A cursor has its own list.
   */
  readonly messages: ServerMessage[] = []

  /** Made by `connect`. */
  constructor(engine: Engine, options: TransactionOptions, info: ConnectionInfo) {
    const settings = new Settings(engine, options)
    super(engine, settings, info)
    this.#engine = engine
    this.#settings = settings
    this.#twoPhase = new TwoPhase(engine)
    this.#inbox = new Inbox(engine)
  }

  /** The state of the transaction on the server: none, open, or failed. A failed one accepts only a rollback. */
  get transactionStatus(): ConnectionStatus {
    return this.info.status
  }

  /** The process id of the backend that serves this connection. */
  get backendPid(): number {
    return this.info.backendPid
  }

  /**
   * Makes a cursor. A cursor with a name is a server-side one: its rows stay on the server and are fetched in pieces.
   * @throws ProgrammingError for an unknown option.
   * @example
   *   const cur = con.cursor()
   *   cur.execute('select name, price from item where price < %s', [5])
   *   for (const { name, price } of cur) console.log(name, price)
   */
  cursor<T>(options: CursorOptions & OtherRows<T>): Cursor<T>
  cursor<T>(name: string, options: NamedCursorOptions & CursorOptions & OtherRows<T>): Cursor<T>
  cursor<T = Row>(options?: CursorOptions): Cursor<RowOf<T>>
  cursor<T = Row>(name: string, options?: NamedCursorOptions & CursorOptions): Cursor<RowOf<T>>
  cursor<T = Row>(first?: string | CursorOptions, second?: NamedCursorOptions & CursorOptions): Cursor<T> {
    return call(this.cursor, () => {
      this.#begin()
      const name = typeof first === 'string' ? first : null
      if (name === null && first !== undefined && (first === null || typeof first !== 'object')) {
        throw new ProgrammingError(`cursor: expected a name or an object of options, got ${describeValue(first)}`)
      }
      const options: NamedCursorOptions & CursorOptions = (typeof first === 'string' ? second : first) ?? {}
      if (name === null && 'name' in options) {
        throw new ProgrammingError('cursor: the name of a server-side cursor comes first', {
          hint: "cursor('name', { itersize, scroll, hold })",
        })
      }
      requireKnown(options, name === null ? CURSOR_OPTIONS : NAMED_CURSOR_OPTIONS, 'cursor')
      const body = name === null ? new BufferedBody(this.#engine) : new NamedBody(this.#engine, name, options)
      const paramstyle =
        options.paramstyle === undefined ? null : requireStyle(options.paramstyle, 'cursor: paramstyle')
      const rows = rowOptions(options, this.#engine.context.rows, 'cursor')
      return new Cursor<T>({ connection: this, engine: this.#engine, body, name, paramstyle, rows })
    })
  }

  /**
   * Runs a statement on a new cursor and returns the cursor. See `Cursor.execute`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example for (const item of con.execute('select * from item order by id')) console.log(item.name)
   */
  execute<T>(
    sql: StatementText,
    parameters: Parameters | null | undefined,
    options: ExecuteOptions & OtherRows<T>,
  ): Cursor<T>
  execute<T = Row>(sql: StatementText, parameters?: Parameters | null, options?: ExecuteOptions): Cursor<RowOf<T>>
  execute(sql: StatementText, parameters?: Parameters | null, options?: ExecuteOptions): Cursor<unknown> {
    const cursor = call(this.execute, () => this.cursor<unknown>(), this.cursor)
    return call(this.execute, () => cursor.execute(sql, parameters, options), cursor.execute)
  }

  /**
   * Runs a statement and returns its rows, their columns, the command tag and the row count. Without parameters the
   * text may hold several statements: then `results` has one result for each, and the other fields are those of the
   * last one.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const { rows, rowCount } = con.query('update item set price = price + 1 where id = %s returning *', [7])
   */
  query<T>(
    sql: StatementText,
    parameters: Parameters | null | undefined,
    options: FetchOptions & OtherRows<T>,
  ): QueryResult<T>
  query<T = Row>(sql: StatementText, parameters?: Parameters | null, options?: FetchOptions): QueryResult<RowOf<T>>
  query(sql: StatementText, parameters?: Parameters | null, options: FetchOptions = {}): QueryResult<unknown> {
    return this.#guard(this.query, NO_RESULT, () => {
      requireKnown(options, FETCH_OPTIONS, 'query')
      const { context } = this.#engine
      const rows = rowOptions(options, context.rows, 'query')
      const bound = this.#bind('query', sql, parameters, options)
      const { text, firstPlaces, statementCount } = bound.rewritten
      const isScript = bound.values === null && statementCount > 1
      const isOneOff = options.prepare === false
      const flow = isScript
        ? queryScript(context, text, rows)
        : queryOne(context, { sql: text, values: valuesOf(bound), firstPlaces, isOneOff, rows })
      return this.#engine.run(flow, { source: bound, query: bound, ...this.#limits(options, 'query') })
    })
  }

  /**
   * Runs a statement for each element on a new cursor and returns the cursor. See `Cursor.executemany`.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for elements that do not fit;
   *   QueryTimeoutError after `timeout`. `batchIndex` is the number of the element that failed, from 0
   * @example con.executemany('insert into item (name, price) values (%s, %s)', [['milk', 1], ['bread', 2]])
   */
  executemany<T = Row>(
    sql: string | CompiledStatement,
    elements: Iterable<Parameters>,
    options?: ExecutemanyOptions,
  ): Cursor<RowOf<T>> {
    const cursor = call(this.executemany, () => this.cursor<T>(), this.cursor)
    return call(this.executemany, () => cursor.executemany(sql, elements, options), cursor.executemany)
  }

  /**
   * Runs a statement and returns all its rows.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const names = con.fetch('select name from item where price < %s', [5]).map((row) => row.name)
   */
  fetch<T>(sql: StatementText, parameters: Parameters | null | undefined, options: FetchOptions & OtherRows<T>): T[]
  fetch<T = Row>(sql: StatementText, parameters?: Parameters | null, options?: FetchOptions): RowOf<T>[]
  fetch(sql: StatementText, parameters?: Parameters | null, options?: FetchOptions): unknown[] {
    return this.#guard(this.fetch, [], () => this.#fetch('fetch', sql, parameters, options, { rowLimit: 0 }))
  }

  /**
   * Runs a statement and returns its first row; null when there is none.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const item = con.fetchrow('select * from item where id = %s', [1])
   */
  fetchrow<T>(
    sql: StatementText,
    parameters: Parameters | null | undefined,
    options: FetchOptions & OtherRows<T>,
  ): T | null
  fetchrow<T = Row>(sql: StatementText, parameters?: Parameters | null, options?: FetchOptions): RowOf<T> | null
  fetchrow(sql: StatementText, parameters?: Parameters | null, options?: FetchOptions): unknown {
    return this.#guard(this.fetchrow, null, () => {
      const [row] = this.#fetch('fetchrow', sql, parameters, options, { rowLimit: 1 })
      return row ?? null
    })
  }

  /**
   * Runs a statement and returns one value of its first row; null when there is no row. `column` is the column's name,
   * or its number from 0.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example
   *   // The result is a bigint, because count(*) is int8.
   *   console.log(con.fetchval('select count(*) from item')) // 3n
   */
  fetchval<V = unknown>(
    sql: StatementText,
    parameters?: Parameters | null,
    column: number | string = 0,
    options?: FetchOptions,
  ): V | null {
    return this.#guard(this.fetchval, null, () => {
      requireColumn(column, 'fetchval')
      const [row] = this.#fetch('fetchval', sql, parameters, options, { ...VALUE_ROWS, rowLimit: 1 })
      return row === undefined ? null : (pick(row, column) as V)
    })
  }

  /**
   * Runs a statement that returns rows once for each element, such as `insert … returning`. If one run fails, none of
   * them has an effect. A cursor's `fetchmany(size)` is a different method.
   * @returns the rows of all elements, in their order.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for elements that do not fit;
   *   QueryTimeoutError after `timeout`. `batchIndex` is the number of the element that failed, from 0
   * @example const ids = con.fetchmany('insert into item (name) values (%s) returning id', [['milk'], ['bread']])
   */
  fetchmany<T>(
    sql: string | CompiledStatement,
    elements: Iterable<Parameters>,
    options: ResultOptions & OtherRows<T>,
  ): T[]
  fetchmany<T = Row>(
    sql: string | CompiledStatement,
    elements: Iterable<Parameters>,
    options?: ResultOptions,
  ): RowOf<T>[]
  fetchmany(sql: string | CompiledStatement, elements: Iterable<Parameters>, options: ResultOptions = {}): unknown[] {
    return this.#guard(this.fetchmany, [], () => {
      requireKnown(options, RESULT_OPTIONS, 'fetchmany')
      const asking = { method: 'fetchmany', style: this.paramstyle, meaning: options.values }
      const bound = bindBatch(this.#engine, sql, elements, asking)
      const { context } = this.#engine
      const flow = fetchMany(context, {
        sql: bound.rewritten.text,
        firstPlaces: bound.rewritten.firstPlaces,
        elements: bound.elements,
        rows: rowOptions(options, context.rows, 'fetchmany'),
      })
      const query = { sql: bound.sql, values: elements }
      return this.#engine.run(flow, { source: bound, query, ...this.#limits(options, 'fetchmany') }).rows
    })
  }

  /**
   * Prepares a statement on the server. It stays prepared until you close it, or the connection. Its parameters are
   * `$1`, `$2` and so on.
   * @param sql SQL text, or a compiled statement. The compiled statement's own values are ignored, and values passed to
   *   calls mean text
   * @param options.name the statement's name on the server, for `EXECUTE name` in SQL
   * @throws the server's error: the server refuses faulty SQL here, before the first run
   * @example
   *   const byId = con.prepare('select name from item where id = $1')
   *   console.log(byId.fetchval([1]), byId.fetchval([2]))
   *   byId.close()
   */
  prepare<T>(sql: string | CompiledStatement, options: PrepareOptions & OtherRows<T>): PreparedStatement<T>
  prepare<T = Row>(sql: string | CompiledStatement, options?: PrepareOptions): PreparedStatement<RowOf<T>>
  prepare<T>(sql: string | CompiledStatement, options: PrepareOptions = {}): PreparedStatement<T> {
    return call(this.prepare, () => {
      requireKnown(options, PREPARE_OPTIONS, 'prepare')
      const { text, isCompiled } = textOf(sql, 'prepare')
      const meaning = meaningOf(this.#engine, isCompiled, { method: 'prepare', meaning: options.values })
      const flow = prepareStatement(this.#engine.context, text, options.name ?? null)
      const rows = rowOptions(options, this.#engine.context.rows, 'prepare')
      const statement = this.#engine.begin(flow, this.#limits(options, 'prepare'))
      return new PreparedStatement<T>(this.#engine, statement, { meaning, rows })
    })
  }

  /**
   * Asks the server for the types of a statement's parameters and for its columns, without running it. The statement
   * stays prepared, so running it later with the same markers needs no extra round trip. With `prepare: false` nothing
   * is cached.
   * @param sql text with markers, or a compiled statement, whose markers are `$1`, `$2` and whose values are ignored
   * @throws the server's error. In a transaction this error fails the transaction, like any other error.
   * @example const { parameters, columns } = con.describe('select name, price from item where id = %s')
   */
  describe(sql: StatementText, options: DescribeOptions = {}): StatementDescription {
    return call(this.describe, () => {
      requireKnown(options, DESCRIBE_OPTIONS, 'describe')
      const { context } = this.#engine
      const { text } = textOf(sql, 'describe')
      const isPlain = typeof sql === 'string'
      const rewritten = requireSingle(this.#engine.rewrite(text, isPlain, this.paramstyle), 'describe')
      const nulls = rewritten.order.map(() => null)
      const { firstPlaces } = rewritten
      const isOneOff = options.prepare === false
      const flow = describeStatement(context, rewritten.text, nulls, { isOneOff, firstPlaces })
      const limits = this.#limits(options, 'describe')
      const { parameterTypes, columns } = this.#engine.begin(flow, { source: { sql: text, rewritten }, ...limits })
      const { registry } = context
      return {
        parameters: parameterTypes.map((oid) => typeInfo(registry, oid)),
        columns: (columns ?? []).map((column) => new Column(column, registry.typeName(column.typeOid))),
      }
    })
  }

  /**
   * Loads records into a table with COPY in binary format.
   * @returns how many records were loaded.
   * @throws DataError, which names the record and the column; the error of the iterable. If it throws, no record is
   *   loaded.
   * @example const count = con.copyRecordsToTable('item', { records: [['milk', 1], ['bread', 2]], columns: ['name', 'price'] })
   */
  copyRecordsToTable(table: string, options: CopyRecordsOptions): number {
    return call(this.copyRecordsToTable, () => {
      const { records } = requireRecords(options)
      const { context } = this.#engine
      let isOpen = false
      const ifInterrupted = (): void => {
        if (isOpen) this.#engine.step(abandonCopyIn(context, 'the call that fed the COPY was interrupted'))
      }
      const onOpen = (): void => {
        isOpen = true
      }
      const progress = progressReporter(options, 'copyRecordsToTable')
      const target = copyTarget(table, options)
      const flow = copyRecords(context, target, records, { onOpen, progress })
      const query = { sql: copyRecordsSql(target), values: null }
      return countOf(this.#engine.run(flow, { ...this.#limits(options, 'copyRecordsToTable'), ifInterrupted, query }))
    })
  }

  /**
   * Loads data in one of COPY's formats into a table: text, CSV or binary.
   * @returns how many rows were loaded.
   * @throws the source's own error. Then nothing is loaded. Small chunks are sent together, some 64 kB at once, so the
   *   server's error may come after later chunks were read. The source cannot use this connection.
   * @example con.copyToTable('item', { source: Buffer.from('milk,1\nbread,2\n'), columns: ['name', 'price'], format: 'csv' })
   */
  copyToTable(table: string, options: CopyTo): number {
    return call(this.copyToTable, () => {
      requireKnownAlways(options, COPY_TO, 'copyToTable', 'source')
      const limits = this.#copying(options, 'copyToTable')
      const sql = copyToTableSql(table, options)
      return countOf(this.#logged(sql, () => copyIn(this.#engine, sql, options.source, limits)))
    })
  }

  /**
   * Writes the rows of a table to an output, in one of COPY's formats.
   * @returns how many rows were written.
   * @example con.copyFromTable('item', { output: (chunk) => process.stdout.write(chunk), format: 'csv', header: true })
   */
  copyFromTable(table: string, options: CopyFrom): number {
    return call(this.copyFromTable, () => {
      requireKnownAlways(options, COPY_FROM, 'copyFromTable', 'output')
      const limits = this.#copying(options, 'copyFromTable')
      const sql = copyFromTableSql(table, options)
      return countOf(this.#logged(sql, () => copyOut(this.#engine, sql, options.output, limits)))
    })
  }

  /**
   * Writes the rows of a query to an output, in one of COPY's formats.
   * @returns how many rows were written.
   * @example con.copyFromQuery('select * from item where price < %s', [5], { output: (chunk) => process.stdout.write(chunk) })
   */
  copyFromQuery(sql: StatementText, parameters: Parameters | null | undefined, options: CopyFromQuery): number {
    return call(this.copyFromQuery, () => {
      requireKnownAlways(options, COPY_FROM_QUERY, 'copyFromQuery', 'output')
      const limits = this.#copying(options, 'copyFromQuery')
      const bound = this.#bind('copyFromQuery', sql, parameters, options)
      const { context } = this.#engine
      const { text: asked, firstPlaces } = bound.rewritten
      const tag = this.#engine.logged(bound, () => {
        const text = this.#engine.run(inlineArguments(context, asked, valuesOf(bound), firstPlaces), limits)
        return copyOut(this.#engine, copyFromQuerySql(text, options), options.output, limits)
      })
      return countOf(tag)
    })
  }

  /**
   * Runs a COPY statement that you write in SQL.
   * @param sql `COPY … FROM STDIN`, with a `source`, or `COPY … TO STDOUT`, with an `output`
   * @returns how many rows were loaded or written.
   * @throws the error of the source or the output; ProgrammingError for a statement that is not such a COPY. Then
   *   nothing is loaded.
   * @example con.copy('copy item (name) from stdin (format csv)', { source: ['milk\n', 'bread\n'] })
   */
  copy(sql: string, options: CopyOptions): number {
    return call(this.copy, () => {
      const text = requireText(sql, 'copy')
      requireKnownAlways(options, COPY_OPTIONS, 'copy', 'source or output')
      const { source, output } = options
      if (source !== undefined && output !== undefined) {
        throw new ProgrammingError('copy: expected a source or an output, got both')
      }
      const limits = this.#copying(options, 'copy')
      const run = (): string => {
        if (output !== undefined) return copyOut(this.#engine, text, output, limits)
        return copyIn(this.#engine, text, source as CopySource, limits)
      }
      return countOf(this.#logged(text, run))
    })
  }

  /**
   * Commits the open transaction. Sends nothing when none is open.
   * @throws InFailedSQLTransactionError when the transaction had failed. It has been rolled back then.
   * @throws TransactionResolutionUnknownError when the connection was lost before the answer came.
   * @example
   *   con.execute('update item set price = price + 1')
   *   con.commit()
   */
  commit(): void {
    this.#guard(this.commit, undefined, () => {
      this.#begin()
      this.#forbid('commit')
      this.#engine.run(commit(this.#engine.context))
    })
  }

  /**
   * Rolls back the open transaction. Sends nothing when none is open.
   * @example
   *   con.execute('delete from item')
   *   con.rollback() // all of them are there again
   */
  rollback(): void {
    this.#guard(this.rollback, undefined, () => {
      this.#begin()
      this.#forbid('rollback')
      this.#engine.run(rollback(this.#engine.context))
    })
  }

  /**
   * Runs `fn` in a transaction. It commits when `fn` returns and rolls back when `fn` throws. Inside an open
   * transaction it is a savepoint. If `fn` throws `new Rollback(value)`, the transaction rolls back and the call
   * returns `value`. With `{ retries }` the function runs again after a serialization failure or a deadlock.
   * @throws the error of `fn`; ProgrammingError when `fn` is async, because it would go on after the commit.
   * @example con.transaction({ isolation: 'serializable', retries: 5 }, () => con.execute('delete from item'))
   */
  transaction<T>(fn: (() => T) & NotAsync<T>): T
  transaction<T>(options: RetriedTransactionOptions, fn: (() => T) & NotAsync<T>): T
  transaction<T>(fn: (() => T) & NotAsync<T>, options: RetriedTransactionOptions): T
  transaction<T>(first: RetriedTransactionOptions | (() => T), second?: RetriedTransactionOptions | (() => T)): T {
    // The connection's options apply only to outermost transactions. Options of the call that a savepoint cannot have
    // are refused.
    const inherited = this.#settings.isInside ? {} : this.#settings.options
    if (typeof first === 'function' && second === undefined) {
      return runInScope(this.#engine, inherited, first, this.transaction)
    }
    const [options, fn] = typeof first === 'function' ? [second, first] : [first, second]
    call(this.transaction, () => requireTransactionOptions(options))
    return transact(this.#engine, { ...inherited, ...options }, fn as () => T, this.transaction)
  }

  /**
   * Makes a transaction id for the `tpc_` methods.
   * @example const xid = con.xid(1, 'order 7', 'stock')
   */
  xid(formatId: number, gtrid: string, bqual: string): Xid {
    return call(this.xid, () => makeXid(formatId, gtrid, bqual))
  }

  /**
   * Begins a two-phase transaction.
   * @throws NotSupportedError when the server allows no prepared transactions: `max_prepared_transactions` is 0.
   * @example
   *   con.tpc_begin(con.xid(1, 'order 7', 'stock'))
   *   con.execute('update item set price = price + 1')
   *   con.tpc_prepare()
   *   con.tpc_commit()
   */
  tpc_begin(xid: Xid | string): void {
    this.#guard(this.tpc_begin, undefined, () => {
      this.#begin()
      this.#forbidInsideScope('tpc_begin')
      this.#twoPhase.begin(xid, this.#settings.options)
    })
  }

  /**
   * The first phase: prepares the transaction. From here on the server keeps it, even when the connection is lost.
   * @example
   *   con.tpc_begin('order 7')
   *   con.execute('update item set price = price + 1')
   *   con.tpc_prepare() // the server keeps it, even when this program ends
   *   con.tpc_rollback()
   */
  tpc_prepare(): void {
    this.#guard(this.tpc_prepare, undefined, () => {
      this.#begin()
      this.#twoPhase.prepare()
    })
  }

  /**
   * The second phase: commits the prepared transaction. Before `tpc_prepare` it commits in one phase. With an xid it
   * commits that prepared transaction, which any program may have prepared.
   * @example for (const xid of con.tpc_recover()) con.tpc_commit(xid)
   */
  tpc_commit(xid?: Xid | string | null): void {
    this.#guard(this.tpc_commit, undefined, () => {
      this.#begin()
      this.#twoPhase.commit(xid)
    })
  }

  /**
   * Rolls back the transaction that `tpc_begin` has begun, prepared or not. With an xid it rolls back that prepared
   * transaction.
   * @example for (const xid of con.tpc_recover()) con.tpc_rollback(xid)
   */
  tpc_rollback(xid?: Xid | string | null): void {
    this.#guard(this.tpc_rollback, undefined, () => {
      this.#begin()
      this.#twoPhase.rollback(xid)
    })
  }

  /**
   * Returns the ids of this database's prepared transactions, which wait for their second phase.
   * @example for (const { gtrid, prepared } of con.tpc_recover()) console.log(gtrid, prepared)
   */
  tpc_recover(): Xid[] {
    return this.#guard(this.tpc_recover, [], () => {
      this.#begin()
      return this.#twoPhase.recover()
    })
  }

  /**
   * Waits for notifications on the channels of `listen`. Several loops may run: each gets every notification that
   * arrives while it is open. A new loop first gets the notifications that were not read yet. A loop ends with its
   * `timeout` or `stopAfter`, and when the connection is closed.
   * @throws ProgrammingError in a transaction, because PostgreSQL delivers nothing there. The loop throws
   *   OperationalError when it is more than 100,000 notifications behind another loop of this connection, and when the
   *   connection is lost.
   * @example
   *   con.autocommit = true
   *   con.listen('job')
   *   con.execute("notify job, 'first'")
   *   for (const { channel, payload } of con.notifies({ timeout: 5000, stopAfter: 1 })) console.log(channel, payload)
   */
  notifies(options: NotifiesOptions = {}): Generator<Notification, void, undefined> {
    return call(this.notifies, () => this.#inbox.stream(options, this.notifies))
  }

  /**
   * Returns the notifications that have arrived and were not read yet. Does not wait.
   * @example
   *   con.autocommit = true
   *   con.listen('job')
   *   con.execute("notify job, 'first'")
   *   console.log(con.poll())
   */
  poll(): Notification[] {
    return call(this.poll, () => this.#inbox.takeAll())
  }

  /**
   * Listens to a channel: `notifies` and `poll` then give its notifications.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example con.listen('job')
   */
  listen(channel: string): void {
    const sql = (): string => `LISTEN ${quoteChannel(channel, 'listen')}`
    call(this.listen, () => void this.#engine.begin(runCommand(this.#engine.context, sql())))
  }

  /**
   * Stops listening to a channel.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example con.unlisten('job')
   */
  unlisten(channel: string): void {
    const sql = (): string => `UNLISTEN ${quoteChannel(channel, 'unlisten')}`
    call(this.unlisten, () => void this.#engine.begin(runCommand(this.#engine.context, sql())))
  }

  /**
   * Calls the listener with every notice as it arrives, while the statement that raised it still runs.
   * @throws ProgrammingError for a value that is not a function.
   * @example con.addNoticeListener((notice) => console.error(notice.message))
   */
  addNoticeListener(listener: NoticeListener): void {
    call(this.addNoticeListener, () => requireFunction(listener, 'addNoticeListener'))
    this.#listeners.add(listener)
  }

  /**
   * Stops calling a listener of `addNoticeListener`. Does nothing if it was not added.
   * @example
   *   const print = (notice) => console.error(notice.message)
   *   con.addNoticeListener(print)
   *   con.removeNoticeListener(print)
   */
  removeNoticeListener(listener: NoticeListener): void {
    this.#listeners.delete(listener)
  }

  /**
   * Calls the logger after each query of the program, with its text, duration, row count and error. With `{ args: true
   * }` the logger gets the arguments too. Queries that the logger itself runs are not logged.
   * @throws ProgrammingError for a value that is not a function.
   * @example con.addQueryLogger(({ query, elapsed, rowCount }) => console.error(query, elapsed, rowCount))
   */
  addQueryLogger(logger: QueryLogger, options: QueryLoggerOptions = {}): void {
    call(this.addQueryLogger, () => {
      requireFunction(logger, 'addQueryLogger')
      requireKnown(options, QUERY_LOGGER_OPTIONS, 'addQueryLogger')
      this.#engine.queryLog.loggers.add(logger, options)
    })
  }

  /**
   * Stops calling a logger of `addQueryLogger`. Does nothing if it was not added.
   * @example
   *   const log = ({ query, elapsed }) => console.error(query, elapsed)
   *   con.addQueryLogger(log)
   *   con.removeQueryLogger(log)
   */
  removeQueryLogger(logger: QueryLogger): void {
    this.#engine.queryLog.loggers.delete(logger)
  }

  /**
   * Adds a query logger until the end of a `using` scope; see `addQueryLogger`.
   * @example using logging = con.queryLogger(({ query, elapsed }) => console.error(query, elapsed))
   */
  queryLogger(logger: QueryLogger, options: QueryLoggerOptions = {}): Disposable {
    call(this.queryLogger, () => this.addQueryLogger(logger, options), this.addQueryLogger)
    return { [Symbol.dispose]: () => this.removeQueryLogger(logger) }
  }

  /**
   * Receives a notice. Called by the session.
   * @internal
   */
  notice(notice: Warning): void {
    const message: ServerMessage = [notice.constructor as ServerMessage[0], notice]
    note(this.messages, message)
    const { messages } = this.#engine
    if (messages !== null) note(messages, message)
    for (const listener of this.#listeners) listener(notice)
  }

  /**
   * Receives a notification. Called by the session.
   * @internal
   */
  notification(notification: Notification): void {
    this.#inbox.add(notification)
  }

  /**
   * Asks the server to cancel the statement that runs on this connection. Call it from a listener, which runs during a
   * statement.
   * @example con.addNoticeListener((notice) => { if (notice.message === 'enough') con.cancel() })
   */
  cancel(): void {
    this.#engine.session.requestCancel()
  }

  /**
   * A token with which another thread can cancel the statements of this connection. Send it to that thread in a
   * message, and call `cancel(token)` there.
   * @example const token = con.cancelToken() // send it to another thread, which calls cancel(token)
   */
  cancelToken(): CancelToken {
    return this.#engine.session.cancelToken()
  }

  /**
   * Makes one round trip to the server.
   * @param options.timeout milliseconds; null or 0 for no limit. The default is the connection's `commandTimeout`. When
   *   the limit passes, the connection is closed at once.
   * @throws OperationalError when the connection is lost, or when the limit has passed.
   * @example con.ping({ timeout: 1000 })
   */
  ping(options: CallOptions = {}): void {
    call(this.ping, () => {
      requireKnown(options, CALL_OPTIONS, 'ping')
      this.#engine.begin(ping(this.#engine.context), this.#limits(options, 'ping'))
    })
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
   * Resets the session: rolls back, releases advisory locks, closes cursors, resets settings and stops listening. The
   * session is then as after `connect`.
   * @example con.reset()
   */
  reset(options: CallOptions = {}): void {
    call(this.reset, () => {
      requireKnown(options, CALL_OPTIONS, 'reset')
      this.#begin()
      this.#forbid('reset')
      this.#settings.reset(this.#limits(options, 'reset'))
    })
  }

  /**
   * Closes the connection. The server rolls back an open transaction. Waits until the server has closed its end, which takes
   * one round trip, and at most `timeout` ms, 5000 by default. Then the client cuts the connection.
   * @param options.timeout milliseconds; 1 for hardly any wait, null or 0 for no limit
   * @throws InterfaceError when the connection is closed already. `using` and `[Symbol.dispose]()` do not throw then.
   * @example con.close()
   */
  close(options: CloseOptions = {}): void {
    this.#guard(this.close, undefined, () => {
      requireKnown(options, CLOSE_OPTIONS, 'close')
      const limitMs = timeLimitOf(options, 'close') ?? CLOSE_TIMEOUT_MS
      if (this.#engine.isClosed) throw new InterfaceError('connection is closed')
      this.messages.length = 0
      this.#shut(limitMs)
    })
  }

  /**
   * Closes the connection if it is open.
   * @example
   *   using other = connect('postgres://localhost/shop')
   *   console.log(other.fetchval('select 1')) // 1
   */
  [Symbol.dispose](): void {
    this.#shut(CLOSE_TIMEOUT_MS)
  }

  [inspect.custom](): string {
    return shownConnection(this.info)
  }

  #begin(): void {
    this.#engine.requireOpen()
    this.messages.length = 0
  }

  #fetch(
    method: string,
    sql: StatementText,
    parameters: Parameters | null | undefined,
    given: FetchOptions | undefined,
    own: RowOptions & { readonly rowLimit: number },
  ): Row[] {
    requireKnown(given, FETCH_OPTIONS, method)
    const options = { ...given, ...own }
    const { rowLimit, prepare } = options
    const bound = this.#bind(method, sql, parameters, options)
    const { context } = this.#engine
    const rows = rowOptions(options, context.rows, method)
    const { text, firstPlaces } = bound.rewritten
    const request = { sql: text, values: valuesOf(bound), firstPlaces, rowLimit, isOneOff: prepare === false, rows }
    const flow = fetchRows(context, request)
    return this.#engine.run(flow, { source: bound, query: bound, ...this.#limits(options, method) }).rows
  }

  #bind(
    method: string,
    sql: StatementText,
    parameters: Parameters | null | undefined,
    { values }: ValueOption,
  ): BoundStatement {
    return bindStatement(this.#engine, sql, parameters, { method, style: this.paramstyle, meaning: values })
  }

  #limits(options: CallOptions, method: string): { timeoutMs: number | undefined } {
    return { timeoutMs: timeLimitOf(options, method) }
  }

  #copying(options: CallOptions & ProgressOption, method: string): CopyCall {
    this.#engine.requireOpen()
    return { method, timeoutMs: timeLimitOf(options, method), progress: progressReporter(options, method) }
  }

  #forbid(method: string): void {
    this.#forbidInsideScope(method)
    this.#twoPhase.forbid(method)
  }

  #logged<R>(sql: string, run: () => R): R {
    return this.#engine.logged({ sql, values: null }, run)
  }

  #forbidInsideScope(method: string): void {
    if (this.#engine.context.scopes.length === 0) return
    throw new ProgrammingError(`${method}: inside transaction(fn), which commits or rolls back itself; throw to undo`)
  }

  #guard<R>(method: PublicMethod, otherwise: R, body: () => R): R {
    try {
      return body()
    } catch (error) {
      return handled(error, method, { connection: this, cursor: null, handler: this.errorhandler }, otherwise)
    }
  }

  #shut(limitMs: number): void {
    if (this.#engine.isClosed) return
    this.#engine.session.requireNoCallback()
    this.#engine.session.close({ timeoutMs: timerLimit(limitMs) })
    // This comes last, so that an interrupted `close()` can be called again.
    this.#engine.close()
  }
}

function note(messages: ServerMessage[], message: ServerMessage): void {
  if (messages.length >= MOST_MESSAGES) messages.shift()
  messages.push(message)
}

function countOf(tag: string): number {
  return Number(tag.split(' ').at(-1))
}

function requireRecords(options: CopyRecordsOptions): CopyRecordsOptions {
  requireKnownAlways(options, COPY_RECORDS, 'copyRecordsToTable', 'records')
  const records: unknown = options.records
  if (records !== null && typeof records === 'object' && Symbol.iterator in records) return options
  throw new ProgrammingError('copyRecordsToTable: expected { records }, an iterable of arrays')
}
