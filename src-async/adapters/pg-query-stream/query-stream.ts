/** `pg-query-stream`: the rows of a query as a stream. It reads rows as fast as its reader takes them. */
import { Readable } from 'node:stream'
import { Cursor, type CursorConfig } from '../pg-cursor/index.ts'
import type { Connection, Result } from '../pg/index.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: rows are whatever the program says they are.
type Any = any

/** The options of a stream. */
export interface QueryStreamConfig extends CursorConfig {
  /** Rows for each round trip. Default: the stream's high water mark, 100. */
  readonly batchSize?: number | undefined
  /** How many rows the stream prefetches. */
  readonly highWaterMark?: number | undefined
}

/**
 * pg-query-stream's stream: the rows of a query as a Readable. It reads rows as fast as its reader takes them.
 * @example
 *   const stream = client.query(new QueryStream('select * from big'))
 *   for await (const row of stream) use(row)
 */
export class QueryStream extends Readable {
  /** The cursor that the rows come from. */
  readonly cursor: Cursor
  /** The client sets the parsers of its types here. */
  readonly _result: Result
  /** The client or a pool sets it; it is called when the query ends. */
  callback: ((error: Error | null, result?: Result) => void) | undefined
  /** The text. */
  readonly text: string
  /** The parameters. */
  readonly values: readonly Any[] | null

  constructor(text: string, values?: readonly Any[] | null, config: QueryStreamConfig = {}) {
    const { batchSize, highWaterMark = 100 } = config
    super({ objectMode: true, autoDestroy: true, highWaterMark: batchSize || highWaterMark })
    this.cursor = new Cursor(text, values, config)
    this.text = text
    this.values = this.cursor.values
    this._result = this.cursor._result
    this.cursor.on('end', (result: Result) => this.callback?.(null, result))
    this.cursor.on('error', (error: Error) => this.callback?.(error))
  }

  /**
   * Called by the client.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(new QueryStream('select * from big')) // calls stream.submit(client.connection)
   *   await once(stream.resume(), 'end')
   */
  submit(connection: Connection): void {
    this.cursor.submit(connection)
  }

  /**
   * Called by the client when the query has failed.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(new QueryStream('select * from missing')).resume()
   *   const [error] = await once(stream, 'error') // the client calls handleError
   *   console.log(error.code) // 42P01
   */
  handleError(error: Error): void {
    this.cursor.handleError(error)
  }

  /**
   * Called by the client when the query is done.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(new QueryStream('select * from big')).resume()
   *   await once(stream, 'end') // the client calls handleReadyForQuery
   */
  handleReadyForQuery(): void {
    this.cursor.handleReadyForQuery()
  }

  override _read(size: number): void {
    this.cursor.read(size, (error, rows) => {
      if (error) return void this.destroy(error)
      for (const row of rows) this.push(row)
      if (rows.length < size) this.push(null)
    })
  }

  override _destroy(reason: Error | null, callback: (error?: Error | null) => void): void {
    this.cursor.close((error) => callback(error ?? reason))
  }
}
