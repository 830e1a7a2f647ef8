/**
 * The codecs of one connection, by type: those that the user chose, the built-in ones (shared by all connections), and those
 * that the connection learned. Arrays, ranges, composites and domains are made from the codecs of their parts at first use,
 * so a choice for a type applies wherever the type occurs. An unknown type travels as text.
 */
import {
  BUILT_IN_CODECS,
  builtInArrayOf,
  builtInElementOf,
  builtInNameOf,
  builtInRangeOf,
  builtInVectorOf,
} from './built-in-codecs.ts'
import { arrayCodec } from './codecs/array.ts'
import { recordCodec } from './codecs/composite.ts'
import { multirangeCodec, rangeCodec } from './codecs/range.ts'
import { textFormatCodec } from './codecs/text.ts'
import { learnedCodec } from './learned-codec.ts'
import { RECORD_OID } from './oids.ts'
import type { Codec } from './codec.ts'
import type { Range } from './range.ts'
import type { TypeRecord } from './type-records.ts'

const RECORD_ARRAY_OID = builtInArrayOf(RECORD_OID)?.oid

/** A codec that was chosen for a type, and the kind of that type. */
interface Choice {
  readonly kind: string
  readonly make: (base: Codec) => Codec
}

export class CodecRegistry {
  /** For a view: the connection's registry, which has the learned types and the choices for all calls. */
  readonly #origin: CodecRegistry | null
  /** For a view: changes each codec. */
  readonly #change: ((codec: Codec) => Codec) | null
  /** For a view: the number of changes that the origin had when `#made` was last cleared. */
  #seenChanges = 0
  /** Counts changes that may change a codec, so that views notice them. */
  #changes = 0
  /** Whether a chosen codec may write values in its own way. Then values must not be sent before their type is known. */
  hasEncoders = false
  #chosen: Map<number, (base: Codec) => Codec> | null = null
  /** The choices for types that are not built in, by full name: a type that is dropped and created again has another OID. */
  #chosenByName: Map<string, Choice> | null = null
  #learned: Map<number, TypeRecord> | null = null
  /** When the first of the learned types was learned, on the clock of `Date.now()`. */
  #learnedAtMs = 0
  /** Types learned in the open transaction; a rollback removes them. */
  #tentative: Set<number> | null = null
  /** The codecs that are not simply built in; cleared when a choice or a learned type changes them. */
  readonly #made = new Map<number, Codec>()
  readonly #underway = new Set<number>()
  /** Whether a value has shown that a type has changed since it was learned. */
  #isOutdated = false

  /**
   * @param origin for a view: it shares what the origin learns and chooses, and may make further choices of its own
   * @param change for a view: changes each codec, also those inside arrays, ranges and composites
   */
  constructor(origin: CodecRegistry | null = null, change: ((codec: Codec) => Codec) | null = null) {
    this.#origin = origin
    this.#change = change
  }

  /** The codec of a type. For an unknown type, one that reads and writes the server's text. */
  codecFor(oid: number): Codec {
    if (this.#origin !== null) this.#followOrigin(this.#origin)
    else if (this.#chosen === null) {
      const builtIn = BUILT_IN_CODECS.get(oid)
      if (builtIn !== undefined) return builtIn
    }
    const known = this.#made.get(oid)
    if (known !== undefined) return known
    // A type cannot contain itself. If a server describes one that does, this prevents endless recursion.
    if (this.#underway.has(oid)) return textFormatCodec(this.typeName(oid))
    this.#underway.add(oid)
    try {
      const base = this.defaultCodecFor(oid)
      const chosen = this.#choiceFor(oid)?.(base) ?? base
      const codec = this.#change?.(chosen) ?? chosen
      this.#made.set(oid, codec)
      return codec
    } finally {
      this.#underway.delete(oid)
    }
  }

  /** Whether a value of the type may have fields. Another session may change those. */
  holdsFields(oid: number): boolean {
    const record = this.recordOf(oid)
    if (record === undefined) return false
    const { kind, elementOid, baseOid, subtypeOid } = record
    if (elementOid !== 0) return this.holdsFields(elementOid)
    if (kind === 'd') return this.holdsFields(baseOid)
    return kind === 'c' || (subtypeOid !== 0 && this.holdsFields(subtypeOid))
  }

  /** Whether a value has shown that a learned type is out of date. */
  get isOutdated(): boolean {
    return this.#isOutdated
  }

  /** The codec that the type would have without a choice for itself. */
  defaultCodecFor(oid: number): Codec {
    if (oid === RECORD_OID) return recordCodec(this)
    const builtIn = BUILT_IN_CODECS.get(oid)
    if (builtIn !== undefined || oid === RECORD_ARRAY_OID) return this.#rebuilt(oid, builtIn)
    const record = this.recordOf(oid)
    if (record !== undefined) {
      const root = this.#origin ?? this
      const onAltered = (): void => {
        root.#isOutdated = true
      }
      return learnedCodec(record, (part) => this.codecFor(part), onAltered)
    }
    return textFormatCodec(this.typeName(oid))
  }

  /** Whether the type has a codec: built in, learned or chosen. */
  has(oid: number): boolean {
    if (oid === RECORD_OID || oid === RECORD_ARRAY_OID || BUILT_IN_CODECS.has(oid)) return true
    return this.#learned?.has(oid) === true || this.#chosen?.has(oid) === true
  }

  /** The server's description of a type that is not built in; undefined when it was not asked for. */
  recordOf(oid: number): TypeRecord | undefined {
    const root = this.#origin ?? this
    return root.#learned?.get(oid)
  }

  /** The type's name for messages; `type 12345` when unknown. */
  typeName(oid: number): string {
    return this.recordOf(oid)?.name ?? BUILT_IN_CODECS.get(oid)?.name ?? builtInNameOf(oid) ?? `type ${oid}`
  }

  /**
   * Chooses a codec for a type, and so for every array, range, composite and domain made of it.
   * @param make returns it, given the type's own codec; called again whenever a part of the type has changed
   * @param encodes whether it may write values in another way than the type's own codec
   */
  choose(oid: number, make: (base: Codec) => Codec, encodes = true): void {
    this.hasEncoders ||= encodes
    this.#chosen ??= new Map()
    this.#chosen.set(oid, make)
    const record = this.#learned?.get(oid)
    if (record !== undefined && record.fullName !== '') {
      this.#chosenByName ??= new Map()
      this.#chosenByName.set(record.fullName, { kind: record.kind, make })
    }
    this.#changed()
  }

  /** Chooses a codec that does not depend on the type's own. */
  set(oid: number, codec: Codec): void {
    this.choose(oid, () => codec)
  }

  /** Returns to the type's own codec. */
  delete(oid: number): void {
    this.#chosen?.delete(oid)
    const record = this.#learned?.get(oid)
    if (record !== undefined) this.#chosenByName?.delete(record.fullName)
    if (this.#chosen?.size === 0) this.#chosen = null
    this.#changed()
  }

  /** Adds descriptions of types from the server. @param isTentative whether a rollback of the transaction may undo them */
  learn(records: readonly TypeRecord[], isTentative = false): void {
    if (this.#learned === null) {
      this.#learned = new Map()
      this.#learnedAtMs = Date.now()
    }
    for (const record of records) {
      if (BUILT_IN_CODECS.has(record.oid) || this.#learned.has(record.oid)) continue
      this.#learned.set(record.oid, record)
      const choice = this.#chosenByName?.get(record.fullName)
      if (choice?.kind === record.kind) (this.#chosen ??= new Map()).set(record.oid, choice.make)
      if (isTentative) (this.#tentative ??= new Set()).add(record.oid)
    }
    this.#changed()
  }

  /** Whether any of the types was learned in the open transaction. */
  isTentative(oids: Iterable<number>): boolean {
    if (this.#tentative === null) return false
    for (const oid of oids) if (this.#tentative.has(oid)) return true
    return false
  }

  /** Call this at the end of a transaction. After a commit its types stay; otherwise they are forgotten. */
  settle(isCommitted: boolean): void {
    if (this.#tentative === null) return
    if (!isCommitted) {
      for (const oid of this.#tentative) this.#learned?.delete(oid)
      this.#changed()
    }
    this.#tentative = null
  }

  /** Forgets all learned types, because they may have been altered. Choices stay. */
  forget(): void {
    this.#isOutdated = false
    this.#learned = null
    this.#tentative = null
    this.#changed()
  }

  /** Forgets all learned types if one has turned out to be out of date. @returns whether one had. */
  forgetIfOutdated(): boolean {
    const wasOutdated = this.#isOutdated
    if (wasOutdated) this.forget()
    return wasOutdated
  }

  /** Whether there are learned types, and the first was learned before this time of `Date.now()`. */
  isLearnedBefore(timeMs: number): boolean {
    return this.#learned !== null && this.#learnedAtMs < timeMs
  }

  #choiceFor(oid: number): ((base: Codec) => Codec) | undefined {
    const own = this.#chosen?.get(oid)
    if (own !== undefined || this.#origin === null) return own
    return this.#origin.#chosen?.get(oid)
  }

  #changed(): void {
    this.#changes += 1
    this.#made.clear()
  }

  #followOrigin(origin: CodecRegistry): void {
    if (this.#seenChanges === origin.#changes) return
    this.#seenChanges = origin.#changes
    this.#made.clear()
  }

  /** The element type of a built-in array type; null for other types. */
  elementOid(oid: number): number | null {
    return builtInElementOf(oid)
  }

  /** The built-in codec, or one like it when a codec was chosen for one of its parts. */
  #rebuilt(oid: number, builtIn: Codec | undefined): Codec {
    const elementOid = builtInVectorOf(oid) === null ? builtInElementOf(oid) : null
    if (elementOid !== null) {
      const element = this.codecFor(elementOid)
      if (builtIn !== undefined && element === BUILT_IN_CODECS.get(elementOid)) return builtIn
      return arrayCodec(element, elementOid, builtInArrayOf(elementOid)?.delimiter)
    }
    const range = builtInRangeOf(oid)
    if (range !== null && builtIn !== undefined) {
      const { rangeOid, subtypeOid } = range
      const subtype = this.codecFor(subtypeOid)
      if (subtype === BUILT_IN_CODECS.get(subtypeOid)) return builtIn
      if (oid === rangeOid) return rangeCodec(builtIn.name, subtype, subtypeOid)
      return multirangeCodec(builtIn.name, this.codecFor(rangeOid) as Codec<Range>)
    }
    return builtIn ?? textFormatCodec(this.typeName(oid))
  }
}
