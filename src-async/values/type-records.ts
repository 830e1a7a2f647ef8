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
    and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum),
  coalesce((select p.prosrc from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
    where t.typtype = 'b' and p.oid = t.typsend and (l.lanname = 'internal'
      or l.lanname = 'c' and p.probin in ('$libdir/ltree', '$libdir/hstore'))), '')
from wanted w join pg_catalog.pg_type t on t.oid = w.oid`
}

/** What a row of the query says, from its values in order. */
export function typeRecordOf(values: readonly unknown[]): TypeRecord {
  const [oid, name, kind, elementOid, delimiter, baseOid, subtypeOid, fieldNames, fieldOids, sends = ''] = values as [
    number,
    string,
    string,
    number,
    string,
    number,
    number,
    string[],
    number[],
    string?,
  ]
  return { oid, name, kind, elementOid, delimiter, baseOid, subtypeOid, fieldNames, fieldOids, sends }
}

/** Those of the types that nothing is known of, each once. */
export function unknownTypes(registry: { has(oid: number): boolean }, oids: Iterable<number>): number[] {
  return [...new Set(oids)].filter((oid) => oid !== 0 && !registry.has(oid))
}
