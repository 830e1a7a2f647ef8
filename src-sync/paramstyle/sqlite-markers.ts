/**
 * Numbers markers as SQLite does: `?` gets the next number, `?5` is number 5, and a name gets the next number at its first
 * use. A name includes its prefix. Knows nothing about tokens: the scan calls it at each unit that may begin a marker.
 * Source of truth: https://www.sqlite.org/lang_expr.html#varparam
 */
import { endOfDigits, endOfName, isDigit, isNameStart } from '../../src-async/values/sql-lexer.ts'

const DOLLAR = 0x24
const COLON = 0x3a
const LESS = 0x3c
const QUESTION = 0x3f
const AT = 0x40

/**
 * A marker or an operator in the text. `number` is the parameter's number, or 0 for an operator that ends at `end`.
 * `refusal` is set for text that cannot be read: it says why.
 */
export interface SqliteMarker {
  readonly number: number
  readonly end: number
  /** The name occurred before, and `number` is the one it got then. */
  readonly isRepeated?: boolean
  readonly refusal?: string
  readonly hint?: string
}

export class SqliteMarkers {
  readonly #sql: string
  readonly #numbers = new Map<string, number>()
  /** The names of repeated places, in order. */
  readonly #repeated: string[] = []
  #highest = 0

  constructor(sql: string) {
    this.#sql = sql
  }

  /** Reads the marker or operator that the unit `code` at `start` begins; null when there is none. */
  read(start: number, code: number): SqliteMarker | null {
    const following = this.#sql.charCodeAt(start + 1)
    if (code === QUESTION) return this.#question(start, following)
    if (code === AT && following === AT) return { number: 0, end: start + 2 }
    if (code !== COLON && code !== AT && code !== DOLLAR) return null
    if (!isNameStart(following)) return null
    const end = endOfName(this.#sql, start + 2)
    const name = this.#sql.slice(start, end)
    if (code === AT && this.#sql.charCodeAt(start - 1) === LESS) {
      const hint = `write < ${name.slice(0, 40)} for the comparison, or <@ ${name.slice(1, 40)} for the operator`
      return { number: 0, end, refusal: `<${name.slice(0, 40)} can be read in two ways`, hint }
    }
    const known = this.#numbers.get(name)
    if (known === undefined) {
      const number = this.numbered(this.#highest + 1)
      this.#numbers.set(name, number)
      return { number, end }
    }
    this.#repeated.push(name)
    return { number: known, end, isRepeated: true }
  }

  /** Notes a parameter with its number. @returns the number. */
  numbered(number: number): number {
    this.#highest = Math.max(this.#highest, number)
    return number
  }

  /** `order` and `firstPlaces` of a MarkerScanResult. Repeated names come after all parameters that SQLite numbers. */
  result(): {
    kind: 'none' | 'positional' | 'named'
    order: (number | string)[]
    firstPlaces: readonly number[] | undefined
  } {
    const order = Array.from({ length: this.#highest }, (_, index): number | string => index)
    for (const [name, number] of this.#numbers) order[number - 1] = name
    const kind = this.#numbers.size > 0 ? 'named' : this.#highest > 0 ? 'positional' : 'none'
    if (this.#repeated.length === 0) return { kind, order, firstPlaces: undefined }
    const further = this.#repeated.map((name) => this.#numbers.get(name)! - 1)
    return { kind, order: [...order, ...this.#repeated], firstPlaces: [...order.keys(), ...further] }
  }

  #question(start: number, following: number): SqliteMarker {
    if (following === QUESTION) return { number: 0, end: start + 2 }
    if (!isDigit(following)) return { number: this.numbered(this.#highest + 1), end: start + 1 }
    const end = endOfDigits(this.#sql, start + 1)
    const number = Number(this.#sql.slice(start + 1, end))
    if (number > 0) return { number: this.numbered(number), end }
    return { number: 0, end, refusal: 'there is no parameter ?0', hint: 'numbers of markers start at ?1' }
  }
}
