/**
 * Which codec serves which type. The built-in ones are shared by all connections; a registry holds what one connection
 * learned or was told beside them, so a new connection costs nothing. A type nobody knows travels as text.
 */
import { BUILT_IN_CODECS, builtInArrayOf, builtInElementOf, builtInNameOf } from './built-in-codecs.ts'
import { arrayCodec } from './codecs/array.ts'
import { recordCodec } from './codecs/composite.ts'
import { textFormatCodec } from './codecs/text.ts'
import { RECORD_OID } from './oids.ts'
import type { Codec } from './codec.ts'

const RECORD_ARRAY_OID = builtInArrayOf(RECORD_OID)?.oid

export class CodecRegistry {
  #own: Map<number, Codec> | null = null
  #made: Map<number, Codec> | null = null

  /** The codec of a type; for an unknown type one that gives and takes the server's text. */
  codecFor(oid: number): Codec {
    return this.#own?.get(oid) ?? BUILT_IN_CODECS.get(oid) ?? this.#contextual(oid)
  }

  /** Whether the type has a codec: built in, learned or set. */
  has(oid: number): boolean {
    if (oid === RECORD_OID || oid === RECORD_ARRAY_OID) return true
    return this.#own?.has(oid) === true || BUILT_IN_CODECS.has(oid)
  }

  /** The type's name for messages; `type 12345` when unknown. */
  typeName(oid: number): string {
    return this.#own?.get(oid)?.name ?? BUILT_IN_CODECS.get(oid)?.name ?? builtInNameOf(oid) ?? `type ${oid}`
  }

  /**
   * Gives a type a codec of its own. The array type of a built-in follows, because its elements are the same values;
   * for other types the caller sets the array's codec too, and every composite or range it knows of.
   */
  set(oid: number, codec: Codec): void {
    this.#own ??= new Map()
    this.#own.set(oid, codec)
    const array = builtInArrayOf(oid)
    if (array !== null) this.#own.set(array.oid, arrayCodec(codec, oid, array.delimiter))
  }

  /** Back to the built-in codec, or to text where there is none. */
  delete(oid: number): void {
    this.#own?.delete(oid)
    const array = builtInArrayOf(oid)
    if (array !== null) this.#own?.delete(array.oid)
  }

  /** The element's type when the OID is a built-in array's, else null. */
  elementOid(oid: number): number | null {
    return builtInElementOf(oid)
  }

  /** Codecs that need the registry itself, and the text codec of types nobody knows; made when first asked for. */
  #contextual(oid: number): Codec {
    this.#made ??= new Map()
    let codec = this.#made.get(oid)
    if (codec === undefined) {
      codec = this.#make(oid)
      this.#made.set(oid, codec)
    }
    return codec
  }

  #make(oid: number): Codec {
    if (oid === RECORD_OID) return recordCodec((fieldOid) => this.codecFor(fieldOid))
    if (oid === RECORD_ARRAY_OID) return arrayCodec(this.codecFor(RECORD_OID), RECORD_OID)
    return textFormatCodec(builtInNameOf(oid) ?? `type ${oid}`)
  }
}
