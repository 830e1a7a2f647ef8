/** Finds where the statements of a text begin and end, as the server does: at semicolons outside quotes and nesting. */
import { Lexer, TOKEN } from './sql-lexer.ts'
import { SqlNesting } from './sql-nesting.ts'

const MINUS = 0x2d
const BACKSLASH = 0x5c

/** One statement; offsets in UTF-16 units. */
export interface StatementSpan {
  /** Its first unit. A block comment before it is included, because it may be a planner hint; `--` lines are not. */
  readonly start: number
  /** The offset of its first word. */
  readonly head: number
  /** The offset after its semicolon, or after its last word. */
  readonly end: number
}

/** Returns the statements of a text one by one. Linear, never throws, skips empty statements. */
export class StatementSpans {
  readonly #lexer: Lexer
  readonly #nesting = new SqlNesting()
  readonly #onBackslash: ((offset: number) => number) | null

  /**
   * @param isStandard the server's `standard_conforming_strings`
   * @param onBackslash called at a backslash outside quotes; returns the offset at which to continue. Without it, a backslash
   *   is an ordinary character.
   */
  constructor(text: string, isStandard: boolean, onBackslash: ((offset: number) => number) | null = null) {
    this.#lexer = new Lexer(text, isStandard)
    this.#onBackslash = onBackslash
  }

  /** Continues at `offset`; the text before it that was not read is not SQL. */
  moveTo(offset: number): void {
    this.#lexer.end = offset
  }

  /** The next statement; null at the end. */
  next(): StatementSpan | null {
    const lexer = this.#lexer
    this.#nesting.reset()
    let start = -1
    let head = -1
    let end = 0
    for (;;) {
      const token = lexer.next()
      switch (token) {
        case TOKEN.END:
          return head < 0 ? null : { start, head, end }
        case TOKEN.SPACE:
          break
        case TOKEN.COMMENT:
          if (start < 0 && lexer.code !== MINUS) start = lexer.start
          if (lexer.code === MINUS || lexer.isTerminated) break
          // An unclosed comment is part of the statement, so that the server refuses it. Left out, it would hide the rest of the text.
          if (head < 0) head = lexer.start
          end = lexer.end
          break
        case TOKEN.SEMICOLON:
          end = lexer.end
          if (this.#nesting.isOpen) break
          if (head >= 0) return { start, head, end }
          start = -1
          break
        default:
          if (lexer.code === BACKSLASH && this.#onBackslash !== null) {
            lexer.end = this.#onBackslash(lexer.start)
            break
          }
          if (start < 0) start = lexer.start
          if (head < 0) head = lexer.start
          end = lexer.end
          this.#nesting.take(token, lexer.code, lexer.text, lexer.start, end)
      }
    }
  }
}
