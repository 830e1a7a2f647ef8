/** Names of built-in types, in pg_type and in SQL. */
import { builtInArrayOf, builtInOidOf } from './built-in-codecs.ts'

/** SQL's own names for types that have another name in pg_type. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['smallint', 'int2'],
  ['int', 'int4'],
  ['integer', 'int4'],
  ['bigint', 'int8'],
  ['decimal', 'numeric'],
  ['dec', 'numeric'],
  ['real', 'float4'],
  ['float', 'float8'],
  ['double precision', 'float8'],
  ['boolean', 'bool'],
  ['char', 'bpchar'],
  ['character', 'bpchar'],
  ['"char"', 'char'],
  ['character varying', 'varchar'],
  ['bit varying', 'varbit'],
  ['timestamp with time zone', 'timestamptz'],
  ['timestamp without time zone', 'timestamp'],
  ['time with time zone', 'timetz'],
  ['time without time zone', 'time'],
])

/** The OID of the built-in type with that name, such as `int4`, `integer` or `int4[]`; null when there is none. */
export function builtInOidBySpelling(typeName: string): number | null {
  if (typeName.endsWith('[]')) {
    const element = builtInOidBySpelling(typeName.slice(0, -2))
    return element === null ? null : (builtInArrayOf(element)?.oid ?? null)
  }
  const spelled = typeName.trim().toLowerCase().replaceAll(/\s+/g, ' ')
  return builtInOidOf(SPELLINGS.get(spelled) ?? spelled)
}
