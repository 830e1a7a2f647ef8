/**
 * The object that `Cursor.copy` passes to its function. It sends or receives bytes, or records in some formats, in the
 * direction of the statement. It is usable only while the function runs.
 */
import { sealInstances } from '../src-async/options/sealed.ts'
import { InterfaceError, ProgrammingError } from '../src-async/errors/tree.ts'
import { RecordEncoder, binaryCodec } from '../src-async/flows/copy-records.ts'
import { resolveStatement } from '../src-async/flows/resolve-statement.ts'
import type { Row, Values } from '../src-async/values/record.ts'
import { readsBinary } from '../src-async/values/codecs/array.ts'
import { RowDecoder, type RowReader } from '../src-async/values/row-decoder.ts'
import { shapeFor } from '../src-async/values/row-shapes.ts'
import type { Column } from '../src-async/wire/row-sink.ts'
import { type CopyChunk, CopyIn, CopyOut } from './copy.ts'
import { type CopyText, readCopyText } from './copy-text.ts'
import { isLater } from './call-options.ts'
import type { Engine, RunOptions } from './engine.ts'
import { type InputSize, typeOidOf } from './input-sizes.ts'
import { LineCutter } from './line-cutter.ts'
import { TupleCutter } from './tuple-cutter.ts'

/**
 * The argument of the function that `Cursor.copy` runs. It sends or receives bytes or records, in the direction of the
 * COPY statement.
 */
export class CopyStream implements Iterable<Buffer> {
  static {
    sealInstances(this)
  }

  readonly #engine: Engine
  readonly #in: CopyIn | null
  readonly #out: CopyOut | null
  readonly #format: CopyText['format']
  /** The columns of the rows; null in text formats until `setTypes` is called. */
  #columns: readonly Column[] | null
  #encoder: RecordEncoder | null = null
  #isOver = false

  /** Made by `Cursor.copy`. */
  constructor(
    engine: Engine,
    copy: CopyIn | CopyOut,
    { columns, format }: { readonly columns: readonly Column[] | null; readonly format: CopyText['format'] },
  ) {
    this.#engine = engine
    this.#in = copy instanceof CopyIn ? copy : null
    this.#out = copy instanceof CopyOut ? copy : null
    this.#columns = columns
    this.#format = format
  }

  /**
   * Sends bytes or text in the format of the COPY. Small chunks are sent together, some 64 kB at once, so the server's error
   * about one of them may come at a later call or at the end. The chunk may be overwritten after the call.
   * @example
   *   cur.copy('copy item (name, price) from stdin', (copy) => copy.write('milk\t1\nbread\t2\n'))
   *   console.log(cur.rowcount) // 2
   */
  write(chunk: CopyChunk): void {
    if (this.#encoder !== null) throw new ProgrammingError('copy: rows and chunks cannot be mixed')
    this.#writing('write').write(chunk, 'CopyStream.write')
  }

  /**
   * Sends a record of values. Possible in binary format, and in text format after `setTypes`.
   * @throws DataError, which names the record and the column.
   * @example
   *   cur.copy('copy item (name, price) from stdin (format binary)', (copy) => copy.writeRow(['milk', 1]))
   *   console.log(cur.rowcount) // 1
   */
  writeRow(values: Values): void {
    const copy = this.#writing('writeRow')
    this.#encoder ??= this.#newEncoder()
    this.#encoder.add(values)
    if (this.#encoder.isFull) this.#flush(copy, this.#encoder)
  }

  /**
   * Sets the types of the rows. Needed in text format, and when the types differ from those of the table. The types are
   * written as for `setinputsizes`: names as in SQL, `oid(n)` or type objects. Types that are not built in must have
   * been named in a call before the COPY, because the server answers no queries while it runs.
   * @example
   *   cur.copy('copy item (name, price) from stdin', (copy) => {
   *     copy.setTypes(['text', 'int4'])
   *     copy.writeRow(['milk', 1])
   *   })
   */
  setTypes(types: readonly InputSize[]): void {
    if (this.#encoder !== null) throw new ProgrammingError('copy: call setTypes() before the first row')
    this.#columns = types.map((type, index) => {
      const typeOid = typeOidOf(this.#engine, type)
      if (typeOid === 0) {
        throw new ProgrammingError(`copy: setTypes(): the type ${String(type)} is not known yet`, {
          hint: 'no type can be looked up while a COPY runs: pass oid(n), or name the type in a statement before the COPY',
        })
      }
      return { name: `column${index + 1}`, tableOid: 0, tableColumn: 0, typeOid, typeSize: -1, typeModifier: -1 }
    })
  }

  /**
   * Returns the next bytes; null at the end.
   * @example
   *   cur.copy('copy item to stdout', (copy) => {
   *     for (let chunk = copy.read(); chunk !== null; chunk = copy.read()) process.stdout.write(chunk)
   *   })
   */
  read(): Buffer | null {
    return next(this.#reading('read'))
  }

  /**
   * Gives the bytes in chunks.
   * @example
   *   cur.copy('copy item to stdout (format csv)', (copy) => {
   *     for (const chunk of copy) process.stdout.write(chunk)
   *   })
   */
  *[Symbol.iterator](): Generator<Buffer, void, undefined> {
    for (let chunk = this.read(); chunk !== null; chunk = this.read()) yield chunk
  }

  /**
   * Gives the records. Possible in binary format, and in text format after `setTypes`.
   * @example
   *   cur.copy('copy item (name, price) to stdout (format binary)', (copy) => {
   *     for (const [name, price] of copy.rows()) console.log(name, price)
   *   })
   */
  *rows(): Generator<Row, void, undefined> {
    const copy = this.#reading('rows')
    const cutter =
      this.#format === 'text'
        ? new LineCutter(this.#textDecoder(), this.#requireColumns('rows').length)
        : new TupleCutter(this.#decoder())
    for (let chunk = next(copy); chunk !== null; chunk = next(copy)) yield* cutter.rows(chunk)
    cutter.end()
  }

  /**
   * Finishes the COPY. Called when the function has returned.
   * @returns the command tag.
   * @internal
   */
  finish(): string {
    this.#isOver = true
    if (this.#out !== null) {
      this.#out.abandon()
      return this.#out.tag ?? ''
    }
    const copy = this.#in as CopyIn
    if (this.#encoder !== null) {
      this.#encoder.finish()
      this.#flush(copy, this.#encoder)
    }
    return copy.finish()
  }

  /**
   * Aborts the COPY. Called when the function has thrown.
   * @internal
   */
  abandon(reason: unknown): void {
    this.#isOver = true
    this.#in?.abandon(reason)
    this.#out?.abandon()
  }

  #flush(copy: CopyIn, encoder: RecordEncoder): void {
    copy.write(encoder.chunk(), 'CopyStream.writeRow')
    encoder.clear()
  }

  #newEncoder(): RecordEncoder {
    const { context } = this.#engine
    const columns = this.#requireColumns('writeRow')
    if (this.#format === 'text') {
      const codecs = columns.map((column) => context.registry.codecFor(column.typeOid))
      return new RecordEncoder(context.out, columns, codecs, { format: 'text' })
    }
    const codecs = columns.map((column) => binaryCodec(context, column))
    return new RecordEncoder(context.out, columns, codecs)
  }

  #textDecoder(): RowReader {
    const columns = this.#requireColumns('rows')
    const { registry, rows } = this.#engine.context
    const codecs = columns.map((column) => registry.codecFor(column.typeOid))
    return new RowDecoder(columns, codecs, shapeFor(columns, rows)).asText()
  }

  #decoder(): RowReader {
    const columns = this.#requireColumns('rows')
    const { registry, rows } = this.#engine.context
    const codecs = columns.map((column) => readsBinary(registry.codecFor(column.typeOid)))
    return new RowDecoder(columns, codecs, shapeFor(columns, rows))
  }

  #requireColumns(method: string): readonly Column[] {
    if (this.#columns !== null && this.#format !== 'other') return this.#columns
    throw new ProgrammingError(
      this.#format === 'text'
        ? `copy: ${method}() needs to know the types: call setTypes() first, or use (format binary)`
        : `copy: ${method}() needs a COPY in binary format, or in the server's text format with setTypes()`,
    )
  }

  #writing(method: string): CopyIn {
    this.#requireOpen()
    if (this.#in === null) throw new ProgrammingError(`copy: ${method}(): this COPY sends data to you and accepts none`)
    return this.#in
  }

  #reading(method: string): CopyOut {
    this.#requireOpen()
    if (this.#out === null) throw new ProgrammingError(`copy: ${method}(): this COPY accepts data and sends none`)
    return this.#out
  }

  #requireOpen(): void {
    if (this.#isOver) throw new InterfaceError('copy: the COPY is over')
  }
}

/** The next bytes. At the end of the data the function may use the connection again. */
function next(copy: CopyOut): Buffer | null {
  const chunk = copy.read()
  if (chunk === null) copy.abandon()
  return chunk
}

/** Runs a COPY with `fn`. @returns the result of `fn` and the command tag. */
export function runCopy<R>(
  engine: Engine,
  sql: string,
  fn: (copy: CopyStream) => R,
  options: RunOptions,
): { result: R; tag: string } {
  if (typeof fn !== 'function') throw new ProgrammingError('copy: expected a function to feed or read the COPY')
  const text = readCopyText(sql, engine.session.parameters.get('standard_conforming_strings') !== 'off')
  const columns = text.format === 'binary' ? columnsOf(engine, text, options) : null
  const copy = text.direction === 'in' ? new CopyIn(engine, sql, options) : new CopyOut(engine, sql, options)
  const stream = new CopyStream(engine, copy, { columns, format: text.format })
  let result: R
  try {
    result = fn(stream)
    const later = isLater(fn, result)
    if (later !== null)
      throw new ProgrammingError(`copy: the function is ${later}: the COPY would end before it has run`)
  } catch (error) {
    stream.abandon(error)
    throw error
  }
  return { result, tag: stream.finish() }
}

function columnsOf(engine: Engine, text: CopyText, options: RunOptions): readonly Column[] {
  const { statement } = engine.run(resolveStatement(engine.context, text.columnsSql, [], { isOneOff: true }), options)
  return statement.columns ?? []
}
