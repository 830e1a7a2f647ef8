/** pg-types, pg's own table of parsers: the module itself, so that a parser set anywhere in the program is heard here. */
import pgTypes from 'pg-types'

/** Makes a value of the server's text, or of bytes where the format is binary. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: a parser gives whatever it gives.
export type TypeParser = (value: any) => any
/** The format that a parser reads. The server is asked for text only. */
export type TypeFormat = 'text' | 'binary'

/** What finds parsers: pg-types, `TypeOverrides`, or an object of the program's. */
export interface CustomTypes {
  /** The parser of a type, by its OID. */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser
}

/** What pg-types offers. */
export interface PgTypes extends CustomTypes {
  /** Chooses a parser for a type, by its OID, for all clients. */
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  /** Reads arrays as text. */
  readonly arrayParser: { create(text: string, transform: TypeParser): { parse(): unknown[] } }
  /** OIDs by type name, in capitals. */
  readonly builtins: Readonly<Record<string, number>>
}

/** The parsers of all clients: the package `pg-types` where it is installed, and what does the same where it is not. */
export const types = pgTypes as unknown as PgTypes

/** The parser of types that nobody knows: it gives the text as it is. */
export const AS_TEXT: TypeParser = types.getTypeParser(0, 'text')

/** Parsers of one client or one query, before those of pg-types or of another table. */
export class TypeOverrides implements CustomTypes {
  readonly _types: CustomTypes
  /** Parsers for text format, by OID. */
  readonly text: Record<number, TypeParser> = {}
  /** Parsers for binary format, by OID. */
  readonly binary: Record<number, TypeParser> = {}

  constructor(userTypes?: CustomTypes) {
    this._types = userTypes ?? types
  }

  /** The parsers of a format. */
  getOverrides(format: TypeFormat): Record<number, TypeParser> {
    return format === 'text' || format === 'binary' ? this[format] : {}
  }

  /** Chooses a parser for a type, by its OID, for this client. */
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parse?: TypeParser): void {
    if (typeof format === 'function') this.text[oid] = format
    else if (parse !== undefined) this.getOverrides(format)[oid] = parse
  }

  /** The parser of a type: this client's, or that of all. */
  getTypeParser(oid: number, format: TypeFormat = 'text'): TypeParser {
    return this.getOverrides(format)[oid] ?? this._types.getTypeParser(oid, format)
  }
}
