/**
 * Quotes names of mixed case. SQLite keeps the case of a name and ignores it in comparisons; PostgreSQL folds a name without
 * quotes to lower case. With the quotes, the program still reads `row.createdAt`. Names all in capitals stay unquoted,
 * because they cannot be told from keywords and types.
 */
import { type SqliteToken, lowerOf, nameOf, tokensOf } from './sqlite-text.ts'

/** Words that are reserved in SQLite or PostgreSQL, so they are never names without quotes. */
const RESERVED = new Set(
  `add all alter analyse and any array as asc autoincrement begin between by cascade case cast check collate column commit
  constraint create cross current_date current_time current_timestamp current_user default deferrable deferred delete desc distinct do
  drop each else end escape except exclude exists explain fetch for foreign from false full glob grant group having if ignore ilike
  immediate in indexed initially inner insert intersect into is isnull join lateral leading left like limit localtime
  localtimestamp match natural not notnull null offset on only or order outer over partition placing pragma primary
  recursive references regexp release replace returning returns right rollback savepoint select session_user set similar some symmetric table
  then to trailing transaction trigger true truncate union unique update using vacuum values variadic virtual when where window
  with without`.split(/\s+/),
)
/** Names of types. In a column's definition and in a cast they are types, elsewhere they may be names. */
const TYPES = new Set(
  `bigint bigserial bit blob bool boolean bytea char character clob date datetime decimal double float float4 float8 int int2 int4
  int8 integer interval json jsonb long mediumint money nchar numeric nvarchar precision real serial smallint smallserial text time
  timestamp timestamptz tinyint unsigned uuid varchar varying`.split(/\s+/),
)
/** Words that are keywords after one of the listed words, and names elsewhere: `Primary Key`, but `SELECT Key`. */
const KEYWORDS_AFTER: ReadonlyMap<string, string> = new Map([
  ['key', 'primary foreign'],
  ['view', 'create drop temp temporary replace'],
  ['index', 'create drop unique'],
  ['temp', 'create'],
  ['temporary', 'create'],
  ['column', 'add drop rename'],
  ['conflict', 'on'],
  ['nothing', 'do'],
  ['action', 'no'],
  ['no', 'delete update'],
  ['nulls', 'asc desc'],
  ['first', 'nulls'],
  ['last', 'nulls'],
  ['rename', 'table'],
  ['work', 'begin commit rollback'],
])
/** Words before a table's name. A parenthesis after that name is no function call: `insert into Note (`. */
const BEFORE_TABLE = new Set(['into', 'table', 'exists', 'references', 'on', 'with', 'recursive', 'unique', 'index'])
const MIXED = /[a-z].*[A-Z]|[A-Z].*[a-z]/

/** Whether a name has both small and capital letters, so that it must be quoted. */
export function isMixedCase(name: string): boolean {
  return MIXED.test(name)
}

/** The tokens of a text that are names of mixed case without quotes. */
export function mixedNames(sql: string, tokens: readonly SqliteToken[]): SqliteToken[] {
  /** For each open parenthesis: whether a cast opened it. */
  const casts: boolean[] = []
  return tokens.filter((token, place) => {
    const text = sql.slice(token.start, token.end)
    const previous = tokens[place - 1]
    const before = previous === undefined ? '' : lowerOf(sql, previous)
    if (text === '(') casts.push(before === 'cast')
    else if (text === ')') casts.pop()
    if (token.kind !== 'word' || !isMixedCase(text)) return false
    const word = text.toLowerCase()
    if (before === '.') return !isCall(sql, tokens, place)
    if (RESERVED.has(word)) return false
    if (before === '::' || (before === 'as' && casts.at(-1) === true)) return false
    if (KEYWORDS_AFTER.get(word)?.split(' ').includes(before) === true) return false
    // This is a literal with its type before it: date '2024-01-02'.
    if (TYPES.has(word) && tokens[place + 1]?.kind === 'string') return false
    const followsName = previous !== undefined && isName(previous, before)
    if (TYPES.has(word) && followsName) return false
    return BEFORE_TABLE.has(before) || !isCall(sql, tokens, place)
  })
}

/** The text with names of mixed case quoted, and with SQLite's other quotes for names replaced by double quotes. */
export function quoteWrittenNames(sql: string, { isForeign = false }: { readonly isForeign?: boolean } = {}): string {
  const tokens = tokensOf(sql)
  const quoted = new Set(mixedNames(sql, tokens))
  if (quoted.size === 0 && !isForeign) return sql
  const parts: string[] = []
  let at = 0
  for (const token of tokens) {
    const isOther = isForeign && (token.kind === 'bracketed' || token.kind === 'backticked')
    if (!quoted.has(token) && !isOther) continue
    parts.push(sql.slice(at, token.start), `"${nameOf(sql, token).replaceAll('"', '""')}"`)
    at = token.end
  }
  return parts.join('') + sql.slice(at)
}

function isName(token: SqliteToken, word: string): boolean {
  return token.kind === 'word' ? !RESERVED.has(word) : token.kind !== 'other' && token.kind !== 'semicolon'
}

function isCall(sql: string, tokens: readonly SqliteToken[], place: number): boolean {
  const next = tokens[place + 1]
  return next !== undefined && sql[next.start] === '('
}
