/**
 * Types that are not built in: the catalog query that describes them with all they are made of, and what its rows mean.
 * The rows are read with built-in codecs only, so a user's codec cannot break the learning of types.
 */
import { arrayCodec } from './codecs/array.ts'
import { compositeCodec } from './codecs/composite.ts'
import { multirangeCodec, rangeCodec } from './codecs/range.ts'
import { enumCodec, textFormatCodec } from './codecs/text.ts'
import type { Codec } from './codec.ts'
import type { CodecRegistry } from './registry.ts'

/** One row of the query, in the order of its columns. */
export interface TypeRecord {
  readonly oid: number
  /** As SQL spells it: quoted and with its schema where needed. */
  readonly name: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string
  /** Of an array; 0 for all others. */
  readonly elementOid: number
  readonly delimiter: string
  /** Of a domain; 0 for all others. */
  readonly baseOid: number
  /** What a range's bounds are, or the range of a multirange; 0 for all others. */
  readonly subtypeOid: number
  readonly fieldNames: readonly string[]
  readonly fieldOids: readonly number[]
}

/**
 * The query: `$1` is an `oid[]`. It answers for these types and, transitively, for all they are made of.
 * @param hasMultiranges whether the server is of version 14 or later.
 */
export function typeRecordsSql(hasMultiranges: boolean): string {
  const multirange = hasMultiranges
    ? 'union all select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = t.oid'
    : ''
  const subtype = hasMultiranges
    ? `coalesce((select case when r.rngtypid = t.oid then r.rngsubtype else r.rngtypid end
    from pg_catalog.pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)), 0)`
    : 'coalesce((select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid), 0)'
  return `with recursive wanted(oid) as (
  select pg_catalog.unnest($1::pg_catalog.oid[])
  union
  select part.oid from wanted w join pg_catalog.pg_type t on t.oid = w.oid cross join lateral (
    select t.typelem where t.typelem <> 0
    union all select t.typbasetype where t.typbasetype <> 0
    union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid
    ${multirange}
    union all select a.atttypid from pg_catalog.pg_attribute a
      where t.typrelid <> 0 and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part(oid)
)
select t.oid, pg_catalog.format_type(t.oid, null), t.typtype::pg_catalog.text,
  case when t.typcategory = 'A' and t.typlen = -1 then t.typelem else 0::pg_catalog.oid end,
  t.typdelim::pg_catalog.text, t.typbasetype, ${subtype}::pg_catalog.oid,
  array(select a.attname::pg_catalog.text from pg_catalog.pg_attribute a where t.typrelid <> 0
    and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum),
  array(select a.atttypid from pg_catalog.pg_attribute a where t.typrelid <> 0
    and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum)
from wanted w join pg_catalog.pg_type t on t.oid = w.oid`
}

/** What a row of the query says, from its values in order. */
export function typeRecordOf(values: readonly unknown[]): TypeRecord {
  const [oid, name, kind, elementOid, delimiter, baseOid, subtypeOid, fieldNames, fieldOids] = values as [
    number,
    string,
    string,
    number,
    string,
    number,
    number,
    string[],
    number[],
  ]
  return { oid, name, kind, elementOid, delimiter, baseOid, subtypeOid, fieldNames, fieldOids }
}

/** Those of the types that the registry knows nothing of, each once. */
export function unknownTypes(registry: CodecRegistry, oids: Iterable<number>): number[] {
  return [...new Set(oids)].filter((oid) => oid !== 0 && !registry.has(oid))
}

/** Gives every described type that the registry does not know its codec. */
export function learnTypes(registry: CodecRegistry, records: readonly TypeRecord[]): void {
  const byOid = new Map(records.map((record) => [record.oid, record]))
  const underway = new Set<number>()
  const learn = (oid: number): Codec => {
    const record = byOid.get(oid)
    if (record === undefined || registry.has(oid)) return registry.codecFor(oid)
    // No server allows a type within itself; one that says so must not send us round for ever.
    if (underway.has(oid)) return textFormatCodec(record.name)
    underway.add(oid)
    const codec = codecOf(record, learn)
    underway.delete(oid)
    registry.set(oid, codec)
    return codec
  }
  for (const record of records) learn(record.oid)
}

function codecOf(record: TypeRecord, learn: (oid: number) => Codec): Codec {
  const { name, kind, subtypeOid } = record
  if (record.elementOid !== 0) return arrayCodec(learn(record.elementOid), record.elementOid, record.delimiter)
  if (kind === 'd') return { ...learn(record.baseOid), name }
  if (kind === 'e') return enumCodec(name)
  if (kind === 'r') return rangeCodec(name, learn(subtypeOid), subtypeOid)
  if (kind === 'm') return multirangeCodec(name, learn(subtypeOid) as ReturnType<typeof rangeCodec>)
  if (kind === 'c') {
    const fields = record.fieldNames.map((fieldName, i) => {
      const typeOid = record.fieldOids[i] ?? 0
      return { name: fieldName, typeOid, codec: learn(typeOid) }
    })
    return compositeCodec(name, fields)
  }
  return textFormatCodec(name)
}
