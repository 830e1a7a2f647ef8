/**
 * Array elements of a fixed width, read in one go: the length words are checked in the loop, and nothing is called for an
 * element but the view. What is not as it should be is left to the element's codec, which finds what is wrong with it.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { Codec } from '../codec.ts'
import { bool } from './boolean.ts'
import { float8 } from './floats.ts'
import { int2, int4, int8, oid } from './integers.ts'

/** Reads `count` elements, each behind its length word, null for -1; null, with nothing read, where one is odd. */
export type FlatReader = (input: ByteReader, count: number) => unknown[] | null

const READERS: ReadonlyMap<Codec, FlatReader> = new Map<Codec, FlatReader>([
  [int2, (input, count) => readFlat(input, count, 2, (view, at) => view.getInt16(at))],
  [int4, readInt4s],
  [oid, (input, count) => readFlat(input, count, 4, (view, at) => view.getUint32(at))],
  [int8, (input, count) => readFlat(input, count, 8, (view, at) => view.getBigInt64(at))],
  [float8, (input, count) => readFlat(input, count, 8, (view, at) => view.getFloat64(at))],
  [bool, (input, count) => readFlat(input, count, 1, (view, at) => view.getUint8(at) !== 0)],
])

/** The reader for arrays of that element; undefined where elements are read one by one. */
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
  // Of its length at once: growing would make garbage twice its size. The bytes for that many have been seen.
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

/** The most common one, without a call. */
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
