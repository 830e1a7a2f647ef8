/** Rows in text format, as a text of several statements returns them. */
import type { CodecRegistry } from './registry.ts'
import { resultCodecs } from './result-types.ts'
import { RowDecoder, type RowReader } from './row-decoder.ts'
import { type RowShapeOptions, shapeFor } from './row-shapes.ts'
import type { Column } from '../wire/row-sink.ts'

/** Makes the reader for such rows. @throws the errors of `Statement.decoderFor`. */
export function textRowReader(
  columns: readonly Column[],
  registry: CodecRegistry,
  options: RowShapeOptions,
): RowReader {
  const oids = columns.map((column) => column.typeOid)
  const { types } = options
  const codecs = types === undefined ? oids.map((oid) => registry.codecFor(oid)) : resultCodecs(registry, types, oids)
  return new RowDecoder(columns, codecs, shapeFor(columns, options)).asText()
}
