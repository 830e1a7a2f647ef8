/**
 * Makes the codec of a type that is not built in, from the server's description of it and the codecs of its parts.
 */
import { arrayCodec } from './codecs/array.ts'
import { compositeCodec } from './codecs/composite.ts'
import { multirangeCodec, rangeCodec } from './codecs/range.ts'
import { enumCodec, plainTextCodec, textFormatCodec } from './codecs/text.ts'
import type { Codec } from './codec.ts'
import type { Range } from './range.ts'
import type { TypeRecord } from './type-records.ts'

/** Types with these send functions have a binary form that is a version byte and the text. */
const VERSIONED_TEXTS: readonly string[] = ['ltree_send', 'lquery_send', 'ltxtq_send']

/**
 * @param codecFor returns the codec of a part
 * @param onAltered called when a value shows that its type has changed since it was learned
 */
export function learnedCodec(record: TypeRecord, codecFor: (oid: number) => Codec, onAltered: () => void): Codec {
  const { name, kind, elementOid, subtypeOid } = record
  if (elementOid !== 0) return arrayCodec(codecFor(elementOid), elementOid, record.delimiter)
  switch (kind) {
    case 'd':
      return domainCodec(name, codecFor(record.baseOid))
    case 'e':
      return enumCodec(name)
    case 'r':
      return rangeCodec(name, codecFor(subtypeOid), subtypeOid)
    case 'm':
      return multirangeCodec(name, codecFor(subtypeOid) as Codec<Range>)
    case 'c':
      return compositeCodec(
        name,
        record.fieldNames.map((fieldName, i) => {
          const typeOid = record.fieldOids[i] ?? 0
          return { name: fieldName, typeOid, codec: codecFor(typeOid) }
        }),
        onAltered,
      )
    default:
      return baseCodec(name, record.sends)
  }
}

/** A domain's values are those of its base type. A domain over an array is still a single value. */
function domainCodec(name: string, base: Codec): Codec {
  return base.isList === true ? { ...base, name, takesArrays: true } : { ...base, name }
}

/** The codec of an extension's base type: its text, which some types also have in their binary form. */
function baseCodec(name: string, sends: string): Codec {
  // A type that sends its text as its binary form, like citext.
  if (sends === 'textsend') return plainTextCodec(name)
  const codec = textFormatCodec(name)
  if (!VERSIONED_TEXTS.includes(sends)) return codec
  return {
    ...codec,
    decodeBinary(input, length) {
      input.skip(1)
      return input.utf8(length - 1)
    },
  }
}
