/** The description of a type that a statement gives for its parameters and columns. */
import { builtInElementOf, builtInRangeOf, builtInVectorOf } from './built-in-codecs.ts'
import { RECORD_OID } from './oids.ts'
import type { CodecRegistry } from './registry.ts'

/** What kind of type it is. */
export type TypeKind = 'scalar' | 'array' | 'composite' | 'range' | 'multirange' | 'enum' | 'domain'

/** A parameter's or a column's type. */
export interface TypeInfo {
  /** The type's OID in this database. */
  readonly oid: number
  /** The name as SQL spells it: quoted, and with its schema when the search path does not find it. */
  readonly name: string
  /** What kind of type it is. */
  readonly kind: TypeKind
}

/** The kind for each pg_type.typtype that decides it. */
const KINDS: Readonly<Record<string, TypeKind>> = {
  c: 'composite',
  d: 'domain',
  e: 'enum',
  m: 'multirange',
  r: 'range',
}

/** A column of a statement's rows. */
export interface Attribute {
  readonly name: string
  /** The column's type. */
  readonly type: TypeInfo
}

/** The columns of a described statement; none for one without rows. */
export function attributes(
  registry: CodecRegistry,
  columns: readonly { readonly name: string; readonly typeOid: number }[] | null,
): Attribute[] {
  return (columns ?? []).map(({ name, typeOid }) => ({ name, type: typeInfo(registry, typeOid) }))
}

/** The description of a type that the connection knows; it knows all types of a described statement. */
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
