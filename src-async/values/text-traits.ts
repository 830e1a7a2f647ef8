/**
 * Facts about a text that can be read from its words: whether its statement may be cached, whether it changes settings
 * that change the meaning of other texts, and whether a savepoint may go around it. It does not check the SQL; the
 * server does.
 */
import { callsUnknown } from './called-functions.ts'
import { type EncodingUse, encodingUse } from './client-encoding.ts'
import { Lexer, TOKEN, type Token } from './sql-lexer.ts'

/** Facts about a text that are known before the server has seen it. */
export interface TextTraits {
  /** Whether the statement may be cached for the next call with this text. */
  readonly isKeepable: boolean
  /** Whether running it may change the meaning of names and literals, although its command tag does not say so. */
  readonly changesMeaning: boolean
  /**
   * Numbers of the parameters that are names of settings, when only those may change a meaning: `set_config($1, $2, false)`.
   * See `isHarmlessSetting`.
   */
  readonly settingParameters: readonly number[]
  /** Whether a savepoint may go around its Bind: true for queries, false for commands about transactions. */
  readonly isGuardable: boolean
  /** Whether it calls functions that are not PostgreSQL's own; no lock protects those, and they may do anything. */
  readonly callsUnknown: boolean
  /** Whether it may run within a savepoint without a visible difference: it only reads, and calls no unknown function. */
  readonly onlyReads: boolean
  /**
   * Whether other texts mean the same after it as before: it reads or writes rows, and calls no unknown function. A
   * trigger may still do anything.
   */
  readonly keepsMeanings: boolean
  /** Whether it may return rows. */
  readonly mayGiveRows: boolean
  /** Its effect on `client_encoding`. */
  readonly encodingUse: EncodingUse
}

/** The traits of a text that the driver itself wrote. */
export const PLAIN_TEXT: TextTraits = {
  isKeepable: true,
  changesMeaning: false,
  settingParameters: [],
  isGuardable: false,
  callsUnknown: false,
  onlyReads: false,
  keepsMeanings: false,
  mayGiveRows: true,
  encodingUse: 'none',
}

/** The first words of queries. CALL is one: in a transaction a procedure cannot commit, with or without a savepoint. */
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
 * First words of statements that must not be cached. FETCH and EXECUTE return the rows of a cursor or of a statement prepared
 * in SQL, and DECLARE opens a cursor: the next one with that name may have other columns, and the server does not notice.
 */
const FLEETING_WORDS: ReadonlySet<string> = new Set(['fetch', 'execute', 'declare'])
/** Words of commands that write, and names of the columns with transaction numbers, which differ within a savepoint. */
const NOT_ONLY_READING = /\b(?:insert|update|delete|merge|into|call|[cx](?:min|max))\b/i
const WRITING_WORDS: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge'])
const RETURNING = /\breturning\b/i
const FROZEN_WORDS = /\b(?:now|today|tomorrow|yesterday)\b/i
/** The longest text that the server reads as a date or a time, with room for an array or a range of several. */
const LONGEST_FROZEN = 400

/** @param isStandard the server's `standard_conforming_strings` */
export function traitsOf(sql: string, isStandard: boolean): TextTraits {
  const start = firstToken(sql, isStandard)
  const word = WORD.exec(sql.slice(start, start + LONGEST_WORD))?.[0].toLowerCase() ?? ''
  const hasUnknownCalls = callsUnknown(sql)
  const onlyReads = QUERY_WORDS.has(word) && !hasUnknownCalls && !NOT_ONLY_READING.test(sql)
  return {
    isKeepable: !FLEETING_WORDS.has(word) && !hasFrozenLiteral(sql, isStandard),
    changesMeaning: setsSetting(sql.slice(start), word) || (word === 'explain' && EXPLAINED_CREATION.test(sql)),
    settingParameters: word === 'set' ? [] : settingParameters(sql.slice(start)),
    isGuardable: QUERY_WORDS.has(word),
    callsUnknown: hasUnknownCalls,
    onlyReads,
    keepsMeanings: onlyReads || (WRITING_WORDS.has(word) && !hasUnknownCalls && !UPDATED_SETTINGS.test(sql)),
    mayGiveRows: !WRITING_WORDS.has(word) || mayGiveRows(sql),
    encodingUse: encodingUse(sql, isStandard),
  }
}

/** Whether a statement that writes may return rows. */
export function mayGiveRows(writing: string): boolean {
  return RETURNING.test(writing)
}

/**
 * Whether a script of any number of statements may change the meaning of names and literals in a way that its command tags do
 * not show. Statements inside a function's body count too, to be on the safe side.
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
 * Whether a string in the text may be `'now'`, `'today'` or the like, which Parse turns into a fixed moment. A cached
 * statement would return that moment for as long as it is cached.
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

/** The offset of the first token after white space and comments. */
function firstToken(sql: string, isStandard: boolean): number {
  const lexer = new Lexer(sql, isStandard)
  let token: Token
  do token = lexer.next()
  while (token === TOKEN.SPACE || token === TOKEN.COMMENT)
  return lexer.start
}

/** The first word. A query may also begin with a parenthesis. */
const WORD = /^(?:\(|[a-z_]+)/i
const LONGEST_WORD = 20

/** Settings that do not change the meaning of a text. One with a dot belongs to an extension or to the program. */
const HARMLESS =
  /^(?:.*\..*|transaction|characteristics|application_name|\w+_timeout|(?:\w+_)?work_mem|temp_buffers|enable_\w+|\w+_cost|jit\w*|geqo\w*|client_min_messages|log_\w+|debug_\w+|track_\w+|auto_explain\w*|synchronous_commit|(?:default_)?transaction_\w+|max_parallel_\w+|min_parallel_\w+|effective_\w+|idle_\w+|plan_cache_mode|cursor_tuple_fraction|from_collapse_limit|join_collapse_limit|commit_\w+|lock_timeout|statement_timeout|seed|random_seed)$/

const SET_COMMAND = /^set\s+(?:(?:session|local)\s+)?"?([\w.]+)/i
const SET_CONFIG = /set_config/i
const SET_CONFIG_BY = /set_config\s*\(\s*\$(\d+)\s*,/gi
const UPDATED_SETTINGS = /\bupdate\s[^]*\bpg_settings\b/i
const NO_PARAMETERS: readonly number[] = []
const SET_CONFIG_OF = /set_config\s*\(\s*'([^']*)'/gi

/** EXPLAIN ANALYZE runs the explained statement, and its command tag does not say what that was. */
const EXPLAINED_CREATION = /\banaly[sz]e\b[^]*\b(?:create|into)\b/i

function setsSetting(sql: string, word: string): boolean {
  if (word === 'set') {
    const name = SET_COMMAND.exec(sql)?.[1]
    return name === undefined || !HARMLESS.test(name.toLowerCase())
  }
  // A rule of the server turns an UPDATE of pg_settings into `set_config()`.
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

/** Whether a setting does not change the meaning of a text. False for a value that is not a name. */
export function isHarmlessSetting(name: unknown): boolean {
  return typeof name === 'string' && HARMLESS.test(name.toLowerCase())
}
