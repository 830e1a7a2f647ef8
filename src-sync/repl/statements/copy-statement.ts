/** Finds COPY statements that move data through the client, in a text of one or several statements. Works on tokens. */
import { SQL_TOKEN, SqlLexer } from '../../index.ts'
import { ScriptReader } from '../scripts/script-reader.ts'

/** `in` for `COPY … FROM STDIN`, `out` for `COPY … TO STDOUT`. */
export type CopyDirection = 'in' | 'out'

/** A statement, and the direction of a COPY's data; null when it is no such COPY. */
export interface CopyPart {
  readonly sql: string
  readonly direction: CopyDirection | null
}

/** A quick check, because most statements are no COPY and need not be split into tokens. */
const mentionsCopy = (sql: string): boolean => /\bcopy\b/i.test(sql) && /\bstd(?:in|out)\b/i.test(sql)

/** The direction of a COPY, when the text is one; otherwise null. */
export function copyDirection(sql: string): CopyDirection | null {
  if (!mentionsCopy(sql)) return null
  const lexer = new SqlLexer(sql, true)
  let depth = 0
  let before = ''
  let isFirst = true
  for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
    if (token === SQL_TOKEN.SPACE || token === SQL_TOKEN.COMMENT) continue
    if (token === SQL_TOKEN.SEMICOLON) return null
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x28) depth += 1
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x29) depth -= 1
    const word = token === SQL_TOKEN.IDENTIFIER && depth === 0 ? sql.slice(lexer.start, lexer.end).toLowerCase() : ''
    if (isFirst && word !== 'copy') return null
    isFirst = false
    // The server accepts either word for both directions; only FROM and TO matter.
    if (word === 'stdin' || word === 'stdout') return before === 'from' ? 'in' : before === 'to' ? 'out' : null
    before = word
  }
  return null
}

/** Splits a text of several statements when a COPY is among them; null when it need not be split. */
export function partsWithCopy(sql: string, standardConformingStrings: () => boolean): readonly CopyPart[] | null {
  if (!mentionsCopy(sql)) return null
  const reader = new ScriptReader({ variable: () => undefined, standardConformingStrings })
  reader.feed(sql)
  reader.end()
  const parts: CopyPart[] = []
  for (let item = reader.next(); item !== null; item = reader.next()) {
    // The text contains a stray backslash. It is sent unchanged, and the server reports the error.
    if (item.kind === 'command') return null
    parts.push({ sql: item.text, direction: copyDirection(item.text) })
  }
  return parts.length > 1 && parts.some(({ direction }) => direction !== null) ? parts : null
}
