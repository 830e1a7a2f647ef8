/** Tells COPYs that move data through the client from other statements, in a text of one or several. Reads tokens, not text. */
import { SQL_TOKEN, SqlLexer } from '../../index.ts'
import { ScriptReader } from '../scripts/script-reader.ts'

/** `in` for `COPY … FROM STDIN`, `out` for `COPY … TO STDOUT`. */
export type CopyDirection = 'in' | 'out'

/** A statement, and which way a COPY's data goes; null for anything else. */
export interface CopyPart {
  readonly sql: string
  readonly direction: CopyDirection | null
}

/** Most statements are something else: no token of them is read. */
const mentionsCopy = (sql: string): boolean => /\bcopy\b/i.test(sql) && /\bstd(?:in|out)\b/i.test(sql)

/** The direction of a text that is one COPY. */
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
    // Both words are one to the server, whichever way the data goes.
    if (word === 'stdin' || word === 'stdout') return before === 'from' ? 'in' : before === 'to' ? 'out' : null
    before = word
  }
  return null
}

/** Cuts a text of several statements, where a COPY is among them; null where there is nothing to cut. */
export function partsWithCopy(sql: string, standardConformingStrings: () => boolean): readonly CopyPart[] | null {
  if (!mentionsCopy(sql)) return null
  const reader = new ScriptReader({ variable: () => undefined, standardConformingStrings })
  reader.feed(sql)
  reader.end()
  const parts: CopyPart[] = []
  for (let item = reader.next(); item !== null; item = reader.next()) {
    // A backslash that is no quoted one: the server says what is wrong with it.
    if (item.kind === 'command') return null
    parts.push({ sql: item.text, direction: copyDirection(item.text) })
  }
  return parts.length > 1 && parts.some(({ direction }) => direction !== null) ? parts : null
}
