/**
 * Arrays of any type, in both formats. Nested JavaScript arrays are dimensions, and NULL elements are null. Lower
 * bounds other than 1 are dropped. The reader checks the lengths and counts in the bytes before it allocates memory for
 * them. Source of truth: src/backend/utils/adt/arrayfuncs.c, array_send, array_out.
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected } from '../../errors/describe-value.ts'
import { arrayText, isList, parseArrayText } from '../array-text.ts'
import { leaveToServer, ownText } from '../text-for-server.ts'
import { converted } from '../to-postgres.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'
import { flatReaderOf } from './flat-list.ts'

const MOST_DIMENSIONS = 6

/** The codec of an array type, made from its element's codec. It uses the text format when the element's codec does. */
export function arrayCodec(element: Codec, elementOid: number, delimiter = ','): Codec<unknown[]> {
  const name = `${element.name}[]`
  const decodeText = (text: string): unknown[] => parseArrayText(text, delimiter, element)
  const encodeText = (value: unknown): string =>
    ownText(value, name) ?? arrayText(value, element, elementOid, delimiter)
  if (element.format === 0) {
    return {
      name,
      format: 0,
      isList: true,
      encode(out, value) {
        out.utf8(encodeText(value))
      },
      decode(input, length) {
        return decodeText(input.utf8(length))
      },
      decodeText,
      encodeText,
      decodeBinary(input) {
        return decodeArray(input, readsBinary(element), elementOid)
      },
    }
  }
  return {
    name,
    format: 1,
    isList: true,
    encode(out, value) {
      encodeArray(out, value, element, elementOid)
    },
    decode(input) {
      return decodeArray(input, element, elementOid)
    },
    decodeText,
    encodeText,
  }
}

/** The lengths of all dimensions, read from the first element of each. Writing checks whether the others agree. */
function dimensionsOf(value: ArrayLike<unknown>, element: Codec): number[] {
  const dimensions: number[] = []
  for (let level: unknown = value; isList(level, element); level = level[0]) {
    if (dimensions.length === MOST_DIMENSIONS) {
      throw new DataError(`an array for ${element.name}[] has more than ${MOST_DIMENSIONS} dimensions`)
    }
    dimensions.push(level.length)
    if (level.length === 0 || element.takesArrays === true) break
  }
  return dimensions
}

function encodeArray(out: ByteWriter, value: unknown, element: Codec, elementOid: number): void {
  if (typeof value === 'string') leaveToServer(value, `${element.name}[]`)
  if (!isList(value, element)) throw expected('an array', `${element.name}[]`, value)
  const dimensions = dimensionsOf(value, element)
  const isEmpty = dimensions.includes(0)
  const flagsAt = out.int32(isEmpty ? 0 : dimensions.length).length
  out.int32(0).uint32(elementOid)
  if (isEmpty) return requireAllEmpty(value, dimensions, 0, element)
  for (const length of dimensions) out.int32(length).int32(1)
  if (encodeLevel(out, value, dimensions, 0, element, elementOid)) out.patchInt32(flagsAt, 1)
}

function requireAllEmpty(
  value: ArrayLike<unknown>,
  dimensions: readonly number[],
  depth: number,
  element: Codec,
): void {
  const length = dimensions[depth] ?? 0
  if (value.length !== length) throw ragged(length, value.length)
  for (let i = 0; i < length; i += 1) {
    const inner = value[i]
    if (!isList(inner, element)) throw new DataError(`expected an array beside arrays, got ${describeValue(inner)}`)
    requireAllEmpty(inner, dimensions, depth + 1, element)
  }
}

function ragged(wanted: number, found: number): DataError {
  return new DataError(`nested arrays differ in length: ${wanted} and ${found}; a PostgreSQL array is a rectangle`)
}

/** Writes one dimension. @returns whether it contained a NULL. */
function encodeLevel(
  out: ByteWriter,
  list: ArrayLike<unknown>,
  dimensions: readonly number[],
  depth: number,
  element: Codec,
  elementOid: number,
): boolean {
  const isInnermost = depth === dimensions.length - 1
  let hasNull = false
  if (list.length !== dimensions[depth]) throw ragged(dimensions[depth] ?? 0, list.length)
  for (let i = 0; i < list.length; i += 1) {
    const value = list[i]
    if (!isInnermost) {
      if (!isList(value, element)) throw new DataError(`expected an array beside arrays, got ${describeValue(value)}`)
      if (encodeLevel(out, value, dimensions, depth + 1, element, elementOid)) hasNull = true
    } else if (value === null) {
      out.int32(-1)
      hasNull = true
    } else {
      encodeElement(out, value, i, element, elementOid)
    }
  }
  return hasNull
}

function encodeElement(out: ByteWriter, value: unknown, index: number, element: Codec, elementOid: number): void {
  if (value === undefined) throw new DataError(`array element [${index}] is undefined; use null`)
  if (Array.isArray(value) && element.takesArrays !== true) {
    throw new DataError(`array element [${index}] is an array, but other elements are not`)
  }
  const lengthAt = out.reserveInt32()
  try {
    const item = converted(value, elementOid)
    if (item === null || item === undefined) throw expected('a value', element.name, item)
    element.encode(out, item)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    throw new DataError(`array element [${index}]: ${error.message}`, { cause: error })
  }
  out.patchLength(lengthAt)
}

function decodeArray(input: ByteReader, element: Codec, elementOid: number): unknown[] {
  const depth = input.int32()
  input.skip(4)
  const sentOid = input.uint32()
  if (depth < 0 || depth > MOST_DIMENSIONS) throw new DataError(`cannot read an array of ${depth} dimensions`)
  if (sentOid !== elementOid && elementOid !== 0) {
    throw new DataError(`cannot read ${element.name}[]: its elements are of the type with OID ${sentOid}`)
  }
  if (depth === 0) return []
  const dimensions: number[] = []
  let total = 1
  for (let i = 0; i < depth; i += 1) {
    const length = input.int32()
    input.skip(4)
    if (length < 0) throw new DataError(`cannot read an array with a dimension of ${length} elements`)
    dimensions.push(length)
    total *= length
  }
  if (total === 0) return []
  // Each element has at least a length word, so a wrong count shows here, before memory is allocated.
  if (total * 4 > input.remaining) {
    throw new DataError(`cannot read an array of ${total} elements in ${input.remaining} bytes`)
  }
  return decodeLevel(input, dimensions, 0, element)
}

function decodeLevel(input: ByteReader, dimensions: readonly number[], depth: number, element: Codec): unknown[] {
  const length = dimensions[depth] ?? 0
  const isInnermost = depth === dimensions.length - 1
  const flat = isInnermost ? flatReaderOf(element)?.(input, length) : undefined
  if (flat) return flat
  const list: unknown[] = []
  for (let i = 0; i < length; i += 1) {
    list.push(isInnermost ? decodeSized(input, element) : decodeLevel(input, dimensions, depth + 1, element))
  }
  return list
}

/** Reads an int32 length and a value of that many bytes; null for -1. The codec cannot read past these bytes. */
export function decodeSized(input: ByteReader, codec: Codec): unknown {
  const length = input.int32()
  if (length === -1) return null
  const outerEnd = input.end
  const end = input.position + length
  if (length < 0 || end > outerEnd)
    throw new DataError(`cannot read ${codec.name}: ${length} bytes were announced, fewer are left`)
  input.end = end
  const value = codec.decode(input, length)
  input.end = outerEnd
  if (input.position !== end) throw new DataError(`cannot read ${codec.name}: ${end - input.position} bytes left over`)
  return value
}

/** A codec that reads the binary form, also for a codec that normally uses the text format. */
export function readsBinary(codec: Codec): Codec {
  const { decodeBinary } = codec
  if (codec.format === 1) return codec
  const decode =
    decodeBinary?.bind(codec) ??
    ((): never => {
      throw new DataError(
        `a value of ${codec.name} within a record has no binary form that this client knows; cast it to text, or the record to a named type`,
      )
    })
  return { ...codec, format: 1, decode }
}
