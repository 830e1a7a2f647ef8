/**
 * What a text says about its own memory: whether its statement may be kept, whether it changes settings that decide what
 * other texts mean, and whether a savepoint may go around it. Looks at words only; the server stays the judge of the SQL.
 */
import { callsUnknown } from './called-functions.ts'
import { type EncodingUse, encodingUse } from './client-encoding.ts'
import { Lexer, TOKEN, type Token } from './sql-lexer.ts'

/** What is known of a text before the server has seen it. */
export interface TextTraits {
  /** Whether the statement may be kept for the next time the text comes. */
  readonly isKeepable: boolean
  /** Whether running it may change what names and literals mean, though its command tag does not say so. */
  readonly changesMeaning: boolean
  /**
   * The numbers of the parameters that name settings, where that is all by which it may change meanings:
   * `set_config($1, $2, false)`. See `isHarmlessSetting`.
   */
  readonly settingParameters: readonly number[]
  /** Whether a savepoint may go around its Bind. Commands about transactions are not so, only queries are. */
  readonly isGuardable: boolean
  /** Whether it calls functions of somebody's, which hold no locks and may do anything. */
  readonly callsUnknown: boolean
  /** Whether it may run within a savepoint and nobody sees a difference: it reads, and calls nothing that is unknown. */
  readonly onlyReads: boolean
  /** Whether it may give rows. */
  readonly mayGiveRows: boolean
  /** What it does to `client_encoding`. */
  readonly encodingUse: EncodingUse
}

/** Of a text that the driver wrote itself. */
export const PLAIN_TEXT: TextTraits = {
  isKeepable: true,
  changesMeaning: false,
  settingParameters: [],
  isGuardable: false,
  callsUnknown: false,
  onlyReads: false,
  mayGiveRows: true,
  encodingUse: 'none',
}

/** CALL is one of them: in a transaction a procedure cannot commit, with a savepoint or without. */
const QUERY_WORDS: ReadonlySet<string> = new Set([
  'call',
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'with',
  'values',
  'table',
  '(',
])
/**
 * FETCH and EXECUTE give the rows of a cursor or of a statement prepared in SQL, DECLARE opens one: the next one of that
 * name may give others, and the server does not notice.
 */
const FLEETING_WORDS: ReadonlySet<string> = new Set(['fetch', 'execute', 'declare'])
/** Words of commands that write, and of rows' transaction numbers, which are others within a savepoint. */
const NOT_ONLY_READING = /\b(?:insert|update|delete|merge|into|call|[cx](?:min|max))\b/i
const WRITING_WORDS: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge'])
const RETURNING = /\breturning\b/i
const FROZEN_WORDS = /\b(?:now|today|tomorrow|yesterday)\b/i
/** The longest text that the server reads as a date or a time, and room for an array or a range of some. */
const LONGEST_FROZEN = 400

/** @param isStandard the server's `standard_conforming_strings` */
export function traitsOf(sql: string, isStandard: boolean): TextTraits {
  const start = firstToken(sql, isStandard)
  const word = WORD.exec(sql.slice(start, start + LONGEST_WORD))?.[0].toLowerCase() ?? ''
  const hasUnknownCalls = callsUnknown(sql)
  return {
    isKeepable: !FLEETING_WORDS.has(word) && !hasFrozenLiteral(sql, isStandard),
    changesMeaning: setsSetting(sql.slice(start), word) || (word === 'explain' && EXPLAINED_CREATION.test(sql)),
    settingParameters: word === 'set' ? [] : settingParameters(sql.slice(start)),
    isGuardable: QUERY_WORDS.has(word),
    callsUnknown: hasUnknownCalls,
    onlyReads: QUERY_WORDS.has(word) && !hasUnknownCalls && !NOT_ONLY_READING.test(sql),
    mayGiveRows: !WRITING_WORDS.has(word) || mayGiveRows(sql),
    encodingUse: encodingUse(sql, isStandard),
  }
}

/** Whether a text that writes may give rows. */
export function mayGiveRows(writing: string): boolean {
  return RETURNING.test(writing)
}

/**
 * Whether a script of any number of statements may change what names and literals mean, beside what its command tags say.
 * Statements inside a function's body count as well, which is caution.
 */
export function changesMeaning(script: string, isStandard: boolean): boolean {
  if (!MEANINGFUL_WORDS.test(script)) return false
  const lexer = new Lexer(script, isStandard)
  let start = 0
  for (;;) {
    const token = lexer.next()
    if (token !== TOKEN.SEMICOLON && token !== TOKEN.END) continue
    if (traitsOf(script.slice(start, lexer.start), isStandard).changesMeaning) return true
    if (token === TOKEN.END) return false
    start = lexer.end
  }
}

const MEANINGFUL_WORDS = /\bset\b|pg_settings|set_config|\bexplain\b/i

/**
 * Whether a string in the text may be `'now'`, `'today'` and the like, which Parse turns into a moment: kept, the
 * statement would give that moment for as long as it is kept.
 */
function hasFrozenLiteral(sql: string, isStandard: boolean): boolean {
  if (!FROZEN_WORDS.test(sql)) return false
  const lexer = new Lexer(sql, isStandard)
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token !== TOKEN.STRING && token !== TOKEN.DOLLAR_STRING) continue
    if (lexer.end - lexer.start <= LONGEST_FROZEN && FROZEN_WORDS.test(sql.slice(lexer.start, lexer.end))) return true
  }
  return false
}

/** Where the text begins, after white space and comments. */
function firstToken(sql: string, isStandard: boolean): number {
  const lexer = new Lexer(sql, isStandard)
  let token: Token
  do token = lexer.next()
  while (token === TOKEN.SPACE || token === TOKEN.COMMENT)
  return lexer.start
}

/** A query may begin with a parenthesis. */
const WORD = /^(?:\(|[a-z_]+)/i
const LONGEST_WORD = 20

/** Settings that decide nothing about the meaning of a text. One with a dot is an extension's or the program's own. */
const HARMLESS =
  /^(?:.*\..*|transaction|characteristics|application_name|\w+_timeout|(?:\w+_)?work_mem|temp_buffers|enable_\w+|\w+_cost|jit\w*|geqo\w*|client_min_messages|log_\w+|debug_\w+|track_\w+|auto_explain\w*|synchronous_commit|(?:default_)?transaction_\w+|max_parallel_\w+|min_parallel_\w+|effective_\w+|idle_\w+|plan_cache_mode|cursor_tuple_fraction|from_collapse_limit|join_collapse_limit|commit_\w+|lock_timeout|statement_timeout|seed|random_seed)$/

const SET_COMMAND = /^set\s+(?:(?:session|local)\s+)?"?([\w.]+)/i
const SET_CONFIG = /set_config/i
const SET_CONFIG_BY = /set_config\s*\(\s*\$(\d+)\s*,/gi
const UPDATED_SETTINGS = /\bupdate\s[^]*\bpg_settings\b/i
const NO_PARAMETERS: readonly number[] = []
const SET_CONFIG_OF = /set_config\s*\(\s*'([^']*)'/gi

/** EXPLAIN ANALYZE runs what it explains, and its tag does not say what that was. */
const EXPLAINED_CREATION = /\banaly[sz]e\b[^]*\b(?:create|into)\b/i

function setsSetting(sql: string, word: string): boolean {
  if (word === 'set') {
    const name = SET_COMMAND.exec(sql)?.[1]
    return name === undefined || !HARMLESS.test(name.toLowerCase())
  }
  // A rule of the server's makes `set_config()` of it.
  if (UPDATED_SETTINGS.test(sql)) return true
  if (!SET_CONFIG.test(sql)) return false
  const named = [...sql.matchAll(SET_CONFIG_OF)]
  return named.length !== callsOf(sql) || named.some(([, name]) => !isHarmlessSetting(name))
}

function callsOf(sql: string): number {
  return sql.toLowerCase().split('set_config').length - 1
}

function settingParameters(sql: string): readonly number[] {
  if (!SET_CONFIG.test(sql)) return NO_PARAMETERS
  const named = [...sql.matchAll(SET_CONFIG_OF)]
  const given = [...sql.matchAll(SET_CONFIG_BY)]
  const areAll = named.length + given.length === callsOf(sql) && named.every(([, name]) => isHarmlessSetting(name))
  return areAll ? given.map(([, number]) => Number(number)) : NO_PARAMETERS
}

/** Whether a setting decides nothing about the meaning of a text. False for what is no name. */
export function isHarmlessSetting(name: unknown): boolean {
  return typeof name === 'string' && HARMLESS.test(name.toLowerCase())
}
