/**
 * Many statements in flight on one connection: each is sent without waiting for the one before, each has its own Sync and
 * so its own fate. Inside a transaction a failure still fails what follows, as PostgreSQL has it.
 */
import { requireText, requireValues } from './call-options.ts'
import type { Engine } from './engine.ts'
import { InterfaceError } from './errors/tree.ts'
import type { Flow } from './flows/ask.ts'
import { DROP_ROWS, fetchRows } from './flows/fetch-rows.ts'
import { runStatement } from './flows/run-statement.ts'
import { runFlow } from './run-flow.ts'
import { type Row, pick } from './values/record.ts'
import { RECORD_ROWS } from './values/row-options.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import type { RowOf } from './values/row-types.ts'

const NO_VALUES: readonly unknown[] = []

export class Pipeline {
  readonly #engine: Engine
  readonly #running = new Set<Promise<unknown>>()
  #isOver = false

  /** Made by `Connection.pipeline`. */
  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Runs a statement and drops its rows. @returns the command tag. */
  async execute(sql: string, values: readonly unknown[] = NO_VALUES): Promise<string> {
    const request = { sql, values: this.#require('execute', sql, values), sinkFor: () => DROP_ROWS }
    const { tag } = await this.#run(runStatement(this.#engine.context, request))
    return tag ?? ''
  }

  /** All rows of a statement. */
  async fetch<T = Row>(sql: string, values: readonly unknown[] = NO_VALUES): Promise<RowOf<T>[]> {
    return this.#fetch('fetch', sql, values, 0)
  }

  /** The first row, null when there is none. */
  async fetchrow<T = Row>(sql: string, values: readonly unknown[] = NO_VALUES): Promise<RowOf<T> | null> {
    return (await this.#fetch<RowOf<T>>('fetchrow', sql, values, 1))[0] ?? null
  }

  /** A value of the first row, null when there is none. */
  async fetchval<T = unknown>(
    sql: string,
    values: readonly unknown[] = NO_VALUES,
    column: number | string = 0,
  ): Promise<T | null> {
    const [row] = await this.#fetch('fetchval', sql, values, 1, RECORD_ROWS)
    return row === undefined ? null : (pick(row, column) as T)
  }

  /** Waits until nothing is in flight; afterwards the pipeline refuses. Called by `Connection.pipeline`. */
  async finish(): Promise<void> {
    this.#isOver = true
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #fetch<T>(
    method: string,
    sql: string,
    values: readonly unknown[],
    rowLimit: number,
    rows?: RowShapeOptions,
  ): Promise<T[]> {
    const request = { sql, values: this.#require(method, sql, values), rowLimit, rows }
    return (await this.#run(fetchRows(this.#engine.context, request))).rows as T[]
  }

  #require(method: string, sql: string, values: readonly unknown[]): readonly unknown[] {
    if (this.#isOver) throw new InterfaceError(`Pipeline.${method}(): the pipeline is over`)
    requireText(sql, method)
    return requireValues(values, method)
  }

  /** A failure is the business of whoever awaits the result; here only the end of each flow counts. */
  #run<T>(flow: Flow<T>): Promise<T> {
    const result = runFlow(flow, this.#engine.session)
    const ended: Promise<unknown> = result.then(
      () => this.#running.delete(ended),
      () => this.#running.delete(ended),
    )
    this.#running.add(ended)
    return result
  }
}
