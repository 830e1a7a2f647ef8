/**
 * A described statement: its parameters and columns, and everything that binding and decoding need, computed once. It
 * has only a name and the server's description, and does not know which connection has the statement.
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
  /** The parameters' types as the server inferred them. */
  readonly parameterTypes: readonly number[]
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
  readonly registry: CodecRegistry
  /** Parameters that the text does not use, because their value is used in another place. Nothing is sent for them. */
  readonly unused?: readonly number[] | undefined
  /** The row options of calls that set none. Default: Records. */
  readonly rows?: RowShapeOptions | undefined
  /** By column: whether the rows to be read came as text, whatever format the codec has. */
  readonly cameAsText?: readonly boolean[] | undefined
  /** Facts about the text, see `TextTraits`. */
  readonly traits?: TextTraits | undefined
}

const RECORD_ARRAY_OID = 2287
/** OIDs of types that were created in the database start here. */
const FIRST_OWN_OID = 16384
const TEXT_ARRAY_OID = 1009
/** Matches statements that store values; the locking clause `for update` does not. */
const WRITES = /\binsert\s+into\b|\bmerge\s+into\b|(?<!\bfor\s+(?:no\s+key\s+)?)\bupdate\b/i
const NONE_REFUSED: ReadonlySet<string> = new Set()
const UNUSED: Codec = { ...text, name: 'a parameter that is not used', encode() {} }
/** The parts of a statement that `encodeArguments` needs to write a Bind. */
export interface BindForm {
  readonly parameterTypes: readonly number[]
  readonly parameterCodecs: readonly Codec[]
  /** The codecs for values that mean text. */
  readonly textCodecs: readonly Codec[]
  /** The bind body up to the first parameter: format codes, then how many parameters follow. */
  readonly bindHead: Uint8Array
  /** `bindHead` for the codecs of values that mean text. */
  readonly textBindHead: Uint8Array
  /** The Bind body after the last parameter: the result formats. */
  readonly bindTail: Uint8Array
  /** The codecs of the columns in these formats. */
  readonly columnCodecs: readonly Codec[]
}

/** How a call with `types` of its own binds and decodes. */
interface TypedForm extends BindForm {
  readonly types: ResultTypes
}

/** The number of decoders kept for calls with row options of their own; beyond it each call makes a new one. */
const MOST_DECODERS = 8

export class Statement implements BindForm {
  readonly name: string
  readonly sql: string
  readonly parameterTypes: readonly number[]
  readonly columns: readonly Column[] | null
  readonly parameterCodecs: readonly Codec[]
  readonly columnCodecs: readonly Codec[]
  /**
   * Whether the server gave a parameter the type text or text[], perhaps only because nothing says otherwise: see
   * `deriveParameterTypes`. False for statements that write, where the server knows the columns.
   */
  readonly hasTextParameters: boolean
  /** Types that values suggested and the server refused, as keys of the cache; they are not tried again. */
  refusedTypes: ReadonlySet<string> = NONE_REFUSED
  /** Whether a column is of type record, whose fields may have types that no description names. */
  readonly hasRecords: boolean
  /** Whether a column has composite values, whose fields were learned earlier and may have changed. */
  readonly hasFields: boolean
  readonly traits: TextTraits
  /**
   * Whether the locks of a transaction in which the statement was accepted protect everything that it names. Functions and
   * types have no locks.
   */
  readonly holdsLocks: boolean
  /** The value of the statement cache's `proof` when the server last accepted the statement; 0 for never. */
  provenIn = 0
  readonly #rows: RowShapeOptions
  readonly #registry: CodecRegistry
  readonly #unused: readonly number[] | undefined
  /** Made when the statement is first bound in binary; a text that runs only once never is. */
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

  /** The codecs for values that mean text have the formats of the others. */
  get textBindHead(): Uint8Array {
    return this.bindHead
  }

  get bindTail(): Uint8Array {
    return (this.#bindTail ??= formatBlock(this.columnCodecs))
  }

  /** Notes types that the server refused, as a key of the cache. */
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
   * A copy of the statement with codecs for its types as they are known now. Its rows have already arrived: a column that
   * came as text is read as text.
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

  /**
   * The parameters that are whole columns of the result, as in `select $1`. @param isStandard the server's
   * `standard_conforming_strings`
   */
  outputsOf(isStandard: boolean): ReadonlySet<number> {
    return (this.#outputs ??= outputParameters(this.sql, isStandard))
  }

  /** The codecs that read its columns for a call with these row options. */
  codecsFor({ types }: RowShapeOptions): readonly Codec[] {
    return types === undefined ? this.columnCodecs : this.#formOf(types).columnCodecs
  }

  /** The form in which a call with these row options binds. Bind requests the formats of the rows, so decoders must match. */
  formFor({ types }: RowShapeOptions): BindForm {
    return types === undefined ? this : this.#formOf(types)
  }

  /** Decodes rows with the connection's options; null when the statement returns no rows. @throws the errors of `decoderFor`. */
  get rowDecoder(): RowDecoder | null {
    return this.decoderFor(this.#rows)
  }

  /**
   * A decoder for rows with these options. The same options give the same decoder, so that code is generated only once. null
   * when the statement returns no rows.
   * @throws DataError for a column name that occurs twice, when the options refuse that; errors of a row factory.
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
      // Values that mean text do not depend on the forms of values.
      textCodecs: this.textCodecs,
      textBindHead: this.textBindHead,
      bindHead: bindHead(parameterCodecs),
      bindTail: formatBlock(columnCodecs),
    }
    this.#forms.unshift(form)
    if (this.#forms.length > MOST_DECODERS) this.#forms.pop()
    return form
  }

  /** Whether it uses a type that was created in the database, which another session may alter. */
  #hasOwnTypes(): boolean {
    if (this.parameterTypes.some((oid) => oid >= FIRST_OWN_OID)) return true
    return this.columns !== null && this.columns.some(({ typeOid }) => typeOid >= FIRST_OWN_OID)
  }

  #parameterCodecsOf(registry: CodecRegistry): Codec[] {
    const unused = this.#unused
    return this.parameterTypes.map((oid, i) => (unused?.includes(i) === true ? UNUSED : registry.codecFor(oid)))
  }
}

/** The codec for reading the server's text. */
function readsText(codec: Codec): Codec {
  return { ...codec, format: 0, decode: (input, length) => codec.decodeText(input.utf8(length)) }
}

/** Whether a text writes into a table: then the server knows the types of parameters from the columns. */
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

/** The format codes: one for all, none when all are text, otherwise one for each. */
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
  // The protocol calls the number of parameters signed, but servers read it as unsigned: up to 65,535.
  values.forEach((value, i) => bytes.writeUInt16BE(value, i * 2))
  return bytes
}
