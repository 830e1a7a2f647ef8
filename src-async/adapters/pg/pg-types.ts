/**
 * pg-types, pg's table of parsers. It is the module itself and no copy, so a parser that is set anywhere in the program
 * is used here too.
 */
import pgTypes from 'pg-types'

/** Turns the server's text, or bytes in binary format, into a value. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: a parser gives whatever it gives.
export type TypeParser = (value: any) => any
/** The format that a parser reads. The server is asked for text only. */
export type TypeFormat = 'text' | 'binary'

/** An object that finds parsers: pg-types, `TypeOverrides`, or one of the program. */
export interface CustomTypes {
  /**
   * The parser of a type, by its OID.
   * @example
   *   const asText = { getTypeParser: () => (text) => text }
   *   await client.query({ text: 'select id from item', types: asText }) // { id: '1' } …
   */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser
}

/** The exports of pg-types. */
export interface PgTypes extends CustomTypes {
  /**
   * Sets the parser of a type, by its OID, for all clients.
   * @example types.setTypeParser(types.builtins.INT8, BigInt) // int8 as a bigint, for all clients
   */
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  /** Reads arrays as text. */
  readonly arrayParser: { create(text: string, transform: TypeParser): { parse(): unknown[] } }
  /** OIDs by type name, in capitals. */
  readonly builtins: Readonly<Record<string, number>>
}

/** The parsers of all clients: those of the installed package `pg-types`. */
export const types = pgTypes as unknown as PgTypes

/** The parser of unknown types, which returns the text unchanged. */
export const AS_TEXT: TypeParser = types.getTypeParser(0, 'text')

/** Parsers of one client or one query. They override those of pg-types, or of another table. */
export class TypeOverrides implements CustomTypes {
  readonly _types: CustomTypes
  /** Parsers for text format, by OID. */
  readonly text: Record<number, TypeParser> = {}
  /** Parsers for binary format, by OID. */
  readonly binary: Record<number, TypeParser> = {}

  /**
   * @example
   *   const parsers = new TypeOverrides()
   *   parsers.setTypeParser(20, BigInt)
   *   await client.query({ text: 'select count(*) from item', types: parsers }) // { count: 3n }
   */
  constructor(userTypes?: CustomTypes) {
    this._types = userTypes ?? types
  }

  /**
   * The parsers of a format.
   * @example new TypeOverrides().getOverrides('text') // {}
   */
  getOverrides(format: TypeFormat): Record<number, TypeParser> {
    return format === 'text' || format === 'binary' ? this[format] : {}
  }

  /**
   * Sets the parser of a type, by its OID, for this client.
   * @example new TypeOverrides().setTypeParser(1082, (text) => text) // dates as text
   */
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parse?: TypeParser): void {
    if (typeof format === 'function') this.text[oid] = format
    else if (parse !== undefined) this.getOverrides(format)[oid] = parse
  }

  /**
   * The parser of a type: that of this client, or else that of all clients.
   * @example new TypeOverrides().getTypeParser(23)('7') // 7
   */
  getTypeParser(oid: number, format: TypeFormat = 'text'): TypeParser {
    return this.getOverrides(format)[oid] ?? this._types.getTypeParser(oid, format)
  }
}
