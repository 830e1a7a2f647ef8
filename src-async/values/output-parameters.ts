/**
 * Finds the parameters of a query that are whole columns of its result, as in `select $1, $2 as two from item`. The
 * server gives them the type text only because nothing says otherwise, so they can safely have the type of their value.
 * Returns nothing for queries with UNION and the like, where the other queries also decide a column's type.
 */
import { Lexer, TOKEN, type Token } from './sql-lexer.ts'

const COMMA = 0x2c
const OPENING = [0x28, 0x5b]
const CLOSING = [0x29, 0x5d]
const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'intersect', 'except'])

/** @param isStandard the server's `standard_conforming_strings` */
export function outputParameters(sql: string, isStandard: boolean): ReadonlySet<number> {
  const found = new Set<number>()
  const lexer = new Lexer(sql, isStandard)
  let depth = 0
  let before = ''
  let isInList = false
  /** A parameter that may be a column by itself; the next token decides. */
  let candidate = 0
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token === TOKEN.SPACE || token === TOKEN.COMMENT) continue
    if (token === TOKEN.OTHER && OPENING.includes(lexer.code)) depth += 1
    const word = depth === 0 ? wordOf(sql, token, lexer) : 'inner'
    if (token === TOKEN.OTHER && CLOSING.includes(lexer.code)) depth -= 1
    if (SET_OPERATIONS.has(word)) return NONE
    if (candidate > 0 && [',', ';', 'as', 'from'].includes(word)) found.add(candidate)
    const isFirst = before === 'select' || (before === ',' && isInList)
    candidate = token === TOKEN.NATIVE_PARAMETER && isFirst ? Number(word.slice(1)) : 0
    if (word === 'select') isInList = true
    else if (word === 'from') isInList = false
    before = word
  }
  if (candidate > 0) found.add(candidate)
  return found
}

const NONE: ReadonlySet<number> = new Set()

function wordOf(sql: string, token: Token, lexer: Lexer): string {
  if (token === TOKEN.IDENTIFIER) return sql.slice(lexer.start, lexer.end).toLowerCase()
  if (token === TOKEN.NATIVE_PARAMETER) return sql.slice(lexer.start, lexer.end)
  if (token === TOKEN.SEMICOLON) return ';'
  return token === TOKEN.OTHER && lexer.code === COMMA ? ',' : 'other'
}
