/**
 * Where COPY's bytes come from and go to on the event loop: paths, streams, iterables, buffers and functions. Back-pressure
 * both ways: a source is asked when the server wants more, the server waits while a sink works.
 */
import { fileError } from './errors/file-error.ts'
import { isBytes, ownBytes } from './values/any-realm.ts'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { type CallOptions, NO_OPTIONS } from './call-options.ts'
import type { Engine } from './engine.ts'
import { ProgrammingError } from './errors/tree.ts'
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
import { type ProgressOption, progressTeller } from './flows/progress.ts'
import { countOf } from './flows/query.ts'
import { Patience } from './patience.ts'
import { runFlow } from './run-flow.ts'

/** Bytes, or text that is sent as UTF-8. */
export type CopyChunk = Uint8Array | string

/**
 * What COPY reads: a path or file URL, the bytes themselves, or anything that gives chunks: a stream, an iterable.
 * A string is always a path; text to be loaded is given as bytes or in an iterable.
 */
export type CopySource = string | URL | Uint8Array | Iterable<CopyChunk> | AsyncIterable<CopyChunk>

/** Where COPY writes: a path or file URL, a stream, or a function that is awaited. */
export type CopyOutput =
  | string
  | URL
  | Writable
  | WritableStream<Uint8Array>
  | ((chunk: Buffer) => void | Promise<void>)

/** Bytes of a chunk that is read from a file or cut from a large buffer. */
const CHUNK_BYTES = 256 * 1024

/**
 * Runs `COPY … FROM STDIN`.
 * @returns the command tag.
 * @throws the source's own error; nothing is loaded then. Neither the time limit nor the signal waits for the source.
 */
export async function copyIn(
  engine: Engine,
  sql: string,
  source: CopySource,
  options: CallOptions & ProgressOption = NO_OPTIONS,
): Promise<string> {
  const { context, session } = engine
  const progress = progressTeller(options, 'COPY')
  // The source is opened first: a file that is not there must not have begun anything.
  const chunks = iterate(await openSource(source))
  const patience = new Patience(context.deadlineMs, engine.waitSignal(options.signal))
  let isOurs = false
  let isDrained = false
  try {
    await runFlow(startCopyIn(context, sql), session)
    isOurs = true
    for (;;) {
      const step = await patience.wait(chunks.next())
      if (step.done === true) {
        isDrained = true
        break
      }
      const chunk = step.value
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : requireBytes(chunk)
      for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
        isOurs = false
        const piece = bytes.subarray(start, start + CHUNK_BYTES)
        await runFlow(sendCopyIn(context, piece), session)
        isOurs = true
        progress?.add(null, piece.length)
      }
    }
    progress?.end(null)
    isOurs = false
    return await runFlow(finishCopyIn(context), session)
  } catch (error) {
    if (isOurs) await runFlow(abandonCopyIn(context, error), session)
    throw error
  } finally {
    patience.stop()
    if (!isDrained) await leave(chunks, patience)
  }
}

/** Runs `COPY … TO STDOUT`. @returns the command tag. @throws the sink's own error; the connection stays usable. */
export async function copyOut(
  engine: Engine,
  sql: string,
  output: CopyOutput,
  options: CallOptions & ProgressOption = NO_OPTIONS,
): Promise<string> {
  const { context, session } = engine
  const progress = progressTeller(options, 'COPY')
  const sink = await openSink(output)
  const patience = new Patience(context.deadlineMs, engine.waitSignal(options.signal))
  let isOurs = false
  try {
    await runFlow(startCopyOut(context, sql), session)
    for (;;) {
      const data = new ChunkSink()
      isOurs = false
      const tag = await runFlow(readCopyOut(context, data), session)
      isOurs = true
      for (const chunk of data.chunks) {
        await patience.wait(sink.write(chunk))
        progress?.add(null, chunk.length)
      }
      if (tag === null) continue
      isOurs = false
      progress?.end(countOf(tag))
      await patience.wait(sink.close())
      return tag
    }
  } catch (error) {
    if (isOurs) await runFlow(abandonCopyOut(), session)
    const failed = sink.fail(error)
    // What is stuck would hold the call as well.
    if (patience.isOver) failed.catch(() => {})
    else await failed
    throw error
  } finally {
    patience.stop()
  }
}

/** One kind of iterator for both kinds of iterable. */
export function iterate<T>(source: Iterable<T> | AsyncIterable<T>): AsyncIterator<T, unknown> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : eachOf(source)
}

async function* eachOf<T>(source: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* source
}

/** Lets a source clean up that is not drained. One that is stuck would never do it: it is not waited for. */
export async function leave(source: AsyncIterator<unknown>, patience: Patience): Promise<void> {
  const left = source.return?.()
  if (patience.isOver) left?.catch(() => {})
  else await left
}

function requireBytes(chunk: unknown): Uint8Array {
  const bytes = ownBytes(chunk)
  if (bytes !== null) return bytes
  throw new ProgrammingError(`COPY: the source gave a chunk that is neither bytes nor text: ${typeof chunk}`)
}

async function openSource(source: CopySource): Promise<Iterable<CopyChunk> | AsyncIterable<CopyChunk>> {
  if (typeof source === 'string' || source instanceof URL) {
    const file = await openFile(source, 'r', 'COPY: source')
    return file.createReadStream({ highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>
  }
  if (isBytes(source)) return [source]
  const candidate: unknown = source
  if (candidate !== null && typeof candidate === 'object') {
    if (Symbol.asyncIterator in candidate || Symbol.iterator in candidate) return source
  }
  throw new ProgrammingError('COPY: source: expected a path, a Uint8Array, a stream or an iterable of chunks')
}

/** @throws OperationalError when the system refuses it; ProgrammingError for what names no file. */
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

async function openSink(output: CopyOutput): Promise<Sink> {
  if (typeof output === 'string' || output instanceof URL) return fileSink(await openFile(output, 'w', 'COPY: output'))
  if (typeof output === 'function') {
    return { write: async (chunk) => output(chunk), close: async () => {}, fail: async () => {} }
  }
  const stream: unknown = output
  if (typeof stream !== 'object' || stream === null) throw badOutput()
  if ('getWriter' in output) {
    const writer = output.getWriter()
    return {
      write: (chunk) => writer.write(chunk),
      close: async () => writer.releaseLock(),
      fail: async () => writer.releaseLock(),
    }
  }
  if (typeof output.write === 'function') return streamSink(output)
  throw badOutput()
}

function badOutput(): ProgrammingError {
  return new ProgrammingError('COPY: output: expected a path, a writable stream or a function')
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

/** A stream stays open: whoever made it ends it. */
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
