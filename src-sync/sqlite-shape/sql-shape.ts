/**
 * Reads a few facts from a statement's text: its first words, whether it returns rows, which table it inserts into, and
 * where it ends. Uses the server's lexical rules and never splits the text. Where the text is unclear, the result is
 * the one that does no harm.
 */
import { SQL_TOKEN, SqlLexer } from '../index.ts'

export interface SqlShape {
  /** The first words in lower case, up to the first token that is no word. */
  readonly words: readonly string[]
  /** Whether the statement consists of these words only, such as `begin immediate`. */
  readonly isWordsOnly: boolean
  readonly statementCount: number
  /** The offset behind the last token that is no blank, comment or semicolon. */
  readonly end: number
  /** Whether the statement returns rows, judged by its words. */
  readonly isReader: boolean
  /** Whether a cursor can be declared for it, that is, a query that neither writes nor locks. */
  readonly isPlainQuery: boolean
  /** The table of `insert into … values` without RETURNING, as written; null for anything else. */
  readonly insertTarget: string | null
}

const MOST_WORDS = 6
const QUERIES = new Set(['select', 'values', 'table', 'with'])
const READERS = new Set([...QUERIES, 'show', 'explain', 'fetch', 'execute', 'call'])
const WRITES = new Set(['insert', 'update', 'delete', 'merge'])
const LOCKS = new Set(['update', 'no', 'share', 'key'])
const DOT = 0x2e
const OPEN_PARENTHESIS = 0x28
const CLOSE_PARENTHESIS = 0x29

/** @param standardConformingStrings the server's setting of that name */
export function readSql(sql: string, standardConformingStrings = true): SqlShape {
  return new Reader(sql, standardConformingStrings).read()
}

class Reader {
  readonly #lexer: SqlLexer
  readonly #sql: string
  readonly #words: string[] = []
  #isInWords = true
  #wordCount = 0
  #previousWord = ''
  #depth = 0
  #statementCount = 0
  #isInStatement = false
  #end = 0
  #hasReturning = false
  #hasQuery = false
  #writes = false
  #locks = false
  /** Parts of the name after INTO while it is being read; the token after the name ends it and sets `#target`. */
  #parts: string[] | null = null
  #target: string | null = null

  constructor(sql: string, standardConformingStrings: boolean) {
    this.#sql = sql
    this.#lexer = new SqlLexer(sql, standardConformingStrings)
  }

  read(): SqlShape {
    const lexer = this.#lexer
    for (;;) {
      const token = lexer.next()
      if (token === SQL_TOKEN.END) break
      if (token === SQL_TOKEN.SPACE || token === SQL_TOKEN.COMMENT) continue
      if (token === SQL_TOKEN.SEMICOLON) {
        this.#isInStatement = false
        continue
      }
      if (!this.#isInStatement) {
        this.#isInStatement = true
        this.#statementCount++
      }
      this.#end = lexer.end
      if (token === SQL_TOKEN.IDENTIFIER) this.#word(this.#sql.slice(lexer.start, lexer.end))
      else this.#other(token === SQL_TOKEN.QUOTED_IDENTIFIER, lexer.code)
    }
    return this.#shape()
  }

  #shape(): SqlShape {
    const [verb = ''] = this.#words
    const isInsert = verb === 'insert' && this.#statementCount === 1 && !this.#hasReturning && !this.#hasQuery
    return {
      words: this.#words,
      isWordsOnly: this.#isInWords && this.#wordCount === this.#words.length && this.#statementCount === 1,
      statementCount: this.#statementCount,
      end: this.#end,
      isReader: READERS.has(verb) || this.#hasReturning,
      isPlainQuery: QUERIES.has(verb) && this.#statementCount === 1 && !this.#writes && !this.#locks,
      insertTarget: isInsert && this.#target !== '' ? this.#target : null,
    }
  }

  #word(text: string): void {
    const word = text.toLowerCase()
    this.#wordCount++
    if (this.#isInWords && this.#words.length < MOST_WORDS) this.#words.push(word)
    const previous = this.#previousWord
    this.#previousWord = word
    if (this.#parts !== null) {
      if (this.#takePart(text)) return
    }
    if (previous === 'insert' && word === 'into' && this.#target === null) this.#parts = []
    // The word may also be a name. Then the statement counts as one that writes, which is always safe.
    if (WRITES.has(word) && previous !== 'for') this.#writes = true
    if (previous === 'for' && LOCKS.has(word)) this.#locks = true
    // SELECT … INTO creates a table.
    if (word === 'into') this.#writes = true
    if (this.#depth > 0) return
    if (word === 'returning') this.#hasReturning = true
    if (word === 'select' || word === 'with' || word === 'table') this.#hasQuery = true
  }

  #other(isName: boolean, code: number): void {
    if (this.#parts !== null && !(isName && this.#takePart(this.#sql.slice(this.#lexer.start, this.#lexer.end)))) {
      if (code === DOT && this.#parts.length === 1 && !this.#parts[0]!.endsWith('.')) this.#parts[0] += '.'
      else this.#endTarget(code === DOT)
    }
    this.#isInWords = false
    this.#previousWord = ''
    if (code === OPEN_PARENTHESIS) this.#depth++
    else if (code === CLOSE_PARENTHESIS) this.#depth--
  }

  /** @returns whether the name is a part of the table's name. */
  #takePart(name: string): boolean {
    const parts = this.#parts!
    const isExpected = parts.length === 0 || (parts.length === 1 && parts[0]!.endsWith('.'))
    if (isExpected) parts.push(name)
    else this.#endTarget()
    return isExpected
  }

  /**
   * @param hasMore a third part follows; then the table is unknown, because this class reads names of one or two parts
   */
  #endTarget(hasMore = false): void {
    const name = this.#parts!.join('')
    this.#parts = null
    // An escaped identifier, U&"…", is not decoded here, so its spelling is not the name.
    this.#target = ''
    if (!hasMore && !name.endsWith('.') && !/^u&"/i.test(name)) this.#target = name
  }
}
