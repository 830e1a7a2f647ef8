/**
 * Finds the parameters that stand where the text of a number has the number's own type: beside a column it is compared
 * with, before a cast, after LIMIT. Elsewhere the server may give the parameter the type text, so the driver must
 * declare the number's type, which needs a description first. It looks only at tokens. When it is not sure, the answer
 * is no.
 */
import { Lexer, TOKEN, type Token } from './sql-lexer.ts'

/** Scanning a longer text costs more than the round trip that is saved. */
const MOST_SQL_LENGTH = 20_000

interface Piece {
  readonly token: Token
  readonly start: number
  readonly end: number
}

/** Types to which a number may be cast. */
const CAST_TYPES: ReadonlySet<string> = new Set([
  'int',
  'integer',
  'int2',
  'int4',
  'int8',
  'smallint',
  'bigint',
  'numeric',
  'decimal',
  'real',
  'float4',
  'float8',
  'double',
  'text',
  'varchar',
])
const COMPARISONS: ReadonlySet<string> = new Set(['=', '<', '>', '<=', '>=', '<>', '!='])
const OPERATOR_CHARACTERS = '+-*/<>=~!@#%^&|`?'
/** Words that end an expression but are no column. */
const NO_OPERANDS: ReadonlySet<string> = new Set(['end', 'null', 'true', 'false', 'any', 'all', 'some'])

/**
 * @param numbers the parameters to check, from 1
 * @param isStandard the server's `standard_conforming_strings`
 * @returns whether all places of all these parameters are such places
 */
export function areTypedPlaces(sql: string, numbers: ReadonlySet<number>, isStandard: boolean): boolean {
  if (sql.length > MOST_SQL_LENGTH) return false
  const pieces = piecesOf(sql, isStandard)
  return pieces.every(({ token, start, end }, index) => {
    if (token !== TOKEN.NATIVE_PARAMETER || !numbers.has(Number(sql.slice(start + 1, end)))) return true
    return new Place(sql, pieces, index).isTyped
  })
}

function piecesOf(sql: string, isStandard: boolean): Piece[] {
  const lexer = new Lexer(sql, isStandard)
  const pieces: Piece[] = []
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token !== TOKEN.SPACE && token !== TOKEN.COMMENT) pieces.push({ token, start: lexer.start, end: lexer.end })
  }
  return pieces
}

/** One place of a parameter. */
class Place {
  readonly #sql: string
  readonly #pieces: readonly Piece[]
  readonly #index: number

  constructor(sql: string, pieces: readonly Piece[], index: number) {
    this.#sql = sql
    this.#pieces = pieces
    this.#index = index
  }

  get isTyped(): boolean {
    const index = this.#index
    if (this.#text(index + 1) === '::') {
      const isArray = this.#text(index + 3) === '['
      const isQualified = this.#text(index + 3) === '.'
      return CAST_TYPES.has(this.#word(index + 2)) && !isArray && !isQualified
    }
    const before = this.#word(index - 1)
    if (before === 'limit' || before === 'offset') return true
    if (before === 'between') return this.#isOperand(this.#word(index - 2) === 'not' ? index - 3 : index - 2)
    if (before === 'and') return this.#isEndOfBetween()
    return this.#isCompared() || this.#isInList()
  }

  /** Whether the place is `column = $1`, with any operator. */
  #isCompared(): boolean {
    let first = this.#index
    let operator = ''
    while (this.#isOperatorCharacter(first - 1)) {
      const touches = operator === '' || this.#pieces[first - 1]!.end === this.#pieces[first]!.start
      if (!touches) return false
      operator = this.#text(first - 1) + operator
      first -= 1
    }
    return COMPARISONS.has(operator) && this.#isOperand(first - 1)
  }

  /** Whether the place is the second parameter of `column between $1 and $2`. */
  #isEndOfBetween(): boolean {
    const index = this.#index
    const isAfterParameter = this.#pieces[index - 2]?.token === TOKEN.NATIVE_PARAMETER
    return isAfterParameter && this.#word(index - 3) === 'between' && this.#isOperand(index - 4)
  }

  /** Whether the place is in the list of `column in ($1, $2)`. */
  #isInList(): boolean {
    let at = this.#index - 1
    while (this.#text(at) === ',' && this.#pieces[at - 1]?.token === TOKEN.NATIVE_PARAMETER) at -= 2
    if (this.#text(at) !== '(' || this.#word(at - 1) !== 'in') return false
    const closing = this.#text(this.#index + 1)
    if (closing !== ',' && closing !== ')') return false
    return this.#isOperand(this.#word(at - 2) === 'not' ? at - 3 : at - 2)
  }

  /** Whether the piece ends an expression that has a type by itself, such as a column or a call. */
  #isOperand(index: number): boolean {
    const piece = this.#pieces[index]
    if (piece === undefined) return false
    if (piece.token === TOKEN.QUOTED_IDENTIFIER) return true
    if (piece.token === TOKEN.IDENTIFIER) return !NO_OPERANDS.has(this.#word(index))
    return this.#text(index) === ')' || this.#text(index) === ']'
  }

  #isOperatorCharacter(index: number): boolean {
    const piece = this.#pieces[index]
    return piece?.token === TOKEN.OTHER && OPERATOR_CHARACTERS.includes(this.#text(index))
  }

  #word(index: number): string {
    return this.#pieces[index]?.token === TOKEN.IDENTIFIER ? this.#text(index).toLowerCase() : ''
  }

  #text(index: number): string {
    const piece = this.#pieces[index]
    return piece === undefined ? '' : this.#sql.slice(piece.start, piece.end)
  }
}
