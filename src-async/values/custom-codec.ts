/**
 * Codecs made by the user: two functions that convert between a JavaScript value and the type's text, its bytes, or the
 * numbers it consists of. When one is missing, the type's own codec does that half. Neither function is called for NULL.
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DataError, NotSupportedError, ProgrammingError } from '../errors/tree.ts'
import { knownOptions, requireKnownAlways, TEXT } from '../options/known-options.ts'
import { BUILT_IN_CODECS } from './built-in-codecs.ts'
import { asBytes } from './codecs/bytea.ts'
import { jsonAsString, jsonbAsString } from './codecs/json.ts'
import { requireText } from './codecs/text.ts'
import { TUPLE_FORMATS, type TupleFormat } from './codecs/tuple.ts'
import { hstoreCodec } from './codecs/hstore.ts'
import { describeValue, expected } from '../errors/describe-value.ts'
import { literalText, plainText } from './literal-text.ts'
import { JSONB_OID, JSON_OID } from './oids.ts'
import { Record } from './record.ts'
import { builtInOidBySpelling } from './type-names.ts'
import type { Codec } from './codec.ts'

/** How values of a type are read and written. */
export interface TypeCodecOptions {
  /** The type's schema. Without it, the search path decides. */
  readonly schema?: string
  /**
   * What the functions take and return. `'text'` (default): the server's text. `'binary'`: its bytes. `'tuple'`: an array of
   * the parts of a date, time, timestamp or interval, or of a composite's fields.
   */
  readonly format?: 'text' | 'binary' | 'tuple'
  /** Turns a value into a string, a Uint8Array or an array, depending on `format`. */
  readonly encoder?: (value: never) => unknown
  /** Turns a string, a Buffer or an array into a value, depending on `format`. */
  readonly decoder?: (data: never) => unknown
}

/** Which built-in codec a type gets. */
export interface BuiltinTypeCodecOptions {
  /** The type's schema; the search path finds it without one. */
  readonly schema?: string
  /** The built-in type whose codec is used, or `hstore`. */
  readonly codecName: string
  /** The wire format, when it must be one of the two. */
  readonly format?: 'text' | 'binary'
}

const TYPE_CODEC = knownOptions<TypeCodecOptions>({ schema: TEXT, format: TEXT, encoder: true, decoder: true })
const BUILTIN_TYPE_CODEC = knownOptions<BuiltinTypeCodecOptions>({ schema: TEXT, codecName: TEXT, format: TEXT })

type Exchange = (data: unknown) => unknown

/** @throws ProgrammingError for an unknown option, and for a wrong value. */
export function requireTypeCodec(options: TypeCodecOptions, typeName: string): void {
  requireKnownAlways(options, TYPE_CODEC, 'setTypeCodec', 'encoder or decoder')
  const { format, encoder, decoder } = options
  if (format !== undefined && !['text', 'binary', 'tuple'].includes(format)) {
    throw new ProgrammingError(
      `setTypeCodec: format: expected 'text', 'binary' or 'tuple', got ${describeValue(format)}`,
    )
  }
  for (const [name, value] of [
    ['encoder', encoder],
    ['decoder', decoder],
  ] as const) {
    if (value !== undefined && typeof value !== 'function') {
      throw new ProgrammingError(`setTypeCodec: ${name}: expected a function, got ${describeValue(value)}`)
    }
  }
  if (encoder === undefined && decoder === undefined) {
    throw new ProgrammingError(`setTypeCodec: pass an encoder, a decoder or both for ${typeName}`)
  }
}

/**
 * @param base the codec that the type has by itself
 * @param kind pg_type.typtype
 * @throws NotSupportedError or ProgrammingError for a combination that cannot work.
 */
export function customCodec(base: Codec, kind: string, options: TypeCodecOptions): Codec {
  const { format = 'text' } = options
  if (kind === 'd') {
    throw new NotSupportedError(
      `setTypeCodec: ${base.name} is a domain, and the server names only the base type in results`,
      {
        hint: 'set the codec of the base type',
      },
    )
  }
  const encoder = options.encoder as Exchange | undefined
  const decoder = options.decoder as Exchange | undefined
  if (format === 'text') return textExchange(base, encoder, decoder)
  if (format === 'binary') return binaryExchange(base, encoder, decoder)
  return kind === 'c' ? compositeExchange(base, encoder, decoder) : tupleExchange(base, encoder, decoder)
}

/** A binary codec whose values are the server's text; null when the binary form is not that text. */
function binaryTextOf(base: Codec): Codec | null {
  if (base === BUILT_IN_CODECS.get(JSON_OID)) return jsonAsString
  if (base === BUILT_IN_CODECS.get(JSONB_OID)) return jsonbAsString
  return base.isText === true && base.format === 1 ? base : null
}

/** A codec made from functions on the server's text. */
export function textExchange(base: Codec, encoder: Exchange | undefined, decoder: Exchange | undefined): Codec {
  const { name } = base
  const decodeText = (text: string): unknown => (decoder === undefined ? base.decodeText(text) : decoder(text))
  const encodeText = (value: unknown): string => {
    if (encoder === undefined) return literalText(base, value)
    const text = encoder(value)
    if (typeof text !== 'string')
      throw new DataError(`the encoder of ${name} gave ${describeValue(text)}, not a string`)
    requireText(text, name)
    return text
  }
  const binaryText = binaryTextOf(base)
  const arrays = {
    ...(base.takesArrays === true ? { takesArrays: true as const } : {}),
    ...(base.takesBytes === true ? { takesBytes: true as const } : {}),
  }
  if (binaryText !== null) {
    return {
      name,
      ...arrays,
      format: 1,
      encode: (out, value) =>
        encoder === undefined ? base.encode(out, value) : binaryText.encode(out, encodeText(value)),
      decode: (input, length) =>
        decoder === undefined ? base.decode(input, length) : decoder(binaryText.decode(input, length)),
      decodeText,
      encodeText,
    }
  }
  return {
    name,
    ...arrays,
    format: 0,
    encode: (out, value) => void out.utf8(encodeText(value)),
    decode: (input, length) => decodeText(input.utf8(length)),
    decodeText,
    encodeText,
    ...inRecords(base, decoder),
  }
}

/** Records contain only bytes, so the value is decoded first, and the function gets its usual text. */
function inRecords(base: Codec, decoder: Exchange | undefined): Pick<Codec, 'decodeBinary'> {
  const decodeBytes = base.format === 1 ? base.decode.bind(base) : base.decodeBinary?.bind(base)
  if (decodeBytes === undefined) return {}
  return {
    decodeBinary(input, length) {
      const value = decodeBytes(input, length)
      return decoder === undefined ? value : decoder(base.encodeText?.(value) ?? plainText(value, base.name))
    },
  }
}

function binaryExchange(base: Codec, encoder: Exchange | undefined, decoder: Exchange | undefined): Codec {
  const { name } = base
  if (base.format === 0 && (encoder === undefined || decoder === undefined)) {
    throw new ProgrammingError(`setTypeCodec: ${name} has no binary codec of its own: pass both encoder and decoder`)
  }
  return exchangeOfBytes(base, encoder === undefined, {
    encode(out, value) {
      if (encoder === undefined) return base.encode(out, value)
      const bytes = asBytes(encoder(value))
      if (bytes === null) throw new DataError(`the encoder of ${name} returned no bytes: a Uint8Array was expected`)
      out.bytes(bytes)
    },
    decode(input, length) {
      return decoder === undefined ? base.decode(input, length) : decoder(input.copy(length))
    },
  })
}

function tupleExchange(base: Codec, encoder: Exchange | undefined, decoder: Exchange | undefined): Codec {
  const tuple = TUPLE_FORMATS.get(base.name)
  if (tuple === undefined) {
    throw new ProgrammingError(`setTypeCodec: ${base.name} does not support the format 'tuple'`, {
      hint: "it is for composite types, date, time, timetz, timestamp, timestamptz and interval; use 'text' or 'binary'",
    })
  }
  return exchangeOfBytes(base, encoder === undefined, {
    encode(out, value) {
      if (encoder === undefined) base.encode(out, value)
      else tuple.write(out, requireTuple(encoder(value), base, tuple))
    },
    decode(input, length) {
      return decoder === undefined ? base.decode(input, length) : decoder(tuple.read(input))
    },
  })
}

function requireTuple(tuple: unknown, base: Codec, format: TupleFormat): readonly unknown[] {
  if (Array.isArray(tuple)) return tuple as unknown[]
  throw expected(`${format.shape} from its encoder`, base.name, tuple)
}

/** A binary codec. Its text form is converted through the bytes of the type's own codec. */
function exchangeOfBytes(
  base: Codec,
  encodesAsBase: boolean,
  { encode, decode }: Pick<Codec, 'encode' | 'decode'>,
): Codec {
  const { name } = base
  return {
    name,
    format: 1,
    ...(base.takesBytes === true ? { takesBytes: true as const } : {}),
    encode,
    decode,
    decodeText(text) {
      requireBytes(base)
      const bytes = bytesOf(base, base.decodeText(text))
      return decode(new ByteReader(bytes), bytes.length)
    },
    encodeText(value) {
      if (encodesAsBase) return literalText(base, value)
      requireBytes(base)
      const bytes = bytesOf({ encode }, value)
      return literalText(base, base.decode(new ByteReader(bytes), bytes.length))
    },
  }
}

function bytesOf(codec: Pick<Codec, 'encode'>, value: unknown): Buffer {
  const out = new ByteWriter(64)
  codec.encode(out, value)
  return out.take()
}

function requireBytes(base: Codec): void {
  if (base.format === 1) return
  throw new DataError(
    `the codec of ${base.name} reads only bytes, but this value came as text, as in the results of a text with several statements`,
  )
}

function compositeExchange(base: Codec, encoder: Exchange | undefined, decoder: Exchange | undefined): Codec {
  const made = (value: unknown): unknown => (decoder === undefined ? value : decoder(Record.toArray(value as Record)))
  const given = (value: unknown): unknown => (encoder === undefined ? value : encoder(value))
  return {
    name: base.name,
    format: base.format,
    encode: (out, value) => base.encode(out, given(value)),
    decode: (input, length) => made(base.decode(input, length)),
    decodeText: (text) => made(base.decodeText(text)),
    encodeText: (value) => literalText(base, given(value)),
    ...(base.decodeBinary === undefined
      ? {}
      : { decodeBinary: (input, length) => made(base.decodeBinary?.(input, length)) }),
  }
}

/** @throws ProgrammingError for an unknown option. */
export function requireBuiltinTypeCodec(options: BuiltinTypeCodecOptions): void {
  requireKnownAlways(options, BUILTIN_TYPE_CODEC, 'setBuiltinTypeCodec', 'codecName')
}

/** Uses the codec of a built-in type, or of hstore, for another type. @throws ProgrammingError */
export function aliasCodec(name: string, kind: string, options: BuiltinTypeCodecOptions): Codec {
  const { codecName, format } = options
  if (!['b', 'd', 'e'].includes(kind)) {
    throw new ProgrammingError(
      `setBuiltinTypeCodec: ${name} is not a scalar type, and cannot be given a scalar's codec`,
    )
  }
  const codec = namedCodec(name, codecName)
  if (codec === null) {
    throw new ProgrammingError(`setBuiltinTypeCodec: ${name}: there is no codec called ${describeValue(codecName)}`)
  }
  if (format === undefined || (format === 'binary' && codec.format === 1)) return codec
  if (format === 'text') return inText(codec)
  throw new ProgrammingError(`setBuiltinTypeCodec: ${codecName} has no codec in the format ${describeValue(format)}`)
}

function inText(codec: Codec): Codec {
  return {
    ...codec,
    format: 0,
    encode: (out, value) => void out.utf8(literalText(codec, value)),
    decode: (input, length) => codec.decodeText(input.utf8(length)),
    encodeText: (value) => literalText(codec, value),
  }
}

function namedCodec(name: string, codecName: unknown): Codec | null {
  if (codecName === 'hstore' || codecName === 'pg_contrib.hstore') return hstoreCodec(name)
  const oid = typeof codecName === 'string' ? builtInOidBySpelling(codecName) : null
  const codec = oid === null ? undefined : BUILT_IN_CODECS.get(oid)
  return codec === undefined ? null : { ...codec, name }
}
