/**
 * Splits SQLite's SQL into tokens and statements. Knows all four of SQLite's quotes ('text', "name", [name], `name`), and
 * enough of PostgreSQL's SQL (dollar quotes, array subscripts) to read a program that is only partly converted.
 * Source of truth: SQLite, src/tokenize.c and src/complete.c.
 */

/** The kinds of tokens; `parameter` is any of SQLite's markers. */
export type SqliteTokenKind =
  | 'word'
  | 'string'
  | 'blob'
  | 'double-quoted'
  | 'bracketed'
  | 'backticked'
  | 'number'
  | 'parameter'
  | 'semicolon'
  | 'other'

export interface SqliteToken {
  readonly kind: SqliteTokenKind
  readonly start: number
  readonly end: number
}

/** One statement in a text. */
export interface SqliteStatement {
  /** The offset in the text at which its first token begins. */
  readonly start: number
  /** The offset at which its last token ends; the semicolon is not included. */
  readonly end: number
  readonly tokens: readonly SqliteToken[]
}

// Matches one token at `lastIndex`. A quote or comment that is not closed reaches to the end, as in SQLite's tokenizer.
const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[^]*?(?:\*\/|$))|(?<blob>[xX]'[^']*(?:'|$))|(?<string>'(?:[^']|'')*(?:'|$))|(?<double>"(?:[^"]|"")*(?:"|$))|(?<bracket>(?<![\w\])])\[[^\]]*(?:\]|$))|(?<backtick>`(?:[^`]|``)*(?:`|$))|(?<dollar>\$(?<tag>[A-Za-z_]\w*|)\$[^]*?\$\k<tag>\$)|(?<parameter>\?\d*|[:@$#][\w\u0080-\uffff]+(?<!^:))|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<number>0[xX][\da-fA-F]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<semicolon>;)|(?<other>::|==|<>|!=|<=|>=|\|\||->>|->|[^])/gy

const KINDS: readonly (readonly [group: string, kind: SqliteTokenKind])[] = [
  ['word', 'word'],
  ['string', 'string'],
  ['other', 'other'],
  ['number', 'number'],
  ['parameter', 'parameter'],
  ['semicolon', 'semicolon'],
  ['double', 'double-quoted'],
  ['blob', 'blob'],
  ['bracket', 'bracketed'],
  ['backtick', 'backticked'],
  ['dollar', 'string'],
]

/** The tokens of a text without blanks and comments. */
export function tokensOf(sql: string): SqliteToken[] {
  const tokens: SqliteToken[] = []
  TOKEN.lastIndex = 0
  for (;;) {
    const start = TOKEN.lastIndex
    // A match moves lastIndex forward; at the end of the text there is no match.
    const groups = TOKEN.exec(sql)?.groups
    if (groups === undefined) return tokens
    if (groups['space'] !== undefined) continue
    const kind = KINDS.find(([group]) => groups[group] !== undefined)?.[1] ?? 'other'
    tokens.push({ kind, start, end: TOKEN.lastIndex })
  }
}

/** A token's text in lower case. Only ASCII letters change, so that offsets stay valid. */
export function lowerOf(sql: string, { start, end }: SqliteToken): string {
  return asciiLower(sql.slice(start, end))
}

/** Lower case as SQL folds names: only ASCII letters change. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** The statements of a text. Semicolons inside the body of a trigger do not end it; `; end ;` does. */
export function statementsOf(sql: string): SqliteStatement[] {
  const statements: SqliteStatement[] = []
  let tokens: SqliteToken[] = []
  const finish = (): void => {
    if (tokens.length > 0) statements.push({ start: tokens[0]!.start, end: tokens.at(-1)!.end, tokens })
    tokens = []
  }
  for (const token of tokensOf(sql)) {
    if (token.kind !== 'semicolon') {
      tokens.push(token)
    } else if (isTrigger(sql, tokens) && !isTriggerEnd(sql, tokens)) {
      tokens.push(token)
    } else {
      finish()
    }
  }
  finish()
  return statements
}

function isTrigger(sql: string, tokens: readonly SqliteToken[]): boolean {
  const words = tokens.slice(0, 3).map((token) => lowerOf(sql, token))
  if (words[0] !== 'create') return false
  return words[1] === 'trigger' || (/^temp(orary)?$/.test(words[1] ?? '') && words[2] === 'trigger')
}

/** Whether a trigger is complete. One written for PostgreSQL (`execute function`) has no body. */
function isTriggerEnd(sql: string, tokens: readonly SqliteToken[]): boolean {
  if (!tokens.some((token) => lowerOf(sql, token) === 'begin')) return true
  return lowerOf(sql, tokens.at(-1)!) === 'end' && tokens.at(-2)?.kind === 'semicolon'
}

/**
 * A text of the same length for patterns to search: words in lower case, comments blank, and the insides of quotes replaced
 * by underlines. The bytes of x'…' stay.
 */
export function maskedOf(sql: string, tokens: readonly SqliteToken[]): string {
  const parts: string[] = []
  let at = 0
  for (const token of tokens) {
    // Line breaks stay, so that a pattern can match at lines.
    parts.push(sql.slice(at, token.start).replace(/[^\n]/g, ' '))
    const text = sql.slice(token.start, token.end)
    parts.push(
      isQuoted(token.kind)
        ? text[0]! + '_'.repeat(Math.max(0, text.length - 2)) + text.slice(1).slice(-1)
        : asciiLower(text),
    )
    at = token.end
  }
  parts.push(sql.slice(at).replace(/[^\n]/g, ' '))
  return parts.join('')
}

function isQuoted(kind: SqliteTokenKind): boolean {
  return kind === 'string' || kind === 'double-quoted' || kind === 'bracketed' || kind === 'backticked'
}

/** The name that a token stands for, without its quotes. */
export function nameOf(sql: string, { kind, start, end }: SqliteToken): string {
  const text = sql.slice(start, end)
  if (kind === 'double-quoted') return text.slice(1, -1).replaceAll('""', '"')
  if (kind === 'backticked') return text.slice(1, -1).replaceAll('``', '`')
  if (kind === 'bracketed') return text.slice(1, -1)
  if (kind === 'string') return text.slice(1, -1).replaceAll("''", "'")
  return text
}
