/**
 * Tells the colon of an array slice, `a[1:n]`, from the colon of a marker, `a[:n]`, for the styles whose markers begin with
 * a colon. Rule: inside the brackets of a subscript, a colon right after an operand belongs to a slice. An array
 * constructor, `array[1, :n]`, has no slices.
 */
import { TOKEN, type Token } from '../../src-async/values/sql-lexer.ts'

const OPEN_PARENTHESIS = 0x28
const CLOSE_PARENTHESIS = 0x29
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const PARENTHESIS = 0
const SUBSCRIPT = 1
const CONSTRUCTOR = 2

/** Reserved words that an operand follows, so they are no operands themselves. */
const BEFORE_OPERANDS = new Set(['and', 'array', 'case', 'else', 'from', 'ilike', 'in', 'is', 'like', 'not', 'or'])
for (const word of ['select', 'symmetric', 'then', 'to', 'when', 'where', 'between']) BEFORE_OPERANDS.add(word)
const LONGEST_WORD = 9

export class SliceContext {
  readonly #sql: string
  /** The brackets and parentheses around the current token, outermost first. */
  readonly #enclosing: number[] = []
  #isAfterOperand = false
  #isAfterArrayWord = false

  constructor(sql: string) {
    this.#sql = sql
  }

  /** Whether a colon here belongs to a slice. */
  get isAfterOperandOfSubscript(): boolean {
    return this.#isAfterOperand && this.#enclosing.at(-1) === SUBSCRIPT
  }

  /** Notes a marker, which is an operand. */
  takeOperand(): void {
    this.#isAfterOperand = true
    this.#isAfterArrayWord = false
  }

  /** Notes any other token. Must not be called for blanks and comments. */
  take(token: Token, code: number, start: number, end: number): void {
    const isAfterArrayWord = this.#isAfterArrayWord
    this.#isAfterArrayWord = false
    if (token === TOKEN.IDENTIFIER) {
      const word = end - start <= LONGEST_WORD ? this.#sql.slice(start, end).toLowerCase() : ''
      this.#isAfterArrayWord = word === 'array'
      this.#isAfterOperand = !BEFORE_OPERANDS.has(word)
    } else if (token !== TOKEN.OTHER) {
      this.#isAfterOperand = token !== TOKEN.COLON_OPERATOR
    } else {
      this.#takeUnit(code, isAfterArrayWord)
    }
  }

  #takeUnit(code: number, isAfterArrayWord: boolean): void {
    const enclosing = this.#enclosing
    if (code === OPEN_BRACKET) {
      // Within a constructor, a bracket that follows no operand opens an inner constructor: array[[1, 2], [3, 4]].
      const isInner = !this.#isAfterOperand && enclosing.at(-1) === CONSTRUCTOR
      enclosing.push(isAfterArrayWord || isInner ? CONSTRUCTOR : SUBSCRIPT)
    } else if (code === OPEN_PARENTHESIS) {
      enclosing.push(PARENTHESIS)
    } else if (code === CLOSE_BRACKET || code === CLOSE_PARENTHESIS) {
      enclosing.pop()
    }
    this.#isAfterOperand = code === CLOSE_BRACKET || code === CLOSE_PARENTHESIS
  }
}
