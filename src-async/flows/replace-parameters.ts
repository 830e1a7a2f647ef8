/**
 * Replaces the parameters `$1`, `$2` … in a text. Finds them with the lexer, so it never changes a string, a name or a
 * comment.
 */
import { Lexer, TOKEN } from '../values/sql-lexer.ts'

/** @param isStandard the server's `standard_conforming_strings` */
export function replaceParameters(text: string, isStandard: boolean, replacement: (number: number) => string): string {
  const lexer = new Lexer(text, isStandard)
  let replaced = ''
  let copied = 0
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token !== TOKEN.NATIVE_PARAMETER) continue
    const number = Number(text.slice(lexer.start + 1, lexer.end))
    replaced += text.slice(copied, lexer.start) + replacement(number)
    copied = lexer.end
  }
  return replaced + text.slice(copied)
}

/** The highest parameter number in a text; 0 for a text without parameters. */
export function countParameters(text: string, isStandard: boolean): number {
  let count = 0
  replaceParameters(text, isStandard, (number) => {
    count = Math.max(count, number)
    return ''
  })
  return count
}
