/** Tells a COPY that moves data through the client from other statements. Reads tokens, not text. */
import { SQL_TOKEN, SqlLexer } from '../index.ts'

/** `in` for `COPY … FROM STDIN`, `out` for `COPY … TO STDOUT`, null for anything else. */
export function copyDirection(sql: string): 'in' | 'out' | null {
  // Most statements are something else: no token of them is read.
  if (!/^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*copy\b/i.test(sql)) return null
  const lexer = new SqlLexer(sql, true)
  let depth = 0
  let before = ''
  for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
    if (token === SQL_TOKEN.SPACE || token === SQL_TOKEN.COMMENT) continue
    if (token === SQL_TOKEN.SEMICOLON) return null
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x28) depth += 1
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x29) depth -= 1
    const word = token === SQL_TOKEN.IDENTIFIER && depth === 0 ? sql.slice(lexer.start, lexer.end).toLowerCase() : ''
    // Both words are one to the server, whichever way the data goes.
    if (word === 'stdin' || word === 'stdout') return before === 'from' ? 'in' : before === 'to' ? 'out' : null
    before = word
  }
  return null
}
