/**
 * Composite types, and values of type `record`; both are read as Records. Records, objects and Maps are written by field name
 * (a missing field is NULL), arrays by position. A composite type travels as text when one of its fields has no binary form.
 * Source of truth: src/backend/utils/adt/rowtypes.c, record_send, record_out.
 */
import { isDate, isMap } from '../any-realm.ts'
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { literalText } from '../literal-text.ts'
import { Record, type Row } from '../record.ts'
import { shapeFor, type RowShape } from '../row-shapes.ts'
import { leaveToServer, ownText } from '../text-for-server.ts'
import { converted } from '../to-postgres.ts'
import { decodeSized, readsBinary } from './array.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

export interface CompositeField {
  readonly name: string
  readonly typeOid: number
  readonly codec: Codec
}

/**
 * The codec of a named composite type.
 * @param onAltered called when a value shows that the type's fields have changed since they were learned
 */
export function compositeCodec(
  name: string,
  fields: readonly CompositeField[],
  onAltered: () => void = () => {},
): Codec<Row> {
  const shape = shapeOf(fields.map((field) => field.name))
  const decodeText = (text: string): Row => {
    const items = splitComposite(text, name)
    // The server prints a type without fields like one with a single empty field.
    if (fields.length === 0 && text === '()') return shape.make([])
    if (items.length !== fields.length) {
      onAltered()
      throw unreadable(name, text, `it has ${items.length} fields, ${fields.length} were known; the type was altered`)
    }
    return shape.make(items.map((item, i) => (item === null ? null : fields[i]!.codec.decodeText(item))))
  }
  const encodeText = (value: unknown): string =>
    ownText(value, name) ?? compositeText(valuesOf(value, name, fields), fields)
  if (fields.some((field) => field.codec.format === 0)) {
    return {
      name,
      format: 0,
      encode(out, value) {
        out.utf8(encodeText(value))
      },
      decode(input, length) {
        return decodeText(input.utf8(length))
      },
      decodeText,
      encodeText,
      decodeBinary(input) {
        const readers = fields.map((field) => ({ ...field, codec: readsBinary(field.codec) }))
        return shape.make(decodeFields(input, name, readers, onAltered))
      },
    }
  }
  return {
    name,
    format: 1,
    encode(out, value) {
      encodeFields(out, valuesOf(value, name, fields), fields)
    },
    decode(input) {
      return shape.make(decodeFields(input, name, fields, onAltered))
    },
    decodeText,
    encodeText,
  }
}

/** The part of a registry that the codec of `record` needs. */
export interface FieldCodecs {
  codecFor(oid: number): Codec
  has(oid: number): boolean
}

/** Thrown when a record has a field of an unknown type, which must be learned before the record can be read. */
export class UnknownTypeError extends DataError {
  readonly typeOid: number

  constructor(typeOid: number) {
    super(`a record has a field of the type with OID ${typeOid}, which is not known yet`)
    this.typeOid = typeOid
  }
}

/**
 * The codec of `record`. Only the binary format tells the types of the fields. The text format does not, so the fields are read
 * as strings there.
 */
export function recordCodec(types: FieldCodecs): Codec<Row> {
  return {
    name: 'record',
    format: 1,
    encode(_out, value) {
      throw expected('a value of a named composite type, because a bare record has no input form,', 'record', value)
    },
    decode(input) {
      const count = requireCount(input, 'record')
      const values: unknown[] = []
      for (let i = 0; i < count; i += 1) {
        const typeOid = input.uint32()
        if (!types.has(typeOid)) throw new UnknownTypeError(typeOid)
        const codec = readsBinary(types.codecFor(typeOid))
        values.push(decodeSized(input, codec))
      }
      return shapeOf(values.map((_, i) => `f${i + 1}`)).make(values)
    },
    decodeText(text) {
      const items = splitComposite(text, 'record')
      return shapeOf(items.map((_, i) => `f${i + 1}`)).make(items)
    },
  }
}

function shapeOf(names: readonly string[]): RowShape {
  return shapeFor(
    names.map((name) => ({ name, tableOid: 0, tableColumn: 0, typeOid: 0, typeSize: -1, typeModifier: -1 })),
  )
}

function requireCount(input: ByteReader, name: string): number {
  const count = input.int32()
  // Each field has at least a type and a length.
  if (count < 0 || count * 8 > input.remaining) {
    throw new DataError(`cannot read ${name}: ${count} fields claimed in ${input.remaining} bytes`)
  }
  return count
}

function decodeFields(
  input: ByteReader,
  name: string,
  fields: readonly CompositeField[],
  onAltered: () => void,
): unknown[] {
  const count = requireCount(input, name)
  if (count !== fields.length) {
    onAltered()
    throw new DataError(
      `cannot read ${name}: it has ${count} fields, ${fields.length} were known; the type was altered`,
    )
  }
  return fields.map((field) => {
    const sentOid = input.uint32()
    if (sentOid !== field.typeOid) {
      onAltered()
      throw new DataError(`cannot read ${name}: its field "${field.name}" has another type now; the type was altered`)
    }
    return decodeSized(input, field.codec)
  })
}

/** The values in the order of the fields. */
function valuesOf(value: unknown, name: string, fields: readonly CompositeField[]): unknown[] {
  if (Array.isArray(value)) {
    if (value.length === fields.length) return value
    throw new DataError(`expected ${fields.length} values for ${name}, got ${value.length}`)
  }
  if (typeof value === 'string') leaveToServer(value, name)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || isDate(value)) {
    throw expected('an object or an array', name, value)
  }
  const given = entriesOf(value)
  for (const key of given.keys()) {
    if (!fields.some((field) => field.name === key)) throw new DataError(`${name} has no field "${String(key)}"`)
  }
  return fields.map((field) => given.get(field.name) ?? null)
}

function entriesOf(value: object): ReadonlyMap<unknown, unknown> {
  if (isMap(value)) return value
  return new Map<unknown, unknown>(value instanceof Record ? Record.entries(value) : Object.entries(value))
}

function inField<T>(field: CompositeField, write: () => T): T {
  try {
    return write()
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    throw new DataError(`field "${field.name}": ${error.message}`, { cause: error })
  }
}

function encodeFields(out: ByteWriter, values: readonly unknown[], fields: readonly CompositeField[]): void {
  out.int32(fields.length)
  for (const [i, field] of fields.entries()) {
    const value = converted(values[i], field.typeOid)
    out.uint32(field.typeOid)
    if (value === null || value === undefined) {
      out.int32(-1)
      continue
    }
    const lengthAt = out.reserveInt32()
    inField(field, () => field.codec.encode(out, value))
    out.patchLength(lengthAt)
  }
}

function compositeText(values: readonly unknown[], fields: readonly CompositeField[]): string {
  const items = fields.map((field, i) => {
    const value = converted(values[i], field.typeOid)
    if (value === null || value === undefined) return ''
    return `"${inField(field, () => literalText(field.codec, value)).replaceAll(/["\\]/g, '\\$&')}"`
  })
  return `(${items.join(',')})`
}

/** The fields of a composite literal. A field is null when nothing stands between its commas. */
function splitComposite(text: string, name: string): (string | null)[] {
  if (!text.startsWith('(') || !text.endsWith(')')) throw unreadable(name, text)
  const items: (string | null)[] = []
  let item: string | null = null
  let isQuoted = false
  for (let i = 1; i < text.length; i += 1) {
    const character = text[i]!
    if (character === '\\') {
      i += 1
      item = (item ?? '') + (text[i] ?? '')
    } else if (character === '"') {
      item ??= ''
      if (isQuoted && text[i + 1] === '"') {
        item += '"'
        i += 1
      } else {
        isQuoted = !isQuoted
      }
    } else if (!isQuoted && (character === ',' || (character === ')' && i === text.length - 1))) {
      items.push(item)
      item = null
    } else {
      item = (item ?? '') + character
    }
  }
  if (isQuoted) throw unreadable(name, text)
  return items
}
