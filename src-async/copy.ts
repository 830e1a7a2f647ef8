/**
 * The sources and outputs of COPY in the async API: paths, streams, iterables, buffers and functions. Both have
 * back-pressure: the source is read only as fast as the server takes the bytes, and the server waits while the output
 * works.
 */
import { fileError } from './errors/file-error.ts'
import { isBytes, ownBytes } from './values/any-realm.ts'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { CallOptions } from './call-options.ts'
import { type Engine, runFlow } from './engine.ts'
import { describeValue } from './errors/describe-value.ts'
import { ProgrammingError } from './errors/tree.ts'
import { ChunkGatherer } from './flows/chunk-gatherer.ts'
import { TextChunks } from './flows/text-chunks.ts'
import {
  ChunkSink,
  abandonCopyIn,
  abandonCopyOut,
  finishCopyIn,
  readCopyOut,
  sendCopyIn,
  startCopyIn,
  startCopyOut,
} from './flows/copy-bytes.ts'
import { type ProgressOption, progressReporter } from './flows/progress.ts'
import { countOf } from './flows/query.ts'
import { BoundedWait } from './bounded-wait.ts'

/** A piece of the data: bytes, or text, which is sent as UTF-8. A chunk of text may end within a surrogate pair. */
export type CopyChunk = Uint8Array | string

/**
 * The data that COPY loads: a path, a `file:` URL, bytes, or an iterable of chunks, which may be a stream. A string is
 * always a path. Pass text as bytes or in an iterable: `['milk,1\n']`.
 */
export type CopySource = string | URL | Uint8Array | Iterable<CopyChunk> | AsyncIterable<CopyChunk>

/**
 * Where COPY writes: a path, a `file:` URL, a writable stream, or a function. COPY calls the function with each chunk
 * and awaits it.
 */
export type CopyOutput =
  | string
  | URL
  | Writable
  | WritableStream<Uint8Array>
  | ((chunk: Buffer) => void | Promise<void>)

/** Size of the chunks that are read from a file or cut from a large buffer. */
const CHUNK_BYTES = 256 * 1024

/** The options of a COPY, and the method that was called, for messages. */
export interface CopyCall extends CallOptions, ProgressOption {
  readonly method: string
}

/**
 * Runs `COPY … FROM STDIN`. Small chunks that the source gives at once are sent together.
 * @returns the command tag.
 * @throws the source's own error; then nothing is loaded. The time limit and the signal also end a wait for the source.
 */
export async function copyIn(engine: Engine, sql: string, source: CopySource, options: CopyCall): Promise<string> {
  const { context, session } = engine
  const progress = progressReporter(options, options.method)
  // The source is opened before the COPY starts, so that a missing file changes nothing on the server.
  const chunks = iterate(await openSource(source, options.method))
  const bounded = new BoundedWait(context.deadlineMs, engine.waitSignal(options.signal))
  const gathered = new ChunkGatherer()
  const text = new TextChunks()
  const argument = `${options.method}: source`
  const watch = new TurnWatch()
  let isOurs = false
  let isDrained = false
  let isReading = false
  const send = async (piece: Uint8Array): Promise<void> => {
    isOurs = false
    await runFlow(sendCopyIn(context, piece), session)
    isOurs = true
    progress?.add(null, piece.length)
  }
  try {
    await runFlow(startCopyIn(context, sql), session)
    isOurs = true
    for (;;) {
      const next = chunks.next()
      isReading = true
      const isAtOnce = !gathered.isEmpty && (await watch.isSettledAtOnce(next))
      if (!gathered.isEmpty && !isAtOnce) await send(gathered.take())
      const step = isAtOnce && !bounded.isOver ? await next : await bounded.wait(next)
      isReading = false
      if (step.done === true) {
        isDrained = true
        break
      }
      const chunk =
        typeof step.value === 'string' ? text.next(step.value, argument) : requireBytes(step.value, argument)
      if (typeof chunk !== 'string') text.end(argument)
      if (gathered.add(chunk)) continue
      if (!gathered.isEmpty) await send(gathered.take())
      if (gathered.add(chunk)) continue
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
        await send(bytes.subarray(start, start + CHUNK_BYTES))
      }
    }
    text.end(argument)
    if (!gathered.isEmpty) await send(gathered.take())
    progress?.end(null)
    isOurs = false
    return await runFlow(finishCopyIn(context), session)
  } catch (error) {
    if (isOurs) await runFlow(abandonCopyIn(context, error), session)
    throw error
  } finally {
    bounded.stop()
    if (!isDrained) await leave(chunks, bounded.isOver || isReading)
  }
}

/** Tells whether a source has a chunk at once, or makes the call wait for later turns of the event loop. */
class TurnWatch {
  #answer: ((isAtOnce: boolean) => void) | null = null
  #isTurnAwaited = false

  /** Whether the promise is settled in this turn of the event loop. */
  isSettledAtOnce(promise: Promise<unknown>): Promise<boolean> {
    if (!this.#isTurnAwaited) {
      this.#isTurnAwaited = true
      setImmediate(this.#turn)
    }
    return new Promise((resolve) => {
      this.#answer = resolve
      const settled = (): void => resolve(true)
      promise.then(settled, settled)
    })
  }

  readonly #turn = (): void => {
    this.#isTurnAwaited = false
    this.#answer?.(false)
  }
}

/** Runs `COPY … TO STDOUT`. @returns the command tag. @throws the sink's own error; the connection stays usable. */
export async function copyOut(engine: Engine, sql: string, output: CopyOutput, options: CopyCall): Promise<string> {
  const { context, session } = engine
  const progress = progressReporter(options, options.method)
  const sink = await openSink(output, options.method)
  const bounded = new BoundedWait(context.deadlineMs, engine.waitSignal(options.signal))
  let isOurs = false
  try {
    await runFlow(startCopyOut(context, sql), session)
    for (;;) {
      const data = new ChunkSink()
      isOurs = false
      const tag = await runFlow(readCopyOut(context, data), session)
      isOurs = true
      for (const chunk of data.chunks) {
        await bounded.wait(sink.write(chunk))
        progress?.add(null, chunk.length)
      }
      if (tag === null) continue
      isOurs = false
      progress?.end(countOf(tag))
      await bounded.wait(sink.close())
      return tag
    }
  } catch (error) {
    if (isOurs) await runFlow(abandonCopyOut(), session)
    const failed = sink.fail(error)
    // When the limit or the signal has ended the call, the output may be stuck, so the call does not wait for it.
    if (bounded.isOver) failed.catch(() => {})
    else await failed
    throw error
  } finally {
    bounded.stop()
  }
}

/** Gives an async iterator for an iterable or an async iterable. */
export function iterate<T>(source: Iterable<T> | AsyncIterable<T>): AsyncIterator<T, unknown> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : eachOf(source)
}

async function* eachOf<T>(source: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* source
}

/**
 * Closes a source that was not read to its end, so that it can clean up. Does not wait for a source that may be stuck.
 */
export async function leave(source: AsyncIterator<unknown>, isStuck: boolean): Promise<void> {
  const left = source.return?.()
  if (isStuck) left?.catch(() => {})
  else await left
}

function requireBytes(chunk: unknown, argument: string): Uint8Array {
  const bytes = ownBytes(chunk)
  if (bytes !== null) return bytes
  throw new ProgrammingError(`${argument}: expected chunks of bytes or text, got ${describeValue(chunk)}`)
}

async function openSource(source: CopySource, method: string): Promise<Iterable<CopyChunk> | AsyncIterable<CopyChunk>> {
  if (typeof source === 'string' || source instanceof URL) {
    const file = await openFile(source, 'r', `${method}: source`)
    return file.createReadStream({ highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>
  }
  if (isBytes(source)) return [source]
  const candidate: unknown = source
  if (candidate !== null && typeof candidate === 'object') {
    if (Symbol.asyncIterator in candidate || Symbol.iterator in candidate) return source
  }
  throw new ProgrammingError(
    `${method}: source: expected a path, a Uint8Array, a stream or an iterable of chunks, got ${describeValue(source)}`,
  )
}

/**
 * @throws OperationalError when the system refuses to open the file; ProgrammingError for a value that is not a path.
 */
async function openFile(path: string | URL, mode: 'r' | 'w', argument: string): Promise<FileHandle> {
  try {
    return await open(path, mode)
  } catch (error) {
    throw fileError(argument, path, error)
  }
}

interface Sink {
  write(chunk: Buffer): Promise<void>
  close(): Promise<void>
  fail(error: unknown): Promise<void>
}

async function openSink(output: CopyOutput, method: string): Promise<Sink> {
  if (typeof output === 'string' || output instanceof URL)
    return fileSink(await openFile(output, 'w', `${method}: output`))
  if (typeof output === 'function') {
    return { write: async (chunk) => output(chunk), close: async () => {}, fail: async () => {} }
  }
  const stream: unknown = output
  if (typeof stream !== 'object' || stream === null) throw badOutput(output, method)
  if ('getWriter' in output) {
    const writer = output.getWriter()
    return {
      write: (chunk) => writer.write(chunk),
      close: async () => writer.releaseLock(),
      fail: async () => writer.releaseLock(),
    }
  }
  if (typeof output.write === 'function') return streamSink(output)
  throw badOutput(output, method)
}

function badOutput(output: unknown, method: string): ProgrammingError {
  return new ProgrammingError(
    `${method}: output: expected a path, a writable stream or a function, got ${describeValue(output)}`,
  )
}

function fileSink(file: FileHandle): Sink {
  return {
    write: async (chunk) => {
      await file.writeFile(chunk)
    },
    close: () => file.close(),
    fail: () => file.close(),
  }
}

/** Writes to a stream and leaves it open, because the program made it and ends it. */
function streamSink(stream: Writable): Sink {
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stream.write(chunk, (error) => (error ? reject(error) : resolve()))
      }),
    close: async () => {},
    fail: async () => {},
  }
}
