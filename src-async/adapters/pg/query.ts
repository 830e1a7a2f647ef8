/** `pg.Query`: one query. It gives its result by a callback or by events. */
import { EventEmitter } from 'node:events'
import type { Connection, Runnable } from './connection.ts'
import type { TextResult } from './sending.ts'
import { outside } from './outside.ts'
import type { CustomTypes } from './pg-types.ts'
import { type Prepared, prepareValue } from './prepare-value.ts'
import { Result, fieldOf } from './result.ts'

/** A query as an object, which `client.query()` takes instead of a text. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg.
export interface QueryConfig<I = any[]> {
  /** The text, with `$1`, `$2` for parameters. */
  readonly text?: string | undefined
  /** The parameters. */
  readonly values?: I | undefined
  /** A name that stands for the text: the next query of this name may leave the text out. */
  readonly name?: string | undefined
  /** `'array'`: rows are arrays. */
  readonly rowMode?: string | undefined
  /** Parsers for this query. */
  readonly types?: CustomTypes | undefined
  /** `'extended'`: the text has one statement, with or without values. */
  readonly queryMode?: string | undefined
  /** Time limit in milliseconds. */
  readonly query_timeout?: number | undefined
  /** Not used: rows come as text, and parsers give the same values. */
  readonly binary?: boolean | undefined
  /** Not used: all rows come at once. */
  readonly rows?: number | undefined
  /** Called with the error or the result. */
  readonly callback?: QueryCallback | undefined
}

// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: a list of results where the text had several statements.
export type QueryCallback = (error: Error | null, result: any) => void

/** A query as an object, for `client.query(query)`. It emits `row`, `end` and `error`. */
export class Query extends EventEmitter implements Runnable {
  /** The text. */
  text: string | undefined
  /** The parameters. */
  values: unknown
  /** Kept as it was given. */
  rows: number | undefined
  /** Parsers for this query. */
  types: CustomTypes | undefined
  name: string | undefined
  /** `'extended'` where the config says so. */
  queryMode: string | undefined
  /** Kept as it was given; results come as text. */
  binary: boolean | undefined
  /** Called with the error or the result. */
  callback: QueryCallback | undefined
  readonly _rowMode: string | undefined
  _result: Result
  _results: Result | Result[]
  _canceledDueToError: Error | null = null

  /**
   * @example
   *   import { once } from 'node:events'
   *   const query = client.query(new Query('select name from item where price < $1', [4]))
   *   query.on('row', (row) => console.log(row.name)) // tea
   *   await once(query, 'end')
   */
  constructor(config: string | QueryConfig, values?: unknown, callback?: unknown) {
    super()
    const given: QueryConfig = typeof config === 'string' ? { text: config } : config
    this.text = given.text
    this.values = typeof values === 'function' || !values ? given.values : values
    this.rows = given.rows
    this.types = given.types
    this.name = given.name
    this.queryMode = given.queryMode
    this.binary = given.binary
    const own = typeof values === 'function' ? values : given.callback
    this.callback = bound((callback || own) as QueryCallback | undefined)
    this._rowMode = given.rowMode
    this._result = new Result(this._rowMode, this.types)
    this._results = this._result
  }

  /**
   * Starts the query, alone on the connection or behind others.
   * @returns the error if it cannot start
   * @example
   *   import { once } from 'node:events'
   *   const query = client.query(new Query('select 1')) // calls query.submit(client.connection)
   *   await once(query, 'end')
   */
  submit(connection: Connection, isBehind = false): Error | null {
    const { name } = this
    const known = name ? (connection.parsedStatements[name] ?? connection.submittedNamedStatements[name]) : undefined
    const text = this.text || known
    if (typeof this.text !== 'string' && typeof name !== 'string') {
      return new Error('A query must have either text or a name. Supplying neither is unsupported.')
    }
    if (this.text && known !== undefined && this.text !== known) {
      return new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
    }
    if (this.values && !Array.isArray(this.values)) return new Error('Query values must be an array')
    let values: Prepared[] | null
    try {
      values = ((this.values as unknown[] | undefined) ?? []).map((value) => prepareValue(value))
    } catch (error) {
      return error as Error
    }
    if (name && text !== undefined) connection.submittedNamedStatements[name] = text
    const isExtended = values.length > 0 || Boolean(name) || this.queryMode === 'extended' || Boolean(this.rows)
    const sending = { text: text ?? '', values, rowsAsArrays: this._rowMode === 'array', isExtended }
    const take = (result: TextResult): void => this.#take(result, connection)
    if (isBehind) connection.sendBehind(sending, take)
    else connection.send(sending, take)
    return null
  }

  /**
   * Called by the client when the query has failed.
   * @example
   *   import { once } from 'node:events'
   *   const query = client.query(new Query('select 1/0'))
   *   const [error] = await once(query, 'error') // the client calls handleError
   *   console.log(error.code) // 22012
   */
  handleError(given: Error, connection?: Connection): void {
    const error = this._canceledDueToError ?? given
    this._canceledDueToError = null
    if (this.name && connection !== undefined) delete connection.submittedNamedStatements[this.name]
    if (this.callback) this.callback(error, undefined)
    else this.emit('error', error)
  }

  /**
   * Called by the client when the query is done.
   * @example
   *   import { once } from 'node:events'
   *   const query = client.query(new Query('select 1 as one'))
   *   const [{ rows }] = await once(query, 'end') // the client calls handleReadyForQuery
   *   console.log(rows) // [ { one: 1 } ]
   */
  handleReadyForQuery(connection?: Connection): void {
    if (this._canceledDueToError !== null) return this.handleError(this._canceledDueToError, connection)
    if (this.callback) outside(() => this.callback?.(null, this._results))
    this.emit('end', this._results)
  }

  /** Turns the driver's results into pg's. If a parser throws, the query fails with its error. */
  #take(answer: TextResult, connection: Connection): void {
    const { name } = this
    if (name) {
      connection.parsedStatements[name] = connection.submittedNamedStatements[name] ?? this.text ?? ''
      delete connection.submittedNamedStatements[name]
    }
    try {
      const { results } = answer
      results.forEach((each, index) => {
        if (index > 0) this._result = new Result(this._rowMode, this._result._types)
        this.#takeOne(each)
        if (index === 1) this._results = [this._results as Result]
        if (index > 0) (this._results as Result[]).push(this._result)
      })
    } catch (error) {
      this._canceledDueToError = error instanceof Error ? error : new Error(String(error))
    }
  }

  #takeOne({ rows, columns, tag }: TextResult): void {
    const result = this._result
    // A query with a listener of `row` and without a callback does not keep its rows.
    const isHeard = this.listenerCount('row') > 0
    if (columns.length > 0) result.addFields(columns.map((column) => fieldOf(column)))
    const parsed = result.parseRows(rows)
    if (isHeard) for (const row of parsed) outside(() => this.emit('row', row, result))
    if (this.callback || !isHeard) result.rows = parsed
    result.addCommandComplete({ text: tag })
  }
}

interface Domain {
  bind<F>(call: F): F
}

/** In a domain of Node, binds the callback to that domain, as pg does. */
function bound(callback: QueryCallback | undefined): QueryCallback | undefined {
  const { domain } = process as { domain?: Domain | null }
  return callback !== undefined && domain ? domain.bind(callback) : callback
}
