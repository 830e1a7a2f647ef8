/**
 * Reads array elements of a fixed width in one loop that checks the length words and calls nothing but the view. When
 * something is wrong, it stops without a result, and the element's own codec reads the array again and reports the error.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { Codec } from '../codec.ts'
import { bool } from './boolean.ts'
import { float8 } from './floats.ts'
import { int2, int4, int8, oid } from './integers.ts'

/** Reads `count` elements, each after its length word (-1 is NULL); returns null, and reads nothing, if one has another length. */
export type FlatReader = (input: ByteReader, count: number) => unknown[] | null

const READERS: ReadonlyMap<Codec, FlatReader> = new Map<Codec, FlatReader>([
  [int2, (input, count) => readFlat(input, count, 2, (view, at) => view.getInt16(at))],
  [int4, readInt4s],
  [oid, (input, count) => readFlat(input, count, 4, (view, at) => view.getUint32(at))],
  [int8, (input, count) => readFlat(input, count, 8, (view, at) => view.getBigInt64(at))],
  [float8, (input, count) => readFlat(input, count, 8, (view, at) => view.getFloat64(at))],
  [bool, (input, count) => readFlat(input, count, 1, (view, at) => view.getUint8(at) !== 0)],
])

/** The reader for arrays of an element type; undefined when its elements are read one by one. */
export function flatReaderOf(element: Codec): FlatReader | undefined {
  return READERS.get(element)
}

function readFlat(
  input: ByteReader,
  count: number,
  size: number,
  read: (view: DataView, at: number) => unknown,
): unknown[] | null {
  const { view, end } = input
  // The list has its final length at once, because growing it would produce garbage. `count` was checked before.
  const list = new Array<unknown>(count)
  let position = input.position
  for (let i = 0; i < count; i += 1) {
    if (position + 4 > end) return null
    const length = view.getInt32(position)
    position += 4
    if (length === size && position + size <= end) {
      list[i] = read(view, position)
      position += size
    } else if (length === -1) list[i] = null
    else return null
  }
  input.position = position
  return list
}

/** `int4[]`, the most common one, read without a call for each element. */
function readInt4s(input: ByteReader, count: number): unknown[] | null {
  const { view, end } = input
  const list = new Array<number | null>(count)
  let position = input.position
  for (let i = 0; i < count; i += 1) {
    if (position + 4 > end) return null
    const length = view.getInt32(position)
    position += 4
    if (length === 4 && position + 4 <= end) {
      list[i] = view.getInt32(position)
      position += 4
    } else if (length === -1) list[i] = null
    else return null
  }
  input.position = position
  return list
}
