/** pg-types, pg's own table of parsers: the module itself, so that a parser set anywhere in the program is heard here. */
import pgTypes from 'pg-types'

/** Makes a value of the server's text, or of bytes where the format is binary. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: a parser gives whatever it gives.
export type TypeParser = (value: any) => any
export type TypeFormat = 'text' | 'binary'

/** What finds parsers: pg-types, `TypeOverrides`, or an object of the program's. */
export interface CustomTypes {
  getTypeParser(oid: number, format?: TypeFormat): TypeParser
}

/** What pg-types offers. */
export interface PgTypes extends CustomTypes {
  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  readonly arrayParser: { create(text: string, transform: TypeParser): { parse(): unknown[] } }
  /** OIDs by type name, in capitals. */
  readonly builtins: Readonly<Record<string, number>>
}

export const types = pgTypes as unknown as PgTypes

/** The parser of types that nobody knows: it gives the text as it is. */
export const AS_TEXT: TypeParser = types.getTypeParser(0, 'text')

/** Parsers of one client or one query, before those of pg-types or of another table. */
export class TypeOverrides implements CustomTypes {
  readonly _types: CustomTypes
  readonly text: Record<number, TypeParser> = {}
  readonly binary: Record<number, TypeParser> = {}

  constructor(userTypes?: CustomTypes) {
    this._types = userTypes ?? types
  }

  getOverrides(format: TypeFormat): Record<number, TypeParser> {
    return format === 'text' || format === 'binary' ? this[format] : {}
  }

  setTypeParser(oid: number, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat, parse: TypeParser): void
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parse?: TypeParser): void {
    if (typeof format === 'function') this.text[oid] = format
    else if (parse !== undefined) this.getOverrides(format)[oid] = parse
  }

  getTypeParser(oid: number, format: TypeFormat = 'text'): TypeParser {
    return this.getOverrides(format)[oid] ?? this._types.getTypeParser(oid, format)
  }
}
