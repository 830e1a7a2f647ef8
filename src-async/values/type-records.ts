/**
 * Types that are not built in: the catalog query that describes them and all their parts, and the meaning of its rows. Only
 * built-in codecs read these rows, so a user's codec cannot break the learning of types.
 */
/** One row of the query, in the order of its columns. */
export interface TypeRecord {
  readonly oid: number
  /** The name as SQL spells it: quoted and with its schema where needed. */
  readonly name: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string
  /** The element type of an array; 0 for other types. */
  readonly elementOid: number
  readonly delimiter: string
  /** The base type of a domain; 0 for other types. */
  readonly baseOid: number
  /** The type of a range's bounds, or the range of a multirange; 0 for other types. */
  readonly subtypeOid: number
  readonly fieldNames: readonly string[]
  readonly fieldOids: readonly number[]
  /**
   * The C function that makes a base type's binary form; `''` unless it belongs to the server or to an extension that
   * comes with the server.
   */
  readonly sends: string
  /** The name with its schema, whatever the search path is; `''` when it was not requested. */
  readonly fullName: string
}

/**
 * The query: `$1` is an `oid[]`. It returns these types and, transitively, all their parts.
 *
 * Its form keeps the planner's estimate low and independent of the number of types: beyond `jit_above_cost` the server
 * would compile the query, which takes longer than running it. This is the reason for a LIMIT that excludes nothing,
 * and for arrays in place of joins.
 * @param hasMultiranges whether the server is of version 14 or later
 */
export function typeRecordsSql(hasMultiranges: boolean): string {
  const rangesOf = hasMultiranges ? 't.oid in (r.rngtypid, r.rngmultitypid)' : 'r.rngtypid = t.oid'
  const subtype = hasMultiranges ? 'case when r.rngtypid = t.oid then r.rngsubtype else r.rngtypid end' : 'r.rngsubtype'
  return `with recursive wanted(oid) as (
  select given.oid from (
    select pg_catalog.unnest(array(select pg_catalog.unnest($1::pg_catalog.oid[]))) as oid limit (select 1000000)
  ) given
  union
  select part.oid from wanted w join pg_catalog.pg_type t on t.oid = w.oid cross join lateral (
    select t.typelem where t.typelem <> 0
    union all select t.typbasetype where t.typbasetype <> 0
    union all select ${subtype} from pg_catalog.pg_range r where ${rangesOf}
    union all select a.atttypid from pg_catalog.pg_attribute a
      where t.typrelid <> 0 and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part(oid)
), types as materialized (
  select t.* from wanted w join pg_catalog.pg_type t on t.oid = w.oid
), fields as (
  select a.attrelid, pg_catalog.array_agg(a.attname::pg_catalog.text order by a.attnum) as names,
    pg_catalog.array_agg(a.atttypid order by a.attnum) as oids
  from pg_catalog.pg_attribute a
  where a.attrelid = any (array(select t.typrelid from types t where t.typrelid <> 0))
    and a.attnum > 0 and not a.attisdropped
  group by a.attrelid
), senders as (
  select p.oid, p.prosrc from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
  where p.oid = any (array(select t.typsend from types t where t.typtype = 'b'))
    and (l.lanname = 'internal' or l.lanname = 'c' and p.probin in ('$libdir/ltree', '$libdir/hstore'))
)
select t.oid, pg_catalog.format_type(t.oid, null), t.typtype::pg_catalog.text,
  case when t.typcategory = 'A' and t.typlen = -1 then t.typelem else 0::pg_catalog.oid end,
  t.typdelim::pg_catalog.text, t.typbasetype,
  coalesce((select ${subtype} from pg_catalog.pg_range r where ${rangesOf}), 0)::pg_catalog.oid,
  coalesce(f.names, '{}'), coalesce(f.oids, '{}'), coalesce(s.prosrc, ''),
  t.typnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(t.typname)
from types t left join fields f on f.attrelid = t.typrelid and t.typrelid <> 0 left join senders s on s.oid = t.typsend`
}

/** Makes a TypeRecord from the values of a row, in order. */
export function typeRecordOf(values: readonly unknown[]): TypeRecord {
  const [
    oid,
    name,
    kind,
    elementOid,
    delimiter,
    baseOid,
    subtypeOid,
    fieldNames,
    fieldOids,
    sends = '',
    fullName = '',
  ] = values as [number, string, string, number, string, number, number, string[], number[], string?, string?]
  return { oid, name, kind, elementOid, delimiter, baseOid, subtypeOid, fieldNames, fieldOids, sends, fullName }
}

/** The types that the registry does not know, without duplicates. */
export function unknownTypes(registry: { has(oid: number): boolean }, oids: Iterable<number>): number[] {
  return [...new Set(oids)].filter((oid) => oid !== 0 && !registry.has(oid))
}
