/**
 * A described statement: what its parameters and columns are, and everything that binding and decoding need, worked out
 * once. Knows nothing of where the statement lives; a name and the server's description are all it has.
 */
import { RECORD_OID, TEXT_OID } from './oids.ts'
import { outputParameters } from './output-parameters.ts'
import { RowDecoder } from './row-decoder.ts'
import type { ResultTypes } from './call-types.ts'
import { registryWith, resultCodecs, textRegistry } from './result-types.ts'
import { RECORD_ROWS } from './row-options.ts'
import { shapeFor, type RowShapeOptions } from './row-shapes.ts'
import { text } from './codecs/text.ts'
import { PLAIN_TEXT, type TextTraits } from './text-traits.ts'
import type { Codec } from './codec.ts'
import type { CodecRegistry } from './registry.ts'
import type { Column } from '../wire/row-sink.ts'

export interface StatementInit {
  /** Server-side name, `''` for the unnamed statement. */
  readonly name: string
  readonly sql: string
  /** As the server inferred them. */
  readonly parameterTypes: readonly number[]
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
  readonly registry: CodecRegistry
  /** Parameters that the text does not mention: another place has their value. Nothing is sent for them. */
  readonly unused?: readonly number[] | undefined
  /** How rows are made where a call says nothing of it; Records unless given. */
  readonly rows?: RowShapeOptions | undefined
  /** By column: whether the rows that are to be read came as text, whatever the codec would ask for. */
  readonly cameAsText?: readonly boolean[] | undefined
  /** What its text says of itself; nothing of note unless given. */
  readonly traits?: TextTraits | undefined
}

const RECORD_ARRAY_OID = 2287
/** Types of the database's own begin here. */
const FIRST_OWN_OID = 16384
const TEXT_ARRAY_OID = 1009
/** Statements that store values; a locking clause, `for update`, is none. */
const WRITES = /\binsert\s+into\b|\bmerge\s+into\b|(?<!\bfor\s+(?:no\s+key\s+)?)\bupdate\b/i
const NONE_REFUSED: ReadonlySet<string> = new Set()
const UNUSED: Codec = { ...text, name: 'a parameter that is not used', encode() {} }
/** What `encodeArguments` writes a Bind by. */
export interface BindForm {
  readonly parameterTypes: readonly number[]
  readonly parameterCodecs: readonly Codec[]
  /** The codecs for values that mean text. */
  readonly textCodecs: readonly Codec[]
  /** The bind body up to the first parameter: format codes, then how many parameters follow. */
  readonly bindHead: Uint8Array
  /** The bind body after the last parameter: the result formats. */
  readonly bindTail: Uint8Array
  /** The codecs of the columns in these formats. */
  readonly columnCodecs: readonly Codec[]
}

/** How a call that has `types` of its own binds and decodes. */
interface TypedForm extends BindForm {
  readonly types: ResultTypes
}

/** Decoders kept for calls with row options of their own; more would be made anew by each call. */
const MOST_DECODERS = 8

export class Statement implements BindForm {
  readonly name: string
  readonly sql: string
  readonly parameterTypes: readonly number[]
  readonly columns: readonly Column[] | null
  readonly parameterCodecs: readonly Codec[]
  readonly columnCodecs: readonly Codec[]
  /**
   * Whether the server took a parameter for text or a list of texts, which may be for want of a hint: see `deriveParameterTypes`. False for
   * statements that write: there the server knows the columns.
   */
  readonly hasTextParameters: boolean
  /** Types, as the cache's key has them, that values suggested and the server refused: not asked for again. */
  refusedTypes: ReadonlySet<string> = NONE_REFUSED
  /** Whether a column holds anonymous records, inside which types occur that no description names. */
  readonly hasRecords: boolean
  /** Whether a column holds composites, whose fields were learned at another time. */
  readonly hasFields: boolean
  readonly traits: TextTraits
  /**
   * Whether all that it names is kept as it is by the locks of a transaction in which it was accepted. Functions and types
   * have none.
   */
  readonly holdsLocks: boolean
  /** When the server last accepted it, as the statement cache's `proof` has it; 0 for never. */
  provenIn = 0
  readonly #rows: RowShapeOptions
  readonly #registry: CodecRegistry
  readonly #unused: readonly number[] | undefined
  /** Made when the statement is bound in binary for the first time: a text that runs once never is. */
  #bindHead: Uint8Array | null = null
  #bindTail: Uint8Array | null = null
  #textCodecs: readonly Codec[] | null = null
  #outputs: ReadonlySet<number> | null = null
  /** The newest first. */
  readonly #forms: TypedForm[] = []
  /** The newest first. */
  readonly #decoders: { readonly options: RowShapeOptions; readonly decoder: RowDecoder }[] = []

  constructor(init: StatementInit) {
    const { registry, columns } = init
    this.name = init.name
    this.sql = init.sql
    this.parameterTypes = init.parameterTypes
    this.columns = columns
    const { unused } = init
    this.#unused = unused
    this.parameterCodecs = this.#parameterCodecsOf(registry)
    this.hasTextParameters = unused === undefined && init.parameterTypes.some(isText) && !storesValues(init.sql)
    const { cameAsText } = init
    this.columnCodecs = (columns ?? []).map(({ typeOid }, index) => {
      const codec = registry.codecFor(typeOid)
      return cameAsText?.[index] === true && codec.format === 1 ? readsText(codec) : codec
    })
    this.hasRecords = (columns ?? []).some(({ typeOid }) => typeOid === RECORD_OID || typeOid === RECORD_ARRAY_OID)
    this.traits = init.traits ?? PLAIN_TEXT
    this.holdsLocks = !this.traits.callsUnknown && !this.#hasOwnTypes()
    this.hasFields = (columns ?? []).some(({ typeOid }) => registry.holdsFields(typeOid))
    this.#rows = init.rows ?? RECORD_ROWS
    this.#registry = registry
  }

  get bindHead(): Uint8Array {
    return (this.#bindHead ??= bindHead(this.parameterCodecs))
  }

  get bindTail(): Uint8Array {
    return (this.#bindTail ??= formatBlock(this.columnCodecs))
  }

  /** Notes types, as the cache's key has them, that the server refused. */
  refuseTypes(types: string): void {
    this.refusedTypes = new Set(this.refusedTypes).add(types)
  }

  /** Whether the bytes of a column are text. */
  isTextColumn(column: number): boolean {
    const codec = this.columnCodecs[column]
    return codec !== undefined && (codec.format === 0 || codec.isText === true)
  }

  /** The types of its parameters and columns. */
  *types(): Generator<number> {
    yield* this.parameterTypes
    if (this.columns !== null) for (const column of this.columns) yield column.typeOid
  }

  /**
   * The same statement, with codecs for what its types are known to be by now. Its rows have come already: a column that came
   * as text is read as text.
   */
  renewed(): Statement {
    const { name, sql, parameterTypes, columns, traits } = this
    const [registry, rows, unused] = [this.#registry, this.#rows, this.#unused]
    const cameAsText = this.columnCodecs.map(({ format }) => format === 0)
    return new Statement({ name, sql, parameterTypes, columns, traits, registry, rows, unused, cameAsText })
  }

  get textCodecs(): readonly Codec[] {
    return (this.#textCodecs ??= this.#parameterCodecsOf(textRegistry(this.#registry)))
  }

  /** Its parameters that are columns by themselves. @param isStandard the server's `standard_conforming_strings` */
  outputsOf(isStandard: boolean): ReadonlySet<number> {
    return (this.#outputs ??= outputParameters(this.sql, isStandard))
  }

  /** The codecs that read its columns for a call that asks for such rows. */
  codecsFor({ types }: RowShapeOptions): readonly Codec[] {
    return types === undefined ? this.columnCodecs : this.#formOf(types).columnCodecs
  }

  /** How a call binds it that asks for such rows. Bind says in which formats they come, so a decoder must match. */
  formFor({ types }: RowShapeOptions): BindForm {
    return types === undefined ? this : this.#formOf(types)
  }

  /** Decodes rows as the connection has them; null when there are none. @throws as `decoderFor`. */
  get rowDecoder(): RowDecoder | null {
    return this.decoderFor(this.#rows)
  }

  /**
   * A decoder into some kind of rows, the same one each time, so that no code is generated twice; null when the
   * statement returns none.
   * @throws DataError for a column name that occurs twice, where that is asked for; what a row factory throws.
   */
  decoderFor(options: RowShapeOptions): RowDecoder | null {
    if (this.columns === null) return null
    const newest = this.#decoders[0]
    if (newest !== undefined && isSame(newest.options, options)) return newest.decoder
    const known = this.#decoders.find((each) => isSame(each.options, options))
    if (known !== undefined) return known.decoder
    const { types } = options
    const codecs = types === undefined ? this.columnCodecs : this.#formOf(types).columnCodecs
    const decoder = new RowDecoder(this.columns, codecs, shapeFor(this.columns, options))
    this.#decoders.unshift({ options, decoder })
    if (this.#decoders.length > MOST_DECODERS) this.#decoders.pop()
    return decoder
  }

  #formOf(types: ResultTypes): TypedForm {
    const known = this.#forms.find((form) => form.types === types)
    if (known !== undefined) return known
    const columnCodecs = resultCodecs(
      this.#registry,
      types,
      (this.columns ?? []).map((column) => column.typeOid),
    )
    const registry = typeof types === 'object' ? registryWith(this.#registry, types) : this.#registry
    const parameterCodecs = registry === this.#registry ? this.parameterCodecs : this.#parameterCodecsOf(registry)
    const form: TypedForm = {
      types,
      columnCodecs,
      parameterTypes: this.parameterTypes,
      parameterCodecs,
      // Text means the same whatever the forms of values are.
      textCodecs: this.textCodecs,
      bindHead: bindHead(parameterCodecs),
      bindTail: formatBlock(columnCodecs),
    }
    this.#forms.unshift(form)
    if (this.#forms.length > MOST_DECODERS) this.#forms.pop()
    return form
  }

  /** Whether it has a type that the database made, which somebody may alter. */
  #hasOwnTypes(): boolean {
    if (this.parameterTypes.some((oid) => oid >= FIRST_OWN_OID)) return true
    return this.columns !== null && this.columns.some(({ typeOid }) => typeOid >= FIRST_OWN_OID)
  }

  #parameterCodecsOf(registry: CodecRegistry): Codec[] {
    const unused = this.#unused
    return this.parameterTypes.map((oid, i) => (unused?.includes(i) === true ? UNUSED : registry.codecFor(oid)))
  }
}

/** The codec as a reader of the server's text. */
function readsText(codec: Codec): Codec {
  return { ...codec, format: 0, decode: (input, length) => codec.decodeText(input.utf8(length)) }
}

/** Whether a text writes into a table: there the server knows the types of parameters by the columns. */
export function storesValues(sql: string): boolean {
  return WRITES.test(sql)
}

function isText(oid: number): boolean {
  return oid === TEXT_OID || oid === TEXT_ARRAY_OID
}

function isSame(one: RowShapeOptions, other: RowShapeOptions): boolean {
  if (one === other) return true
  const { rowFactory, recordClass, duplicates, types } = one
  return (
    rowFactory === other.rowFactory &&
    recordClass === other.recordClass &&
    duplicates === other.duplicates &&
    types === other.types
  )
}

/** One code stands for all, none for all text; otherwise each has its own. */
function formatBlock(codecs: readonly Codec[]): Uint8Array {
  const isAllText = codecs.every((codec) => codec.format === 0)
  const isAllBinary = codecs.every((codec) => codec.format === 1)
  const codes = isAllText ? [] : isAllBinary ? [1] : codecs.map((codec) => codec.format)
  return int16s([codes.length, ...codes])
}

function bindHead(codecs: readonly Codec[]): Uint8Array {
  return Buffer.concat([formatBlock(codecs), int16s([codecs.length])])
}

function int16s(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(values.length * 2)
  // The count of parameters is an unsigned word in all but name: servers take 65,535.
  values.forEach((value, i) => bytes.writeUInt16BE(value, i * 2))
  return bytes
}
