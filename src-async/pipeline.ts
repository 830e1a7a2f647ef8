/**
 * Many statements at once on one connection. Each is sent in the order of the calls, without waiting for the one
 * before. Each has its own Sync, so it succeeds or fails by itself. Inside a transaction PostgreSQL still refuses
 * every statement after a failed one.
 *
 * A time limit or a signal applies to the whole pipeline. A cancel request names a session, not a statement: with a
 * limit for one statement the next one could not be sent, because the cancel might hit it.
 */
import { sealInstances } from './options/sealed.ts'
import {
  type CallOptions,
  type ExecuteStatementOptions,
  type Given,
  NO_OPTIONS,
  type StatementText,
  requireSignal,
  requireStatement,
} from './call-options.ts'
import { type Engine, runFlow } from './engine.ts'
import { QueryTimeoutError } from './errors/client-errors.ts'
import { DbError, InterfaceError, ProgrammingError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import { type FetchResult, executeOne, fetchRows, mustBeDescribed } from './flows/run-statement.ts'
import { type QueryResult, queryOne, queryScript } from './flows/query.ts'
import { type ResolvedStatement, knownStatement } from './flows/resolve-statement.ts'
import type { StatementRequest } from './flows/statement-request.ts'
import { queryAsSent } from './flows/query-as-sent.ts'
import { beginNow } from './flows/transaction.ts'
import { PipelineDescriptions } from './pipeline-descriptions.ts'
import { Turn, type TurnSite } from './pipeline-turn.ts'
import { withLimit } from './with-limit.ts'
import { type Row, type Values, pick } from './values/record.ts'
import { requireColumn } from './values/require-column.ts'
import { traitsOf } from './values/text-traits.ts'
import { holdsSeveral } from './values/several-statements.ts'
import { knownOptions, requireKnown, FLAG } from './options/known-options.ts'
import { ROW_OPTION_NAMES, type RowOptions, VALUE_ROWS, rowOptions } from './values/row-options.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import type { RowOf } from './values/row-types.ts'

type ValueOption = Pick<ExecuteStatementOptions, 'values'>

/** Options of a statement of a pipeline. Time limit and signal are options of the pipeline. */
export interface PipelineOptions extends ValueOption, RowOptions {}

/** Options of `Pipeline.query`. */
export interface PipelineQueryOptions extends PipelineOptions {
  /**
   * Sends the statement at once, unprepared, so that it runs exactly in the order of the calls. Without this option a
   * statement that the server must describe first may be overtaken by one that is already known. It needs values that
   * mean text, and `types: 'text'` or a function with `isTotal: true`. Bytes are sent in binary.
   */
  readonly inOrder?: boolean | undefined
}

const VALUE_OPTION = knownOptions<ValueOption>({ values: true })
const PIPELINE_OPTIONS = knownOptions<PipelineOptions>({ ...ROW_OPTION_NAMES, values: true })
const PIPELINE_QUERY_OPTIONS = knownOptions<PipelineQueryOptions>({ ...ROW_OPTION_NAMES, values: true, inOrder: FLAG })

/** A statement of a pipeline. One with `asSent` is never described first; a script may hold several statements. */
interface Sending extends StatementRequest {
  readonly asSent?: 'statement' | 'script'
}

/** Makes the flow of a statement. It gets the description if the text was described before its turn. */
type Run<T> = (described: ResolvedStatement | null) => Flow<T>

const QUERY_CANCELED = '57014'
const BEGINNING = /\b(?:begin|start)\b/i

/** Runs `fn` with a pipeline. Resolves when all statements of the pipeline are done. */
export async function runPipeline<T>(
  engine: Engine,
  fn: (pipeline: Pipeline) => Promise<T>,
  options: CallOptions = NO_OPTIONS,
): Promise<T> {
  const limitMs = engine.limitOf(options) || Infinity
  const { signal } = options
  requireSignal(signal)
  signal?.throwIfAborted()
  const { context, session } = engine
  const work = async (): Promise<T> => {
    const deadlineMs = performance.now() + limitMs
    // A BEGIN that is due is sent first and awaited, within the time limit. The statements then have no deadlines of
    // their own.
    context.deadlineMs = deadlineMs
    await runFlow(beginNow(context), session)
    context.deadlineMs = Infinity
    const pipeline = new Pipeline(engine)
    context.isPipelining = true
    const late = (): Error =>
      pipeline.stop(new QueryTimeoutError(`the pipeline's time limit of ${limitMs} ms has passed`))
    const abort = (): void => void pipeline.stop(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await withLimit(fn(pipeline), { limitMs: Math.max(deadlineMs - performance.now(), 1), late, signal })
    } finally {
      signal?.removeEventListener('abort', abort)
      await pipeline.finish()
      context.isPipelining = false
      context.kept.keep(pipeline)
    }
  }
  return engine.exclusively(work, { timeout: 0 })
}

/**
 * The argument of the function that `Connection.pipeline` runs. Its calls are sent at once, without waiting for the
 * answers of those before them.
 */
export class Pipeline {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #running = new Set<Promise<unknown>>()
  #isOver = false
  #stopped: { readonly reason: unknown } | null = null
  #cancelling: Promise<void> | null = null
  /** The turn of the newest call. */
  #last: Turn | null = null
  readonly #site: TurnSite
  readonly #descriptions: PipelineDescriptions
  /** Whether a statement may have begun a transaction whose answer has not arrived yet. */
  #mayBegin = false

  /** Made by `Connection.pipeline`. */
  constructor(engine: Engine) {
    this.#engine = engine
    this.#site = this.#makeSite()
    this.#descriptions = new PipelineDescriptions(engine)
  }

  /**
   * Runs a statement and drops its rows.
   * @returns the command tag.
   * @example
   *   await con.pipeline(async (p) => {
   *     await Promise.all([1, 2, 3].map((id) => p.execute('update item set price = 1 where id = $1', [id])))
   *   })
   */
  async execute(sql: StatementText, values?: Values, options?: ValueOption): Promise<string> {
    requireKnown(options, VALUE_OPTION, 'execute')
    const given = this.#require('execute', sql, values, options)
    const request = { sql: given.sql, values: given.values, isDescribedFirst: true }
    return this.#run(request, (described) => executeOne(this.#engine.context, { ...request, described }))
  }

  /**
   * Runs a statement and returns all its rows.
   * @example
   *   await con.pipeline(async (p) => {
   *     const [items, names] = await Promise.all([p.fetch('select * from item'), p.fetch('select name from item')])
   *   })
   */
  async fetch<T = Row>(sql: StatementText, values?: Values, options?: PipelineOptions): Promise<RowOf<T>[]> {
    requireKnown(options, PIPELINE_OPTIONS, 'fetch')
    return this.#fetch('fetch', sql, values, 0, options)
  }

  /**
   * Runs one statement and returns its rows, their columns, the command tag and the row count; see `Connection.query`.
   * @example
   *   await con.pipeline(async (p) => {
   *     const { rows } = await p.query('select * from item')
   *   })
   */
  async query<T = Row>(
    sql: StatementText,
    values?: Values,
    options?: PipelineQueryOptions,
  ): Promise<QueryResult<RowOf<T>>> {
    requireKnown(options, PIPELINE_QUERY_OPTIONS, 'query')
    const { context } = this.#engine
    const given = this.#require('query', sql, values, options)
    const rows = rowOptions(options, context.rows, 'query')
    if (options?.inOrder === true) {
      requireTextRows(rows)
      const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
      if (values === undefined && holdsSeveral(given.sql, isStandard)) {
        const script = { ...given, asSent: 'script' } as const
        return (await this.#run(script, () => queryScript(context, given.sql, rows))) as QueryResult<RowOf<T>>
      }
      const alone = { ...given, asSent: 'statement' } as const
      const asSent = await this.#run(alone, () => queryAsSent(context, given.sql, given.values, rows))
      return asSent as QueryResult<RowOf<T>>
    }
    const request = { sql: given.sql, values: given.values, rows }
    const result = await this.#run(request, (described) => queryOne(context, { ...request, described }))
    return result as QueryResult<RowOf<T>>
  }

  /**
   * Runs a statement and returns its first row; null when there is none.
   * @example
   *   await con.pipeline(async (p) => {
   *     const item = await p.fetchrow('select * from item where id = $1', [1])
   *   })
   */
  async fetchrow<T = Row>(sql: StatementText, values?: Values, options?: PipelineOptions): Promise<RowOf<T> | null> {
    requireKnown(options, PIPELINE_OPTIONS, 'fetchrow')
    return (await this.#fetch<RowOf<T>>('fetchrow', sql, values, 1, options))[0] ?? null
  }

  /**
   * Runs a statement and returns one value of its first row; null when there is no row.
   * @example
   *   await con.pipeline(async (p) => {
   *     const count = await p.fetchval('select count(*) from item')
   *   })
   */
  async fetchval<T = unknown>(
    sql: StatementText,
    values?: Values,
    column: number | string = 0,
    options?: PipelineOptions,
  ): Promise<T | null> {
    requireColumn(column, 'fetchval')
    requireKnown(options, PIPELINE_OPTIONS, 'fetchval')
    const [row] = await this.#fetch('fetchval', sql, values, 1, { ...options, ...VALUE_ROWS })
    return row === undefined ? null : (pick(row, column) as T)
  }

  /**
   * Waits until all statements are done. The pipeline refuses later calls. Called by `Connection.pipeline`.
   * @internal
   */
  async finish(): Promise<void> {
    this.#isOver = true
    while (this.#running.size > 0) await Promise.all(this.#running)
    // A cancel request that is still on its way could hit the next statement of the connection.
    await this.#cancelling
  }

  /**
   * Cancels the statements that are not done, one after the other, and refuses later calls. Called by
   * `Connection.pipeline`.
   * @returns the reason. Cancelled statements fail with it.
   * @example
   *   const stopped = con.pipeline(async (pipeline) => {
   *     const slow = pipeline.fetch('select pg_sleep(60)')
   *     pipeline.stop(new Error('no longer needed'))
   *     await slow
   *   })
   *   console.log(await stopped.catch((error) => error.message)) // no longer needed
   */
  stop<R>(reason: R): R {
    this.#stopped ??= { reason }
    this.#cancelling ??= this.#cancelAll()
    return reason
  }

  async #cancelAll(): Promise<void> {
    const { session } = this.#engine
    while (this.#running.size > 0 && !session.isClosed) {
      const progress = Promise.race(this.#running)
      // Each statement reports its own end, so an error of the cancel request is ignored. The session closes itself
      // when a statement still runs after the grace period.
      const cancelled = session.cancel({ isGivenUp: true }).catch(() => {})
      await progress
      // A cancel request that is still on its way could hit the statement after the next one.
      if (!session.isClosed) await cancelled
    }
  }

  async #fetch<T>(
    method: string,
    sql: StatementText,
    values: Values | undefined,
    rowLimit: number,
    options: PipelineOptions | undefined,
  ): Promise<T[]> {
    const given = this.#require(method, sql, values, options)
    const rows = rowOptions(options, this.#engine.context.rows, method)
    const request = { sql: given.sql, values: given.values, rowLimit, rows }
    const run: Run<FetchResult> = (described) => fetchRows(this.#engine.context, { ...request, described })
    return (await this.#run(request, run)).rows as T[]
  }

  /** Starts a statement. In a transaction, a new text is described first. */
  async #start<T>(turn: Turn, sending: Sending, run: Run<T>): Promise<T> {
    const { context, session } = this.#engine
    const isNew = this.#site.isInTransaction && sending.asSent === undefined && mustBeDescribed(context, sending)
    const described = isNew ? await this.#descriptions.get(turn, sending) : null
    return runFlow(run(described), session, turn)
  }

  /** Whether other texts mean the same after the statement as before. Texts are only looked at in a transaction. */
  #keepsMeanings({ sql, asSent }: Sending): boolean {
    if (asSent === 'script' || !this.#site.isInTransaction) return false
    const { context } = this.#engine
    const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
    return (knownStatement(context, sql, {})?.traits ?? traitsOf(sql, isStandard)).keepsMeanings
  }

  #makeSite(): TurnSite {
    const { state, statements } = this.#engine.context
    const mayBegin = (): boolean => this.#mayBegin
    const stopped = (): { readonly reason: unknown } | null => this.#stopped
    let held = 0
    return {
      get isInTransaction() {
        return mayBegin() || state.transactionStatus !== 'I'
      },
      get refusal() {
        return stopped()
      },
      get held() {
        return held
      },
      set held(count) {
        held = count
        statements.isClosingHeld = count > 0
      },
    }
  }

  #require(method: string, sql: StatementText, values: Values | undefined, options: ValueOption | undefined): Given {
    if (this.#stopped !== null) throw this.#stopped.reason
    if (this.#isOver) throw new InterfaceError(`Pipeline.${method}(): the pipeline is over`)
    const given = requireStatement(sql, values ?? null, { method, meaning: this.#engine.context.meaning, options })
    this.#mayBegin ||= BEGINNING.test(given.sql)
    return given
  }

  #run<T>(sending: Sending, run: Run<T>): Promise<T> {
    const engine = this.#engine
    if (!engine.isWatched) return this.#send(sending, run)
    return engine.logged(() => this.#send(sending, run), sending.sql, sending.values)
  }

  /** Runs a statement in its turn. The caller gets its error; `#running` only tracks when it ends. */
  async #send<T>(sending: Sending, run: Run<T>): Promise<T> {
    const turn = new Turn(this.#site, this.#last, this.#keepsMeanings(sending))
    this.#last = turn
    const result = this.#start(turn, sending, run)
    const end = (): void => {
      turn.end()
      this.#running.delete(ended)
    }
    const ended: Promise<unknown> = result.then(end, end)
    this.#running.add(ended)
    try {
      return await result
    } catch (error) {
      const isCancelled = this.#stopped !== null && error instanceof DbError && error.sqlstate === QUERY_CANCELED
      throw isCancelled ? this.#stopped?.reason : error
    }
  }
}

/** @throws ProgrammingError for row options that need the column types before the statement is sent. */
function requireTextRows({ types }: RowShapeOptions): void {
  if (types === 'text' || (typeof types === 'function' && types.isTotal === true)) return
  throw new ProgrammingError(
    "Pipeline.query(): inOrder: needs { types: 'text' }, or a function of an OID with isTotal: true",
  )
}
