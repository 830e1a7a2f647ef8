/**
 * `pg-cursor`: a cursor that gives the rows of a query in pieces. No other query uses the connection until it is read
 * to its end or closed.
 */
import { EventEmitter } from 'node:events'
import { type Connection, type CustomTypes, Result, utils } from '../pg/index.ts'
import type { Runnable } from '../pg/connection.ts'
import { outside } from '../pg/outside.ts'
import { fieldOf } from '../pg/result.ts'
import type { TextCursor } from '../pg/text-cursor.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: rows are whatever the program says they are.
type Any = any
type RowsCallback = (error: Error | null, rows: Any[], result?: Result) => void

/** The options of a cursor. */
export interface CursorConfig {
  /** `'array'`: rows are arrays. */
  readonly rowMode?: string | undefined
  /** Parsers for this query. */
  readonly types?: CustomTypes | undefined
  /** The class of the promises that calls return. */
  readonly Promise?: PromiseConstructorLike | undefined
}

/**
 * pg-cursor's cursor: the rows of a query in pieces, on a client of `syncpg/pg`. The client is busy until the cursor is read to
 * its end or closed.
 * @example
 *   const cursor = client.query(new Cursor('select * from big where id > $1', [10]))
 *   for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100)) use(rows)
 *   await cursor.close()
 */
export class Cursor extends EventEmitter implements Runnable {
  /** The text. */
  readonly text: string
  /** The parameters. */
  readonly values: readonly Any[] | null
  /** The connection it runs on, null before it is submitted. */
  connection: Connection | null = null
  /** The cursor's state. */
  state: 'initialized' | 'submitted' | 'idle' | 'busy' | 'error' | 'done' = 'initialized'
  readonly _result: Result
  readonly _conf: CursorConfig
  readonly #queue: [count: number, callback: RowsCallback][] = []
  readonly #promise: PromiseConstructor
  #rows: TextCursor | null = null
  /** Settles when the last request has ended. The next request waits for it. */
  #last: Promise<unknown> = Promise.resolve()
  #callback: RowsCallback | null = null
  #error: Error | null = null
  #isGivenBack = false

  constructor(text: string, values?: readonly Any[] | null, config: CursorConfig = {}) {
    super()
    this.text = text
    this.values = values ? values.map((value) => utils.prepareValue(value)) : null
    this._conf = config
    this._result = new Result(config.rowMode, config.types)
    this.#promise = (config.Promise as PromiseConstructor | undefined) ?? Promise
  }

  /**
   * Called by the client.
   * @example
   *   const cursor = client.query(new Cursor('select * from big')) // calls cursor.submit(client.connection)
   *   await cursor.close()
   */
  submit(connection: Connection): void {
    this.connection = connection
    this.state = 'submitted'
    this.#last = connection.openCursor(this.text, this.values ?? [], this._result.rowAsArray).then(
      (rows) => {
        this.#rows = rows
        if (rows.columns.length > 0) this._result.addFields(rows.columns.map((column) => fieldOf(column)))
        if (this.state !== 'submitted') return
        this.state = 'idle'
        this.#next()
      },
      (error: unknown) => this.#failed(error),
    )
  }

  /**
   * Gives the next rows, at most `count`, and an empty array at the end.
   * @example
   *   const cursor = client.query(new Cursor('select id from big order by id'))
   *   console.log(await cursor.read(2)) // [ { id: 1 }, { id: 2 } ]
   *   await cursor.close()
   */
  read(count: number): Promise<Any[]>
  read(count: number, callback: RowsCallback): void
  read(count: number, callback?: RowsCallback): Promise<Any[]> | void {
    if (callback === undefined) {
      return new this.#promise((resolve, reject) => {
        this.read(count, (error, rows) => (error ? reject(error) : resolve(rows)))
      })
    }
    if (this.state === 'error') return void setImmediate(() => callback(this.#error, []))
    if (this.state === 'done') return void setImmediate(() => callback(null, []))
    if (this.state === 'idle' || this.state === 'submitted') this.#fetch(count, callback)
    else this.#queue.push([count, callback])
  }

  /**
   * Closes the cursor, so that the client goes on with other queries.
   * @example
   *   const cursor = client.query(new Cursor('select * from big'))
   *   await cursor.close()
   *   await client.query('select 1') // runs only after the cursor is closed
   */
  close(): Promise<void>
  close(callback: (error?: Error) => void): void
  close(callback?: (error?: Error) => void): Promise<void> | void {
    if (callback === undefined) {
      return new this.#promise((resolve, reject) => {
        this.close((error) => (error ? reject(error) : resolve()))
      })
    }
    if (this.connection === null || this.state === 'done' || this.state === 'error') return void setImmediate(callback)
    this.state = 'done'
    this.#last = this.#closeAfter(this.#last, callback)
  }

  /**
   * Called by the client when the cursor has failed, or the connection.
   * @example
   *   const cursor = client.query(new Cursor('select * from missing'))
   *   await cursor.read(1).catch((error) => console.log(error.code)) // 42P01
   */
  handleError(error: Error): void {
    if (this.state === 'error') return
    const isClosed = this.state === 'done'
    if (!isClosed) this.state = 'error'
    this.#error = error
    const callback = this.#callback
    this.#callback = null
    if (callback !== null) outside(() => callback(error, []))
    this.#dropQueue(error)
    if (!isClosed && this.listenerCount('error') > 0) this.emit('error', error)
  }

  /**
   * Called by the client when the connection is free again.
   * @example
   *   const cursor = client.query(new Cursor('select * from big'))
   *   cursor.on('end', () => console.log('ended'))
   *   // The client calls handleReadyForQuery, and the cursor emits 'end'.
   *   await cursor.read(100)
   */
  handleReadyForQuery(): void {
    this.emit('end', this._result)
  }

  #next(): void {
    const [count, callback] = this.#queue.shift() ?? []
    if (count !== undefined && callback !== undefined) this.#fetch(count, callback)
  }

  #fetch(count: number, callback: RowsCallback): void {
    this.state = 'busy'
    this.#callback = callback
    this.#last = this.#last.then(async () => {
      // If the cursor could not be opened, the callback has had the error.
      if (this.#rows === null) return
      try {
        const { rows, tag } = await this.#rows.fetch(count)
        await this.#take(rows, tag, callback)
      } catch (error) {
        await this.#failed(error)
      }
    })
  }

  /** @throws the error of a parser */
  async #take(given: unknown[], tag: string | null, callback: RowsCallback): Promise<void> {
    const rows = this._result.parseRows(given)
    outside(() => {
      for (const row of rows) this.emit('row', row, this._result)
    })
    // A listener may have added rows to the result. They are replaced by the rows of this call.
    this._result.rows = rows
    const give = (): void => {
      this.#callback = null
      callback(null, rows, this._result)
    }
    if (tag !== null) return this.#takeLast(tag, give)
    if (this.state === 'busy') this.state = 'idle'
    outside(give)
    // The callback may have asked for more, or closed it.
    if (this.state === 'idle') this.#next()
  }

  /** After the last rows the cursor ends. Its own transaction may still fail, by a deferred constraint. */
  async #takeLast(tag: string, give: () => void): Promise<void> {
    this._result.addCommandComplete({ text: tag })
    // `close` has been called, and gives the connection back itself.
    if (this.state === 'done') return outside(give)
    const failure = await this.#ended()
    if (failure === null) {
      this.state = 'done'
      outside(give)
    }
    this.#giveBack(failure)
  }

  /** Ends the driver's cursor. @returns the error with which its own transaction failed, or null */
  async #ended(): Promise<Error | null> {
    try {
      await this.#rows?.close()
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #closeAfter(last: Promise<unknown>, callback: (error?: Error) => void): Promise<void> {
    await last
    const failure = await this.#ended()
    this.#giveBack(failure)
    outside(() => (failure === null ? callback() : callback(this.connection?._errorOf(failure))))
  }

  /**
   * Gives the connection back. Only the first call does it, because later the next query may be using the connection.
   */
  #giveBack(failure: unknown): void {
    if (this.#isGivenBack) return
    this.#isGivenBack = true
    if (failure !== null) return this.connection?.fail(failure)
    this.#dropQueue(null)
    this.connection?.finish()
  }

  async #failed(error: unknown): Promise<void> {
    await this.#ended()
    this.#giveBack(error)
  }

  #dropQueue(error: Error | null): void {
    for (const [, callback] of this.#queue.splice(0)) outside(() => callback(error, []))
  }
}
