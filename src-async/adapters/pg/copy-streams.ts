/**
 * COPY as streams, for clients of `syncpg/pg`. They replace `from` and `to` of the npm package `pg-copy-streams`, which
 * cannot be used here because it speaks the protocol itself.
 */
import { Readable, Writable } from 'node:stream'
import type { Connection, Runnable } from './connection.ts'

type Done = (error?: Error | null) => void

/** A stream into `COPY … FROM STDIN`. */
export class CopyFromStream extends Writable implements Runnable {
  /** The COPY statement. */
  readonly text: string
  /** How many rows were loaded; null before the end. */
  rowCount: number | null = null
  /** Set by the client or a pool, which wants to hear of the end. */
  callback: ((error: Error | null, result?: unknown) => void) | undefined
  readonly #chunks = new Chunks()
  #finish: Done | null = null
  #error: Error | null = null

  constructor(text: string, options: { readonly highWaterMark?: number } = {}) {
    super(options)
    this.text = text
  }

  /**
   * Called by the client.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyFrom('copy item (name, price) from stdin (format csv)')) // calls stream.submit
   *   stream.end('milk,1\n')
   *   await once(stream, 'finish')
   */
  submit(connection: Connection): void {
    connection.copy(this.text, { source: this.#chunks }, (rowCount) => {
      this.rowCount = rowCount
    })
  }

  /**
   * Called by the client when the statement has failed.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyFrom('copy item (name, price) from stdin (format csv)'))
   *   stream.end('milk,much\n')
   *   const [error] = await once(stream, 'error') // the client calls handleError
   *   console.log(error.code) // 22P02
   */
  handleError(error: Error): void {
    this.#error = error
    this.#chunks.stop()
    if (this.#finish === null) this.destroy(error)
    else this.#end(error)
    this.callback?.(error)
  }

  /**
   * Called by the client when the statement is done.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyFrom('copy item (name, price) from stdin (format csv)'))
   *   stream.end('milk,1\n')
   *   await once(stream, 'finish') // the client calls handleReadyForQuery
   *   console.log(stream.rowCount) // 1
   */
  handleReadyForQuery(): void {
    if (this.#error !== null) return
    this.#end(null)
    this.callback?.(null, this)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#chunks.push(chunk, done)
  }

  /** The event `finish` comes when the server has confirmed that all rows are loaded. */
  override _final(done: Done): void {
    this.#finish = done
    if (this.#error !== null) return this.#end(this.#error)
    this.#chunks.end()
  }

  /** A stream that is destroyed before its end loads nothing. */
  override _destroy(error: Error | null, done: Done): void {
    if (this.#finish === null) this.#chunks.fail(error ?? new Error('the stream was destroyed'))
    done(error)
  }

  #end(error: Error | null): void {
    const finish = this.#finish
    this.#finish = null
    finish?.(error)
  }
}

/** A stream out of `COPY … TO STDOUT`. */
export class CopyToStream extends Readable implements Runnable {
  /** The COPY statement. */
  readonly text: string
  /** How many rows were written; null before the end. */
  rowCount: number | null = null
  /** Called with the error or the result, if `client.query` was given a callback. */
  callback: ((error: Error | null, result?: unknown) => void) | undefined
  #wanted: (() => void) | null = null

  constructor(text: string, options: { readonly highWaterMark?: number } = {}) {
    super(options)
    this.text = text
  }

  /**
   * Called by the client.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyTo('copy item to stdout')) // calls stream.submit
   *   await once(stream.resume(), 'end')
   */
  submit(connection: Connection): void {
    const output = async (chunk: Buffer): Promise<void> => {
      // The reader has destroyed the stream. The error makes the driver stop the COPY on the server.
      if (this.destroyed) throw new Error('the stream was destroyed')
      if (this.push(chunk)) return
      await new Promise<void>((resolve) => {
        this.#wanted = resolve
      })
    }
    connection.copy(this.text, { output }, (rowCount) => {
      this.rowCount = rowCount
    })
  }

  /**
   * Called by the client when the statement has failed.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyTo('copy missing to stdout'))
   *   const [error] = await once(stream, 'error') // the client calls handleError
   *   console.log(error.code) // 42P01
   */
  handleError(error: Error): void {
    this.destroy(error)
    this.callback?.(error)
  }

  /**
   * Called by the client when the statement is done.
   * @example
   *   import { once } from 'node:events'
   *   const stream = client.query(copyTo('copy item to stdout')).resume()
   *   await once(stream, 'end') // the client calls handleReadyForQuery
   *   console.log(stream.rowCount) // 3
   */
  handleReadyForQuery(): void {
    this.push(null)
    this.callback?.(null, this)
  }

  override _read(): void {
    this.#wanted?.()
    this.#wanted = null
  }

  override _destroy(error: Error | null, done: Done): void {
    this._read()
    done(error)
  }
}

/**
 * A stream into a table: `client.query(copyFrom('copy item from stdin (format csv)'))`.
 * @param options.highWaterMark how many bytes the stream buffers before `write` returns false or reading pauses; the
 *   default is Node's for streams
 * @example
 *   import { pipeline } from 'node:stream/promises'
 *   const stream = client.query(copyFrom('copy item (name, price) from stdin (format csv)'))
 *   await pipeline(['milk,1\n', 'bread,2\n'], stream)
 *   console.log(stream.rowCount) // 2
 */
export function copyFrom(text: string, options?: { readonly highWaterMark?: number }): CopyFromStream {
  return new CopyFromStream(text, options)
}

/**
 * A stream out of a table: `client.query(copyTo('copy item to stdout'))`.
 * @param options.highWaterMark how many bytes the stream buffers before `write` returns false or reading pauses; the
 *   default is Node's for streams
 * @example for await (const chunk of client.query(copyTo('copy item to stdout'))) process.stdout.write(chunk)
 */
export function copyTo(text: string, options?: { readonly highWaterMark?: number }): CopyToStream {
  return new CopyToStream(text, options)
}

interface Chunk {
  readonly bytes: Buffer
  /** Called when the driver has taken the chunk, so that the stream gives the next one. */
  readonly taken: Done
}

/** The chunks written to a stream, as an iterable for the driver, which takes one when the server can read it. */
class Chunks implements AsyncIterable<Buffer> {
  readonly #waiting: Chunk[] = []
  #isOver = false
  #isStopped = false
  #failure: Error | null = null
  #wake: (() => void) | null = null

  push(bytes: Buffer, taken: Done): void {
    if (this.#isStopped) return taken()
    this.#waiting.push({ bytes, taken })
    this.#wake?.()
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  fail(error: Error): void {
    this.#failure = error
    this.#wake?.()
  }

  /** Drops all chunks, because the COPY has failed. */
  stop(): void {
    this.#isStopped = true
    for (const { taken } of this.#waiting.splice(0)) taken()
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure
      const chunk = this.#waiting.shift()
      if (chunk !== undefined) {
        yield chunk.bytes
        chunk.taken()
      } else if (this.#isOver || this.#isStopped) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
