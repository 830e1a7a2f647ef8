/**
 * Finds out whether a text calls functions other than PostgreSQL's own. Such a function may do anything, and another
 * session may replace it at any time: no lock prevents that, as a lock on a table prevents changes of the table. The
 * check looks at the names before parentheses. A wrong result costs only an unnecessary savepoint.
 */

/** Names before a parenthesis that are harmless: words of SQL, and functions of PostgreSQL that only compute. */
const COMMON: ReadonlySet<string> = new Set(
  `all and any array as asc between by case conflict cube delete desc distinct do else end except exists filter first from
  full group grouping having ilike in inner insert interval intersect into is join lateral left like limit materialized
  merge no not offset on only or order outer over overlaps partition return returning right rollup row rows select set
  sets similar some symmetric table tablesample then union unique update using values when where window with within

  bigint bit boolean bpchar bytea char character date dec decimal double float float4 float8 int int2 int4 int8 integer json
  jsonb numeric real smallint text time timestamp timestamptz timetz uuid varbit varchar varying

  abs age array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
  array_positions array_prepend array_remove array_replace array_to_json array_to_string array_upper ascii avg bit_and
  bit_length bit_or bool_and bool_or btrim cardinality cast ceil ceiling char_length character_length chr clock_timestamp
  coalesce coalesce concat concat_ws convert_from convert_to count cume_dist current_database current_schema
  current_schemas current_setting currval date_bin date_part date_trunc decode degrees dense_rank div encode every exp
  extract factorial first_value float floor format gcd gen_random_uuid generate_series generate_subscripts get_byte greatest
  height initcap inet_client_addr isempty isfinite json_agg json_array_elements json_array_elements_text json_array_length
  json_build_array json_build_object json_each json_each_text json_object json_object_agg json_object_keys json_populate_record
  json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_populate_record
  jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof
  justify_days justify_hours justify_interval lag last_value lastval lcm lead least left length ln localtime localtimestamp
  log log10 lower lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz max md5 min min_scale mod mode
  multirange nextval now nth_value ntile nullif num_nonnulls num_nulls octet_length overlay parse_ident percent_rank
  percentile_cont percentile_disc pg_backend_pid pg_column_size pg_get_serial_sequence pg_size_pretty pg_table_is_visible
  pg_total_relation_size pg_relation_size pg_typeof pg_type_is_visible pi plainto_tsquery phraseto_tsquery position power
  quote_ident quote_literal quote_nullable radians random range_agg range_merge rank regexp_count regexp_instr regexp_like
  regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse
  right round row_number row_to_json rpad rtrim scale setweight sha224 sha256 sha384 sha512 sign split_part sqrt
  starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table strip strpos
  substr substring sum timeofday timezone to_char to_date to_hex to_json to_jsonb to_number to_regclass to_regtype
  to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array trim_scale trunc ts_headline ts_rank
  ts_rank_cd unnest upper upper_inc upper_inf lower_inc lower_inf uuidv4 uuidv7 var_pop var_samp variance
  websearch_to_tsquery width_bucket xmlagg xmlelement xmlforest`.split(/\s+/),
)
/** Words before a name with a parenthesis that is no call: a table with its columns, or the type of a cast. */
const BEFORE_NAMES: ReadonlySet<string> = new Set(['into', 'as'])
const NAME_PART = /[\w$.\u0080-\uffff]/
const SPACE = /\s/

/** Whether the text calls a function that is not in the list of PostgreSQL's own functions that only compute. */
export function callsUnknown(sql: string): boolean {
  for (let at = sql.indexOf('('); at >= 0; at = sql.indexOf('(', at + 1)) {
    const end = skipBack(sql, at, SPACE)
    const start = startOfName(sql, end)
    // The name may stand before a comment.
    if (start === end) {
      if (sql.startsWith('*/', end - 2)) return true
      continue
    }
    const name = sql.slice(start, end).toLowerCase()
    if (COMMON.has(name.startsWith('pg_catalog.') ? name.slice('pg_catalog.'.length) : name)) continue
    const endBefore = skipBack(sql, start, SPACE)
    const before = sql.slice(skipBack(sql, endBefore, NAME_PART), endBefore).toLowerCase()
    if (!BEFORE_NAMES.has(before)) return true
  }
  return false
}

/** The offset at which the name that ends at `end` begins, including its schema: `a.b`, `"a"."b"`, `a."b"`. */
function startOfName(sql: string, end: number): number {
  let at = end
  for (;;) {
    const start = sql[at - 1] === '"' ? Math.max(sql.lastIndexOf('"', at - 2), 0) : skipBack(sql, at, NAME_PART)
    if (start === at) return at
    at = start
    if (sql[at - 1] !== '"' && sql[at - 1] !== '.') return at
    if (sql[at - 1] === '.') at -= 1
  }
}

function skipBack(sql: string, end: number, units: RegExp): number {
  let at = end
  while (at > 0 && units.test(sql[at - 1]!)) at -= 1
  return at
}
