/**
 * The table of built-in types: name, codec, array. Made once per process and shared by all connections.
 */
import { BUILT_IN_RANGES, BUILT_IN_TYPES, INT2VECTOR_OID, INT2_OID, OIDVECTOR_OID, OID_OID } from './oids.ts'
import { arrayCodec } from './codecs/array.ts'
import { bit, varbit } from './codecs/bits.ts'
import { bool } from './codecs/boolean.ts'
import { bytea } from './codecs/bytea.ts'
import { date, time, timestamp, timestamptz, timetz } from './codecs/date-time.ts'
import { float4, float8 } from './codecs/floats.ts'
import { cid, int2, int4, int8, oid, xid } from './codecs/integers.ts'
import { box, circle, line, lseg, path, point, polygon } from './codecs/geometry.ts'
import { interval } from './codecs/interval.ts'
import { json, jsonb, jsonpath, voidCodec } from './codecs/json.ts'
import { cidr, inet, macaddr, macaddr8 } from './codecs/network.ts'
import { numeric } from './codecs/numeric.ts'
import { multirangeCodec, rangeCodec } from './codecs/range.ts'
import { anyArray, name, pgLsn, regCodec, snapshotCodec, tid, vectorCodec, xid8 } from './codecs/system.ts'
import {
  bpchar,
  cstring,
  refcursor,
  singleByteChar,
  text,
  textFormatCodec,
  unknown,
  varchar,
  xml,
} from './codecs/text.ts'
import { uuid } from './codecs/uuid.ts'
import type { Codec } from './codec.ts'

interface BuiltInType {
  readonly name: string
  readonly oid: number
  readonly arrayOid: number
  readonly delimiter: string
}

/** Scalar codecs by the type's name in pg_type. */
const SCALARS: Readonly<Record<string, Codec>> = {
  bool,
  int2,
  int4,
  int8,
  oid,
  xid,
  cid,
  xid8,
  float4,
  float8,
  numeric,
  text,
  varchar,
  bpchar,
  name,
  xml,
  unknown,
  cstring,
  refcursor,
  char: singleByteChar,
  bytea,
  uuid,
  json,
  jsonb,
  jsonpath,
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  void: voidCodec,
  bit,
  varbit,
  inet,
  cidr,
  macaddr,
  macaddr8,
  point,
  line,
  lseg,
  box,
  path,
  polygon,
  circle,
  pg_lsn: pgLsn,
  tid,
}

/** The generated table has no pseudo-types, but columns of some catalogs have these two types. */
const ANYARRAY_OID = 2277
const ANYCOMPATIBLEARRAY_OID = 5078

/** Codecs for types that travel as text; some of them can also read the binary form that records contain. */
function textCodecOf(name: string): Codec {
  if (name.startsWith('reg')) return regCodec(name)
  if (name === 'pg_snapshot' || name === 'txid_snapshot') return snapshotCodec(name)
  return textFormatCodec(name)
}

const types = new Map<number, BuiltInType>()
const elements = new Map<number, number>()
const codecs = new Map<number, Codec>()

for (const line of BUILT_IN_TYPES.trim().split('\n')) {
  const [name = '', oidText, arrayText, delimiter = ','] = line.split(' ')
  const type = { name, oid: Number(oidText), arrayOid: Number(arrayText), delimiter }
  types.set(type.oid, type)
  if (type.arrayOid !== 0) elements.set(type.arrayOid, type.oid)
  const scalar = Object.hasOwn(SCALARS, name) ? SCALARS[name] : undefined
  if (scalar !== undefined) codecs.set(type.oid, scalar)
  // The codec of `record` needs a registry for its fields, so the registry makes it.
  else if (type.arrayOid !== 0 && name !== 'record') codecs.set(type.oid, textCodecOf(name))
}
codecs.set(ANYARRAY_OID, anyArray)
codecs.set(ANYCOMPATIBLEARRAY_OID, anyArray)
codecs.set(INT2VECTOR_OID, vectorCodec('int2vector', arrayCodec(int2, INT2_OID), int2))
codecs.set(OIDVECTOR_OID, vectorCodec('oidvector', arrayCodec(oid, OID_OID), oid))
for (const { rangeOid, subtypeOid, multirangeOid } of BUILT_IN_RANGES) {
  const subtype = codecs.get(subtypeOid)
  if (subtype === undefined) continue
  const range = rangeCodec(types.get(rangeOid)?.name ?? 'range', subtype, subtypeOid)
  codecs.set(rangeOid, range)
  codecs.set(multirangeOid, multirangeCodec(types.get(multirangeOid)?.name ?? 'multirange', range))
}
for (const type of types.values()) {
  const element = codecs.get(type.oid)
  if (type.arrayOid !== 0 && element !== undefined)
    codecs.set(type.arrayOid, arrayCodec(element, type.oid, type.delimiter))
}

/** Codecs of all built-in types and their arrays by OID. */
export const BUILT_IN_CODECS: ReadonlyMap<number, Codec> = codecs

/** The array type of a built-in type, with its delimiter; null when it has none. */
export function builtInArrayOf(oid: number): { oid: number; delimiter: string } | null {
  const type = types.get(oid)
  return type === undefined || type.arrayOid === 0 ? null : { oid: type.arrayOid, delimiter: type.delimiter }
}

/** The range type and the type of its bounds, for a built-in range or multirange; null for other types. */
export function builtInRangeOf(oid: number): { rangeOid: number; subtypeOid: number } | null {
  return BUILT_IN_RANGES.find((range) => range.rangeOid === oid || range.multirangeOid === oid) ?? null
}

/** The element type of `int2vector` and `oidvector`, which no array type's entry lists; null for other types. */
export function builtInVectorOf(oid: number): number | null {
  if (oid === INT2VECTOR_OID) return INT2_OID
  return oid === OIDVECTOR_OID ? OID_OID : null
}

/** The element type of a built-in array type; null for other types. */
export function builtInElementOf(oid: number): number | null {
  return elements.get(oid) ?? null
}

/** The OID of the built-in type with this name in pg_type; null when there is none. */
export function builtInOidOf(typeName: string): number | null {
  for (const type of types.values()) if (type.name === typeName) return type.oid
  return null
}

/** The name of a built-in type in pg_type; null for other types. */
export function builtInNameOf(oid: number): string | null {
  const element = elements.get(oid)
  if (element !== undefined) return `${types.get(element)?.name}[]`
  return types.get(oid)?.name ?? null
}
