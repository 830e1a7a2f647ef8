/**
 * Which codec serves which type on one connection: what the user chose, what is built in (shared by all connections), and
 * what the connection learned. Arrays, ranges, composites and domains are made of the codecs of their parts when first
 * asked for, so what is chosen for a type holds wherever the type occurs. A type nobody knows travels as text.
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

/** What was chosen for a type, and for what kind of one. */
interface Choice {
  readonly kind: string
  readonly make: (base: Codec) => Codec
}

export class CodecRegistry {
  /** Of a view: the connection's own, which knows what was learned, and what was chosen for all calls. */
  readonly #origin: CodecRegistry | null
  /** Of a view: what it makes of each codec. */
  readonly #change: ((codec: Codec) => Codec) | null
  /** Of a view: how often its origin had changed when `#made` was begun. */
  #seenChanges = 0
  /** Counts what may change a codec, so that views notice. */
  #changes = 0
  /** Whether a codec was chosen that may write values in a way of its own: then a value says nothing before its type is known. */
  hasEncoders = false
  #chosen: Map<number, (base: Codec) => Codec> | null = null
  /** The choices for types that are not built in, by full name: a type that is made anew has another OID. */
  #chosenByName: Map<string, Choice> | null = null
  #learned: Map<number, TypeRecord> | null = null
  /** Learned since the transaction began that is open: gone with it if it is rolled back. */
  #tentative: Set<number> | null = null
  /** What is not simply a built-in codec, until a choice or a lesson changes it. */
  readonly #made = new Map<number, Codec>()
  readonly #underway = new Set<number>()
  /** Whether a value has shown that a type was altered since it was learned. */
  #isOutdated = false

  /**
   * @param origin for a view: it shares what the origin learns and chooses, and may choose more for itself
   * @param change for a view: what to make of each codec, those inside of arrays, ranges and composites too
   */
  constructor(origin: CodecRegistry | null = null, change: ((codec: Codec) => Codec) | null = null) {
    this.#origin = origin
    this.#change = change
  }

  /** The codec of a type; for an unknown type one that gives and takes the server's text. */
  codecFor(oid: number): Codec {
    if (this.#origin !== null) this.#heedOrigin(this.#origin)
    else if (this.#chosen === null) {
      const builtIn = BUILT_IN_CODECS.get(oid)
      if (builtIn !== undefined) return builtIn
    }
    const known = this.#made.get(oid)
    if (known !== undefined) return known
    // No server allows a type within itself; one that says so must not send us round for ever.
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

  /** Whether a value of the type may hold fields, of which another session may make others. */
  holdsFields(oid: number): boolean {
    const record = this.recordOf(oid)
    if (record === undefined) return false
    const { kind, elementOid, baseOid, subtypeOid } = record
    if (elementOid !== 0) return this.holdsFields(elementOid)
    if (kind === 'd') return this.holdsFields(baseOid)
    return kind === 'c' || (subtypeOid !== 0 && this.holdsFields(subtypeOid))
  }

  /** Whether a value has shown that something learned is wrong by now. */
  get isOutdated(): boolean {
    return this.#isOutdated
  }

  /** The codec the type would have if none had been chosen for it itself. */
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

  /** Whether the type has a codec: built in, learned or set. */
  has(oid: number): boolean {
    if (oid === RECORD_OID || oid === RECORD_ARRAY_OID || BUILT_IN_CODECS.has(oid)) return true
    return this.#learned?.has(oid) === true || this.#chosen?.has(oid) === true
  }

  /** What the server said of a type that is not built in; undefined where it has not been asked. */
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
   * @param make gives it from the codec the type has by itself, anew whenever what that is made of has changed.
   * @param encodes whether it may write values in another way
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

  /** Chooses a codec that needs nothing of the type's own. */
  set(oid: number, codec: Codec): void {
    this.choose(oid, () => codec)
  }

  /** Back to the codec the type has by itself. */
  delete(oid: number): void {
    this.#chosen?.delete(oid)
    const record = this.#learned?.get(oid)
    if (record !== undefined) this.#chosenByName?.delete(record.fullName)
    if (this.#chosen?.size === 0) this.#chosen = null
    this.#changed()
  }

  /** Takes in what the server said of types. @param isTentative whether it may be undone with the open transaction. */
  learn(records: readonly TypeRecord[], isTentative = false): void {
    this.#learned ??= new Map()
    for (const record of records) {
      if (BUILT_IN_CODECS.has(record.oid) || this.#learned.has(record.oid)) continue
      this.#learned.set(record.oid, record)
      const choice = this.#chosenByName?.get(record.fullName)
      if (choice?.kind === record.kind) (this.#chosen ??= new Map()).set(record.oid, choice.make)
      if (isTentative) (this.#tentative ??= new Set()).add(record.oid)
    }
    this.#changed()
  }

  /** Whether any of the types is known only from within the open transaction. */
  isTentative(oids: Iterable<number>): boolean {
    if (this.#tentative === null) return false
    for (const oid of oids) if (this.#tentative.has(oid)) return true
    return false
  }

  /** The transaction that is over: committed, its types stay; else they are forgotten, for they may never have been. */
  settle(isCommitted: boolean): void {
    if (this.#tentative === null) return
    if (!isCommitted) {
      for (const oid of this.#tentative) this.#learned?.delete(oid)
      this.#changed()
    }
    this.#tentative = null
  }

  /** Forgets everything learned: types may have been altered. What was chosen stays. */
  forget(): void {
    this.#isOutdated = false
    this.#learned = null
    this.#tentative = null
    this.#changed()
  }

  /** Forgets everything learned if some of it has turned out to be wrong. @returns whether it had. */
  forgetIfOutdated(): boolean {
    const wasOutdated = this.#isOutdated
    if (wasOutdated) this.forget()
    return wasOutdated
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

  #heedOrigin(origin: CodecRegistry): void {
    if (this.#seenChanges === origin.#changes) return
    this.#seenChanges = origin.#changes
    this.#made.clear()
  }

  /** The element's type when the OID is a built-in array's, else null. */
  elementOid(oid: number): number | null {
    return builtInElementOf(oid)
  }

  /** A built-in codec, or one like it over parts that were chosen. */
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
