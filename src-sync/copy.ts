/**
 * COPY of bytes in the blocking API: one class for each direction, used chunk by chunk, and the sources and outputs
 * that the COPY methods accept. While a COPY is open, nothing else may use its connection.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { fileError } from '../src-async/errors/file-error.ts'
import { isBytes, ownBytes } from '../src-async/values/any-realm.ts'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { ChunkGatherer } from '../src-async/flows/chunk-gatherer.ts'
import { TextChunks } from '../src-async/flows/text-chunks.ts'
import {
  ChunkSink,
  abandonCopyIn,
  abandonCopyOut,
  finishCopyIn,
  readCopyOut,
  sendCopyIn,
  startCopyIn,
  startCopyOut,
} from '../src-async/flows/copy-bytes.ts'
import type { ProgressReporter } from '../src-async/flows/progress.ts'
import { countOf } from '../src-async/flows/query.ts'
import type { Engine, RunOptions } from './engine.ts'

/** A piece of the data: bytes, or text, which is sent as UTF-8. A chunk of text may end within a surrogate pair. */
export type CopyChunk = Uint8Array | string

/**
 * The data that COPY loads: a path, a `file:` URL, a file descriptor, bytes, or an iterable of chunks. A string is
 * always a path.
 */
export type CopySource = string | URL | number | Uint8Array | Iterable<CopyChunk>

/** Where COPY writes: a path, a `file:` URL, a file descriptor, or a function that is called with each chunk. */
export type CopyOutput = string | URL | number | ((chunk: Buffer) => void)

const CHUNK_BYTES = 256 * 1024
/**
 * A gathered chunk waits at most this long when the next one comes. So a slow source learns of the server's error, and of
 * the time limit, soon.
 */
const GATHER_MS = 20

/** An open `COPY … FROM STDIN`. */
export class CopyIn {
  readonly #engine: Engine
  readonly #gathered = new ChunkGatherer()
  readonly #text = new TextChunks()
  /** The argument that gave the last chunk. */
  #argument = ''
  /** When the first of the gathered chunks came. */
  #gatheredSinceMs = 0
  #isOpen = true

  constructor(engine: Engine, sql: string, options: RunOptions = {}) {
    this.#engine = engine
    const ifInterrupted = (): void => this.abandon('the call that fed the COPY was interrupted')
    engine.run(startCopyIn(engine.context, sql), { ...options, ifInterrupted })
    engine.holdForCopy(ifInterrupted)
  }

  /**
   * Takes a chunk. A small one is sent together with later ones, when they are some 64 kB, or when the first of them is
   * old. So the server's error about a chunk may come at a later one, or at the end.
   * @param argument the argument that gave the chunk, for messages
   */
  write(chunk: CopyChunk, argument: string, progress: ProgressReporter | null = null): void {
    this.#argument = argument
    const data = typeof chunk === 'string' ? this.#text.next(chunk, argument) : requireBytes(chunk, argument)
    if (typeof data !== 'string') this.#text.end(argument)
    const gathered = this.#gathered
    const wasEmpty = gathered.isEmpty
    if (gathered.add(data)) {
      const nowMs = performance.now()
      if (wasEmpty) this.#gatheredSinceMs = nowMs
      else if (nowMs - this.#gatheredSinceMs > GATHER_MS) this.flush(progress)
      return
    }
    this.flush(progress)
    if (gathered.add(data)) {
      this.#gatheredSinceMs = performance.now()
      return
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
      this.#send(bytes.subarray(start, start + CHUNK_BYTES), progress)
    }
  }

  /** Sends the chunks that were gathered. */
  flush(progress: ProgressReporter | null = null): void {
    if (!this.#gathered.isEmpty) this.#send(this.#gathered.take(), progress)
  }

  #send(piece: Uint8Array, progress: ProgressReporter | null): void {
    this.#step(() => this.#engine.step(sendCopyIn(this.#engine.context, piece)))
    progress?.add(null, piece.length)
  }

  /** Finishes the COPY. @returns the command tag. */
  finish(): string {
    try {
      this.#text.end(this.#argument)
    } catch (error) {
      this.abandon(error)
      throw error
    }
    this.flush()
    this.#release()
    return this.#engine.step(finishCopyIn(this.#engine.context))
  }

  /** Aborts the COPY. The server undoes it. */
  abandon(reason: unknown): void {
    if (!this.#isOpen) return
    this.#release()
    if (!this.#engine.session.isClosed) this.#engine.step(abandonCopyIn(this.#engine.context, reason))
  }

  /** Runs one step. An error of the server has ended the COPY, so the connection is released. */
  #step(body: () => void): void {
    try {
      body()
    } catch (error) {
      this.#release()
      throw error
    }
  }

  #release(): void {
    this.#isOpen = false
    this.#engine.releaseCopy()
  }
}

/** An open `COPY … TO STDOUT`. */
export class CopyOut {
  readonly #engine: Engine
  #isOpen = true
  /** The command tag; null until the last chunk has been read. */
  tag: string | null = null

  constructor(engine: Engine, sql: string, options: RunOptions = {}) {
    this.#engine = engine
    const ifInterrupted = (): void => this.abandon()
    engine.run(startCopyOut(engine.context, sql), { ...options, ifInterrupted })
    engine.holdForCopy(ifInterrupted)
  }

  /**
   * Returns the next bytes; null at the end. Does not release the connection, not even with the last bytes: otherwise
   * code that uses it beside the COPY would be refused for large data only. `abandon` releases it.
   */
  read(): Buffer | null {
    while (this.tag === null) {
      const sink = new ChunkSink()
      this.#step(() => {
        this.tag = this.#engine.step(readCopyOut(this.#engine.context, sink))
      })
      const [first] = sink.chunks
      if (first !== undefined) return sink.chunks.length === 1 ? first : Buffer.concat(sink.chunks)
    }
    return null
  }

  /** Ends the COPY, and stops reading if there is more. The session is ready for the next call afterwards. */
  abandon(): void {
    if (!this.#isOpen) return
    this.#release()
    if (this.tag === null && !this.#engine.session.isClosed) this.#engine.step(abandonCopyOut())
  }

  #step(body: () => void): void {
    try {
      body()
    } catch (error) {
      this.#release()
      throw error
    }
  }

  #release(): void {
    this.#isOpen = false
    this.#engine.releaseCopy()
  }
}

/** The limits of a COPY, and the method that was called, for messages. */
export interface CopyCall extends RunOptions {
  readonly method: string
  readonly progress?: ProgressReporter | null
}

/** Runs `COPY … FROM STDIN`. @returns the command tag. @throws the source's own error. Then nothing is loaded. */
export function copyIn(engine: Engine, sql: string, source: CopySource, options: CopyCall): string {
  // The source is opened before the COPY starts, so that a missing file changes nothing on the server.
  const chunks = openSource(source, options.method)
  try {
    const copy = new CopyIn(engine, sql, options)
    try {
      const argument = `${options.method}: source`
      for (const chunk of chunks) copy.write(chunk, argument, options.progress)
      copy.flush(options.progress)
      options.progress?.end(null)
    } catch (error) {
      copy.abandon(error)
      throw error
    }
    return copy.finish()
  } finally {
    chunks.close()
  }
}

/** Runs `COPY … TO STDOUT`. @returns the command tag. @throws the output's own error; the connection stays usable. */
export function copyOut(engine: Engine, sql: string, output: CopyOutput, options: CopyCall): string {
  const sink = openSink(output, options.method)
  try {
    const copy = new CopyOut(engine, sql, options)
    try {
      for (let chunk = copy.read(); chunk !== null; chunk = copy.read()) {
        sink.write(chunk)
        options.progress?.add(null, chunk.length)
      }
      options.progress?.end(countOf(copy.tag ?? ''))
    } finally {
      copy.abandon()
    }
    return copy.tag ?? ''
  } finally {
    sink.close()
  }
}

function requireBytes(chunk: unknown, argument: string): Uint8Array {
  const bytes = ownBytes(chunk)
  if (bytes !== null) return bytes
  throw new ProgrammingError(`${argument}: expected chunks of bytes or text, got ${describeValue(chunk)}`)
}

interface Source extends Iterable<CopyChunk> {
  close(): void
}

function openSource(source: CopySource, method: string): Source {
  if (typeof source === 'string' || source instanceof URL) {
    const file = openFile(source, 'r', `${method}: source`)
    return { [Symbol.iterator]: () => fileChunks(file, method, source), close: () => closeSync(file) }
  }
  if (isDescriptor(source)) return { [Symbol.iterator]: () => fileChunks(source, method), close() {} }
  if (isBytes(source)) return { [Symbol.iterator]: () => [source][Symbol.iterator](), close() {} }
  const candidate: unknown = source
  if (candidate !== null && typeof candidate === 'object' && Symbol.iterator in candidate) {
    return { [Symbol.iterator]: () => source[Symbol.iterator](), close() {} }
  }
  throw new ProgrammingError(
    `${method}: source: expected a path, a file descriptor, a Uint8Array or an iterable of chunks, got ${describeValue(source)}`,
  )
}

/**
 * @throws OperationalError when the system refuses to open the file; ProgrammingError for a value that is not a path.
 */
function openFile(path: string | URL, mode: 'r' | 'w', argument: string): number {
  try {
    return openSync(path, mode)
  } catch (error) {
    throw fileError(argument, path, error)
  }
}

function* fileChunks(file: number, method: string, path: string | URL = `descriptor ${file}`): Generator<Uint8Array> {
  // All chunks use one buffer, because each chunk is sent before the next is read.
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  for (;;) {
    const length = readPart(file, buffer, { path, argument: `${method}: source` })
    if (length === 0) return
    yield buffer.subarray(0, length)
  }
}

function readPart(
  file: number,
  buffer: Buffer,
  { path, argument }: { readonly path: string | URL; readonly argument: string },
): number {
  try {
    return readSync(file, buffer)
  } catch (error) {
    throw fileError(argument, path, error)
  }
}

/** Whether a number can be a file descriptor. Node's own error for other numbers would not name the argument. */
function isDescriptor(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x7fffffff
}

interface Sink {
  write(chunk: Buffer): void
  close(): void
}

function openSink(output: CopyOutput, method: string): Sink {
  if (typeof output === 'function') return { write: output, close() {} }
  if (isDescriptor(output)) return { write: (chunk) => writeAll(output, chunk), close() {} }
  if (typeof output === 'string' || output instanceof URL) {
    const file = openFile(output, 'w', `${method}: output`)
    return { write: (chunk) => writeAll(file, chunk), close: () => closeSync(file) }
  }
  throw new ProgrammingError(
    `${method}: output: expected a path, a file descriptor or a function, got ${describeValue(output)}`,
  )
}

function writeAll(file: number, chunk: Buffer): void {
  for (let written = 0; written < chunk.length;) written += writeSync(file, chunk, written)
}
