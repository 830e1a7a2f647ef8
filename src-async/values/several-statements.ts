/** Whether a text contains several statements. The server takes those only in the simple protocol's Query message. */
import { Lexer, TOKEN } from './sql-lexer.ts'

/** @param isStandard the server's `standard_conforming_strings` */
export function holdsSeveral(sql: string, isStandard: boolean): boolean {
  const first = sql.indexOf(';')
  if (first < 0 || first === sql.length - 1) return false
  const lexer = new Lexer(sql, isStandard)
  let isEnded = false
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token === TOKEN.SPACE || token === TOKEN.COMMENT) continue
    if (token === TOKEN.SEMICOLON) isEnded = true
    else if (isEnded) return true
  }
  return false
}
