/**
 * Converts values of rows from binary to text. A new text's rows are requested in binary, because their types are not
 * known yet. Values of types that the driver reads as text are sent back to the server, which returns them as text.
 * The result is the same as if each column had been requested in the format in which the driver reads it.
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DbError, InternalError } from '../errors/tree.ts'
import type { Codec } from '../values/codec.ts'
import { bytea } from '../values/codecs/bytea.ts'
import type { Row as DecodedRow } from '../values/record.ts'
import { RowDecoder } from '../values/row-decoder.ts'
import { type RowShapeOptions, shapeFor } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import { UNDO_GUARD } from '../wire/guard.ts'
import type { Column, RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, dueTimeout } from './flow-context.ts'
import { runCommand } from './run-script.ts'
import { dueGuard } from './stale-statement.ts'

/** A chunk of values is sent when it has this many bytes. */
const CHUNK_BYTES = 64 * 1024
const DATA_ROW = 0x44

/**
 * Error classes for a value that the server does not accept: feature not supported, data exception, syntax error or
 * access rule, internal error.
 */
const REFUSALS = /^(?:0A|22|42|XX)/
const PG_NODE_TREE = 194
const INT2VECTOR = 22
const OIDVECTOR = 30
/**
 * Types of the catalogs that the server outputs but does not accept as input: statistics, and arrays of any type, whose
 * elements may have no binary form.
 */
const UNREADABLE: ReadonlySet<number> = new Set([2277, 5078, 3361, 3402, 5017, 4600, 4601])

/** Whether a column is of a type whose binary form cannot be turned into text. */
export function hasUnreadable({ columns }: Statement): boolean {
  return columns?.some(({ typeOid }) => UNREADABLE.has(typeOid)) === true
}

/** The indexes of columns whose values the driver reads as text. */
export function textColumnsOf(statement: Statement, rows: RowShapeOptions = {}): number[] {
  return statement.codecsFor(rows).flatMap(({ format }, index) => (format === 0 ? [index] : []))
}

/**
 * Converts the values of some columns to text. Costs one round trip or more for each column that has values.
 * @param runs whole DataRow messages, all columns in binary
 * @returns the rows with these columns as text; null when the server does not accept a value that it has sent.
 */
export function* withTextOf(
  context: FlowContext,
  statement: Statement,
  columns: readonly number[],
  runs: readonly Uint8Array[],
): Flow<readonly Uint8Array[] | null> {
  if (columns.length === 0 || runs.length === 0) return runs
  const rows = rowsIn(runs, statement.columns!)
  for (const column of columns) {
    const { typeOid } = statement.columns![column]!
    // Its binary form is its text, and the server does not accept it as input.
    if (typeOid === PG_NODE_TREE) continue
    const values = rows.flatMap((row) => row[column] ?? [])
    const isVector = typeOid === INT2VECTOR || typeOid === OIDVECTOR
    // Each distinct value is sent once, because columns such as names and kinds repeat few values.
    const different = new Map(values.map((value) => [keyOf(value), value]))
    const list = [...different.values()]
    const texts = isVector
      ? list.map((value) => vectorText(statement.columnCodecs[column]!, value))
      : yield* printed(context, typeOid, list)
    if (texts === null) return null
    const textOf = new Map([...different.keys()].map((key, index) => [key, texts[index]!]))
    for (const row of rows) {
      const value = row[column]
      if (value !== null && value !== undefined) row[column] = textOf.get(keyOf(value))!
    }
  }
  return [dataRows(rows)]
}

type Row = (Uint8Array | null)[]

/** The column of `select $1`. */
const ONE_COLUMN: readonly Column[] = [
  { name: 'text', tableOid: 0, tableColumn: 0, typeOid: 25, typeSize: -1, typeModifier: -1 },
]
const BYTES_OF_ROW = shapeFor([], { rowFactory: () => (values) => values })

/** Reads rows whose values stay bytes. */
function rowsIn(runs: readonly Uint8Array[], columns: readonly Column[]): Row[] {
  const decoder = new RowDecoder(columns, new Array<Codec>(columns.length).fill(bytea), BYTES_OF_ROW)
  const rows: unknown[] = []
  for (const run of runs) decoder.decodeRun(run, 0, run.length, rows as DecodedRow[])
  return rows as Row[]
}

function dataRows(rows: readonly Row[]): Uint8Array {
  const out = new ByteWriter(4096)
  for (const row of rows) {
    out.uint8(DATA_ROW)
    const lengthAt = out.length
    out.int32(0).int16(row.length)
    for (const value of row) {
      out.int32(value === null ? -1 : value.length)
      if (value !== null) out.bytes(value)
    }
    out.patchInt32(lengthAt, out.length - lengthAt)
  }
  return out.take()
}

function keyOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).latin1Slice(0, byteLength)
}

/** The driver itself converts vectors, because the server does not accept the binary form of an empty one. */
function vectorText(codec: Codec, value: Uint8Array): Uint8Array {
  const items = codec.decodeBinary!(new ByteReader(value), value.length) as number[]
  return Buffer.from(items.join(' '))
}

/** Converts binary values to text on the server; null when the server does not accept one of them. */
function* printed(context: FlowContext, typeOid: number, values: readonly Uint8Array[]): Flow<Uint8Array[] | null> {
  try {
    return yield* printedByServer(context, typeOid, values)
  } catch (error) {
    const { transactionStatus, isClosed } = context.state
    if (isClosed || !(error instanceof DbError) || !REFUSALS.test(error.sqlstate ?? '')) throw error
    if (transactionStatus === 'E') yield* runCommand(context, UNDO_GUARD, false)
    return null
  }
}

function* printedByServer(context: FlowContext, typeOid: number, values: readonly Uint8Array[]): Flow<Uint8Array[]> {
  const texts = new FirstColumn()
  const out = new ByteWriter(4096)
  let count = 0
  for (let i = 0; i < values.length; i += 1) {
    writeElement(out, values[i]!)
    count += 1
    if (out.length < CHUNK_BYTES && i + 1 < values.length) continue
    yield* ask('executeMany', {
      name: '',
      parse: { sql: 'select $1', parameterTypes: [typeOid] },
      binds: out.view(),
      count,
      rows: texts,
      timeoutMs: dueTimeout(context),
      begin: context.state.transactionStatus === 'T' ? dueGuard(context, 'run') : null,
      closing: [],
    })
    out.clear()
    count = 0
  }
  if (texts.values.length !== values.length) throw new InternalError('bug: the server printed another number of values')
  return texts.values
}

/**
 * Writes one element of a batch: its length, then a Bind without its two names, with one binary parameter and a text
 * result.
 */
function writeElement(out: ByteWriter, value: Uint8Array): void {
  out.int32(2 + 2 + 2 + 4 + value.length + 2)
  out.int16(1).int16(1).int16(1)
  out.int32(value.length).bytes(value)
  out.int16(0)
}

class FirstColumn implements RowSink {
  readonly values: Uint8Array[] = []

  take(bytes: Uint8Array, start: number, end: number): void {
    for (const [value] of rowsIn([bytes.subarray(start, end)], ONE_COLUMN)) this.values.push(value!)
  }
}
