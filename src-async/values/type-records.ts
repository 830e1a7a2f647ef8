/**
 * Types that are not built in: the catalog query that describes them with all they are made of, and what its rows mean.
 * The rows are read with built-in codecs only, so a user's codec cannot break the learning of types.
 */
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
  /**
   * The C function that gives a base type's binary form, `''` where it says nothing to rely on: the server's own
   * functions, and those of extensions that come with it.
   */
  readonly sends: string
  /** Its name with its schema, whatever the search path; `''` where nobody has asked for it. */
  readonly fullName: string
}

/**
 * The query: `$1` is an `oid[]`. It answers for these types and, transitively, for all they are made of.
 *
 * Its form keeps the planner's estimate low and the same for any number of types: beyond `jit_above_cost` the server
 * would compile it, for longer than it runs. Hence the limit that limits nothing, and arrays where joins would do.
 * @param hasMultiranges whether the server is of version 14 or later.
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

/** What a row of the query says, from its values in order. */
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

/** Those of the types that nothing is known of, each once. */
export function unknownTypes(registry: { has(oid: number): boolean }, oids: Iterable<number>): number[] {
  return [...new Set(oids)].filter((oid) => oid !== 0 && !registry.has(oid))
}
