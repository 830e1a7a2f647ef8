/**
 * PEP 249's connection, and asyncpg's vocabulary in blocking form. Transactions are told straight: the server's status
 * byte is the only truth, BEGIN travels with the first statement, and every COMMIT's answer is looked at. Methods are
 * thin; each thing a connection can do is a file of its own.
 */
import type { CloseOptions, ValueOption } from '../src-async/flows/call-options.ts'
import { inspect } from 'node:util'
import { InterfaceError, ProgrammingError, type Warning } from '../src-async/errors/tree.ts'
import { abandonCopyIn, copyFromQuerySql, copyFromTableSql, copyToTableSql } from '../src-async/flows/copy-bytes.ts'
import { copyRecords, copyRecordsSql, copyTarget } from '../src-async/flows/copy-records.ts'
import { forgetSchema } from '../src-async/flows/reset-session.ts'
import { fetchMany } from '../src-async/flows/fetch-many.ts'
import { fetchRows } from '../src-async/flows/fetch-rows.ts'
import { inlineArguments } from '../src-async/flows/inline-arguments.ts'
import { describeStatement, prepareStatement } from '../src-async/flows/prepare.ts'
import { type ProgressOption, type ProgressTeller, progressTeller } from '../src-async/flows/progress.ts'
import { QueryResult, queryOne, queryScript } from '../src-async/flows/query.ts'
import { ping, runCommand } from '../src-async/flows/run-script.ts'
import { QUERY_LOGGER_OPTIONS, type QueryLogger, type QueryLoggerOptions } from '../src-async/flows/query-log.ts'
import type { RetriedTransactionOptions } from '../src-async/flows/retry.ts'
import { type TransactionOptions, commit, rollback } from '../src-async/flows/transaction.ts'
import { requireKnown, requireKnownAlways } from '../src-async/options/known-options.ts'
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
import { type CopySource, copyIn, copyOut } from './copy.ts'
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
  requireFunction,
  timeLimitOf,
} from './call-options.ts'
import { type Engine, type ServerMessage, call } from './engine.ts'
import { handled } from './error-handler.ts'
import type { ConnectionInfo, ConnectionStatus } from '../src-async/flows/connection-info.ts'
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
import type { PublicMethod } from './run-flow.ts'
import { type Xid, makeXid } from './xid.ts'

/** Called with each notice of the server: what `RAISE NOTICE` and warnings of commands say. */
export type NoticeListener = (notice: Warning) => void

const CLOSE_TIMEOUT_MS = 5000
/** What `query` gives where an error handler has taken its error. */
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
  /** Notices since the last call of a connection's method, the latest 1000; a cursor has its own. */
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

  /** What the server says of its transaction: none, one that is open, one that has failed and takes nothing but a rollback. */
  get transactionStatus(): ConnectionStatus {
    return this.info.status
  }

  /** The process id of the server's backend. */
  get backendPid(): number {
    return this.info.backendPid
  }

  /**
   * Makes a cursor. With a name it is a server-side one: its rows stay on the server and come in pieces.
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
        throw new ProgrammingError(
          `cursor: expected a name or an object of options, got ${first === null ? 'null' : typeof first}`,
        )
      }
      const options: NamedCursorOptions & CursorOptions = (typeof first === 'string' ? second : first) ?? {}
      if (name === null && 'name' in options) {
        throw new ProgrammingError('cursor: the name of a server-side cursor comes first', {
          hint: "cursor('name', { itersize, scroll, hold })",
        })
      }
      requireKnown(options, name === null ? CURSOR_OPTIONS : NAMED_CURSOR_OPTIONS, 'cursor')
      const body = name === null ? new BufferedBody(this.#engine) : new NamedBody(this.#engine, name, options)
      const paramstyle = options.paramstyle === undefined ? null : requireStyle(options.paramstyle)
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
   * Runs a statement and gives all that comes of it at once: its rows, their columns, the command tag and the count.
   * Without parameters the text may hold several statements: `results` has one result for each, the other fields are the
   * last one's.
   * @throws as `Cursor.execute`.
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
   *   QueryTimeoutError after `timeout`; with `batchIndex`, the number of the element that failed
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
   * All rows of a statement.
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
   * The first row of a statement, null when there is none.
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
   * A value of the first row: its first column, or the one counted or named; null when there is no row.
   * @throws the server's error by its SQLSTATE; DataError and ProgrammingError for values that do not fit;
   *   QueryTimeoutError after `timeout`
   * @example const count = con.fetchval('select count(*) from item') // 3n: a bigint, as count(*) is int8
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
   * Runs a statement that gives rows (`insert … returning`) once for each element, all or nothing, pipelined. Not to be
   * confused with a cursor's `fetchmany(size)`.
   * @returns the rows of all elements, in their order.
   * @throws as `executemany`.
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
   * Prepares a statement under a name of its own, until it is closed. `$1` are its markers.
   * @param sql a text, or a compiled statement, whose own values are not looked at; those that come mean text then
   * @param options.name the name on the server, for `EXECUTE name` in SQL
   * @throws the server's error: a text with a mistake is refused here, not when it runs
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
      const statement = this.#engine.run(flow, this.#limits(options, 'prepare'))
      return new PreparedStatement<T>(this.#engine, statement, { meaning, rows })
    })
  }

  /**
   * Asks the server what a statement takes and gives, without running it: what is wrong with it is told here. It is kept
   * prepared, so that running it, with the same markers, costs no trip more. `prepare: false` asks anew and keeps nothing.
   * @param sql text with markers, or a compiled statement, whose markers are `$1` and whose values are not looked at
   * @throws what the server says of it; in a transaction that ends the transaction, as any error does.
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
      const { parameterTypes, columns } = this.#engine.run(flow, { source: { sql: text, rewritten }, ...limits })
      const { registry } = context
      return {
        parameters: parameterTypes.map((oid) => typeInfo(registry, oid)),
        columns: (columns ?? []).map((column) => new Column(column, registry.typeName(column.typeOid))),
      }
    })
  }

  /**
   * Loads records into a table with COPY in binary format.
   * @returns how many were loaded.
   * @throws DataError naming the record and the column; the source's own error; nothing is loaded then.
   * @example const count = con.copyRecordsToTable('item', { records: [['milk', 1], ['bread', 2]], columns: ['name', 'price'] })
   */
  copyRecordsToTable(table: string, options: CopyRecordsOptions): number {
    return call(this.copyRecordsToTable, () => {
      const { records } = requireRecords(options)
      const { context } = this.#engine
      let isOpen = false
      const ifTorn = (): void => {
        if (isOpen) this.#engine.step(abandonCopyIn(context, 'the call that fed the COPY was interrupted'))
      }
      const onOpen = (): void => {
        isOpen = true
      }
      const progress = progressTeller(options, 'copyRecordsToTable')
      const target = copyTarget(table, options)
      const flow = copyRecords(context, target, records, { onOpen, progress })
      const query = { sql: copyRecordsSql(target), values: null }
      return countOf(this.#engine.run(flow, { ...this.#limits(options, 'copyRecordsToTable'), ifTorn, query }))
    })
  }

  /**
   * Loads COPY's own formats into a table.
   * @returns how many rows.
   * @throws the source's own error; nothing is loaded.
   * @example con.copyToTable('item', { source: Buffer.from('milk,1\nbread,2\n'), columns: ['name', 'price'], format: 'csv' })
   */
  copyToTable(table: string, options: CopyTo): number {
    return call(this.copyToTable, () => {
      requireKnownAlways(options, COPY_TO, 'copyToTable', 'source')
      const limits = this.#copying(options, 'copyToTable')
      const sql = copyToTableSql(table, options)
      return countOf(this.#told(sql, () => copyIn(this.#engine, sql, options.source, limits)))
    })
  }

  /**
   * Writes a table out in one of COPY's formats.
   * @returns how many rows.
   * @example con.copyFromTable('item', { output: (chunk) => process.stdout.write(chunk), format: 'csv', header: true })
   */
  copyFromTable(table: string, options: CopyFrom): number {
    return call(this.copyFromTable, () => {
      requireKnownAlways(options, COPY_FROM, 'copyFromTable', 'output')
      const limits = this.#copying(options, 'copyFromTable')
      const sql = copyFromTableSql(table, options)
      return countOf(this.#told(sql, () => copyOut(this.#engine, sql, options.output, limits)))
    })
  }

  /**
   * Writes a query's rows out in one of COPY's formats.
   * @returns how many rows.
   * @example con.copyFromQuery('select * from item where price < %s', [5], { output: (chunk) => process.stdout.write(chunk) })
   */
  copyFromQuery(sql: StatementText, parameters: Parameters | null | undefined, options: CopyFromQuery): number {
    return call(this.copyFromQuery, () => {
      requireKnownAlways(options, COPY_FROM_QUERY, 'copyFromQuery', 'output')
      const limits = this.#copying(options, 'copyFromQuery')
      const bound = this.#bind('copyFromQuery', sql, parameters, options)
      const { context } = this.#engine
      const { text: asked, firstPlaces } = bound.rewritten
      const tag = this.#engine.told(bound, () => {
        const text = this.#engine.run(inlineArguments(context, asked, valuesOf(bound), firstPlaces), limits)
        return copyOut(this.#engine, copyFromQuerySql(text, options), options.output, limits)
      })
      return countOf(tag)
    })
  }

  /**
   * Runs a COPY that is written in SQL.
   * @param sql `COPY … FROM STDIN`, with a `source`, or `COPY … TO STDOUT`, with an `output`
   * @returns how many rows.
   * @throws the source's or the output's own error; ProgrammingError for another statement. Nothing is loaded then.
   * @example con.copy('copy item (name) from stdin (format csv)', { source: ['milk\n', 'bread\n'] })
   */
  copy(sql: string, options: CopyOptions): number {
    return call(this.copy, () => {
      const text = requireText(sql, 'copy')
      requireKnownAlways(options, COPY_OPTIONS, 'copy', 'source or output')
      const { source, output } = options
      if (source !== undefined && output !== undefined) {
        throw new ProgrammingError('copy: a source and an output at once')
      }
      const limits = this.#copying(options, 'copy')
      const run = (): string => {
        if (output !== undefined) return copyOut(this.#engine, text, output, limits)
        return copyIn(this.#engine, text, source as CopySource, limits)
      }
      return countOf(this.#told(text, run))
    })
  }

  /**
   * Commits what is open; nothing is sent when nothing is.
   * @throws InFailedSQLTransactionError when the transaction had failed: it has been rolled back instead.
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
   * Rolls back what is open; nothing is sent when nothing is.
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
   * Runs `fn` in a transaction: committed when it returns, rolled back when it throws. Inside an open transaction it is
   * a savepoint. Throwing `new Rollback(value)` rolls back and returns `value`. With `{ retries }` the function runs again
   * where the transaction lost against others.
   * @throws what `fn` throws; ProgrammingError when `fn` is async: it would run after the commit.
   * @example con.transaction({ isolation: 'serializable', retries: 5 }, () => con.execute('delete from item'))
   */
  transaction<T>(fn: (() => T) & NotAsync<T>): T
  transaction<T>(options: RetriedTransactionOptions, fn: (() => T) & NotAsync<T>): T
  transaction<T>(fn: (() => T) & NotAsync<T>, options: RetriedTransactionOptions): T
  transaction<T>(first: RetriedTransactionOptions | (() => T), second?: RetriedTransactionOptions | (() => T)): T {
    // The connection's own options are for whole transactions; those of the call are refused where they cannot hold.
    const inherited = this.#settings.isInside ? {} : this.#settings.options
    if (typeof first === 'function' && second === undefined) {
      return runInScope(this.#engine, inherited, first, this.transaction)
    }
    const [options, fn] = typeof first === 'function' ? [second, first] : [first, second]
    call(this.transaction, () => requireTransactionOptions(options))
    return transact(this.#engine, { ...inherited, ...options }, fn as () => T, this.transaction)
  }

  /**
   * A transaction id for the methods below.
   * @example const xid = con.xid(1, 'order 7', 'stock')
   */
  xid(formatId: number, gtrid: string, bqual: string): Xid {
    return call(this.xid, () => makeXid(formatId, gtrid, bqual))
  }

  /**
   * Begins a transaction of two phases.
   * @throws NotSupportedError where the server keeps no prepared transactions.
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
   * The first phase: from here on the server keeps the transaction, whatever becomes of the connection.
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
   * The second phase; before the first, a commit in one. With an xid: of one prepared before, by whomever.
   * @example for (const xid of con.tpc_recover()) con.tpc_commit(xid)
   */
  tpc_commit(xid?: Xid | string | null): void {
    this.#guard(this.tpc_commit, undefined, () => {
      this.#begin()
      this.#twoPhase.commit(xid)
    })
  }

  /**
   * Undoes a prepared transaction, or the one that `tpc_begin` has begun.
   * @example for (const xid of con.tpc_recover()) con.tpc_rollback(xid)
   */
  tpc_rollback(xid?: Xid | string | null): void {
    this.#guard(this.tpc_rollback, undefined, () => {
      this.#begin()
      this.#twoPhase.rollback(xid)
    })
  }

  /**
   * Transactions of this database that are prepared and wait for their second phase.
   * @example for (const { gtrid, prepared } of con.tpc_recover()) console.log(gtrid, prepared)
   */
  tpc_recover(): Xid[] {
    return this.#guard(this.tpc_recover, [], () => {
      this.#begin()
      return this.#twoPhase.recover()
    })
  }

  /**
   * Waits for notifications on the channels of `listen`. Each loop gets every notification that arrives while it is open,
   * and first those that nobody has read yet. It ends with its `timeout` or `stopAfter`, and when the connection is closed.
   * @throws ProgrammingError in a transaction, where none are delivered. The loop throws OperationalError when it is
   *   100,000 notifications behind another loop of this connection, and when the connection is lost.
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
   * Notifications that have arrived and nobody has read yet; waits for none.
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
   * Listens to a channel: `notifies` and `poll` give what is sent there.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example con.listen('job')
   */
  listen(channel: string): void {
    const sql = (): string => `LISTEN ${quoteChannel(channel, 'listen')}`
    call(this.listen, () => void this.#engine.run(runCommand(this.#engine.context, sql())))
  }

  /**
   * Stops listening to a channel.
   * @throws ProgrammingError for a channel name of more than 63 bytes.
   * @example con.unlisten('job')
   */
  unlisten(channel: string): void {
    const sql = (): string => `UNLISTEN ${quoteChannel(channel, 'unlisten')}`
    call(this.unlisten, () => void this.#engine.run(runCommand(this.#engine.context, sql())))
  }

  /**
   * Calls the listener with every notice as it arrives, while the statement that raised it runs.
   * @throws ProgrammingError for what is no function.
   * @example con.addNoticeListener((notice) => console.error(notice.message))
   */
  addNoticeListener(listener: NoticeListener): void {
    call(this.addNoticeListener, () => requireFunction(listener, 'addNoticeListener'))
    this.#listeners.add(listener)
  }

  /**
   * Takes a listener away again; nothing happens for a function that is none.
   * @example
   *   const print = (notice) => console.error(notice.message)
   *   con.addNoticeListener(print)
   *   con.removeNoticeListener(print)
   */
  removeNoticeListener(listener: NoticeListener): void {
    this.#listeners.delete(listener)
  }

  /**
   * Tells the logger of each query of the program when it has ended: text, milliseconds, rows, error; with `{ args: true }` the
   * arguments too. Queries that the logger makes itself are not told.
   * @throws ProgrammingError for what is no function.
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
   * Takes a logger away again; nothing happens for a function that is none.
   * @example
   *   const log = ({ query, elapsed }) => console.error(query, elapsed)
   *   con.addQueryLogger(log)
   *   con.removeQueryLogger(log)
   */
  removeQueryLogger(logger: QueryLogger): void {
    this.#engine.queryLog.loggers.delete(logger)
  }

  /**
   * The same for a scope.
   * @example using logging = con.queryLogger(({ query, elapsed }) => console.error(query, elapsed))
   */
  queryLogger(logger: QueryLogger, options: QueryLoggerOptions = {}): Disposable {
    call(this.queryLogger, () => this.addQueryLogger(logger, options), this.addQueryLogger)
    return { [Symbol.dispose]: () => this.removeQueryLogger(logger) }
  }

  /**
   * Takes a notice. Called by the session.
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
   * Takes a notification. Called by the session.
   * @internal
   */
  notification(notification: Notification): void {
    this.#inbox.add(notification)
  }

  /**
   * Asks the server to cancel what runs on this connection: for listeners, which run while a statement does.
   * @example con.addNoticeListener((notice) => { if (notice.message === 'enough') con.cancel() })
   */
  cancel(): void {
    this.#engine.session.requestCancel()
  }

  /**
   * What another thread needs to cancel what runs here: hand it over as a message, and call `cancel(token)` there.
   * @example const token = con.cancelToken() // send it to another thread, which calls cancel(token)
   */
  cancelToken(): CancelToken {
    return this.#engine.session.cancelToken()
  }

  /**
   * One round trip.
   * @param options.timeout milliseconds; the connection's `commandTimeout` unless given, null or 0 for no limit. When the
   *   limit passes, the connection is closed at once.
   * @throws OperationalError when the connection is lost, or when the limit has passed.
   * @example con.ping({ timeout: 1000 })
   */
  ping(options: CallOptions = {}): void {
    call(this.ping, () => {
      requireKnown(options, CALL_OPTIONS, 'ping')
      this.#engine.run(ping(this.#engine.context), this.#limits(options, 'ping'))
    })
  }

  /**
   * Forgets its prepared statements and the types it has learned: after a change of the schema that it could not notice.
   * @example con.reloadSchemaState()
   */
  reloadSchemaState(): void {
    forgetSchema(this.#engine.context)
  }

  /**
   * Rolls back, and takes back settings, locks, cursors and subscriptions: the session is as after `connect`.
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
   * Ends the session; what is not committed is rolled back by the server.
   * @throws InterfaceError when it is closed already; `using` and `[Symbol.dispose]()` do not.
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

  /** Closes the connection if it is open. */
  [Symbol.dispose](): void {
    this.#shut(CLOSE_TIMEOUT_MS)
  }

  [inspect.custom](): string {
    const { status, backendPid } = this.info
    return `<Connection ${status}${status === 'closed' ? '' : `, backend ${backendPid}`}>`
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

  #copying(
    options: CallOptions & ProgressOption,
    method: string,
  ): { timeoutMs: number | undefined; progress: ProgressTeller | null } {
    return { ...this.#limits(options, method), progress: progressTeller(options, method) }
  }

  #forbid(method: string): void {
    this.#forbidInsideScope(method)
    this.#twoPhase.forbid(method)
  }

  #told<R>(sql: string, run: () => R): R {
    return this.#engine.told({ sql, values: null }, run)
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
    // Last, so that a close() that was torn off can be called again.
    this.#engine.isClosed = true
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
