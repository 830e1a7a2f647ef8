/**
 * Finds the markers of a statement and lists the edits that turn them into PostgreSQL's own, `$1`. Refuses ambiguous text.
 * Errors that the server would report anyway are left to the server, because its message is better.
 * The rules and their reasons: docs/decisions/parameter-markers.md.
 */
import { ProgrammingError } from '../../src-async/errors/tree.ts'
import {
  Lexer,
  TOKEN,
  type Token,
  endOfDigits,
  endOfName,
  isDigit,
  isNamePart,
  isNameStart,
} from '../../src-async/values/sql-lexer.ts'
import { SliceContext } from './slice-context.ts'
import { SqliteMarkers } from './sqlite-markers.ts'

/**
 * PEP 249's names, and `sqlite` for SQLite's five markers, `?`, `?1`, `:name`, `@name` and `$name`. `format` is another name
 * for `pyformat`. `$1` works in every style.
 */
export type ParamStyle = 'pyformat' | 'format' | 'qmark' | 'numeric' | 'named' | 'sqlite'

/** Replaces the UTF-16 units from `start` to `end` of the user's text by `text`. Edits are in order and do not touch. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** `native` is `$1`. `positional` takes an array, `named` an object; with `sqlite`, `named` takes an array too. */
export type MarkerKind = 'none' | 'native' | 'positional' | 'named'

export interface MarkerScanResult {
  readonly kind: MarkerKind
  /**
   * For each server parameter, `$1` first: the array index or the object key of its value. Names of `sqlite` include their
   * `:`, `@` or `$`, because `:a` and `@a` are two parameters to SQLite. A name that is used twice is listed twice: the
   * server finds a type for each place.
   */
  readonly order: readonly (number | string)[]
  /** For each server parameter, the index of the first one with its name; undefined when every name is used once. */
  readonly firstPlaces: readonly number[] | undefined
  readonly edits: readonly Edit[]
  readonly statementCount: number
  /** Offset of a quote that is never closed; null when all are. */
  readonly unterminatedAt: number | null
}

/** The limit of the Bind message: its count has 16 bits. */
export const MOST_PARAMETERS = 65_535

const DOLLAR = 0x24
const PERCENT = 0x25
const OPEN_PARENTHESIS = 0x28
const COLON = 0x3a
const QUESTION = 0x3f
const LETTER_S = 0x73

/**
 * @param style null to find statements only: the call has no parameters, so there are no markers.
 * @throws ProgrammingError for a comment that is never closed, mixed kinds of markers, `%d`, too many parameters.
 */
export function scanMarkers(
  sql: string,
  style: ParamStyle | null,
  standardConformingStrings: boolean,
): MarkerScanResult {
  return new MarkerScan(sql, style, standardConformingStrings).run()
}

class MarkerScan {
  readonly #sql: string
  readonly #lexer: Lexer
  readonly #style: ParamStyle | null
  readonly #isPercentStyle: boolean
  readonly #slices: SliceContext | null
  readonly #sqlite: SqliteMarkers | null
  readonly #edits: Edit[] = []
  /** The first place of each name. `#places` has the names of all places in order. */
  readonly #names = new Map<string, number>()
  readonly #places: string[] = []
  /** Edits of repeated names of SQLite. They get their numbers at the end, when the highest number is known. */
  readonly #repeated: number[] = []
  #positionalCount = 0
  #highestNumber = 0
  #highestNative = 0
  /** Offsets of the first marker of each kind, of the first `%d` or similar, and of the next `%%`; -1 for none. */
  #firstPositional = -1
  #firstNamed = -1
  #firstNative = -1
  #firstBadPercent = -1
  #nextDoublePercent = -1
  #statementCount = 0
  #isInStatement = false

  constructor(sql: string, style: ParamStyle | null, standardConformingStrings: boolean) {
    this.#sql = sql
    this.#style = style
    this.#lexer = new Lexer(sql, standardConformingStrings)
    this.#isPercentStyle = style === 'pyformat' || style === 'format'
    this.#slices = style === 'numeric' || style === 'named' || style === 'sqlite' ? new SliceContext(sql) : null
    this.#sqlite = style === 'sqlite' ? new SqliteMarkers(sql) : null
    if (this.#isPercentStyle) this.#nextDoublePercent = sql.indexOf('%%')
  }

  run(): MarkerScanResult {
    const lexer = this.#lexer
    let unterminatedAt: number | null = null
    for (;;) {
      const token = lexer.next()
      if (token === TOKEN.END) return this.#result(unterminatedAt)
      if (token === TOKEN.SPACE) continue
      if (!lexer.isTerminated) {
        if (token === TOKEN.COMMENT) this.#refuse('the comment that begins with /* is never closed', lexer.start)
        unterminatedAt = lexer.start
      }
      if (token === TOKEN.COMMENT) continue
      if (token === TOKEN.SEMICOLON) {
        this.#isInStatement = false
        continue
      }
      if (!this.#isInStatement) {
        this.#isInStatement = true
        this.#statementCount++
      }
      if (this.#style !== null) this.#take(token)
    }
  }

  #take(token: Token): void {
    const lexer = this.#lexer
    let isMarker = false
    if (token === TOKEN.OTHER) isMarker = this.#mayBeMarker(lexer.code)
    else if (token === TOKEN.NATIVE_PARAMETER) isMarker = this.#native()
    else if (this.#isPercentStyle && isQuoted(token)) this.#collapsePercents(lexer.start, lexer.end)
    if (this.#slices !== null) {
      if (isMarker) this.#slices.takeOperand()
      else this.#slices.take(token, lexer.code, lexer.start, lexer.end)
    }
  }

  #mayBeMarker(code: number): boolean {
    if (this.#sqlite !== null) return this.#sqliteMarker(this.#sqlite)
    if (this.#isPercentStyle) return code === PERCENT && this.#percent()
    if (this.#style === 'qmark') return code === QUESTION && this.#question()
    return code === COLON && this.#colon()
  }

  /** Reads `%s`, `%(name)s` and `%%`. Before anything but a letter, `%` is the modulo operator. */
  #percent(): boolean {
    const sql = this.#sql
    const { start } = this.#lexer
    const following = sql.charCodeAt(start + 1)
    if (following === LETTER_S) return this.#positional(start + 2)
    if (following === PERCENT) {
      this.#edit(start + 2, '%')
    } else if (following === OPEN_PARENTHESIS) {
      const nameEnd = endOfPercentName(sql, start + 2)
      if (nameEnd < 0) return false
      if (sql.charCodeAt(nameEnd + 1) === LETTER_S) return this.#named(sql.slice(start + 2, nameEnd), nameEnd + 2)
      // This is %(name)d. In %(b)and the % is the modulo operator: more than one letter follows the parenthesis.
      const after = sql.charCodeAt(nameEnd + 1)
      if (isNameStart(after) && !isNamePart(sql.charCodeAt(nameEnd + 2))) this.#badPercent(start)
    } else if (isNameStart(following) && following < 128) {
      this.#badPercent(start)
    }
    return false
  }

  /** Notes a possible mistake. It is judged at the end: in a statement with `$1`, every `%` is an operator. */
  #badPercent(at: number): void {
    if (this.#firstBadPercent < 0) this.#firstBadPercent = at
  }

  /** Reads `?`, or `??`, which stands for an operator's question mark. */
  #question(): boolean {
    const { start } = this.#lexer
    if (this.#sql.charCodeAt(start + 1) !== QUESTION) return this.#positional(start + 1)
    this.#edit(start + 2, '?')
    return false
  }

  /** Reads `:1` or `:name`, unless the colon belongs to a slice, as in `a[1:n]`. */
  #colon(): boolean {
    const sql = this.#sql
    const { start } = this.#lexer
    const following = sql.charCodeAt(start + 1)
    if (this.#style === 'numeric' ? !isDigit(following) : !isNameStart(following)) return false
    if (this.#slices?.isAfterOperandOfSubscript === true) return false
    if (this.#style === 'numeric') return this.#numbered(endOfDigits(sql, start + 2))
    const end = endOfName(sql, start + 2)
    return this.#named(sql.slice(start + 1, end), end)
  }

  #positional(end: number): boolean {
    if (this.#firstPositional < 0) this.#firstPositional = this.#lexer.start
    if (isDigit(this.#sql.charCodeAt(end))) {
      const marker = this.#sql.slice(this.#lexer.start, end)
      const hint = `write ${marker} without a number; numbered markers are $1, $2 …, in every paramstyle`
      this.#refuse(`the marker ${marker} is followed by a digit`, this.#lexer.start, hint)
    }
    this.#positionalCount++
    if (this.#positionalCount > MOST_PARAMETERS) this.#refuseTooMany()
    this.#marker(end, this.#positionalCount)
    return true
  }

  #numbered(end: number): boolean {
    const { start } = this.#lexer
    const number = Number(this.#sql.slice(start + 1, end))
    if (number === 0) this.#refuse('there is no parameter :0', start, 'numbers of markers start at :1')
    if (number > MOST_PARAMETERS) this.#refuseTooMany()
    if (this.#firstPositional < 0) this.#firstPositional = start
    this.#highestNumber = Math.max(this.#highestNumber, number)
    this.#marker(end, number)
    return true
  }

  #named(name: string, end: number): boolean {
    if (this.#firstNamed < 0) this.#firstNamed = this.#lexer.start
    if (!this.#names.has(name)) this.#names.set(name, this.#places.length)
    this.#places.push(name)
    if (this.#places.length > MOST_PARAMETERS) this.#refuseTooMany()
    this.#marker(end, this.#places.length)
    return true
  }

  /** Gives the marker the number that SQLite would give it. `??` becomes `?`; text that is no marker stays. */
  #sqliteMarker(markers: SqliteMarkers): boolean {
    const { start, code } = this.#lexer
    if (code === COLON && this.#slices?.isAfterOperandOfSubscript === true) return false
    const found = markers.read(start, code)
    if (found === null) return false
    if (found.refusal !== undefined) this.#refuse(found.refusal, start, found.hint)
    if (found.number > MOST_PARAMETERS) this.#refuseTooMany()
    if (found.isRepeated === true) {
      this.#repeated.push(this.#edits.length)
      this.#marker(found.end, found.number)
      return true
    }
    if (found.number > 0) {
      this.#marker(found.end, found.number)
      return true
    }
    // This is an operator: `??` becomes one question mark, `@@` stays.
    if (code === QUESTION) this.#edit(found.end, '?')
    else this.#lexer.end = found.end
    return false
  }

  /** @returns whether the `$1` is a marker of the style `sqlite`, and not PostgreSQL's own marker. */
  #native(): boolean {
    const { start, end } = this.#lexer
    if (this.#sqlite !== null) {
      const number = this.#sqlite.numbered(Number(this.#sql.slice(start + 1, end)))
      if (number === 0) this.#refuse('there is no parameter $0', start, 'numbers of markers start at 1')
      if (number > MOST_PARAMETERS) this.#refuseTooMany()
      return true
    }
    if (this.#firstNative < 0) this.#firstNative = start
    const number = Number(this.#sql.slice(start + 1, end))
    if (number > MOST_PARAMETERS) this.#refuseTooMany()
    this.#highestNative = Math.max(this.#highestNative, number)
    return false
  }

  /** Adds blanks beside a marker where it would merge with its neighbours: `limit%s` gives `limit $1`, not `limit$1`. */
  #marker(end: number, number: number): void {
    const before = this.#sql.charCodeAt(this.#lexer.start - 1)
    const opening = isNamePart(before) || before === DOLLAR ? ' $' : '$'
    this.#edit(end, isNamePart(this.#sql.charCodeAt(end)) ? `${opening}${number} ` : `${opening}${number}`)
  }

  #edit(end: number, text: string): void {
    this.#edits.push({ start: this.#lexer.start, end, text })
    this.#lexer.end = end
  }

  /** Turns `%%` into `%` within quotes too, as Python's drivers do. A single `%` there stays. */
  #collapsePercents(start: number, end: number): void {
    let at = this.#nextDoublePercent
    if (at < 0 || at >= end) return
    if (at < start) at = this.#sql.indexOf('%%', start)
    while (at >= 0 && at + 2 <= end) {
      this.#edits.push({ start: at, end: at + 2, text: '%' })
      at = this.#sql.indexOf('%%', at + 2)
    }
    this.#nextDoublePercent = at
  }

  #result(unterminatedAt: number | null): MarkerScanResult {
    const statementCount = this.#statementCount
    if (this.#sqlite !== null) return this.#sqliteResult(this.#sqlite, unterminatedAt)
    this.#refuseMixture()
    const isNative = this.#firstNative >= 0
    if (!isNative && this.#firstBadPercent >= 0) this.#refuseBadPercent(this.#firstBadPercent)
    return {
      kind: isNative ? 'native' : this.#firstNamed >= 0 ? 'named' : this.#firstPositional >= 0 ? 'positional' : 'none',
      order: isNative
        ? counted(this.#highestNative)
        : this.#firstNamed >= 0
          ? this.#places
          : counted(this.#positionalCount || this.#highestNumber),
      firstPlaces:
        isNative || this.#places.length === this.#names.size
          ? undefined
          : this.#places.map((name) => this.#names.get(name)!),
      edits: isNative ? [] : this.#edits,
      statementCount,
      unterminatedAt,
    }
  }

  #sqliteResult(markers: SqliteMarkers, unterminatedAt: number | null): MarkerScanResult {
    const { kind, order, firstPlaces } = markers.result()
    const own = order.length - this.#repeated.length
    if (order.length > MOST_PARAMETERS) this.#refuseTooMany()
    for (const [i, editIndex] of this.#repeated.entries()) {
      const edit = this.#edits[editIndex]!
      this.#edits[editIndex] = { ...edit, text: edit.text.replace(/\d+/, String(own + i + 1)) }
    }
    return {
      kind,
      order,
      firstPlaces,
      edits: this.#edits,
      statementCount: this.#statementCount,
      unterminatedAt,
    }
  }

  #refuseMixture(): void {
    const kinds = Number(this.#firstPositional >= 0) + Number(this.#firstNamed >= 0) + Number(this.#firstNative >= 0)
    if (kinds < 2) return
    const found = [this.#firstPositional, this.#firstNamed, this.#firstNative].filter((at) => at >= 0)
    const [first = 0, second = 0] = found.sort((left, right) => left - right)
    const hint =
      this.#style === 'qmark'
        ? 'use one kind; an operator with a question mark is written ?? in this paramstyle'
        : 'use one kind in a statement'
    this.#refuse(`the statement mixes the markers ${this.#markerAt(first)} and ${this.#markerAt(second)}`, second, hint)
  }

  #refuseBadPercent(at: number): never {
    const found = /^%(\([^()]*\))?./.exec(this.#sql.slice(at, at + 40))?.[0] ?? '%'
    const hint = 'a marker is always %s or %(name)s, for every type; for the operator write %%, or a blank after the %'
    this.#refuse(`${found} is not a parameter marker`, at, hint)
  }

  #refuseTooMany(): never {
    const hint = 'pass an array and use = any(%s) or unnest(%s), or load rows with copyRecordsToTable'
    this.#refuse(`a statement can have ${MOST_PARAMETERS} parameters at most`, this.#lexer.start, hint)
  }

  #markerAt(at: number): string {
    return /^(%\([^()]{0,40}\)?s?|%s|\?|[:$]\w{1,40})/.exec(this.#sql.slice(at, at + 44))?.[0] ?? ''
  }

  #refuse(message: string, at: number, hint?: string): never {
    throw statementError(message, this.#sql, at, hint)
  }
}

/** A ProgrammingError that shows the line of the statement. @param at an offset in UTF-16 units. */
export function statementError(message: string, sql: string, at: number, hint?: string): ProgrammingError {
  let position = 1
  for (let unit = 0; unit < at; unit++) if ((sql.charCodeAt(unit) & 0xfc00) !== 0xdc00) position++
  return new ProgrammingError(message, { query: sql, position, ...(hint === undefined ? {} : { hint }) })
}

function isQuoted(token: Token): boolean {
  return token === TOKEN.STRING || token === TOKEN.QUOTED_IDENTIFIER || token === TOKEN.DOLLAR_STRING
}

/** The end of the name in `%(name)s`; -1 when the text in the parentheses cannot be a name. */
function endOfPercentName(sql: string, start: number): number {
  for (let at = start; at < sql.length; at++) {
    const unit = sql.charCodeAt(at)
    if (unit === 0x29) return at > start ? at : -1
    if (unit === OPEN_PARENTHESIS || unit === 0x0a) return -1
  }
  return -1
}

function counted(count: number): number[] {
  const order: number[] = []
  for (let index = 0; index < count; index++) order.push(index)
  return order
}
