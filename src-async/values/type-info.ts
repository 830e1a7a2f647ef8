/** What is told of a type to those who ask a statement for its parameters and columns. */
import { builtInElementOf, builtInRangeOf, builtInVectorOf } from './built-in-codecs.ts'
import { RECORD_OID } from './oids.ts'
import type { CodecRegistry } from './registry.ts'

/** What kind of type it is. */
export type TypeKind = 'scalar' | 'array' | 'composite' | 'range' | 'multirange' | 'enum' | 'domain'

/** A parameter's or a column's type. */
export interface TypeInfo {
  /** The type's OID in this database. */
  readonly oid: number
  /** As SQL spells it: quoted, and with its schema where the search path does not lead there. */
  readonly name: string
  /** What kind of type it is. */
  readonly kind: TypeKind
}

/** pg_type.typtype of the kinds that it tells. */
const KINDS: Readonly<Record<string, TypeKind>> = {
  c: 'composite',
  d: 'domain',
  e: 'enum',
  m: 'multirange',
  r: 'range',
}

/** Of a type the connection knows: of a described statement it knows them all. */
export function typeInfo(registry: CodecRegistry, oid: number): TypeInfo {
  return { oid, name: registry.typeName(oid), kind: kindOf(registry, oid) }
}

function kindOf(registry: CodecRegistry, oid: number): TypeKind {
  const record = registry.recordOf(oid)
  if (record !== undefined) return record.elementOid === 0 ? (KINDS[record.kind] ?? 'scalar') : 'array'
  if (oid === RECORD_OID) return 'composite'
  const range = builtInRangeOf(oid)
  if (range !== null) return range.rangeOid === oid ? 'range' : 'multirange'
  return builtInElementOf(oid) === null && builtInVectorOf(oid) === null ? 'scalar' : 'array'
}
