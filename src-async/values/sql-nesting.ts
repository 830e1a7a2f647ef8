/**
 * Tracks the parts of a statement in which a semicolon does not end it: parentheses (`create rule … do (a; b)`), and the
 * bodies of functions and procedures in SQL (`begin atomic … end`). The lexer handles quotes and comments.
 * Source of truth: PostgreSQL, src/fe_utils/psqlscan.l.
 */
import { TOKEN, type Token } from './sql-lexer.ts'

const OPEN = 0x28
const CLOSE = 0x29
const DOT = 0x2e

/** The words at the head that decide whether a statement has a body of statements. */
const BODY_WORDS = /^(?:create|function|procedure|or|replace)$/i
const BODY_HEAD = /^c(?:[fp]|or[fp])/

/** A copy of the state, to return to. */
export type SqlNestingMark = readonly [parentheses: number, bodies: number, words: string, wordCount: number]

/**
 * Counts parentheses and the blocks of functions in SQL, so that a reader knows whether a semicolon ends a statement.
 * @example
 *   const lexer = new SqlLexer('create rule r as on delete to item do (select 1; select 2)', true)
 *   const nesting = new SqlNesting()
 *   for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
 *     if (token === SQL_TOKEN.SEMICOLON) console.log(nesting.isOpen) // true
 *     nesting.take(token, lexer.code, lexer.text, lexer.start, lexer.end)
 *   }
 */
export class SqlNesting {
  #parentheses = 0
  #bodies = 0
  /** First letters of the words at the statement's head, for `BODY_HEAD`. */
  #words = ''
  #wordCount = 0

  /** True when a semicolon would be part of the statement. */
  get isOpen(): boolean {
    return this.#parentheses > 0 || this.#bodies > 0
  }

  /** Whether a parenthesis is open. */
  get hasOpenParenthesis(): boolean {
    return this.#parentheses > 0
  }

  /**
   * Takes the next token, which lies in `text` from `start` to `end` and begins with the unit `code`.
   * @example
   *   const nesting = new SqlNesting()
   *   nesting.take(SQL_TOKEN.OTHER, '('.charCodeAt(0), '(a; b)', 0, 1)
   *   console.log(nesting.hasOpenParenthesis) // true
   */
  take(token: Token, code: number, text: string, start: number, end: number): void {
    // `e.end` is a column, not the end of a block.
    if (token === TOKEN.IDENTIFIER && text.charCodeAt(start - 1) !== DOT) this.#word(text.slice(start, end))
    else if (code === OPEN) this.#parentheses += 1
    else if (code === CLOSE && this.#parentheses > 0) this.#parentheses -= 1
  }

  /**
   * Begins the next statement.
   * @example
   *   const nesting = new SqlNesting()
   *   nesting.take(SQL_TOKEN.OTHER, '('.charCodeAt(0), '(a; b)', 0, 1)
   *   nesting.reset()
   *   console.log(nesting.isOpen) // false
   */
  reset(): void {
    this.#parentheses = 0
    this.#bodies = 0
    this.forgetWords()
  }

  /**
   * Forgets the head of the statement, because its text was dropped.
   * @example
   *   const nesting = new SqlNesting()
   *   nesting.take(SQL_TOKEN.IDENTIFIER, 'c'.charCodeAt(0), 'create', 0, 6)
   *   nesting.forgetWords() // a `begin` that follows opens no body
   */
  forgetWords(): void {
    this.#words = ''
    this.#wordCount = 0
  }

  /**
   * Where the count stands, to go back to.
   * @example
   *   const nesting = new SqlNesting()
   *   const mark = nesting.mark()
   *   nesting.take(SQL_TOKEN.OTHER, '('.charCodeAt(0), '(a; b)', 0, 1)
   *   nesting.restore(mark)
   *   console.log(nesting.isOpen) // false
   */
  mark(): SqlNestingMark {
    return [this.#parentheses, this.#bodies, this.#words, this.#wordCount]
  }

  /**
   * Goes back to a mark.
   * @example
   *   const nesting = new SqlNesting()
   *   nesting.take(SQL_TOKEN.OTHER, '('.charCodeAt(0), '(a; b)', 0, 1)
   *   const mark = nesting.mark()
   *   nesting.reset()
   *   nesting.restore(mark)
   *   console.log(nesting.isOpen) // true
   */
  restore([parentheses, bodies, words, wordCount]: SqlNestingMark): void {
    this.#parentheses = parentheses
    this.#bodies = bodies
    this.#words = words
    this.#wordCount = wordCount
  }

  #word(word: string): void {
    if (this.#parentheses === 0 && BODY_HEAD.test(this.#words)) {
      const lower = word.toLowerCase()
      if (lower === 'begin') this.#bodies += 1
      else if (lower === 'case' && this.#bodies > 0) this.#bodies += 1
      else if (lower === 'end' && this.#bodies > 0) this.#bodies -= 1
    }
    if (this.#wordCount < 4 && BODY_WORDS.test(word)) this.#words += word[0]!.toLowerCase()
    this.#wordCount += 1
  }
}
