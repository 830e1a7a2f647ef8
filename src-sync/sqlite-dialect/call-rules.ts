/** Rules for SQLite's functions that PostgreSQL does not have, names differently, or gives another meaning. */
import { type DialectRule, type StatementText, matchesOf } from './dialect-rule.ts'

/** A rule for a function that PostgreSQL does not have, or not with such arguments. */
function missing(names: string, says: string, states: readonly string[] = ['42883']): DialectRule {
  const alternatives = names.split(' ').join('|')
  // Does not match the name of a table before its column list, nor a part of a longer name.
  const find = new RegExp(`(?<![\\w."])(?<!\\b(?:into|table|references)\\s+)(?:${alternatives})\\s*\\(`, 'g')
  return { name: names.split(' ')[0]!.replaceAll('_', '-'), effect: 'fails', says, find, states }
}

/** The arguments of the call at an offset, as masked and as written; null when its parenthesis is never closed. */
function argumentsOf({ masked, sql }: StatementText, offset: number): { masked: string; sql: string }[] | null {
  const opening = masked.indexOf('(', offset)
  let depth = 0
  let start = opening + 1
  const found: { masked: string; sql: string }[] = []
  for (let at = opening; at >= 0 && at < masked.length; at++) {
    const unit = masked[at]
    if (unit === '(') depth++
    else if (unit === ')') depth--
    if (depth > 1 || (unit !== ',' && depth > 0)) continue
    const argument = { masked: masked.slice(start, at).trim(), sql: sql.slice(start, at).trim() }
    if (argument.masked !== '') found.push(argument)
    start = at + 1
    if (depth === 0) return found
  }
  return null
}

/** Finds calls of a function whose arguments meet a condition. */
function calls(
  name: string,
  isMeant: (given: readonly { readonly masked: string; readonly sql: string }[]) => boolean,
): (statement: StatementText) => readonly number[] {
  const pattern = new RegExp(`(?<![\\w."])(?:${name})\\s*\\(`, 'g')
  return (statement) =>
    matchesOf(pattern, statement).filter((offset) => {
      const given = argumentsOf(statement, offset)
      return given !== null && isMeant(given)
    })
}

export const CALL_RULES: readonly DialectRule[] = [
  {
    name: 'now',
    effect: 'fails',
    says: "datetime('now') and the like: write now(), or now() at time zone 'utc' if the column is a timestamp. date('now'): write current_date",
    find: calls(
      'datetime|time|julianday|unixepoch',
      (given) => given.length === 0 || (given.length === 1 && /^'now'$/i.test(given[0]!.sql)),
    ),
    states: ['42883', '42601'],
  },
  {
    name: 'date-modifier',
    effect: 'fails',
    says: "date(x, '+1 day'): write x + interval '1 day'. 'start of month': write date_trunc('month', x)",
    find: calls('date|time|datetime|julianday|unixepoch', (given) => given.length > 1),
    states: ['42883', '42601'],
  },
  {
    name: 'date-now',
    effect: 'differs',
    says: "date('now') is today in the session's time zone, in SQLite today in UTC. DatabaseSync sets the zone to UTC; elsewhere write (now() at time zone 'utc')::date",
    find: calls('date', (given) => given.length === 0 || (given.length === 1 && /^'now'$/i.test(given[0]!.sql))),
    states: ['42883'],
  },
  {
    ...missing('datetime', 'datetime(x): write x::timestamp, or to_timestamp(x) if x is a number of seconds', [
      '42883',
      '42601',
    ]),
    name: 'datetime-call',
  },
  missing(
    'strftime',
    "strftime('%Y-%m', x): write to_char(x, 'YYYY-MM'). strftime('%s', x): write extract(epoch from x)::bigint",
  ),
  missing('julianday', 'julianday(a) - julianday(b): write extract(epoch from a - b) / 86400'),
  missing('unixepoch', 'unixepoch(x): write extract(epoch from x)::bigint'),
  missing('timediff', 'timediff(a, b): write age(a, b), or a - b'),
  missing('ifnull', 'ifnull(): write coalesce()'),
  missing('iif if', 'iif(a, b, c): write case when a then b else c end', ['42883', '42601']),
  missing('instr', 'instr(text, part): write strpos(text, part)'),
  missing(
    'printf',
    "printf(): write format(), which has %s but no formats of numbers; for these write to_char(x, 'FM00.00')",
  ),
  {
    name: 'format',
    effect: 'fails',
    says: "format() has only %s, %I and %L: for numbers write to_char(x, 'FM00.00')",
    find: calls('format', (given) => /%[-+ 0#,]*\d*(?:\.\d+)?[difgexXucq]/.test(given[0]?.sql ?? '')),
    states: ['22023'],
  },
  missing('total', 'total(x): write coalesce(sum(x), 0)'),
  missing('hex', "hex(x): write upper(encode(x, 'hex'))"),
  missing('unhex', "unhex(x): write decode(x, 'hex')"),
  missing('typeof', 'typeof(x): write pg_typeof(x)'),
  missing('quote', 'quote(x): write quote_nullable(x)'),
  {
    name: 'char',
    effect: 'fails',
    says: 'char(65): write chr(65)',
    find: calls('char', (given) => given.length > 0),
    states: ['42601', '42883'],
    isCertain: ({ masked }, offset) =>
      !/(?:["\w]|\bas)\s+$/.test(masked.slice(0, offset)) || /\bselect\s+$/.test(masked.slice(0, offset)),
  },
  missing('unicode', 'unicode(x): write ascii(x)'),
  missing('randomblob', 'randomblob(16): write gen_random_uuid(), or gen_random_bytes(16) of the extension pgcrypto'),
  missing('zeroblob', "zeroblob(5): write decode(repeat('00', 5), 'hex')"),
  missing('log2', 'log2(x): write log(2, x::numeric)'),
  missing('changes total_changes', 'changes(): use the changes of run(), or the count of a command'),
  missing('last_insert_rowid', 'last_insert_rowid(): write INSERT … RETURNING id, or use lastInsertRowid of run()'),
  missing('sqlite_version sqlite_source_id', 'sqlite_version(): write version()'),
  missing('likely unlikely likelihood', 'likely(x) and unlikely(x): write x alone'),
  missing('group_concat', "group_concat(x): write string_agg(x, ','), with x::text for numbers"),
  {
    name: 'least-greatest',
    effect: 'fails',
    says: 'min(a, b) and max(a, b): write least(a, b) and greatest(a, b), which ignore NULLs',
    find: calls('min|max', (given) => given.length > 1),
    states: ['42883'],
  },
  {
    name: 'substr-negative',
    effect: 'differs',
    says: 'substr(s, -2) counts from the end only in SQLite: write right(s, 2)',
    find: calls('substr|substring', (given) => given[1]?.masked.startsWith('-') === true),
  },
  {
    name: 'random',
    effect: 'differs',
    says: 'random() is a number from 0 to 1: write floor(random() * 100)::int',
    find: /(?<!\border\s+by\s+)\brandom\s*\(\s*\)/g,
    states: ['42883'],
  },
  {
    name: 'round-double',
    effect: 'fails',
    says: 'round(x, 2) exists only for numeric: write round(x::numeric, 2)',
    find: calls('round', (given) => given.length > 1),
    states: ['42883'],
    // This depends on the type of x, which the text does not show.
    isCertain: () => false,
  },
  missing(
    'json_extract jsonb_extract',
    "json_extract(j, '$.a'): write j ->> 'a', with j a jsonb. For a longer path: j #>> '{a,b}'",
  ),
  missing('json_set json_insert json_replace', "json_set(j, '$.a', x): write jsonb_set(j, '{a}', to_jsonb(x))"),
  missing('json_remove', "json_remove(j, '$.a'): write j - 'a'. For a longer path: j #- '{a,b}'"),
  missing('json_patch', 'json_patch(a, b): write a || b'),
  missing('json_group_array', 'json_group_array(x): write json_agg(x)'),
  missing('json_group_object', 'json_group_object(k, v): write json_object_agg(k, v)'),
  missing('json_tree', "json_tree(j): write jsonb_path_query(j, '$.**')"),
  missing('json_type', 'json_type(j): write jsonb_typeof(j)'),
  missing('json_valid', 'json_valid(x): write x is json (PostgreSQL 16 and later)'),
  missing('json_quote', 'json_quote(x): write to_jsonb(x)'),
  missing(
    'json_each',
    'json_each(j): write jsonb_array_elements(j) for an array, jsonb_each(j) for an object, with j a jsonb',
    ['42883', '42703'],
  ),
  missing(
    'json_array_length',
    "json_array_length(j): write jsonb_array_length(j), with j a jsonb. For a part: jsonb_array_length(j -> 'a')",
  ),
  {
    name: 'json-object',
    effect: 'differs',
    says: "json_object('a', x): write json_build_object('a', x). json_array(x): write json_build_array(x)",
    find: calls('json_object|json_array', () => true),
    states: ['42883', '22023', '22P02', '22030'],
  },
  missing('json', 'json(x): write x::jsonb'),
]
