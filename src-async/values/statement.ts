/**
 * A described statement: what its parameters and columns are, and everything that binding and decoding need, worked out
 * once. Knows nothing of where the statement lives; a name and the server's description are all it has.
 */
import { TEXT_OID } from './oids.ts'
import { RowDecoder } from './row-decoder.ts'
import { shapeFor, type RowShapeOptions } from './row-shapes.ts'
import type { Codec } from './codec.ts'
import type { CodecRegistry } from './registry.ts'
import type { Column } from '../wire/row-sink.ts'

export interface StatementInit {
  /** Server-side name, `''` for the unnamed statement. */
  readonly name: string
  readonly sql: string
  /** As the server inferred them. */
  readonly parameterTypes: readonly number[]
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
  readonly registry: CodecRegistry
}

export class Statement {
  readonly name: string
  readonly sql: string
  readonly parameterTypes: readonly number[]
  readonly columns: readonly Column[] | null
  readonly parameterCodecs: readonly Codec[]
  readonly columnCodecs: readonly Codec[]
  /** Whether the server took a parameter for text, which may be for want of a hint: see `deriveParameterTypes`. */
  readonly hasTextParameters: boolean
  /** Decodes rows into Records; null when there are none. */
  readonly rowDecoder: RowDecoder | null
  /** The bind body up to the first parameter: format codes, then how many parameters follow. */
  readonly bindHead: Uint8Array
  /** The bind body after the last parameter: the result formats. */
  readonly bindTail: Uint8Array

  constructor(init: StatementInit) {
    const { registry, columns } = init
    this.name = init.name
    this.sql = init.sql
    this.parameterTypes = init.parameterTypes
    this.columns = columns
    this.parameterCodecs = init.parameterTypes.map((oid) => registry.codecFor(oid))
    this.hasTextParameters = init.parameterTypes.includes(TEXT_OID)
    this.columnCodecs = (columns ?? []).map((column) => registry.codecFor(column.typeOid))
    this.rowDecoder = columns === null ? null : new RowDecoder(columns, this.columnCodecs, shapeFor(columns))
    this.bindHead = bindHead(this.parameterCodecs)
    this.bindTail = formatBlock(this.columnCodecs)
  }

  /** A decoder into another kind of rows; null when the statement returns none. */
  decoderFor(options: RowShapeOptions): RowDecoder | null {
    if (this.columns === null) return null
    return new RowDecoder(this.columns, this.columnCodecs, shapeFor(this.columns, options))
  }
}

/** One code stands for all, none for all text; otherwise each has its own. */
function formatBlock(codecs: readonly Codec[]): Uint8Array {
  const isAllText = codecs.every((codec) => codec.format === 0)
  const isAllBinary = codecs.every((codec) => codec.format === 1)
  const codes = isAllText ? [] : isAllBinary ? [1] : codecs.map((codec) => codec.format)
  return int16s([codes.length, ...codes])
}

function bindHead(codecs: readonly Codec[]): Uint8Array {
  return Buffer.concat([formatBlock(codecs), int16s([codecs.length])])
}

function int16s(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(values.length * 2)
  // The count of parameters is an unsigned word in all but name: servers take 65,535.
  values.forEach((value, i) => bytes.writeUInt16BE(value, i * 2))
  return bytes
}
