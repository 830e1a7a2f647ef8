/**
 * Splits SQL into tokens, just enough to tell text, comments and names apart and to find possible markers. One pass over the
 * UTF-16 units, linear on any input. Knows no parameter style and never throws: an unclosed quote or comment is reported by
 * `isTerminated`. Tokens that do not matter for markers (operators, parentheses) are single units.
 * Source of truth: PostgreSQL, src/backend/parser/scan.l; comments in the code mention the differences.
 */

/** The kinds of tokens. */
export const TOKEN = {
  END: 0,
  /** A run of white space. */
  SPACE: 1,
  COMMENT: 2,
  /** A string constant of any kind but dollar-quoted, with its prefix and its continuation lines. */
  STRING: 3,
  QUOTED_IDENTIFIER: 4,
  DOLLAR_STRING: 5,
  /** `$1` */
  NATIVE_PARAMETER: 6,
  IDENTIFIER: 7,
  NUMBER: 8,
  /** `::` and `:=`, whose colons are never markers. */
  COLON_OPERATOR: 9,
  SEMICOLON: 10,
  /** One unit of anything else; `code` is that unit. */
  OTHER: 11,
} as const

/** A kind of token: one of the numbers in `SQL_TOKEN`. */
export type Token = (typeof TOKEN)[keyof typeof TOKEN]

const NEWLINE = 0x0a
const RETURN = 0x0d
const DOUBLE_QUOTE = 0x22
const DOLLAR = 0x24
const AMPERSAND = 0x26
const QUOTE = 0x27
const ASTERISK = 0x2a
const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const COLON = 0x3a
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f

const CLASS_SPACE = 1
const CLASS_LETTER = 2
const CLASS_DIGIT = 3
const CLASS_OTHER = 0

/** The class of each unit below 128, by the token it can begin. */
const CLASSES = new Uint8Array(128)
for (const unit of ' \t\n\v\f\r') CLASSES[unit.charCodeAt(0)] = CLASS_SPACE
for (let unit = 0x61; unit <= 0x7a; unit++) CLASSES[unit] = CLASSES[unit - 0x20] = CLASS_LETTER
for (let unit = 0x30; unit <= 0x39; unit++) CLASSES[unit] = CLASS_DIGIT
CLASSES[UNDERSCORE] = CLASS_LETTER

function classOf(unit: number): number {
  // To PostgreSQL every character beyond ASCII is a letter, even the no-break space. Past the end, `unit` is NaN.
  return unit < 128 ? CLASSES[unit]! : unit >= 128 ? CLASS_LETTER : CLASS_OTHER
}

/** Whether a unit can begin a name. */
export function isNameStart(unit: number): boolean {
  return classOf(unit) === CLASS_LETTER
}

/** Whether a unit is a decimal digit. */
export function isDigit(unit: number): boolean {
  return classOf(unit) === CLASS_DIGIT
}

/** Whether a unit can continue a name. `$` can in an identifier, but not in a marker's name or the tag of a dollar quote. */
export function isNamePart(unit: number): boolean {
  return classOf(unit) >= CLASS_LETTER
}

/** The end of the name at `start`: the first unit that is no letter, digit or underscore. */
export function endOfName(text: string, start: number): number {
  let at = start
  while (isNamePart(text.charCodeAt(at))) at++
  return at
}

/** The end of the digits at `start`. */
export function endOfDigits(text: string, start: number): number {
  let at = start
  while (isDigit(text.charCodeAt(at))) at++
  return at
}

/**
 * Cuts SQL into tokens as the server does: each call of `next` reads one.
 * @example
 *   const lexer = new SqlLexer('select $1', true)
 *   for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
 *     console.log(token, lexer.text.slice(lexer.start, lexer.end))
 *   }
 */
export class Lexer {
  /** The text that is read. */
  readonly text: string
  /** Where the current token begins. */
  start = 0
  /** Where the current token ends: the offset behind it. */
  end = 0
  /** The first UTF-16 unit of the current token. */
  code = 0
  /** False when the text ends inside the current token: a quote or a comment that is never closed. */
  isTerminated = true
  readonly #plainHasEscapes: boolean

  /** @param standardConformingStrings the server's setting; when off, a backslash escapes in plain strings too. */
  constructor(text: string, standardConformingStrings: boolean) {
    this.text = text
    this.#plainHasEscapes = !standardConformingStrings
  }

  /**
   * Reads the next token, which begins at `end`. The caller may have moved `end` past a marker.
   * @example
   *   const lexer = new SqlLexer('select 1', true)
   *   console.log(lexer.next() === SQL_TOKEN.IDENTIFIER, lexer.start, lexer.end) // true 0 6
   */
  next(): Token {
    const { text, end: start } = this
    const unit = text.charCodeAt(start)
    this.start = start
    this.code = unit
    switch (classOf(unit)) {
      case CLASS_SPACE:
        return this.#space()
      case CLASS_LETTER:
        return this.#word(unit)
      case CLASS_DIGIT:
        return this.#number(start)
      default:
    }
    if (unit === QUOTE) return this.#string(start + 1, this.#plainHasEscapes)
    if (unit === DOUBLE_QUOTE) return this.#quotedIdentifier(start + 1)
    if (unit === DOLLAR) return this.#dollar()
    if (start >= text.length) return TOKEN.END
    const following = text.charCodeAt(start + 1)
    if (unit === MINUS && following === MINUS) return this.#lineComment()
    if (unit === SLASH && following === ASTERISK) return this.#blockComment()
    if (unit === DOT && isDigit(following)) return this.#number(start)
    if (unit === COLON && (following === COLON || following === EQUALS)) {
      this.end = start + 2
      return TOKEN.COLON_OPERATOR
    }
    this.end = start + 1
    return unit === 0x3b ? TOKEN.SEMICOLON : TOKEN.OTHER
  }

  #space(): Token {
    let at = this.start + 1
    while (classOf(this.text.charCodeAt(at)) === CLASS_SPACE) at++
    this.end = at
    return TOKEN.SPACE
  }

  /** An identifier, or a string with this word as its prefix. B'', X'' and N'' need no rule: they are a word and a string. */
  #word(unit: number): Token {
    const { text, start } = this
    const following = text.charCodeAt(start + 1)
    const letter = unit | 0x20
    if (following === QUOTE) {
      if (letter === 0x65) return this.#string(start + 2, true)
      // Bit strings never have escapes. N'' is a plain string to the server, so it has no rule here.
      if (letter === 0x62 || letter === 0x78) return this.#string(start + 2, false)
    } else if (following === AMPERSAND && letter === 0x75) {
      const opening = text.charCodeAt(start + 2)
      if (opening === QUOTE) return this.#string(start + 3, false)
      if (opening === DOUBLE_QUOTE) return this.#quotedIdentifier(start + 3)
    }
    let at = start + 1
    for (;;) {
      const next = text.charCodeAt(at)
      if (!isNamePart(next) && next !== DOLLAR) break
      at++
    }
    this.end = at
    return TOKEN.IDENTIFIER
  }

  /** Digits, a fraction, an exponent. Letters after it begin a new word, as before version 15 (an error since). */
  #number(start: number): Token {
    const { text } = this
    let at = endOfNumberDigits(text, start)
    if (text.charCodeAt(at) === DOT && text.charCodeAt(at + 1) !== DOT) at = endOfNumberDigits(text, at + 1)
    if ((text.charCodeAt(at) | 0x20) === 0x65) {
      const sign = text.charCodeAt(at + 1)
      const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
      if (isDigit(text.charCodeAt(digits))) at = endOfNumberDigits(text, digits)
    }
    this.end = at
    return TOKEN.NUMBER
  }

  #lineComment(): Token {
    this.end = endOfLine(this.text, this.start + 2)
    return TOKEN.COMMENT
  }

  #blockComment(): Token {
    const { text, start } = this
    let depth = 1
    let at = start + 2
    while (at < text.length) {
      const unit = text.charCodeAt(at)
      if (unit === ASTERISK && text.charCodeAt(at + 1) === SLASH) {
        at += 2
        depth--
        if (depth === 0) return this.#quoted(TOKEN.COMMENT, at, true)
      } else if (unit === SLASH && text.charCodeAt(at + 1) === ASTERISK) {
        at += 2
        depth++
      } else {
        at++
      }
    }
    return this.#quoted(TOKEN.COMMENT, text.length, false)
  }

  /** @param at after the opening quote */
  #string(at: number, hasEscapes: boolean): Token {
    const { text } = this
    for (;;) {
      const closing = hasEscapes ? escapedStringEnd(text, at) : text.indexOf("'", at)
      if (closing < 0) return this.#quoted(TOKEN.STRING, text.length, false)
      at = closing + 1
      if (text.charCodeAt(at) === QUOTE) {
        at++
        continue
      }
      const continued = continuation(text, at)
      if (continued < 0) return this.#quoted(TOKEN.STRING, at, true)
      at = continued
    }
  }

  #quotedIdentifier(at: number): Token {
    const { text } = this
    for (;;) {
      const closing = text.indexOf('"', at)
      if (closing < 0) return this.#quoted(TOKEN.QUOTED_IDENTIFIER, text.length, false)
      at = closing + 1
      if (text.charCodeAt(at) !== DOUBLE_QUOTE) return this.#quoted(TOKEN.QUOTED_IDENTIFIER, at, true)
      at++
    }
  }

  /** `$1`, `$tag$…$tag$`, or a single `$`. */
  #dollar(): Token {
    const { text, start } = this
    const following = text.charCodeAt(start + 1)
    if (isDigit(following)) {
      this.end = endOfDigits(text, start + 2)
      return TOKEN.NATIVE_PARAMETER
    }
    const tagEnd = endOfName(text, start + 1)
    if (text.charCodeAt(tagEnd) !== DOLLAR) {
      this.end = start + 1
      return TOKEN.OTHER
    }
    const delimiter = text.slice(start, tagEnd + 1)
    const closing = text.indexOf(delimiter, tagEnd + 1)
    if (closing < 0) return this.#quoted(TOKEN.DOLLAR_STRING, text.length, false)
    return this.#quoted(TOKEN.DOLLAR_STRING, closing + delimiter.length, true)
  }

  #quoted(token: Token, end: number, isTerminated: boolean): Token {
    this.end = end
    this.isTerminated = isTerminated
    return token
  }
}

function endOfNumberDigits(text: string, start: number): number {
  let at = start
  for (;;) {
    const unit = text.charCodeAt(at)
    if (!isDigit(unit) && unit !== UNDERSCORE) return at
    at++
  }
}

/** The closing quote of a string in which a backslash escapes one unit; -1 when there is none. */
function escapedStringEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) return at
    if (unit === BACKSLASH) at++
  }
  return -1
}

function endOfLine(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === NEWLINE || unit === RETURN) break
    at++
  }
  return at
}

/**
 * A string continues after white space with a line break: `'a'` on one line and `'b'` on the next are `'ab'`. The second part
 * has the same kind of escapes. Line comments count as white space here, block comments do not.
 * @returns the offset after the quote that opens the next part; -1 when the string ends at `start`.
 */
function continuation(text: string, start: number): number {
  let at = start
  let hasNewline = false
  for (;;) {
    const unit = text.charCodeAt(at)
    if (unit === NEWLINE || unit === RETURN) hasNewline = true
    else if (unit === MINUS && text.charCodeAt(at + 1) === MINUS) at = endOfLine(text, at) - 1
    else if (classOf(unit) !== CLASS_SPACE) return unit === QUOTE && hasNewline ? at + 1 : -1
    at++
  }
}
